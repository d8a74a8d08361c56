#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`understudyctl backtest forecast` over a made-up series: what it says of odd options.

usage: backtest_forecast.py UNDERSTUDYCTL
"""
import math
import os
import subprocess
import sys
import tempfile

ROWS = 3000
DAY = 48  # rows


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"ok: {text}")


def main():
    with tempfile.TemporaryDirectory() as top:
        data = os.path.join(top, "load.csv")
        with open(data, "w", encoding="utf-8") as out:
            out.write("value\n")
            out.writelines(f"{100 + 50 * math.sin(row * 2 * math.pi / DAY):.3f}\n" for row in range(ROWS))

        def run(*more):
            return subprocess.run([sys.argv[1], "backtest", "forecast", "--input", data, "--horizon", "4", *more],
                                  capture_output=True, text=True, check=False)

        picture = os.path.join(top, "page")
        check(run("--plot", picture + ".png").returncode == 0 and os.path.exists(picture + ".png"), "a picture is drawn")
        done = run("--plot", picture + ".jpg")
        check(done.returncode == 2 and "does not end with .png" in done.stderr and not os.path.exists(picture + ".jpg"),
              "a picture of another kind is refused")
        done = run("--season", f"{DAY},100000")
        check(done.returncode == 0 and done.stderr.count("longer than half of the series") == 1
              and "100000 is" in done.stderr, "a season that cannot be learnt gets a remark")
        check(run("--season", f"{DAY},{ROWS // 2}").stderr == "" and run("--season", f"{ROWS // 2 + 1}").stderr != "",
              "one of half of the series gets none")
    return 0


if __name__ == "__main__":
    sys.exit(main())

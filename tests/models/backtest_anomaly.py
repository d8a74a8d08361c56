#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`understudyctl backtest anomaly` over made-up files: names, columns, alarms, pictures, and what bad input says.

usage: backtest_anomaly.py UNDERSTUDYCTL
"""
import csv
import math
import os
import random
import subprocess
import sys
import tempfile


def run(*args):
    return subprocess.run([sys.argv[1], "backtest", "anomaly", *args], capture_output=True, text=True, check=False)


def write(path, rows):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write("timestamp,value\n" + "".join(f"{stamp},{value}\n" for stamp, value in rows))


def stamp(row):
    return f"2026-03-{1 + row // 288:02d} {row % 288 // 12:02d}:{row % 12 * 5:02d}:00"


def wave(rows, shift_at):
    for i in range(rows):
        yield stamp(i), f"{50 + 20 * math.sin(i * 2 * math.pi / 288) + random.gauss(0, 1) + 60 * (i >= shift_at):.4f}"


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"ok: {text}")


def main():
    random.seed(1)
    with tempfile.TemporaryDirectory() as top:
        data, out, png = (os.path.join(top, name) for name in ("in", "out", "page.png"))
        write(f"{data}/a/shift.csv", wave(4000, 3000))
        write(f"{data}/b/c/gaps.csv", [(s, "" if i % 5 == 0 else v) for i, (s, v) in enumerate(wave(4000, 9999))])
        done = run("--input", data, "--output", out, "--plot", png)
        check(done.returncode == 0 and "2 series, 8000 samples" in done.stdout, "a directory is read recursively")
        with open(f"{out}/a/shift.csv", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        check(list(rows[0]) == ["timestamp", "value", "score", "alarm"] and len(rows) == 4000, "one row per sample")
        check([r["timestamp"] for r in rows] == [stamp(i) for i in range(4000)], "times are as they were")
        check("1" in [r["alarm"] for r in rows[3000:3012]], "a shift alarms within an hour")
        check(all(float(r["score"]) >= 2.3 for r in rows if r["alarm"] == "1"), "no alarm under the threshold")
        with open(f"{out}/b/c/gaps.csv", encoding="utf-8") as handle:
            gaps = list(csv.DictReader(handle))
        check(len(gaps) == 4000 and gaps[5]["value"] == "" and float(gaps[5]["score"]) == 0, "a gap has no verdict")
        with open(png, "rb") as handle:
            check(handle.read(8) == b"\x89PNG\r\n\x1a\n", "a picture is drawn")
        done = run("--input", data, "--output", out, "--plot", f"{top}/page.jpg")
        check(done.returncode == 2 and "does not end with .png" in done.stderr and not os.path.exists(f"{top}/page.jpg"),
              "a picture of another kind is refused")
        again = os.path.join(top, "again")
        run("--input", data, "--output", again)
        check(all(open(f"{out}/{n}", "rb").read() == open(f"{again}/{n}", "rb").read()
                  for n in ("a/shift.csv", "b/c/gaps.csv")), "a replay writes the same bytes")
        write(f"{data}/bad.csv", [("2026-03-01", "x")])
        bad = run("--input", data, "--output", out)
        check(bad.returncode == 1 and 'bad.csv:2: column "value": "x" is not a number' in bad.stderr
              and "2 series" in bad.stdout, "a bad file is named, and the others are done")
        inside = run("--input", data, "--output", f"{data}/new/out")
        check(inside.returncode == 1 and not os.path.exists(f"{data}/new"), "results do not go among the series")
        check(run("--input", data).returncode == 2, "without an output the usage is wrong")
        none = run("--input", f"{top}/none", "--output", out)
        check(none.returncode == 1 and f"{top}/none: No such file" in none.stderr, "an input that is not there is named")
        write(f"{top}/back/back.csv", [*wave(500, 9999), *wave(300, 9999)])
        back = run("--input", f"{top}/back/back.csv", "--output", out)
        check(back.returncode == 0 and "1 of 800 rows are not later" in back.stderr, "a step back in time is told")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([sys.argv[1], "backtest", "anomaly", "--input", data, "--output", again],
                                  stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        check(done.returncode == 1 and "standard output: cannot write" in done.stderr, "a summary that is lost is told")
    return 0


if __name__ == "__main__":
    sys.exit(main())

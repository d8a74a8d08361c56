#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `understudyctl backtest anomaly` scores on the Numenta Anomaly Benchmark, at its own threshold.

usage: nab.py UNDERSTUDYCTL. Data: $UNDERSTUDY_DATA/nab, ../shared/data/nab if that is not set.
"""
import json
import os
import subprocess
import sys
import tempfile

import nab_score

SKIP = 77
THRESHOLD = 2.3  # of predict/anomaly.c
MUST = {"standard": 74, "low_fp": 66, "low_fn": 79}


def data_dir():
    root = os.environ.get("SOURCE_ROOT", os.path.join(os.path.dirname(__file__), "..", ".."))
    return os.path.join(os.environ.get("UNDERSTUDY_DATA", os.path.join(root, "..", "shared", "data")), "nab")


def main():
    data = data_dir()
    if not os.path.exists(os.path.join(data, "windows.json")):
        print(f"SKIP nab: no {data}/windows.json; set UNDERSTUDY_DATA")
        return SKIP
    with open(os.path.join(data, "windows.json"), encoding="utf-8") as handle:
        windows = json.load(handle)
    with tempfile.TemporaryDirectory() as scores:
        subprocess.run([sys.argv[1], "backtest", "anomaly", "--input", data, "--output", scores], check=True)
        rows, count = nab_score.collect(data, scores, windows)
    failed = False
    for profile, (fp_cost, fn_cost) in nab_score.PROFILES.items():
        score, _, hit, false_rows = nab_score.evaluate(rows, count, fp_cost, fn_cost, THRESHOLD)
        low = score < MUST[profile]
        failed = failed or low
        print(f"{profile}: {score:.2f}, must reach {MUST[profile]}{': FAILED' if low else ''}"
              f" (windows {hit}/{count}, false rows {false_rows})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

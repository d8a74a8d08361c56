#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Score anomaly detections by the published rule of the Numenta Anomaly Benchmark, v1.1.

usage: nab_score.py DATA_DIR SCORES_DIR [--threshold T]

DATA_DIR holds <category>/<name>.csv (columns timestamp,value) and windows.json;
SCORES_DIR holds the same relative paths, each a CSV with a header and a column
'score', one row per data row, in order; higher is more anomalous. Where there is a
column 'alarm' too, a row whose alarm is 0 counts as score 0.

Prints, for each of the three cost profiles, the score (0: detects nothing, 100: every
window at its start with no false alarm), the threshold used, the windows hit and the
false-alarm rows. Without --threshold, each profile's best threshold on these files is
used, as the published table does; with it, that one is used for all three.
The first min(15 %, 750) rows of each file are warm-up and are not scored.
"""
import argparse
import csv
import json
import math
import os
import sys

PROFILES = {"standard": (0.11, 1.0), "low_fp": (0.22, 1.0), "low_fn": (0.11, 2.0)}
MAX_TP = 2 / (1 + math.exp(-5)) - 1


def sigmoid(position):
    return -1.0 if position > 3.0 else 2 / (1 + math.exp(5 * position)) - 1


def rows_of(path, column):
    with open(path, newline="") as handle:
        return [row[column] for row in csv.DictReader(handle)]


def scores_of(path):
    with open(path, newline="") as handle:
        return [float(row["score"]) if row.get("alarm", "1") != "0" else 0.0 for row in csv.DictReader(handle)]


def weigh(timestamps, windows):
    """Per row: its unweighted position score, and the index of its window or -1."""
    index = {stamp: i for i, stamp in enumerate(timestamps)}
    weight, window_of = [-1.0] * len(timestamps), [-1] * len(timestamps)
    spans = [(index[a[:19]], index[b[:19]]) for a, b in windows]
    for k, (first, last) in enumerate(spans):
        width = last - first + 1
        for i in range(first, last + 1):
            weight[i] = sigmoid(-(last - i + 1) / width) / MAX_TP
            window_of[i] = k
        until = spans[k + 1][0] if k + 1 < len(spans) else len(timestamps)
        for i in range(last + 1, until):
            weight[i] = sigmoid((i - last) / (width - 1.0))
    return weight, window_of


def collect(data_dir, scores_dir, windows):
    rows, n_windows = [], 0
    for name in sorted(windows):
        timestamps = rows_of(os.path.join(data_dir, name), "timestamp")
        scores = scores_of(os.path.join(scores_dir, name))
        if len(scores) != len(timestamps):
            sys.exit(f"{name}: {len(scores)} scores for {len(timestamps)} rows")
        weight, window_of = weigh(timestamps, windows[name])
        for i in range(min(int(0.15 * len(scores)), 750), len(scores)):
            window = window_of[i] + n_windows if window_of[i] >= 0 else -1
            rows.append((scores[i], weight[i], window))
        n_windows += len(windows[name])
    rows.sort(key=lambda row: -row[0])
    return rows, n_windows


def evaluate(rows, n_windows, fp_cost, fn_cost, threshold):
    reachable = len({window for _, _, window in rows if window >= 0})
    value, false_rows, best_in = -fn_cost * reachable, 0, {}
    best = (value, math.inf, 0, 0)
    i = 0
    while i < len(rows):
        score = rows[i][0]
        if threshold is not None and score < threshold:
            break
        while i < len(rows) and rows[i][0] == score:
            _, weight, window = rows[i]
            if window < 0:
                value += weight * fp_cost
                false_rows += 1
            elif weight > best_in.get(window, -fn_cost):
                value += weight - best_in.get(window, -fn_cost)
                best_in[window] = weight
            i += 1
        if threshold is not None or value > best[0]:
            best = (value, score, len(best_in), false_rows)
    null = -fn_cost * reachable
    return (100 * (best[0] - null) / (n_windows - null),) + best[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data_dir")
    parser.add_argument("scores_dir")
    parser.add_argument("--threshold", type=float)
    args = parser.parse_args()
    with open(os.path.join(args.data_dir, "windows.json")) as handle:
        windows = json.load(handle)
    rows, n_windows = collect(args.data_dir, args.scores_dir, windows)
    for profile, (fp_cost, fn_cost) in PROFILES.items():
        score, threshold, hit, false_rows = evaluate(rows, n_windows, fp_cost, fn_cost, args.threshold)
        print(f"{profile:9} {score:6.2f}  threshold {threshold:.6g}  windows {hit}/{n_windows}  false rows {false_rows}")


if __name__ == "__main__":
    main()

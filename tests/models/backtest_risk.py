#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`understudyctl backtest risk` over made-up machines that wear out: what it writes, and what it says of odd files.

usage: backtest_risk.py UNDERSTUDYCTL
"""
import csv
import os
import random
import struct
import subprocess
import sys
import tempfile
import zlib

LIVES = range(60, 180, 6)


def life(unit, length):
    """All rows of one machine: its heat grows as its end comes near."""
    noise = random.Random(length)
    for cycle in range(1, length + 1):
        heat = 20 + 30 * 0.96 ** (length - cycle) + noise.gauss(0, 0.5)
        yield [unit, str(cycle), f"{heat:.4f}", f"{noise.gauss(0, 1):.4f}"]


def write(path, rows, separator=","):
    with open(path, "w", encoding="utf-8") as out:
        for row in [["machine", "cycle", "heat", "other"], *rows]:
            out.write(separator.join(row) + "\n")


def check(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")
    print(f"ok: {text}")


def check_horizons(run, told):
    for bad, remark in (("10,10", "10 is given twice"), ("10,10.0000001", "10 is given twice"),
                        ("10,,20", "an item is empty"), ("10,", "an item is empty"), ("", "an item is empty")):
        done = run("--horizon", bad)
        check(done.returncode == 2 and remark in done.stderr, f"horizons {bad or 'of nothing'} are refused")
    run("--horizon", "30,10", "--output", told)
    with open(told, encoding="utf-8") as handle:
        check(handle.readline().strip() == "unit,time,p_10,p_30,median,low,high", "horizons are sorted")


def pixels(path):
    """Rows of (red, green, blue) of a PNG as cairo writes it: 8 bits, three or four channels, not interlaced."""
    with open(path, "rb") as handle:
        png = handle.read()
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    at, data, size = 8, b"", 4 if kind == 6 else 3
    while at < len(png):
        length, = struct.unpack(">I", png[at:at + 4])
        data += png[at + 8:at + 8 + length] if png[at + 4:at + 8] == b"IDAT" else b""
        at += length + 12
    raw, above, rows = zlib.decompress(data), bytearray(width * size), []
    for y in range(height):
        begin = y * (width * size + 1)
        line = bytearray(raw[begin + 1:begin + 1 + width * size])
        for i, _ in enumerate(line):
            left, up, corner = (line[i - size], above[i], above[i - size]) if i >= size else (0, above[i], 0)
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda near, guess=guess: abs(guess - near))
            line[i] = line[i] + (0, left, up, (left + up) // 2, nearest)[raw[begin]] & 255
        rows.append([tuple(line[i:i + 3]) for i in range(0, len(line), size)])
        above = line
    return rows


def check_picture(run, picture):
    done = run("--plot", picture + ".jpg")
    check(done.returncode == 2 and "does not end with .png" in done.stderr, "a picture of another kind is refused")
    done = run("--plot", picture)
    check(done.returncode == 0, "a picture is drawn of units of one row")
    rows = pixels(picture)
    half = len(rows[0]) // 2
    blue = [sum(b > r + 50 for row in rows[len(rows) // 2:] for r, _, b in row[part])
            for part in (slice(0, half), slice(half, None))]
    check(min(blue) > 20, "a unit of one row is a point on its way")


def main():
    with tempfile.TemporaryDirectory() as top:
        train, test, told = (os.path.join(top, name) for name in ("train", "test", "told.csv"))

        def run(*more):
            return subprocess.run([sys.argv[1], "backtest", "risk", "--train", train, "--test", test,
                                   "--unit", "machine", "--time", "cycle", *more],
                                  capture_output=True, text=True, check=False)

        machines = [row for i, length in enumerate(LIVES) for row in life(f"m {i}", length)]
        running = [list(life("soon", 111))[:106], list(life("later", 151))[:100]]
        write(train, machines)
        write(test, sum(running, []))
        done = run("--output", told)
        with open(told, encoding="utf-8") as handle:
            rows = {row["unit"]: row for row in csv.DictReader(handle)}
        check(done.returncode == 0 and list(rows) == ["soon", "later"], "every unit of the test is told")
        check(float(rows["soon"]["median"]) < 15 < float(rows["later"]["median"]), "the hot one fails first")
        check("begin later" not in done.stdout, "units that were watched from their beginning need no remark")
        whole = run().stdout
        write(train, machines, ";")
        write(test, sum(running, []), "\t")
        check(run().stdout == whole, "semicolons and tabs serve as well")
        write(test, running[0] + running[1][-30:])
        check("1 of 2 units begin later than all in training" in run("--output", told).stdout,
              "a unit whose first rows are missing gets a remark")
        write(test, sum(running, []))
        check_horizons(run, told)
        check("the cap is long" in run("--cap", "1e18").stderr and "the cap is" not in run("--cap", "300").stderr,
              "a cap of many lives gets a remark")
        write(test, running[0][:1] + running[1][:1])
        check_picture(run, os.path.join(top, "told.png"))
        write(test, sum(running, []))
        with open("/dev/full", "wb") as full:
            code = subprocess.run([sys.argv[1], "backtest", "risk", "--train", train, "--test", test, "--unit",
                                   "machine", "--time", "cycle"], stdout=full, stderr=subprocess.DEVNULL,
                                  check=False).returncode
        check(code == 1, "forecasts that are lost are an error")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Pictures of a report: when each arm shifted, what clients saw, and how true the statements were."""

import csv
import math

from suite import statements
from suite.arms import ARMS, LATENCY_S

INK, PALE, RED = (0.13, 0.16, 0.2), (0.85, 0.87, 0.9), (0.83, 0.18, 0.18)
COLOUR = {"predictor": (0.05, 0.45, 0.75), "thresholds": (0.93, 0.58, 0.13), "health_checks": (0.45, 0.45, 0.5), "off": RED}
TITLE = {"predictor": "predictor", "thresholds": "static thresholds", "health_checks": "health checks alone", "off": "controller off"}


class Canvas:
    """A white page, and a plot on it with an axis each way; the vertical one may be logarithmic."""

    def __init__(self, width, height):
        import cairo  # only who draws needs it
        self.surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
        self.c = cairo.Context(self.surface)
        self.c.set_source_rgb(1, 1, 1)
        self.c.paint()
        self.c.select_font_face("DejaVu Sans")

    def text(self, x, y, words, size=12, colour=INK, align=0.0):
        self.c.set_font_size(size)
        self.c.set_source_rgb(*colour)
        self.c.move_to(x - align * self.c.text_extents(words).x_advance, y)
        self.c.show_text(words)

    def line(self, x0, y0, x1, y1, colour=PALE, width=1.0, dash=()):
        self.c.set_source_rgb(*colour)
        self.c.set_line_width(width)
        self.c.set_dash(dash)
        self.c.move_to(x0, y0)
        self.c.line_to(x1, y1)
        self.c.stroke()

    def dot(self, x, y, colour, radius=4.0, alpha=1.0):
        self.c.set_source_rgba(*colour, alpha)
        self.c.arc(x, y, radius, 0, 2 * math.pi)
        self.c.fill()

    def save(self, path):
        self.surface.write_to_png(str(path))


def leads(report, path):
    """A row per fault: dots where traffic began to move, in seconds before the failure with the controller off."""
    off = report.by_arm("off")
    faults = [f for f in dict.fromkeys(r["fault"] for r in report.runs)
              if any(k[0] == f and r["failure_s"] is not None and not r["control"] for k, r in off.items())]
    width, left, top, step = 860, 120, 70, 34
    page = Canvas(width, top + step * len(faults) + 60)
    low, high = -60.0, 10.0

    def x_of(seconds):
        return left + (width - left - 30) * (max(low, min(high, seconds)) - low) / (high - low)
    page.text(left, 26, "When traffic began to move, before the failure that clients see with the controller off", 14)
    for i, arm in enumerate(ARMS[:2]):
        page.dot(left + 5 + i * 190, 46, COLOUR[arm])
        page.text(left + 16 + i * 190, 50, TITLE[arm])
    page.line(left + 390, 40, left + 390, 52, INK, 2)
    page.text(left + 398, 50, "fault begins")
    bottom = top + step * len(faults)
    for seconds in range(int(low), int(high) + 1, 10):
        page.line(x_of(seconds), top, x_of(seconds), bottom, RED if seconds == 0 else PALE, 1.5 if seconds == 0 else 1)
        page.text(x_of(seconds), bottom + 18, f"{seconds} s" if seconds else "failure", 11, align=0.5)
    for row, fault in enumerate(faults):
        y = top + step * (row + 0.5)
        page.text(left - 12, y + 4, fault, align=1)
        page.line(left, y, width - 30, y)
        for (name, seed), r in off.items():
            if name == fault and r["failure_s"] is not None:
                page.line(x_of(-r["failure_s"]), y - 7, x_of(-r["failure_s"]), y + 7, INK, 2)
                for offset, arm in ((-6, "predictor"), (6, "thresholds")):
                    other = report.by_arm(arm).get((fault, seed))
                    if other and other["shift_s"] is not None:
                        page.dot(x_of(other["shift_s"] - r["failure_s"]), y + offset, COLOUR[arm], alpha=0.75)
    page.save(path)


def read_requests(directory):
    with open(directory / "requests.csv", encoding="ascii") as file:
        return [(float(r["begin"]), float(r["latency"]), r["outcome"] == "ok") for r in csv.DictReader(file) if r["long"] == "0"]


def requests(record, fault, seed, path):
    """Every request of a trial under each arm: when, how long, and the failed ones in red."""
    import json
    width, height, left, gap = 860, 150, 70, 34
    arms = [a for a in ARMS if (record / f"{fault}-{seed}-{a}" / "run.json").exists()]
    page = Canvas(width, 50 + (height + gap) * len(arms) + 20)
    page.text(left, 26, f"Every request during '{fault}', and what became of it", 14)
    for i, arm in enumerate(arms):
        directory = record / f"{fault}-{seed}-{arm}"
        run = json.loads((directory / "run.json").read_text())
        top = 56 + (height + gap) * i
        begin = run["begin_s"]
        first, last = begin - 15, run["seconds"]

        def x_of(t, first=first, last=last):
            return left + (width - left - 20) * (t - first) / (last - first)

        def y_of(latency, top=top):
            return top + height * (1 - (math.log10(max(1e-4, min(3, latency))) + 4) / (math.log10(3) + 4))
        for value, words in ((1e-3, "1 ms"), (1e-2, "10 ms"), (1e-1, "100 ms"), (1, "1 s")):
            page.line(left, y_of(value), width - 20, y_of(value))
            page.text(left - 6, y_of(value) + 4, words, 10, align=1)
        page.line(left, y_of(LATENCY_S), width - 20, y_of(LATENCY_S), RED, 1, (4, 3))
        page.line(x_of(begin), top, x_of(begin), top + height, INK, 1.5)
        for at, latency, ok in read_requests(directory):
            if at >= first:
                page.dot(x_of(at), y_of(latency), COLOUR["predictor"] if ok else RED, 1.3 if ok else 2.2, 0.5 if ok else 0.9)
        if run["shift_s"] is not None:
            page.line(x_of(begin + run["shift_s"]), top, x_of(begin + run["shift_s"]), top + height, (0.1, 0.6, 0.25), 2)
            page.text(x_of(begin + run["shift_s"]) + 4, top + 12, "shift", 10, (0.1, 0.6, 0.25))
        page.text(left, top - 6, f"{TITLE[arm]}: {run['failed']} failed, {run['slow']} late", 12)
    page.text(left, 50 + (height + gap) * len(arms) + 10, "black: the fault begins; dashed: the objective; red: failed", 11)
    page.save(path)


def reliability(pairs, path):
    """What was said against what happened, and how often it was said."""
    size, left, top = 380, 70, 50
    page = Canvas(size + left + 30, size + top + 50)
    page.text(left, 28, "Failure within 60 s: said, and happened", 14)

    def at(p, q):
        return left + size * p, top + size * (1 - q)
    for i in range(0, 11, 2):
        page.line(*at(i / 10, 0), *at(i / 10, 1))
        page.line(*at(0, i / 10), *at(1, i / 10))
        page.text(at(i / 10, 0)[0], top + size + 18, f"{i * 10} %", 11, align=0.5)
        page.text(left - 8, at(0, i / 10)[1] + 4, f"{i * 10} %", 11, align=1)
    page.line(*at(0, 0), *at(1, 1), INK, 1, (4, 3))
    rows = statements.bins(pairs)
    for said, happened, count in rows:
        page.dot(*at(said, happened), COLOUR["predictor"], 3 + 2.2 * math.log10(count), 0.8)
        page.text(at(said, happened)[0] + 10, at(said, happened)[1] + 4, str(count), 10)
    page.text(left + size / 2, top + size + 38, "probability that was told (numbers: statements)", 11, align=0.5)
    page.save(path)

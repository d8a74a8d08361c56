# SPDX-License-Identifier: Apache-2.0
"""What the demo shows: its story line by line, and below it a table that is redrawn while things happen.

Where the output is not a terminal there is no redrawing: the story alone, and the table once at the end of each phase.
"""

import sys
import time

BAR = " ▏▎▍▌▋▊▉█"
COLORS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


class Screen:
    def __init__(self):
        self.live = sys.stdout.isatty()
        self.drawn = 0  # lines of the table on the screen
        self.begin = time.monotonic()

    def paint(self, text, color):
        return f"\033[{COLORS[color]}m{text}\033[0m" if self.live else text

    def erase(self):
        if self.drawn:
            sys.stdout.write(f"\033[{self.drawn}A\033[J")
            self.drawn = 0

    def say(self, text, color=None):
        """A line of the story."""
        self.erase()
        clock = self.paint(f"{time.monotonic() - self.begin:6.1f} s ", "dim")
        print(clock + (self.paint(text, color) if color else text), flush=True)

    def heading(self, text):
        self.erase()
        print("\n" + self.paint(f"== {text} ", "bold") + self.paint("=" * max(3, 88 - len(text)), "dim"), flush=True)

    def plain(self, lines):
        self.erase()
        print("\n".join(lines), flush=True)

    def table(self, lines):
        """Shown in place of the last one; without a terminal not at all."""
        if self.live:
            self.erase()
            print("\n".join(lines), flush=True)
            self.drawn = len(lines)

    def keep_table(self, lines):
        """The last table of a phase stays."""
        if self.live:
            self.table(lines)
            self.drawn = 0
        else:
            print("\n".join(lines), flush=True)


def bar(share, width=16):
    """A share of one as a bar of blocks."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return (BAR[8] * full + (BAR[rest] if rest else "")).ljust(width)


def time_text(us):
    if us is None:
        return "-"
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.0f} us"


def columns(rows, widths):
    """Rows of text as lines; a width below zero sets to the right."""
    lines = []
    for row in rows:
        cells = [f"{cell:<{w}}" if w > 0 else f"{cell:>{-w}}" for cell, w in zip(row, widths)]
        lines.append("  " + " ".join(cells).rstrip())
    return lines

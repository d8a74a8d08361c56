#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What compilers do not see of the house style: lengths, names, words. Prints one line for each fault."""

import re
import statistics
import subprocess
import sys
from pathlib import Path

FUNCTION_LINES_MAX = 80
FILE_LINES_MAX = 800
SPDX = "SPDX-License-Identifier: Apache-2.0"
VAGUE_NAME = re.compile(r"(^|[_/])(utils?|common|helpers?|misc)([._/]|$)")
# Paths of somebody's machine, and notes to self, have no place in the project.
FORBIDDEN = re.compile(r"(?<![\w.])/(?:work|home|root)/\w|\b(?:TODO|FIXME|XXX)\b")
SELF = "tools/lint_source.py"


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], check=True,
                         capture_output=True, text=True).stdout
    return sorted(p for p in set(out.split("\n")) if p and Path(p).is_file())


def functions(lines):
    """(name, first line, number of lines) of every function: its brace and the closing one stand in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            name = next((m.group(1) for back in lines[start - 2::-1][:6] if (m := re.match(r"(\w+)\(", back))), "?")
            yield name, start, number - start + 1
            start = None


def c_faults(path, text, lengths):
    lines = text.split("\n")
    if len(lines) - 1 > FILE_LINES_MAX:
        yield f"{path}: {len(lines) - 1} lines: a file has at most {FILE_LINES_MAX}"
    if SPDX not in lines[0]:
        yield f"{path}:1: the first line must be /* {SPDX} */"
    if path.endswith(".h") and "#pragma once" not in text:
        yield f"{path}: header without #pragma once"
    for name, start, length in functions(lines):
        lengths.append(length)
        if length > FUNCTION_LINES_MAX:
            yield f"{path}:{start}: {name}: {length} lines: a function has at most {FUNCTION_LINES_MAX}"


def words_faults(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        match = FORBIDDEN.search(line)
        if match:
            yield f"{path}:{number}: forbidden: {match.group(0)}"


def script_faults(path, text):
    head = text.split("\n")[:3]
    if head[0].startswith("#!") and not any(SPDX in line for line in head):
        yield f"{path}:2: script without # {SPDX}"


def report(lengths):
    if lengths:
        ordered = sorted(lengths)
        p90 = ordered[int(len(ordered) * 0.9)]
        print(f"functions: {len(ordered)}, median {statistics.median(ordered):.0f} lines, "
              f"p90 {p90}, longest {ordered[-1]}")


def main():
    faults, lengths = [], []
    for path in tracked():
        if VAGUE_NAME.search(path):
            faults.append(f"{path}: a name that says nothing")
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # packet captures, fuzz corpora
        if path.endswith((".c", ".h")):
            faults += c_faults(path, text, lengths)
        if path not in (SELF, "LICENSE") and not path.startswith("tests/data/"):
            faults += words_faults(path, text)
        faults += script_faults(path, text)
    report(lengths)
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

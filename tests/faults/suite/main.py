# SPDX-License-Identifier: Apache-2.0
"""Reads the options, runs the trials that the report does not have yet, and says what they come to."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from lab.hosts import Skip
from suite import machine, pictures, report, stage
from suite.arms import ARMS
from suite.faults import FAULTS
from suite.trial import Trial

SKIP = 77  # exit code: this machine lacks something
QUICK = ("latency", "memory", "neighbour")


def parse():
    parser = argparse.ArgumentParser(prog="tools/faults", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", choices=tuple(FAULTS), help="this fault alone (may be repeated)")
    parser.add_argument("--seed", type=int, default=1, help="of times, rates and arrivals (default 1)")
    parser.add_argument("--report", metavar="FILE", help="JSON; runs that it has are not run again, others are added")
    parser.add_argument("--arms", default=",".join(ARMS), help="which of %(default)s")
    parser.add_argument("--quick", action="store_true", help="a few faults, growing fast; ends with 1 if the predictor misses one")
    parser.add_argument("--record", metavar="DIR", type=Path, help="keep what was measured, each second, and every request")
    parser.add_argument("--healthy-minutes", type=float, default=10, metavar="N", help="length of the healthy trial (default 10)")
    parser.add_argument("--together", type=int, default=4, metavar="N", help="arms side by side (default 4)")
    parser.add_argument("--draw", metavar="DIR", type=Path, help="draw the report's runs, and with --record one trial, and end")
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    options = parser.parse_args()
    options.arms = options.arms.split(",")
    unknown = [arm for arm in options.arms if arm not in ARMS]
    if unknown:
        parser.error(f"no arm '{unknown[0]}': there are {', '.join(ARMS)}")
    return options


def show_faults():
    for name, fault in FAULTS.items():
        print(f"{name:14}{fault.kind:8}{'control  ' if fault.control else 'fault    '}{fault.__doc__}")
    return 0


def draw(options):
    """The picture of single requests is of the first --only, and the first --seed."""
    result = report.Report(options.report)
    options.draw.mkdir(parents=True, exist_ok=True)
    pictures.leads(result, options.draw / "faults-leads.png")
    if result.statements():
        pictures.reliability(result.statements(), options.draw / "faults-statements.png")
    if options.record and options.only:
        pictures.requests(options.record, options.only[0], options.seed, options.draw / f"faults-{options.only[0]}.png")
    return 0


def run(options):
    result = report.Report(options.report)
    names = options.only or (QUICK if options.quick else FAULTS)
    wrong = 0
    for name in names:
        arms = [a for a in options.arms if not result.has(name, options.seed, a)]
        for first in range(0, len(arms), options.together):
            begin = time.monotonic()
            rows, errors = Trial(name, options.seed, options).run(arms[first:first + options.together])
            result.add(rows)
            wrong += len(errors)
            print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
            for error in errors:
                print(f"{name}: not measured: {error}", flush=True)
    print(report.text(result))
    missed = list(report.missed(result, names)) if options.quick and "predictor" in options.arms else []
    for line in missed:
        print(f"FAILED: {line}")
    return 1 if wrong or missed else 0


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = parse()
    if options.list:
        return show_faults()
    if options.draw:
        return draw(options)
    signal.signal(signal.SIGTERM, interrupted)
    try:
        if os.geteuid() != 0:
            raise Skip("needs root: network namespaces and control groups")
        machine.version()
        stage.prefer()
        return run(options)
    except Skip as reason:
        print(f"faults: {reason}", file=sys.stderr)
        return SKIP
    except KeyboardInterrupt:
        return 130

# SPDX-License-Identifier: Apache-2.0
"""The clients' rates over a trial, and what they saw of it."""

import math
from dataclasses import dataclass

STEP_S = 0.5
LONG_CONNECTIONS, LONG_SHARE, TIMEOUT_MS = 8, 0.1, 2000


def schedule(fault, times, base_rate, rng):
    """(second, rate) of a trial: two waves of a length and phase of its own, and what the fault adds."""
    waves = [(rng.uniform(0.05, 0.15), rng.uniform(8, 40), rng.uniform(0, 2 * math.pi)) for _ in range(2)]
    day = [(0.35, 180, rng.uniform(0, 2 * math.pi))] if times.healthy else []
    bursts = [(rng.uniform(0, times.end), rng.uniform(3, 10), rng.uniform(1.3, 2)) for _ in range(int(times.end / 60))]
    rows = []
    for i in range(int(times.end / STEP_S) + 2):
        at = i * STEP_S
        rate = base_rate * (1 + sum(a * math.sin(2 * math.pi * at / t + p) for a, t, p in waves + day))
        if times.healthy:
            rate *= max([f for begin, length, f in bursts if begin <= at < begin + length], default=1)
        rows.append((at, rate * fault.rate(times.level(at))))
    return rows


@dataclass
class Request:
    long: bool
    begin: float  # seconds of the trial
    latency: float
    outcome: str
    server: str

    @property
    def end(self):
        return self.begin + self.latency

    @property
    def failed(self):
        return self.outcome != "ok"


def read(path, begin):
    requests = []
    with open(path, encoding="ascii") as file:
        for line in file:
            kind, start, latency, outcome, server = line.split()
            requests.append(Request(kind == "l", int(start) / 1e6 - begin, int(latency) / 1e6, outcome, server))
    return requests

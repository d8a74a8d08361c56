# SPDX-License-Identifier: Apache-2.0
"""The load client (load.c): steady rates whatever the answers do, and a record of every request."""

import subprocess
import threading
import time
from dataclasses import dataclass

from lab.hosts import LabError, Skip

DNS_KINDS = "dD"


@dataclass
class Record:
    """One request. Times in seconds of time.monotonic()."""
    kind: str  # h, d: a new connection or socket; H, D: the long-lived ones
    start: float
    latency: float
    outcome: str
    server: str

    @property
    def ok(self):
        return self.outcome == "ok"

    @property
    def end(self):
        return self.start + self.latency

    @property
    def dns(self):
        return self.kind in DNS_KINDS


class Load:
    """A running load client. `records` grows while it runs."""

    def __init__(self, host, *, http=None, http_rate=0, dns=None, dns_rate=0, long_rate=0, timeout_ms=2000, cpu=0):
        program = host.lab.build / "tests" / "lab" / "load"
        if not program.is_file():
            raise Skip(f"needs {program}: not built")
        options = ["--timeout-ms", timeout_ms, "--long-rate", long_rate]
        options += ["--http", http, "--http-rate", http_rate] if http else []
        options += ["--dns", dns, "--dns-rate", dns_rate] if dns else []
        self.records = []
        self.process = host.start(program, *options, name="load", stdout=subprocess.PIPE, cpu=cpu)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.popen.stdout:
            kind, start, latency, outcome, server = line.decode().split()
            self.records.append(Record(kind, int(start) / 1e6, int(latency) / 1e6, outcome, server))

    def wait_records(self, count, seconds=10.0):
        """Waits until so many more requests are done; returns them."""
        first = len(self.records)
        deadline = time.monotonic() + seconds
        while len(self.records) < first + count:
            self.process.must_live()
            if time.monotonic() > deadline:
                raise LabError(f"{len(self.records) - first} of {count} requests done in {seconds} s")
            time.sleep(0.01)  # records arrive in batches
        return self.records[first:first + count]

    def stop(self):
        """No new requests; waits for those that are open. All records, in the order of their start."""
        self.process.popen.terminate()
        self.process.popen.wait(30)
        self.reader.join(30)
        return sorted(self.records, key=lambda r: r.start)


def failures(records):
    return [r for r in records if not r.ok]


def by_server(records):
    """How many requests each server answered."""
    counts = {}
    for r in records:
        if r.ok:
            counts[r.server] = counts.get(r.server, 0) + 1
    return counts


def quantile_us(records, share):
    """A quantile of the latencies of answered requests, in microseconds; 0 if there are none."""
    times = sorted(r.latency for r in records if r.ok)
    return round(times[min(len(times) - 1, int(len(times) * share))] * 1e6) if times else 0

# SPDX-License-Identifier: Apache-2.0
"""Watches a gateway during a trial: what it shifts, and once a second all that it measures."""

import csv
import threading
import time

from lab.hosts import LabError
from suite.exporter import Source, existing_machine

LOOK_S = 0.2
RECORD_S = 1.0


class Watch:
    """A thread that asks the API. Times are seconds of the trial."""

    def __init__(self, stage, begin):
        self.stage = stage
        self.begin = begin
        self.shifts = []  # (second, endpoint, share), whenever one changes
        self.records = {}  # endpoint -> rows, one a second
        self.risks = []  # (second, endpoint, probability of failure in 60 s)
        self.reasons = []  # the same with all horizons, and why
        self.errors = []
        self.share = {}
        self.sources = {name: Source(existing_machine(s.machine.name, s.lab.directory), s.panel)
                        for name, s in stage.servers.items()}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        recorded = 0.0
        while not self.ended.wait(LOOK_S):
            try:
                full = time.monotonic() - recorded >= RECORD_S - LOOK_S / 2
                rows = self.stage.gateway.endpoints() if full else self.stage.gateway.api.get("/v1/endpoints")["endpoints"]
                now = time.monotonic() - self.begin
                self.note(now, rows)
                if full:
                    recorded = time.monotonic()
                    self.record(now, rows)
                    self.ask_risk(now)
            except (OSError, LabError, KeyError, ValueError) as error:
                if len(self.errors) < 20:
                    self.errors.append(f"{time.monotonic() - self.begin:.1f} s: {error!r}")

    def note(self, now, rows):
        for row in rows:
            name, share = row["endpoint"], row["shift"]
            if share != self.share.get(name, 0):
                self.share[name] = share
                self.shifts.append((round(now, 2), name, share))

    def ask_risk(self, now):
        """What the gateway says of each endpoint: the risk and why, and the metrics that it has it from."""
        for row in self.stage.gateway.api.get("/v1/risk?explain=1")["endpoints"]:
            name = row["endpoint"]
            if row.get("probability"):
                self.risks.append((round(now, 2), name, row["probability"]["60"]))
                self.reasons.append((round(now, 2), name, row["probability"], row.get("state"), row.get("why")))
            if self.records.get(name):
                self.records[name][-1] |= {f"m_{m['metric']}": m["value"] for m in row.get("metrics") or []}

    def record(self, now, rows):
        for row in rows:
            name = row["endpoint"]
            values = {"t": round(now, 2), "state": row["state"], "shift": row["shift"]}
            leg = row["legs"].get("server") or {}
            values |= {f"leg_{key}": value for key, value in leg.items() if not isinstance(value, (dict, list))}
            values |= {f"n_{key}": value for key, value in (leg.get("total") or {}).items() if not isinstance(value, (dict, list))}
            values |= {column(key): value for key, value in self.sources[name].fields_now()}
            self.records.setdefault(name, []).append(values)

    def stop(self):
        self.ended.set()
        self.thread.join(30)


def column(metric):
    """node_cpu_seconds_total{cpu="0",mode="idle"} -> node_cpu_seconds_total_idle"""
    name, _, labels = metric.partition("{")
    value = labels.rstrip("}").rsplit("=", 1)[-1].strip('"') if labels else ""
    return f"{name}_{value}" if value and value != "data" else name


def write_csv(path, rows):
    names = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)

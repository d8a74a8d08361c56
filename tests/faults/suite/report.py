# SPDX-License-Identifier: Apache-2.0
"""The report: a row for each run, and what they come to. Runs of several seeds, and of several calls, add up."""

import json
import statistics
from pathlib import Path

from suite import statements


class Report:
    """The file is written after every trial: a call that was interrupted goes on where it ended."""

    def __init__(self, path=None):
        self.path = Path(path) if path else None
        self.runs = []
        if self.path and self.path.exists():
            self.runs = json.loads(self.path.read_text())["runs"]

    def has(self, fault, seed, arm):
        return any((r["fault"], r["seed"], r["arm"]) == (fault, seed, arm) for r in self.runs)

    def add(self, rows):
        self.runs += rows
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(".new")
            new.write_text(as_json(self.summary(), self.runs))
            new.rename(self.path)

    def by_arm(self, arm):
        return {(r["fault"], r["seed"]): r for r in self.runs if r["arm"] == arm}

    def statements(self):
        return [pair for r in self.runs for pair in r.get("statements", [])]

    def summary(self):
        """A degradation is a fault that failed with the controller off."""
        off = self.by_arm("off")
        result = {}
        for arm in ("predictor", "thresholds", "health_checks"):
            rows = self.by_arm(arm)
            if rows:
                result[arm] = arm_summary(rows, off)
        if off:
            result["off"] = totals(off.values())
        quality = statements.quality(self.statements())
        if quality:
            result["statements"] = quality
        return result


def as_json(summary, runs):
    """A line for each run."""
    lines = ",\n".join("  " + json.dumps(row) for row in runs)
    return f'{{"summary": {json.dumps(summary, indent=1)},\n "runs": [\n{lines}\n]}}\n'


def in_time(row):
    return row["shift_s"] is not None and (row["failure_s"] is None or row["shift_s"] < row["failure_s"])


def missed(report, names):
    """What the predictor did not do: sentences. Of faults, a shift before the failure; of controls, no harm: that nothing
    moves on a machine that does other things too cannot be promised."""
    off = report.by_arm("off")
    for (name, seed), r in report.by_arm("predictor").items():
        if name not in names:
            continue
        if r["control"] and r["failed"]:
            yield f"{name} {seed}: {r['failed']} requests failed, and nothing was wrong"
        elif not r["control"] and (name, seed) in off and off[name, seed]["failure_s"] is None:
            yield f"{name} {seed}: it did not fail with the controller off"
        elif not r["control"] and not in_time(r):
            yield f"{name} {seed}: traffic moved at {r['shift_s']} s, and it failed at {r['failure_s']} s"


def totals(rows):
    keys = ("requests", "failed", "slow")
    return {f"{'failed_requests' if key == 'failed' else 'slow_requests' if key == 'slow' else key}{suffix}":
            sum(r[f"{key}{suffix}"] for r in rows) for suffix in ("", "_long") for key in keys}


def arm_summary(rows, off):
    faults = {key: r for key, r in rows.items() if not r["control"] and key in off and off[key]["failure_s"] is not None}
    good = [key for key, r in faults.items() if in_time(r)]
    leads = [off[key]["failure_s"] - faults[key]["shift_s"] for key in good]
    healthy = [r for r in rows.values() if r["fault"] == "healthy"]
    controls = [r for r in rows.values() if r["control"] and r["fault"] != "healthy"]
    minutes = sum(r["seconds"] for r in healthy) / 60
    return {
        "degradations": len(faults), "shifted_in_time": len(good),
        "shifted_before_any_error": sum(r["shift_s"] is not None and (r["first_hurt_s"] is None or r["shift_s"] < r["first_hurt_s"])
                                        for r in faults.values()),
        "lead_s_median": round(statistics.median(leads), 1) if leads else None,
        "false_shifts": sum(r["shift_episodes"] for r in healthy), "healthy_minutes": round(minutes, 1),
        "early_shifts": sum(r["early_shifts"] for r in rows.values()),
        "control_shifts": sum(r["shift_episodes"] for r in controls), **totals(rows.values()),
    }


def cell(value):
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def table(rows):
    """Lines of a table, the first row its heading."""
    texts = [[cell(v) for v in row] for row in rows]
    widths = [max(len(row[i]) for row in texts) for i in range(len(texts[0]))]
    return ["  ".join(t.ljust(w) if i == 0 else t.rjust(w) for i, (t, w) in enumerate(zip(row, widths))) for row in texts]


def text(report):
    rows = [("fault seed", "arm", "shift", "failure", "first", "failed", "slow", "long f", "long s", "p99 ms", "shifts")]
    for r in report.runs:
        rows.append((f"{r['fault']} {r['seed']}", r["arm"], r["shift_s"], r["failure_s"], r["first_hurt_s"], r["failed"],
                     r["slow"], r["failed_long"], r["slow_long"], r["p99_ms"], r["shift_episodes"]))
    lines = table(rows) + [""]
    summary = report.summary()
    if summary:
        keys = list(dict.fromkeys(key for arm in summary.values() for key in arm))
        lines += table([("", *summary), *[(key, *[arm.get(key) for arm in summary.values()]) for key in keys]])
    return "\n".join(lines)

# SPDX-License-Identifier: Apache-2.0
"""A trial: one fault under several arms at the same time, each in a lab of its own, on the same clock.

    0             begin                       begin + growth         end
    |--- healthy ---|--- level grows from 0 to 1 ---|--- stays at 1 ---|
"""

import json
import threading
import time
from dataclasses import dataclass

from lab.hosts import Lab, LabError
from suite import judge, statements, traffic, watch
from suite.faults import FAULTS, random_of
from suite.stage import Stage

BASE_RATE = 100
TICK_S = 0.1
SETTLE_S = 2  # from the last stage that is ready to second 0


@dataclass
class Times:
    begin: float
    growth: float
    end: float
    healthy: bool = False

    def level(self, at):
        return min(1.0, max(0.0, (at - self.begin) / self.growth))


def times_of(name, seed, options):
    rng = random_of(seed, name, "times")
    if name == "healthy":
        length = options.healthy_minutes * 60
        return Times(0.0, length, length, True)
    low, high = (25, 25) if options.quick else (25, 40) if FAULTS[name].control else (30, 90)
    growth = rng.uniform(low, high)
    begin = (25 if options.quick else 40) + rng.uniform(0, 5)
    return Times(begin, growth, begin + growth + 8)


class Run:
    """One arm of a trial, on a thread of its own."""

    def __init__(self, trial, arm):
        self.trial = trial
        self.arm = arm
        self.error = None
        self.row = None
        self.died = None
        self.ended = threading.Event()
        threading.Thread(target=self.guard, daemon=True).start()

    def guard(self):
        """An arm that could not be measured says why; the others go on."""
        try:
            with Lab(name="faults") as lab:
                try:
                    self.measure(lab)
                except (LabError, OSError) as error:
                    self.error = f"{error!r}\n{lab.logs()}"
        except Exception as error:  # the thread's last word
            self.error = self.error or repr(error)
        if self.error:
            self.trial.ready.abort()
        self.ended.set()

    def measure(self, lab):
        trial = self.trial
        stage = Stage(lab, trial.fault, self.arm, BASE_RATE)
        try:
            trial.ready.wait(120)
            begin = trial.zero
            watcher = watch.Watch(stage, begin)
            stage.start_load(trial.schedule, begin, random_of(trial.seed, trial.name, "load").getrandbits(60))
            fault = trial.fault(stage, trial.times.growth, random_of(trial.seed, trial.name, "fault"))
            self.grow(fault, begin)
            requests = stage.finish_load(begin)
            watcher.stop()
            stage.gateway.process.must_live()
            self.row = self.judged(requests, watcher)
            self.keep(stage, requests, watcher)
        finally:
            stage.close()

    def grow(self, fault, begin):
        times = self.trial.times
        last = -1.0
        try:
            while (now := time.monotonic()) < begin + times.end:
                if now - last >= TICK_S:
                    fault.set(times.level(now - begin))
                    last = now
                wanted = fault.tick(now) if now - begin >= times.begin else None
                if not self.died and not fault.control and not fault.server.alive():
                    self.died = now - begin
                if self.trial.stopping.wait(max(0.0005, min(TICK_S, (wanted or now + TICK_S) - now))):
                    raise LabError("interrupted")
        finally:
            fault.end()

    def judged(self, requests, watcher):
        times = self.trial.times
        shifts = [s for s in watcher.shifts if s[2] > 0]
        shift = next((at for at, _, _ in shifts if at >= times.begin), None)
        short = [r for r in requests if not r.long]
        breach = judge.breach(short, times.begin)
        hurt = judge.first_hurt(short, times.begin)
        failure = min((at for at in (breach, self.died) if at is not None), default=None)

        def since(at):
            return None if at is None else round(at - times.begin, 2)
        row = {
            "fault": self.trial.name, "seed": self.trial.seed, "arm": self.arm, "control": self.trial.fault.control,
            "seconds": round(times.end, 1), "begin_s": round(times.begin, 1), "growth_s": round(times.growth, 1),
            "shift_s": since(shift), "breach_s": since(breach), "died_s": since(self.died), "failure_s": since(failure),
            "first_hurt_s": since(hurt),
            "long_breach_s": since(judge.breach([r for r in requests if r.long], times.begin)),
            "shifted": sorted({name for _, name, _ in shifts}), "shift_episodes": episodes(watcher.shifts),
            "early_shifts": episodes([s for s in watcher.shifts if s[0] < times.begin]),
            "last_share": watcher.share.get("p1", 0), **judge.counts(requests), "watch_errors": watcher.errors[:3],
        }
        if self.arm == "off":
            row["statements"] = statements.of_run(row, watcher.risks)
        return row

    def keep(self, stage, requests, watcher):
        directory = self.trial.options.record
        if not directory:
            return
        directory = directory / f"{self.trial.name}-{self.trial.seed}-{self.arm}"
        directory.mkdir(parents=True, exist_ok=True)
        for name, rows in watcher.records.items():
            watch.write_csv(directory / f"{name}.csv", rows)
        (directory / "run.json").write_text(json.dumps({**self.row, "shifts": watcher.shifts}, indent=1) + "\n")
        (directory / "risk.json").write_text(json.dumps(watcher.reasons, indent=0) + "\n")
        (directory / "events.json").write_text(json.dumps(stage.events(), indent=0) + "\n")
        watch.write_csv(directory / "requests.csv", [
            {"begin": round(r.begin, 6), "latency": round(r.latency, 6), "outcome": r.outcome, "server": r.server,
             "long": int(r.long)} for r in requests])
        (directory / "understudyd.log").write_text(stage.gateway.process.output())


def episodes(shifts):
    """How many times traffic began to move: from no share anywhere to some."""
    share, count = {}, 0
    for _, name, value in shifts:
        count += value > 0 and not any(share.values())
        share[name] = value
    return count


class Trial:
    def __init__(self, name, seed, options):
        self.name = name
        self.seed = seed
        self.options = options
        self.fault = FAULTS[name]
        self.times = times_of(name, seed, options)
        self.schedule = traffic.schedule(self.fault, self.times, BASE_RATE, random_of(seed, name, "rate"))
        self.zero = None
        self.ready = None
        self.stopping = threading.Event()

    def start_clock(self):
        self.zero = time.monotonic() + SETTLE_S

    def run(self, arms):
        """Rows of the arms that could be measured, and what was wrong with the others."""
        self.ready = threading.Barrier(len(arms), action=self.start_clock)
        runs = [Run(self, arm) for arm in arms]
        try:
            for r in runs:
                r.ended.wait()  # not join(): interrupted, it would take the thread for ended
        except KeyboardInterrupt:
            self.stopping.set()
            self.ready.abort()
            for r in runs:
                r.ended.wait()  # each removes its lab
            raise
        return [r.row for r in runs if r.row], [f"{r.arm}: {r.error}" for r in runs if r.error]

# SPDX-License-Identifier: Apache-2.0
"""The faults: what grows, on which kind of server, and the controls that must not alarm anybody.

A fault is asked ten times a second to be as bad as `level` says, from 0 (healthy) to 1 (certainly failed); most grow by the
same factor in the same time, because that is what they do until somebody looks. All happen to p1; overload and bursts
happen to the service.
"""

import random
import time

from suite import kinds

CPUS, MEMORY = 0.4, 48 << 20
APP = {"workers": 16, "cpu_us": 400, "dependency_us": 5000}


def between(low, high, level):
    """From low to high, by the same factor for the same step."""
    return low * (high / low) ** min(1.0, max(0.0, level))


class Fault:
    """`set(level)` is called on the loop of the trial; it may be called late, never twice at a time."""
    kind = "app"
    settings = APP
    control = False

    def __init__(self, stage, growth, rng):
        self.stage = stage
        self.server = stage.servers["p1"]
        self.growth = growth
        self.rng = rng

    def set(self, level):
        raise NotImplementedError

    def tick(self, now):
        """For what has a rhythm of its own; returns when it wants to be called again, or None for whenever."""

    def end(self):
        pass

    @classmethod
    def rate(cls, level):
        """The factor on the clients' rate."""
        return 1.0


class Cpu(Fault):
    """CPU squeezed by its control group, from 0.4 to 0.01 of one."""
    settings = {**APP, "cpu_us": 1000}

    def set(self, level):
        self.server.machine.limit_cpu(between(CPUS, 0.01, level))


class Memory(Fault):
    """Every request leaks, until the kernel kills the server at its limit."""

    def set(self, level):
        if level > 0:
            requests = self.stage.base_rate / 2 * self.growth * 0.8
            self.server.panel.set("leak_bytes", MEMORY / requests)


class Pool(Fault):
    """Workers that never come back from their cleanup: answered, and lost to the pool."""

    def set(self, level):
        if level > 0:
            requests = self.stage.base_rate / 2 * self.growth * 0.8
            self.server.panel.set("stuck_ppm", 1e6 * self.settings["workers"] / requests)


class Disk(Fault):
    """Writes per second of the disk limited by the control group, from 300 to 20; every request writes and syncs once."""
    settings = {**APP, "write_blocks": 1}

    def set(self, level):
        self.server.machine.limit_writes(round(between(300, 20, level)))


class Loss(Fault):
    """Frames lost both ways, from 0.02 % to 30 %."""
    kind = "nginx"

    def set(self, level):
        self.server.drop(between(0.0002, 0.3, level) if level > 0 else 0)


class Latency(Fault):
    """A dependency that takes longer and longer, from 5 ms to a second."""

    def set(self, level):
        self.server.panel.set("dependency_us", between(5000, 1000000, level))


class Errors(Fault):
    """Answers with status 500, from 0.1 % to half of them."""

    def set(self, level):
        self.server.panel.set("error_ppm", between(1000, 500000, level) if level > 0 else 0)


class Pauses(Fault):
    """The process is stopped about every second, from 5 ms to 1.5 s at a time."""
    kind = "redis"
    low, high = 0.005, 1.5

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.level = 0
        self.next = self.until = None

    def set(self, level):
        self.level = level

    def period(self):
        return self.rng.uniform(0.6, 1.4)

    def tick(self, now):
        if self.level <= 0:
            return None
        if self.until and now >= self.until:
            self.server.freeze(False)
            self.until = None
        elif not self.until and (self.next is None or now >= self.next):
            self.server.freeze(True)
            self.until = now + between(self.low, self.high, self.level)
            self.next = max((self.next or now) + self.period(), self.until)
        return self.until or self.next

    def end(self):
        self.server.freeze(False)


class NamePauses(Pauses):
    """The same on a name server, whose clients ask over UDP."""
    kind = "nsd"


class Stalls(Pauses):
    """Stops by the clock, every 4 s (a backup, a compaction), from 20 ms to 1.5 s."""
    kind = "nginx"
    low = 0.02

    def period(self):
        return 4.0


class Overload(Fault):
    """More and more clients: five and a half times as many in the end; a server can take four times."""
    settings = {**APP, "workers": 8, "dependency_us": 40000, "cpu_us": 0}

    def set(self, level):
        pass

    @classmethod
    def rate(cls, level):
        return 1 + 4.5 * level


class Control(Fault):
    control = True


class Deploy(Control):
    """A new version of p1: stopped, and up again after 0.4 s."""
    kind = "nginx"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.done = False
        self.up_at = None

    def set(self, level):
        if level >= 0.3 and not self.done:
            self.done = True
            self.server.crash()
            self.up_at = time.monotonic() + 0.4

    def tick(self, now):
        if self.up_at and now >= self.up_at:
            self.up_at = None
            self.server.restart()


class Neighbour(Control):
    """Somebody else burns a third of p1's CPU for a while; p1 needs a tenth."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.process = None

    def set(self, level):
        if 0.2 <= level < 0.8 and not self.process:
            self.process = kinds.neighbour(self.server, CPUS / 3)
        elif level >= 0.8:
            self.end()

    def end(self):
        if self.process and self.process.alive():
            self.process.kill()


class Burst(Control):
    """Clients come in numbers for ten seconds or so, and the servers can take it."""
    settings = Overload.settings

    def set(self, level):
        pass

    @classmethod
    def rate(cls, level):
        return 2.2 if 0.3 <= level < 0.6 else 1.0


class Recovering(Control):
    """The dependency becomes slow, up to a quarter of the objective, and recovers by itself."""

    def set(self, level):
        up = 1 - abs(2 * min(1, max(0, level)) - 1)
        self.server.panel.set("dependency_us", between(5000, 75000, up))


class BadShadow(Control):
    """p1 becomes slower, but holds its objective; its shadow does not."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.stage.servers["s1"].panel.set("dependency_us", 500000)

    def set(self, level):
        self.server.panel.set("dependency_us", between(5000, 100000, level))


class Healthy(Control):
    """Nothing fails, and much happens: a day in three minutes, bursts, rolling deploys, a neighbour."""
    DAY_S, EVENT_S = 180, 45

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.process = None
        self.next = None

    def set(self, level):
        pass

    def tick(self, now):
        if self.process and now >= self.stop_at:
            self.process.kill()
            self.process = None
        if self.next is None:
            self.next = now + self.EVENT_S
        if now < self.next:
            return
        self.next = now + self.rng.uniform(0.7, 1.3) * self.EVENT_S
        self.server = self.stage.servers[self.rng.choice(("p1", "p2"))]
        if self.rng.random() < 0.5 and not self.process:
            self.process = kinds.neighbour(self.server, CPUS * self.rng.uniform(0.1, 0.35))
            self.stop_at = now + self.rng.uniform(5, 20)
        else:
            self.server.replace()

    def end(self):
        if self.process:
            self.process.kill()


FAULTS = {"cpu": Cpu, "memory": Memory, "pool": Pool, "disk": Disk, "loss": Loss, "latency": Latency, "errors": Errors,
          "pauses": Pauses, "name-pauses": NamePauses, "stalls": Stalls, "overload": Overload, "deploy": Deploy,
          "neighbour": Neighbour, "burst": Burst, "recovering": Recovering, "bad-shadow": BadShadow, "healthy": Healthy}


def random_of(*parts):
    """The same numbers for the same seed, fault and purpose."""
    return random.Random("/".join(map(str, parts)))

# SPDX-License-Identifier: Apache-2.0
"""The act of the demo in which nobody has to do anything: a server runs out of CPU, its risk rises, its traffic moves.

    p1: app1 on a machine (control group) with less and less CPU         s1: app1s, its shadow

The gateway scrapes both machines, measures each request, and decides by itself (policy: act). Then the CPU comes back, and
so does the traffic. No client may see a failed request in all that.
"""

import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "lab"), str(ROOT / "tests" / "faults")]

from lab.hosts import wait_until  # noqa: E402
from lab.load import Load  # noqa: E402
from lab.topology import SERVICE, v4  # noqa: E402
from suite.kinds import App, EXPORTER_PORT, Server  # noqa: E402
from suite.machine import Machine  # noqa: E402

SERVICE_NAME, PRIMARY, SHADOW = "app", "app1", "app1s"
PLACES = {PRIMARY: ("p1", 11), SHADOW: ("s1", 21)}
PORT, RATE = 8080, 80
CPUS, CPUS_LEFT, MEMORY = 0.4, 0.04, 48 << 20
REQUEST = {"cpu_us": 1000, "dependency_us": 2000, "workers": 16}
STEP_S = 0.2
KIND = App("app", "http", "tcp", PORT, {"type": "http", "path": "/"}, "http")


def service(quick):
    """The policy of the example, in a hurry: a demo does not wait for minutes."""
    soak, dwell = ("1s", "8s") if quick else ("2s", "12s")
    return {
        "name": SERVICE_NAME, "address": v4(SERVICE), "protocol": "tcp", "port": PORT, "forward": "fullnat", "replies": "http",
        "check": {**KIND.check, "interval": "1s", "timeout": "1s"},
        "scrape": {"port": EXPORTER_PORT, "interval": "1s"},
        "objective": {"latency": "300ms", "quantile": "99%", "errors": "1%"},
        "policy": {"mode": "act", "steps": ["25%", "100%"], "soak": soak, "dwell": dwell, "leave_n": 2, "leave_m": 3,
                   "verify": {"errors": "10%"}},
        "endpoints": [{"name": PRIMARY, "address": v4(PLACES[PRIMARY][1]), "shadows": [SHADOW]},
                      {"name": SHADOW, "address": v4(PLACES[SHADOW][1]), "weight": 0}],
    }


class Act:
    """Its servers, their machines, and its clients."""

    def __init__(self, lab, net):
        self.lab = lab
        self.net = net
        self.machines = {}
        self.servers = {}
        for name, (host, number) in PLACES.items():
            machine = self.machines[name] = Machine(f"{lab.prefix}{host}", lab.directory, CPUS, MEMORY)
            lab.at_end.append(machine.close)
            self.servers[name] = Server(net.hosts[host], machine, KIND, number, REQUEST)
        self.export()

    def export(self):
        rows = [server.exporter_row() for server in self.servers.values()]
        exporter = self.net.sw.start("/usr/bin/python3", ROOT / "tests" / "faults" / "suite" / "exporter.py", json.dumps(rows),
                                     name="exporter", cpu=None)
        wait_until("the exporter", lambda: exporter.must_live() and "ready" in exporter.output(), 10)

    def start_traffic(self):
        return Load(self.net.c1, http=f"{v4(SERVICE)}:{PORT}", http_rate=RATE)

    def squeeze(self, level):
        """From all the CPU it had at 0 to next to none at 1, by the same factor in the same time."""
        level = min(1.0, max(0.0, level))
        self.machines[PRIMARY].limit_cpu(CPUS * (CPUS_LEFT / CPUS) ** level)
        return self.machines[PRIMARY].cpus


class Telling:
    """The act as the story tells it: two phases."""

    def __init__(self, story, act, quick):
        self.story = story
        self.act = act
        self.growth_s = 10 if quick else 30
        self.limit_s = self.growth_s + 30  # a return that relapses waits twice as long
        self.told = 0
        self.wrong = []

    def tell(self):
        self.story.phase("app1 runs out of CPU", "Nobody does anything now. The machine of app1 gets less and less CPU.")
        self.told = self.last_decision()
        begin = time.monotonic()
        self.play("its traffic moved to the shadow", lambda: self.share() == 1.0,
                  lambda now: self.act.squeeze((now - begin) / self.growth_s))
        self.act.squeeze(1)
        self.story.watch(2)
        self.story.phase("app1 has its CPU again", "The reason is gone. What moved comes back, in steps, and verified.")
        self.act.squeeze(0)
        self.play("its traffic came back", lambda: self.share() == 0.0, lambda now: None)

    def play(self, what, done, turn):
        deadline = time.monotonic() + self.limit_s
        while not done():
            now = time.monotonic()
            if now > deadline:
                self.wrong.append(f"{self.story.phases[-1].name}: {what}: not within {self.limit_s} s: {self.risk()}")
                break
            turn(now)
            self.story.look_on(STEP_S)
            self.decisions()
        self.decisions()
        self.story.watch(STEP_S)

    def share(self):
        return self.story.gateway.endpoint(SERVICE_NAME, PRIMARY)["shift"]

    def risk(self):
        row = self.story.gateway.api.get(f"/v1/risk?service={SERVICE_NAME}&endpoint={PRIMARY}")["endpoints"][0]
        return f"{row['state']}, {row.get('probability')}, " + "; ".join(r["text"] for r in row.get("reasons", []))

    def last_decision(self):
        number = 0
        while page := self.story.gateway.api.get(f"/v1/events?after={number}")["events"]:
            number = page[-1]["number"]
        return number

    def decisions(self):
        """What the gateway says that it decides, and why."""
        for event in self.story.gateway.api.get(f"/v1/events?after={self.told}")["events"]:
            self.told = event["number"]
            if event["kind"] in ("risk", "decision") and event["service"] == SERVICE_NAME:
                color = "yellow" if event["kind"] == "decision" else None
                self.story.screen.say(f"the gateway: {event['endpoint']}: {event['text']}", color)

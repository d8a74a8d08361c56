#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The story that tools/demo tells, with real servers and clients around a gateway, and what it must come to.

      c1: load client, two long-lived connections       c2: curl, dnsperf
         |                                                 |
    =====+======+==========================================+========+=========+=========+=====  one Ethernet segment
                |                                          |        |         |         |
            gateway                                       p1       p2        s1        s2
       web 10.0.0.100:80   tcp                           web1     web2     web1s     web2s   nginx
       dns 10.0.0.100:53   udp                           dns1     dns2     dns1s     dns2s   nsd
       app 10.0.0.100:8080 tcp                           app1              app1s             see demo_act.py

A request belongs to the phase in which it began; those in flight at the kill belong to the kill. It ends with 1 if a
request failed in any phase but the kill, if traffic did not leave and return by itself, if an endpoint was marked down later than DOWN_LIMIT_MS after the kill, or if
more requests failed in that phase than were unanswered at the dead endpoints when they were marked down.

Unanswered at an endpoint, from the gateway's counters of its server leg: TCP (flows_new - handshakes) + (requests -
replies), UDP requests - replies, less what this was in the quietest moment of the two seconds before the kill; read in
the very answer of the API that first says 'down'.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lab"))

import demo_act  # noqa: E402
from demo_screen import Screen, bar, columns, time_text  # noqa: E402
from lab import clients, servers  # noqa: E402
from lab.gateway import Gateway, configuration, leg_total  # noqa: E402
from lab.hosts import Lab, LabError, Skip  # noqa: E402
from lab.load import Load, quantile_us  # noqa: E402
from lab.topology import LOCAL, SERVICE, OneArmed, both, v4  # noqa: E402

DOWN_LIMIT_MS = 300
IN_FLIGHT_S = 0.1  # a request open at the kill that began earlier than this before it was lost before it
WATCH_S = 0.01
SKIP = 77  # exit code: this machine lacks something
TABLE_S = 0.25
HTTP_RATE, DNS_RATE, LONG_RATE, CURL_RATE, DNSPERF_RATE = 100, 150, 10, 40, 100
PLACES = {"p1": ("web1", "dns1", 11), "p2": ("web2", "dns2", 12), "s1": ("web1s", "dns1s", 21), "s2": ("web2s", "dns2s", 22)}
KILLED = (("web", "web1"), ("dns", "dns1"))


def service(name, protocol, port, check, **more):
    endpoints = []
    for web, dns, number in PLACES.values():
        own = web if name == "web" else dns
        shadow = {"weight": 0} if own.endswith("s") else {"shadows": [f"{own}s"]}
        endpoints.append({"name": own, "address": v4(number), "zone": "b" if own.endswith("s") else "a", **shadow})
    return {"name": name, "address": v4(SERVICE), "protocol": protocol, "port": port, "forward": "fullnat",
            "check": {"interval": "1s", "timeout": "500ms", **check}, "endpoints": endpoints, **more}


def demo_configuration(lab, world, quick):
    probe = "hex:" + servers.dns_query("id.lab", 0x1234).hex()
    return configuration(lab, [world.port()], [
        service("web", "tcp", 80, {"type": "http", "path": "/"}),
        service("dns", "udp", 53, {"type": "udp", "payload": probe}, per_request=True,
                mirror={"fraction": "0%", "shadows": 1}),
        demo_act.service(quick),
    ], [v4(LOCAL)])


class Stage:
    """The lab with everything running on it."""

    def __init__(self, lab, quick):
        self.lab = lab
        self.net = OneArmed(lab)
        self.act = demo_act.Act(lab, self.net)
        self.server = {}
        for host, (web, dns, number) in PLACES.items():
            self.server[web] = servers.nginx(self.net.hosts[host], web)
            self.server[dns] = servers.name_server(self.net.hosts[host], number)
        self.gateway = Gateway(lab, self.net.gw, demo_configuration(lab, self.net, quick))
        self.gateway.start().ready()
        self.loads = []

    def start_traffic(self):
        web, dns = f"{v4(SERVICE)}:80", f"{v4(SERVICE)}:53"
        self.loads = [
            Load(self.net.c1, http=web, http_rate=HTTP_RATE, dns=dns, dns_rate=DNS_RATE, long_rate=LONG_RATE),
            clients.start_curl(self.net.c2, v4(SERVICE), CURL_RATE),
            clients.start_dnsperf(self.net.c2, v4(SERVICE), DNSPERF_RATE),
            self.act.start_traffic(),
        ]

    def risks(self):
        """Of failing within a minute, where the gateway can say it."""
        rows = self.gateway.api.get("/v1/risk")["endpoints"]
        return {(r["service"], r["endpoint"]): (r.get("probability") or {}).get("60") for r in rows}

    def records(self):
        return [r for load in self.loads for r in load.records]

    def stop_traffic(self):
        return [r for load in self.loads for r in load.stop()]


class Phase:
    def __init__(self, name):
        self.name = name
        self.begin = time.monotonic()
        self.down_after_ms = None
        self.unanswered = {}
        self.records = []

    def summary(self):
        answered = sum(r.ok for r in self.records)
        result = {"name": self.name, "requests": len(self.records), "answered": answered,
                  "failed": len(self.records) - answered, "p50_us": quantile_us(self.records, 0.5),
                  "p99_us": quantile_us(self.records, 0.99)}
        if "kill" in self.name:
            result["down_after_ms"] = self.down_after_ms
            result["unanswered_at_down"] = sum(self.unanswered.values())
            result["unanswered"] = dict(self.unanswered)
            result["failed_by_service"] = {s: self.failed_of(s) for s, _ in KILLED}
        return result

    def failed_of(self, service_name):
        return sum(not r.ok and r.dns == (service_name == "dns") for r in self.records)


def outstanding(endpoint):
    """Requests that were forwarded to an endpoint and not answered, by its server leg's counters since ever."""
    leg = leg_total(endpoint, "server")
    waiting = leg["requests"] - leg["replies"]
    if endpoint["service"] == "web":
        waiting += leg["flows_new"] - leg["handshakes"]
    return waiting


def lost(endpoint):
    """Of these, the ones that were given up for lost: they are nobody's in flight."""
    leg = leg_total(endpoint, "server")
    return leg["unanswered"] + leg["connects_unanswered"] + leg["connects_refused"]


class Story:
    def __init__(self, stage, screen, quick):
        self.stage = stage
        self.quick = quick
        self.wrong = []
        self.gateway = stage.gateway
        self.screen = screen
        self.seconds = 3 if quick else 12
        self.phases = []
        self.last = None  # (time, endpoints) of the last table
        self.rates = {}

    def phase(self, name, text):
        self.screen.heading(name)
        self.screen.say(text)
        self.phases.append(Phase(name))
        return self.phases[-1]

    def command(self, change, service_name, name, percent):
        """What a person would type, done over the same API."""
        self.screen.say(f"$ understudyctl {change} {service_name} {name} {percent}%", "cyan")
        getattr(self.gateway, change)(service_name, name, percent)

    def look(self):
        endpoints = self.gateway.endpoints()
        return time.monotonic(), endpoints

    def watch(self, seconds):
        """Lets a phase run to its end, with the table live."""
        self.look_on(seconds)
        self.screen.keep_table(self.table(*self.look()))

    def look_on(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for load in self.stage.loads:
                load.process.must_live()
            now, endpoints = self.look()
            if not self.last or now - self.last[0] >= TABLE_S:
                self.screen.table(self.table(now, endpoints))
            time.sleep(WATCH_S)  # the table's clock, and the phase's

    def table(self, now, endpoints):
        self.measure(now, endpoints)
        risks = self.stage.risks()
        total = {}
        for e in endpoints:
            total[e["service"]] = total.get(e["service"], 0) + self.rate(e, "flows")
        rows = [("endpoint", "state", "shift", "share of new flows", "flows/s", "copies/s", "reply p50", "p99", "risk")]
        for e in endpoints:
            share = self.rate(e, "flows") / total[e["service"]] if total[e["service"]] else 0
            rows.append((f"{e['service']}/{e['endpoint']}", e["state"], shift_text(e), bar(share), f"{self.rate(e, 'flows'):.0f}",
                         f"{self.rate(e, 'copies'):.0f}", time_text(reply_time(e, "p50")), time_text(reply_time(e, "p99")),
                         risk_text(risks.get((e["service"], e["endpoint"])))))
        lines = columns(rows, (12, 8, -6, 18, -8, -8, -10, -10, -5))
        recent = [r for r in self.stage.records() if r.start > self.phases[-1].begin]
        lines.append(f"  {len(recent)} requests in this phase, {sum(not r.ok for r in recent)} failed")
        return ["", *lines]

    def measure(self, now, endpoints):
        """Rates over about the last second, from differences of counters."""
        if self.last and now - self.last[0] < TABLE_S:
            return
        for e in endpoints:
            self.rates.setdefault((e["service"], e["endpoint"]), []).append(
                (now, leg_total(e, "server")["flows_new"], leg_total(e, "shadow")["packets_to"]))
            del self.rates[(e["service"], e["endpoint"])][:-5]
        self.last = (now, endpoints)

    def rate(self, endpoint, what):
        samples = self.rates[(endpoint["service"], endpoint["endpoint"])]
        first, last = samples[0], samples[-1]
        column = 1 if what == "flows" else 2
        return (last[column] - first[column]) / (last[0] - first[0]) if last[0] > first[0] else 0.0

    def tell(self):
        self.phase("steady traffic", "Two clients ask a web service (nginx) and a name service (nsd) through the gateway.")
        self.screen.say(f"Every second {HTTP_RATE + CURL_RATE} web requests and {DNS_RATE + DNSPERF_RATE} DNS queries, each from "
                        "a port of its own, and one long-lived connection of each kind.")
        self.watch(self.seconds)
        self.phase("mirror dns", "The shadows of the name servers get a copy of every query. Their answers end in the gateway.")
        for name in ("dns1", "dns2"):
            self.command("mirror", "dns", name, 100)
        self.watch(self.seconds)
        for percent in (10, 50, 100):
            self.phase(f"shift {percent} %", f"{percent} % of the new flows of web1 and dns1 go to their shadows; old flows stay.")
            self.shift(percent)
            self.watch(self.seconds)
        self.phase("back", "The flows come back.")
        self.shift(0)
        self.watch(self.seconds)
        telling = demo_act.Telling(self, self.stage.act, self.quick)
        telling.tell()
        self.wrong = telling.wrong
        self.kill()
        self.watch(self.seconds)

    def shift(self, percent):
        for service_name, name in KILLED:
            self.command("shift", service_name, name, percent)

    def kill(self):
        phase = self.phase("kill web1 and dns1", "nginx web1 and nsd dns1 are killed (SIGKILL). Their new flows must go to the shadows.")
        lost_before = {(e["service"], e["endpoint"]): lost(e) for e in self.gateway.endpoints()}
        phase.begin = time.monotonic()
        for _, name in KILLED:
            self.stage.server[name].signal(signal.SIGKILL)
        waiting = set(KILLED)
        while waiting and time.monotonic() < phase.begin + 10:
            now, endpoints = self.look()
            for e in endpoints:
                key = (e["service"], e["endpoint"])
                if key in waiting and e["state"] == "down":
                    waiting.remove(key)
                    phase.down_after_ms = round((now - phase.begin) * 1000, 1)
                    phase.unanswered["/".join(key)] = self.unanswered_now(key, lost_before[key])
                    self.screen.say(f"{'/'.join(key)} marked down {phase.down_after_ms} ms after the kill, with "
                                    f"{phase.unanswered['/'.join(key)]} requests unanswered", "yellow")
        for key in waiting:
            self.screen.say(f"{'/'.join(key)} was not marked down in 10 s", "red")
            phase.down_after_ms = 10000

    def unanswered_now(self, key, lost_before):
        """Counted when every forwarding core uses the table in which the endpoint is down: a burst that was under way with
        the one before still went there."""
        self.gateway.wait_seen()
        return max(0, outstanding(self.gateway.endpoint(*key)) - lost_before)

    def attribute(self, records):
        """Each request to the phase in which it began."""
        kill = next((p for p in self.phases if "kill" in p.name), None)
        for r in records:
            in_flight = kill and kill.begin - IN_FLIGHT_S < r.start < kill.begin <= r.end
            phases = [p for p in self.phases if p.begin <= r.start] or self.phases[:1]
            (kill if in_flight else phases[-1]).records.append(r)


def shift_text(endpoint):
    return f"{endpoint['shift'] * 100:.0f} %" if endpoint["shift"] else ""


def risk_text(risk):
    return "" if risk is None else f"{risk:.0%}"


def reply_time(endpoint, which):
    return endpoint["legs"]["server"].get(f"reply_{which}_us")


def verdict(phases):
    """What must not be, and is: a list of sentences."""
    wrong = []
    for p in phases:
        s = p.summary()
        if not s["requests"]:
            wrong.append(f"{p.name}: no requests")
        if "kill" not in p.name:
            if s["failed"]:
                wrong.append(f"{p.name}: {s['failed']} requests failed: {sample(p)}")
            continue
        if s["down_after_ms"] is None or s["down_after_ms"] > DOWN_LIMIT_MS:
            wrong.append(f"{p.name}: down {s['down_after_ms']} ms after the kill: the limit is {DOWN_LIMIT_MS} ms")
        for service_name, name in KILLED:
            failed, allowed = p.failed_of(service_name), p.unanswered.get(f"{service_name}/{name}", 0)
            if failed > allowed:
                wrong.append(f"{p.name}: {failed} requests to {service_name} failed, and only {allowed} had been forwarded "
                             f"to the dead endpoint without answer: {sample(p, service_name)}")
    return wrong


def sample(phase, service_name=None):
    bad = [r for r in phase.records if not r.ok and (not service_name or r.dns == (service_name == "dns"))]
    return ", ".join(f"{r.kind} {r.outcome} at {r.start - phase.begin:+.3f} s" for r in bad[:5])


def show_summary(screen, phases, wrong):
    screen.heading("summary")
    rows = [("phase", "requests", "answered", "failed", "p50", "p99")]
    for p in phases:
        s = p.summary()
        rows.append((s["name"], s["requests"], s["answered"], s["failed"], time_text(s["p50_us"]), time_text(s["p99_us"])))
    screen.plain(columns(rows, (22, -9, -9, -7, -10, -10)))
    kill = phases[-1].summary()
    if "down_after_ms" in kill:
        screen.plain([f"  down {kill['down_after_ms']} ms after the kill (limit {DOWN_LIMIT_MS}); unanswered then: "
                      f"{kill['unanswered_at_down']}; failed: {kill['failed']}"])
    for line in wrong:
        screen.plain([screen.paint(f"  FAILED: {line}", "red")])
    if not wrong:
        screen.plain([screen.paint("  No request failed but those that the dead servers took with them.", "green")])


def write_report(path, phases, wrong):
    report = {"ok": not wrong, "errors": wrong, "phases": [p.summary() for p in phases]}
    Path(path).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def linger(stage, screen):
    """--keep: the lab stays, with traffic, until it is interrupted."""
    ctl = f"{stage.lab.build}/understudyctl --socket {stage.gateway.api.path}"
    stage.start_traffic()
    screen.heading("the lab stays")
    screen.plain([
        "  web1 and dns1 are still dead; traffic goes on. In a second terminal, as root:", "",
        f"    {ctl} top", f"    {ctl} endpoints", f"    {ctl} events -f", f"    {ctl} shift web web2 50%",
        f"    {ctl} explain {v4(51)}:4000 {v4(SERVICE)}:80",
        f"    nsenter --net={stage.net.c1.path} curl http://{v4(SERVICE)}/",
        f"    nsenter --net={stage.net.c1.path} dig @{v4(SERVICE)} id.lab", "", "  Ctrl-C here ends it.",
    ])
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


def play(lab, screen, options):
    screen.say("Building the lab: two clients, a gateway, two primaries, two shadows; nginx and nsd on each server.")
    stage = Stage(lab, options.quick)
    screen.say("All endpoints are up.")
    story = Story(stage, screen, options.quick)
    stage.start_traffic()
    story.tell()
    story.attribute(stage.stop_traffic())
    wrong = verdict(story.phases) + story.wrong
    show_summary(screen, story.phases, wrong)
    if options.report:
        write_report(options.report, story.phases, wrong)
    if options.keep:
        linger(stage, screen)
    return 1 if wrong else 0


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="tools/demo", description="Shows the main job in a lab of network namespaces.")
    parser.add_argument("--quick", action="store_true", help="under a minute after the build")
    parser.add_argument("--keep", action="store_true", help="leave the lab running, and say what to try")
    parser.add_argument("--report", metavar="FILE", help="write the summary as JSON")
    parser.add_argument("--pmd", choices=("af_xdp", "af_packet"), default="af_xdp", help="driver of the gateway's port")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    screen = Screen()
    try:
        with Lab(pmd=options.pmd, name="demo") as lab:
            try:
                return play(lab, screen, options)
            except (LabError, OSError, KeyError, subprocess.SubprocessError) as error:
                screen.say(f"The demo could not go on: {error!r}", "red")
                if options.report:
                    write_report(options.report, [], [f"the demo could not go on: {error!r}"])
                screen.plain([lab.logs()])
                return 1
    except Skip as reason:
        print(f"demo: {reason}")
        return SKIP
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

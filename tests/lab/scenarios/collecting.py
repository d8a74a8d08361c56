# SPDX-License-Identifier: Apache-2.0
"""Replies that say failure, told from the packets; and a real node_exporter, scraped.

      c1 ---- sw ---- p1 nginx :8080 (/fail is a 500), nsd (foreign names are REFUSED), node_exporter :9100
              gw ~~~~ s1 nsd: copies of DNS
"""

import re

from lab import servers, worlds
from lab.hosts import wait_until
from lab.topology import SERVERS, SERVICE, v4

GOOD, BAD = 20, 13
EXPORTER = f"{v4(SERVERS['p1'])}:9100"


def setup(lab):
    rows = [worlds.service("app", "tcp", 8080, base="web", kind="icmp", replies="http",
                           scrape={"interval": "500ms", "timeout": "400ms"}),
            worlds.service("dns", "udp", 53, kind="dns", per_request=True, replies="dns")]
    for row in rows:
        row["endpoints"] = [e for e in row["endpoints"] if e["name"] in ("web1", "dns1", "dns1s")]
    del rows[0]["endpoints"][0]["shadows"]
    return worlds.one_armed(lab, rows, before=_servers)


def _servers(world):
    servers.nginx(world.p1, "web1", 8080, extra="location = /fail { return 500; }")
    world.exporter = _exporter(world)


def _exporter(world):
    process = world.p1.start(servers.need("prometheus-node-exporter"), f"--web.listen-address={EXPORTER}",
                             "--log.level=error", name="node_exporter")
    wait_until("node_exporter", lambda: process.must_live() and servers.listening(world.p1, "tcp", 9100), 10)
    return process


def _gain(world, service, endpoint, leg, act):
    before = world.gateway.leg(service, endpoint, leg)
    act()
    return lambda key: world.gateway.leg(service, endpoint, leg)[key] - before.get(key, 0)


def replies_of_status_5xx_are_counted_exactly(world):
    def ask():
        for path, count in (("", GOOD), ("fail", BAD)):
            world.c1.run("curl", "-sS", "-m", "5", "-H", "Connection: close",
                         f"http://{v4(SERVICE)}:8080/{path}?[1-{count}]")
    gained = _gain(world, "app", "web1", "server", ask)
    assert (gained("replies"), gained("replies_failed")) == (GOOD + BAD, BAD), (gained("replies"), gained("replies_failed"))


def refused_dns_answers_are_counted_exactly_on_both_legs(world):
    world.gateway.mirror("dns", "dns1", 100, shadows=1, packets_per_second=0)

    def ask():
        names = "id.lab\n" * GOOD + "foreign.example\n" * BAD
        world.c1.run("dig", f"@{v4(SERVICE)}", "+time=1", "+tries=1", "-f", "/dev/stdin", stdin=names)
    copies = _gain(world, "dns", "dns1s", "shadow", lambda: None)
    gained = _gain(world, "dns", "dns1", "server", ask)
    # Checks of health ask on the server's leg of nobody: all that is counted is the client's.
    wait_until("the shadow answered all", lambda: copies("replies") == GOOD + BAD, 3)
    found = [leg(key) for leg in (gained, copies) for key in ("replies", "replies_failed")]
    assert found == [GOOD + BAD, BAD, GOOD + BAD, BAD], found


def _measured(world):
    row, = world.gateway.api.get("/v1/measurements?service=app&endpoint=web1")["endpoints"]
    return {m["metric"]: m for m in row["metrics"]}, row["scrapes"]


def _has(world, *names):
    metrics, _ = _measured(world)
    return all(metrics[name]["traffic"] is not None for name in names)


def node_exporters_numbers_are_the_machines(world):
    wait_until("cpu, memory and load", lambda: _has(world, "cpu", "memory", "load"), 10)
    metrics, _ = _measured(world)
    meminfo = dict(re.findall(r"(\w+): +(\d+) kB", world.p1.run("cat", "/proc/meminfo")))
    used = 1 - int(meminfo["MemAvailable"]) / int(meminfo["MemTotal"])
    assert abs(metrics["memory"]["traffic"] - used) < 0.2, (metrics["memory"], used)
    assert 0 <= metrics["cpu"]["traffic"] <= 1 and metrics["load"]["traffic"] >= 0, metrics
    assert metrics["cpu"]["copies"] is not None and metrics["cpu"]["limit"] == 1


def an_exporter_that_dies_is_told_and_harms_nothing(world):
    world.exporter.stop()
    wait_until("no value", lambda: not _has(world, "memory"), 5)
    _, scrapes = _measured(world)
    assert scrapes[0]["state"] in ("refused", "broken") and scrapes[0]["reason"], scrapes
    events = [e for e in world.gateway.api.get("/v1/events")["events"] if e["kind"] == "scrape"]
    assert len(events) == 1 and events[0]["endpoint"] == "web1", events
    world.c1.run("curl", "-sS", "-m", "5", f"http://{v4(SERVICE)}:8080/")
    world.exporter = _exporter(world)
    wait_until("values again", lambda: _has(world, "memory"), 5)


def a_zone_in_danger_is_told(world):
    feed = world.gw.lab.directory / "outside.json"
    feed.write_text('[{"region": "eu", "factor": "storm", "severity": 0.5, "until": 4000000000}]')
    world.gateway.config["outside"] = [{"url": f"file://{feed}", "interval": "1s"}]
    world.gateway.config["services"][0]["endpoints"][0]["zone"] = "eu-1"
    world.gateway.reload()

    def factor():
        row, = world.gateway.api.get("/v1/measurements?service=app&endpoint=web1")["endpoints"]
        return row["outside"]
    wait_until("the storm", lambda: factor() == {"severity": 0.5, "factor": "storm"}, 5)

# SPDX-License-Identifier: Apache-2.0
"""Known traffic, and every counter that it must move, by how much: no counter lies.

      c1 ---- sw ---- p1 (the only server)
              gw
"""

import re

from lab import servers, worlds
from lab.hosts import wait_until
from lab.topology import SERVICE, v4

ECHO = """
import socket, sys
for i in range(int(sys.argv[2])):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("", 20000 + i))  # a port that the kernel picks may be picked twice: one flow less
        s.settimeout(3)
        s.sendto(b"x" * 58, (sys.argv[1], 7000))
        s.recv(100)
"""
COUNT = 50
FRAME = 14 + 20 + 8 + 58


def setup(lab):
    rows = [worlds.service("echo", "udp", 7000, kind="icmp"), worlds.service("web", "tcp", 80)]
    for row in rows:
        row["endpoints"] = row["endpoints"][:1]
        del row["endpoints"][0]["shadows"]
    return worlds.one_armed(lab, rows, before=lambda world: servers.script(world.p1, "echo", "7000"))


def difference(before, after):
    """A leg that had carried nothing yet has no counters."""
    return {key: after[key] - before.get(key, 0) for key in after}


def datagrams_are_counted_to_the_byte(world):
    legs = {leg: world.gateway.leg("echo", "echo1", leg) for leg in ("server", "client")}
    before = world.gateway.counters()
    world.c1.run("/usr/bin/python3", "-c", ECHO, v4(SERVICE), COUNT)
    wait_until("all forwarded", lambda: world.gateway.counters()["flows_created"] - before["flows_created"] >= COUNT, 3)
    assert world.gateway.counters()["flows_created"] - before["flows_created"] == COUNT
    server = difference(legs["server"], world.gateway.leg("echo", "echo1", "server"))
    expected = {"flows_new": COUNT, "packets_to": COUNT, "bytes_to": COUNT * FRAME, "packets_from": COUNT,
                "bytes_from": COUNT * FRAME, "requests": COUNT, "replies": COUNT, "unanswered": 0, "handshakes": 0,
                "resets_from": 0, "unreachable": 0}
    wrong = {key: (server[key], value) for key, value in expected.items() if server[key] != value}
    assert not wrong, f"counter: (is, should be): {wrong}"
    client = difference(legs["client"], world.gateway.leg("echo", "echo1", "client"))
    for key in ("packets_to", "packets_from"):
        assert client[key] == COUNT, (key, client[key])


def retransmitted(host):
    """Segments that the host's kernel sent again, tail loss probes included: on a busy machine it is impatient."""
    return int(re.search(r"TcpRetransSegs +(\d+)", host.run("nstat", "-asz", "TcpRetransSegs")).group(1))


def connections_are_counted(world):
    before, again = world.gateway.leg("web", "web1"), [retransmitted(host) for host in (world.c1, world.p1)]
    worlds.web_many(world.c1, v4(SERVICE), COUNT)
    server = difference(before, world.gateway.leg("web", "web1"))
    again = [retransmitted(host) - n for host, n in zip((world.c1, world.p1), again)]
    expected = {"flows_new": COUNT, "handshakes": COUNT, "requests": COUNT, "replies": COUNT,
                "connects_refused": 0, "connects_unanswered": 0, "replies_failed": 0,
                "segments_to": 3 * COUNT + server["retransmitted_to"]}  # SYN, request, FIN
    wrong = {key: (server[key], value) for key, value in expected.items() if server[key] != value}
    assert not wrong, f"counter: (is, should be): {wrong}"
    assert server["retransmitted_to"] <= again[0] and server["retransmitted_from"] <= again[1], (server, again)


def prometheus_says_the_same_as_the_api(world):
    text = world.gateway.api.get("/metrics")
    flows = world.gateway.leg("web", "web1")["flows_new"]
    lines = [line for line in text.splitlines() if "flows_new" in line and 'endpoint="web1"' in line and "server" in line]
    assert lines and float(lines[0].rsplit(" ", 1)[1]) == flows, (lines, flows)


def refused_connections_are_counted(world):
    before = world.gateway.leg("web", "web1")
    world.p1.run("nft", "-f", "-", stdin="table inet t { chain c { type filter hook input priority 0; "
                 "tcp dport 80 ip saddr 10.0.0.3 reject with tcp reset; }; }")
    world.c1.run("curl", "-sS", "-m2", f"http://{v4(SERVICE)}/", check=False)
    wait_until("connects_refused", lambda: world.gateway.leg("web", "web1")["connects_refused"] > before["connects_refused"])
    world.p1.run("nft", "flush", "ruleset")
    world.gateway.ready()

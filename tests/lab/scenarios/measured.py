# SPDX-License-Identifier: Apache-2.0
"""Servers of known delay and known loss, and what the gateway measures of them by looking.

      c1 ---- sw ---- p1 echo :7000, 20 ms late
              gw      p2 echo :7001, drops 5 % of what it gets (nft)
"""

import re

from lab import servers, worlds
from lab.hosts import LabError, Skip, wait_until
from lab.topology import SERVICE, v4

DELAY_MS = 20
LOSS_PERCENT = 5
ECHO = """
import socket, sys
s = socket.create_connection((sys.argv[1], 7000)) if sys.argv[2] == "tcp" else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(5)
if sys.argv[2] == "udp":
    s.connect((sys.argv[1], 7000))
for i in range(int(sys.argv[3])):
    s.send(b"x")
    s.recv(10)
"""


def setup(lab):
    rows = [worlds.service("echo", "udp", 7000, kind="icmp"), worlds.service("echot", "tcp", 7000, kind="icmp"),
            worlds.service("sink", "tcp", 7001, kind="icmp")]
    rows[0]["endpoints"] = rows[0]["endpoints"][:1]
    rows[1]["endpoints"] = rows[1]["endpoints"][:1]
    rows[2]["endpoints"] = rows[2]["endpoints"][1:2]
    for row in rows:
        del row["endpoints"][0]["shadows"]
    return worlds.one_armed(lab, rows, before=_echo)


def _echo(world):
    servers.script(world.p1, "echo", "7000", "--delay-ms", str(DELAY_MS))
    servers.script(world.p2, "echo", "7001")


def _mean_reply_ms(world, service, endpoint, protocol):
    before = world.gateway.leg(service, endpoint)
    world.c1.run("/usr/bin/python3", "-c", ECHO, v4(SERVICE), protocol, "50", seconds=60)
    after = world.gateway.leg(service, endpoint)
    replies = after["replies"] - before["replies"]
    assert replies == 50, replies
    return (after["reply_us"] - before["reply_us"]) / replies / 1000


def a_known_delay_is_measured_on_udp(world):
    mean = _mean_reply_ms(world, "echo", "echo1", "udp")
    assert DELAY_MS <= mean < DELAY_MS * 1.5, mean


def a_known_delay_is_measured_on_tcp(world):
    mean = _mean_reply_ms(world, "echot", "echot1", "tcp")
    assert DELAY_MS <= mean < DELAY_MS * 1.5, mean


def unanswered_datagrams_are_counted(world):
    world.gateway.config["timeouts"] = {"udp_unanswered": "3s", "udp": "3s"}  # when a flow ends it is known
    world.gateway.reload()
    drop(world.p1, f"udp dport 7000 numgen random mod 100 < {LOSS_PERCENT * 4} counter drop")
    before = world.gateway.leg("echo", "echo1")
    world.c1.run("/usr/bin/python3", "-c", ASK_ONCE, v4(SERVICE), "200", seconds=60)
    lost = int(re.search(r"counter packets (\d+)", world.p1.run("nft", "list", "ruleset")).group(1))
    world.p1.run("nft", "flush", "ruleset")

    def counted(key):
        return world.gateway.leg("echo", "echo1")[key] - before[key]
    wait_until("all flows ended", lambda: counted("flows_closed") >= 200, 60)
    assert 0 < lost and (counted("requests"), counted("replies"), counted("unanswered")) == (200, 200 - lost, lost), (
        lost, counted("requests"), counted("replies"), counted("unanswered"))


# Each from a port of its own; a socket is kept until its answer came, or none can come any more.
ASK_ONCE = """
import select, socket, sys
waiting = []
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 20000 + i))
    s.sendto(b"x", (sys.argv[1], 7000))
    waiting.append(s)
while waiting:
    ready, _, _ = select.select(waiting, [], [], 2)
    if not ready:
        break
    waiting = [s for s in waiting if s not in ready]
"""


def retransmissions_tell_of_a_known_loss(world):
    drop(world.p2, f"tcp dport 7001 numgen random mod 100 < {LOSS_PERCENT} drop")
    before = world.gateway.leg("sink", "sink2")
    world.c1.run("/usr/bin/python3", "-c", UPLOAD, v4(SERVICE), seconds=90)
    world.p2.run("nft", "flush", "ruleset")
    after = world.gateway.leg("sink", "sink2")
    sent = after["segments_to"] - before["segments_to"]
    again = after["retransmitted_to"] - before["retransmitted_to"]
    assert 0.5 * LOSS_PERCENT < 100 * again / sent < 2 * LOSS_PERCENT, f"{again} of {sent}"


UPLOAD = """
import socket, sys, threading
s = socket.create_connection((sys.argv[1], 7001))
total = 6_000_000
def receive():
    got = 0
    while got < total:
        got += len(s.recv(65536))
t = threading.Thread(target=receive)
t.start()
s.sendall(b"x" * total)
t.join()
"""


def drop(host, rule):
    try:
        host.run("nft", "-f", "-", stdin=f"table inet t {{ chain c {{ type filter hook input priority 0; {rule}; }}; }}")
    except LabError as error:
        raise Skip(f"needs nftables with numgen: {error}") from error

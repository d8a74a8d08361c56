# SPDX-License-Identifier: Apache-2.0
"""Local ports and flow slots rest before they are used again: fast churn, late answers, clients that reuse their ports.

      c1, c2 ---- sw ---- p1 web1 (closes first), echo :7000   p2 ...
                  gw
"""

from lab import servers, worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import SERVICE, v4

REUSE = """
import socket, struct, sys
for linger in (True,):
    for i in range(100):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if linger:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.settimeout(5)
        s.bind(("", 23456))
        s.connect((sys.argv[1], 80))
        s.sendall(b"GET / HTTP/1.1\\r\\nHost: lab\\r\\nConnection: close\\r\\n\\r\\n")
        data = b""
        while chunk := s.recv(4096):
            data += chunk
        s.close()
        assert b"200 OK" in data, (linger, i, data)
print("all answered")
"""

LATE = """
import socket, sys
first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
first.sendto(b"late 1500", (sys.argv[1], 7000))
others = []
for i in range(300):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.sendto(b"mine %d" % i, (sys.argv[1], 7000))
    data = s.recv(100)
    assert data == b"mine %d" % i, (i, data)
    others.append(s)
first.settimeout(0.1)
import select
ready, _, _ = select.select(others, [], [], 2.5)
assert not ready, ("another client got", [s.recv(100) for s in ready])
print("nobody else got it")
"""


def setup(lab):
    rows = worlds.web_and_dns() + [worlds.service("echo", "udp", 7000, kind="icmp", per_request=True)]
    return worlds.one_armed(lab, rows, before=_echo)


def _echo(world):
    for host in ("p1", "p2", "s1", "s2"):
        servers.script(world.hosts[host], "echo", "7000")


def a_server_that_closes_first_at_a_high_rate_serves_every_request(world):
    load = Load(world.c1, http=f"{v4(SERVICE)}:80", http_rate=1500)
    load.wait_records(9000, 30)
    records = load.stop()
    assert not failures(records), (len(failures(records)), failures(records)[:5])


def a_client_that_reuses_its_own_port_is_served(world):
    assert world.c2.run("/usr/bin/python3", "-c", REUSE, v4(SERVICE), seconds=60) == "all answered\n"


def a_late_answer_reaches_nobody_else(world):
    """Of a request that was given up: the slot may have another client by then, were it not for its rest."""
    assert world.c2.run("/usr/bin/python3", "-c", LATE, v4(SERVICE)) == "nobody else got it\n"


def flows_end_when_connections_do(world):
    wait_until("flows of closed connections ended", lambda: _active(world) < 100, 30)


def _active(world):
    return world.gateway.status()["flows"]["used"]

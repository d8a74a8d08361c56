# SPDX-License-Identifier: Apache-2.0
"""IPv4 fragments are put together, decided on, and sent on in fragments again.

      c1 ---- sw ---- p1 echo :7000   p2 echo :7000
              gw
"""

from lab import servers, worlds
from lab.hosts import wait_until
from lab.topology import SERVICE, v4

# DPDK's net_af_packet has the kernel put fragments together first; what then is larger than a frame is lost (docs/limits.md).
PMDS = ("af_xdp",)

ECHO = """
import os, socket, sys
for size in map(int, sys.argv[2:]):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        data = os.urandom(size)
        s.sendto(data, (sys.argv[1], 7000))
        assert s.recv(65536) == data, size
print("same")
"""


def setup(lab):
    return worlds.one_armed(lab, [worlds.service("echo", "udp", 7000, kind="icmp")], before=_echo)


def _echo(world):
    for host in ("p1", "p2", "s1", "s2"):
        servers.script(world.hosts[host], "echo", "7000")


def large_datagrams_come_back_as_they_were(world):
    before = world.gateway.counters()
    out = world.c1.run("/usr/bin/python3", "-c", ECHO, v4(SERVICE), "100", "1472", "1473", "3000", "4000", "8000")
    assert out == "same\n"
    after = world.gateway.counters()
    moved = {key: after[key] - before[key] for key in ("reassembled", "fragmented")}
    assert moved == {"reassembled": 8, "fragmented": 8}, f"four large datagrams, each way: {moved}"


def many_at_a_time_do_too(world):
    out = world.c2.run("/usr/bin/python3", "-c", ECHO, v4(SERVICE), *(["2500"] * 200))
    assert out == "same\n"


def a_fragment_that_stays_alone_times_out_and_is_counted(world):
    before = world.gateway.counters()["ends"]["fragment_timeout"]
    code = ("from scapy.all import *\nconf.verb=0\n"
            f"p=IP(dst='{v4(SERVICE)}',flags='MF',id=77)/UDP(sport=999,dport=7000)/(b'x'*800)\nsend(p)\n")
    world.c1.run("/usr/bin/python3", "-c", code)
    wait_until("fragment_timeout counted", lambda: world.gateway.counters()["ends"]["fragment_timeout"] > before, 40)

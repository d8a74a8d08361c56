# SPDX-License-Identifier: Apache-2.0
"""Malformed frames are dropped under a reason that is counted, and the traffic beside them goes on.

      c1 (scapy) ---- sw ---- p1, p2
      c2 (load)       gw
"""

import json

from lab import worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import SERVICE, v4, v6

# name of the counter -> scapy expression of a frame towards the gateway; e is the Ethernet header
FRAMES = {
    "bad_ip_header": "e/IP(dst=V4,chksum=0xdead)/UDP(sport=1,dport=53)/b'x'",
    "bad_ip_length": "e/IP(dst=V4,len=1400)/UDP(sport=1,dport=53)/b'x'",
    "bad_ip_source": "e/IP(src='127.0.0.1',dst=V4)/UDP(sport=1,dport=53)/b'x'",
    "bad_l4_header": "e/IP(dst=V4)/UDP(sport=1,dport=53,len=900)/b'x'",
    "bad_tcp_flags": "e/IP(dst=V4)/TCP(sport=1,dport=80,flags='SF')",
    "no_flow": "e/IP(dst=V4)/TCP(sport=1,dport=80,flags='PA',seq=1,ack=1)/b'x'",
    "bad_icmp": "e/IP(dst=V4)/ICMP(type=3,code=1)/b'short'",
    "ttl_expired": "e/IP(dst=V4,ttl=1)/UDP(sport=1,dport=53)/b'x'",
    "bad_ipv6_extension": "e6/IPv6(dst=V6,nh=0)/Raw(bytes([17,255])+b'x'*6)",
    "protocol_unknown": "e/IP(dst=V4,proto=47)/b'xxxxxxxx'",
}
# What the XDP filter cannot read to the end is the kernel's to judge.
KERNELS_ON_XDP = ("bad_ipv6_extension",)
SCRIPT = """
import json, sys
from scapy.all import *
conf.verb = 0
mac, V4, V6, frames = json.loads(sys.argv[1])
e, e6 = Ether(dst=mac, type=0x800), Ether(dst=mac, type=0x86dd)
for text in frames:
    sendp([eval(text)] * 3, iface="eth0")
"""


def setup(lab):
    return worlds.one_armed(lab)


def _send(world, frames):
    argument = json.dumps([world.gw.mac("gw0"), v4(SERVICE), v6(SERVICE), frames])
    world.c1.run("/usr/bin/python3", "-c", SCRIPT, argument)


def every_kind_is_counted_under_its_reason(world):
    before = world.gateway.counters()["ends"]
    _send(world, list(FRAMES.values()))
    after = world.gateway.counters()["ends"]
    moved = {key: after[key] - before[key] for key in FRAMES}
    # Without a flow fullnat answers with a reset, which is counted as an answer.
    moved["no_flow"] = moved["no_flow"] or after["answered"] - before["answered"]
    moved["ttl_expired"] = moved["ttl_expired"] or after["answered"] - before["answered"]
    expected = [key for key in FRAMES if world.lab.pmd != "af_xdp" or key not in KERNELS_ON_XDP]
    assert not [key for key in expected if moved[key] < 3], moved


def random_frames_harm_nobody(world):
    load = Load(world.c2, http=f"{v4(SERVICE)}:80", http_rate=100, dns=f"{v4(SERVICE)}:53", dns_rate=100)
    code = ("import random,sys\nfrom scapy.all import *\nconf.verb=0\nrandom.seed(7)\nmac,v4,v6=sys.argv[1:]\n"
            "base=[Ether(dst=mac)/IP(dst=v4)/TCP(dport=80,flags='S'),Ether(dst=mac)/IP(dst=v4)/UDP(dport=53)/(b'x'*40),\n"
            " Ether(dst=mac)/IPv6(dst=v6)/TCP(dport=80,flags='S'),Ether(dst=mac)/IPv6(dst=v6)/UDP(dport=53)/(b'x'*40)]\n"
            "out=[]\nfor i in range(2000):\n b=bytearray(bytes(random.choice(base)))\n"
            " for _ in range(random.randint(1,6)): b[random.randrange(14,len(b))]=random.randrange(256)\n"
            " out.append(Raw(bytes(b[:random.randint(15,len(b))])))\nsendp(out,iface='eth0')\n")
    world.c1.run("/usr/bin/python3", "-c", code, world.gw.mac("gw0"), v4(SERVICE), v6(SERVICE), seconds=60)
    load.wait_records(100)
    assert not failures(load.stop()), failures(load.records)[:3]
    world.gateway.process.must_live()


def every_frame_is_accounted_for(world):
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)

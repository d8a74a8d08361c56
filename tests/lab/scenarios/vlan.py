# SPDX-License-Identifier: Apache-2.0
"""All hosts are in VLAN 100, and so is the gateway's port; its host is not.

      c1 [100] ---- sw ---- [100] p1, p2, s1, s2
                    |
                   gw0   understudyd: vlan 100
"""

from pathlib import Path

from lab import worlds
from lab.gateway import Gateway, configuration
from lab.hosts import LabError, Skip, run, wait_until
from lab.servers import need
from lab.topology import LOCAL, SERVICE, OneArmed, v4, v6
from lab.worlds import ask_many, web_many

VLAN = 100


def setup(lab):
    world = OneArmed(lab)
    program = lab.directory / "vlan.o"
    source = Path(__file__).resolve().parents[1] / "vlan.bpf.c"
    run([need("clang"), "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", str(source), "-o", str(program)])
    for host in world.hosts.values():
        tag(host, "eth0", program)
    for host, port in [(world.sw, f"{name}.eth0") for name in world.hosts] + [(world.sw, "gw.gw0"), (world.gw, "gw0")]:
        host.run("ethtool", "-K", port, "txvlan", "off", "rxvlan", "off")
    worlds.start_servers(world)
    world.gateway = Gateway(lab, world.gw, configuration(
        lab, [world.port(vlan=VLAN)], worlds.web_and_dns(), [v4(LOCAL), v6(LOCAL)]))
    world.gateway.start().ready()
    return world


def tag(host, interface, program):
    host.run("ethtool", "-K", interface, "txvlan", "off", "rxvlan", "off")
    try:
        host.run("tc", "qdisc", "add", "dev", interface, "clsact")
        for direction, section in (("egress", "push"), ("ingress", "pop")):
            host.run("tc", "filter", "add", "dev", interface, direction, "bpf", "da", "obj", program, "sec", f"tc/{section}")
    except LabError as error:
        raise Skip(f"needs tc with BPF: {error}") from error


def hosts_are_in_the_vlan(world):
    world.c1.run("ping", "-c1", "-W1", v4(11))


def tcp_over_both_families(world):
    for address in (v4(SERVICE), v6(SERVICE)):
        assert set(web_many(world.c1, address, 40)) == {"web1", "web2"}


def udp_over_both_families(world):
    for address in (v4(SERVICE), v6(SERVICE)):
        numbers = ask_many(world.c1, address, 40)
        assert len(numbers) == 40 and set(numbers) == {11, 12}, numbers


def a_frame_without_the_tag_is_counted_and_dropped(world):
    before = world.gateway.counters()["ends"]
    world.c2.run("tc", "filter", "del", "dev", "eth0", "egress")
    code = ("import sys\nfrom scapy.all import *\nconf.verb=0\n"
            "sendp([Ether(dst=sys.argv[1])/IP(dst=sys.argv[2])/UDP(dport=53)/b'x']*3,iface='eth0')\n")
    world.c2.run("/usr/bin/python3", "-c", code, world.gw.mac("gw0"), v4(SERVICE))
    wait_until("vlan_unknown counted", lambda: world.gateway.counters()["ends"]["vlan_unknown"] - before["vlan_unknown"] >= 3)

# SPDX-License-Identifier: Apache-2.0
"""dsr-l2: frames are sent on to the server's link address as they are, and it answers the client itself.

      c1  <------------- replies ---------------+-----------+
       |                                        |           |
    ===+=====sw====+===========================p1==========p2===== ...
                   |                     service address on lo, not told by ARP
                  gw0
"""

from lab import worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import SERVERS, SERVICE, v4, v6
from lab.worlds import ask_many, web_many


def setup(lab):
    rows = worlds.web_and_dns(forward="dsr-l2")
    for row in rows:
        row.pop("per_request", None)
    return worlds.one_armed(lab, rows, before=_hold_address)


def _hold_address(world):
    for name in SERVERS:
        host = world.hosts[name]
        host.sysctl("net.ipv4.conf.all.arp_ignore", 1)
        host.sysctl("net.ipv4.conf.all.arp_announce", 2)
        host.address("lo", f"{v4(SERVICE)}/32", f"{v6(SERVICE)}/128")


def tcp_over_ipv4(world):
    assert set(web_many(world.c1, v4(SERVICE), 60)) == {"web1", "web2"}


def tcp_over_ipv6(world):
    assert set(web_many(world.c1, v6(SERVICE), 60)) == {"web1", "web2"}


def udp_over_ipv4(world):
    numbers = ask_many(world.c1, v4(SERVICE), 60)
    assert len(numbers) == 60 and set(numbers) == {11, 12}, numbers


def the_gateway_sees_requests_alone(world):
    load = Load(world.c2, http=f"{v4(SERVICE)}:80", http_rate=100, dns=f"{v4(SERVICE)}:53", dns_rate=100)
    load.wait_records(300)
    assert not failures(load.stop()), failures(load.records)[:3]
    leg = world.gateway.leg("web", "web1")
    assert leg["packets_to"] > 0 and leg["packets_from"] == 0, leg
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)


def a_shift_moves_new_flows(world):
    world.gateway.shift("web", "web1", 100)
    assert set(web_many(world.c1, v4(SERVICE), 40)) == {"web1s", "web2"}
    world.gateway.shift("web", "web1", 0)

# SPDX-License-Identifier: Apache-2.0
"""Two forwarding lcores on a cable with two queues: whatever arrives on the wrong one is handed over.

      c1, c2 ---- sw ---- p1, p2, s1, s2
                  ||
                  gw0   two queues, two lcores
"""

from lab import worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import SERVICE, v4, v6
from lab.worlds import ask_many, web_many

LCORES = (2,)


def setup(lab):
    return worlds.one_armed(lab)


def tcp_and_udp_over_both_families(world):
    for address in (v4(SERVICE), v6(SERVICE)):
        assert set(web_many(world.c1, address, 60)) == {"web1", "web2"}
        numbers = ask_many(world.c1, address, 60)
        assert len(numbers) == 60 and set(numbers) == {11, 12}, numbers


def a_steady_load_with_shift_and_mirror_loses_nothing(world):
    address = v4(SERVICE)
    load = Load(world.c2, http=f"{address}:80", http_rate=200, dns=f"{address}:53", dns_rate=200, long_rate=10)
    world.gateway.mirror("dns", "dns1", 100, shadows=1)
    for percent in (10, 100, 0):
        world.gateway.shift("web", "web1", percent)
        load.wait_records(300)
    assert not failures(load.stop()), failures(load.records)[:5]


def both_lcores_had_packets_and_handed_some_over(world):
    rows = world.gateway.api.get("/v1/lcores")["lcores"]
    assert len(rows) == 2 and all(row["counters"]["received"] for row in rows), rows
    total = world.gateway.counters()
    assert total["handed_over_out"] == total["handed_over_in"] > 0, (total["handed_over_out"], total["handed_over_in"])


def every_packet_is_sent_or_counted(world):
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)

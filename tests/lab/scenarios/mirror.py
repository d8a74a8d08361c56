# SPDX-License-Identifier: Apache-2.0
"""A shadow sees a copy of every DNS query; what it answers ends in the gateway; the primary path loses nothing.

      c1 ---- sw ---- p1 dns1, p2 dns2        answers to c1
              gw ~~~~ s1 dns1s, s2 dns2s      copies; answers swallowed
"""

from lab import servers, worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import SERVICE, v4
from lab.worlds import ask_many

COUNT = 200


def setup(lab):
    return worlds.one_armed(lab)


def _mirror(world, percent):
    for name in ("dns1", "dns2"):
        world.gateway.mirror("dns", name, percent, shadows=1, packets_per_second=0)


def _sums(world):
    """Copies and answers of both shadows, as their legs count them."""
    legs = [world.gateway.leg("dns", name, "shadow") for name in ("dns1s", "dns2s")]
    return {key: sum(leg[key] for leg in legs) for key in ("packets_to", "packets_from", "requests", "replies")}


def shadows_get_a_copy_of_every_query_and_answer_into_the_void(world):
    _mirror(world, 100)
    before, swallowed = _sums(world), world.gateway.counters()["ends"]["shadow_reply"]
    numbers = ask_many(world.c1, v4(SERVICE), COUNT)
    assert len(numbers) == COUNT and set(numbers) == {11, 12}, "the client got the primaries' answers alone"
    wait_until("the shadows answered all", lambda: _sums(world)["packets_from"] - before["packets_from"] == COUNT, 3)
    assert _sums(world)["packets_to"] - before["packets_to"] == COUNT
    assert world.gateway.counters()["ends"]["shadow_reply"] - swallowed == COUNT


def _compared(world):
    legs = [world.gateway.leg("dns", name, "shadow") for name in ("dns1s", "dns2s")]
    return [sum(leg[key] for leg in legs) for key in ("answers_same", "answers_different")]


def answers_of_primary_and_shadow_are_compared(world):
    """Each server answers an address of its own, and all the same SOA."""
    _mirror(world, 100)
    same, different = _compared(world)
    ask_many(world.c1, v4(SERVICE), COUNT)
    wait_until("all answers are compared", lambda: _compared(world) == [same, different + COUNT], 3)
    query = f"{servers.ZONE} SOA\n" * 50
    world.c1.run("dig", f"@{v4(SERVICE)}", "+short", "+nocookie", "+time=1", "+tries=1", "-f", "/dev/stdin", stdin=query)
    wait_until("all answers are compared", lambda: _compared(world) == [same + 50, different + COUNT], 3)


def a_share_of_flows_is_mirrored_by_flow(world):
    _mirror(world, 50)
    before = _sums(world)["packets_to"]
    ask_many(world.c1, v4(SERVICE), COUNT)
    copies = _sums(world)["packets_to"] - before
    assert 0.3 * COUNT < copies < 0.7 * COUNT, copies


def no_mirror_no_copies(world):
    _mirror(world, 0)
    before = _sums(world)["packets_to"]
    ask_many(world.c1, v4(SERVICE), COUNT)
    assert _sums(world)["packets_to"] == before


def wanted_copies_are_sent_or_counted_by_reason_with_a_budget(world):
    before = world.gateway.counters()
    for name in ("dns1", "dns2"):
        world.gateway.mirror("dns", name, 100, packets_per_second=50)
    load = Load(world.c1, dns=f"{v4(SERVICE)}:53", dns_rate=400)
    load.wait_records(800)
    assert not failures(load.stop()), "the primary path lost nothing"
    after = world.gateway.counters()
    keys = ("mirrored", "mirror_over_budget", "mirror_no_buffer", "mirror_shadow_down", "mirror_tx_full")
    moved = {key: after[key] - before[key] for key in ("mirror_wanted", *keys)}
    assert moved["mirror_wanted"] == sum(moved[key] for key in keys) >= 800, moved


def a_dead_shadow_costs_the_primaries_nothing(world):
    _mirror(world, 100)
    load = Load(world.c1, dns=f"{v4(SERVICE)}:53", dns_rate=300)
    load.wait_records(100)
    world.server["dns1s"].kill()
    world.s2.ip("link", "set", "eth0", "down")
    load.wait_records(600)
    assert not failures(load.stop()), failures(load.records)[:3]

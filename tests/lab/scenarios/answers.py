# SPDX-License-Identifier: Apache-2.0
"""A shadow that answers otherwise than its primary is found unfit by the copies it gets: before traffic moves, and after.

      c1 load ---- sw ---- p1 dns1 (drops requests: nft)
                   gw ~~~~ s1 dns1s: the same zone, or one with an address of its own
"""

from lab import servers, worlds
from lab.hosts import wait_until
from lab.load import Load
from lab.policies import QUICK, Steered, heal, lose
from lab.topology import SERVICE, v4

PMDS, LCORES = ("af_xdp",), (1,)  # the comparison knows of neither
RATE = 200  # per second, of both primaries
TOO_MANY = 100000  # requests before a verdict: so many that the shift stays at its first share


def setup(lab):
    row = worlds.service("dns", "udp", 53, kind="icmp", per_request=True, policy=QUICK, mirror={"fraction": "100%"})
    world = worlds.one_armed(lab, [row])
    world.gateway.config["timeouts"] = {"udp_unanswered": "500ms", "udp": "500ms"}  # what is lost is known by then
    world.gateway.reload()
    world.dns1 = Steered(world.gateway)
    return world


def _answers_as(world, number):
    """dns1s is another server from now on, with that number."""
    world.server["dns1s"].stop()
    world.server["dns1s"] = servers.name_server(world.s1, number)


def _busy(world):
    running = Load(world.c1, dns=f"{v4(SERVICE)}:53", dns_rate=RATE)
    running.wait_records(5 * RATE)
    return running


def _found(world, last):
    return [d for d in world.dns1.decided(last) if d["rung"] == "shadow_worse" and "answers differ" in d["text"]]


def a_shadow_with_another_address_gets_no_traffic(world):
    running = _busy(world)
    world.dns1.order("act")
    lose(world.p1, 40)
    wait_until("it is found unfit", lambda: _found(world, 0), 20)
    running.wait_records(5 * RATE)
    assert all(d["shift"] == 0 for d in world.dns1.decided()), world.dns1.decided()
    assert ", allowed 5 %" in _found(world, 0)[0]["text"], _found(world, 0)[0]["text"]
    heal(world.p1)
    world.dns1.home()
    running.stop()


def one_that_answers_as_the_primary_gets_all(world):
    _answers_as(world, 11)
    running = _busy(world)
    world.dns1.order("act")
    last = world.dns1.last()
    lose(world.p1, 40)
    wait_until("the shadow serves all", lambda: world.dns1.row()["state"] == "shifted", 60)
    heal(world.p1)
    world.dns1.home()
    running.stop()
    assert not _found(world, last), _found(world, last)


def one_that_begins_to_answer_otherwise_loses_what_it_got(world):
    _answers_as(world, 11)
    world.gateway.config["services"][0]["policy"]["verify"] = {"min_requests": TOO_MANY}
    world.gateway.reload()
    running = _busy(world)
    world.dns1.order("act")
    last = world.dns1.last()
    lose(world.p1, 30)
    wait_until("it got a share", lambda: 0 < world.dns1.row()["shift"] <= 0.25, 30)
    servers.renumber(world.server["dns1s"], 21)
    wait_until("it lost it again", lambda: _found(world, last), 15)
    wait_until("all is back", lambda: world.dns1.row()["shift"] == 0, 10)
    heal(world.p1)
    world.dns1.home()
    running.stop()

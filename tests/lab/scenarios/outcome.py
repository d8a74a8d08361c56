# SPDX-License-Identifier: Apache-2.0
"""After a shift the old primary gets copies of what its shadow serves: its outcome is seen, and its traffic comes back
when it answers them again, not when nobody remembers.

      c1 load ---- sw ---- s1 dns1s     answers to c1
                   gw ~~~~ p1 dns1      copies (drops requests: nft); answers swallowed
                   |       p2 dns2
"""

from lab import worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.policies import QUICK, Steered, heal, lose
from lab.topology import SERVICE, v4
from lab.worlds import ask_many

PMDS, LCORES = ("af_xdp",), (1,)  # see mirror for copies on others
RATE = 200  # per second, of both primaries
COUNT = 200


def setup(lab):
    policy = {**QUICK, "verify": {"answers": "100%"}}  # each server answers with an address of its own
    row = worlds.service("dns", "udp", 53, kind="icmp", per_request=True, policy=policy, mirror={"fraction": "100%"})
    world = worlds.one_armed(lab, [row])
    world.gateway.config["timeouts"] = {"udp_unanswered": "500ms", "udp": "500ms"}  # what is lost is known by then
    world.gateway.reload()
    world.dns1 = Steered(world.gateway)
    return world


def _copies(world):
    leg = world.gateway.leg("dns", "dns1", "shadow")
    return leg.get("packets_to", 0), leg.get("replies", 0)


def the_old_primary_gets_a_copy_of_every_query_and_no_client_sees_it(world):
    world.gateway.shift("dns", "dns1", 100)
    sent, answered = _copies(world)
    numbers = ask_many(world.c1, v4(SERVICE), COUNT)
    served = numbers.count(21)
    assert len(numbers) == COUNT and set(numbers) == {12, 21}, "the clients got the shadow's answers alone"
    wait_until("the old primary answered all", lambda: _copies(world) == (sent + served, answered + served), 3)


def none_while_it_serves_a_share(world):
    world.gateway.shift("dns", "dns1", 50)
    before = _copies(world)
    assert {11, 21} <= set(ask_many(world.c1, v4(SERVICE), COUNT))
    assert _copies(world) == before
    world.gateway.shift("dns", "dns1", 0)
    world.dns1.order("release")


def _risk(world):
    return world.gateway.api.get("/v1/risk?service=dns&endpoint=dns1")["endpoints"][0]


def its_traffic_returns_when_it_answers_its_copies_again(world):
    running = Load(world.c1, dns=f"{v4(SERVICE)}:53", dns_rate=RATE)
    running.wait_records(5 * RATE)
    world.dns1.order("act")
    last = world.dns1.last()
    lose(world.p1, 60)
    wait_until("the shadow serves all", lambda: world.dns1.row()["state"] == "shifted", 60)
    wait_until("its risk is that of the copies", lambda: _risk(world)["measured_on"] == "copies", 20)
    wait_until("its failure is seen", lambda: _risk(world)["state"] == "failing", 20)
    running.wait_records(10 * RATE)  # begun before
    assert not failures(running.wait_records(10 * RATE, 30)), "no client met the old primary"
    assert world.dns1.row()["state"] == "shifted" and world.dns1.row()["shift"] == 1
    heal(world.p1)
    world.dns1.home()
    running.stop()
    rungs = [d["rung"] for d in world.dns1.decided(last)]
    assert "recovered" in rungs and "relapse" not in rungs, rungs

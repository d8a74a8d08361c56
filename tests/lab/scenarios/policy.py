# SPDX-License-Identifier: Apache-2.0
"""The policy moves a primary's traffic to its shadow while it loses requests, step by step, and brings it back.

      c1 load ---- sw ---- p1 dns1 (drops requests: nft) --policy--> s1 dns1s
                   |       p2 dns2
                   gw
"""

from lab import worlds
from lab.hosts import wait_until
from lab.load import Load, by_server
from lab.policies import QUICK, Steered, heal, lose
from lab.topology import SERVICE, v4

PMDS, LCORES = ("af_xdp",), (1,)  # the policy knows of neither
RATE = 200  # per second, of both primaries


def setup(lab):
    policy = {**QUICK, "verify": {"answers": "100%"}}  # each server answers with an address of its own
    row = worlds.service("dns", "udp", 53, kind="icmp", per_request=True, policy=policy)
    world = worlds.one_armed(lab, [row])
    world.gateway.config["timeouts"] = {"udp_unanswered": "500ms", "udp": "500ms"}  # what is lost is known by then
    world.gateway.reload()
    world.dns1 = Steered(world.gateway)
    return world


def _load(world):
    running = Load(world.c1, dns=f"{v4(SERVICE)}:53", dns_rate=RATE)
    running.wait_records(5 * RATE)
    return running


def observing_touches_nothing(world):
    running = _load(world)
    lose(world.p1, 40)
    wait_until("it says what it would do", lambda: any(d["outcome"] == "observed" for d in world.dns1.decided()), 20)
    assert world.dns1.row()["shift"] == 0 and world.gateway.endpoint("dns", "dns1")["mirror"]["share"] == 0
    heal(world.p1)
    running.stop()


def traffic_leaves_a_primary_that_loses_requests_and_returns(world):
    running = _load(world)
    world.dns1.order("act")
    lose(world.p1, 40)
    wait_until("the shadow serves all", lambda: world.dns1.row()["state"] == "shifted", 60)
    running.wait_records(RATE)  # decided before
    served = by_server(running.wait_records(2 * RATE))
    assert served.get("21") and served.get("12") and not served.get("11"), served
    heal(world.p1)
    world.dns1.home()
    running.stop()
    rungs = [d["rung"] for d in world.dns1.decided()]
    assert "objective" in rungs and "recovered" in rungs, rungs
    shares = [d["shift"] for d in world.dns1.decided() if d["state"] in ("verify", "shift", "shifted")]
    assert 0 < shares[0] <= 0.25 and shares[-1] == 1, shares


def a_shadow_that_is_worse_gets_the_canary_alone(world):
    running = _load(world)
    world.dns1.order("act")
    last = world.dns1.last()
    lose(world.s1, 95)
    lose(world.p1, 30)
    wait_until("it was tried", lambda: any(d["state"] == "rollback" for d in world.dns1.decided(last)), 60)
    shares = [d["shift"] for d in world.dns1.decided(last)]
    assert max(shares) <= 0.25, shares
    heal(world.p1, world.s1)
    world.dns1.home()
    running.stop()


def advising_waits_for_approval(world):
    running = _load(world)
    world.dns1.order("advise")
    lose(world.p1, 40)
    wait_until("it asks", lambda: world.dns1.row()["asked"] > 0, 90)
    assert world.dns1.row()["shift"] == 0
    world.gateway.ctl("approve", str(world.dns1.row()["asked"]))
    wait_until("it begins", lambda: world.dns1.row()["shift"] > 0, 20)
    heal(world.p1)
    world.dns1.home()
    running.stop()


def a_shift_by_hand_is_left_alone(world):
    running = _load(world)
    world.dns1.order("act")
    world.gateway.shift("dns", "dns1", 10)
    wait_until("hands are seen", lambda: world.dns1.row()["hold"], 10)
    lose(world.p1, 40)
    running.wait_records(4 * RATE)
    assert abs(world.dns1.row()["shift"] - 0.1) < 0.001
    heal(world.p1)
    world.dns1.order("release")
    world.dns1.home()
    running.stop()

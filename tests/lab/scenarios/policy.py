# SPDX-License-Identifier: Apache-2.0
"""The policy moves a primary's traffic to its shadow while it loses requests, step by step, and brings it back.

      c1 load ---- sw ---- p1 dns1 (drops requests: nft) --policy--> s1 dns1s
                   |       p2 dns2
                   gw
"""

import json

from lab import worlds
from lab.hosts import wait_until
from lab.load import Load, by_server
from lab.topology import SERVICE, v4

PMDS, LCORES = ("af_xdp",), (1,)  # the policy knows of neither
RATE = 200  # per second, of both primaries
QUICK = {"prediction": False, "enter_n": 1, "enter_m": 1, "leave_n": 3, "leave_m": 3, "soak": "1s", "dwell": "2s",
         "deadline": "20s", "cooldown": "1s"}


def setup(lab):
    row = worlds.service("dns", "udp", 53, kind="icmp", per_request=True, policy=QUICK)
    world = worlds.one_armed(lab, [row])
    world.gateway.config["timeouts"] = {"udp_unanswered": "500ms", "udp": "500ms"}  # what is lost is known by then
    world.gateway.reload()
    return world


def lose(host, percent):
    host.run("nft", "-f", "-", stdin="table ip lab { chain in { type filter hook input priority 0; "
             f"udp dport 53 numgen random mod 100 < {percent} drop; }}; }}")


def heal(*hosts):
    for host in hosts:
        host.run("nft", "flush", "ruleset")


def _load(world):
    running = Load(world.c1, dns=f"{v4(SERVICE)}:53", dns_rate=RATE)
    running.wait_records(5 * RATE)
    return running


def _order(world, word):
    world.gateway.ctl("policy", "dns", "dns1", word)


def _row(world):
    rows = json.loads(world.gateway.ctl("--json", "policy"))["policy"]
    return next(r for r in rows if r["endpoint"] == "dns1")


def _decided(world):
    return [d for d in json.loads(world.gateway.ctl("--json", "decisions"))["decisions"] if d["endpoint"] == "dns1"]


def _home(world):
    wait_until("all traffic is home", lambda: _row(world)["state"] == "watch" and _row(world)["shift"] == 0, 60)
    _order(world, "observe")


def observing_touches_nothing(world):
    running = _load(world)
    lose(world.p1, 40)
    wait_until("it says what it would do", lambda: any(d["outcome"] == "observed" for d in _decided(world)), 20)
    assert _row(world)["shift"] == 0 and world.gateway.endpoint("dns", "dns1")["mirror"]["share"] == 0
    heal(world.p1)
    running.stop()


def traffic_leaves_a_primary_that_loses_requests_and_returns(world):
    running = _load(world)
    _order(world, "act")
    lose(world.p1, 40)
    wait_until("the shadow serves all", lambda: _row(world)["state"] == "shifted", 60)
    running.wait_records(RATE)  # decided before
    served = by_server(running.wait_records(2 * RATE))
    assert served.get("21") and served.get("12") and not served.get("11"), served
    heal(world.p1)
    _home(world)
    running.stop()
    rungs = [d["rung"] for d in _decided(world)]
    assert "objective" in rungs and "recovered" in rungs, rungs
    shares = [d["shift"] for d in _decided(world) if d["state"] in ("verify", "shift", "shifted")]
    assert 0 < shares[0] <= 0.25 and shares[-1] == 1, shares


def a_shadow_that_is_worse_gets_the_canary_alone(world):
    running = _load(world)
    _order(world, "act")
    last = _decided(world)[-1]["number"]
    lose(world.s1, 95)
    lose(world.p1, 30)
    wait_until("it was tried", lambda: any(d["state"] == "rollback" for d in _decided(world) if d["number"] > last), 60)
    shares = [d["shift"] for d in _decided(world) if d["number"] > last]
    assert max(shares) <= 0.25, shares
    heal(world.p1, world.s1)
    _home(world)
    running.stop()


def advising_waits_for_approval(world):
    running = _load(world)
    _order(world, "advise")
    lose(world.p1, 40)
    wait_until("it asks", lambda: _row(world)["asked"] > 0, 90)
    assert _row(world)["shift"] == 0
    world.gateway.ctl("approve", str(_row(world)["asked"]))
    wait_until("it begins", lambda: _row(world)["shift"] > 0, 20)
    heal(world.p1)
    _home(world)
    running.stop()


def a_shift_by_hand_is_left_alone(world):
    running = _load(world)
    _order(world, "act")
    world.gateway.shift("dns", "dns1", 10)
    wait_until("hands are seen", lambda: _row(world)["hold"], 10)
    lose(world.p1, 40)
    running.wait_records(4 * RATE)
    assert abs(_row(world)["shift"] - 0.1) < 0.001
    heal(world.p1)
    _order(world, "release")
    _home(world)
    running.stop()

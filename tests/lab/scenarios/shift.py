# SPDX-License-Identifier: Apache-2.0
"""A primary's new flows move to its shadow step by step and come back, under load, and no request notices.

      c1 load ---- sw ---- p1 web1 dns1 --shift--> s1 web1s dns1s
                   |       p2 web2 dns2            s2
                   gw
"""

from lab import worlds
from lab.load import Load, by_server, failures
from lab.topology import SERVICE, v4
from lab.worlds import NUMBER

SAMPLE = 400  # requests that a share is estimated from: standard deviation 2.5 % at one half
SLACK = 0.1


def setup(lab):
    return worlds.one_armed(lab)


def _start_load(world, **more):
    address = v4(SERVICE)
    return Load(world.c1, http=f"{address}:80", http_rate=200, dns=f"{address}:53", dns_rate=200, long_rate=20, **more)


def share_of_shadow(records, primary, shadow):
    counts = by_server(records)
    served = counts.get(primary, 0) + counts.get(shadow, 0)
    return counts.get(shadow, 0) / served if served else 0.0


def new_flows(load):
    """Requests on flows that began after now: those of a moment ago still carry the old decision."""
    load.wait_records(20)
    return [r for r in load.wait_records(2 * SAMPLE, 20) if r.kind in "hd"]


def the_share_follows_the_shift_and_no_request_fails(world):
    load = _start_load(world)
    for percent in (0, 10, 50, 100, 0):
        for service, endpoint in (("web", "web1"), ("dns", "dns1")):
            world.gateway.shift(service, endpoint, percent)
        records = new_flows(load)
        for primary, shadow in (("web1", "web1s"), (str(NUMBER["1"]), str(NUMBER["1s"]))):
            share = share_of_shadow(records, primary, shadow)
            assert abs(share - percent / 100) <= (SLACK if 0 < percent < 100 else 0), (percent, primary, share)
        others = by_server(records)
        assert others.get("web2", 0) and not others.get("web2s", 0), others
    assert not failures(load.stop()), failures(load.records)[:5]


def a_long_lived_connection_stays_where_it_is(world):
    load = _start_load(world)
    load.wait_records(100)
    for percent in (100, 0):
        world.gateway.shift("web", "web1", percent)
        world.gateway.shift("web", "web2", percent)
        load.wait_records(400)
    world.gateway.shift("web", "web2", 0)
    kept = {r.server for r in load.stop() if r.kind == "H"}
    assert len(kept) == 1 and not failures(load.records), kept


def raising_the_shift_only_adds_flows_to_the_shadow(world):
    """Monotone: a source port that the shadow served at 30 % is served by it at 60 % as well."""
    moved = []
    for percent in (30, 60):
        world.gateway.shift("dns", "dns1", percent)
        out = world.c2.run("/usr/bin/python3", "-c", ASK_FROM_PORTS, v4(SERVICE), seconds=60)
        moved.append({int(line.split()[0]) for line in out.splitlines() if line.endswith(f" {NUMBER['1s']}")})
    world.gateway.shift("dns", "dns1", 0)
    assert moved[0] and moved[0] <= moved[1] and len(moved[1]) > len(moved[0]), (len(moved[0]), len(moved[1]))


ASK_FROM_PORTS = """
import socket, sys
query = bytes.fromhex("123401000001000000000000026964036c61620000010001")
for port in range(20000, 20200):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("", port))
        s.settimeout(2)
        s.sendto(query, (sys.argv[1], 53))
        print(port, s.recv(512)[-1])
"""


def a_cohort_goes_to_its_side_whatever_the_shift(world):
    config = world.gateway.config
    web = next(s for s in config["services"] if s["name"] == "web")
    web["cohorts"] = [{"source": f"{v4(52)}/32", "side": "shadow"}]
    world.gateway.reload()
    assert set(worlds.web_many(world.c2, v4(SERVICE), 30)) == {"web1s", "web2s"}
    assert set(worlds.web_many(world.c1, v4(SERVICE), 30)) == {"web1", "web2"}
    del web["cohorts"]
    world.gateway.reload()
    assert set(worlds.web_many(world.c2, v4(SERVICE), 30)) == {"web1", "web2"}


def explain_comes_to_the_answer_that_the_client_gets(world):
    world.gateway.shift("dns", "dns1", 50)
    out = world.c2.run("/usr/bin/python3", "-c", ASK_FROM_PORTS.replace("20200", "20030"), v4(SERVICE))
    names = {str(n): f"dns{suffix}" for suffix, n in NUMBER.items()}
    for line in out.splitlines():
        port, number = line.split()
        answer = world.gateway.explain(f"{v4(52)}:{port}", f"{v4(SERVICE)}:53", "udp")
        assert answer["endpoint"] == names[number], f"{line}: {answer}"
    world.gateway.shift("dns", "dns1", 0)

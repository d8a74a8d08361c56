# SPDX-License-Identifier: Apache-2.0
"""A primary dies under load: it is down at once, its new flows go to its shadow, and only what it had is lost.

      c1 load ---- sw ---- p1 web1 dns1 (killed) ----> s1 web1s dns1s
                   |       p2 web2 dns2
                   gw
"""

import time

from lab import servers, worlds
from lab.hosts import wait_until
from lab.load import Load, by_server, failures
from lab.topology import SERVICE, v4, v6
from lab.worlds import SUFFIX, web_many

DOWN_LIMIT_S = 0.3


def setup(lab):
    return worlds.one_armed(lab)


def _revive(world, name):
    host = world.hosts[next(h for h, suffix in SUFFIX.items() if name.endswith(suffix) and len(suffix) == len(name) - 3)]
    kind = servers.nginx if name.startswith("web") else servers.name_server
    world.server[name] = kind(host, name if name.startswith("web") else worlds.NUMBER[name[3:]])


def _kill_under_load(world, service, name, **load):
    running = Load(world.c1, **load)
    running.wait_records(100)
    killed = time.monotonic()
    world.server[name].kill()
    took = world.gateway.wait_state(service, name, "down")
    marked = time.monotonic()
    running.wait_records(200)
    records = running.stop()
    _revive(world, name)
    world.gateway.ready()
    assert took <= DOWN_LIMIT_S, f"down after {took * 1000:.0f} ms"
    late = [r for r in failures(records) if r.start > marked or r.end < killed]
    assert not late, late[:5]
    return records, marked


def a_killed_web_server_is_down_at_once_and_its_shadow_serves(world):
    records, marked = _kill_under_load(world, "web", "web1", http=f"{v4(SERVICE)}:80", http_rate=200, long_rate=10)
    counts = by_server([r for r in records if r.start > marked])
    assert counts.get("web1s") and counts.get("web2") and not counts.get("web1"), counts


def a_killed_name_server_is_down_at_once_and_its_shadow_serves(world):
    records, marked = _kill_under_load(world, "dns", "dns1", dns=f"{v4(SERVICE)}:53", dns_rate=200, long_rate=10)
    counts = by_server([r for r in records if r.start > marked])
    assert counts.get("21") and counts.get("12") and not counts.get("11"), counts


def the_same_over_ipv6(world):
    for service, name, load in (("web6", "web1", {"http": f"[{v6(SERVICE)}]:80", "http_rate": 200}),
                                ("dns6", "dns1", {"dns": f"[{v6(SERVICE)}]:53", "dns_rate": 200})):
        _kill_under_load(world, service, name, **load)


def an_endpoint_that_comes_back_serves_again(world):
    assert set(web_many(world.c1, v4(SERVICE), 60)) == {"web1", "web2"}


def an_endpoint_and_its_shadow_down_the_others_serve(world):
    for name in ("web1", "web1s"):
        world.server[name].kill()
        world.gateway.wait_state("web", name, "down")
    assert set(web_many(world.c1, v4(SERVICE), 40)) == {"web2"}
    for name in ("web1", "web1s"):
        _revive(world, name)
    world.gateway.ready()


def a_silent_host_is_marked_down_by_its_checks(world):
    world.p1.ip("link", "set", "eth0", "down")
    world.gateway.wait_state("web", "web1", "down", 10)
    world.gateway.wait_state("dns", "dns1", "down", 10)
    assert set(web_many(world.c1, v4(SERVICE), 40)) == {"web1s", "web2"}
    world.p1.ip("link", "set", "eth0", "up")
    world.p1.address("eth0", f"{v6(11)}/64")
    world.gateway.ready()


def connections_of_a_silent_host_are_reset_when_it_is_down(world):
    """A client that only waits learns of it at once, not after minutes."""
    code = ("import socket,sys,time\ns=socket.create_connection((sys.argv[1],80))\nprint('ready',flush=True)\n"
            "try:\n s.recv(1)\n print('closed')\nexcept ConnectionResetError: print('reset')\n")
    waiting = [world.c2.start("/usr/bin/python3", "-u", "-c", code, v4(SERVICE), name="waiting") for _ in range(12)]
    for process in waiting:
        wait_until("connected", lambda p=process: "ready" in p.output())
    world.p1.ip("link", "set", "eth0", "down")
    world.gateway.wait_state("web", "web1", "down", 10)
    wait_until("a client of web1 was reset", lambda: any("reset" in p.output() for p in waiting), 2)
    for process in waiting:
        process.stop()
    world.p1.ip("link", "set", "eth0", "up")
    world.p1.address("eth0", f"{v6(11)}/64")
    world.gateway.ready()


def a_drained_primary_gets_no_new_flows(world):
    world.gateway.drain("web", "web1", True)
    names = set(web_many(world.c1, v4(SERVICE), 40))
    world.gateway.drain("web", "web1", False)
    assert "web1" not in names, names

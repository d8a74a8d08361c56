# SPDX-License-Identifier: Apache-2.0
"""The configuration is read again under load: no packet, flow or setting is lost; a bad file changes nothing.

      c1 load ---- sw ---- p1, p2, s1, s2
                   gw
"""

import signal

from lab import worlds
from lab.hosts import LabError, wait_until
from lab.load import Load, failures
from lab.topology import SERVICE, v4
from lab.worlds import web_many


def setup(lab):
    return worlds.one_armed(lab)


def _web_service(world):
    return next(s for s in world.gateway.config["services"] if s["name"] == "web")


def reloads_under_load_lose_nothing(world):
    load = Load(world.c1, http=f"{v4(SERVICE)}:80", http_rate=200, dns=f"{v4(SERVICE)}:53", dns_rate=200, long_rate=20)
    load.wait_records(50)
    for weight in (50, 200, 100):
        _web_service(world)["endpoints"][0]["weight"] = weight
        world.gateway.reload()
        load.wait_records(100)
    world.gateway.process.signal(signal.SIGHUP)
    load.wait_records(200)
    records = load.stop()
    assert not failures(records), failures(records)[:5]
    assert len({r.server for r in records if r.kind == "H"}) == 1, "the long-lived connection stayed"


def a_bad_file_is_refused_by_name_and_changes_nothing(world):
    generation = world.gateway.status()["generation"]
    _web_service(world)["colour"] = "blue"
    try:
        world.gateway.reload()
    except LabError as error:
        assert "colour" in str(error), error
    else:
        raise AssertionError("an unknown key was taken")
    del _web_service(world)["colour"]
    assert world.gateway.status()["generation"] == generation
    assert web_many(world.c1, v4(SERVICE), 10)


def a_change_that_needs_a_restart_is_refused_by_name(world):
    world.gateway.config["limits"]["flows"] = 32768
    try:
        world.gateway.reload()
    except LabError as error:
        assert "flows" in str(error), error
    else:
        raise AssertionError("a new limit was taken without a restart")
    finally:
        world.gateway.config["limits"]["flows"] = 65536


def a_shift_set_at_run_time_survives_a_reload(world):
    world.gateway.shift("web", "web1", 100)
    world.gateway.reload()
    assert set(web_many(world.c1, v4(SERVICE), 30)) == {"web1s", "web2"}
    world.gateway.shift("web", "web1", 0)


def an_endpoint_can_leave_and_come_back(world):
    service = _web_service(world)
    gone = [e for e in service["endpoints"] if e["name"].startswith("web1")]
    service["endpoints"] = [e for e in service["endpoints"] if e not in gone]
    world.gateway.reload()
    assert set(web_many(world.c1, v4(SERVICE), 30)) == {"web2"}
    service["endpoints"] += gone
    world.gateway.reload()
    world.gateway.ready()
    assert set(web_many(world.c1, v4(SERVICE), 30)) == {"web1", "web2"}


def a_restart_keeps_what_was_set_at_run_time(world):
    world.gateway.shift("web", "web1", 100)
    assert world.gateway.stop() == 0, world.gateway.process.output()[-2000:]
    world.gateway.start().ready()
    wait_until("web1 shifted", lambda: world.gateway.endpoint("web", "web1")["shift"] == 1, 3)
    assert set(web_many(world.c1, v4(SERVICE), 30)) == {"web1s", "web2"}
    world.gateway.shift("web", "web1", 0)

# SPDX-License-Identifier: Apache-2.0
"""The lab without a gateway: what fails here is the lab's fault, or the machine's.

      c1 ----+-- sw --+---- p1   nginx, nsd, redis, memcached
             c2       gw
"""

from lab import clients, servers
from lab.hosts import LabError, wait_until
from lab.load import Load, failures
from lab.topology import OneArmed, v4, v6

PMDS = ("af_xdp",)
LCORES = (1,)


def setup(lab):
    world = OneArmed(lab)
    servers.nginx(world.p1, "web1")
    servers.name_server(world.p1, 11)
    servers.redis(world.p1)
    servers.memcached(world.p1)
    return world


def hosts_reach_each_other_over_both_families(world):
    world.c1.run("ping", "-c1", "-W1", v4(11))
    world.c1.run("ping", "-c1", "-W1", v6(11))


def servers_answer_with_their_names(world):
    assert world.c1.run("curl", "-sS", "-m2", f"http://{v4(11)}/") == "web1\n"
    assert world.c1.run("curl", "-sS", "-m2", f"http://[{v6(11)}]/") == "web1\n"
    assert world.c1.run("dig", "+short", "+time=1", f"@{v4(11)}", "id.lab") == "192.0.2.11\n"
    assert world.c1.run("redis-cli", "-h", v4(11), "ping") == "PONG\n"


def the_load_client_loses_nothing_and_knows_who_answered(world):
    load = Load(world.c1, http=f"{v4(11)}:80", http_rate=200, dns=f"{v4(11)}:53", dns_rate=200, long_rate=10)
    load.wait_records(400)
    records = load.stop()
    assert all(r.ok for r in records), [r for r in records if not r.ok][:3]
    assert {r.server for r in records} == {"11", "web1"}, {r.server for r in records}


def the_load_client_tells_of_failures(world):
    load = Load(world.c1, http=f"{v4(11)}:81", http_rate=50, dns=f"{v4(11)}:54", dns_rate=50)
    load.wait_records(50)
    records = load.stop()
    assert records and not any(r.ok for r in records)


def a_command_that_fails_says_so(world):
    try:
        world.c1.run("false")
    except LabError as error:
        assert "exit code 1" in str(error)
        return
    raise AssertionError("no error")


def curl_and_dnsperf_keep_a_rate_and_tell_of_every_request(world):
    both = [clients.start_curl(world.c1, v4(11), 50), clients.start_dnsperf(world.c1, v4(11), 100)]
    wait_until("50 requests of each", lambda: all(len(c.records) >= 50 for c in both), 10)
    for client in both:
        assert not failures(client.stop()), failures(client.records)[:3]

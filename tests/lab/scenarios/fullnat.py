# SPDX-License-Identifier: Apache-2.0
"""fullnat: servers need not know of the gateway. TCP and UDP over both families, and what must stay as it was.

      c1   c2          p1 web1 dns1   p2 web2 dns2   s1 web1s dns1s   s2 web2s dns2s
       |    |           |              |              |                |
    ===+====+====sw=====+==============+==============+================+===
                 |
                gw0   host .1 (nginx :8080)   understudyd .2   local .3   services .100
"""

from lab import servers, worlds
from lab.hosts import wait_until
from lab.topology import HOST, PORT, SERVICE, v4, v6
from lab.worlds import ask_many, web, web_many

PRIMARY_NAMES = {"web1", "web2"}
PRIMARY_NUMBERS = {11, 12}


def setup(lab):
    services = worlds.web_and_dns()
    services.append(worlds.service("kv", "tcp", 6379, kind="tcp"))
    services.append(worlds.service("cache", "tcp", 11211, kind="icmp"))
    return worlds.one_armed(lab, services, before=_more_servers)


def _more_servers(world):
    for host in ("p1", "p2", "s1", "s2"):
        servers.redis(world.hosts[host])
        servers.memcached(world.hosts[host])
    servers.nginx(world.gw, "host", port=8080)


def web_requests_reach_both_primaries_and_no_shadow(world):
    assert set(web_many(world.c1, v4(SERVICE), 60)) == PRIMARY_NAMES


def web_requests_over_ipv6_reach_both_primaries_and_no_shadow(world):
    assert set(web_many(world.c1, v6(SERVICE), 60)) == PRIMARY_NAMES


def dns_queries_reach_both_primaries_and_each_is_answered(world):
    numbers = ask_many(world.c1, v4(SERVICE), 60)
    assert len(numbers) == 60 and set(numbers) == PRIMARY_NUMBERS, numbers


def dns_queries_over_ipv6_reach_both_primaries_and_each_is_answered(world):
    numbers = ask_many(world.c1, v6(SERVICE), 60)
    assert len(numbers) == 60 and set(numbers) == PRIMARY_NUMBERS, numbers


def large_replies_arrive_whole(world):
    for address in (v4(SERVICE), f"[{v6(SERVICE)}]"):
        out = world.lab.directory / "received"
        world.c2.run("curl", "-sS", "-m", "20", "-o", out, f"http://{address}/size/1m")
        assert out.read_bytes() == bytes(range(256)) * 4096


def redis_and_memcached_keep_a_conversation(world):
    assert world.c1.run("redis-cli", "-h", v4(SERVICE), "set", "a", "1") == "OK\n"
    out = world.c1.run("redis-benchmark", "-h", v4(SERVICE), "-q", "-n", "500", "-c", "10", "-t", "ping_inline")
    assert "requests per second" in out, out
    out = world.c1.run("curl", "-sS", "-m", "3", f"telnet://{v4(SERVICE)}:11211", stdin="version\r\nquit\r\n")
    assert out.startswith("VERSION"), out


def wrk_and_dnsperf_report_no_loss(world):
    out = world.c1.run("wrk", "-t1", "-c8", "-d2", "-H", "Connection: close", f"http://{v4(SERVICE)}/")
    assert "Socket errors" not in out and "Non-2xx" not in out and "requests in" in out, out
    queries = world.lab.directory / "q"
    queries.write_text("id.lab A\n")
    out = world.c2.run("dnsperf", "-s", v4(SERVICE), "-d", queries, "-l", "2", "-Q", "500", "-c", "20")
    assert "Queries lost:         0" in out, out


def a_service_address_and_the_gateways_own_answer_ping(world):
    for address in (v4(SERVICE), v6(SERVICE), v4(PORT), v6(PORT)):
        world.c1.run("ping", "-c2", "-i0.2", "-W1", address)
        # Put together from fragments, and answered in fragments; once this brought the gateway down.
        # (net_af_packet loses what it joins itself: docs/ports.md.)
        for size in ("3000", "9000") if world.lab.pmd == "af_xdp" else ():
            world.c1.run("ping", "-c1", "-W2", "-s", size, address)


def the_host_keeps_its_interface(world):
    for address in (v4(HOST), v6(HOST)):
        world.c1.run("ping", "-c1", "-W1", address)
        where = f"[{address}]" if ":" in address else address
        assert world.c1.run("curl", "-sS", "-m3", f"http://{where}:8080/") == "host\n"
    assert web(world.gw, v4(11)) == "web1", "the host's own outbound connection"


def the_endpoints_own_outbound_traffic_is_left_alone(world):
    assert world.p1.run("curl", "-sS", "-m3", f"http://{v4(HOST)}:8080/") == "host\n"
    assert web(world.p1, v4(12)) == "web2"
    assert world.p2.run("dig", "+short", "+time=1", f"@{v4(11)}", "id.lab") == "192.0.2.11\n"


def a_client_on_an_endpoint_can_use_the_service(world):
    assert web(world.p1, v4(SERVICE)) in PRIMARY_NAMES


def a_port_that_no_service_has_is_refused_or_unanswered_and_counted(world):
    before = world.gateway.counters()["ends"]
    world.c1.run("curl", "-sS", "-m1", f"http://{v4(SERVICE)}:81/", check=False)
    after = world.gateway.counters()["ends"]
    assert after != before, "no packet end moved"


def every_packet_received_is_sent_or_counted(world):
    web_many(world.c1, v4(SERVICE), 50)
    ask_many(world.c2, v6(SERVICE), 50)
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)

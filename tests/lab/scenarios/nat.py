# SPDX-License-Identifier: Apache-2.0
"""nat: servers see the client's own address, and route back through the gateway.

      c1 .51  c2 .52                      p1 .11   p2 .12   s1 .21   s2 .22     default route: .2
        |       |                           |        |        |        |
    ====+=======+==csw==+          +==ssw===+========+========+========+====
      10.1.0.0/24       |          |     10.2.0.0/24
                       gw0 .1/.2  gw1 .1/.2
"""

from lab import servers, worlds
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import HOST, SERVICE, v4, v6
from lab.worlds import ask_many, web, web_many


def setup(lab):
    world = worlds.two_armed(lab, worlds.web_and_dns(forward="nat", net=2, vip_net=1), before=_whoami)
    return world


def _whoami(world):
    """Each web server also tells whom it sees; c1 has a server that endpoints can reach on their own account."""
    for host in ("p1", "p2", "s1", "s2"):
        servers.nginx(world.hosts[host], "_whoami", port=8081, extra='location = /who { return 200 "$remote_addr\\n"; }')
    servers.nginx(world.c1, "client")
    world.gw.sysctl("net.ipv4.ip_forward", 1)
    world.gw.sysctl("net.ipv6.conf.all.forwarding", 1)
    for name in ("c1", "c2"):
        world.hosts[name].ip("route", "replace", v4(0, 2) + "/24", "via", v4(HOST, 1))


def tcp_over_ipv4(world):
    assert set(web_many(world.c1, v4(SERVICE, 1), 60)) == {"web1", "web2"}


def tcp_over_ipv6(world):
    assert set(web_many(world.c1, v6(SERVICE, 1), 60)) == {"web1", "web2"}


def udp_over_ipv4(world):
    numbers = ask_many(world.c1, v4(SERVICE, 1), 60)
    assert len(numbers) == 60 and set(numbers) == {11, 12}, numbers


def udp_over_ipv6(world):
    numbers = ask_many(world.c2, v6(SERVICE, 1), 60)
    assert len(numbers) == 60 and set(numbers) == {11, 12}, numbers


def large_replies_arrive_whole(world):
    out = world.lab.directory / "received"
    world.c1.run("curl", "-sS", "-m", "20", "-o", out, f"http://{v4(SERVICE, 1)}/size/1m")
    assert out.read_bytes() == bytes(range(256)) * 4096


def the_server_sees_the_clients_address(world):
    """Asked of the kernel of p1 and p2 while a connection is open."""
    load = Load(world.c1, http=f"{v4(SERVICE, 1)}:80", long_rate=50)
    load.wait_records(10)
    peers = "".join(world.hosts[h].run("ss", "-Htn", "state", "established", "sport", "=", ":80") for h in ("p1", "p2"))
    load.stop()
    assert f"{v4(51, 1)}:" in peers and f"{v4(HOST, 2)}:" not in peers, peers


def an_endpoints_own_connections_go_through_the_host(world):
    assert web(world.p1, v4(51, 1)) == "client"


def a_steady_load_loses_nothing_and_every_packet_is_accounted_for(world):
    address = v4(SERVICE, 1)
    load = Load(world.c2, http=f"{address}:80", http_rate=200, dns=f"{address}:53", dns_rate=200, long_rate=10)
    load.wait_records(800)
    assert not failures(load.stop()), failures(load.records)[:3]
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)

# SPDX-License-Identifier: Apache-2.0
"""What most scenarios start from: web and name servers on two primaries and two shadows, behind a gateway.

Endpoints are named after their service and host: web1 and dns1 on p1, web2 and dns2 on p2, web1s and dns1s on s1, ...;
with "6" behind the service's name for IPv6. A web server answers with its endpoint's name, a name server with its
host's number.
"""

from lab import servers
from lab.gateway import Gateway, configuration
from lab.topology import LOCAL, SERVERS, SERVICE, OneArmed, TwoArmed, v4, v6

PROBE = "hex:" + servers.dns_query("id.lab", 0x1234).hex()
CHECKS = {
    "web": {"type": "http", "path": "/"},
    "dns": {"type": "udp", "payload": PROBE},
    "tcp": {"type": "tcp"},
    "icmp": {"type": "icmp"},
}
SUFFIX = {"p1": "1", "p2": "2", "s1": "1s", "s2": "2s"}
NUMBER = {"1": 11, "2": 12, "1s": 21, "2s": 22}


def check(kind, **more):
    return {**CHECKS[kind], "interval": "500ms", "timeout": "500ms", **more}


def endpoints(base, address, shadows=True):
    """Two primaries, and a shadow for each."""
    rows = []
    for host, number in SERVERS.items():
        suffix = SUFFIX[host]
        if suffix.endswith("s") and not shadows:
            continue
        more = {"weight": 0} if suffix.endswith("s") else {"shadows": [f"{base}{suffix}s"]} if shadows else {}
        rows.append({"name": f"{base}{suffix}", "address": address(number), **more})
    return rows


def service(name, protocol, port, *, forward="fullnat", family=4, net=0, vip_net=None, base=None, kind=None, **more):
    """A service with the standard endpoints. `net` is theirs, `vip_net` the service address's."""
    def address(number, n=net):
        return v4(number, n) if family == 4 else v6(number, n)
    base = base or name
    return {"name": name, "address": address(SERVICE, net if vip_net is None else vip_net), "protocol": protocol,
            "port": port, "forward": forward, "check": check(kind or base.rstrip("6")),
            "endpoints": endpoints(base, address), **more}


def web_and_dns(**more):
    """The four services that most scenarios need: web and dns over both families."""
    rows = []
    for family, suffix in ((4, ""), (6, "6")):
        rows.append(service(f"web{suffix}", "tcp", 80, family=family, base="web", kind="web", **more))
        rows.append(service(f"dns{suffix}", "udp", 53, family=family, base="dns", kind="dns", per_request=True, **more))
    return rows


def start_servers(world):
    world.server = {}
    for host, suffix in SUFFIX.items():
        world.server[f"web{suffix}"] = servers.nginx(world.hosts[host], f"web{suffix}")
        world.server[f"dns{suffix}"] = servers.name_server(world.hosts[host], SERVERS[host])


def one_armed(lab, services=None, before=None, local=(v4(LOCAL), v6(LOCAL)), **gateway):
    """Servers, and a gateway with one port and fullnat; before(world) starts what else the checks must find."""
    world = OneArmed(lab)
    start_servers(world)
    if before:
        before(world)
    world.gateway = Gateway(lab, world.gw, configuration(
        lab, [world.port()], services if services is not None else web_and_dns(), local, **gateway))
    world.gateway.start().ready()
    return world


def two_armed(lab, services, before=None):
    """Servers that route back through the gateway, which has a port for clients and one for servers."""
    world = TwoArmed(lab)
    start_servers(world)
    if before:
        before(world)
    world.gateway = Gateway(lab, world.gw, configuration(lab, world.ports(), services))
    world.gateway.start().ready()
    return world


def web(host, address, path="/"):
    """GET over a new connection; what came."""
    where = f"[{address}]" if ":" in address else address
    return host.run("curl", "-sS", "-m", "5", f"http://{where}{path}").strip()


def web_many(host, address, count):
    """So many GETs, each over a connection of its own: the names that answered."""
    where = f"[{address}]" if ":" in address else address
    out = host.run("curl", "-sS", "-m", "10", "-H", "Connection: close", f"http://{where}/?[1-{count}]")
    return out.split()


def ask_many(host, address, count):
    """So many DNS queries, each from a socket of its own: the numbers that answered."""
    lines = "".join(f"id.lab\nid{i}.lab\n" for i in range(count // 2))
    out = host.run("dig", f"@{address}", "+short", "+time=1", "+tries=1", "-f", "/dev/stdin", stdin=lines)
    return [int(line.rsplit(".", 1)[-1]) for line in out.split() if line.startswith(servers.ID_NET)]

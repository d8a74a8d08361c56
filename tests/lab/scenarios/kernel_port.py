# SPDX-License-Identifier: Apache-2.0
"""A port that DPDK owns alone, with an interface of the kernel for what is not the gateway's. Played on net_tap, whose
far end is plugged into the switch as if it were a NIC's wire.

      c1 .51  c2 .52           p1 .11   p2 .12   s1 .21   s2 .22
        |       |                |        |        |        |
    ====+=======+=======sw=======+========+========+========+=====   10.0.0.0/24  fd00::/64
                        |
                      wire0 (net_tap)
                        |                   host .1 on kern0
                    understudyd .2 ---------- kern0 (TAP)         services .100
"""

from lab import servers, worlds
from lab.gateway import ApiError, Gateway, configuration
from lab.hosts import wait_until
from lab.load import Load, failures
from lab.topology import CLIENTS, HOST, LOCAL, PORT, SERVERS, SERVICE, OneArmed, both, v4, v6
from lab.worlds import ask_many, web_many

PMDS = ("af_xdp",)
LCORES = (1,)
KERNEL = "kern0"


class World(OneArmed):
    def __init__(self, lab):  # pylint: disable=super-init-not-called
        self.lab = lab
        self.sw = lab.switch()
        self.gw = lab.host("gw")
        self.hosts = {}
        for name, number in {**CLIENTS, **SERVERS}.items():
            self.hosts[name] = lab.host(name)
            lab.plug(self.sw, self.hosts[name], "eth0", both(number))


def setup(lab):
    world = World(lab)
    worlds.start_servers(world)
    port = {"name": "lan", "device": "net_tap0,iface=wire0", "addresses": list(both(PORT)), "kernel": KERNEL}
    world.gateway = Gateway(lab, world.gw, configuration(lab, [port], worlds.web_and_dns(), [v4(LOCAL), v6(LOCAL)]))
    world.gateway.start()
    _plug(world)
    world.gw.address(KERNEL, *both(HOST))
    world.gateway.ready()
    servers.nginx(world.gw, "host", port=8080)
    servers.nginx(world.c1, "client", port=8080)
    return world


def _plug(world):
    """The far end of net_tap becomes a port of the switch. It gets a MAC address of its own: a bridge keeps to itself
    what goes to the address of one of its ports, and that was the DPDK port's."""
    world.gw.ip("link", "set", "wire0", "netns", world.sw.namespace)
    world.sw.ip("link", "set", "wire0", "address", "02:00:00:00:0f:01")
    world.sw.ip("link", "set", "wire0", "master", "br0")
    world.sw.ip("link", "set", "wire0", "up")


def _host_web(host, address):
    return host.run("curl", "-sS", "-m", "5", f"http://{address}:8080/").strip()


def _kernel(world):
    return world.gateway.api.get("/v1/ports")["ports"][0]["kernel"]


def the_interface_is_as_the_port(world):
    port = world.gateway.api.get("/v1/ports")["ports"][0]
    assert world.gw.mac(KERNEL) == port["mac"], port
    assert "mtu 1500" in world.gw.ip("link", "show", KERNEL)


def the_host_is_reached_over_the_port(world):
    for address in (v4(HOST), v6(HOST)):
        world.c1.run("ping", "-c3", "-i", "0.1", "-W1", address)
    assert _host_web(world.c1, v4(HOST)) == "host"
    assert _host_web(world.c1, f"[{v6(HOST)}]") == "host"


def the_host_reaches_others_over_the_port(world):
    world.gw.run("ping", "-c3", "-i", "0.1", "-W1", v4(51))
    assert _host_web(world.gw, v4(51)) == "client"


def packets_for_the_host_may_have_a_ttl_of_one(world):
    """BGP's do."""
    world.c1.run("ping", "-c1", "-t", "1", "-W1", v4(HOST))
    code = ("import socket,sys\ns=socket.socket()\ns.setsockopt(socket.IPPROTO_IP,socket.IP_TTL,1)\ns.settimeout(3)\n"
            "s.connect((sys.argv[1],8080))\n")
    world.c1.run("/usr/bin/python3", "-c", code, v4(HOST))


def large_packets_pass_both_ways(world):
    out = world.lab.directory / "received"
    world.c1.run("curl", "-sS", "-m", "20", "-o", out, f"http://{v4(HOST)}:8080/size/1m")
    assert out.read_bytes() == bytes(range(256)) * 4096
    world.c1.run("ping", "-c1", "-s", "4000", "-W2", v4(HOST))


def the_gateways_addresses_are_answered_by_the_gateway_alone(world):
    """Two answers to one question would be two hosts that think the address theirs."""
    world.gw.sysctl("net.ipv4.conf.all.arp_ignore", 0)
    world.gw.ip("address", "add", f"{v4(SERVICE)}/32", "dev", "lo")
    try:
        assert _answers(world.c2, *(v4(number) for number in (SERVICE, PORT, HOST))) == ["1", "1", "1"]
    finally:
        world.gw.ip("address", "del", f"{v4(SERVICE)}/32", "dev", "lo")


def _answers(host, *addresses):
    """How many replies an ARP request for each gets within half a second."""
    code = ("import sys\nfrom scapy.all import *\nconf.verb=0\nfor a in sys.argv[1:]:\n"
            "  found,_=srp(Ether(dst='ff:ff:ff:ff:ff:ff')/ARP(pdst=a),iface='eth0',multi=True,timeout=0.5)\n"
            "  print(len(found))\n")
    return host.run("/usr/bin/python3", "-c", code, *addresses).split()


def the_service_is_forwarded_at_the_same_time(world):
    load = Load(world.c2, http=f"{v4(SERVICE)}:80", http_rate=100, dns=f"{v4(SERVICE)}:53", dns_rate=100)
    load.wait_records(50)
    for _ in range(20):
        assert _host_web(world.c1, v4(HOST)) == "host"
    load.wait_records(200)
    assert not failures(load.stop()), failures(load.records)[:3]
    assert set(web_many(world.c1, v6(SERVICE), 40)) == {"web1", "web2"}
    assert set(ask_many(world.c1, v6(SERVICE), 40)) == {11, 12}


def what_went_each_way_is_counted(world):
    before = _kernel(world)
    world.c1.run("ping", "-c5", "-i", "0.1", "-W1", v4(HOST))
    after = _kernel(world)
    assert after["interface"] == KERNEL
    assert after["to_kernel"] - before["to_kernel"] >= 5 and after["from_kernel"] - before["from_kernel"] >= 5
    assert after["to_kernel_refused"] == 0 and after["from_kernel_dropped"] == 0, after


def a_flood_for_the_host_costs_the_service_nothing(world):
    flood = world.c1.start("ping", "-f", "-q", "-s", "1000", v4(HOST))
    load = Load(world.c2, http=f"{v4(SERVICE)}:80", http_rate=50, dns=f"{v4(SERVICE)}:53", dns_rate=50)
    load.wait_records(200)
    flood.stop()
    assert not failures(load.stop()), failures(load.records)[:3]
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)


def an_address_of_ours_on_the_interface_is_refused_at_reload(world):
    world.gw.address(KERNEL, f"{v4(SERVICE)}/32")
    try:
        world.gateway.reload()
        raise AssertionError("not refused")
    except ApiError as error:
        assert f"also an address of the host's interface '{KERNEL}'" in error.text, error
    finally:
        world.gw.ip("address", "del", f"{v4(SERVICE)}/32", "dev", KERNEL)


def a_name_that_is_taken_is_told(world):
    world.gw.ip("link", "add", "taken0", "type", "bridge")
    port = {"name": "lan", "device": "net_null0", "addresses": ["10.9.0.2/24"], "kernel": "taken0"}
    config = configuration(world.lab, [port], [], api=str(world.lab.directory / "other.sock"), state_file="",
                           file_prefix=f"{world.lab.prefix}other")
    config["history"] = {"file": ""}
    other = Gateway(world.lab, world.gw, config)
    other.file = world.lab.directory / "other.yaml"
    other.write()
    process = world.gw.start(other.program("understudyd"), "-c", other.file, cpu=None)
    process.popen.wait(30)
    assert process.popen.returncode != 0
    assert "'taken0' cannot be created: the name is taken" in process.output(), process.output()


def the_interface_goes_with_the_daemon(world):
    assert world.gateway.stop() == 0
    assert KERNEL not in world.gw.ip("link", "show")

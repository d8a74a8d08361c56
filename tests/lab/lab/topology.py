# SPDX-License-Identifier: Apache-2.0
"""The two networks that scenarios are played in.

OneArmed: all hosts on one segment; the gateway has one port. fullnat, dsr-l2.

      c1 .51   c2 .52           p1 .11   p2 .12   s1 .21   s2 .22
         |        |                |        |        |        |
    =====+========+=======sw=======+========+========+========+=====   10.0.0.0/24  fd00::/64
                          |
                         gw0    the host itself .1, understudyd .2, local .3, services .100

TwoArmed: clients and servers on two segments with the gateway between them, through which servers route back. nat.

      c1 .51   c2 .52                                p1 .11   p2 .12   s1 .21   s2 .22
         |        |                                     |        |        |        |
    =====+========+===csw===+                    +===ssw+========+========+========+=====
      10.1.0.0/24           |                    |      10.2.0.0/24  fd00:2::/64
      fd00:1::/64          gw0 .1/.2            gw1 .1/.2
"""

CLIENTS = {"c1": 51, "c2": 52}
SERVERS = {"p1": 11, "p2": 12, "s1": 21, "s2": 22}
HOST, PORT, LOCAL, LOCAL2, SERVICE = 1, 2, 3, 4, 100


def v4(number, net=0):
    return f"10.{net}.0.{number}"


def v6(number, net=0):
    """The same number in the IPv6 network, written as in the IPv4 one."""
    prefix = f"fd00:{net}::" if net else "fd00::"
    return f"{prefix}{number}"


def both(number, net=0):
    return f"{v4(number, net)}/24", f"{v6(number, net)}/64"


class OneArmed:
    """The gateway's cables have a queue for each of its lcores."""

    def __init__(self, lab):
        self.lab = lab
        self.sw = lab.switch()
        self.gw = lab.host("gw")
        lab.plug(self.sw, self.gw, "gw0", both(HOST), lab.lcores)
        self.hosts = {}
        for name, number in {**CLIENTS, **SERVERS}.items():
            self.hosts[name] = lab.host(name)
            lab.plug(self.sw, self.hosts[name], "eth0", both(number))

    def __getattr__(self, name):
        try:
            return self.__dict__["hosts"][name]
        except KeyError as error:
            raise AttributeError(name) from error

    def port(self, **more):
        from lab.gateway import device
        return {"name": "lan", **device(self.lab, "gw0"), "addresses": list(both(PORT)), **more}


class TwoArmed(OneArmed):
    def __init__(self, lab):
        self.lab = lab
        self.csw, self.ssw = lab.switch("csw"), lab.switch("ssw")
        self.gw = lab.host("gw")
        lab.plug(self.csw, self.gw, "gw0", both(HOST, 1), lab.lcores)
        lab.plug(self.ssw, self.gw, "gw1", both(HOST, 2), lab.lcores)
        self.hosts = {}
        for name, number in CLIENTS.items():
            self.add(name, self.csw, number, 1)
        for name, number in SERVERS.items():
            self.add(name, self.ssw, number, 2)

    def add(self, name, switch, number, net):
        host = self.hosts[name] = self.lab.host(name)
        self.lab.plug(switch, host, "eth0", both(number, net))
        host.ip("route", "add", "default", "via", v4(PORT, net))
        host.ip("-6", "route", "add", "default", "via", v6(PORT, net))

    def ports(self):
        from lab.gateway import device
        return [{"name": name, **device(self.lab, f"gw{net - 1}"), "addresses": list(both(PORT, net))}
                for name, net in (("clients", 1), ("servers", 2))]

# SPDX-License-Identifier: Apache-2.0
"""The kinds of servers: how each is started on a machine, asked by clients, and checked."""

import subprocess
from dataclasses import dataclass

from lab import servers
from lab.hosts import Skip, wait_until
from suite.panel import Panel

DEPENDENCY_PORT = 9000
EXPORTER_PORT = 9100


class OnMachine:
    """A host whose processes run within a machine's limits, on any CPU."""

    def __init__(self, host, machine):
        self.host = host
        self.machine = machine

    def __getattr__(self, name):
        return getattr(self.host, name)

    def __str__(self):
        return str(self.host)

    def start(self, *command, **options):
        options.setdefault("name", str(command[0]).rsplit("/", 1)[-1])
        options["cpu"] = None
        return self.host.start(*self.machine.enter(command), **options)


@dataclass
class Kind:
    name: str
    protocol: str  # of the load client
    transport: str
    port: int
    check: dict
    replies: str = ""

    def start(self, server):
        """Starts the process of a Server; its panel must be set before."""
        raise NotImplementedError


def built(lab, name):
    path = lab.build / "tests" / "faults" / name
    if not path.is_file():
        raise Skip(f"needs {path}: not built")
    return path


class App(Kind):
    def start(self, server):
        lab, name = server.lab, server.name
        if not server.dependency:
            server.dependency = server.host.start(built(lab, "dependency"), DEPENDENCY_PORT, server.panel.path, cpu=None)
            wait_until("dependency", lambda: servers.listening(server.host, "tcp", DEPENDENCY_PORT), 10)
        disk = lab.directory / f"disk-{name}"
        process = server.on.start(built(lab, "app"), name, self.port, server.workers, server.panel.path, disk, DEPENDENCY_PORT)
        wait_until(f"app on {name}", lambda: process.must_live() and servers.listening(server.host, "tcp", self.port), 10)
        return process


class Nginx(Kind):
    def start(self, server):
        return servers.nginx(server.on, server.name)


class Redis(Kind):
    def start(self, server):
        process = servers.redis(server.on)
        server.host.run(servers.need("redis-cli"), "set", "name", server.name)
        return process


class Nsd(Kind):
    def start(self, server):
        return servers.name_server(server.on, server.number)


PROBE = "hex:" + servers.dns_query("id.lab", 0x1234).hex()
KINDS = {kind.name: kind for kind in (
    App("app", "http", "tcp", 80, {"type": "http", "path": "/"}, "http"),
    Nginx("nginx", "http", "tcp", 80, {"type": "http", "path": "/"}, "http"),
    Redis("redis", "redis", "tcp", 6379, {"type": "tcp"}),
    Nsd("nsd", "dns", "udp", 53, {"type": "udp", "payload": PROBE}, "dns"),
)}


class Server:
    """A server process on a machine of its own."""

    def __init__(self, host, machine, kind, number, settings):
        self.lab = host.lab
        self.host = host
        self.name = host.name
        self.machine = machine
        self.kind = kind
        self.number = number
        self.on = OnMachine(host, machine)
        self.workers = settings.get("workers", 16)
        self.panel = None
        self.dependency = None
        if kind.name == "app":
            self.panel = Panel(self.lab.directory / f"panel-{self.name}")
            for field in ("cpu_us", "dependency_us", "write_blocks"):
                self.panel.set(field, settings.get(field, 0))
        self.process = kind.start(self)

    def crash(self):
        """Ends at once, whatever it is doing."""
        self.process.kill()
        for field in ("busy", "queue") if self.panel else ():
            self.panel.set(field, 0)

    def restart(self):
        self.process = self.kind.start(self)

    def replace(self):
        """A new process beside the old one, which finishes what it has and ends."""
        old = self.process
        self.process = self.kind.start(self)
        old.popen.terminate()

    def exporter_row(self):
        return {"namespace": self.host.path, "port": EXPORTER_PORT, "machine": self.machine.name,
                "directory": str(self.lab.directory), "panel": str(self.panel.path) if self.panel else None}

    def freeze(self, on):
        """As a long garbage collection, a hypervisor or a debugger stops a process."""
        self.process.signal(19 if on else 18)  # SIGSTOP, SIGCONT

    def drop(self, share):
        """Frames lost on their way in, each with this chance, whatever they carry."""
        what = f"numgen random mod 100000 < {round(share * 100000)} drop" if share >= 1e-5 else "accept"
        text = f"""table inet loss
delete table inet loss
table inet loss {{
	chain in {{
		type filter hook prerouting priority -300;
		iifname "eth0" {what}
	}}
	chain out {{
		type filter hook postrouting priority 300;
		oifname "eth0" {what}
	}}
}}
"""
        self.host.run(servers.need("nft"), "-f", "/dev/stdin", stdin=text)

    def alive(self):
        return self.process.alive()


def neighbour(server, cpus):
    """A process on the server's machine that burns CPU."""
    server.machine.limit_neighbour(cpus)
    command = server.machine.enter(["/bin/sh", "-c", "while :; do :; done"], "neighbour")
    return server.host.start(*command, name="neighbour", cpu=None, stdout=subprocess.DEVNULL)

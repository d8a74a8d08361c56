# SPDX-License-Identifier: Apache-2.0
"""A lab with everything running on it, for one fault and one arm.

      c1: clients
       |
  =====+======+=========+=========+=========+=========+=====  one Ethernet segment
              |         |         |         |         |
           gateway     p1        p2        s1        s2       each server on a machine (control groups) of its own;
         10.0.0.100   <shadow>: s1        s2                  exporter on port 9100 of each
"""

import json
import os
import subprocess
from pathlib import Path

from lab.gateway import Gateway, configuration
from lab.hosts import wait_until
from lab.topology import LOCAL, SERVERS, SERVICE, OneArmed, v4
from suite import traffic
from suite.arms import service_keys
from suite.faults import CPUS, MEMORY
from suite.kinds import KINDS, Server, built
from suite.machine import Machine

SERVICE_NAME = "web"
IDLE_SLEEP = "100us"  # four gateways side by side on a CPU
NICE = -10  # what else this machine does must not look like a fault
SHADOW = {"p1": "s1", "p2": "s2"}


class Stage:
    def __init__(self, lab, fault, arm, base_rate):
        self.lab = lab
        self.arm = arm
        self.base_rate = base_rate
        self.kind = KINDS[fault.kind]
        self.net = OneArmed(lab)
        self.machines = []
        self.load = None
        try:
            self.servers = {name: self.server(name, fault.settings) for name in SERVERS}
            self.export()
            self.gateway = Gateway(lab, self.net.gw, self.configuration())
            self.gateway.start().ready()
        except BaseException:
            self.close()
            raise

    def server(self, name, settings):
        machine = Machine(f"{self.lab.prefix}{name}", self.lab.directory, CPUS, MEMORY)
        self.machines.append(machine)
        return Server(self.net.hosts[name], machine, self.kind, SERVERS[name], settings)

    def export(self):
        rows = [server.exporter_row() for server in self.servers.values()]
        process = self.net.sw.start("/usr/bin/python3", Path(__file__).with_name("exporter.py"), json.dumps(rows),
                                    name="exporter", cpu=None)
        wait_until("the exporter", lambda: process.must_live() and "ready" in process.output(), 10)

    def configuration(self):
        endpoints = [{"name": name, "address": v4(number),
                      **({"shadows": [SHADOW[name]]} if name in SHADOW else {"weight": 0})} for name, number in SERVERS.items()]
        per_request = {"per_request": True} if self.kind.transport == "udp" else {}
        service = {"name": SERVICE_NAME, "address": v4(SERVICE), "protocol": self.kind.transport, "port": self.kind.port,
                   "forward": "fullnat", **per_request, **service_keys(self.arm, self.kind), "endpoints": endpoints}
        return configuration(self.lab, [self.net.port()], [service], [v4(LOCAL)], idle_sleep=IDLE_SLEEP)

    def start_load(self, rows, begin, seed):
        """The clients, whose second 0 is `begin` on the monotonic clock."""
        directory = self.lab.directory
        (directory / "schedule").write_text("".join(f"{at} {rate}\n" for at, rate in rows))
        program = built(self.lab, "load")
        self.load = self.net.c1.start(
            program, "--target", f"{v4(SERVICE)}:{self.kind.port}", "--protocol", self.kind.protocol, "--schedule",
            directory / "schedule", "--out", directory / "requests", "--begin-us", round(begin * 1e6), "--seed", seed,
            "--long", traffic.LONG_CONNECTIONS, "--long-share", traffic.LONG_SHARE, "--timeout-ms", traffic.TIMEOUT_MS,
            cpu=None)

    def finish_load(self, begin):
        try:
            self.load.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.load.stop()
        return traffic.read(self.lab.directory / "requests", begin)

    def events(self):
        rows, after = [], 0
        while True:
            page = self.gateway.api.get(f"/v1/events?after={after}")["events"]
            if not page:
                return rows
            rows += page
            after = page[-1]["number"]

    def close(self):
        self.lab.close()
        for machine in self.machines:
            machine.close()


def prefer():
    """This process, and with it all that it starts, before whatever else the machine does."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except OSError:
        pass

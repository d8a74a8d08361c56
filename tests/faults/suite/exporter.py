#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What node_exporter and an application tell Prometheus, for all machines of a lab: one process, a socket per host.

It runs beside the machines, not on them (as cAdvisor does): a machine without CPU still tells that it has none. The names
are node_exporter's; a machine counts as one CPU of which the control group may use a share.

    exporter.py '[{"namespace": PATH, "port": N, "machine": NAME, "directory": DIR, "panel": PATH or null}, ...]'
"""

import ctypes
import json
import math
import os
import selectors
import socket
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[2] / "lab")]

from suite.machine import Machine, version, TREES, ROOT  # noqa: E402
from suite.panel import Panel  # noqa: E402

CLONE_NEWNET = 0x40000000
LOAD_S = 60
REQUEST_MAX = 4096


def page_of(fields):
    return "".join(f"{name} {value:.10g}\n" for name, value in fields)


class Source:
    """The metrics of one machine."""

    def __init__(self, machine, panel=None):
        self.machine = machine
        self.panel = panel
        self.begin = self.last = time.monotonic()
        self.load = 0.0

    def fields_now(self):
        """With the limits that the machine has now: another process sets them."""
        refresh(self.machine)
        return self.fields()

    def fields(self):
        now = time.monotonic()
        busy = self.machine.busy_seconds()
        self.load += (self.machine.tasks() - self.load) * (1 - math.exp((self.last - now) / LOAD_S))
        self.last = now
        rows = [
            ('node_cpu_seconds_total{cpu="0",mode="idle"}', now - self.begin - busy),
            ('node_cpu_seconds_total{cpu="0",mode="user"}', busy),
            ("node_memory_MemTotal_bytes", self.machine.memory),
            ("node_memory_MemAvailable_bytes", self.machine.memory_available()),
            ("node_load1", self.load),
        ]
        return rows + (self.application() if self.panel else [])

    def application(self):
        get = self.panel.get
        return [
            ('node_disk_io_time_seconds_total{device="data"}', get("io_busy_us") / 1e6),
            ('node_disk_write_time_seconds_total{device="data"}', get("write_us") / 1e6),
            ('node_disk_writes_completed_total{device="data"}', get("writes")),
            ('node_disk_written_bytes_total{device="data"}', get("writes") * 4096),
            ("app_workers_max", get("workers")),
            ("app_workers_busy", get("busy")),
            ("app_queue_length", get("queue")),
            ('app_requests_total{code="200"}', get("requests") - get("errors")),
            ('app_requests_total{code="500"}', get("errors")),
            ("app_request_seconds_total", get("request_us") / 1e6),
        ]


def existing_machine(name, directory):
    """A machine that another process made, and whose limits it changes."""
    machine = object.__new__(Machine)
    machine.version = version()
    machine.name, machine.directory = name, directory
    machine.groups = [ROOT / tree / name for tree in TREES[machine.version]]
    machine.busy, machine.looked = 0.0, None
    refresh(machine)
    return machine


def refresh(machine):
    cpu = machine.file("cpu").read_text().split()
    quota = int(cpu[0]) if cpu[0] != "max" else 100000
    machine.cpus = quota / 100000
    machine.memory = int(machine.file("memory").read_text())


def listen_in(namespace, port):
    with open(namespace, "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    server = socket.create_server(("0.0.0.0", port), backlog=16)
    server.setblocking(False)
    return server


def answer(connection, source):
    connection.settimeout(1)
    try:
        if not connection.recv(REQUEST_MAX):
            return
        body = page_of(source.fields_now()).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
    except OSError:
        pass  # the scraper has gone
    finally:
        connection.close()


def main():
    selector = selectors.DefaultSelector()
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    for row in json.loads(sys.argv[1]):
        panel = Panel(Path(row["panel"])) if row["panel"] else None
        source = Source(existing_machine(row["machine"], row["directory"]), panel)
        selector.register(listen_in(row["namespace"], row["port"]), selectors.EVENT_READ, source)
    ctypes.CDLL(None).setns(home, CLONE_NEWNET)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            try:
                connection, _ = key.fileobj.accept()
            except OSError:
                continue
            answer(connection, key.data)


if __name__ == "__main__":
    main()

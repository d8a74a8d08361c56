# SPDX-License-Identifier: Apache-2.0
"""Hosts as network namespaces, cables as veth pairs, and the processes that run on them.

Everything made here is named after the run, remembered, and removed by that name or process id: two runs at a time do
not meet, and a run that fails or is interrupted leaves nothing. Processes die with the run even if it is killed.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

SERVER_CPU = 0
FORWARDING_CPU = 1
LOG_TAIL_LINES = 40
OFFLOADS = ["tx", "off", "rx", "off", "gro", "off", "gso", "off", "tso", "off"]


class LabError(Exception):
    """Something in the lab did not work, with what was tried and what it said."""


class Skip(Exception):
    """This machine lacks something that a test needs; the text names it."""


def wait_until(what, condition, seconds=5.0):
    """Returns the first true value of condition(); LabError if there is none in time."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except OSError as error:
            last = error
        if time.monotonic() > deadline:
            raise LabError(f"not within {seconds:g} s: {what}" + (f" (last: {last})" if last else ""))
        time.sleep(0.01)  # between two looks at something that can only be polled


def run(command, check=True, seconds=30, stdin=None):
    """Runs a command to its end and returns what it printed; LabError with its words if it fails."""
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, errors="replace", **given)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"not finished after {seconds} s: {' '.join(command)}") from error
    if check and done.returncode:
        words = (done.stderr + done.stdout).strip()[-2000:]
        raise LabError(f"{' '.join(command)}: exit code {done.returncode}: {words}")
    return done.stdout


class Process:
    """A process on a host, its output in a file. Stopped by its own process group."""

    def __init__(self, host, command, *, cpu=SERVER_CPU, name=None, stdout=None, env=None):
        self.name = name or Path(command[0]).name
        self.host = host
        self.log = host.lab.directory / f"{host.name}-{self.name}-{secrets.token_hex(2)}.log"
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen(host.enter(command, cpu), stdin=subprocess.DEVNULL, stdout=stdout or log,
                                          stderr=log, start_new_session=True, env=env)
        host.lab.processes.append(self)

    def signal(self, number):
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """The process dies at once, without a word."""
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, seconds=5.0):
        """Asked to end, and made to if it does not; its exit code."""
        if self.popen.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()
        return self.popen.returncode

    def alive(self):
        return self.popen.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def must_live(self):
        if not self.alive():
            raise LabError(f"{self.name} on {self.host} ended with {self.popen.returncode}: {self.output()[-2000:]}")
        return True


class Host:
    """A network namespace."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.namespace = f"{lab.prefix}{name}"
        self.path = f"/var/run/netns/{self.namespace}"
        run(["ip", "netns", "add", self.namespace])
        lab.namespaces.append(self.namespace)
        self.ip("link", "set", "lo", "up")
        settings = [f"net.ipv6.conf.{family}.{key}=0" for family in ("all", "default")
                    for key in ("accept_dad", "accept_ra", "router_solicitations")]
        self.run("sysctl", "-qw", *settings)

    def enter(self, command, cpu=SERVER_CPU):
        """The command as run on this host: nsenter keeps /sys as it is, so that BPF's file system stays visible."""
        cpus = [] if cpu is None else ["taskset", "-c", str(cpu)]
        return ["nsenter", f"--net={self.path}", "setpriv", "--pdeathsig", "KILL", *cpus, *map(str, command)]

    def run(self, *command, check=True, seconds=30, stdin=None):
        return run(self.enter(command), check=check, seconds=seconds, stdin=stdin)

    def start(self, *command, **options):
        return Process(self, list(map(str, command)), **options)

    def ip(self, *arguments):
        return run(["ip", "-n", self.namespace, *map(str, arguments)])

    def sysctl(self, key, value):
        self.run("sysctl", "-qw", f"{key}={value}")

    def address(self, interface, *addresses):
        for address in addresses:
            extra = ["nodad"] if ":" in address else []
            self.ip("address", "add", address, "dev", interface, *extra)

    def addresses(self):
        """All of the host's, without prefix; those of the link alone left out."""
        rows = json.loads(self.ip("-j", "address", "show"))
        return [a["local"] for row in rows for a in row["addr_info"] if a["scope"] != "link"]

    def mac(self, interface):
        return json.loads(self.ip("-j", "link", "show", interface))[0]["address"]

    def __str__(self):
        return self.name


class Lab:
    """One run's hosts, cables, processes and files. Use it as a context."""

    def __init__(self, *, pmd="af_xdp", lcores=1, build="build", name="lab"):
        self.pmd = pmd
        self.lcores = lcores
        self.root = Path(__file__).resolve().parents[3]
        self.build = self.root / build
        self.prefix = f"us{secrets.token_hex(3)}-"
        self.directory = Path(tempfile.mkdtemp(prefix=f"understudy-{name}-"))
        self.directory.chmod(0o755)
        self.namespaces = []
        self.processes = []
        self.at_end = []  # called when all processes have ended
        self.keep = False

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("needs root: network namespaces")
        for tool in ("ip", "nsenter", "ethtool", "setpriv", "taskset", "sysctl"):
            if not shutil.which(tool):
                raise Skip(f"needs {tool}: see tools/packages.txt")
        return self

    def __exit__(self, kind, error, trace):
        if not self.keep:
            self.close()

    def close(self):
        for process in reversed(self.processes):
            if process.alive():
                process.signal(signal.SIGTERM)
        for process in reversed(self.processes):
            process.stop()
        while self.at_end:
            self.at_end.pop()()
        for namespace in reversed(self.namespaces):
            run(["ip", "netns", "delete", namespace], check=False)
        self.namespaces.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def host(self, name):
        return Host(self, name)

    def cable(self, left, left_name, right, right_name, queues=1):
        """A veth pair between two hosts, up on both ends; no offloads, so that frames are as on a wire."""
        count = ["numtxqueues", str(queues), "numrxqueues", str(queues)]
        run(["ip", "link", "add", left_name, "netns", left.namespace, *count, "type", "veth",
             "peer", "name", right_name, "netns", right.namespace, *count])
        for host, name in ((left, left_name), (right, right_name)):
            host.run("ethtool", "-K", name, *OFFLOADS)
            host.ip("link", "set", name, "up")

    def switch(self, name="sw"):
        """A host that is an Ethernet switch."""
        host = Host(self, name)
        host.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0", "stp_state", "0", "forward_delay", "0")
        host.ip("link", "set", "br0", "up")
        # Where br_netfilter is loaded, a bridge judges IP headers and puts fragments together: no switch does.
        for family in ("iptables", "ip6tables", "arptables"):
            host.run("sysctl", "-qw", f"net.bridge.bridge-nf-call-{family}=0", check=False)
        return host

    def plug(self, switch, host, interface, addresses=(), queues=1):
        """A cable from a host to a switch, with addresses at the host's end."""
        port = f"{host.name}.{interface}"[:15]
        self.cable(switch, port, host, interface, queues)
        switch.ip("link", "set", port, "master", "br0")
        host.address(interface, *addresses)

    def logs(self):
        """The last lines of every process that said something, for a failure."""
        parts = []
        for process in self.processes:
            text = process.output().rstrip("\n") if process.log.exists() else ""
            if text:
                lines = LOG_TAIL_LINES if process.name == "understudyd" else LOG_TAIL_LINES // 8
                tail = "\n".join(text.split("\n")[-lines:])
                state = "running" if process.alive() else f"ended with {process.popen.returncode}"
                parts.append(f"--- {process.name} on {process.host} ({state})\n{tail}")
        return "\n".join(parts)

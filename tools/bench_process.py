# SPDX-License-Identifier: Apache-2.0
"""The processes that the bench compares, and the clock it compares them by: CPU time of the forwarding thread."""

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

WORKER = "rte-worker-1"
MBUF_ROOM = 1664  # as the gateway's for an mtu of 1500
SPARE_MBUFS = 8192 + 1024  # as the gateway's
START_SECONDS = 90


class Failed(Exception):
    pass


class Process:
    """One DPDK process with its forwarding thread on CPU 1."""

    def __init__(self, command, log, **streams):
        self.log = log
        with open(log, "wb") as err:
            self.process = subprocess.Popen(command, stderr=err, **streams)
        self.worker = None

    def cpu_ns(self):
        tasks = Path(f"/proc/{self.process.pid}/task")
        if self.worker is None:
            self.worker = next((t for t in tasks.iterdir() if (t / "comm").read_text().strip() == WORKER), None)
            if self.worker is None:
                raise Failed(f"no thread '{WORKER}' in process {self.process.pid}")
        return int((self.worker / "schedstat").read_text().split()[0])

    def dead(self):
        return self.process.poll() is not None

    def tail(self):
        lines = Path(self.log).read_text(errors="replace").strip().split("\n")
        return " / ".join(lines[-4:])

    def end(self, sig=signal.SIGTERM):
        if self.dead():
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(sig)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Testpmd(Process):
    """dpdk-testpmd on the same devices, forwarding only while it is measured."""

    PROMPT = b"testpmd> "

    def __init__(self, devices, mbufs, directory):
        command = ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@0,1@1", "--no-pci", "--in-memory", "--log-level=lib.eal:error"]
        command += [f"--vdev={device}" for device in devices]
        command += ["--", "-i", "--nb-cores=1", f"--mbuf-size={MBUF_ROOM}", f"--total-num-mbufs={mbufs}",
                    "--no-lsc-interrupt"]
        super().__init__(command, directory / "testpmd.log", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.wait_prompt(START_SECONDS)

    def wait_prompt(self, seconds=20):
        got, end = b"", time.monotonic() + seconds
        while not got.endswith(self.PROMPT):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                self.process.kill()
                raise Failed(f"dpdk-testpmd: {got.decode(errors='replace')[-300:]} {self.tail()}")
            got += data
        return got.decode(errors="replace")

    def command(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        return self.wait_prompt()

    def window(self, mode, seconds):
        """CPU ns for each packet received while forwarding in `mode`: the thread sleeps before and after."""
        self.command(f"set fwd {mode}")
        before = self.cpu_ns()
        self.command("start")
        time.sleep(seconds)
        shown = self.command("stop").split("Accumulated")[-1]
        received, sent = (int(re.search(rf"{which}-packets:\s+(\d+)", shown).group(1)) for which in ("RX", "TX"))
        if received == 0 or received != sent:
            raise Failed(f"dpdk-testpmd {mode}: {received} received, {sent} sent")
        return (self.cpu_ns() - before) / received

    def end(self, sig=signal.SIGTERM):
        if not self.dead():
            try:
                self.command("quit")
            except (Failed, OSError):
                pass
        super().end(sig)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=START_SECONDS)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gateway(Process):
    """The daemon as it is shipped."""

    def __init__(self, program, config, api, directory):
        self.api = Path(api)
        self.api.unlink(missing_ok=True)
        self.connection = None
        super().__init__([program, "-c", str(config)], directory / "understudyd.log", stdout=subprocess.DEVNULL)

    def get(self, resource):
        if self.connection is None:
            self.connection = UnixConnection(self.api)
        try:
            self.connection.request("GET", resource)
            reply = self.connection.getresponse()
            body = json.loads(reply.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.connection.close()
            self.connection = None
            raise Failed(f"understudyd: {resource}: {error or type(error).__name__} {self.tail()}") from error
        if reply.status != 200:
            raise Failed(f"understudyd: {resource}: {reply.status} {body}")
        return body

    def wait_api(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and not self.dead():
            try:
                return self.get("/v1/status")
            except Failed:
                time.sleep(0.002)
        raise Failed(f"understudyd did not start: {self.tail()}")

    def counters(self):
        """Counters of the one core, how packets ended under their own names with `end_` before them, and CPU time."""
        row = self.get("/v1/lcores")["lcores"][0]
        return {**row["counters"], **{f"end_{name}": n for name, n in row["ends"].items()}, "cpu_ns": self.cpu_ns()}

    def wait_counter(self, name, value):
        """Until it does not move any more, or has reached `value`."""
        last, still = None, 0
        while still < 20:
            now = self.counters()[name]
            if now >= value:
                return now
            still = still + 1 if now == last else 0
            last = now
            time.sleep(0.05)
        raise Failed(f"understudyd: {name} stays at {last}, {value} expected: {self.ends()}")

    def ends(self):
        return ", ".join(f"{name[4:]} {n}" for name, n in self.counters().items() if name.startswith("end_") and n)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def window(self, warm, seconds):
        """What the counters gained."""
        self.resume()
        time.sleep(warm)
        before = self.counters()
        time.sleep(seconds)
        after = self.counters()
        self.pause()
        return {name: after[name] - before[name] for name in after}

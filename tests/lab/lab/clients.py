# SPDX-License-Identifier: Apache-2.0
"""Real clients at a steady rate, read as they go: curl for HTTP, dnsperf for DNS.

Both tell of each request when it is done and of how long it took, so that its start is known to about a millisecond.
"""

import signal
import subprocess
import threading
import time

from lab.load import Record
from lab.servers import ZONE, need

DNS_TIMEOUT_S = 2
STOP_S = 10
SOCKETS = 32  # source ports of dnsperf


class Client:
    """A process whose lines, each one request, become records."""

    def __init__(self, host, command, parse):
        self.records = []
        self.parse = parse
        # Where this runs in the background (CI, cron, nohup), SIGINT may be ignored, and children inherit that.
        self.process = host.start("env", "--default-signal=INT", *command, stdout=subprocess.PIPE, name=parse.__name__)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.popen.stdout:
            record = self.parse(line.decode(errors="replace").split(), time.monotonic())
            if record:
                self.records.append(record)

    def stop(self):
        """A client that does not end is killed: what it told until then still counts."""
        self.process.signal(signal.SIGINT)
        try:
            self.process.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.reader.join(STOP_S)
        return self.records


def curl(fields, now):
    if len(fields) < 4 or fields[0] != "request":
        return None
    code, error, seconds = fields[1], fields[2], float(fields[3])
    outcome = "ok" if code == "200" and error == "0" else f"curl-{error}"
    return Record("h", now - seconds, seconds, outcome, fields[4] if len(fields) > 4 else "-")


def dnsperf(fields, now):
    if len(fields) < 2 or fields[0] != ">":
        return None
    if fields[1] == "T":
        return Record("d", now - DNS_TIMEOUT_S, DNS_TIMEOUT_S, "timeout", "-")
    try:
        seconds = float(fields[-1])
    except ValueError:
        return None
    return Record("d", now - seconds, seconds, "ok" if fields[1] == "NOERROR" else fields[1].lower(), "-")


def start_curl(host, address, rate):
    """One request after the other, each over a connection of its own."""
    form = "request %{http_code} %{exitcode} %{time_total}\\n"
    command = ["stdbuf", "-oL", need("curl"), "-s", "--no-progress-meter", "--rate", f"{rate * 60}/m", "-m", "2", "-o",
               "/dev/null", "-w", form, "-H", "Connection: close", f"http://{address}/?[1-100000000]"]
    return Client(host, command, curl)


def start_dnsperf(host, address, rate):
    """From so many sockets in turn."""
    queries = host.lab.directory / "queries"
    queries.write_text(f"id.{ZONE} A\n")
    command = ["stdbuf", "-oL", need("dnsperf"), "-v", "-s", address, "-d", queries, "-Q", rate, "-c", SOCKETS, "-t",
               DNS_TIMEOUT_S, "-l", 100000]
    return Client(host, command, dnsperf)

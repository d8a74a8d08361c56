# SPDX-License-Identifier: Apache-2.0
"""understudyd under test: its configuration, its process, its API."""

import collections
import http.client
import json
import os
import re
import socket
import time
import urllib.parse

import yaml

from lab.hosts import FORWARDING_CPU, SERVER_CPU, LabError, Skip, wait_until

API_TIMEOUT_S = 30


class ApiError(LabError):
    """The API refused; `status` is HTTP's."""

    def __init__(self, status, text):
        super().__init__(f"API: {status}: {text}")
        self.status = status
        self.text = text


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=API_TIMEOUT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Api:
    """The daemon's HTTP API over its UNIX socket."""

    def __init__(self, path):
        self.path = path

    def call(self, method, target, body=None):
        connection = UnixConnection(self.path)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, target, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise LabError(f"API: {method} {target}: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 300:
            raise ApiError(answer.status, text)
        return json.loads(text) if answer.getheader("Content-Type", "").startswith("application/json") else text

    def get(self, target):
        return self.call("GET", target)

    def post(self, target, body=None):
        return self.call("POST", target, body)


def device(lab, interface):
    kind = {"af_xdp": "net_af_xdp", "af_packet": "net_af_packet"}[lab.pmd]
    number = re.sub(r"\D", "", interface) or "0"
    return {"device": f"{kind}{number},iface={interface}", "queues": lab.lcores}


def forwarding_cpus(count):
    """From FORWARDING_CPU on; the last one shares the control thread's CPU if there is no other."""
    if count > os.cpu_count():
        raise Skip(f"needs {count} CPUs for {count} forwarding lcores")
    return [(FORWARDING_CPU + i) % os.cpu_count() for i in range(count)]


def configuration(lab, ports, services, local_addresses=(), **gateway):
    """A configuration as data. `gateway` overrides keys of the section of that name."""
    cpus = forwarding_cpus(lab.lcores)
    return {
        "gateway": {
            "lcores": cpus,
            "main_lcore": SERVER_CPU,
            "idle_sleep": "20us",
            "hugepages": False,
            "api": str(lab.directory / "api.sock"),
            "state_file": str(lab.directory / "state.json"),
            "file_prefix": lab.prefix.rstrip("-"),
            "hash_seed": 1,
            **gateway,
        },
        "history": {"file": str(lab.directory / "history.db"), "size": "64M"},
        "limits": {"flows": 65536, "endpoints": 256, "services": 64},
        "ports": ports,
        **({"local_addresses": list(local_addresses)} if local_addresses else {}),
        "services": services,
    }


def leg_total(endpoint, leg):
    """The counters of a leg; all 0 if it never carried anything."""
    return endpoint["legs"].get(leg, {}).get("total") or collections.Counter()


class Gateway:
    """A running understudyd."""

    def __init__(self, lab, host, config):
        self.lab = lab
        self.host = host
        self.config = config
        self.file = lab.directory / "gateway.yaml"
        self.api = Api(config["gateway"]["api"])
        self.process = None

    def program(self, name):
        for path in (self.lab.build / name, *(self.lab.build / d / name for d in ("controlplane", "tools"))):
            if path.is_file():
                return path
        raise Skip(f"needs {self.lab.build}/{name}: not built")

    def write(self):
        """As people write it; what is too large for them to read as JSON, which is YAML too and much faster written."""
        large = len(self.config["services"]) > 100
        self.file.write_text(json.dumps(self.config) if large else yaml.safe_dump(self.config, sort_keys=False))

    def start(self, seconds=30):
        self.write()
        # No taskset: the daemon pins its own threads.
        self.process = self.host.start(self.program("understudyd"), "-c", self.file, cpu=None, name="understudyd")
        wait_until("understudyd answers its API", lambda: self.process.must_live() and self.status(), seconds)
        return self

    def ready(self, seconds=20):
        """Waits until every endpoint is up."""
        wait_until("all endpoints up", lambda: self.process.must_live() and not self.not_up(), seconds)
        return self

    def not_up(self):
        return [e["endpoint"] for e in self.endpoints() if e["state"] != "up"]

    def status(self):
        return self.api.get("/v1/status")

    def endpoints(self):
        """Rows with state, settings and, under legs, what was measured; `total` of a leg are its counters since ever."""
        return self.api.get("/v1/endpoints?counters=1")["endpoints"]

    def endpoint(self, service, name):
        for e in self.endpoints():
            if e["service"] == service and e["endpoint"] == name:
                return e
        raise LabError(f"no endpoint {service}/{name} in /v1/endpoints")

    def leg(self, service, name, leg="server"):
        """The counters of a leg of an endpoint since ever."""
        return leg_total(self.endpoint(service, name), leg)

    def counters(self):
        """Sum over lcores of what they count, with the ends of packets under `ends`."""
        rows = self.api.get("/v1/lcores")["lcores"]
        total = {key: sum(row["counters"][key] for row in rows) for key in rows[0]["counters"]}
        total["ends"] = {key: sum(row["ends"][key] for row in rows) for key in rows[0]["ends"]}
        return total

    def balance(self):
        """Packets that were received and are neither sent nor counted: must be 0 when nothing is on its way."""
        c = self.counters()
        return c["received"] - c["forwarded"] - sum(c["ends"].values())

    def ctl(self, *arguments, check=True):
        return self.host.run(self.program("understudyctl"), "--socket", self.api.path, *arguments, check=check)

    def shift(self, service, endpoint, percent):
        answer = self.api.post("/v1/shift", {"service": service, "endpoint": endpoint, "share": percent / 100})
        self.wait_seen(answer["generation"])

    def mirror(self, service, endpoint, percent, **more):
        self.api.post("/v1/mirror", {"service": service, "endpoint": endpoint, "share": percent / 100, **more})

    def drain(self, service, endpoint, on):
        self.api.post("/v1/drain", {"service": service, "endpoint": endpoint, "drain": on})

    def explain(self, source, destination, protocol):
        return self.api.get("/v1/explain?" + urllib.parse.urlencode(
            {"src": source, "dst": destination, "protocol": protocol}))

    def reload(self):
        """Writes the configuration as it is now and has it read."""
        self.write()
        return self.api.post("/v1/reload")

    def wait_seen(self, generation=None, seconds=5.0):
        """Until all lcores use this view, or the newest one. (With many endpoints, to ask for its number takes a while.)"""
        generation = generation or self.status()["generation"]
        deadline = time.monotonic() + seconds
        while min(c["generation"] for c in self.api.get("/v1/lcores")["lcores"]) < generation:
            if time.monotonic() > deadline:
                raise AssertionError(f"the lcores do not use view {generation}")

    def wait_state(self, service, endpoint, state, seconds=5.0):
        """Waits for a state; the seconds that it took."""
        begin = time.monotonic()
        wait_until(f"{service}/{endpoint} {state}", lambda: self.endpoint(service, endpoint)["state"] == state, seconds)
        return time.monotonic() - begin

    def stop(self):
        """Ends the daemon as an operator would; its exit code."""
        return self.process.stop(10)



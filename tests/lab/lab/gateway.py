# SPDX-License-Identifier: Apache-2.0
"""understudyd under test: its configuration, its process, its API."""

import http.client
import json
import re
import socket
import time

import yaml

from lab.hosts import FORWARDING_CPU, SERVER_CPU, LabError, Skip, wait_until

API_TIMEOUT_S = 10


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


def device(lab, interface, queues=1):
    kind = {"af_xdp": "net_af_xdp", "af_packet": "net_af_packet"}[lab.pmd]
    number = re.sub(r"\D", "", interface) or "0"
    return {"device": f"{kind}{number},iface={interface}", "queues": queues}


def configuration(lab, ports, services, local_addresses=(), **gateway):
    """A configuration as data. `gateway` overrides keys of the section of that name."""
    return {
        "gateway": {
            "lcores": [FORWARDING_CPU] if lab.lcores == 1 else [FORWARDING_CPU, SERVER_CPU][:lab.lcores],
            "main_lcore": SERVER_CPU,
            "idle_sleep": "20us",
            "hugepages": False,
            "api": str(lab.directory / "api.sock"),
            "state_file": str(lab.directory / "state.json"),
            "file_prefix": lab.prefix.rstrip("-"),
            "hash_seed": 1,
            **gateway,
        },
        "limits": {"flows": 65536, "endpoints": 256, "services": 64},
        "ports": ports,
        **({"local_addresses": list(local_addresses)} if local_addresses else {}),
        "services": services,
    }


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
        self.file.write_text(yaml.safe_dump(self.config, sort_keys=False))

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
        return [e["name"] for e in self.endpoints() if e["state"] != "up"]

    def status(self):
        return self.api.get("/v1/status")

    def endpoints(self):
        answer = self.api.get("/v1/endpoints")
        return answer["endpoints"] if isinstance(answer, dict) else answer

    def endpoint(self, service, name):
        for e in self.endpoints():
            if e["service"] == service and e["name"] == name:
                return e
        raise LabError(f"no endpoint {service}/{name} in /v1/endpoints")

    def leg(self, service, name, leg="server"):
        """The counters of a leg of an endpoint."""
        return self.endpoint(service, name)["legs"][leg]

    def counters(self):
        """Sum over lcores of what they count."""
        return self.api.get("/v1/counters")

    def drops(self):
        """Packet ends by reason: those that are not zero."""
        return {k: v for k, v in self.counters()["ends"].items() if v}

    def ctl(self, *arguments, check=True):
        return self.host.run(self.program("understudyctl"), "--socket", self.api.path, *arguments, check=check)

    def shift(self, service, endpoint, percent):
        self.ctl("shift", f"{service}/{endpoint}", f"{percent}%")

    def mirror(self, service, endpoint, percent):
        self.ctl("mirror", f"{service}/{endpoint}", f"{percent}%")

    def reload(self):
        self.write()
        return self.ctl("reload")

    def wait_state(self, service, endpoint, state, seconds=5.0):
        """Waits for a state; the seconds that it took."""
        begin = time.monotonic()
        wait_until(f"{service}/{endpoint} {state}", lambda: self.endpoint(service, endpoint)["state"] == state, seconds)
        return time.monotonic() - begin

    def stop(self):
        """Ends the daemon as an operator would; its exit code."""
        return self.process.stop(10)



# SPDX-License-Identifier: Apache-2.0
"""Real servers with generated configurations. Each answers with its own name, so that a test sees who served it."""

import shutil
import signal
import struct
from pathlib import Path

from lab.hosts import LabError, Skip, wait_until
from lab.topology import SERVICE, v4, v6

ZONE = "lab"
ID_NET = "192.0.2."  # the last byte of an answer's address tells which server gave it


def need(program):
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path:
        raise Skip(f"needs {program}: see tools/packages.txt")
    return path


def listening(host, protocol, port):
    """Whether something on the host has bound the port: asked of the kernel, so that no probe disturbs the server."""
    flag = "-lnt" if protocol == "tcp" else "-lnu"
    return host.run("ss", "-H", flag, "sport", "=", f":{port}").strip() != ""


def nginx(host, name, port=80, extra=""):
    """A web server: GET / gives its name and a new line, /size/100k and /size/1m files of that size."""
    directory = host.lab.directory / f"nginx-{host.name}-{port}-{name}"
    (directory / "size").mkdir(parents=True, exist_ok=True)
    (directory / "size" / "100k").write_bytes(bytes(range(256)) * 400)
    (directory / "size" / "1m").write_bytes(bytes(range(256)) * 4096)
    directory.joinpath("nginx.conf").write_text(f"""
daemon off; pid {directory}/pid; worker_processes 1; user root; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
	access_log off; default_type text/plain; root {directory}; client_body_temp_path {directory}/body;
	proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u;
	scgi_temp_path {directory}/s; keepalive_requests 10000000; reset_timedout_connection on;
	server {{
		listen {port} backlog=4096; listen [::]:{port} backlog=4096;
		location = / {{ return 200 "{name}\\n"; }}
		location /size/ {{ }}
		{extra}
	}}
}}
""")
    process = host.start(need("nginx"), "-p", directory, "-c", directory / "nginx.conf", name="nginx")
    wait_until(f"nginx on {host}", lambda: process.must_live() and listening(host, "tcp", port), 10)
    return process


def write_zone(directory, number, serial=1):
    long_text = " ".join(f'"{c * 200}"' for c in "abcdefghij")
    directory.joinpath("lab.zone").write_text(
        f"$ORIGIN {ZONE}.\n$TTL 60\n@ IN SOA ns admin {serial} 3600 600 86400 60\n@ IN NS ns\nns IN A {ID_NET}{number}\n"
        f"big IN TXT {long_text}\n* IN A {ID_NET}{number}\n")


def renumber(process, number, port=53):
    """A running name server gives another address from now on, and misses no query."""
    write_zone(process.host.lab.directory / f"nsd-{process.host.name}-{port}", number, serial=2)
    process.popen.send_signal(signal.SIGHUP)  # to the first of its processes alone
    wait_until(f"the zone on {process.host}", lambda: dns_ready(process.host, number, port), 10)


def name_server(host, number, port=53):
    """An authoritative DNS server of the zone "lab": every name has the address 192.0.2.NUMBER; big.lab a long TXT."""
    directory = host.lab.directory / f"nsd-{host.name}-{port}"
    directory.mkdir(exist_ok=True)
    write_zone(directory, number)
    # An answer must come from the address that was asked: one socket for each, the service's of dsr included.
    listen = "\n".join(f"\tip-address: {a}" for a in [*host.addresses(), v4(SERVICE), v6(SERVICE)])
    directory.joinpath("nsd.conf").write_text(f"""
server:
{listen}
	ip-freebind: yes
	port: {port}
	username: ""
	chroot: ""
	zonesdir: "{directory}"
	pidfile: "{directory}/pid"
	database: ""
	xfrdfile: "{directory}/xfrd"
	zonelistfile: "{directory}/zones"
	xfrdir: "{directory}"
	server-count: 1
	verbosity: 0
	minimal-responses: yes
	rrl-ratelimit: 0
	ipv4-edns-size: 4096
	ipv6-edns-size: 4096
remote-control:
	control-enable: no
zone:
	name: {ZONE}
	zonefile: lab.zone
""")
    process = host.start(need("nsd"), "-d", "-c", directory / "nsd.conf", name="nsd")
    # The socket is bound before the zone is loaded: only an answer tells.
    wait_until(f"nsd on {host}", lambda: process.must_live() and dns_ready(host, number, port), 10)
    return process


def dns_ready(host, number, port):
    out = host.run("dig", "+short", "+tries=1", "+time=1", "-p", port, "@127.0.0.1", f"id.{ZONE}", check=False)
    return out.strip() == f"{ID_NET}{number}"


def redis(host, port=6379):
    process = host.start(need("redis-server"), "--logfile", host.lab.directory / f"redis-{host}", "--port", port, "--bind", "0.0.0.0", "::", "--protected-mode", "no",
                         "--loglevel", "warning", "--save", "", "--appendonly", "no", "--dir", host.lab.directory, name="redis")
    wait_until(f"redis on {host}", lambda: process.must_live() and listening(host, "tcp", port), 10)
    return process


def memcached(host, port=11211):
    process = host.start(need("memcached"), "-u", "root", "-p", port, "-U", port, "-l", "0.0.0.0", name="memcached")
    wait_until(f"memcached on {host}", lambda: process.must_live() and listening(host, "tcp", port), 10)
    return process


def script(host, name, *arguments, cpu=0):
    """A server of tests/lab/servers/NAME.py, which prints "ready" when it can be asked."""
    path = Path(__file__).resolve().parents[1] / "servers" / f"{name}.py"
    process = host.start("/usr/bin/python3", "-u", path, *arguments, name=name, cpu=cpu)
    wait_until(f"{name} on {host}", lambda: process.must_live() and "ready" in process.output(), 10)
    return process


def dns_query(name, number):
    """A DNS query for the A record of a name."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


def dns_answer(data):
    """The last byte of the answer's address: the server's number."""
    if len(data) < 16 or struct.unpack("!H", data[6:8])[0] < 1:
        raise LabError(f"not a DNS answer: {data!r}")
    return data[-1]

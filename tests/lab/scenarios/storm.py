# SPDX-License-Identifier: Apache-2.0
"""10,000 changes against the running daemon under traffic: no packet sees half of one, none is lost.

      c1 ---- sw ---- p1 a :7100+k     or, after a reload,     p2 b :7200+k
              gw      s1 c :7300+k, whose shadow is            s2 d :7400+k

Every host has all of these ports, and tells in its answer which host and port was asked. Service k must never be
answered by a port of another service, or by a port that belongs to another host: that would be an address out of one
table, and a port or a link address out of another.
"""

import json
import random
import signal
import subprocess

from lab import servers, worlds
from lab.hosts import wait_until
from lab.topology import LOCAL, LOCAL2, SERVERS, SERVICE, v4

CHANGES, RELOAD_EACH = 10_000, 100
# On net_af_packet the kernel drops what its ring cannot hold while the core waits for its CPU: not the tables' doing.
PMDS = ("af_xdp",)
SERVICES = 4
LOCALS = (LOCAL, LOCAL2, 5, 6)  # a flow for each question, at up to 50,000 a second: ports rest for 5 s
BASE = {"p1": 7100, "p2": 7200, "s1": 7300, "s2": 7400}
CLIENT = """
import json, select, signal, socket, sys, time
going, answered, lost, wrong = True, 0, 0, []
base = {"p1": 7100, "p2": 7200, "s1": 7300, "s2": 7400}
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
sockets = []
for k in range(4):
    for _ in range(6):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((sys.argv[1], 7000 + k))
        sockets.append((s, k))
n = 0
while going:
    n += 1
    waiting = {s: k for s, k in sockets}
    for s, k in sockets:
        s.send(b"%d" % n)
    deadline = time.monotonic() + 2
    while waiting and time.monotonic() < deadline:
        for s in select.select(list(waiting), [], [], 0.5)[0]:
            try:
                host, port, number = s.recv(100).decode().split()
            except ConnectionRefusedError:
                wrong.append(("refused", waiting[s]))
                continue
            if int(number) != n:
                continue  # of a round that was given up
            k = waiting.pop(s)
            answered += 1
            if int(port) != base[host] + k:
                wrong.append((host, port, k))
    lost += len(waiting)
print(json.dumps({"answered": answered, "lost": lost, "wrong": wrong[:10]}))
"""


def setup(lab):
    return worlds.one_armed(lab, services("a"), before=_servers, local=[v4(number) for number in LOCALS])


def _servers(world):
    for name in SERVERS:
        ports = [base + k for base in BASE.values() for k in range(SERVICES)]
        servers.script(world.hosts[name], "labelled", name, *ports)


def services(first):
    """`first` is a, on p1, or b, on p2: one comes as the other goes."""
    rows = []
    for k in range(SERVICES):
        host = {"a": "p1", "b": "p2"}[first]
        ends = [(first, host, {}), ("c", "s1", {"shadows": ["d"]}), ("d", "s2", {"weight": 0})]
        rows.append({"name": f"s{k}", "address": v4(SERVICE), "protocol": "udp", "port": 7000 + k, "forward": "fullnat",
                     "per_request": True,
                     "endpoints": [{"name": name, "address": v4(SERVERS[on]), "port": BASE[on] + k, **more}
                                   for name, on, more in ends]})
    return rows


def _change(world, dice, first):
    gateway, service = world.gateway, f"s{dice.randrange(SERVICES)}"
    kind = dice.choice(("shift", "shift", "weight", "mirror", "drain"))
    if kind == "shift":
        gateway.shift(service, "c", dice.randrange(101))
    elif kind == "weight":
        gateway.api.post("/v1/weight", {"service": service, "endpoint": dice.choice(("c", first)),
                                        "weight": dice.randrange(1, 200)})
    elif kind == "mirror":
        gateway.mirror(service, "c", dice.choice((0, 50, 100)))
    else:
        gateway.drain(service, dice.choice(("d", first)), dice.random() < 0.5)


def no_packet_sees_half_a_change_and_none_is_lost(world):
    ends, before = world.gateway.counters()["ends"], world.gateway.status()["publish"]
    client = world.c1.start("/usr/bin/python3", "-u", "-c", CLIENT, v4(SERVICE), name="client", stdout=subprocess.PIPE)
    dice, first = random.Random(7), "a"
    for i in range(CHANGES):
        if i % RELOAD_EACH == RELOAD_EACH - 1:
            first = {"a": "b", "b": "a"}[first]
            world.gateway.config["services"] = services(first)
            world.gateway.reload()
        else:
            _change(world, dice, first)
    client.signal(signal.SIGTERM)
    told = json.loads(client.popen.communicate(timeout=20)[0])
    after = world.gateway.status()["publish"]
    print(f"# {told}, {after['published'] - before['published']} views", flush=True)
    assert not told["wrong"] and not told["lost"] and told["answered"] > 1000, told
    assert after["published"] - before["published"] > CHANGES / 2, after
    allowed = ("punted", "shadow_reply", "not_ours")
    moved = {key: n - ends[key] for key, n in world.gateway.counters()["ends"].items() if n != ends[key]}
    assert not [key for key in moved if key not in allowed], moved


def all_old_tables_are_freed(world):
    wait_until("no view waits", lambda: world.gateway.status()["publish"]["waiting"] == 0, 3)


def every_packet_is_sent_or_counted(world):
    wait_until("received = forwarded + ends", lambda: world.gateway.balance() == 0, 3)

# SPDX-License-Identifier: Apache-2.0
"""What the bench measures: for each case, how the gateway is configured, what it receives and what must come out."""

import struct
from dataclasses import dataclass

import bench_frames as frames
from bench_frames import CLIENT_MAC, ENDPOINT_MAC, ENDPOINT_PORT, PORT_MAC, SERVICE_PORT, SHADOW_MAC

FILE_PREFIX = "understudy-bench"
FLOW_LIMIT_MIN = 65536
LARGE = 1500


@dataclass(frozen=True)
class Case:
    kind: str  # as the report names it, without the family
    version: int
    flows: int
    forward: str = "fullnat"
    mirrored: bool = False
    replies: bool = False
    large: bool = False

    @property
    def family(self):
        return frames.FAMILIES[self.version]

    @property
    def name(self):
        return self.kind + self.family.suffix

    @property
    def size(self):
        """Bytes of a frame; the large ones make IP packets of 1500."""
        return LARGE + 14 if self.large else self.family.frame

    @property
    def capture(self):
        """Cases with the same capture are compared with one run of testpmd."""
        return f"{'replies' if self.replies else 'requests'}-{self.version}-{self.size}-{self.flows}"

    @property
    def first_port(self):
        """Where the endpoints are."""
        return 1 if self.replies else 0


def cases_of(version, flows):
    for kind, forward in (("fullnat", "fullnat"), ("nat", "nat"), ("dsr-l2", "dsr-l2")):
        yield Case(kind, version, flows, forward)
    yield Case("mirror-udp-60", version, flows, mirrored=True)
    yield Case("mirror-udp-1500", version, flows, mirrored=True, large=True)
    yield Case("fullnat-reply", version, flows, replies=True)


def mac_text(mac):
    return mac.hex(":")


def port_lines(case, index, device, macs):
    family = case.family
    known = ", ".join(f'{{address: "{family.text(low)}", mac: "{mac_text(mac)}"}}' for low, mac in macs)
    return f"""  - name: port{index}
    device: "{device}"
    mtu: 1500
    addresses: ["{family.prefix_text(family.gateway[index])}"]
    neighbours: [{known}]
"""


def config_text(case, devices, api, memory_mb):
    """The daemon's configuration. Requests alone: one port; with replies a second, behind which the endpoints are."""
    family = case.family
    endpoints = [(family.endpoint, ENDPOINT_MAC), (family.shadow, SHADOW_MAC)]
    side = [[] for _ in devices]
    side[-1] = endpoints
    ports = "".join(port_lines(case, i, device, side[i]) for i, device in enumerate(devices))
    if not case.replies:  # endpoints and service share the port: its prefix must hold both
        ports = ports.replace(family.prefix_text(family.gateway[0]), wide_prefix(family))
    mirror = "\n    mirror: {fraction: 100%, shadows: 1}" if case.mirrored else ""
    port = SERVICE_PORT if case.forward == "dsr-l2" else ENDPOINT_PORT
    locals_ = ", ".join(f'"{family.text(low)}"' for low in family.locals_for(case.flows))
    flow_limit = max(FLOW_LIMIT_MIN, 2 * case.flows)
    return f"""gateway:
  lcores: [1]
  main_lcore: 0
  idle_sleep: 0
  memory: {memory_mb}M
  file_prefix: {FILE_PREFIX}
  api: {api}
  state_file: ""
history: {{file: ""}}
limits: {{flows: {flow_limit}, endpoints: 64, services: 16, local_addresses: {len(family.locals_for(case.flows))}}}
timeouts: {{udp_unanswered: 1h, udp: 1h}}
ports:
{ports}local_addresses: [{locals_}]
services:
  - name: bench
    address: "{family.text(family.service)}"
    protocol: udp
    port: {SERVICE_PORT}
    forward: {case.forward}{mirror}
    endpoints:
      - {{name: primary, address: "{family.text(family.endpoint)}", port: {port}, shadows: [shadow]}}
      - {{name: shadow, address: "{family.text(family.shadow)}", port: {port}, weight: 0}}
"""


def wide_prefix(family):
    return f"{family.text(family.gateway[0])}/{8 if family.version == 4 else 104}"


class Wrong(Exception):
    pass


def demand(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what} is {got!r}, not {wanted!r}")


def check_request(case, packet, request, flow_slot):
    """One packet that went to the primary or the shadow."""
    family = case.family
    to_shadow = packet.dst_mac == SHADOW_MAC
    if to_shadow and not case.mirrored:
        raise Wrong("a copy that nobody asked for")
    target = family.shadow if to_shadow else family.endpoint
    demand("destination MAC", packet.dst_mac, SHADOW_MAC if to_shadow else ENDPOINT_MAC)
    demand("source MAC", packet.src_mac, PORT_MAC[case.first_port])
    demand("destination", packet.dst, family.service if case.forward == "dsr-l2" else target)
    demand("destination port", packet.dport, SERVICE_PORT if case.forward == "dsr-l2" else ENDPOINT_PORT)
    source = frames.local_of(family, flow_slot) if case.forward == "fullnat" else (request.src, request.sport)
    demand("source", (packet.src, packet.sport), source)
    demand("TTL", packet.ttl, frames.TTL - (case.forward != "dsr-l2"))
    demand("payload", packet.payload, request.payload)


def check_requests(case, received, sent):
    """Every request came out once, and with mirroring once more, in order and rewritten as it must be."""
    for to_shadow in (False, True)[:1 + case.mirrored]:
        mac = SHADOW_MAC if to_shadow else ENDPOINT_MAC
        out = [f for f in sent if f[:6] == mac]
        demand("number of packets " + ("copied" if to_shadow else "forwarded"), len(out), len(received))
        for slot, (frame, request) in enumerate(zip(out, received)):
            check_request(case, decode(frame, case), decode(request, case), slot)


def check_replies(case, requests, sent):
    """Every reply came out at the client that had asked; those that came before their flow are not there."""
    family, seen = case.family, set()
    asked = {(r.src, r.sport) for r in (decode(f, case) for f in requests)}
    for frame in sent:
        packet = decode(frame, case)
        demand("MACs", (packet.dst_mac, packet.src_mac), (CLIENT_MAC, PORT_MAC[0]))
        demand("source", (packet.src, packet.sport), (family.service, SERVICE_PORT))
        demand("TTL", packet.ttl, frames.TTL - 1)
        if (packet.dst, packet.dport) not in asked:
            raise Wrong(f"reply to a client that never asked: {packet.dst:#x}:{packet.dport}")
        seen.add((packet.dst, packet.dport))
    demand("number of clients answered", len(seen), len(asked))


def decode(frame, case):
    try:
        return frames.Decoded(frame, case.family)
    except (ValueError, struct.error) as error:
        raise Wrong(f"malformed packet: {error}: {frame.hex()}") from error

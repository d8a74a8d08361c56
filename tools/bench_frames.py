# SPDX-License-Identifier: Apache-2.0
"""Frames for the bench: who talks to whom, capture files of UDP flows, and what must come out again."""

import ipaddress
import random
import struct

SERVICE_PORT = 7000
ENDPOINT_PORT = 8000
LOCAL_PORT_FIRST = 1024
LOCAL_PORTS = 64512  # of each local address; see dataplane/local_port.h
TTL = 64
SEED = 1

CLIENT_MAC = bytes.fromhex("020000000001")
PORT_MAC = (bytes.fromhex("027063617000"), bytes.fromhex("027063617001"))  # the driver's own, by order
ENDPOINT_MAC = bytes.fromhex("020000000011")
SHADOW_MAC = bytes.fromhex("020000000012")


class Family:
    """The addresses of one IP version. All differ in their last 32 bits alone, which makes frames cheap to write."""

    def __init__(self, version, prefix, size):
        self.version = version
        self.prefix = bytes.fromhex(prefix)
        self.frame = size  # the smallest: 60 bytes, or all headers of IPv6 and UDP
        self.suffix = "" if version == 4 else "-v6"
        self.headers = 42 if version == 4 else 62
        self.client, self.service, self.endpoint = 0xAC100000, 0x0AC80101, 0x0AC90010
        self.shadow, self.local, self.gateway = 0x0AC90020, 0x0AC90100, (0x0AC80001, 0x0AC90001)

    def text(self, low):
        return str(ipaddress.ip_address(self.prefix + struct.pack("!I", low)))

    def prefix_text(self, low):
        return f"{self.text(low)}/{16 if self.version == 4 else 112}"

    def locals_for(self, flows):
        return [self.local + i for i in range(flows // LOCAL_PORTS + 2)]


FAMILIES = {4: Family(4, "", 60), 6: Family(6, "fd00000000000000000000aa", 62)}


def fold(total):
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total & 0xFFFF


def words(data):
    """Sum of 16-bit words."""
    if len(data) % 2:
        data += b"\0"
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def halves(low):
    return (low >> 16) + (low & 0xFFFF)


class Template:
    """One frame of which addresses and ports vary."""

    def __init__(self, family, size, dst_mac, src_mac):
        payload = size - family.headers
        udp = 8 + payload
        self.size = size
        self.family = family
        self.tail = bytes(i & 0xFF for i in range(payload))
        self.udp_sum = 2 * words(family.prefix) + 17 + 2 * udp + words(self.tail)
        if family.version == 4:
            self.head = dst_mac + src_mac + struct.pack("!HBBHHHBB", 0x0800, 0x45, 0, 20 + udp, 0, 0, TTL, 17)
            self.ip_sum = words(self.head[14:])
            self.middle = struct.Struct("!HIIHHHH")
        else:
            self.head = dst_mac + src_mac + struct.pack("!HIHBB", 0x86DD, 0x60000000, udp, 17, TTL)
            self.middle = struct.Struct("!12sI12sIHHHH")
        self.udp = udp

    def frame(self, src, sport, dst, dport):
        addresses = halves(src) + halves(dst)
        checksum = (~fold(self.udp_sum + addresses + sport + dport) & 0xFFFF) or 0xFFFF
        if self.family.version == 4:
            ip = ~fold(self.ip_sum + addresses) & 0xFFFF
            middle = self.middle.pack(ip, src, dst, sport, dport, self.udp, checksum)
        else:
            prefix = self.family.prefix
            middle = self.middle.pack(prefix, src, prefix, dst, sport, dport, self.udp, checksum)
        return self.head + middle + self.tail


def client_of(family, flow):
    """64 flows of each client address."""
    return family.client + (flow >> 6), 1024 + (flow & 63) * 997


def shuffled(flows, seed=SEED):
    order = list(range(flows))
    random.Random(seed).shuffle(order)
    return order


def write_capture(path, frames, size):
    record = struct.pack("<IIII", 0, 0, size, size)
    with open(path, "wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            out.write(record + frame)


def read_capture(path):
    with open(path, "rb") as capture:
        data = capture.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + length]
        at += 16 + length


def is_udp(frame):
    """Not what the gateway itself says to its neighbours."""
    return (frame[12:14] == b"\x08\x00" and frame[23] == 17) or (frame[12:14] == b"\x86\xdd" and frame[20] == 17)


def write_requests(path, family, flows, size):
    """Every flow once, in random order, from its client to the service."""
    frame = Template(family, size, PORT_MAC[0], CLIENT_MAC).frame
    write_capture(path, (frame(*client_of(family, i), family.service, SERVICE_PORT) for i in shuffled(flows)), size)


def local_of(family, slot):
    """Where the slot-th flow of a fresh gateway with one core is known to its endpoint."""
    return family.local + slot // LOCAL_PORTS, LOCAL_PORT_FIRST + slot % LOCAL_PORTS


def write_replies(path, family, flows, size):
    """An answer to each flow of write_requests(), in another random order."""
    frame = Template(family, size, PORT_MAC[1], ENDPOINT_MAC).frame
    write_capture(path, (frame(family.endpoint, ENDPOINT_PORT, *local_of(family, slot))
                         for slot in shuffled(flows, SEED + 1)), size)


class Decoded:
    """A UDP frame taken apart; raises ValueError if it is malformed or a checksum is wrong."""

    def __init__(self, frame, family):
        self.dst_mac, self.src_mac = frame[:6], frame[6:12]
        length = 14 + (struct.unpack_from("!H", frame, 16)[0] if family.version == 4
                       else 40 + struct.unpack_from("!H", frame, 18)[0])
        if length > len(frame):
            raise ValueError("IP length beyond the frame")
        ip, size = frame[14:length], 4 if family.version == 4 else 16
        at = 12 if family.version == 4 else 8
        l4 = ip[20:] if family.version == 4 else ip[40:]
        if family.version == 4 and fold(words(ip[:20])) != 0xFFFF:
            raise ValueError("IPv4 header checksum")
        if fold(words(ip[at:at + 2 * size]) + 17 + len(l4) + words(l4)) != 0xFFFF:
            raise ValueError("UDP checksum")
        self.ttl = ip[8] if family.version == 4 else ip[7]
        self.src, self.dst = (int.from_bytes(ip[at + i * size + size - 4:at + (i + 1) * size], "big") for i in (0, 1))
        if any(ip[at + i * size:at + (i + 1) * size - 4] != family.prefix for i in (0, 1)):
            raise ValueError("address")
        self.sport, self.dport = struct.unpack_from("!HH", l4, 0)
        self.payload = l4[8:]

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/data/pcap/NAME.pcap and the seeds in tests/fuzz/corpus/frame from the frames below.

A file is named after how every packet in it must end: a drop reason (enum packet_end), or `good`.
Needs scapy. The output is the same on every run.
"""
import pathlib
import struct

from scapy.all import (ICMP, IP, TCP, UDP, ARP, Ether, ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6ND_NS,
                       ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Jumbo, Raw, RouterAlert)
from scapy.utils import checksum

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "fuzz" / "corpus" / "frame"
FORWARD = CORPUS.parent / "forward"
ETHER = Ether(src="02:00:00:00:00:01", dst="02:70:63:61:70:00")
CLIENT, SERVICE = "203.0.113.5", "198.51.100.1"
CLIENT6, SERVICE6 = "2001:db8:ffff::5", "2001:db8::1"
DATA = Raw(bytes(range(32)))


def v4(**fields):
    return ETHER / IP(**{"src": CLIENT, "dst": SERVICE, "id": 7, **fields})


def v4_options(options):
    """A datagram with these bytes, a multiple of four, as IPv4 options."""
    whole = bytes(IP(src=CLIENT, dst=SERVICE, ihl=5 + len(options) // 4, len=60 + len(options), chksum=0) / udp() / DATA)
    header = whole[:20] + options
    return Raw(bytes(ETHER)[:12] + b"\x08\x00" + header[:10] + struct.pack(">H", checksum(header)) + header[12:] + whole[20:])


def v6(**fields):
    return ETHER / IPv6(**{"src": CLIENT6, "dst": SERVICE6, **fields})


def tcp(**fields):
    return TCP(**{"sport": 40000, "dport": 80, "flags": "A", "seq": 1000, "ack": 2000, **fields})


def udp(**fields):
    return UDP(**{"sport": 40000, "dport": 53, **fields})


def cut(frame, size):
    return bytes(frame)[:size]


def quote4(size=28):
    return Raw(bytes(IP(src=SERVICE, dst=CLIENT) / UDP(sport=53, dport=40000) / DATA)[:size])


def quote6(size=48):
    return Raw(bytes(IPv6(src=SERVICE6, dst=CLIENT6) / TCP(sport=80, dport=40000) / DATA)[:size])


def wrong_icmp(frame, layer):
    frame[layer].cksum = 0x1234
    return frame


def fragment4(offset, payload, more=True, proto=17):
    return v4(flags="MF" if more else 0, frag=offset, proto=proto) / Raw(payload)


def fragment6(offset, payload, more=True, nh=17):
    return v6() / IPv6ExtHdrFragment(offset=offset, m=int(more), id=9, nh=nh) / Raw(payload)


FLAGS_BAD = ["", "SF", "SR", "SFA", "SRA", "F", "FPU", "PU", "FR", "FSRPAU", "P", "U"]

GROUPS = {
    "good": [
        v4() / tcp(flags="S"), v4() / tcp() / DATA, v4() / udp() / DATA, v6() / tcp(flags="S"),
        v6() / udp() / DATA, v4() / tcp(options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0))], flags="S"),
        v4_options(b"\x94\x04\x00\x00"),
        v6() / IPv6ExtHdrHopByHop(options=[RouterAlert(), PadN()]) / udp() / DATA,
        v6() / IPv6ExtHdrDestOpt() / tcp() / DATA, v4() / udp(chksum=0) / DATA,
        v6() / IPv6ExtHdrFragment(offset=0, m=0, id=3) / udp() / DATA,
        fragment4(0, bytes(udp(len=72, chksum=1)) + bytes(24)), fragment4(4, bytes(32), False),
        fragment6(0, bytes(udp(len=72, chksum=1)) + bytes(24)), fragment6(4, bytes(32), False),
        v4() / ICMP(type=3, code=3) / quote4(), v4() / ICMP(type=3, code=4, nexthopmtu=1400) / quote4(60),
        v4() / ICMP(type=11) / quote4(), v4() / ICMP() / DATA, v6() / ICMPv6EchoRequest(data=b"x" * 20),
        v6() / ICMPv6DestUnreach(code=4) / quote6(), v6() / ICMPv6PacketTooBig(mtu=1280) / quote6(92),
        v6() / ICMPv6TimeExceeded() / quote6(), v6(hlim=255) / ICMPv6ND_NS(tgt=SERVICE6),
        ETHER / ARP(psrc=CLIENT, pdst=SERVICE),
    ],
    "short_frame": [
        cut(v4() / udp() / DATA, 33), cut(v6() / udp() / DATA, 53), cut(ETHER / ARP(), 41), cut(v4() / udp(), 14),
        cut(v4_options(b"\x94\x04\x00\x00"), 37),
    ],
    "bad_ip_header": [
        v4(version=5) / udp() / DATA, v4(ihl=4) / udp() / DATA, v4(chksum=0x1234) / udp() / DATA,
        v6(version=4) / udp() / DATA, v4_options(b"\x83\x07\x04\x0a\x00\x00\x01\x00"),
        v4_options(b"\x89\x07\x04\x0a\x00\x00\x01\x00"),
        v4_options(b"\x07\x00\x00\x00"),
        v4_options(b"\x07\x20\x00\x00"),
        v6(dst="::ffff:198.51.100.1") / udp() / DATA,
    ],
    "bad_ip_length": [
        v4(len=2000) / udp() / DATA, v4(len=19) / udp() / DATA, v6(plen=2000) / udp() / DATA,
        v6(plen=65535) / udp() / DATA, cut(v4() / tcp() / DATA, 60), cut(v6() / tcp() / DATA, 90),
    ],
    "bad_ip_source": [
        v4(src=a) / udp() / DATA for a in ("127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", SERVICE)
    ] + [
        v6(src=a) / udp() / DATA for a in ("::1", "::", "ff02::1", "::ffff:203.0.113.5", SERVICE6)
    ],
    "bad_ipv6_extension": [
        v6() / IPv6ExtHdrRouting(type=0, addresses=["2001:db8::7"], segleft=1) / udp() / DATA,
        v6() / IPv6ExtHdrRouting(type=0, addresses=[], segleft=0) / udp() / DATA,
        v6() / IPv6ExtHdrRouting(type=4, addresses=["2001:db8::7"], segleft=1) / udp() / DATA,
        v6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop() / udp() / DATA,
        v6() / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=70000)]) / udp() / DATA,
        v6() / IPv6ExtHdrHopByHop(len=200) / udp() / DATA,
        v6(nh=60) / Raw(b"\x11\x00\x05\x09\x00\x00\x00\x00") / udp() / DATA,
        v6(nh=43) / Raw(b"\x11\x00\x00"), v6(nh=44) / Raw(b"\x11\x00\x00"),
        v6() / IPv6ExtHdrFragment(offset=0, m=0) / IPv6ExtHdrFragment(offset=0, m=0) / udp() / DATA,
        v6(nh=60) / Raw(b"\x3c\x00\x01\x04\x00\x00\x00\x00" * 8 + b"\x11\x00\x01\x04\x00\x00\x00\x00") / udp() / DATA,
    ],
    "bad_l4_header": [
        v4() / udp(len=0) / DATA, v4() / udp(len=7) / DATA, v4() / udp(len=41) / DATA, v4() / udp(sport=0) / DATA,
        v4() / udp(dport=0) / DATA, v6() / udp(chksum=0) / DATA, v4() / tcp(dataofs=4) / DATA,
        v4() / tcp(dataofs=15), v4() / tcp(dport=0), v6() / tcp(dataofs=0), v6() / tcp(sport=0),
        v4(proto=17) / Raw(b"\x9c\x40\x00\x35"), v4(proto=6) / Raw(bytes(tcp())[:19]), v6(nh=6) / Raw(bytes(tcp())[:19]),
    ],
    "bad_tcp_flags": [v4() / tcp(flags=f) for f in FLAGS_BAD] + [v6() / tcp(flags=f) for f in FLAGS_BAD],
    "bad_icmp": [
        v4(proto=1) / Raw(b"\x03\x03\x00"), v6(nh=58) / Raw(b"\x01\x04\x00"),
        v4() / ICMP(type=3, code=3, chksum=0x1234) / quote4(),
        wrong_icmp(v6() / ICMPv6DestUnreach(code=4) / quote6(), ICMPv6DestUnreach),
    ],
    "bad_fragment": [
        fragment4(0, bytes(7)), fragment4(0, bytes(20)), fragment4(1, bytes(16), proto=6), fragment4(8190, bytes(32)),
        fragment4(0, bytes(16), proto=6), fragment4(3, b"", False), fragment6(0, bytes(7)), fragment6(0, bytes(20)),
        fragment6(1, bytes(16), nh=6), fragment6(8190, bytes(32)), fragment6(3, b"", False),
    ],
}

# Bad by the packet inside the error.
GROUPS["bad_icmp"] += [
    v4() / ICMP(type=3, code=3) / quote4(27), v4() / ICMP(type=3, code=3) / quote4(10), v4() / ICMP(type=3, code=3),
    v4() / ICMP(type=3, code=3) / Raw(bytes(IP(src=SERVICE, dst=CLIENT, proto=89)) + bytes(8)),
    v4() / ICMP(type=3, code=3) / Raw(bytes(IP(src=SERVICE, dst=CLIENT, proto=17, frag=4)) + b"\x01" * 8),
    v4() / ICMP(type=11) / Raw(bytes(IP(src=SERVICE, dst=CLIENT) / ICMP())),
    v6() / ICMPv6DestUnreach(code=4) / quote6(47), v6() / ICMPv6DestUnreach(code=4) / quote6(20),
]


def write_pcap(path, frames):
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for second, frame in enumerate(frames):
            out.write(struct.pack("<IIII", second, 0, len(frame), len(frame)) + frame)


def records(frames):
    """As tests/fuzz/fuzz_forward.c takes them: length and flags before each; every other comes from the endpoints."""
    return b"".join(bytes([len(frame), i & 1]) + frame for i, frame in enumerate(frames) if len(frame) < 256)


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    (HERE / "pcap").mkdir(exist_ok=True)
    FORWARD.mkdir(parents=True, exist_ok=True)
    for name, frames in GROUPS.items():
        frames = [bytes(frame) for frame in frames]
        (FORWARD / name).write_bytes(records(frames))
        write_pcap(HERE / "pcap" / f"{name}.pcap", frames)
        for number, frame in enumerate(frames):
            (CORPUS / f"{name}-{number:02}").write_bytes(frame)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How much CPU the gateway needs for a packet, beside dpdk-testpmd on the same capture in the same minute.

For each case: one pass over a small capture of which every packet sent is checked; then windows of testpmd `io`,
testpmd `5tswap` and the gateway in turn, each alone on CPU 1, each measured by the CPU time of its forwarding
thread. docs/performance.md tells the method and how to read the report."""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import bench_case
import bench_frames as frames
from bench_case import Case, Wrong
from bench_process import MBUF_ROOM, SPARE_MBUFS, Failed, Gateway, Testpmd

ROOT = Path(__file__).resolve().parent.parent
HUGEPAGES = Path("/proc/sys/vm/nr_hugepages")
FREE_HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
CHECK_FLOWS = 3000  # of the pass whose packets are all checked
NO_FAULT = 4096  # counters are read while packets flow: at most so many are between two of them
MIRROR_LOSSES = ("mirror_over_budget", "mirror_no_buffer", "mirror_shadow_down", "mirror_tx_full")


class Void(Exception):
    """The run says nothing: something else happened than was to be measured."""


def say(text):
    print(text, flush=True)


def mbufs_for(flows):
    return flows + SPARE_MBUFS


def gateway_memory_mb(case):
    """Packets of the capture, flows in both directions with their index, counters, and the rest."""
    flows = max(bench_case.FLOW_LIMIT_MIN, 2 * case.flows)
    return 384 + (mbufs_for(case.flows) * (MBUF_ROOM + 320) + flows * 448 >> 20)


def testpmd_memory_mb(case):
    return 256 + (mbufs_for(case.flows) * (MBUF_ROOM + 320) >> 20)


def provide_hugepages(megabytes):
    """Raises the number if too few are free; never lowers it, for others may have come to use them."""
    free = int(FREE_HUGEPAGES.read_text())
    wanted = megabytes // 2 + 1
    if free >= wanted:
        return
    total = int(HUGEPAGES.read_text()) + wanted - free
    HUGEPAGES.write_text(str(total))
    if int(FREE_HUGEPAGES.read_text()) < wanted:
        raise Failed(f"{megabytes} MB of hugepages are needed, {int(FREE_HUGEPAGES.read_text()) * 2} MB are to be had")
    say(f"vm.nr_hugepages raised to {total}; it stays so")


def remove_remains():
    """What DPDK leaves of a process that has ended: its hugepage files, and with them the memory."""
    for file in Path("/dev/hugepages").glob(f"{bench_case.FILE_PREFIX}map_*"):
        file.unlink()
    shutil.rmtree(Path("/var/run/dpdk") / bench_case.FILE_PREFIX, ignore_errors=True)


class Bench:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.program = options.daemon
        self.api = directory / "api.sock"
        self.seconds = 0.4 if options.quick else 1.0
        self.warm = 0.1 if options.quick else 0.3
        self.windows = 3 if options.quick else 5
        self.results = []

    def file(self, name):
        return self.directory / name

    def capture(self, case):
        """The captures of a case, written once: what the first port receives, and the second."""
        requests = self.file(f"requests-{case.version}-{case.size}-{case.flows}.pcap")
        replies = self.file(f"replies-{case.version}-{case.size}-{case.flows}.pcap")
        if not requests.exists():
            frames.write_requests(requests, case.family, case.flows, case.size)
        if case.replies and not replies.exists():
            frames.write_replies(replies, case.family, case.flows, case.size)
        return (requests, replies) if case.replies else (requests,)

    def devices(self, case):
        """The last port receives its capture for ever; with replies the first one only makes the flows."""
        files = self.capture(case)
        return [f"net_pcap{i},rx_pcap={file}" + (",infinite_rx=1" if i == len(files) - 1 else "")
                for i, file in enumerate(files)]

    def start(self, case, devices):
        config = self.file("bench.yaml")
        config.write_text(bench_case.config_text(case, devices, self.api, gateway_memory_mb(case)))
        return Gateway(self.program, config, self.api, self.directory)

    # Correctness

    def check(self, case):
        """A pass over a small capture with every packet sent recorded and checked."""
        small = Case(case.kind, case.version, CHECK_FLOWS, case.forward, case.mirrored, case.replies, case.large)
        files = self.capture(small)
        received = list(frames.read_capture(files[0]))
        if case.replies:
            self.repeat(files[1], small)
        out = [self.file(f"sent{i}.pcap") for i in range(len(files))]
        devices = [f"net_pcap{i},rx_pcap={file},tx_pcap={out[i]}" for i, file in enumerate(files)]
        gateway = self.start(small, devices)
        try:
            gateway.wait_api()
            gateway.wait_counter("flows_created", CHECK_FLOWS)
            time.sleep(0.3)
            ends = gateway.ends()
        finally:
            gateway.end()
            remove_remains()
        sent = [list(filter(frames.is_udp, frames.read_capture(path))) for path in out]
        try:
            if case.replies:
                bench_case.check_replies(small, received, sent[0])
            bench_case.check_requests(small, received, sent[-1])
        except Wrong as error:
            raise Void(f"a packet sent is wrong: {error}; not sent: {ends or 'none'}") from error

    @staticmethod
    def repeat(path, case):
        """Replies that overtake the request that makes their flow are lost: a second round finds all flows."""
        frames.write_capture(path, list(frames.read_capture(path)) * 2, case.size)

    # Measuring

    def judge(self, case, gain):
        """A window is good if all that was received was sent, and nothing else happened."""
        received = gain["received"]
        losses = {name: n for name, n in gain.items() if n and (name.startswith("end_") or name in MIRROR_LOSSES)}
        if losses:
            raise Void(f"packets were not sent: {losses}")
        if received == 0:
            raise Void("nothing was received")
        for name in ("forwarded", "mirrored"):
            wanted = received if name == "forwarded" or case.mirrored else 0
            if abs(gain[name] - wanted) > NO_FAULT:
                raise Void(f"{gain[name]} packets {name}, {wanted} expected")
        return gain["cpu_ns"] / received

    def prepare(self, gateway, case):
        """Until every flow exists."""
        gateway.wait_api()
        gateway.wait_counter("flows_created", case.flows)
        time.sleep(0.2)
        gateway.pause()

    def measure(self, case, testpmd):
        gateway = self.start(case, self.devices(case))
        own, io, swap = [], [], []
        try:
            self.prepare(gateway, case)
            for _ in range(self.windows):
                io.append(testpmd.window("io", self.seconds))
                swap.append(testpmd.window("5tswap", self.seconds))
                own.append(self.judge(case, gateway.window(self.warm, self.seconds)))
        finally:
            gateway.end()
            remove_remains()
        return self.result(case, own, io, swap)

    def first_packets(self, case, testpmd):
        """The first pass over a large capture: every packet makes a flow. One start of the gateway is one window."""
        own, io, swap = [], [], []
        for _ in range(self.windows):
            io.append(testpmd.window("io", self.seconds))
            swap.append(testpmd.window("5tswap", self.seconds))
            gateway = self.start(case, self.devices(case))
            try:
                own.append(self.first_pass(gateway, case))
            finally:
                gateway.end()
                remove_remains()
        return self.result(case, own, io, swap)

    @staticmethod
    def first_pass(gateway, case):
        """CPU time between two looks within the first pass: as far apart as they were."""
        gateway.wait_api()
        looks = []
        while not looks or looks[-1]["received"] < case.flows:
            looks.append(gateway.counters())
        looks = [look for look in looks if 0 < look["received"] < case.flows]
        if len(looks) < 2 or looks[-1]["received"] - looks[0]["received"] < case.flows // 4:
            raise Void(f"the first pass was over too soon: {len(looks)} looks")
        first, last = looks[0], looks[-1]
        made = last["flows_created"] - first["flows_created"]
        received = last["received"] - first["received"]
        if abs(made - received) > NO_FAULT:
            raise Void(f"{made} flows made by {received} packets")
        return (last["cpu_ns"] - first["cpu_ns"]) / received

    def result(self, case, own, io, swap):
        ns, io_ns, swap_ns = (statistics.median(x) for x in (own, io, swap))
        return {"name": case.name, "flows": case.flows, "frame_bytes": case.size, "ns": round(ns, 2),
                "ns_min": round(min(own), 2), "ns_max": round(max(own), 2), "io_ns": round(io_ns, 2),
                "testpmd_5tswap_ns": round(swap_ns, 2), "ratio": round(ns / swap_ns, 2), "windows": len(own)}

    # All of it

    def run_group(self, group):
        """Cases that share a capture."""
        case = max(group, key=gateway_memory_mb)
        provide_hugepages(gateway_memory_mb(case) + testpmd_memory_mb(case))
        testpmd = Testpmd(self.devices(case), mbufs_for(case.flows), self.directory)
        try:
            for one in group:
                self.run_case(one, testpmd)
        finally:
            testpmd.end()
            for file in self.directory.glob("re*.pcap"):
                file.unlink()

    def run_case(self, case, testpmd):
        try:
            if case.kind == "first-packets":
                row = self.first_packets(case, testpmd)
            else:
                self.check(case)
                row = self.measure(case, testpmd)
        except (Void, Failed) as error:
            row = {"name": case.name, "flows": case.flows, "void": str(error)}
        self.results.append(row)
        say(line_of(row))


def line_of(row):
    head = f"{row['name']:20} {row['flows']:>9,}  "
    if "void" in row:
        return head + "VOID: " + row["void"]
    return head + (f"{row['ns']:7.1f} ns ({row['ns_min']:.1f} to {row['ns_max']:.1f})   io {row['io_ns']:5.1f}   "
                   f"5tswap {row['testpmd_5tswap_ns']:5.1f}   ratio {row['ratio']:5.2f}")


def wanted_cases(options):
    out = []
    for version in (4, 6):
        for flows in (1, 10_000, 1_000_000):
            for case in bench_case.cases_of(version, flows):
                if not options.quick or flows == 10_000 or (case.name == "fullnat"):
                    out.append(case)
        if version == 4 or not options.quick:
            out.append(Case("first-packets", version, 1_000_000))
    if options.only:
        out = [case for case in out if case.name in options.only]
        if not out:
            raise SystemExit(f"bench: no case is called {', '.join(options.only)}")
    if options.flows:
        out = [case for case in out if case.flows == options.flows]
    return out


def groups_of(cases):
    groups = {}
    for case in cases:
        groups.setdefault(case.capture, []).append(case)
    return groups.values()


def parse_arguments():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer cases and shorter windows: about two minutes")
    parser.add_argument("--report", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--only", metavar="CASE", action="append", help="only this case, such as fullnat or nat-v6")
    parser.add_argument("--max-ratio", type=float, metavar="R", help="fail if a case costs more than R times testpmd's 5tswap")
    parser.add_argument("--flows", type=int, help="only cases with so many flows")
    parser.add_argument("--daemon", metavar="PROGRAM", default=str(ROOT / "build/understudyd"), help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave captures, configuration and logs behind")
    return parser.parse_args()


def check_machine(options):
    if os.geteuid() != 0:
        raise SystemExit("bench: DPDK with hugepages needs root: sudo ./tools/bench")
    if os.cpu_count() < 2:
        raise SystemExit("bench: needs two CPUs: one forwards, one measures")
    if not shutil.which("dpdk-testpmd"):
        raise SystemExit("bench: dpdk-testpmd is missing: apt-get install dpdk")
    if not Path(options.daemon).exists():
        raise SystemExit(f"bench: {options.daemon} is missing: ./tools/build")


def is_failed(row, max_ratio):
    """Void, or dearer than allowed: said in the case's own line."""
    if "void" in row:
        return True
    if max_ratio is None or row["ratio"] <= max_ratio:
        return False
    say(f"{row['name']}, {row['flows']:,} flows: {row['ratio']} times 5tswap, and {max_ratio} are allowed")
    return True


def main():
    options = parse_arguments()
    check_machine(options)
    directory = Path(tempfile.mkdtemp(prefix="understudy-bench-"))
    bench = Bench(options, directory)
    os.sched_setaffinity(0, {0})
    try:
        for group in groups_of(wanted_cases(options)):
            bench.run_group(group)
    finally:
        remove_remains()
        if options.keep:
            say(f"kept: {directory}")
        else:
            shutil.rmtree(directory)
    if options.report:
        Path(options.report).write_text(json.dumps({"quick": options.quick, "cases": bench.results}, indent=1) + "\n")
    return 1 if any(is_failed(row, options.max_ratio) for row in bench.results) else 0


if __name__ == "__main__":
    sys.exit(main())

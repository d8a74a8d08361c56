# SPDX-License-Identifier: Apache-2.0
"""A machine of a server: control groups with so much CPU, memory and disk, and what it used of them.

Both versions of cgroups: in the first each controller has a tree of its own, in the second all share one, and only leaves
hold processes. So in each tree:

    MACHINE (the limits) +- server
                         +- neighbour (less CPU)
"""

import os
import time
from pathlib import Path

from lab.hosts import Skip

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100000
QUOTA_MIN_US = 1000  # the kernel takes no less
SHARES = 8192  # eight times a process without a group: what else the machine does must not look like a fault
LIMITS = {  # blkio of version 1 does not limit the groups below
    1: {"cpu": "cpu/{}/cpu.cfs_quota_us", "memory": "memory/{}/memory.limit_in_bytes",
        "writes": "blkio/{}/server/blkio.throttle.write_iops_device", "shares": "cpu/{}/cpu.shares"},
    2: {"cpu": "{}/cpu.max", "memory": "{}/memory.max", "writes": "{}/io.max", "shares": "{}/cpu.weight"},
}
LEAVES = ("server", "neighbour")
TREES = {1: ("cpu", "cpuacct", "memory", "blkio"), 2: ("",)}


def version():
    if (ROOT / "cgroup.controllers").exists():
        return 2
    missing = [tree for tree in TREES[1] if not (ROOT / tree / "cgroup.procs").exists()]
    if missing:
        raise Skip(f"needs control groups: no {missing[0]} under {ROOT}")
    return 1


def disk_of(directory):
    """MAJOR:MINOR of the disk that holds a directory; Skip if no block device does."""
    device = os.stat(directory).st_dev
    sys_path = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not sys_path.exists():
        raise Skip(f"needs {directory} on a block device, to slow it")
    if (sys_path / "partition").exists():
        return (sys_path.resolve().parent / "dev").read_text().strip()
    return f"{os.major(device)}:{os.minor(device)}"


class Machine:
    """Made with the limits of a healthy one."""

    def __init__(self, name, directory, cpus=0.5, memory=64 << 20):
        self.version = version()
        self.name = name
        self.directory = directory
        self.groups = [ROOT / tree / name for tree in TREES[self.version]]
        if self.version == 2:
            (ROOT / "cgroup.subtree_control").write_text("+cpu +memory +io")
        for group in self.groups:
            group.mkdir()
            if self.version == 2:
                (group / "cgroup.subtree_control").write_text("+cpu")
            for leaf in LEAVES:
                (group / leaf).mkdir()
        self.memory = memory
        self.busy = 0.0
        self.looked = None
        self.write("shares", SHARES if self.version == 1 else 800)
        self.limit_cpu(cpus)
        self.limit_memory(memory)

    def file(self, what):
        return ROOT / LIMITS[self.version][what].format(self.name)

    def write(self, what, value):
        self.file(what).write_text(str(value))

    def limit_cpu(self, cpus):
        self.cpus = max(cpus, QUOTA_MIN_US / PERIOD_US)
        quota = round(self.cpus * PERIOD_US)
        self.write("cpu", quota if self.version == 1 else f"{quota} {PERIOD_US}")

    def limit_memory(self, size):
        self.memory = size
        self.write("memory", size)

    def limit_writes(self, per_second):
        disk = disk_of(self.directory)
        self.write("writes", f"{disk} {per_second}" if self.version == 1 else f"{disk} wiops={per_second}")

    def enter(self, command, leaf="server"):
        """The command as run on this machine."""
        script = "".join(f"echo $$ >{group}/{leaf}/cgroup.procs && " for group in self.groups)
        return ["/bin/sh", "-c", script + 'exec "$@"', "sh", *map(str, command)]

    def limit_neighbour(self, cpus):
        quota = round(cpus * PERIOD_US)
        path = LIMITS[self.version]["cpu"].format(f"{self.name}/neighbour")
        (ROOT / path).write_text(str(quota) if self.version == 1 else f"{quota} {PERIOD_US}")

    def cpu_seconds(self):
        if self.version == 1:
            return int((ROOT / "cpuacct" / self.name / "cpuacct.usage").read_text()) / 1e9
        return self.stat(self.groups[0] / "cpu.stat")["usage_usec"] / 1e6

    def memory_available(self):
        group = ROOT / "memory" / self.name if self.version == 1 else self.groups[0]
        used = int((group / ("memory.usage_in_bytes" if self.version == 1 else "memory.current")).read_text())
        cache = self.stat(group / "memory.stat").get("inactive_file", 0)
        return max(0, self.memory - used + cache)

    @staticmethod
    def stat(path):
        return {key: int(value) for key, value in (line.split() for line in path.read_text().splitlines())}

    def busy_seconds(self):
        """CPU time of a machine of one CPU: its use as a share of what it may use, summed over the time."""
        now, used = time.monotonic(), self.cpu_seconds()
        if self.looked:
            passed = now - self.looked[0]
            self.busy += min(passed, (used - self.looked[1]) / self.cpus)
        self.looked = (now, used)
        return self.busy

    def tasks(self):
        """Threads that run or wait for the disk."""
        count = 0
        for pid in self.pids():
            for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
                try:
                    count += stat.read_text().rsplit(")", 1)[1].split()[0] in "RD"
                except OSError:
                    continue  # ended meanwhile
        return count

    def pids(self):
        return [pid for leaf in LEAVES for pid in (self.groups[0] / leaf / "cgroup.procs").read_text().split()]

    def close(self, seconds=5.0):
        """When its processes have ended: the kernel lets go of the last one a moment after it is reaped."""
        deadline = time.monotonic() + seconds
        paths = [path for group in self.groups for path in (*[group / leaf for leaf in LEAVES], group)]
        while paths and time.monotonic() < deadline:
            paths = [path for path in paths if not removed(path)]
            time.sleep(0.05 if paths else 0)


def removed(path):
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The parts of tools/check: what each runs, what it needs first, and which may run side by side.

    packages -> build-gcc -> unit, fuzz -> lab, lab-af_packet, lab-lcores, demo, faults, bench, nic, lab-asan, publication (first)
        |-----> lint -> build-clang -> asan -> models -> tsan                                                 (second)

The first lane has the CPUs, the second only idle time: the lab forwards on CPU 1 with deadlines of milliseconds.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

SKIP = 77
PART_TIMEOUT_S = 1500
LOG_LINES = 120


@dataclass
class Part:
    name: str
    what: str
    commands: list
    needs: tuple = ()
    idle: bool = False
    env: dict = field(default_factory=dict)
    counts_tests: bool = False


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = field(default_factory=list)


def meson_test(build, *args):
    return ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs", "--num-processes", "2", *args]


SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=1",
    "LSAN_OPTIONS": f"suppressions={os.path.abspath('tests/lsan.supp')}:print_suppressions=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
LAB = ["/usr/bin/python3", "tests/lab/run"]

PARTS = [
    Part("packages", "packages of tools/packages.txt", [["tools/install_packages"]]),
    Part("build-gcc", "build with gcc, warnings are errors", [["tools/build", "build", "-Dwerror=true"]], ("packages",)),
    Part("unit", "unit tests", [meson_test("build", "--suite", "unit")], ("build-gcc",), counts_tests=True),
    Part("fuzz", "fuzz corpora as plain tests", [meson_test("build", "--suite", "fuzz")], ("build-gcc",),
         counts_tests=True),
    Part("lab", "lab on net_af_xdp", [LAB + ["--but", "publication"]], ("build-gcc",), counts_tests=True),
    Part("lab-af_packet", "lab on net_af_packet", [LAB + ["--pmd", "af_packet"]], ("build-gcc",), counts_tests=True),
    Part("lab-lcores", "lab with two lcores and queues", [LAB + ["--lcores", "2"]], ("build-gcc",), counts_tests=True),
    Part("demo", "the demo, quick", [["tools/demo", "--quick", "--report", "build/demo.json"]], ("build-gcc",)),
    Part("faults", "the fault suite, quick",
         [["tools/faults", "--quick", "--arms", "predictor,off"]], ("build-gcc",)),
    # 2.2 to 2.4 on a quiet machine; others' load moves both sides of the ratio, but not alike.
    Part("bench", "packet path against testpmd, quick",
         [["tools/bench", "--quick", "--only", "fullnat", "--max-ratio", "4", "--report", "build/bench.json"]], ("build-gcc",)),
    Part("nic", "the gateway on emulated NICs", [["/usr/bin/python3", "tests/nic/run"]], ("build-gcc",),
         counts_tests=True),
    Part("lab-asan", "bad packets at the daemon under ASan and UBSan",
         [LAB + ["--build", "build-asan", "--only", "bad packets"]], ("asan",), env=SANITIZER_ENV, counts_tests=True),
    # Last, when nothing else runs: microseconds until a core uses a new table.
    Part("publication", "how soon a change is in force", [LAB + ["--only", "publication"]],
         ("build-gcc", "build-clang", "asan", "tsan"), counts_tests=True),
    Part("lint", "house style", [["tools/lint"]], ("packages",), idle=True),
    Part("build-clang", "build with clang, warnings are errors", [["tools/build", "build-clang", "-Dwerror=true"]],
         ("packages",), idle=True, env={"CC": "clang"}),
    Part("asan", "unit tests and fuzz corpora under ASan and UBSan",
         [["tools/build", "build-asan", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dwerror=true"],
          meson_test("build-asan", "--suite", "unit", "--suite", "fuzz", "--timeout-multiplier", "10")],
         ("packages",), idle=True, env=SANITIZER_ENV, counts_tests=True),
    Part("models", "what the models score on data of others", [meson_test("build", "--suite", "models")], ("build-gcc",),
         idle=True, counts_tests=True),
    # gcc 12's TSan does not know the address layout of newer kernels: no randomisation.
    Part("tsan", "concurrency tests under TSan",
         [["tools/build", "build-tsan", "-Db_sanitize=thread", "-Db_lundef=false", "-Dwerror=true"],
          ["setarch", "-R", *meson_test("build-tsan", "--suite", "concurrency", "--timeout-multiplier", "10")]],
         ("packages",), idle=True, env=SANITIZER_ENV, counts_tests=True),
]


class Runner:
    def __init__(self, parts):
        self.parts = parts
        self.lock = threading.Lock()
        self.done = {p.name: threading.Event() for p in parts}
        self.failed = set()
        self.total = Result()
        self.processes = set()
        self.stopping = False

    def run_commands(self, part, log):
        for command in part.commands:
            if part.idle:
                command = ["chrt", "--idle", "0", *command]
            env = {**os.environ, **part.env}
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       env=env, start_new_session=True)
            with self.lock:
                self.processes.add(process)
            try:
                code = process.wait(timeout=PART_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGTERM)
                log.write(f"not finished after {PART_TIMEOUT_S} s\n".encode())
                code = process.wait() or 1
            with self.lock:
                self.processes.discard(process)
            if code:
                return code
        return 0

    def run_part(self, part):
        begin = time.monotonic()
        blocked = [n for n in part.needs if n in self.failed]
        path = f"build-check/{part.name}.log"
        if blocked or self.stopping:
            code = SKIP
            text = f"needs {blocked[0]}" if blocked else "stopped"
        else:
            with open(path, "wb") as log:
                code = self.run_commands(part, log)
            with open(path, encoding="utf-8", errors="replace") as log:
                text = log.read()
        result = judge(part, code, text)
        with self.lock:
            self.tell(part, result, time.monotonic() - begin, text)
            if result.failed:
                self.failed.add(part.name)
        self.done[part.name].set()

    def tell(self, part, result, seconds, text):
        for key in ("passed", "failed", "skipped"):
            setattr(self.total, key, getattr(self.total, key) + getattr(result, key))
        word = "FAILED" if result.failed else "passed" if result.passed else "skipped"
        count = ""
        if part.counts_tests and result.passed + result.failed > 0:
            count = f" ({result.passed} passed" + (f", {result.failed} failed" if result.failed else "")
            count += (f", {result.skipped} skipped" if result.skipped else "") + ")"
        print(f"{word:8}{part.name:16}{seconds:6.1f} s  {part.what}{count}", flush=True)
        for note in result.notes:
            print(f"        {note}", flush=True)
        if result.failed:
            lines = text.rstrip("\n").split("\n")
            if len(lines) > LOG_LINES:
                print(f"    | ... (all of it: build-check/{part.name}.log)")
            print("\n".join("    | " + line for line in lines[-LOG_LINES:]), flush=True)

    def lane(self, parts):
        for part in parts:
            for need in part.needs:
                if need in self.done:
                    self.done[need].wait()
            self.run_part(part)

    def run(self):
        lanes = [[p for p in self.parts if not p.idle], [p for p in self.parts if p.idle]]
        threads = [threading.Thread(target=self.lane, args=(lane,), daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self):
        self.stopping = True
        with self.lock:
            for process in self.processes:
                os.killpg(process.pid, signal.SIGTERM)
        for process in list(self.processes):
            process.wait()


def judge(part, code, text):
    """What a part's exit code and output mean. A part that counts its tests says how many; others are one."""
    result = Result()
    if part.counts_tests and re.search(r"^No (suitable )?tests defined\.", text, re.M):
        result.skipped, result.notes = 1, ["there are none"]
        return result
    if code == SKIP:
        result.skipped, result.notes = 1, [text.rstrip("\n").split("\n")[-1]]
        return result
    numbers = counted(text) if part.counts_tests else None
    if numbers:
        result.passed, result.failed, result.skipped = numbers
        result.notes = [line.strip() for line in text.split("\n") if re.match(r"ok .*# SKIP", line)]
    elif not code:
        result.passed = 1
    if code and not result.failed:
        result.failed = 1
    return result


def counted(text):
    """(passed, failed, skipped) of meson's or the lab's last lines, or None."""
    match = re.search(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.M)
    if match:
        return tuple(int(n or 0) for n in match.groups())
    found = {k: int(v) for k, v in re.findall(r"^(Ok|Fail|Skipped|Timeout|Unexpected Pass):\s+(\d+)", text, re.M)}
    if not found:
        return None
    return found.get("Ok", 0), found.get("Fail", 0) + found.get("Timeout", 0), found.get("Skipped", 0)


def main():
    parser = argparse.ArgumentParser(prog="check", description="Everything that must pass.")
    parser.add_argument("--list", action="store_true", help="name the parts and end")
    parser.add_argument("--only", action="append", metavar="PART", help="run this part alone, and what it needs")
    args = parser.parse_args()
    if args.list:
        for part in PARTS:
            print(f"{part.name:16}{part.what}")
        return 0
    by_name = {p.name: p for p in PARTS}
    wanted = set()
    queue = list(args.only or by_name)
    while queue:
        name = queue.pop()
        if name not in by_name:
            parser.error(f"no part '{name}': see --list")
        wanted.add(name)
        queue += by_name[name].needs
    shutil.rmtree("build-check", ignore_errors=True)
    os.makedirs("build-check")
    runner = Runner([p for p in PARTS if p.name in wanted])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begin = time.monotonic()
    try:
        runner.run()
    except (KeyboardInterrupt, SystemExit):
        runner.stop()
        return 130
    total = runner.total
    print(f"in {time.monotonic() - begin:.0f} s")
    print(f"{total.passed} passed, {total.failed} failed" + (f", {total.skipped} skipped" if total.skipped else ""))
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())

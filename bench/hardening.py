#!/usr/bin/env python3
"""What the protections of a release cost. Run through bench/hardening (needs root).

--plain and --hardened name two builds of one commit, the second with POSTERN_HARDENING. Each takes
its turn in every round with messages of 4 KB on reused connections; CPU is that of the server's
processes. With --instructions N, callgrind also counts the instructions of a message: those of a
run with 2 N messages less those of one with N, of copies without debug information.

--program names a benchmark in the folder bench beside --plain and --hardened instead, with the
arguments that follow a count ("restrictions_bench thirty"): its instructions for one more of N.

--sandbox compares --plain with itself instead: without the sandbox that the gateway puts on itself,
and with it.

--patterns runs PROGRAM (bench/table_bench or bench/restrictions_bench) in turns as it is, and where
the kernel refuses memory to become executable, as MemoryDenyWriteExecute= of the unit does: PCRE2
then interprets what it compiles otherwise."""
import argparse
import ctypes
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

import parts as bench
import servers

PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1  # prctl(2), Linux 6.3
FOLDER = bench.WORK / "hardening"


def deny_executable_memory():
    """From here on this process and its children get no memory that becomes executable."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_MDWE")


def patterns(command, rounds):
    """The program in turns with and without executable memory; prints what it prints."""
    for number in range(rounds):
        for title, prepare in (("compiled", None), ("interpreted", deny_executable_memory)):
            out = subprocess.run(command, check=True, text=True, capture_output=True,
                                 preexec_fn=prepare).stdout
            for line in out.splitlines():
                print(f"round {number + 1}, patterns {title}: {line}", flush=True)


class Counted(servers.Postern):
    """The gateway under callgrind."""

    def launch(self, group):
        wrapper = FOLDER / "counted"
        wrapper.write_text(f"#!/bin/sh\nexec valgrind -q --tool=callgrind "
                           f"--callgrind-out-file={FOLDER}/counts {self.binary} \"$@\"\n")
        wrapper.chmod(0o755)
        plain, self.binary = self.binary, wrapper
        try:
            return super().launch(group)
        finally:
            self.binary = plain


def send(server, folder, count, seconds):
    """Sends messages; all must be accepted."""
    result = bench.load(server, "--from", "sender@example.org", "--helo", "mail.example.org", "-c",
                        4, "-m", 900, "-n", count, "-t", seconds, "--eml", folder / "4096")
    if result["accepted"] < count or result["refused"] + result["broken"]:
        sys.exit(f"{server.name}: {result['accepted']} of {count} messages were accepted: "
                 f"{result['said'][:200]}")


def cpu_of(binary, group, folder, args, sandbox=None):
    """Microseconds of CPU of a message."""
    server = servers.Postern(args.policy, binary)
    server.sandbox = sandbox or server.sandbox
    server.start(group)
    try:
        send(server, folder, args.messages // 4, 300)
        before = group.quiet_cpu()
        send(server, folder, args.messages, 300)
        return (group.quiet_cpu() - before) * 1e6 / args.messages
    finally:
        group.stop()


def total():
    """The instructions that the last run under callgrind counted."""
    return int(re.search(r"^(?:totals|summary): (\d+)", (FOLDER / "counts").read_text(), re.M)[1])


def program_instructions(program, words, count):
    """Instructions of one round of a benchmark, from runs of `count` and twice as many."""
    copy = FOLDER / "stripped"
    subprocess.run(["strip", "-o", str(copy), str(program)], check=True)
    totals = []
    for rounds in (count, 2 * count):
        subprocess.run(["valgrind", "-q", "--tool=callgrind",
                        f"--callgrind-out-file={FOLDER}/counts", str(copy), str(rounds), *words],
                       check=True, capture_output=True)
        totals.append(total())
    return (totals[1] - totals[0]) / count


def instructions_of(binary, group, folder, args):
    """Instructions of a message, from two runs under callgrind."""
    copy = FOLDER / "stripped"
    subprocess.run(["strip", "-o", str(copy), str(binary)], check=True)
    totals = []
    for count in (args.instructions, 2 * args.instructions):
        server = Counted(args.policy, copy, threads=1)
        (FOLDER / "counts").unlink(missing_ok=True)
        server.start(group)
        try:
            send(server, folder, count, 900)
        finally:
            group.stop()
        totals.append(total())
    return (totals[1] - totals[0]) / args.instructions


def compared(title, plain, hardened, names=("plain", "hardened")):
    """One row: both medians, and what the second costs more, with the lowest and highest round."""
    each = [100 * (h / p - 1) for p, h in zip(plain, hardened)]
    return (f"{title}: {names[0]} {statistics.median(plain):,.1f}, {names[1]} "
            f"{statistics.median(hardened):,.1f}: {statistics.median(each):+.1f} % "
            f"({min(each):+.1f} to {max(each):+.1f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", type=pathlib.Path, default=bench.POSTERN)
    parser.add_argument("--hardened", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=10000, help="of a round")
    parser.add_argument("--policy", default="all", choices=servers.POLICIES, help="default: all")
    parser.add_argument("--instructions", type=int, default=0, metavar="N")
    parser.add_argument("--program", metavar="NAME")
    parser.add_argument("--sandbox", action="store_true")
    parser.add_argument("--patterns", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if args.patterns:
        return patterns(args.patterns, args.rounds)
    if not args.hardened and not args.sandbox:
        parser.error("--hardened, --sandbox or --patterns is needed")
    binaries = [args.plain.resolve(), (args.hardened or args.plain).resolve()]
    sandboxes = ("off", "strict") if args.sandbox else (None, None)
    titles = ("without", "with") if args.sandbox else ("plain", "hardened")
    FOLDER.mkdir(parents=True, exist_ok=True)
    if args.program:
        name, *words = args.program.split()
        each = [program_instructions(binary.parent / "bench" / name, words, args.instructions or 100)
                for binary in binaries]
        print(compared(f"instructions of {args.program}", *([one] for one in each)))
        return 0
    bench.stop_in_order()
    bench.own_network()
    bench.descriptors()
    folder, record = bench.signed_messages([4096], binaries[0])
    names = bench.name_server(record)
    group = bench.Group()
    cpu, instructions = ([], []), []
    try:
        for number in range(args.rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            for which in order:
                cpu[which].append(cpu_of(binaries[which], group, folder, args, sandboxes[which]))
            print(f"round {number + 1}: {titles[0]} {cpu[0][-1]:.1f}, {titles[1]} {cpu[1][-1]:.1f} "
                  "µs of CPU a message", flush=True)
        if args.instructions:
            instructions = [[instructions_of(binary, group, folder, args)] for binary in binaries]
    except bench.Stopped:
        sys.exit("hardening: stopped")
    finally:
        names.terminate()
        names.wait()
        group.remove()
        shutil.rmtree(FOLDER, ignore_errors=True)
    print(compared("CPU of a message, µs", *cpu, titles))
    if instructions:
        print(compared("instructions of a message", *instructions))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""System checks of the sandbox: a thread of the running gateway is made to try what must be refused, and a reload that needs more is refused whole.

  sandbox.py [--binary PATH]

Needs root (ptrace of a process that is not dumpable) and x86-64. What is expected: sandbox_expected.tsv.
"""
import ctypes
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import LOCAL, expect  # noqa: E402
from harness.cases import Fail  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
REFUSED = {"EPERM", "EACCES", "ENOSYS"}


def landlock():
    """The version of the kernel's Landlock; 0: none."""
    return max(0, ctypes.CDLL(None).syscall(444, None, 0, 1))


def table():
    rows = [line.split("\t") for line in (HERE / "sandbox_expected.tsv").read_text().splitlines() if not line.startswith("#")]
    return dict(rows)


def probe(bench, target, *writable, brief=False):
    """-> {probe: result}"""
    program = bench.root / "probe"
    if not program.exists():
        subprocess.run(["cc", "-O1", "-o", program, HERE / "probe_sandbox.c"], check=True)
    env = {**os.environ, **({"BRIEF": "1"} if brief else {})}
    done = subprocess.run([program, *map(str, target), *map(str, writable)], capture_output=True, text=True, timeout=60, env=env)
    if done.returncode not in (0, 3):
        raise Fail("the probe failed: %s" % done.stderr)
    return dict(line.split("\t") for line in done.stdout.splitlines())


def judge(got, baseline, reading):
    """Every row of the table. A probe that fails without a sandbox, too, with the same error, shows nothing and is no proof of a refusal."""
    version, wrong, shown = landlock(), [], 0
    for name, by in table().items():
        result = got.get(name, "not probed")
        if by == "works" and result != "ok":
            wrong.append("%s: %s" % (name, result))
        if by == "killed" and result != "killed":
            wrong.append("%s: %s" % (name, result))
        judged = by == "seccomp" or (by == "landlock" and version > 0) or (by == "bind" and version > 3) or (by == "read" and reading and version > 0)
        if judged and result not in REFUSED:
            wrong.append("%s: %s" % (name, result))
        if judged and result != baseline.get(name, "ok"):
            shown += 1
    if wrong:
        raise Fail("; ".join(wrong))
    if shown < 40:
        raise Fail("only %d refusals differ from a process without a sandbox" % shown)


def every_forbidden_call(bench):
    """Every row of the table, with all files readable and with few."""
    baseline = probe(bench, ["--baseline", "0"])
    for reading in (False, True):
        section = {"sandbox_read": [str(bench.root / "readable")]} if reading else {}
        server = bench.server({**LOCAL, "server": section})
        judge(probe(bench, [server.pid], server.root / "data"), baseline, reading)
        server.remove()


def every_thread(bench):
    """Landlock and seccomp bind threads that ran before, those of libraries and of a policy included."""
    policy = bench.root / "policy.lua"
    policy.write_text("local kumo = require 'kumo'\n")
    server = bench.server({**LOCAL, "lua": {"policy": str(policy)}})
    threads = os.listdir("/proc/%d/task" % server.pid)
    if len(threads) < 5:
        raise Fail("only %d threads" % len(threads))
    for thread in threads:
        status = pathlib.Path("/proc/%d/task/%s/status" % (server.pid, thread)).read_text()
        expect("seccomp of thread %s" % thread, True, "Seccomp:\t2" in status)
        if landlock():
            got = probe(bench, [thread], brief=True)
            expect("thread %s: create-in-etc" % thread, "EACCES", got.get("create-in-etc"))
    if not server.alive():
        raise Fail("the gateway ended")


def off_is_off(bench):
    """`off` leaves everything as it was; the probes can fail."""
    server = bench.server({**LOCAL, "server": {"sandbox": "off"}})
    status = pathlib.Path("/proc/%d/status" % server.pid).read_text()
    expect("Seccomp", True, "Seccomp:\t0" in status)
    expect("create-in-tmp", "ok", probe(bench, [server.pid], brief=True)["create-in-tmp"])


def reload_needs_more(bench):
    """A configuration that names a path outside of the sandbox is refused whole, with what and where; inside it is taken."""
    outside = bench.root / "elsewhere"
    outside.mkdir()
    server = bench.server(LOCAL)

    def reload():
        return bench.run("reload", "--data-dir", server.root / "data")

    file = server.root / "postern.toml"
    text = file.read_text()
    if landlock():
        file.write_text(text + '\n[[route]]\nmatch = ["box.example"]\nto = ["maildir:%s"]\n' % outside)
        status, out, err = reload()
        expect("a path outside: exit", 78, status)
        if "needs a restart: %s" % outside not in out + err:
            raise Fail("the answer was %r" % (out + err))
    file.write_text(text + '\n[[route]]\nmatch = ["box.example"]\nto = ["maildir:%s/box"]\n' % (server.root / "data"))
    status, out, err = reload()
    expect("a path inside: %s" % err, 0, status)


CHECKS = [every_forbidden_call, every_thread, off_is_off, reload_needs_more]

if __name__ == "__main__":
    if os.geteuid() != 0 or os.uname().machine != "x86_64":
        print("needs root and x86-64")
        sys.exit(77)
    sys.exit(smoke.main(CHECKS, __doc__))

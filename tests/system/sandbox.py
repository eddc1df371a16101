#!/usr/bin/env python3
"""System checks of the sandbox: a thread of the running gateway is made to try what must be refused, and a reload that needs more is refused whole.

  sandbox.py [--binary PATH]

Needs root (ptrace of a process that is not dumpable) and x86-64. What is expected: sandbox_expected.tsv.
"""
import ctypes
import fcntl
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import LOCAL, NotRun, expect, thread_statuses  # noqa: E402
from harness import instance  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LOW_PORT = 25
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
    done = subprocess.run([program, *map(str, target), *map(str, writable)], capture_output=True, text=True, timeout=PATIENCE, env=env)
    if done.returncode not in (0, 3):
        raise Fail("the probe failed: %s" % done.stderr)
    return dict(line.split("\t") for line in done.stdout.splitlines())


def judge(got, baseline, reading=False, least=40, **other):
    """Every row of the table, or of `other` for what it has. A probe that fails without a sandbox, too, with the same error, shows nothing and is no proof of a
    refusal."""
    version, wrong, shown = landlock(), [], 0
    for name, by in {**table(), **{name.replace("_", "-"): by for name, by in other.items()}}.items():
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
    if shown < least:
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
    threads = thread_statuses(server.pid)
    if len(threads) < 5:
        raise Fail("only %d threads" % len(threads))
    for thread, status in threads.items():
        expect("seccomp of thread %s" % thread, True, "Seccomp:\t2" in status)
        if landlock():
            got = probe(bench, [thread], brief=True)
            expect("thread %s: create-in-etc" % thread, "EACCES", got.get("create-in-etc"))
    if not server.alive():
        raise Fail("the gateway ended")


def no_capabilities(bench):
    """What the service manager gives for ports below 1024 is given up once they are open, by each thread."""
    bench.root.chmod(0o755)
    home = bench.root / "home"
    home.mkdir()
    os.chown(home, 12345, 12345)
    config = bench.config({"server": {"data_dir": str(home / "data")}, "listener": [{"address": "127.0.0.1:%d" % LOW_PORT}],
                           "api": {"address": "127.0.0.1:%d" % instance.free_port()}})
    config.chmod(0o644)
    rights = ["--reuid", "12345", "--regid", "12345", "--clear-groups", "--inh-caps", "+net_bind_service", "--ambient-caps", "+net_bind_service"]
    binary = home / "postern"
    shutil.copy(bench.binary, binary)
    space = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]  # the port is free there
    with open(bench.root / "out", "w", encoding="utf-8") as out:
        process = subprocess.Popen([*space, "setpriv", *rights, binary, "serve", "--config", config], stdout=out, stderr=out)
    try:
        def said():
            return (bench.root / "out").read_text()
        until(lambda: "it is ready: " + said()[-1000:], lambda: "server.ready" in said() or process.poll() is not None)
        expect("it is ready: " + said()[-1000:], None, process.poll())
        threads = thread_statuses(process.pid)
        for thread, status in threads.items():
            left = [line for line in status.splitlines() if line.startswith(("CapInh", "CapPrm", "CapEff", "CapAmb")) and int(line.split()[1], 16) != 0]
            expect("capabilities of thread %s of %d" % (thread, len(threads)), [], left)
    finally:
        process.terminate()
        process.wait(PATIENCE)


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


def command(bench, *words, env=None):
    process = subprocess.Popen([str(bench.binary), *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=bench.root,
                               env={**os.environ, **(env or {})})
    bench.stack.callback(process.wait)
    bench.stack.callback(process.kill)
    return process


def reads_its_input(process):
    """Waits until a command reads its standard input: system call 0, descriptor 0."""
    until("%s reads its input" % process.args, lambda: pathlib.Path("/proc/%d/syscall" % process.pid).read_text().startswith("0 0x0 "))


# What differs for a command that needs no file, and for one that needs no network.
NO_FILE = {"create_in_state": "landlock", "unlink_in_state": "none"}
NO_NETWORK = {"socket_inet": "seccomp", "socket_netlink": "seccomp", "bind_port_23": "none", "bind_unconfigured_port": "none"}
ALONE = {**NO_FILE, **NO_NETWORK}
# Root may take on the rights of the user whose data directory a configuration names.
OF_CONFIGURATION = {"setgroups": "none"}


def commands_that_read_what_others_wrote(bench):
    """They are in the sandbox before they read it, and write nowhere but where they must."""
    baseline, data = probe(bench, ["--baseline", "0"]), bench.root / "data"
    data.mkdir()
    file = bench.config({"server": {"data_dir": str(data)}, "restrictions": {"smtpd_relay_restrictions": "reject_unauth_destination", "relay_domains": "example.com"}})
    envelope = ["--client-ip", "192.0.2.1", "--from", "a@example.org", "--to", "b@example.com"]
    for words, other in ((["import", "postfix", "-"], ALONE), (["import", "vsmtp", "-"], ALONE), (["dkim", "verify", "-"], NO_FILE),
                         (["dmarc", "check", "--message", "-", "--ip", "192.0.2.1", "--from", "a@example.org"], NO_FILE),
                         (["explain", "--config", file, *envelope, "--message", "-"], OF_CONFIGURATION)):
        process = command(bench, *words)
        reads_its_input(process)
        try:
            judge(probe(bench, [process.pid], data), baseline, **other)
        except Fail as failure:
            raise Fail("%s: %s" % (" ".join(map(str, words[:2])), failure)) from None


def calls_before_the_configuration(bench):
    """`check` gives up system calls before it reads the file."""
    baseline, before = probe(bench, ["--baseline", "0"]), bench.root / "before"
    before.mkdir()
    process = command(bench, "check", "--config", "-")
    reads_its_input(process)
    calls = {name.replace("-", "_"): "none" for name, by in table().items() if by in ("landlock", "bind")}
    judge(probe(bench, [process.pid], before), baseline, least=30, **OF_CONFIGURATION, **calls)


def reads(process, pipe):
    """Waits until a command reads a named pipe: system call 0, the descriptor of the pipe."""
    def does():
        call = pathlib.Path("/proc/%d/syscall" % process.pid).read_text().split()
        link = pathlib.Path("/proc/%d/fd/%d" % (process.pid, int(call[1], 16))) if call[0] == "0" else None
        return link is not None and link.is_symlink() and os.readlink(link) == str(pipe)
    until("%s reads %s" % (process.args, pipe), does)


def whole_before_it_is_read(bench):
    """Commands that load configurations are in the whole sandbox before they play a version or a test, and before they ask name servers or the gateway."""
    baseline, data = probe(bench, ["--baseline", "0"]), bench.root / "data"
    data.mkdir()
    pipe = bench.root / "message"
    os.mkfifo(pipe)
    bench.stack.callback(os.close, os.open(pipe, os.O_RDWR))  # a reader waits
    (bench.root / "one.ptest").write_text('config = "other.toml"\n[[test]]\nname = "one"\nmessage = "message"\nclient = "192.0.2.1"\nfrom = "a@example.org"\nrcpt = "b@example.com"\nexpect.code = 554\n')
    other = bench.root / "other.toml"
    other.write_text('[server]\ndata_dir = "%s"\n' % data)
    held = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    bench.stack.callback(os.close, held)
    fcntl.flock(held, fcntl.LOCK_EX)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(PATIENCE)
        file = bench.config({**LOCAL, "server": {"data_dir": str(data)}, "dns": {"servers": ["127.0.0.1:%d" % silent.getsockname()[1]], "timeout": "10s"}})
        asks = lambda process: silent.recv(1)
        waits = lambda process: until("it waits for the lock", lambda: pathlib.Path("/proc/%d/syscall" % process.pid).read_text().startswith("230 "))
        for words, stops, more in ((["check", "--config", file], asks, {}), (["check", "--config", file, "--against", other], asks, {}),
                                   (["plan", other, file, "--replay", "1h"], waits, {}), (["replay", "--config", file], waits, {}),
                                   (["explain", "01JD9X3V5W6Y7Z8A9B0C1D2E3F", "--config", file], waits, {}),
                                   (["test", bench.root / "one.ptest"], lambda process: reads(process, pipe), NO_NETWORK)):
            while select.select([silent], [], [], 0)[0]:
                silent.recv(1)  # what the command before asked
            process = command(bench, *words)
            stops(process)
            try:
                judge(probe(bench, [process.pid], data), baseline, **OF_CONFIGURATION, **more)
            except Fail as failure:
                raise Fail("%s: %s" % (" ".join(map(str, words)), failure)) from None
            process.kill()
            process.wait()


def results_go_where_they_belong(bench):
    """`plan` and `test` write the files that options name, and expected values, wherever these are."""
    for name in ("data", "tests", "results", "elsewhere"):
        (bench.root / name).mkdir()
    lists = {"smtpd_relay_restrictions": "reject_unauth_destination", "relay_domains": "example.com"}
    new = bench.config({"server": {"data_dir": str(bench.root / "data")}, "restrictions": lists})
    old = bench.root / "elsewhere" / "old.toml"
    old.write_text(pathlib.Path(new).read_text().replace("example.com", "example.com, example.org"))
    kept = bench.root / "results" / "made.ptest"
    status, out, err = bench.run("plan", old, new, "--as-test", kept)
    expect("plan: " + out + err, (2, True), (status, kept.exists()))
    (bench.root / "elsewhere" / "trace.txt").write_text("none\n")
    case = bench.root / "tests" / "one.ptest"
    case.write_text('config = "%s"\n[[test]]\nname = "one"\nclient = "192.0.2.1"\nfrom = "a@example.net"\nrcpt = "b@example.com"\n'
                    'expect.code = 554\nexpect.trace = "../elsewhere/trace.txt"\n' % new)
    report, rules = bench.root / "results" / "report.json", bench.root / "elsewhere" / "rules.json"
    status, out, err = bench.run("test", case, "--format", "json", "--output", report, "--coverage=%s" % rules)
    expect("test: " + out + err, (1, True, True), (status, report.exists(), rules.exists()))
    status, out, err = bench.run("test", case, "--update=yes")
    expect("test --update: " + out + err, 0, status)
    expect("the expected values", (True, True), ("expect.code" not in case.read_text(), "none" not in (bench.root / "elsewhere" / "trace.txt").read_text()))


def examples_are_played(bench):
    """The examples' tests: of lists, `.vsl` rules and Lua, which make name servers' clients that ask nobody."""
    status, out, err = bench.run("test", ROOT / "examples", "--format", "tap", cwd=ROOT)
    expect("exit status: " + out + err, 0, status)
    if err:
        raise Fail("it complains: " + err)


def data_of_another_user(bench):
    """`explain ID` of root reads the data directory of the service's user."""
    data = bench.root / "data"
    data.mkdir()
    os.chown(data, 12345, 12345)
    status, out, err = bench.run("explain", "01JD9X3V5W6Y7Z8A9B0C1D2E3F", "--config", bench.config({"server": {"data_dir": str(data)}}))
    expect("exit status: " + out + err, 66, status)


def import_writes_its_result(bench):
    """In the directory of --out, and in no other; POSTERN_SANDBOX=off leaves the sandbox out."""
    (bench.root / "main.cf").write_text("smtpd_relay_restrictions = reject_unauth_destination\n")
    status, out, err = bench.run("import", "postfix", bench.root / "main.cf", "--out", bench.root / "made.toml")
    expect("exit status of import: " + out + err, 0, status)
    expect("the result is there", True, (bench.root / "made.toml").exists())
    process = command(bench, "import", "postfix", "-", env={"POSTERN_SANDBOX": "off"})
    reads_its_input(process)
    expect("Seccomp", True, "Seccomp:\t0" in pathlib.Path("/proc/%d/status" % process.pid).read_text())


# Executes its arguments without one system call: a kernel that lacks it (seccomp(2); number, then ENOSYS for it and anything for the rest).
WITHOUT = """
import ctypes, os, struct, sys
program = b"".join(struct.pack("HBBI", *line) for line in (
    (0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000)))
memory = ctypes.create_string_buffer(program)
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(memory)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter, 0, 0):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
    sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
"""
LAYERS = {"landlock": 444, "seccomp": 317}  # their first system calls


def without(bench, layer):
    script = bench.root / ("without-" + layer)
    script.write_text("#!/bin/sh\nexec %s -c '%s' %d %s \"$@\"\n" % (sys.executable, WITHOUT, LAYERS[layer], bench.binary))
    script.chmod(0o755)
    return script


def strict_ends_the_start(bench):
    """`strict` ends a start without one of the layers, with 71 and its name; `best_effort` goes on with the other, and the doctor warns."""
    if landlock() == 0:
        raise NotRun("the kernel has no Landlock that could be hidden")
    for layer, kept in (("landlock", "seccomp"), ("seccomp", "landlock")):
        program = without(bench, layer)
        server = instance.Postern(program, {**LOCAL, "server": {"sandbox": "strict"}}, root=bench.root)
        bench.stack.callback(server.remove)
        expect("exit status of strict without " + layer, 71, server.spawn().wait(PATIENCE))
        if layer not in server.tail().lower():
            raise Fail("the log does not name %s: %s" % (layer, server.tail()))
        server.write_config({**LOCAL})
        server.settings = {**LOCAL}
        server.start()
        status, out, _ = server.command("doctor", "--check", "sandbox", "--offline", "--json", "--config", server.root / "postern.toml", "--data-dir", server.root / "data")
        found = json.loads(out)["findings"]
        expect("findings without " + layer, [("warn", True)], [(one["level"], kept in one["what"]) for one in found])
        server.stop()
    server = bench.server({**LOCAL, "server": {"sandbox": "strict"}})
    expect("strict with both", True, server.alive())


CHECKS = [every_forbidden_call, every_thread, no_capabilities, off_is_off, strict_ends_the_start, reload_needs_more, commands_that_read_what_others_wrote, calls_before_the_configuration,
          whole_before_it_is_read, results_go_where_they_belong, examples_are_played, data_of_another_user, import_writes_its_result]

if __name__ == "__main__":
    if os.geteuid() != 0 or os.uname().machine != "x86_64":
        print("needs root and x86-64")
        sys.exit(77)
    sys.exit(smoke.main(CHECKS, __doc__))

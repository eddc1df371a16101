"""System checks of what a service manager sees: readiness, signs of life, sockets that it passes, reloads with an answer. The manager is played."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

from bench import LOCAL, expect, needs_root, one_line_error, wait_ready
from harness import instance, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until

# systemd passes descriptors from 3 on and sets LISTEN_PID to the process that it executes.
PASS = """
import os, sys
count = int(sys.argv[1])
given = [int(n) for n in sys.argv[2].split(",")]
for i, fd in enumerate(given):
    os.dup2(fd, 100 + i)
for i in range(count):
    os.dup2(100 + i, 3 + i)
    os.set_inheritable(3 + i, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count), LISTEN_FDNAMES=sys.argv[3])
os.execv(sys.argv[4], sys.argv[4:])
"""


class Manager:
    """The socket at NOTIFY_SOCKET, and what came to it."""

    def __init__(self, bench, name):
        self.path = bench.root / name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        bench.stack.callback(self.socket.close)
        self.told, self.ever = [], set()

    def hear(self, seconds):
        """Everything that comes within so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.next(left)

    def next(self, seconds):
        self.socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError, BlockingIOError):
            lines = self.socket.recv(4096).decode().split("\n")
            self.told += lines
            self.ever.update(lines)
            return True

    def forget(self):
        """All that was said up to now."""
        while self.next(0):
            pass
        self.told.clear()

    def wait(self, what, seconds=PATIENCE):
        """The first line that begins so; the lines up to it are forgotten."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for i, line in enumerate(self.told):
                if line.startswith(what):
                    del self.told[:i + 1]
                    return line
            self.next(end - time.monotonic() + 0.1)
        raise Fail("the service manager is not told %s: %s" % (what, self.told))


def told_to_the_manager(bench):
    """READY=1 when SMTP answers, WATCHDOG=1 every third of WATCHDOG_USEC, STATUS=, RELOADING=1 with a time, STOPPING=1."""
    manager = Manager(bench, "notify")
    server = instance.Postern(bench.binary, LOCAL, root=bench.root, env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "900000"})
    bench.stack.callback(server.remove)
    begun = time.monotonic()
    server.spawn()
    manager.wait("READY=1")
    client = smtp.Client(server.smtp_port)
    smtp.check("220", client.reply(), "the greeting")
    # A tick in 0.3 s, so that one or two may be late. A busy machine makes them late, but never all of them, nor early.
    ticks, quick = 0, False
    while ticks < 8 or not quick:
        before = time.monotonic()
        manager.wait("WATCHDOG=1")
        ticks, quick = ticks + 1, quick or 0.2 < time.monotonic() - before < 0.5
        if ticks > (time.monotonic() - begun) / 0.3 + 1 or ticks > 500:
            raise Fail("%d ticks in %.1f s" % (ticks, time.monotonic() - begun))
    until("the status of the open session", lambda: "STATUS=1 sessions, 0 messages queued" in manager.ever or manager.next(1) and None)
    client.close()
    server.process.send_signal(signal.SIGHUP)
    manager.wait("RELOADING=1")
    begun = int(manager.wait("MONOTONIC_USEC=").split("=")[1])
    if not 0 <= time.monotonic() - begun / 1e6 < PATIENCE:
        raise Fail("MONOTONIC_USEC is %d" % begun)
    manager.wait("READY=1")
    server.process.send_signal(signal.SIGTERM)
    manager.wait("STOPPING=1")
    expect("exit status", 0, server.process.wait(PATIENCE))


LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, None, None) != 0:
        raise Fail("ptrace %#x: %s" % (request, os.strerror(ctypes.get_errno())))


@contextlib.contextmanager
def stopped(thread):
    """One thread stands still, and the others go on."""
    ptrace(PTRACE_SEIZE, thread)
    ptrace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, 0x40000000)  # __WALL
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH, thread)


def threads_of(process):
    folder = pathlib.Path("/proc/%d/task" % process)
    return {(path / "comm").read_text().strip(): int(path.name) for path in folder.iterdir()}


def stopped_loops_end_the_ticks(bench):
    """While one event loop stands still there is no sign of life, whichever loop it is; a thread that may wait for a disk does not matter."""
    needs_root("ptrace")
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    manager = Manager(bench, "notify")
    server = instance.Postern(bench.binary, {**LOCAL, "server": {"threads": 2}}, root=bench.root,
                              env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "900000"})
    bench.stack.callback(server.remove)
    server.spawn()
    manager.wait("READY=1")
    threads = threads_of(server.process.pid)
    for name in ("smtp-0", "smtp-1", "api", "queue"):
        manager.wait("WATCHDOG=1")
        with stopped(threads[name]):
            manager.forget()
            manager.hear(1.5)
            # One that was due. Four others would have come.
            if manager.told.count("WATCHDOG=1") > 1:
                raise Fail("the gateway says while its thread %s is stopped: %s" % (name, manager.told))
    manager.wait("WATCHDOG=1")
    with stopped(threads["queue-disk-0"]):
        manager.forget()
        for _ in range(3):
            manager.wait("WATCHDOG=1")


def reload_answers(bench):
    """`postern reload` waits: 0 with the new configuration, 78 with its mistakes, 69 without a gateway; the old one goes on."""
    server = bench.server(LOCAL)
    data = server.root / "data"
    words = ("reload", "--data-dir", data)

    def banner():
        client = smtp.Client(server.smtp_port)
        try:
            return "new banner" in " ".join(client.reply())
        finally:
            client.close()

    expect("reload of the same", (0, "the new configuration is in force\n", ""), server.command(*words))
    server.write_config({**LOCAL, "listener": [{"banner": "new banner"}]})
    expect("before it", False, banner())
    expect("reload", 0, server.command(*words)[0])
    expect("after it", True, banner())
    server.write_config({**LOCAL, "limits": {"recipients": 0}})
    status, _, err = server.command(*words)
    expect("exit status of a mistake", 78, status)
    if "C016" not in err or "recipients" not in err or "remains in use" not in err:
        raise Fail("the mistake is not named: " + err)
    status, out, _ = server.command(*words, "--json")
    found = json.loads(out)
    expect("as JSON", (78, False, "C016"), (status, found["in_force"], found["diagnostics"][0]["code"]))
    expect("the old one", True, banner())
    # What it cannot apply.
    server.write_config({**LOCAL, "cluster": {"node": "mx9", "serve_stale": "90s"}, "queue": {"first_retry": "7s"}})
    status, out, _ = server.command(*words)
    expect("keys that wait", (0, "the new configuration is in force; these need a restart: cluster.node, cluster.serve_stale, queue.first_retry\n"),
           (status, out))
    status, out, _ = server.command(*words, "--json")
    found = json.loads(out)
    expect("as JSON", (True, ["cluster.node", "cluster.serve_stale", "queue.first_retry"]), (found["in_force"], found["waiting"]))
    # What only the running gateway can refuse: a listener that moves.
    server.write_config({**LOCAL, "listener": [{"address": "127.0.0.1:%d" % instance.free_port()}]})
    status, _, err = server.command(*words)
    expect("exit status of a moved listener", 78, status)
    if "cannot add, remove or move listeners" not in err:
        raise Fail("the reason is not named: " + err)
    # Several at once: each is answered.
    server.write_config(LOCAL)
    results = []
    threads = [threading.Thread(target=lambda: results.append(server.command(*words)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect("six at once", [0] * 6, results)
    server.stop()
    status, _, err = server.command(*words)
    one_line_error(status, 69, err)


def passed(bench, server, sockets, names, seconds=PATIENCE):
    """Starts the server with these listening sockets, as systemd would -> the process."""
    server.starts += 1
    server.log = server.root / ("log-%d.txt" % server.starts)
    fds = [s.fileno() for s in sockets]
    with open(server.log, "wb") as log:
        server.process = subprocess.Popen(
            [sys.executable, "-c", PASS, str(len(fds)), ",".join(map(str, fds)), names, server.binary, "serve",
             "--config", str(server.root / "postern.toml")],
            cwd=server.root, env=server._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=fds)
    return server.process


def sockets_of_systemd(bench):
    """`systemd:NAME`: several sockets of one name, of both families; names without a listener and listeners without one are errors that say which."""
    server = instance.Postern(bench.binary, {**LOCAL, "listener": [{"address": "systemd:smtp"}]}, root=bench.root)
    bench.stack.callback(server.remove)
    server.write_config()
    one, other = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.2", 0))
    bench.stack.callback(one.close)
    bench.stack.callback(other.close)
    for sockets, names, said in ((([]), "", "no socket `smtp` was passed (none was)"),
                                 ([one], "mail", "no socket `smtp` was passed (there are: mail)"),
                                 ([one, other], "smtp:submission", "a socket `submission` was passed, and no [[listener]]")):
        if sockets:
            process = passed(bench, server, sockets, names)
        else:
            process = server.spawn()
        status = process.wait(PATIENCE)
        log = server.log.read_text()
        one_line_error(status, 78, log)
        if said not in log:
            raise Fail("%r is not said: %s" % (said, log[:600]))
    process = passed(bench, server, [one, other], "smtp:smtp")
    wait_ready(server, process)
    for address, port in (one.getsockname(), other.getsockname()):
        with socket.create_connection((address, port), timeout=PATIENCE) as client:
            if not client.recv(200).startswith(b"220 "):
                raise Fail("no greeting at %s:%d" % (address, port))
    # The same configuration is no move of a listener.
    expect("reload", 0, server.command("reload", "--data-dir", server.root / "data")[0])


def the_port_of_the_api_stays(bench):
    """`[api] address = "systemd:NAME"`: nobody takes the port between a stop and the next start, and commands find the gateway there."""
    server = instance.Postern(bench.binary, {**LOCAL, "api": {"address": "systemd:api"}}, root=bench.root)
    bench.stack.callback(server.remove)
    server.write_config()
    status, out, err = bench.run("check", "--config", server.root / "postern.toml")
    expect("exit status of check (%s%s)" % (out, err), 0, status)
    one_line_error(server.spawn().wait(PATIENCE), 78, server.log.read_text())
    api = socket.create_server(("127.0.0.1", 0))
    bench.stack.callback(api.close)
    server.api_port = api.getsockname()[1]
    for _ in range(2):
        process = passed(bench, server, [api], "api")
        wait_ready(server, process)
        expect("the URL for commands", "http://127.0.0.1:%d" % server.api_port, json.loads((server.root / "data" / "control.json").read_text())["url"])
        expect("queue list", 0, bench.run("queue", "list", "--data-dir", server.root / "data")[0])
        process.send_signal(signal.SIGTERM)
        expect("exit status", 0, process.wait(PATIENCE))
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", server.api_port)).close()
            raise Fail("somebody else took the port")
    open_to_all = socket.create_server(("0.0.0.0", 0))
    bench.stack.callback(open_to_all.close)
    if "C033" not in ((one := passed(bench, server, [open_to_all], "api")).wait(30), server.log.read_text())[1]:
        one.kill()
        raise Fail("an API that is reachable from outside is not refused: " + server.log.read_text()[:600])


def restarts_refuse_nobody(bench):
    """With a passed socket, 20 restarts under connections from many sides: every one is greeted."""
    server = instance.Postern(bench.binary, {**LOCAL, "listener": [{"address": "systemd:smtp"}]}, root=bench.root)
    bench.stack.callback(server.remove)
    server.write_config()
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    bench.stack.callback(listening.close)
    port = listening.getsockname()[1]
    wait_ready(server, passed(bench, server, [listening], "smtp"))
    over, greeted, refused = threading.Event(), [], []

    def connects():
        while not over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
                    first = client.recv(200)
                    (greeted if first[:4] in (b"220 ", b"421 ") else refused).append(first)
                    client.sendall(b"QUIT\r\n")
                    client.recv(200)
            except ConnectionRefusedError as error:
                refused.append(error)
            except OSError:
                pass  # cut in the middle of its session by the stop: it had been accepted
            time.sleep(0.005)

    clients = [threading.Thread(target=connects) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for _ in range(20):
            server.process.send_signal(signal.SIGTERM)
            expect("exit status", 0, server.process.wait(PATIENCE))
            wait_ready(server, passed(bench, server, [listening], "smtp"))
    finally:
        over.set()
        for client in clients:
            client.join(PATIENCE)
    expect("refused connections", [], refused[:3])
    if len(greeted) < 20:
        raise Fail("only %d connections were greeted" % len(greeted))


def memory_is_not_for_others(bench):
    """A running gateway leaves no core file and is closed to other processes of its user."""
    server = bench.server(LOCAL)
    limits = (pathlib.Path("/proc") / str(server.pid) / "limits").read_text()
    if not re.search(r"^Max core file size\s+0\s+0\s", limits, re.M):
        raise Fail("core files: " + limits)
    # A process that is not dumpable (PR_SET_DUMPABLE) has files of root in /proc (proc(5)).
    expect("owner of /proc/PID/environ", 0, os.stat("/proc/%d/environ" % server.pid).st_uid)
    waiting = subprocess.Popen([str(bench.binary), "passwd", "--create", "a@example.com", "--data-dir", str(server.root / "data")], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 if resource.getrlimit(resource.RLIMIT_CORE)[1] else 0, resource.getrlimit(resource.RLIMIT_CORE)[1])))
    try:
        def soft():
            return (pathlib.Path("/proc") / str(waiting.pid) / "limits").read_text().partition("Max core file size")[2].split()[0]
        until("no core files of a command that waits for a password", lambda: soft() == "0")
    finally:
        waiting.kill()
        waiting.communicate()


CHECKS = [told_to_the_manager, stopped_loops_end_the_ticks, reload_answers, sockets_of_systemd, the_port_of_the_api_stays, restarts_refuse_nobody, memory_is_not_for_others]

"""Faults of the system, one kind after the other: calls that fail, tear or kill (by the suite's shim), and what is done to the disk.

Most kinds are a loop, as SQLite tests itself: the first call of its class fails, then in a new start the second, until there is none
further. Each time the same scenario runs, and then a start without the fault must deliver all that was acknowledged.
"""
import contextlib
import ctypes
import fnmatch
import http.client
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

from harness import shim as shims
from harness.cases import Fail
from harness.waiting import PATIENCE, cpu_seconds, until
from load import Load, Message, greeted, send, targets_of
from rounds import SETTLE_SECONDS

HERE = pathlib.Path(__file__).resolve().parent
# The paths of the queue's files; the other databases contain no mail.
SPOOL, BODIES = "/spool/", "/spool/bodies"
CLONE_NEWNS, MS_PRIVATE_ALL = 0x20000, 0x44000


class Kind:
    def __init__(self, name, what, play, settings=None, root=False):
        self.name, self.what, self.play, self.settings, self.root = name, what, play, settings, root

    def cannot(self):
        return "needs root, to mount a small disk" if self.root and os.geteuid() != 0 else None


def shim(folder):
    out = pathlib.Path(folder) / "fault.so"
    return out if out.exists() else shims.build(pathlib.Path(folder), HERE / "shim.c")


def own_mounts():
    """What is mounted from here on is seen by this process and its children alone, and goes with them."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_PRIVATE_ALL, None) != 0:
            raise SystemExit("cannot have mounts of my own: " + os.strerror(ctypes.get_errno()))


# ---------------------------------------------------------------- the scenario
class Play:
    """One start under a fault."""

    def __init__(self, bench, library, rule, clock=None):
        self.bench, self.process, self.ledger = bench, bench.process, bench.ledger
        self.record = self.process.root / "fault.log"
        self.record.unlink(missing_ok=True)
        self.env = {"LD_PRELOAD": str(library), "POSTERN_FAULT": rule, "POSTERN_FAULT_LOG": str(self.record)}
        if clock is not None:
            self.env["POSTERN_CLOCK_FILE"] = str(clock)

    def fired(self):
        """Whether the fault happened. What the shim counted in other processes of ours is not asked for."""
        lines = self.record.read_text(encoding="ascii").split("\n") if self.record.exists() else []
        return any(line.split()[3] != "0" for line in lines if len(line.split()) == 4)

    def mail(self):
        """Three messages by DATA and one by BDAT, of all sizes and to both receivers; how many were acknowledged."""
        targets = targets_of(self.process.webhook)
        rnd, done = random.Random(), 0
        for target, size, bdat in ((0, 1_000, 0), (1, 300_000, 0), (0, 300_000, 3), (1, 1_000, 0)):
            try:
                client = greeted(self.process.smtp_port)
            except (OSError, Fail) as error:
                # A connection shows the end of the process before the process has ended.
                if isinstance(error, Fail) and not str(error).startswith("greeting: 4") and not self.process.ends():
                    self.ledger.problem("no session: %s" % error)
                continue
            try:
                done += send(client, Message(rnd, [targets[target]], size), self.ledger, bdat)
            except (OSError, Fail, IndexError):
                pass
            finally:
                client.close()
        return done

    def rest(self):
        """A change over the API and a reload, beside it."""
        try:
            status, _, body = self.process.server.http("POST", "/api/v1/smtp-policies", b'{"name": "one more"}', {
                "Content-Type": "application/json", "Authorization": "Bearer " + self.process.account.token})
            if status not in (201, 401, 503, 507):
                self.ledger.problem("a policy over the API: %d %s" % (status, body[:200]))
        except (OSError, http.client.HTTPException):
            pass
        self.process.signal(signal.SIGHUP)

    def answers(self, what):
        """A new session is answered (I6)."""
        def answered():
            with contextlib.suppress(OSError, Fail):
                greeted(self.process.smtp_port).close()
                return True
        try:
            until("a new session", answered)
        except Fail:
            self.ledger.problem(what + ": no new session is answered")


def afterwards(bench, what, kept=0):
    """Without the fault: what is stored is whole, what was acknowledged arrives."""
    if not bench.process.alive():
        bench.ledger.next_epoch()
    bench.verify(what)
    if bench.start(what + ", without the fault"):
        bench.drain(what, kept)
        end(bench, what)


def end(bench, what):
    status = bench.process.end()
    if status != 0:
        bench.ledger.problem("%s: SIGTERM ends it with %s:\n%s" % (what, status, bench.process.log_text()[-1500:]))
    time.sleep(SETTLE_SECONDS)
    bench.ledger.next_epoch()


def set_up(bench):
    bench.begin()
    end(bench, "set-up")


# ---------------------------------------------------------------- call by call
def numbers(first):
    """1, 2, … `first`, and then in ever longer steps until a call is not reached any more."""
    yield from range(1, first + 1)
    while True:
        first *= 2
        yield first


def nth(call, error, path=SPOOL, times=("1", "forever"), replies=(), dies=False, seen=False, torn=False):
    """The Nth call of the class fails, for N = 1, 2, 3 …; `replies`: how senders may be refused meanwhile. `seen`: what fails must be
    visible to who runs the gateway (I8). `torn`: what is acknowledged may be damaged, and then it is set aside."""

    def play(bench, library, options):
        set_up(bench)
        for repeat in times:
            for number in numbers(options.nth):
                what = "%s %s, call %d%s" % (call, error, number, "" if repeat == "1" else " and all after it")
                run = Play(bench, library, "call=%s,%serr=%s,at=%d,times=%s" % (call, "path=%s," % path if path else "", error, number, repeat))
                run.process.start(**run.env)
                bench.ledger.restarts += 1
                before = dict(bench.ledger.replies)
                if run.process.up():
                    run.mail()
                    run.rest()
                    time.sleep(0.3)
                    if not dies and not run.process.alive():
                        bench.ledger.problem("%s: it ended:\n%s" % (what, run.process.log_text()[-1500:]))
                    elif not dies:
                        run.answers(what)
                        if seen and bench.ledger.replies != before:
                            visible(bench, what)
                elif not dies and run.process.alive():
                    bench.ledger.problem(what + ": no greeting")
                if run.process.alive():
                    run.process.end()
                for reply, n in bench.ledger.replies.items():
                    if n != before.get(reply, 0) and reply not in replies:
                        bench.ledger.problem("%s: a sender is told %s" % (what, reply))
                fired = run.fired()
                if torn:
                    set_aside(bench, what)
                else:
                    afterwards(bench, what)
                if not fired:
                    break
            bench.say("  %s, times=%s: %d calls" % (bench.process.root.name, repeat, number))

    return play


def visible(bench, what):
    """An error in the log, a counter in the metrics; with a disk that failed, /readyz too."""
    try:  # lines are written after the replies
        until("an error in the log", lambda: '"level":"error","event":"store.error"' in bench.process.log_text())
    except Fail:
        bench.ledger.problem(what + ": no error in the log")
    try:
        if not bench.process.metric("postern_spool_refusals_total"):
            bench.ledger.problem(what + ": nothing in the metrics")
        failed = bench.process.metric("postern_spool_failed")
        status, text = bench.process.readiness()
        if failed == 1 and not (status == 503 and "spool" in text):
            bench.ledger.problem("%s: postern_spool_failed is %s and /readyz says %d %s" % (what, failed, status, text))
    except (OSError, http.client.HTTPException) as error:
        bench.ledger.problem("%s: no metrics: %s" % (what, error))


def set_aside(bench, what):
    """Each acknowledged message has arrived, or is quarantined."""
    if not bench.start(what + ", without the fault"):
        return
    with contextlib.suppress(Fail):  # what is missing is judged
        until(what, lambda: bench.process.waiting("queued") == 0)
    missing, kept = bench.ledger.missing(), bench.process.waiting("quarantined")
    if len(missing) > kept:
        bench.ledger.problem("%s: %d are missing and %d quarantined" % (what, len(missing), kept))
    bench.ledger.excused.update(token for token, _ in missing)
    bench.process.queue("drop", "--all", "--state", "quarantined", "--yes")
    end(bench, what)


# ---------------------------------------------------------------- kinds of their own
def slow_flush(bench, library, options):
    """No 250 before the flush that it promises has returned; others are answered meanwhile."""
    set_up(bench)
    run = Play(bench, library, "call=fsync,path=%s,err=delay:1500,forever" % SPOOL)
    run.process.start(**run.env)
    if not run.process.up():
        return bench.ledger.problem("no greeting")
    for size in (1_000, 300_000):
        message = Message(random.Random(), targets_of(run.process.webhook)[:1], size)
        client = greeted(run.process.smtp_port)
        load = Load(run.process.smtp_port, bench.ledger, targets_of(run.process.webhook), 3, str(size))
        begin = time.monotonic()
        send(client, message, bench.ledger)
        took = time.monotonic() - begin
        if took < 1.5:
            bench.ledger.problem("250 after %.1f s, and the flush takes 1.5 s" % took)
        # Who waits for the disk waits each time; on a busy machine one may be slow.
        if min(seconds_to_greet(run.process.smtp_port) for _ in range(5)) > 1:
            bench.ledger.problem("a session waits for the disk of another")
        client.close()
        load.stop()
    run.process.kill()
    afterwards(bench, "slow flushes")


def seconds_to_greet(port):
    begin = time.monotonic()
    greeted(port).close()
    return time.monotonic() - begin


def no_unlink(bench, library, options):
    """A file that cannot be removed is not delivered again; the next start removes it."""
    set_up(bench)
    run = Play(bench, library, "call=unlink,path=%s,err=EIO,forever" % BODIES)
    run.process.start(**run.env)
    run.process.up()
    run.mail()
    bench.drain("unlink EIO")
    time.sleep(1.5)  # time for a wrong second delivery
    end(bench, "unlink EIO")
    if not run.process.leftovers():
        bench.ledger.problem("no file was left: the fault was none")
    afterwards(bench, "unlink EIO")
    if run.process.leftovers():
        bench.ledger.problem("files are left: %s" % run.process.leftovers()[:5])


def descriptors_of_calls(bench, library, options):
    """200 calls in a row have no descriptor to give."""
    set_up(bench)
    for at in (20, 60, 200):
        run = Play(bench, library, "call=open+accept,err=EMFILE,at=%d,times=200" % at)
        run.process.start(**run.env)
        if run.process.up():
            run.mail()
            cpu_of(bench, run.process)
            run.mail()
            run.answers("EMFILE from call %d" % at)
            run.process.end()
        elif run.process.alive():
            bench.ledger.problem("EMFILE from call %d: no greeting" % at)
            run.process.kill()
        afterwards(bench, "EMFILE from call %d" % at)


def cpu_of(bench, process):
    """An accept that fails does not spin: less than a fifth of a core for a second."""
    begin, before = time.monotonic(), cpu_seconds(process.process.pid)
    time.sleep(1)
    used, took = cpu_seconds(process.process.pid) - before, time.monotonic() - begin
    if used > 0.2 * took:
        bench.ledger.problem("%.2f s of processor time in %.1f s of doing nothing" % (used, took))


def descriptors_for_real(bench, library, options):
    """80 descriptors in all, and more clients than that."""
    bench.begin()
    process = bench.process
    open_now = process.descriptors()
    subprocess.run(["prlimit", "--pid", str(process.process.pid), "--nofile=%d" % (open_now + 24)], check=True)
    load = Load(process.smtp_port, bench.ledger, targets_of(process.webhook), 4, "descriptors")
    flood = []
    for _ in range(60):
        try:
            flood.append(greeted_raw(process.smtp_port))
        except OSError:
            break
    cpu_of(bench, process)
    for sock in flood:
        sock.close()
    time.sleep(1)
    load.stop()
    Play(bench, library, "").answers("after the flood")
    # A message whose body could not be opened is tried again a minute later.
    bench.drain("after the flood")
    # Connections are kept open for a while for the next message.
    try:
        until("idle connections are closed", lambda: process.descriptors() <= open_now + 12)
    except Fail:
        bench.ledger.problem("%d descriptors, at the start %d" % (process.descriptors(), open_now))
    end(bench, "after the flood")
    afterwards(bench, "no descriptors")


def greeted_raw(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def clock(bench, library, options):
    """The wall clock is set while it runs: nothing is late, nothing bounces, ids stay apart."""
    set_up(bench)
    for seconds in (-3600, 31536000, -1700000000):
        file = bench.process.root / "clock"
        file.write_text("0")
        run = Play(bench, library, "", clock=file)
        run.process.start(**run.env)
        if not run.process.up():
            bench.ledger.problem("no greeting under the clock")
            continue
        bench.moods.refuse = 1.0
        run.mail()
        file.write_text(str(seconds))
        time.sleep(0.3)
        run.mail()
        time.sleep(1.5)
        bench.moods.calm()
        bench.drain("clock set by %d s" % seconds)
        # Again, for the start after the clock is corrected.
        bench.moods.refuse = 1.0
        run.mail()
        time.sleep(0.5)
        run.process.kill()
        time.sleep(0.05)
        bench.ledger.next_epoch()
        bench.moods.calm()
        afterwards(bench, "clock set by %d s" % seconds)


def bit_rot(bench, library, options):
    """One bit of a stored file, a file cut short, one with more at its end: set aside, counted, never sent. The others arrive."""
    bench.moods.refuse = 1.0
    bench.begin()
    process, ledger = bench.process, bench.ledger
    rnd, client = random.Random(options.seed), greeted(process.smtp_port)
    for i in range(6):
        send(client, Message(rnd, [targets_of(process.webhook)[i % 2]], 300_000), ledger)
    client.close()
    process.kill()
    ledger.next_epoch()
    files = sorted(p for p in (process.data / "spool" / "bodies").rglob("*") if p.is_file())
    if len(files) != 6:
        return ledger.problem("%d files of 6 messages" % len(files))
    for how, file in zip(("bit", "cut", "more"), files):
        octets = bytearray(file.read_bytes())
        if how == "bit":
            octets[rnd.randrange(len(octets))] ^= 1 << rnd.randrange(8)
        file.write_bytes(octets[:len(octets) // 2] if how == "cut" else octets + b"x" * 1000 if how == "more" else octets)
    wrong = process.verify()
    if wrong is None or "3" not in wrong:
        ledger.problem("three damaged files, and queue verify says %r" % wrong)
    bench.moods.calm()
    bench.start("after the rot")
    bench.drain_but(3)
    if process.waiting("quarantined") != 3:
        ledger.problem("%d of 3 damaged messages are quarantined" % process.waiting("quarantined"))
    missing = ledger.missing()
    if len(missing) != 3:
        ledger.problem("%d of 6 did not arrive, and 3 are damaged" % len(missing))
    ledger.excused.update(token for token, _ in missing)
    status, text, _ = process.queue("list", "--state", "quarantined")
    process.queue("drop", "--all", "--state", "quarantined", "--yes")
    end(bench, "after the rot")
    afterwards(bench, "after the rot")


def mounted(size):
    """A disk of its own below the data directory, so small that it fills; and, half way, read-only."""

    def play(bench, library, options):
        process, ledger = bench.process, bench.ledger
        process.data.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(process.data)], check=True)
        try:
            fill(bench)
        finally:
            process.kill()
            subprocess.run(["umount", "-l", str(process.data)], check=False)

    def fill(bench):
        process, ledger = bench.process, bench.ledger
        bench.begin()
        bench.moods.refuse = 1.0  # no mail leaves, so the disk fills
        load = Load(process.smtp_port, ledger, targets_of(process.webhook), 4, size)
        with contextlib.suppress(Fail):
            until("the disk is full", lambda: ledger.replies)
        time.sleep(1)
        load.stop()
        if not ledger.replies:
            return ledger.problem("the disk never filled")
        if set(ledger.replies) - {"452 4.3.1"}:
            ledger.problem("without room senders are told %s" % dict(ledger.replies))
        visible(bench, size)
        Play(bench, "", "").answers("a full disk")
        bench.moods.calm()  # deliveries resume and free space
        bench.drain("a full disk")
        client = greeted(process.smtp_port)
        if not send(client, Message(random.Random(), targets_of(process.webhook)[:1], 1000), ledger):
            ledger.problem("there is room again, and nothing is taken")
        client.close()
        bench.drain("a full disk")
        end(bench, "a full disk")
        afterwards(bench, "a full disk")

    return play


def read_only(bench, library, options):
    """The disk of the bodies becomes read-only in mid-run."""
    process, ledger = bench.process, bench.ledger
    bench.begin()
    bodies = str(process.data / "spool" / "bodies")
    bench.moods.refuse = 1.0
    run = Play(bench, library, "")
    run.mail()
    # Files that are open for writing prevent the remount, so the folder is mounted on itself.
    subprocess.run(["mount", "--bind", bodies, bodies], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", bodies], check=True)
    try:
        run.mail()
        if not set(ledger.replies) or set(ledger.replies) - {"451 4.3.0"}:
            ledger.problem("on a read-only disk senders are told %s" % dict(ledger.replies))
        visible(bench, "a read-only disk")
        if process.metric("postern_spool_failed") != 1:
            ledger.problem("postern_spool_failed is not 1")
        run.answers("a read-only disk")
        process.end()
    finally:
        process.kill()
        subprocess.run(["umount", "-l", bodies], check=False)
    ledger.next_epoch()
    bench.moods.calm()
    afterwards(bench, "a read-only disk")


DISK = ("451 4.3.0",)
ROOM = ("452 4.3.1",)
KINDS = [
    Kind("fsync-eio", "F1 F2 a flush fails, of a body, its folder or the database: 451 4.3.0, nothing more is taken until a restart",
         nth("fsync", "EIO", replies=DISK, seen=True)),
    Kind("write-eio", "F3 a write fails: 451 4.3.0", nth("write", "EIO", replies=DISK, seen=True)),
    Kind("write-enospc", "F3 no room: 452 4.3.1, and the next message is taken", nth("write", "ENOSPC", replies=ROOM, seen=True)),
    Kind("write-edquot", "F3 no quota: as without room", nth("write", "EDQUOT", replies=(*ROOM, *DISK))),
    Kind("write-efbig", "F3 a file may not grow: as without room", nth("write", "EFBIG", replies=(*ROOM, *DISK))),
    Kind("write-short", "F4 half is written, and said so: completed, 250", nth("write", "short")),
    Kind("write-torn", "F5 half of a body is written and called whole: set aside, never sent", nth("write", "torn", BODIES, torn=True)),
    Kind("fsync-kill", "F6 it dies before a flush", nth("fsync", "kill", times=("1",), dies=True)),
    Kind("write-kill", "F6 it dies before a write", nth("write", "kill", times=("1",), dies=True)),
    Kind("write-tornkill", "F6 it dies in the middle of a write", nth("write", "tornkill", times=("1",), dies=True)),
    Kind("unlink-kill", "F6 it dies before a delivered message's file is removed", nth("unlink", "kill", BODIES, times=("1",), dies=True)),
    Kind("open-kill", "F6 it dies before a file is made or opened", nth("open", "kill", BODIES, times=("1",), dies=True)),
    Kind("unlink-eio", "F8 a delivered message's file cannot be removed: delivered once", no_unlink),
    Kind("truncate-eio", "F3 a file cannot be cut: never a 250 that is none", nth("truncate", "EIO", replies=(*ROOM, *DISK))),
    Kind("emfile", "F12 no descriptors, by the shim: no spinning, old sessions end, new ones are answered", descriptors_of_calls),
    Kind("nofile", "F12 no descriptors, by a limit and a flood", descriptors_for_real),
    Kind("accept-aborted", "F13 accept fails 50 times: the loop goes on", nth("accept", "ECONNABORTED", path="", times=("50",))),
    Kind("eintr", "F15 signals break off writes and flushes: 250, or 451 where the database's flush is meant",
         nth("write+fsync", "EINTR", times=("1",), replies=DISK)),
    Kind("clock", "F16 the wall clock is set back an hour, ahead a year, back to 1970", clock),
    Kind("bit-rot", "F24 stored files change: quarantined, never sent torn", bit_rot),
    Kind("slow-fsync", "F31 flushes take their time: no 250 before they have returned", slow_flush),
    Kind("disk-full", "F9 a disk of 110 MiB fills: 452 4.3.1, deliveries free it", mounted("size=110m"), root=True),
    Kind("no-inodes", "F10 120 files and no more", mounted("size=400m,nr_inodes=120"), root=True),
    Kind("read-only", "F11 the disk becomes read-only: 451 4.3.0", read_only, root=True),
]


def describe():
    return "\n".join("%-16s %s%s" % (k.name, k.what, " (root)" if k.root else "") for k in KINDS)


def chosen(words):
    kinds = [k for k in KINDS if words == "all" or any(fnmatch.fnmatchcase(k.name, w) for w in words.split(","))]
    if not kinds:
        raise SystemExit("no such kind: %s\n%s" % (words, describe()))
    return kinds

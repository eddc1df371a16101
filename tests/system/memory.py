#!/usr/bin/env python3
"""What each kind of growth costs of limits.memory, measured on the real binary: octets sent, what the process grew by, what was charged.

  memory.py [--binary PATH] [--sessions N] [--only NAME,...] [--write FILE]

Each kind has a gateway of its own. N sessions send as much of one kind as its limits allow, and wait; then they close. `--write` puts the
table into a document, between the lines `<!-- memory table -->` and `<!-- end -->`. Ends with "N passed, M failed"; exit status 1 when a
kind costs more than is charged for it, or is not given back.
"""
import argparse
import pathlib
import re
import ssl
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

from bench import LOCAL, Bench  # noqa: E402
from harness import instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402

MIB = 1 << 20
SETTINGS = {**LOCAL, "limits": {"sessions": 2000, "sessions_per_address": 2000, "new_sessions_per_minute": 100000, "memory": "4 GiB"}}
KINDS = []


def kind(name):
    def add(function):
        KINDS.append((name, function))
        return function
    return add


class Gauge:
    """The process from outside: its resident memory, and what it says it has charged."""

    def __init__(self, server):
        self.server = server
        token = next((server.root / "data").glob("metrics.token")).read_text().strip()
        self.headers = {"Authorization": "Bearer " + token}

    def rss(self):
        text = pathlib.Path("/proc/%d/status" % self.server.pid).read_text()
        anonymous = re.search(r"RssAnon:\s+(\d+) kB", text)
        return int(anonymous.group(1)) * 1024

    def metric(self, name):
        status, _, body = self.server.http("GET", "/metrics", headers=self.headers, timeout=PATIENCE)[:3]
        found = re.search(rb"^postern_%s(?:\{\})? (\S+)" % name.encode(), body, re.M)
        if status != 200 or not found:
            raise Fail("no metric %s (status %d)" % (name, status))
        return int(float(found.group(1)))

    def charged(self):
        return self.metric("memory_charged_bytes")

    def until(self, what, holds):
        """Waits for a charge that holds()."""
        end = time.monotonic() + PATIENCE
        while True:
            value = self.charged()
            if holds(value):
                return value
            if time.monotonic() > end:
                raise Fail("%s: still %d octets are charged" % (what, value))
            time.sleep(0.1)

    def settled(self):
        """Once two looks in a row say the same."""
        before = -1
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            now = self.charged()
            if now == before:
                return now
            before = now
            time.sleep(0.5)
        return before


class Sender(smtp.Client):
    """Counts what it sends."""

    def __init__(self, port):
        super().__init__(port)
        self.sent = 0
        smtp.check("220", self.reply(), "greeting")

    def send(self, data):
        self.sent += len(data)
        super().send(data)

    def ask(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()[-1]

    def begin(self, to):
        self.ask("EHLO client.example.org")
        self.ask("MAIL FROM:<a@example.org>")
        self.ask("RCPT TO:<%s>" % to)
        if not self.ask("DATA").startswith("354"):
            raise Fail("DATA was refused")


def address_of(server):
    account = instance.Account(server)
    return account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)["email_address"]


@kind("idle session")
def idle(sender, _):
    sender.ask("EHLO client.example.org")


@kind("idle session in TLS")
def tls(sender, _):
    sender.ask("EHLO client.example.org")
    if not sender.ask("STARTTLS").startswith("220"):
        raise Fail("STARTTLS was refused")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    sender.sock = context.wrap_socket(sender.sock)
    sender.buffer = b""
    sender.ask("EHLO client.example.org")


@kind("AUTH line without its end")
def auth(sender, _):
    sender.ask("EHLO client.example.org")
    sender.send(b"AUTH PLAIN " + b"A" * 12000)


@kind("recipients (100, the limit of a webhook)")
def recipients(sender, to):
    local, domain = to.split("@")
    sender.ask("EHLO client.example.org")
    sender.ask("MAIL FROM:<a@example.org>")
    for i in range(100):
        if not sender.ask("RCPT TO:<%s+%d@%s>" % (local, i, domain)).startswith("250"):
            raise Fail("recipient %d was refused" % i)


@kind("recipients refused")
def refused(sender, _):
    sender.ask("EHLO client.example.org")
    sender.ask("MAIL FROM:<a@example.org>")
    for i in range(9):
        sender.ask("RCPT TO:<%s%d@nowhere.example>" % ("x" * 60, i))


@kind("header of 1 MB, without its end")
def header(sender, to):
    sender.begin(to)
    sender.send((b"X-Long: " + b"x" * 1980 + b"\r\n") * 500)


@kind("header of 999 short fields, body begun")
def fields(sender, to):
    sender.begin(to)
    sender.send(b"A: 1\r\n" * 999 + b"\r\nbody\r\n")


@kind("header of 900 long DKIM signatures, body begun")
def signatures(sender, to):
    sender.begin(to)
    names = b":".join([b"a"] * 450)
    one = b"DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s; h=from:" + names + b"; bh=YWJj; b=YWJj\r\n"
    sender.send(one * 900 + b"From: a@example.org\r\n\r\nbody\r\n")


@kind("body of 200 KiB, without its end")
def body(sender, to):
    sender.begin(to)
    sender.send(b"Subject: x\r\n\r\n" + (b"y" * 998 + b"\r\n") * 200)


@kind("body of 2 MiB, without its end (in a file)")
def large_body(sender, to):
    sender.begin(to)
    sender.send(b"Subject: x\r\n\r\n" + (b"y" * 998 + b"\r\n") * 2100)


def measure(binary, name, grow, sessions):
    with Bench(binary) as bench:
        server = bench.server(SETTINGS)
        gauge, to = Gauge(server), address_of(server)
        # The first sessions allocate what is kept for all: caches, arenas, buffers of threads.
        for _ in range(2):
            warm = [Sender(server.smtp_port) for _ in range(4)]
            for one in warm:
                grow(one, to)
            for one in warm:
                one.close()
            gauge.until("after the first sessions", lambda charged: charged < 64 * 1024)
        before = gauge.rss()
        senders = [Sender(server.smtp_port) for _ in range(sessions)]
        for one in senders:
            grow(one, to)
        charged = gauge.settled()
        grown = gauge.rss() - before
        sent = sum(one.sent for one in senders)
        for one in senders:
            one.close()
        gauge.until("after the sessions", lambda value: value < 256 * 1024)
        end = time.monotonic() + 30
        while gauge.rss() - before > max(8 * MIB, grown // 4) and time.monotonic() < end:
            time.sleep(0.5)
        left = gauge.rss() - before
        return {"name": name, "sent": sent / sessions, "grown": grown / sessions, "charged": charged / sessions, "left": left,
                "total": grown}


def flood(binary):
    """limits.memory = 64 MiB, 300 sessions inside headers of 1 MB: it holds, others' mail goes on, and the memory comes back."""
    settings = {**SETTINGS, "limits": {**SETTINGS["limits"], "memory": "64 MiB"}}
    with Bench(binary) as bench:
        server = bench.server(settings)
        gauge, to = Gauge(server), address_of(server)
        under_way = Sender(server.smtp_port)
        under_way.begin(to)
        before = gauge.rss()
        senders, told = [], 0
        for _ in range(300):
            try:
                sender = Sender(server.smtp_port)
                header(sender, to)
                senders.append(sender)
            except Fail:
                told += 1  # 421 or 452: the memory is used up
        gauge.settled()
        peak = gauge.rss() - before
        if peak > 128 * MIB:
            raise Fail("it grew by %d MiB with limits.memory = 64 MiB" % (peak // MIB))
        under_way.send(b"Subject: x\r\n\r\nbody\r\n.\r\n")
        reply = under_way.reply()[-1]
        if not reply.startswith("250"):
            raise Fail("a message under way was told " + reply)
        for one in senders:
            one.close()
        gauge.until("after the flood", lambda value: value < MIB)
        end = time.monotonic() + 30
        while gauge.rss() - before > 16 * MIB and time.monotonic() < end:
            time.sleep(0.5)
        left = gauge.rss() - before
        if left > 16 * MIB:
            raise Fail("%d MiB stay after the sessions have closed" % (left // MIB))
        print("flood of 300 headers against 64 MiB: %d sessions in, %d told to come later, +%d MiB at most, +%d MiB after" %
              (len(senders), told, peak // MIB, left // MIB), flush=True)


def octets(value):
    return "%.1f KiB" % (value / 1024) if abs(value) < MIB else "%.2f MiB" % (value / MIB)


def table(rows):
    lines = ["| a session's | octets sent | memory it costs | charged | memory for an octet sent | left after %d had closed |" % rows[0]["sessions"],
             "|---|---|---|---|---|---|"]
    for row in rows:
        lines.append("| %s | %s | %s | %s | %.1f | %s |" % (row["name"], octets(row["sent"]), octets(row["grown"]), octets(row["charged"]),
                                                        row["grown"] / row["sent"], octets(max(0, row["left"]))))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=str(ROOT / "build" / "release" / "postern"))
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--write")
    args = parser.parse_args()
    wanted = [w for w in args.only.split(",") if w]
    rows, passed, failed = [], 0, 0
    for name, grow in KINDS:
        if wanted and grow.__name__ not in wanted:
            continue
        try:
            row = measure(args.binary, name, grow, args.sessions)
            row["sessions"] = args.sessions
            rows.append(row)
            print("%-48s sent %10s  grew %10s  charged %10s  left %10s" % (name, octets(row["sent"]), octets(row["grown"]), octets(row["charged"]),
                                                                       octets(row["left"])), flush=True)
            if row["grown"] > 1.25 * row["charged"] + 16 * 1024:
                raise Fail("it costs more than is charged for it")
            if row["left"] > max(8 * MIB, row["total"] / 4):
                raise Fail("it is not given back")
            passed += 1
        except Fail as error:
            failed += 1
            print("FAIL %s: %s" % (name, error), flush=True)
    if not wanted or "flood" in wanted:
        try:
            flood(args.binary)
            passed += 1
        except Fail as error:
            failed += 1
            print("FAIL flood: %s" % error, flush=True)
    if args.write and rows:
        path = pathlib.Path(args.write)
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(<!-- memory table -->\n).*?(<!-- end -->)", lambda m: m.group(1) + table(rows) + "\n" + m.group(2), text, flags=re.S),
                        encoding="utf-8")
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""A neighbour's mail beside next hops and webhooks that hold every connection they are given.

  fairness.py [--binary PATH] [--filter GLOB] [--jobs N] [--verbose]

Tarpits take connections and answer nothing, or an octet every few seconds, or nothing more once DATA was said; webhooks of one account
take requests and keep silent. They hold what they get for as long as the check runs. Beside them, mail of another tenant, mail of the
same tenant for a host that was swift before, and webhooks of another account must arrive with a median below BOUND (or, on a busy machine, ten
times that of the same mail before there were tarpits), and all of it before a tarpit gives up its slot. Ends with the line "N passed, M failed".
"""
import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import pathlib
import re
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import LOCAL, expect  # noqa: E402
from harness import dns, instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402

CHECKS = []
PASSWORD = "tarpit-hunter2"
BOUND, LONGEST = 1.0, 60.0  # seconds from the 250 to the arrival: the median, and the longest; a tarpit holds its slot for two minutes at least
TEXT = "From: Ann <ann@origin.example>\r\nTo: bob@dest.example\r\nSubject: number %d\r\nMessage-ID: <%d@origin.example>\r\n\r\nhello\r\n"


def check(function):
    CHECKS.append(function)
    return function


def verifier(password):
    """What a SCRAM server keeps (RFC 5803)."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    text = [base64.b64encode(octets).decode() for octets in (salt, client, hmac.digest(salted, b"Server Key", "sha256"))]
    return "SCRAM-SHA-256$4096:%s$%s:%s" % tuple(text)


class Hosts:
    """SMTP and HTTP servers of all manners on one event loop; a connection costs a coroutine."""

    def __init__(self, bench):
        self.loop, self.held, self.most_held, self.arrived = asyncio.new_event_loop(), 0, 0, {}
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        bench.stack.callback(self.stop)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)

    def add(self, manner):
        """A server -> its port."""
        serve = {"http-silent": self.keep, "http": self.http}.get(manner, lambda r, w: self.smtp(manner, r, w))

        async def guarded(reader, writer):
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ValueError):
                await serve(reader, writer)
            writer.close()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(guarded, "127.0.0.1", 0, backlog=1000), self.loop)
        return started.result(30).sockets[0].getsockname()[1]

    async def keep(self, reader, writer, say=b""):
        """Holds the connection until the other side gives up."""
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        try:
            while True:
                for octet in say[:1]:
                    writer.write(bytes([octet]))
                say = say[1:]
                with contextlib.suppress(asyncio.TimeoutError):
                    if not await asyncio.wait_for(reader.read(65536), 2):
                        return
        finally:
            self.held -= 1

    async def smtp(self, manner, reader, writer):
        if manner == "silent":
            return await self.keep(reader, writer)
        if manner == "drips":
            return await self.keep(reader, writer, b"220-an octet every two seconds, for a long time to come\r\n" * 20)
        writer.write(b"220 host.example ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                if manner == "after-data":
                    return await self.keep(reader, writer)
                writer.write(b"354 go\r\n")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.came(text)
            writer.write(b"250 2.0.0 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")

    async def http(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            size = re.search(rb"(?i)content-length: *(\d+)", head)
            self.came(await reader.readexactly(int(size.group(1))))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def came(self, text):
        found = re.search(rb"number (\d+)", text)
        self.arrived.setdefault(int(found.group(1)), time.monotonic())


class Gateway:
    """A gateway with few slots, so that few tarpits are many; user of tenant `bad`, strangers' mail is of no tenant's."""

    SLOTS = {"concurrency": 24, "report_concurrency": 4, "webhook_concurrency": 12, "folder_concurrency": 4, "first_retry": "1s", "longest_retry": "2s"}

    def __init__(self, bench, routes=(), **slots):
        self.dns = dns.start([])
        bench.stack.callback(self.dns.stop)
        self.bench = bench
        self.server = bench.server({
            **LOCAL, "queue": {**self.SLOTS, **slots}, "dns": self.dns.settings,
            "restrictions": {"compatibility_level": "3.6", "mynetworks": "127.0.0.0/8", "mydestination": "", "smtpd_sasl_auth_enable": "yes",
                             "relay_domains": "dest.example", "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"},
            "auth.source": [{"kind": "static", "users": ["bad:" + verifier(PASSWORD)]}],
            "route": [{"match": [domain], "to": ["[127.0.0.1]:%d" % port]} for domain, port in routes]})

    def session(self, bad=False):
        client = smtp.Client(self.server.smtp_port)
        self.bench.stack.callback(client.close)
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO client.origin.example", "250")
        if bad:
            client.command("STARTTLS", "220")
            client.start_tls()
            client.command("EHLO client.origin.example", "250")
            smtp.check("235", client.auth_plain("bad", PASSWORD), "AUTH")
        return client

    @staticmethod
    def post(client, to, number=0, content=None):
        client.command("MAIL FROM:<ann@origin.example>", "250")
        for address in [to] if isinstance(to, str) else to:
            client.command("RCPT TO:<%s>" % address, "250")
        client.command("DATA", "354")
        smtp.check("250 2.0.0", client.data((content or TEXT % (number, number)).encode()), "end of data")
        return time.monotonic()

    def metric(self, name):
        token = (self.server.root / "data" / "metrics.token").read_text().strip()
        status, _, text = self.server.http("GET", "/metrics", headers={"Authorization": "Bearer " + token})
        expect("status of /metrics", 200, status)
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.decode().splitlines() if line.startswith(name))

    def waits(self, hosts, send, what, count=100):
        """`count` messages by send(number) -> the seconds that each waited, in order of length."""
        first, sent = 1 + max(hosts.arrived, default=0), {}
        for number in range(first, first + count):
            sent[number] = send(number)
            time.sleep(0.02)
        until(lambda: "%s: arrivals; %s" % (what, self.server.tail()), lambda: all(n in hosts.arrived for n in sent))
        waits = sorted(hosts.arrived[n] - at for n, at in sent.items())
        print("     %s: p50 %.0f ms, p99 %.0f ms, max %.0f ms, %d connections held" % (
            what, 1000 * waits[count // 2], 1000 * waits[count * 99 // 100 - 1], 1000 * waits[-1], hosts.held), flush=True)
        return waits

    def stays_below_the_bound(self, hosts, send, what, alone):
        waits = self.waits(hosts, send, what)
        middle, bound = waits[len(waits) // 2], max(BOUND, 10 * alone[len(alone) // 2])
        if middle > bound or waits[-1] > LONGEST:
            raise Fail("%s: the median is %.2f s, the longest wait %.1f s; allowed are %.2f s and %.1f s" % (what, middle, waits[-1], bound, LONGEST))


@check
def tarpits_beside_a_healthy_host(bench):
    """Sixty tarpits of three manners and 24 slots: another tenant's mail arrives at once, and so does the tarpits' own to a swift host."""
    hosts = Hosts(bench)
    manners = ["silent", "drips", "after-data"]
    tarpits = [("t%d.tarpit.example" % n, hosts.add(manners[n % 3])) for n in range(60)]
    gateway = Gateway(bench, [*tarpits, ("dest.example", hosts.add("takes")), ("own.example", hosts.add("takes"))])
    bad, good = gateway.session(bad=True), gateway.session()
    gateway.post(bad, "bob@own.example", 1)
    until("the first message to a swift host", lambda: 1 in hosts.arrived)
    alone = gateway.waits(hosts, lambda n: gateway.post(good, "bob@dest.example", n), "without tarpits", 40)
    for _ in range(2):
        for domain, _ in tarpits:
            gateway.post(bad, "bob@" + domain)
    until("tarpits that hold half of the slots", lambda: hosts.held >= 12)
    gateway.stays_below_the_bound(hosts, lambda n: gateway.post(good, "bob@dest.example", n), "another tenant", alone)
    gateway.stays_below_the_bound(hosts, lambda n: gateway.post(bad, "bob@own.example", n), "the same tenant", alone)
    if hosts.held < 8:
        raise Fail("only %d connections were held meanwhile" % hosts.held)
    if gateway.metric('postern_queue_slots{kind="relay",state="used"}') < 8 or gateway.metric('postern_queue_waiting_destinations{kind="relay"}') < 30:
        raise Fail("the metrics do not show it")


@check
def silent_webhooks_beside_a_healthy_one(bench):
    """Twenty silent webhooks of one account and 12 slots: another account's webhook and mail to other hosts arrive at once."""
    hosts = Hosts(bench)
    gateway = Gateway(bench, [("dest.example", hosts.add("takes"))])
    bad, good = instance.Account(gateway.server), instance.Account(gateway.server)

    def webhook(account, port):
        body = {"target_url": "http://127.0.0.1:%d/hook" % port, "delivery_mode": "queued"}
        return account.call("POST", "/webhooks", body, expect=201)["email_address"]
    silent = [webhook(bad, hosts.add("http-silent")) for _ in range(20)]
    healthy = webhook(good, hosts.add("http"))
    client = gateway.session()
    alone = gateway.waits(hosts, lambda n: gateway.post(client, healthy, n), "without silent webhooks", 40)
    for _ in range(3):
        for address in silent:
            gateway.post(client, address)
    until("webhooks that hold half of the slots", lambda: hosts.held >= 6)
    gateway.stays_below_the_bound(hosts, lambda n: gateway.post(client, healthy, n), "another account's webhook", alone)
    gateway.stays_below_the_bound(hosts, lambda n: gateway.post(client, "bob@dest.example", n), "mail to a host", alone)


@check
def a_connection_that_waits_costs_little(bench):
    """200 tarpits hold a message of 200 KB each: the process grows by less than its text for each."""
    hosts, count = Hosts(bench), 200
    port = hosts.add("silent")
    # Each name is a destination of its own, and all lead to the silent host.
    gateway = Gateway(bench, [("t%d.tarpit.example" % n, hosts.add("silent")) for n in range(count)] + [("dest.example", port)], concurrency=1000)
    client = gateway.session()
    gateway.post(client, "bob@dest.example")
    until("one that is held", lambda: hosts.held == 1)
    before = gateway.server.rss_mb()
    text = TEXT % (0, 0) + ("0123456789" * 7 + "\r\n") * 2800
    for start in range(0, count, 50):
        gateway.post(client, ["bob@t%d.tarpit.example" % n for n in range(start, start + 50)], content=text)
    until("%d that are held" % count, lambda: hosts.held > count)
    each = (gateway.server.rss_mb() - before) * 1024 / count
    print("     %.0f KB for each of %d connections that wait" % (each, count), flush=True)
    if each > 100:
        raise Fail("%.0f KB for a connection that waits" % each)


@check
def an_attempt_ends_in_its_time(bench):
    """A host that drips holds an attempt for `queue.longest_attempt`, and then the next host takes the message."""
    hosts = Hosts(bench)
    gateway = Gateway(bench, [("dest.example", hosts.add("drips"))], longest_attempt="2s", longest_crowded_attempt="1s")
    client = gateway.session()
    gateway.post(client, "bob@dest.example", 1)
    until("a connection that is held", lambda: hosts.held == 1)
    until("its end", lambda: hosts.held == 0)
    code, out, err = bench.run("queue", "list", "--json", "--config", gateway.server.root / "postern.toml")
    expect("exit status of queue list (%s)" % err, 0, code)
    until("a temporary failure in the log", lambda: '"delivery.deferred"' in gateway.server.log.read_text())


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

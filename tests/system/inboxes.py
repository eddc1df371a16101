"""System checks of built-in inboxes: full ones refuse and say so, and payloads of any size cost little memory."""
import contextlib
import json
import threading
import time

from bench import LOCAL, expect, send
from harness import instance, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until

CHECKS = []
MIB = 1 << 20
BOMBS = 12
BOMB_OCTETS = 6 * MIB  # each becomes a payload six times as large
MEMORY_BOUND = 160 * MIB  # anonymous memory of all together, beyond the idle process's
WAL_BOUND = 96 * MIB
NEIGHBOUR_BOUND = 6.0  # seconds, p99; on a machine so busy that the bombs take longer than twice that, half of their time


def check(function):
    CHECKS.append(function)
    return function


@check
def the_postmasters_mailbox_has_a_bound(bench):
    """However the address is quoted, its mail goes to the Maildir of the data directory, until that is full; then it is 452 4.2.2."""
    server = bench.server({**LOCAL, "server": {"hostname": "mx.example.net"}, "relay": {"postmaster_max_size": "1 MiB"}})
    text = "Subject: x\r\n\r\n" + ("x" * 76 + "\r\n") * 9000
    for number, to in enumerate(("postmaster", '"Post\\master"@mx.example.net'), 1):
        smtp.check("250 2.0.0", send(server, to, content=text.replace("{", "{{")), "message to " + to)
        folder = server.root / "data" / "postmaster" / "new"
        until("mail to %s in %s" % (to, folder), lambda: folder.is_dir() and len(list(folder.iterdir())) >= number)
    smtp.check("452 4.2.2", send(server, "postmaster", content="Subject: x\r\n\r\nx\r\n"), "the message beyond")


@check
def a_full_inbox_refuses_and_tells_its_owner(bench):
    """The third message to an inbox of two is 452 4.2.2; the two stay; API and `postern inbox` say that it is full."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    box = account.call("POST", "/webhooks", {"target_url": "inbox", "inbox_max_messages": 2}, expect=201)
    kept = []
    for number in (1, 2):
        reply = send(server, box["email_address"], content="Subject: n%d\r\n\r\nx\r\n" % number)
        smtp.check("250 2.0.0", reply, "message %d" % number)
        kept.append(reply[-1].split()[-1])
    smtp.check("452 4.2.2", send(server, box["email_address"], content="Subject: n3\r\n\r\nx\r\n"), "the third message")
    listed = account.call("GET", "/webhooks/%s/inbox" % box["id"])
    expect("messages of the inbox", kept[::-1], [m["id"] for m in listed["data"]])
    expect("the box", (2, 2, True, 1), tuple(listed["box"][k] for k in ("messages", "max_messages", "full", "refused")))
    _, out, err = bench.run("inbox", "--config", server.root / "postern.toml")
    if len(out.splitlines()) != 2 or "is full" not in err:
        raise Fail("postern inbox: %r %r" % (out, err))
    account.call("DELETE", "/webhooks/%s/inbox" % box["id"], expect=204)
    smtp.check("250 2.0.0", send(server, box["email_address"], content="Subject: n4\r\n\r\nx\r\n"), "after it was emptied")


def anonymous(server):
    """Octets that the process holds and the system cannot take back."""
    with open("/proc/%d/status" % server.pid, encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    raise Fail("no RssAnon in /proc/%d/status" % server.pid)


class Watch:
    """The most that memory and write-ahead log came to while it watched."""

    def __init__(self, server):
        self.server, self.memory, self.wal, self.over = server, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over.wait(0.02):
            with contextlib.suppress(OSError):
                self.memory = max(self.memory, anonymous(self.server))
                self.wal = max(self.wal, (self.server.root / "data" / "delivery.db-wal").stat().st_size)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        self.thread.join()


@check
def a_dozen_huge_payloads_cost_little(bench):
    """Twelve messages of control characters at once: memory, write-ahead log and a neighbour's wait stay below their bounds; so does reading one."""
    server = bench.server({**LOCAL, "limits": {"memory": "64 MiB"}, "api": {"rate_limits": False}})
    account = instance.Account(server)
    boxes = [account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201) for _ in range(BOMBS + 1)]
    neighbour = boxes.pop()
    for _ in range(20):
        smtp.check("250", send(server, neighbour["email_address"], content="Subject: before\r\n\r\nx\r\n"), "before")
    idle = anonymous(server)
    line = "\x01" * 900 + "\r\n"
    bomb = "Subject: bomb\r\n\r\n" + line * (BOMB_OCTETS // len(line))
    replies, waits, over = [], [], threading.Event()

    def throw(box):
        client = smtp.Client(server.smtp_port)
        with contextlib.closing(client):
            client.reply()
            for words in ("EHLO mx.partner.example.com", "MAIL FROM:<a@partner.example.com>", "RCPT TO:<%s>" % box["email_address"], "DATA"):
                client.command(words)
            client.send(bomb.encode() + b".\r\n")
            client.receive(2 * PATIENCE)
            replies.append(client.reply()[-1])

    def be_neighbour():
        while not over.is_set():
            began = time.monotonic()
            smtp.check("250", send(server, neighbour["email_address"], content="Subject: beside\r\n\r\nx\r\n"), "the neighbour's")
            waits.append(time.monotonic() - began)

    with Watch(server) as watch:
        began = time.monotonic()
        throwers = [threading.Thread(target=throw, args=(box,)) for box in boxes]
        beside = threading.Thread(target=be_neighbour)
        for thread in [*throwers, beside]:
            thread.start()
        for thread in throwers:
            thread.join()
        took = time.monotonic() - began
        over.set()
        beside.join()
        expect("replies to %d bombs" % BOMBS, BOMBS, sum(r.startswith("250") for r in replies))
        entry = account.call("GET", "/webhooks/%s/inbox" % boxes[0]["id"])["data"][0]
        if entry["size"] < 5 * BOMB_OCTETS:
            raise Fail("the payload has only %d octets" % entry["size"])
        whole = account.call("GET", "/webhooks/%s/inbox/%s" % (boxes[0]["id"], entry["id"]))
        expect("text of the payload", BOMB_OCTETS // len(line) * 901, len(whole["payload"]["text"]))
    waits.sort()
    figures = {"idle_mib": idle // MIB, "grown_mib": (watch.memory - idle) // MIB, "wal_mib": watch.wal // MIB,
               "neighbour_p99_s": round(waits[int(len(waits) * 0.99)], 2), "neighbour_messages": len(waits), "bombs_s": round(took, 1)}
    print("     " + json.dumps(figures))
    if watch.memory - idle > MEMORY_BOUND or watch.wal > WAL_BOUND or figures["neighbour_p99_s"] > max(NEIGHBOUR_BOUND, took / 2):
        raise Fail("over its bounds: %s" % json.dumps(figures))

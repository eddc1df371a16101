#!/usr/bin/env python3
"""How cost grows with size: CPU, time and memory at sizes that are ten times apart. Run through bench/growth.

    bench/growth                            measures everything (at most 12 minutes) and prints the tables
    bench/growth --only rules,tables        some parts; --quick: without the largest size, one round
    bench/growth --write                    writes bench/growth.json, docs/growth/*.svg and the section of docs/benchmarks.md;
                                            with --only, the other parts stay as they are
    bench/growth --draw                     draws and writes again from bench/growth.json, and measures nothing (needs no root)

webhooks  1,000 to 1,000,000 webhooks: CPU of a transaction up to RCPT and of a whole message, each to another webhook; start; memory
rules     1 to 1,000 rules that are all evaluated and do not decide: restriction lists, .vsl rules, comparisons in a Lua hook
tables    look-ups in tables of 1,000 to 1,000,000 keys (table_bench)
queue     a start with 1,000 to 1,000,000 queued messages (bench/queue): first delivery, memory
accounts  10 to 100,000 accounts: signing in, a request with a token, SMTP AUTH, a whole message; start

A curve of what every message or look-up pays must not grow as the size does: if it does, the exit status is 1 and the last line
names it. On a busy machine believe CPU, not time. Everything happens in namespaces of its own, and Ctrl-C leaves nothing."""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import types
import warnings

import figures
import growth_charts as charts
import pages
import parts
import queue_beside_postfix
import run
import servers

MOST_SECONDS = 720  # of a whole run
START_SECONDS = 120  # the longest start that is waited for
MANY = 100_000_000  # messages: the time ends a measurement
CHARTS, RESULTS = parts.ROOT / "docs" / "growth", parts.ROOT / "bench" / "growth.json"
SIZES = {"webhooks": (1000, 10_000, 100_000, 1_000_000), "rules": (1, 10, 30, 100, 1000), "tables": (1000, 10_000, 100_000, 1_000_000),
         "queue": (1000, 10_000, 100_000, 1_000_000), "accounts": (10, 1000, 100_000)}
LOOKUPS = 200_000  # of a table in memory, eleven times; of a database a hundredth
PASSWORD = "correct-horse"


class Kept(servers.Postern):
    """Postern whose data folder stays when it is stopped, so that it can be filled."""
    keep = False

    def folder(self, name=None):
        return parts.WORK / "postern" if self.keep else super().folder(name)

    def prepare(self):
        super().prepare()
        self.keep = True

    @property
    def database(self):
        return parts.WORK / "postern" / "data" / "postern.db"

    def until_greeted(self, group):
        """Starts it: seconds until the first 220."""
        began = time.monotonic()
        process, log = self.launch(group)
        while time.monotonic() - began < START_SECONDS and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((parts.SERVER, parts.PORT), timeout=START_SECONDS) as client:
                if client.recv(3) == b"220":
                    return time.monotonic() - began
            time.sleep(0.002)
        raise parts.NotStarted(log.read_text()[-600:])


class Ruled(servers.Postern):
    """Postern with so many rules at RCPT, none of which decides."""

    def __init__(self, dialect, count, binary):
        super().__init__(binary=binary)
        self.dialect, self.count = dialect, count

    def sections(self, top):
        numbers = range(self.count)
        text = super().sections(top)
        if self.dialect == "lists":
            rules = ", ".join("check_recipient_access inline:{ {nobody%d@%s=REJECT} }" % (n, servers.HOOKS) for n in numbers)
            return text + ('[restrictions]\ncompatibility_level = "3.6"\nmynetworks = "198.51.100.0/24"\n'
                           f'mydestination = "{servers.HOOKS}"\nsmtpd_recipient_restrictions = "{rules}, reject_unauth_destination"\n')
        if self.dialect == "lua":
            tests = "".join("  if recipient.user == 'nobody%d' then kumo.reject(550, '5.7.1 no') end\n" % n for n in numbers)
            (top / "policy.lua").write_text(f"kumo.on('smtp_server_rcpt_to', function(recipient)\n{tests}end)\n")
            return text + f'[lua]\npolicy = "{top}/policy.lua"\n'
        rules = "".join('    rule "%d" || if rcpt() == "nobody%d@%s" { deny() } else { next() },\n' % (n, n, servers.HOOKS) for n in numbers)
        (top / "vsl").mkdir()
        (top / "vsl" / "main.vsl").write_text("#{\n  rcpt: [\n" + rules + "  ],\n}\n")
        return text + f'[vsl]\npolicy = "{top}/vsl/main.vsl"\ndomain = "{servers.HOOKS}"\n'


class Growth:
    def __init__(self, args):
        self.args, self.group, self.results = args, parts.Group(), []
        self.messages = parts.messages([4096]) / "4096"
        self.names = parts.name_server()

    def close(self):
        self.group.remove()
        self.names.terminate()
        self.names.wait()
        for name in ("postern", "tables"):
            shutil.rmtree(parts.WORK / name, ignore_errors=True)

    def add(self, curve, series, x, values):
        self.results.append({"curve": curve, "series": series, "x": x, "values": [float(f"{value:.5g}") for value in values]})
        curve = charts.CURVES[curve]
        print(f"{curve.part:9} {charts.number(x):>9} {curve.series[series]}, {curve.y}: {figures.spread(values, max(1, curve.digits))}", flush=True)

    def sizes(self, part):
        return SIZES[part][:-1] if self.args.quick else SIZES[part]

    def rounds(self, measure):
        return [measure() for _ in range(self.args.rounds)]

    # ---------------------------------------------------------------- measurements of a gateway
    def sent(self, server, *arguments, most=MANY, seconds=None):
        """CPU of the gateway for a message or transaction, µs."""
        before = self.group.quiet_cpu()
        r = parts.load(server, "--from", "sender@example.org", "--helo", "mail.example.org", "-c", 16, "-m", 900, "-n", most,
                       "-t", seconds or self.args.seconds, "--eml", self.messages, *arguments)
        cpu = self.group.quiet_cpu() - before
        if r["refused"] + r["broken"] or not r["accepted"]:
            sys.exit(f"growth: {r['refused'] + r['broken']} of {r['accepted']} messages were not accepted: {r['said'][:300]}")
        return cpu * 1e6 / r["accepted"]

    def called(self, count, call):
        """CPU of the gateway for a call, µs."""
        before = self.group.quiet_cpu()
        for _ in range(count):
            call()
        return (self.group.quiet_cpu() - before) * 1e6 / count

    def starts(self, curve, server, size):
        """Starts it in each round; it runs after the last."""
        times = []
        for _ in range(self.args.rounds):
            self.group.stop()
            times.append(server.until_greeted(self.group))
        self.add(curve, "start", size, times)

    # ---------------------------------------------------------------- parts
    def webhooks(self):
        server = Kept(binary=self.args.binary)
        server.start(self.group)
        self.group.stop()
        made = 0
        for size in self.sizes("webhooks"):
            with contextlib.closing(pages.opened(server.database)) as database:
                first = database.execute("SELECT id FROM webhook ORDER BY seq LIMIT 1").fetchone()[0]
                pages.multiply(database, "webhook", size, {
                    "id": "'wh_' || printf('%026d', n)", "address": "'hook' || n || '@' || t.domain", "name": "'hook ' || n"}, f"t.id = '{first}'", made=made)
            made = size
            server.to = f"hook%@{servers.HOOKS}"
            self.starts("webhooks-start", server, size)
            time.sleep(1)
            self.add("webhooks-memory", "memory", size, [self.group.pss() / 1024])
            recipients = ("--recipients", size)
            self.sent(server, *recipients, seconds=0.3)
            self.add("webhooks-cpu", "rcpt", size, self.rounds(lambda: self.sent(server, "--no-data", *recipients)))
            self.add("webhooks-cpu", "message", size, self.rounds(lambda: self.sent(server, *recipients)))
            self.group.stop()

    def rules(self):
        for dialect in charts.CURVES["rules"].series:
            for size in self.sizes("rules"):
                server = Ruled(dialect, size, self.args.binary)
                server.start(self.group)
                self.sent(server, seconds=0.3)
                self.add("rules", dialect, size, self.rounds(lambda: self.sent(server)))
                self.group.stop()

    def tables(self):
        top = parts.WORK / "tables"
        top.mkdir(exist_ok=True)
        for size in self.sizes("tables"):
            for kind, spec, present, absent in tables(top, size):
                present, absent = keys_file(top / "present", present), keys_file(top / "absent", absent)
                lookups = LOOKUPS // 100 if kind == "sqlite" else LOOKUPS
                found = [json.loads(parts.run(self.args.bench / "table_bench", spec, present, absent, str(lookups), timeout=120))
                         for _ in range(self.args.rounds)]
                for key in ("hit", "miss"):
                    self.add("tables", f"{kind}-{key}", size, [one[f"{key}_ns"] for one in found])

    def queue(self):
        found = []
        queue_beside_postfix.restart(types.SimpleNamespace(bench=self.args.bench, rounds=self.args.rounds), self.group,
                                     [queue_beside_postfix.Postern(self.args.binary)], None, found, self.sizes("queue"))
        for row in found:
            self.add("queue-first", "first", row["queued"], row["first_s"])
            self.add("queue-memory", "octets", row["queued"], [row["octets_a_message"]])

    def accounts(self):
        server = Kept(binary=self.args.binary)
        server.start(self.group)
        token = parts.api("POST", "/sessions", {"email": "bench@example.org", "password": parts.PASSWORD})["access_token"]
        parts.api("POST", "/api-tokens", {"name": "bench", "scopes": ["read"]}, token)
        self.group.stop()
        made = 0
        for size in self.sizes("accounts"):
            with contextlib.closing(pages.opened(server.database)) as database:
                add_accounts(database, size, made)
            made = size
            middle = size // 2 + 1
            person = {"email": f"user{middle}@example.org", "password": parts.PASSWORD}
            server.to = f"hook{middle}@{servers.HOOKS}"
            self.starts("accounts-start", server, size)
            token = parts.api("POST", "/sessions", person)["access_token"]
            token = parts.api("POST", "/api-tokens", {"name": "bench", "scopes": ["read"]}, token)["token"]
            for series, measure in (
                    ("sign-in", lambda: self.called(10, lambda: parts.api("POST", "/sessions", person))),
                    ("token", lambda: self.called(300, lambda: parts.api("GET", "/webhooks?limit=1", token=token))),
                    ("auth", lambda: self.sent(server, "-c", 2, "-m", 1, "--starttls", "--auth", f"user{middle}:{PASSWORD}", "--no-data")),
                    ("message", lambda: self.sent(server))):
                self.add("accounts-cpu", series, size, self.rounds(measure))
            self.group.stop()


def copied(number):
    """The password of all users, hashed fast enough for its look-up to be seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import crypt
    return crypt.crypt(PASSWORD, "$2b$04$" + "abcdefghijklmnopqrstuu")[:number]


def add_accounts(database, count, made):
    """Accounts, each with a token, a policy with a user and a webhook, as copies of the first one's."""
    account = "'acc_' || printf('%026d', n)"
    first = "t.seq = (SELECT min(seq) FROM %s)"
    pages.multiply(database, "account", count, {"id": account, "email": "'user' || n || '@example.org'"}, first % "account", made=made)
    pages.multiply(database, "api_token", count, {"id": "'tok_' || printf('%026d', n)", "account_id": account, "hash": "randomblob(32)"},
                   first % "api_token", made=made)
    pages.multiply(database, "policy", count, {"id": "'pol_' || printf('%026d', n)", "account_id": account}, first % "policy", made=made)
    names = pages.columns(database, "credential", ("ord",))
    changed = {"policy_id": "'pol_' || printf('%026d', n)", "username": "'user' || n", "hash": f"'{copied(60)}'"}
    database.execute("WITH RECURSIVE k(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM k WHERE n < %d) INSERT INTO credential (%s) SELECT %s FROM k, credential t "
                     "WHERE t.ord = 1" % (made + 1, count, ", ".join(names), ", ".join(changed.get(name, "t.%s" % name) for name in names)))
    pages.multiply(database, "webhook", count, {"id": "'wh_' || printf('%026d', n)", "account_id": account, "address": "'hook' || n || '@' || t.domain",
                                                "policy_id": "NULL"}, first % "webhook", made=made)


def tables(top, size):
    """(kind, specification, keys that it has, keys that it has not)"""
    chance = random.Random(size)
    keys = list(dict.fromkeys(f"user{chance.getrandbits(32)}@d{n % 5000}.example.com" for n in range(size)))
    absent = ["x" + key for key in keys]
    (top / "hash").write_text("".join(f"{key} OK\n" for key in keys))
    chance.shuffle(keys)
    yield "hash", f"hash:{top}/hash", keys, absent
    address = lambda value: ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
    networks = chance.sample(range(1 << 22), size)  # only networks with an even third octet are listed
    (top / "cidr").write_text("".join(f"{address(n << 9)}/24 REJECT\n" for n in networks))
    chance.shuffle(networks)
    yield "cidr", f"cidr:{top}/cidr", [address(n << 9 | 7) for n in networks], [address(n << 9 | 0x107) for n in networks]
    (top / "sqlite.db").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(top / "sqlite.db")) as database:
        database.execute("CREATE TABLE senders (address TEXT PRIMARY KEY, action TEXT) WITHOUT ROWID")
        database.executemany("INSERT INTO senders VALUES (?, 'OK')", ((key,) for key in sorted(keys)))
        database.commit()
    (top / "sqlite.cf").write_text(f"dbpath = {top}/sqlite.db\nquery = SELECT action FROM senders WHERE address = '%s'\n")
    yield "sqlite", f"sqlite:{top}/sqlite.cf", keys, absent


def keys_file(path, keys):
    path.write_text("".join(f"{key}\n" for key in keys))
    return str(path)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="LIST", default=",".join(charts.PARTS), help="of %(default)s")
    parser.add_argument("--quick", action="store_true", help="without the largest size of each part, one round")
    parser.add_argument("--rounds", type=int, default=3, help="of each point (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=0.8, help="of one measurement of messages (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write bench/growth.json, the charts and the section of docs/benchmarks.md")
    parser.add_argument("--draw", action="store_true", help="draw and write again, and measure nothing")
    parser.add_argument("--binary", type=pathlib.Path, default=parts.POSTERN, help="Postern's; without it bench/growth builds one")
    parser.add_argument("--bench", type=pathlib.Path, default=parts.ROOT / "build/release/bench",
                        help="where table_bench and spool_bench are; without it bench/growth builds them")
    args = parser.parse_args()
    args.only = args.only.split(",")
    if unknown := set(args.only) - set(charts.PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(charts.PARTS)}")
    if args.quick:
        args.rounds = 1
    args.binary, args.bench = args.binary.resolve(), args.bench.resolve()
    return args


def written(document):
    """Writes the results, the charts and the section."""
    RESULTS.write_text(figures.compact(document))
    charts.draw(document, CHARTS, parts.PEERS / "tree")
    text = run.DOCUMENT.read_text()
    run.DOCUMENT.write_text(figures.replaced(text, charts.section(document), (charts.BEGIN, charts.END)))


class OutOfTime(BaseException):
    """MOST_SECONDS have passed."""


def out_of_time(*_):
    raise OutOfTime


def measured(args):
    """The document of the parts that were asked for; those that there was no time for are not in `measured`."""
    parts.stop_in_order()
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(MOST_SECONDS)
    parts.own_network("net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=10000 65000")
    parts.own_files()
    parts.descriptors()
    if "queue" in args.only and not shutil.which("smtp-sink"):
        sys.exit("growth: smtp-sink is missing (package postfix); without it: --only " + ",".join(part for part in charts.PARTS if part != "queue"))
    growth, stamps = Growth(args), {}
    began = datetime.datetime.now(datetime.timezone.utc)
    try:
        for part in args.only:
            since, before = datetime.datetime.now(datetime.timezone.utc), os.getloadavg()[0]
            getattr(growth, part)()
            stamps[part] = (f"{since:%Y-%m-%d %H:%M} UTC, {args.rounds} rounds, {(datetime.datetime.now(datetime.timezone.utc) - since).seconds} s, "
                            f"load average {before:.1f} before and {os.getloadavg()[0]:.1f} after")
    except parts.Stopped:
        sys.exit("growth: stopped; nothing is written")
    except parts.NotStarted as why:
        sys.exit(f"growth: Postern did not start: {why}")
    except OutOfTime:
        print(f"{MOST_SECONDS} s have passed")
    finally:
        signal.alarm(0)
        growth.close()
    version = parts.run(str(args.binary), "--version").strip()
    machine = [row for row in run.machine(began, os.getloadavg(), args) if row[0] in ("processor", "memory", "system")]
    return {"machine": [*machine, ["version", version]], "measured": stamps,
            "results": [r for r in growth.results if charts.CURVES[r["curve"]].part in stamps]}


def main():
    args = arguments()
    if args.draw:
        return written(json.loads(RESULTS.read_text()))
    document = measured(args)
    (parts.WORK / "growth.json").write_text(figures.compact(document))
    print("\n" + charts.section(document))
    if args.write:
        written(charts.merged(json.loads(RESULTS.read_text()), document) if RESULTS.exists() else document)
    found = charts.faults(document) + [f"not measured, out of time: {part}" for part in args.only if part not in document["measured"]]
    for one in found:
        print(f"WARNING: {one}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

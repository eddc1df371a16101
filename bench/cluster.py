#!/usr/bin/env python3
"""What a cluster costs, beside the raw limit of the same three database hosts in the same minute. Run through bench/cluster.

    bench/cluster                           measures everything (half an hour, an hour at most) and prints the tables
    bench/cluster --only rates,edits        some parts; --quick: fewer rounds, a tenth of the growth
    bench/cluster --write                   also writes bench/cluster.json and the section of docs/benchmarks.md; with --only, the
                                            other parts stay as they are
    bench/cluster --table                   writes that section again from bench/cluster.json, and measures nothing

rates     messages a second that are on two hosts when they are acknowledged, at 4 and 100 KB, in turns: COPY of 64 rows a commit on two
          sessions, the limit of the engine; puts into the spool of a cluster (spool_bench), 128, 64 and 16 waiting; the same with 128,
          where each message is also claimed and settled, as by its delivery;
          a gateway by SMTP on 64 and 16 connections, whose queue is there; the same with `traces = "database"`, also at half its rate.
          Its messages are held, so that no delivery runs beside them. First so much WAL is written that its segments are used again, as in
          a database that has run for a day: a new segment halts all commits until it is on the disk
edits     from an edit's request at one gateway to the first RCPT that another one answers by it, and to the edit's own answer; without mail,
          and while mail comes in as fast as it goes
moves     100,000 messages of 4 KB from a data directory into the cluster (`cluster migrate`) and back
webhooks  1,000 and 1,000,000 webhooks, in turns: start, memory, RCPT, edits
queue     10,000 and 10,000,000 queued messages, in turns: start, memory, puts, first delivery, deliveries, a page of the list

`rates`, `edits` and `moves` run on tests/cluster/rig, three hosts with synchronous replication; one that is up is used, else one is started and ended.
RIG_ROOT is a Debian 13 root for its servers, without it they are those of this machine; it needs root, and the packages that the rig names.
`webhooks` and `queue` are about algorithms: they run on one PostgreSQL of their own without a standby, in a folder of --folder (30 GB at
most), which is removed at the end.

Clients, gateways and databases share the cores, so figures are low and depend on what else runs: the tables say the load average. Believe
ratios: they are of the same round, whose measurements follow each other. Time without an acknowledgement when something fails is in
docs/cluster.md (`make torture-cluster`)."""
import argparse
import concurrent.futures
import contextlib
import datetime
import glob
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import figures
import parts
from queue_beside_postfix import SINK, Sink
from servers import HOOKS

DOCUMENT, RESULTS = parts.ROOT / "docs" / "benchmarks.md", parts.ROOT / "bench" / "cluster.json"
BEGIN, END = "<!-- Made by bench/cluster: begin -->", "<!-- Made by bench/cluster: end -->"
PARTS = ("rates", "edits", "moves", "webhooks", "queue")
MOST_SECONDS = 3600  # of a whole run
START_SECONDS, LOAD_SECONDS = 120, 1500  # the longest start, and reading of a queue, that is waited for
MANY = 100_000_000  # messages: the time ends a measurement
SIZES = {"4 KB": 4096, "100 KB": 102400}
ELSEWHERE = 10_000  # destinations beside the one that most of the queue is for
MOVED = 100_000  # messages
WAL_USED = 2 << 30  # octets, above what RIG_WAL_KEEP and RIG_WAL_REUSED of bench/cluster keep together
HOSTS = "198.51.100.11,198.51.100.12,198.51.100.13"


def psql(database, text, session="read-write"):
    done = subprocess.run(["psql", "-X", "-v", "ON_ERROR_STOP=1", "-qAt", "-f", "-", f"{database} target_session_attrs={session}"], input=text, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"cluster: {text[:200]}: {done.stderr[-500:]}")
    return done.stdout.strip()


class Server:
    """One PostgreSQL without a standby, as durable as any."""

    def __init__(self, folder):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="postern-bench-", dir=folder))
        shutil.chown(self.home, "postgres", "postgres")
        self.programs = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda one: int(one.split("/")[-2]))[-1])
        self.run("initdb", "-D", self.home / "db", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")
        settings = {"listen_addresses": "", "unix_socket_directories": self.home, "shared_buffers": "1GB", "max_wal_size": "4GB", "max_connections": 100,
                    "maintenance_work_mem": "512MB"}
        self.run("pg_ctl", "-D", self.home / "db", "-w", "-l", self.home / "log", "-o", " ".join(f"-c {k}={v}" for k, v in settings.items()), "start")

    def run(self, program, *words):
        subprocess.run(["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", self.programs / program, *words], check=True, cwd="/",
                       stdout=subprocess.DEVNULL)

    def database(self, name):
        where = f"host={self.home} user=postgres dbname="
        psql(where + "postgres", f"CREATE DATABASE {name}")
        return where + name

    def remove(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.run("pg_ctl", "-D", self.home / "db", "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.home, ignore_errors=True)


class Gateway:
    """A member of the cluster of a database; `number` gives it its own ports, name and data. `held`: what it takes is not delivered."""

    def __init__(self, binary, database, number=0, traces="database", held=False):
        self.binary, self.database, self.number, self.process = binary, database, number, None
        self.smtp, self.api, self.top = parts.PORT + 10 * number, parts.API + number, parts.WORK / f"cluster-{number}"
        self.to, self.token = "rcpt@example.net", None
        shutil.rmtree(self.top, ignore_errors=True)
        self.top.mkdir(parents=True)
        (self.top / "postern.toml").write_text(f"""
[server]
hostname = "mx{number}.example.net"
data_dir = "{self.top}/data"
drain_timeout = "2s"
sandbox = "best_effort"
[[listener]]
address = "{parts.SERVER}:{self.smtp}"
[limits]
sessions = 1000
exempt_networks = ["192.0.2.0/24"]
errors = 1000000
soft_errors = 1000000
account_webhooks = 2000000
account_octets = "4 GiB"
[dns]
servers = ["{parts.DNS}"]
[api]
address = "127.0.0.1:{self.api}"
rate_limits = false
[webhooks]
public_domain = "{HOOKS}"
[restrictions]
mynetworks = "198.51.100.0/24"
mydestination = "{HOOKS}"
relay_domains = "example.net"
smtpd_recipient_restrictions = "reject_unauth_destination{", check_recipient_access static:HOLD" if held else ""}"
[[route]]
match = ["*"]
to = ["[{parts.SERVER}]:{SINK}"]
[cluster]
database = "{database}"
allow_one_copy = true
traces = "{traces}"
[log]
format = "json"
""")

    def init(self):
        parts.run(str(self.binary), "cluster", "init", "--config", str(self.top / "postern.toml"))

    def start(self):
        """Seconds until it is ready."""
        began = time.monotonic()
        with open(self.top / "log", "wb") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", self.top / "postern.toml"], stdout=log, stderr=log)
        while time.monotonic() - began < START_SECONDS and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.call("GET", "/readyz", prefix="")[0] == 200:
                    return time.monotonic() - began
            time.sleep(0.005)
        sys.exit(f"cluster: no gateway after {time.monotonic() - began:.0f} s: {(self.top / 'log').read_text()[-600:]}")

    def loaded(self):
        """When it had scheduled the whole queue: seconds of the monotonic clock."""
        for _ in range(100 * LOAD_SECONDS):
            if b"queue.loaded" in (self.top / "log").read_bytes():
                return time.monotonic()
            time.sleep(0.01)
        sys.exit("cluster: the queue was not loaded")

    def call(self, method, path, body=None, prefix="/api/v1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=90)
        head = {"Content-Type": "application/json", **({"Authorization": "Bearer " + self.token} if self.token else {})}
        connection.request(method, prefix + path, None if body is None else json.dumps(body), head)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if prefix and answer.status >= 300:
            sys.exit(f"cluster: {method} {path}: {answer.status} {text[:300]}")
        return answer.status, json.loads(text or b"null") if prefix else text

    def sign_up(self):
        person = {"email": "bench@example.org", "password": parts.PASSWORD}
        self.call("POST", "/accounts", person)
        self.sign_in()

    def sign_in(self):
        self.token = self.call("POST", "/sessions", {"email": "bench@example.org", "password": parts.PASSWORD})[1]["access_token"]

    def load(self, *arguments, to=None):
        command = [parts.LOAD, "--host", parts.SERVER, "--port", self.smtp, "--source", parts.CLIENT, "--to", to or self.to, "--json", "-m", 900,
                   "--from", "sender@example.org", "--helo", "mail.example.org", *arguments]
        done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
        found = json.loads(done.stdout)
        if found["refused"] + found["broken"] or not found["accepted"]:
            sys.exit(f"cluster: {found['refused'] + found['broken']} not accepted, {found['accepted']} accepted: {done.stderr[:300]}")
        return found

    def cpu(self):
        words = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1]) * 1024

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class Rcpt:
    """A session that asks about one recipient again and again."""

    def __init__(self, gateway, address):
        self.socket = socket.create_connection((parts.SERVER, gateway.smtp), timeout=30, source_address=(parts.CLIENT, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.question = f"MAIL FROM:<sender@example.org>\r\nRCPT TO:<{address}>\r\nRSET\r\n".encode()
        self.reply()
        self.socket.sendall(b"EHLO mail.example.org\r\n")
        self.reply()

    def reply(self):
        while line := self.file.readline():
            if line[3:4] != b"-":
                return line
        sys.exit("cluster: the session was closed")

    def accepted(self):
        self.socket.sendall(self.question)
        return [self.reply() for _ in range(3)][1].startswith(b"250")

    def close(self):
        self.file.close()
        self.socket.close()


def q(values, part):
    """A quantile, None of no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else None


class Bench:
    def __init__(self, args):
        self.args, self.part, self.results, self.gateways, self.server = args, "", [], [], None
        self.began = time.monotonic()
        self.rig = f"host={HOSTS} dbname=postern user=postern sslrootcert={os.environ['RIG_DIR']}/tls.crt"
        for address in (parts.SERVER, parts.CLIENT):
            subprocess.run(["ip", "addr", "replace", address + "/32", "dev", "lo"], check=True)
        parts.WORK.mkdir(parents=True, exist_ok=True)
        self.messages = parts.messages(SIZES.values())
        self.names = parts.name_server()

    def close(self):
        for gateway in self.gateways:
            gateway.stop()
            shutil.rmtree(gateway.top, ignore_errors=True)
        self.names.terminate()
        self.names.wait()
        if self.server:
            self.server.remove()

    def add(self, what, value, **of):
        if time.monotonic() - self.began > MOST_SECONDS:
            raise TimeoutError
        self.results.append({"part": self.part, "what": what, **of, "value": float(f"{value:.5g}")})
        print("%-10s %-40s %12.5g" % (" ".join(str(v) for v in of.values()), what, value), flush=True)

    def gateway(self, database, number=0, **settings):
        made = Gateway(self.args.binary, database, number, **settings)
        self.gateways.append(made)
        return made

    def spool_bench(self, kind, database, octets, clients, seconds):
        said = parts.run(str(self.args.bench / "spool_bench"), kind, database, str(octets), str(clients), str(seconds))
        return float(re.search(r"([\d.]+) messages/s", said)[1]), float(re.search(r"p99 +([\d.]+)", said)[1])

    def checkpoint(self):
        for host in HOSTS.split(","):
            psql(f"host={host} dbname=postgres user=postgres", "CHECKPOINT", session="any")

    def used_before(self):
        """Writes WAL until it is of segments that are used again, on each host."""
        began, position = time.monotonic(), "SELECT pg_current_wal_lsn() - '0/0'"
        first = int(psql(self.rig, position))
        while int(psql(self.rig, position)) - first < WAL_USED and time.monotonic() - began < 180:
            self.spool_bench("copy", self.rig, 102400, 2, 3)
            psql(self.rig, "TRUNCATE bench_raw")
        self.checkpoint()

    # ---------------------------------------------------------------- rates
    def rates(self):
        own, shared = self.gateway(self.rig, 0, traces="node", held=True), self.gateway(self.rig, 1, held=True)
        own.init()
        self.used_before()
        seconds = self.args.seconds
        for number in range(self.args.rounds):
            for size, octets in SIZES.items():
                eml = ("--eml", self.messages / str(octets))

                def add(what, value, of={"size": size, "round": number}):
                    self.add(what, value, **of)

                def puts(clients, octets=octets, add=add):
                    rate, p99 = self.spool_bench("cluster", self.rig, octets, clients, seconds)
                    add(f"put {clients}", rate)
                    add(f"put {clients} p99", p99)
                    psql(self.rig, "TRUNCATE message, part, recipient")

                def life(octets=octets, add=add):
                    add("life 128", self.spool_bench("life", self.rig, octets, 128, seconds)[0])
                    if left := int(psql(self.rig, "SELECT count(*) FROM recipient")):
                        sys.exit(f"cluster: {left} recipients are left, which were settled")

                def smtp(gateway, connections, what, *more, eml=eml, add=add):
                    before = gateway.cpu()
                    found = gateway.load("-c", connections, "-n", MANY, "-t", seconds, *eml, *more)
                    add(what, found["messages_s"])
                    add(what + " p99", found["message_us"]["p99"] / 1000)
                    add(what + " cpu", (gateway.cpu() - before) * 1e6 / found["accepted"])
                    return found["messages_s"]

                add("copy", self.spool_bench("copy", self.rig, octets, 2, seconds)[0])
                psql(self.rig, "TRUNCATE message, part, recipient, bench_raw")
                self.checkpoint()
                puts(128)
                life()
                puts(64)
                for gateway in (own, shared):
                    gateway.start()
                    accepted = gateway.load("-c", 16, "-n", 100, *eml)["accepted"]
                    if (stored := int(psql(self.rig, "SELECT count(*) FROM message"))) != accepted:
                        sys.exit(f"cluster: {accepted} messages were accepted, {stored} are in the database")
                    if gateway is own:
                        smtp(own, 64, "smtp 64")
                        smtp(own, 16, "smtp 16")
                    else:
                        rate = smtp(shared, 64, "traced 64")
                        smtp(shared, 64, "traced half", "--rate", f"{rate / 2:.0f}")
                    gateway.stop()
                    psql(self.rig, "TRUNCATE message, part, recipient")
                puts(16)
        psql(self.rig, "DROP TABLE bench_raw")

    # ---------------------------------------------------------------- edits
    def edit(self, first, second, count, **of):
        """Edits of one webhook at `first`, seen by RCPT at `second`: ms."""
        hook = first.call("POST", "/webhooks", {"target_url": "inbox"})[1]
        session = Rcpt(second, hook["email_address"])
        active, seen, answered, stale = True, [], [], 0
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            for _ in range(count):
                active = not active
                begun = time.monotonic()
                answer = pool.submit(lambda way: (first.call("POST", f"/webhooks/{hook['id']}/{way}"), time.monotonic())[1],
                                     "activate" if active else "deactivate")
                while True:
                    asked = time.monotonic()
                    if session.accepted() == active:
                        break
                    stale += answer.done() and answer.result() < asked
                    if asked - begun > 30:
                        sys.exit("cluster: an edit was not seen within 30 s")
                    time.sleep(0.0005)
                seen.append((time.monotonic() - begun) * 1000)
                answered.append((answer.result() - begun) * 1000)
                time.sleep(0.005)
        session.close()
        first.call("DELETE", f"/webhooks/{hook['id']}")
        for what, values in (("seen", seen), ("answered", answered)):
            for name, part in (("p50", 0.5), ("p99", 0.99)):
                self.add(f"{what} {name}", q(values, part), **of)
        self.add("stale", stale, **of)

    def edits(self):
        pair = [self.gateway(self.rig, number) for number in (0, 1)]
        pair[0].init()
        psql(self.rig, "TRUNCATE message, part, recipient; DELETE FROM account")
        for gateway in pair:
            gateway.start()
        pair[0].sign_up()
        count = 60 if self.args.quick else 250
        self.edit(*pair, 20, mail="warm-up")
        self.edit(*pair, count, mail="none")
        stop, taken = threading.Event(), []

        def flood():
            while not stop.is_set():
                taken.append(pair[1].load("-c", 16, "-n", MANY, "-t", 2, "--eml", self.messages / "4096")["messages_s"])
        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        time.sleep(1)
        self.edit(*pair, count, mail="full")
        stop.set()
        thread.join()
        self.add("messages/s beside it", statistics.median(taken), mail="full")
        for gateway in pair:
            gateway.stop()
        psql(self.rig, "TRUNCATE message, part, recipient; DELETE FROM account")

    # ---------------------------------------------------------------- moves
    def moves(self):
        """Into the cluster and back; `migrate` compares all rows and messages itself, and fails if any differs."""
        count = MOVED // 10 if self.args.quick else MOVED
        operator = f"host={HOSTS} dbname=postgres user=postgres"
        for number in range(min(3, self.args.rounds)):  # one that was moved away from takes no other cluster
            psql(operator, f"DROP DATABASE IF EXISTS moved{number}; CREATE DATABASE moved{number} OWNER postern")
            one = self.gateway(self.rig.replace("dbname=postern", f"dbname=moved{number}"), number)
            one.init()
            (one.top / "data" / "spool").mkdir(parents=True, exist_ok=True)
            parts.run(str(self.args.bench / "spool_bench"), str(one.top / "data" / "spool"), "fill", str(count), f"[{parts.SERVER}]:{SINK}", "4096")
            for what, way in (("in", []), ("back", ["--back"])):
                began = time.monotonic()
                parts.run(str(self.args.binary), "cluster", "migrate", "--config", str(one.top / "postern.toml"), *way)
                self.add(what, count / (time.monotonic() - began), round=number)
            shutil.rmtree(one.top)
        for number in range(min(3, self.args.rounds)):
            psql(operator, f"DROP DATABASE moved{number}")

    # ---------------------------------------------------------------- growth
    def two(self, few, many):
        """Two databases beside each other, with two gateways each that are stopped, the first of which has signed up."""
        if self.args.quick:
            many //= 10
        self.server = self.server or Server(self.args.folder)
        out = []
        for index, size in enumerate((few, many)):
            database = self.server.database(f"n{size}")
            pair = [self.gateway(database, 2 * index + number) for number in (0, 1)]
            pair[0].init()
            pair[0].start()
            pair[0].sign_up()
            out.append((size, database, pair))
        return out

    def webhooks(self):
        both = self.two(1000, 1_000_000)
        for size, database, pair in both:
            hook = pair[0].call("POST", "/webhooks", {"target_url": "inbox"})[1]
            pair[0].stop()
            changed = {"seq": "100 + n", "id": "'wh_' || lpad(n::text, 26, '0')", "address": f"'hook' || n || '@{HOOKS}'", "name": "convert_to('hook ' || n, 'UTF8')"}
            multiply(database, "webhook", size, changed, f"id = '{hook['id']}'")
            psql(database, f"UPDATE account SET webhook_count = {size} + 1, active_webhook_count = {size} + 1; VACUUM ANALYZE")
        rounds = range(min(3, self.args.rounds))
        for number in rounds:
            for size, database, pair in both:
                self.add("start", pair[0].start(), size=size, round=number)
                self.add("start cpu", pair[0].cpu(), size=size, round=number)
                if number != rounds[-1]:
                    pair[0].stop()
        time.sleep(1)
        for size, database, pair in both:
            self.add("memory", pair[0].resident() / 2**20, size=size)
            pair[0].load("-c", 16, "-n", MANY, "-t", 1, "--no-data", "--recipients", size, to=f"hook%@{HOOKS}")
        for number in range(self.args.rounds):
            for size, database, pair in both:
                before = pair[0].cpu()
                found = pair[0].load("-c", 4, "-n", MANY, "-t", self.args.seconds, "--no-data", "--recipients", size, to=f"hook%@{HOOKS}")
                self.add("rcpt cpu", (pair[0].cpu() - before) * 1e6 / found["accepted"], size=size, round=number)
                for part in ("p50", "p99"):
                    self.add("rcpt " + part, found["message_us"][part] / 1000, size=size, round=number)
        for size, database, pair in both:
            pair[1].start()
            pair[0].sign_in()
            self.edit(*pair, 20, warm=size)
        for number in rounds:
            for size, database, pair in both:
                self.edit(*pair, 20 if self.args.quick else 70, size=size, round=number)
        for size, database, pair in both:
            for gateway in pair:
                gateway.stop()
            psql(re.sub("dbname=.*", "dbname=postgres", database), f"DROP DATABASE n{size}")

    def queue(self):
        both = self.two(10_000, 10_000_000)
        for size, database, pair in both:
            pair[0].load("-c", 1, "-n", 1, "--size", 200)
            time.sleep(1)
            pair[0].stop()
            began = time.monotonic()
            fill(database, size)
            self.add("filled in s", time.monotonic() - began, size=size)
        rounds = range(min(3, self.args.rounds))
        for number in rounds:
            for size, database, pair in both:
                self.add("put", self.spool_bench("cluster", database, 4096, 128, self.args.seconds)[0], size=size, round=number)
                psql(database, "WITH gone AS (DELETE FROM message WHERE size > 4000 RETURNING id) DELETE FROM recipient USING gone WHERE message = id")
        for number in rounds:
            for size, database, pair in both:
                sink, began = Sink(), time.monotonic()
                self.add("start", pair[0].start(), size=size, round=number)
                self.add("start cpu", pair[0].cpu(), size=size, round=number)
                while sink.first is None and time.monotonic() - began < 120:
                    time.sleep(0.005)
                self.add("first delivery", (sink.first or float("inf")) - began, size=size, round=number)
                taken, began = sink.taken, time.monotonic()
                time.sleep(3)
                self.add("deliveries", (sink.taken - taken) / (time.monotonic() - began), size=size, round=number)
                pair[0].stop()
                sink.stop()
        for size, database, pair in both:  # the next hop is down: all stay
            began = time.monotonic()
            pair[0].start()
            self.add("loaded", pair[0].loaded() - began, size=size)
            time.sleep(2)
            self.add("memory", pair[0].resident() / 2**20, size=size)
            pair[0].sign_in()
            for number in range(20):
                began = time.monotonic()
                pair[0].call("GET", "/queue?page_size=50")
                self.add("list", (time.monotonic() - began) * 1000, size=size, round=number)
            began = time.monotonic()
            pair[0].call("GET", "/queue/destinations")
            self.add("destinations", time.monotonic() - began, size=size)
            pair[0].stop()


def columns(database, table):
    return psql(database, f"SELECT string_agg(quote_ident(column_name), ',' ORDER BY ordinal_position) FROM information_schema.columns "
                f"WHERE table_schema = 'public' AND table_name = '{table}'").split(",")


def multiply(database, table, count, changed, which="true"):
    """Copies of one row, without triggers; `changed`: expressions over n, from 1 on."""
    names = columns(database, table)
    psql(database, f"SET session_replication_role = replica; SET synchronous_commit = off; INSERT INTO {table} ({','.join(names)}) SELECT "
         + ",".join(changed.get(name, "t." + name) for name in names)
         + f" FROM (SELECT * FROM {table} WHERE {which} LIMIT 1) AS t, generate_series(1, {count}) AS n")


def fill(database, count):
    """Copies of the message that waits, nine of ten for the same destination, in all parts; the message itself goes."""
    identity = "(lpad(to_hex(1700000000000 + n / 100), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid"
    own = psql(database, "SELECT id FROM message LIMIT 1")
    elsewhere = f"CASE WHEN n % 10 = 0 THEN '[{parts.SERVER}]:' || 20000 + n / 10 % {ELSEWHERE} ELSE t.destination END"
    pool = concurrent.futures.ThreadPoolExecutor(2)
    try:
        for done in [pool.submit(multiply, database, "message", count, {"id": identity, "shard": "(n % 64)::smallint", "seq": "1000 + n / 64"}, f"id = '{own}'"),
                     pool.submit(multiply, database, "recipient", count, {"message": identity, "destination": elsewhere, "attempts": "0", "claimed_by": "NULL",
                                                                          "state": "0", "next_at": "now()"}, f"message = '{own}'")]:
            done.result()
    finally:
        pool.shutdown(wait=False)  # when this is stopped, the statements end with their server
    psql(database, f"DELETE FROM recipient WHERE message = '{own}'; DELETE FROM message WHERE id = '{own}'; "
         f"UPDATE shard SET next_seq = 2000 + {count} / 64; VACUUM ANALYZE message; VACUUM ANALYZE recipient; CHECKPOINT")


# ---------------------------------------------------------------- tables
class Part:
    """What one part has measured."""

    def __init__(self, document, name):
        self.rows = figures.chosen(document, name)

    def values(self, what, **of):
        return [r["value"] for r in self.rows if r["what"] == what and all(r.get(k) == v for k, v in of.items())]

    def ratios(self, ours, theirs, mine=None, other=None, **of):
        """Of the same rounds."""
        return [a / b for a, b in zip(self.values(ours, **of, **(mine or {})), self.values(theirs, **of, **(other or {}))) if b]

    def shown(self, values, digits=0):
        return figures.spread(values, digits) if values else "-"


def bars(document):
    rates, edits, moves, hooks, queue = (Part(document, name) for name in PARTS)
    few, many = sizes(hooks)
    lines = []

    def bar(what, values, sign, bound, digits=2):
        if values:
            value = statistics.median(values)
            met = value >= bound if sign == "≥" else value <= bound
            shown = figures.spread(values, digits)
            lines.append([what, f"{sign} {bound:g}", shown if met else f"**{shown}**", "yes" if met else "no"])
    for size in SIZES:
        bar(f"{size}: put, 128 waiting / COPY", rates.ratios("put 128", "copy", size=size), "≥", 0.55)
        bar(f"{size}: put, claim, settle, 128 waiting / put", rates.ratios("life 128", "put 128", size=size), "≥", 0.6)
        bar(f"{size}: gateway, 64 connections / put, 64 waiting", rates.ratios("smtp 64", "put 64", size=size), "≥", 0.8)
        bar(f"{size}: gateway, 16 connections / put, 16 waiting", rates.ratios("smtp 16", "put 16", size=size), "≥", 0.8)
        bar(f"{size}: gateway, the traces of all / its own traces", rates.ratios("traced 64", "smtp 64", size=size), "≥", 0.65)
    bar("4 KB: gateway, 64 connections, half its rate: p99, ms", rates.values("traced half p99", size="4 KB"), "≤", 30, 1)
    for mail, title in (("none", "without mail"), ("full", "under full load")):
        bar(f"an edit is in force at the other gateway, {title}: p99, ms", edits.values("seen p99", mail=mail), "≤", 100, 1)
        bar(f"its answer, {title}: p99, ms", edits.values("answered p99", mail=mail), "≤", 150, 1)
        bar(f"stale after it, {title}", edits.values("stale", mail=mail), "≤", 0, 0)
    for what, title in (("in", "into the cluster"), ("back", "back into a data directory")):
        bar(f"messages/s of `cluster migrate`, 4 KB, {title}", moves.values(what), "≥", 3000, 0)
    if many:
        bar(f"{many:,} webhooks: start, s", hooks.values("start", size=many), "≤", 30, 1)
        for what, title in (("rcpt p99", "p99 of RCPT"), ("seen p50", "p50 of an edit")):
            bar(f"{many:,} webhooks: {title} / the same with {few:,}", hooks.ratios(what, what, {"size": many}, {"size": few}), "≤", 1.2)
    few, many = sizes(queue)
    if many:
        bar(f"{many:,} queued: first delivery, s", queue.values("first delivery", size=many), "≤", 5, 1)
        bar(f"{many:,} queued: put of {few:,} / put", queue.ratios("put", "put", {"size": few}, {"size": many}), "≤", 1.5)
        bar(f"{many:,} queued: deliveries of {few:,} / deliveries", queue.ratios("deliveries", "deliveries", {"size": few}, {"size": many}), "≤", 1.5)
        bar(f"{many:,} queued: page of the list / the same of {few:,}", queue.ratios("list", "list", {"size": many}, {"size": few}), "≤", 1.5)
        grown = [(a - b) * 2**20 / (many - few) for a, b in zip(queue.values("memory", size=many), queue.values("memory", size=few))]
        bar(f"{many:,} queued: memory, octets a message", grown, "≤", 200, 0)
    return figures.table(["target", "bound", "measured", "met"], lines) if lines else ""


def sizes(part):
    found = sorted({r["size"] for r in part.rows if isinstance(r.get("size"), int)})
    return (found[0], found[-1]) if len(found) > 1 else (None, None)


def by_size(part, columns_of, rows):
    return figures.table(["", *(f"{c:,}" if isinstance(c, int) else c for c in columns_of)],
                         [[title, *(part.shown(part.values(what, size=c), digits) for c in columns_of)] for what, title, digits in rows])


def report(document):
    out = [figures.table(["part", "measured", "commit", "load average before; after (1, 5, 15 minutes)"],
                         [[name, *(document["parts"][name][key] for key in ("measured", "commit", "load"))] for name in PARTS if name in document["parts"]]),
           f"Machine: {document['machine']}.", "### Targets of a cluster", bars(document)]
    rates, edits, moves, hooks, queue = (Part(document, name) for name in PARTS)
    if rates.rows:
        out += ["### Durable messages/s of a cluster", by_size(rates, SIZES, [
            ("copy", "COPY, 64 rows a commit, 2 sessions", 0), ("put 128", "put, 128 waiting", 0), ("life 128", "put, claim, settle, 128 waiting", 0), ("put 64", "put, 64 waiting", 0), ("smtp 64", "gateway, 64 connections", 0),
            ("traced 64", "the same with the traces of all", 0), ("put 16", "put, 16 waiting", 0), ("smtp 16", "gateway, 16 connections", 0),
            ("put 128 p99", "put, 128 waiting: p99, ms", 1), ("put 64 p99", "put, 64 waiting: p99, ms", 1), ("smtp 64 p99", "gateway, 64 connections: p99, ms", 1),
            ("traced 64 p99", "the same with the traces of all: p99, ms", 1), ("traced half p99", "the same at half its rate: p99, ms", 1),
            ("put 16 p99", "put, 16 waiting: p99, ms", 1), ("smtp 16 p99", "gateway, 16 connections: p99, ms", 1),
            ("smtp 64 cpu", "gateway, 64 connections: its CPU, µs a message", 0), ("traced 64 cpu", "the same with the traces of all: its CPU, µs a message", 0)])]
    if edits.rows:
        out += ["### Edits of a cluster", figures.table(["mail beside it, messages/s", "in force at the other gateway: p50, p99 ms", "answer: p50, p99 ms", "stale"], [
            [edits.shown(edits.values("messages/s beside it", mail=mail)) if mail == "full" else "none",
             *(", ".join(edits.shown(edits.values(f"{what} {p}", mail=mail), 1) for p in ("p50", "p99")) for what in ("seen", "answered")),
             edits.shown(edits.values("stale", mail=mail))] for mail in ("none", "full") if edits.values("stale", mail=mail)])]
    if hooks.rows:
        out += ["### Webhooks of a cluster", by_size(hooks, sizes(hooks), [
            ("start", "start until ready, s", 2), ("start cpu", "CPU of the gateway until then, s", 2), ("memory", "memory, MiB", 0), ("rcpt p50", "MAIL, RCPT, RSET: p50, ms", 2),
            ("rcpt p99", "the same: p99, ms", 2), ("rcpt cpu", "the same: CPU of the gateway, µs", 0), ("seen p50", "edit, in force at the other gateway: p50, ms", 1),
            ("seen p99", "the same: p99, ms", 1), ("answered p50", "its answer: p50, ms", 1)])]
    if queue.rows:
        out += ["### Queue of a cluster", by_size(queue, sizes(queue), [
            ("start", "start until ready, s", 2), ("start cpu", "CPU of the gateway until then, s", 2), ("loaded", "all scheduled, s", 2), ("memory", "memory, MiB", 0), ("first delivery", "first delivery after the start, s", 2),
            ("deliveries", "deliveries/s in three seconds after it", 0), ("put", "put, 4 KB, 128 waiting, messages/s", 0), ("list", "a page of 50 of the list, ms", 1), ("destinations", "all destinations counted, s", 2)])]
    return "\n\n".join(one for one in out if one)


def machine():
    names = re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    version = psql(f"host={HOSTS} dbname=postgres user=postgres", "SHOW server_version").split(" ")[0]
    return f"{names[0] if names else 'unknown'}, {os.cpu_count()} cores; three hosts with PostgreSQL {version} on one disk"


def write(document):
    RESULTS.write_text(figures.compact(document))
    DOCUMENT.write_text(figures.replaced(DOCUMENT.read_text(), report(document), (BEGIN, END)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--rounds", type=int, help="default 5; with --quick 2")
    parser.add_argument("--seconds", type=float, default=2, help="of one measurement")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("/var/tmp"))
    parser.add_argument("--binary", type=pathlib.Path, default=parts.POSTERN)
    parser.add_argument("--bench", type=pathlib.Path, default=parts.ROOT / "build/release/bench", help="where spool_bench is")
    args = parser.parse_args()
    args.rounds = args.rounds or (2 if args.quick else 5)
    document = {"machine": "", "parts": {}, "results": []}
    if RESULTS.exists() and (args.write or args.table):
        document = json.loads(RESULTS.read_text())
    if args.table:
        return write(document)
    chosen = args.only.split(",")
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts.stop_in_order()
    parts.descriptors()
    args.binary = args.binary.resolve()
    bench = Bench(args)
    document["machine"] = machine()
    try:
        for name in PARTS:
            if name not in chosen:
                continue
            before, bench.part, bench.results = load_average(), name, []
            getattr(bench, name)()
            document["parts"][name] = {
                "measured": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
                "commit": parts.run("git", "-C", str(parts.ROOT), "rev-parse", "--short=8", "HEAD").strip(), "load": f"{before}; {load_average()}"}
            document["results"] = [r for r in document["results"] if r["part"] != name] + bench.results
            if args.write:
                write(document)
    except TimeoutError:
        sys.exit(f"cluster: {name} was not finished after {MOST_SECONDS // 60} minutes")
    finally:
        bench.close()
    print(report(document))


def load_average():
    return " ".join(f"{one:.1f}" for one in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())

"""Gateways of a cluster while things break (tests/suites/cluster/README.md): two gateways over one PostgreSQL of the run's own, which can be killed, restarted and
replaced by an older copy. Steps that need three database hosts or another release are needs of a case."""
import concurrent.futures
import contextlib
import glob
import hashlib
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

from harness import instance, smtp
from harness.cases import Case, Fail, FormatError, Skip, each, known, wanted
from harness.mailsink import Sink
from harness.waiting import PATIENCE, SLOWNESS, until
from pending import UNPLAYED

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
HERE = {"gw-kill", "gw-start", "gw-restart", "gw-freeze", "gw-thaw", "edits", "pg-start", "pg-replace-by-older-copy", "heal", "freeze-walreceivers",
        "thaw-walreceivers", "pg-cancel-waiting"}
RIG = {"etcd-kill", "etcd-start", "slow", "pg-terminate-waiting", "pg-set", "pg-switchover", "power", "fill-disk", "free-disk"}
# The program that starts and breaks three database hosts, which are up; this run is in their network (tests/cluster/on-rig). Not every step is played there.
PROGRAM = os.environ.get("CLUSTER_RIG")
ON_RIG = {"slow", "pg-switchover", "pg-terminate-waiting", "pg-kill", "pg-start", "cut", "heal", "freeze-walreceivers", "thaw-walreceivers", "pg-cancel-waiting", "edits",
          "gw-kill", "gw-start", "gw-restart", "gw-freeze", "gw-thaw", "power", "fill-disk", "free-disk"}
# No case has these so far.
UNPLAYED_STEPS = {"create-webhooks", "queue-acts", "auth-guesses", "totp-same-code"}
RELEASES = {"gw-upgrade", "gw-downgrade", "migrate"}
# Another program that is the next release; without it this one is, over tables that have what the next release may add.
NEXT = os.environ.get("CLUSTER_NEXT")
MOVES = {"migrate-from-sqlite": (), "export-to-sqlite": ("--back",)}
DEFAULTS = {"lost": 0, "double_unexplained": 0}
KEEP = os.environ.get("CLUSTER_KEEP")  # a directory for the gateways' logs
FIGURES = os.environ.get("CLUSTER_FIGURES")  # a file that gets a line of JSON for each case played
PACE = 0.5  # seconds between two messages of a sender
FINAL_DOT = 600  # seconds that a client waits for the reply to the final dot (RFC 5321 §4.5.3.2.6)
# Without a Message-ID, as a message with one keeps its webhook-id when its client sends it again: here an id is of what was taken once.
MAIL = "From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: number-{n}-end\r\n\r\n{body}\r\n"


def needs_of(steps, load):
    needs = set()
    for step in steps:
        do = step["do"]
        if PROGRAM and do in ON_RIG:
            continue
        if do in RIG or (do == "cut" and not (step.get("peers") == "all-pg" and step["host"] in ("g1", "g2"))) or (do == "pg-kill" and not (step.get("host") == "all" or step.get("what") == "postgres")):
            needs.add("rig")
        elif do in UNPLAYED_STEPS:
            needs.add(UNPLAYED + do)
        elif do not in HERE and do not in RELEASES and do not in MOVES and do not in ("pg-kill", "cut"):
            raise FormatError("the step %s is not known" % do)
    return needs


class Player:
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            if document.get("part") == "limits":
                cases += [Case(entry["id"], entry["title"], None, frozenset(["limits"])) for entry in document["cases"]]
            elif document.get("part") == "nemesis":
                cases += each(document["cases"], path.name, self.nemesis)
            else:
                raise FormatError("%s: the part %r is not known" % (path.name, document.get("part")))
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases

    def nemesis(self, entry):
        given = entry["input"]
        needs = needs_of(given["steps"], given["load"])
        return Case(entry["id"], entry["title"], {"load": given["load"], "steps": given["steps"], "expected": {**DEFAULTS, **entry["expected"]}},
                    frozenset(needs), slow=True)

    def open(self, context):
        if not PROGRAM and not glob.glob("/usr/lib/postgresql/*/bin/initdb"):
            raise Fail("PostgreSQL is not installed (tools/packages-test.txt)")
        self.two_at_a_time = threading.Semaphore(2)

    def close(self):
        pass

    def play(self, case, context):
        sys.path.append(str(ROOT / "tests" / "system"))
        import bench
        import cluster
        with self.two_at_a_time, bench.Bench(context.binary) as place:
            run = (Run if "senders" in case.data["load"] else Move)(case, place, cluster)
            try:
                run.go()
            finally:
                run.end()


class Message:
    def __init__(self, number):
        self.number, self.taken_at, self.taken_by, self.in_doubt = number, None, None, 0


class Link:
    """The way of a gateway to a PostgreSQL server. While it is cut nothing passes, and nobody is told."""

    def __init__(self, host, port):
        self.to, self.open = (host, port), threading.Event()
        self.open.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.join, args=(near,), daemon=True).start()

    def join(self, near):
        self.open.wait()
        try:
            far = socket.create_connection(self.to)
        except OSError:
            near.close()
            return
        for a, b in ((near, far), (far, near)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, source, sink):
        try:
            while piece := source.recv(65536):
                self.open.wait()
                sink.sendall(piece)
        except OSError:
            pass
        self.open.wait()
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class RigHosts:
    """Three database hosts that fail over by themselves. Gateways that are to be cut off from some of them reach each by a link of their own."""

    ADDRESSES = {"n1": "198.51.100.11", "n2": "198.51.100.12", "n3": "198.51.100.13"}

    def __init__(self, place, split):
        self.place, self.killed = place, []
        self.links = {gateway: {host: Link(address, 5432) for host, address in self.ADDRESSES.items()} for gateway in (("g1", "g2") if split else ())}
        self.rig("heal")
        for host in ("n1", "n2", "n3"):
            self.rig("thaw", host)
        if subprocess.run([PROGRAM, "ready", "200"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode != 0:
            raise Fail("the three hosts are not ready")
        self.name = "t%x" % random.getrandbits(40)
        self.sql("CREATE DATABASE %s OWNER postern" % self.name, "postgres")

    @staticmethod
    def rig(*words, check=True, database="postgres"):
        done = subprocess.run([PROGRAM, *words], env={**os.environ, "RIG_DB": database}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
        if check and done.returncode != 0:
            raise Fail("rig %s: %s" % (" ".join(words), done.stderr[-300:]))
        return done.stdout.strip()

    def sql(self, text, database=None):
        return self.rig("psql", "-v", "ON_ERROR_STOP=1", "-qAtc", text, database=database or self.name)

    def settings(self, bench, node, **more):
        ways = self.links.get(node, {})
        by = " hostaddr=%s port=%s" % (",".join("127.0.0.1" for _ in ways), ",".join(str(way.port) for way in ways.values())) if ways else ""
        return {"database": "host=%s%s dbname=%s user=postern sslrootcert=%s/tls.crt" % (",".join(self.ADDRESSES.values()), by, self.name, os.environ["RIG_DIR"]),
                "node": node, **more}

    def hosts(self, named):
        out = []
        for one in named if isinstance(named, list) else [named]:
            if one in ("primary", "old-primary"):
                self.old_primary = getattr(self, "old_primary", None) if one == "old-primary" else self.rig("leader")
                out.append(self.old_primary)
            elif one == "sync":
                out.append(self.rig("sync"))
            elif one == "all":
                out += ["n1", "n2", "n3"]
            elif one in ("killed", "first-killed"):
                out += self.killed if one == "killed" else self.killed[:1]
            elif one.startswith("g"):
                continue
            else:
                out.append(one)
        return out

    def step(self, step):
        do = step["do"]
        hosts = self.hosts(step["host"]) if "host" in step else []
        if do == "pg-kill":
            for host in hosts:
                self.rig("kill", host, step.get("what", "node"))
            self.killed += [host for host in hosts if host not in self.killed and step.get("what") != "postgres"]
        elif do == "pg-start":
            for host in hosts:
                self.rig("start", host)
            self.killed = []
        elif do == "cut" and self.links:
            self.split(hosts, [one for one in ("g1", "g2") if one in step["host"]])
        elif do == "cut":
            for host in hosts:
                self.rig("cut", host, step.get("way", "both"))
        elif do == "power":
            acknowledged = self.acknowledged()
            self.rig("power", *hosts)
            if set(hosts) - set(acknowledged):
                raise Fail("of %s only %s had acknowledged anything" % (hosts, sorted(acknowledged)))
            self.lacking = [host for host in hosts if not self.holds(host, acknowledged[host])]
            self.killed += [host for host in hosts if host not in self.killed]
        elif do == "fill-disk":
            for host in hosts:
                place = pathlib.Path(os.environ["RIG_DIR"]) / host
                if subprocess.run(["mountpoint", "-q", place], check=False).returncode != 0:
                    raise Skip("the hosts have no disks of their own (RIG_DISK=loop)")
                size = subprocess.run(["stat", "-f", "-c", "%a %S", place], capture_output=True, text=True, check=True).stdout.split()
                subprocess.run(["fallocate", "-l", str(int(size[0]) * int(size[1])), place / "filler"], check=True)
                self.filled = [*getattr(self, "filled", []), host]
        elif do == "free-disk":
            self.free()
        elif do == "slow":
            for host in hosts:
                self.rig("slow", host, "%dms" % step["delay_ms"], step.get("loss", "0%"))
        elif do == "heal":
            self.rig("heal")
            for link in (link for links in self.links.values() for link in links.values()):
                link.open.set()
        elif do == "pg-switchover":
            self.rig("switchover")
        elif do in ("freeze-walreceivers", "thaw-walreceivers"):
            for host in {"n1", "n2", "n3"} - {self.rig("leader")}:
                self.rig(do.split("-")[0], host, "walreceiver")
        elif do in ("pg-cancel-waiting", "pg-terminate-waiting"):
            ask = "SELECT %s(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" % ("pg_cancel_backend" if do == "pg-cancel-waiting" else "pg_terminate_backend")
            if hosts:  # it is cut off: asked at its socket
                subprocess.run(["psql", "-h", "%s/%s" % (os.environ["RIG_DIR"], hosts[0]), "-U", "postgres", "-d", "postgres", "-qAtc", ask],
                               stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=20)
            else:
                self.sql(ask, "postgres")

    def split(self, hosts, gateways):
        """These hosts and gateways do not reach the others, and the other way round."""
        for host in hosts:
            self.rig("cut", host, "both", *(one for one in self.ADDRESSES if one not in hosts))
        for gateway, links in self.links.items():
            for host, link in links.items():
                if (gateway in gateways) != (host in hosts):
                    link.open.clear()

    def acknowledged(self):
        """How far each host has said that it has the WAL on its disk, by host."""
        rows = self.sql("SELECT application_name || ' ' || flush_lsn FROM pg_stat_replication WHERE flush_lsn IS NOT NULL", "postgres").splitlines()
        return {**dict(row.split() for row in rows), self.rig("leader"): self.sql("SELECT pg_current_wal_flush_lsn()", "postgres")}

    @staticmethod
    def holds(host, position):
        """Whether the disk of a host that is down has the WAL up to a position, each record whole."""
        root = os.environ.get("RIG_ROOT", "")
        data = "%s/%s/data" % (os.environ["RIG_DIR"], host)
        tools = "/" + str(max(pathlib.Path(root or "/").glob("usr/lib/postgresql/*/bin")).relative_to(root or "/"))

        def run(tool, *words):
            at = ["chroot", root] if root else []
            return subprocess.run([*at, "%s/%s" % (tools, tool), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        control = run("pg_controldata", data).stdout
        begin, line = (re.search(r"^Latest checkpoint's %s:\s+(\S+)" % what, control, re.M).group(1) for what in ("REDO location", "TimeLineID"))

        def reads(end):
            return run("pg_waldump", "--quiet", "--path", data + "/pg_wal", "--timeline", line, "--start", begin, "--end", end).returncode == 0
        there, since = (int(high, 16) << 32 | int(low, 16) for high, low in (one.split("/") for one in (position, begin)))
        beyond = there + (1 << 27)
        if reads("%X/%X" % (beyond >> 32, beyond & 0xffffffff)):
            raise Fail("%s has WAL that nobody wrote: the disk is not read" % host)
        return since >= there or reads(position)

    def free(self):
        """There is room again, and the host starts anew what the full disk ended."""
        for host in getattr(self, "filled", []):
            subprocess.run(["rm", "-f", pathlib.Path(os.environ["RIG_DIR"]) / host / "filler"], check=True)
            self.rig("kill", host)
            self.rig("start", host)
        self.filled = []

    def close(self):
        for link in (link for links in self.links.values() for link in links.values()):
            link.open.set()
            link.listener.close()
        self.rig("heal", check=False)
        self.free()
        for host in self.killed:
            self.rig("start", host, check=False)
        with contextlib.suppress(Fail):
            self.sql("DROP DATABASE %s WITH (FORCE)" % self.name, "postgres")


class Gateway:
    """One node, and whether the balancer sends to it."""

    def __init__(self, name, server):
        self.name, self.server, self.up, self.red, self.green = name, server, True, 0, 0

    def probe(self):
        """The balancer's rule X2: out after two bad answers, in after two good ones."""
        try:
            good = self.server.alive() and self.server.http("GET", "/readyz", timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            good = False
        self.red, self.green = (0, self.green + 1) if good else (self.red + 1, 0)
        if self.red >= 2:
            self.up = False
        elif self.green >= 2:
            self.up = True


class Run:
    def __init__(self, case, place, system):
        self.name, self.title, self.place, self.system = case.id, case.title, place, system
        self.load, self.steps, self.expected = case.data["load"], case.data["steps"], case.data["expected"]
        known(self.load, {"senders", "octets", "routes", "seconds", "at", "receivers", "clock"}, "load")
        self.lock, self.numbers = threading.Lock(), itertools.count(1)
        self.messages, self.refused, self.kills, self.freezes, self.edits, self.troubles = [], [], [], [], [], []
        self.stale, self.replaced_at, self.stopping, self.ending = 0, None, False, False
        self.gateways, self.links, self.cut, self.frozen, self.judged_until, self.away = {}, {}, None, None, 0, None
        self.outages = 0  # seconds that the database took to go and to come back, which depend on the machine
        self.beside = None  # a gateway whose senders reach no other

    def set_up(self):
        splits = [step for step in self.steps if step["do"] == "cut" and ("g1" in step["host"] or "g2" in step["host"])]
        self.database = RigHosts(self.place, bool(splits)) if PROGRAM else self.system.Postgres(self.place)
        self.config = self.system.initialised(self.place, self.database)
        receivers = self.load.get("receivers", {})
        self.slowness = max(receivers.get("dot_delay_ms", 0), receivers.get("delay_ms", 0)) / 1000
        self.sink = Sink(slow=receivers.get("dot_delay_ms", receivers.get("delay_ms", 0)) / 1000)
        self.receiver = self.place.receiver()
        self.receiver.script("/hook", [{"status": 200, "delay_ms": receivers.get("delay_ms", 0)}])
        for name in ("g1", "g2"):
            own = {**self.system.settings(self.place, self.database, name, self.sink.port), **self.system.LOCAL}
            if not PROGRAM and any(name in step["host"] for step in splits):
                self.links[name] = Link("127.0.0.1", self.database.port)
                own["cluster"]["database"] = own["cluster"]["database"].replace("port=%d" % self.database.port, "port=%d" % self.links[name].port)
            own["cluster"].pop("allow_one_copy", None) if PROGRAM else None
            self.gateways[name] = Gateway(name, self.place.server(own, self.clock_of(name)))
        self.account = instance.Account(self.gateways["g1"].server)
        made = self.account.call("POST", "/webhooks", {"target_url": self.receiver.url + "/hook", "delivery_mode": "queued"}, expect=201)
        self.routes = {"webhook": made["email_address"], "relay": "b@example.net"}
        until("two share the parts", lambda: sorted(n["parts"] for n in self.system.members(self.place, self.config)["nodes"]) == [32, 32])

    def clock_of(self, name):
        """What has a gateway's clock go ahead."""
        ahead = self.load.get("clock", {}).get(name, 0)
        if not ahead:
            return {}
        library = self.place.root / "earlier_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(ROOT / "tests/system/earlier_clock.c"), "-ldl"], check=True)
        return {"LD_PRELOAD": str(library), "CLOCK_EARLIER": str(-ahead)}

    def go(self):
        self.set_up()
        self.began = time.monotonic()
        self.began_wall = time.time()
        workers = concurrent.futures.ThreadPoolExecutor(self.load["senders"] + 4)
        at = self.load.get("at") or {"g1": (self.load["senders"] + 1) // 2, "g2": self.load["senders"] // 2}
        homes = [name for name, count in at.items() for _ in range(count)]
        senders = [workers.submit(self.sender, home) for home in homes]
        health = workers.submit(self.watch)
        others = []
        for step in self.steps:
            time.sleep(max(0, self.began + step["t"] - time.monotonic()))
            if step["do"] == "edits":
                others.append(workers.submit(self.make_edits, step))
            else:
                self.step(step)
        time.sleep(max(0, self.began + self.load["seconds"] - time.monotonic()))
        self.stopping = True
        for one in [*senders, *others]:
            one.result(FINAL_DOT + 200)
        if self.replaced_at:
            self.bring_back()
        self.wait_for_all()
        self.ending = True
        health.result(PATIENCE)
        workers.shutdown()
        self.judge()

    def end(self):
        self.stopping = self.ending = True
        for one in self.gateways.values():
            for log in one.server.root.glob("log-*") if KEEP else ():
                shutil.copy(log, pathlib.Path(KEEP) / ("%s-%s" % (one.name, log.name)))
        if hasattr(self, "sink"):
            self.sink.close()
        if PROGRAM and hasattr(self, "database"):
            self.database.close()

    # What happens

    def watch(self):
        while not self.ending:
            for one in self.gateways.values():
                one.probe()
            time.sleep(2)

    def step(self, step):
        do, gateway = step["do"], self.gateways.get(step.get("node"))
        now = time.monotonic()
        if PROGRAM and not do.startswith("gw-") and do != "migrate":
            self.before_away = self.taken_over() if "takeovers" in self.expected and not hasattr(self, "before_away") else getattr(self, "before_away", 0)
            self.database.step(step)
            if do == "freeze-walreceivers":
                self.frozen = [time.monotonic() + 0.5, None]
            elif do == "thaw-walreceivers":
                self.frozen[1] = now
            elif do == "pg-kill":
                self.away = [time.monotonic() + 0.5, None]
            elif do == "pg-start" and self.away:
                self.away[1] = now
            elif do == "cut" and self.database.links:
                self.cut = [time.monotonic(), None, next(one for one in ("g1", "g2") if one in step["host"])]  # a busy machine takes seconds for the cut
                self.beside = self.cut[2] if self.database.hosts(step["host"]) else None
                threading.Thread(target=self.ask_the_cut_one, daemon=True).start()
            elif do == "heal" and self.cut:
                self.cut[1], self.beside = now, None
        elif do == "gw-kill":
            gateway.server.process.kill()
            gateway.server.process.wait()
            self.kills.append((now, gateway.name, self.silence_of(gateway.name)))
            threading.Thread(target=self.see_takeover, args=(now,), daemon=True).start()
        elif do == "gw-start":
            gateway.server.start()
        elif do in ("gw-restart", "gw-upgrade", "gw-downgrade"):
            gateway.up = False  # taken out of the balancer first, with the time that `cluster drain` leaves for it
            time.sleep(5)
            status = gateway.server.stop()
            if status != 0:
                self.troubles.append("%s ended with status %s" % (gateway.name, status))
            if do != "gw-restart":
                gateway.server.binary = NEXT if NEXT and do == "gw-upgrade" else self.place.binary
            gateway.server.start()
            gateway.up = True
        elif do == "migrate" and NEXT:
            done = subprocess.run([NEXT, "cluster", "init", "--config", str(self.config)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Fail("cluster init of the next release: %s" % done.stderr)
        elif do == "migrate":
            self.database.sql(self.system.NEXT_RELEASE)
        elif do == "gw-freeze":
            gateway.server.process.send_signal(19)
            self.freezes.append([now, None, gateway.name])
        elif do == "gw-thaw":
            gateway.server.process.send_signal(18)
            self.freezes[-1][1] = now
        elif do == "pg-kill":
            self.before_away = self.taken_over()
            self.database.crash()
            if step.get("what") == "postgres":  # what manages it starts it again, in place
                time.sleep(3)
                self.database.start()
            self.outages += time.monotonic() - now
        elif do == "pg-start":
            self.database.start()
            self.outages += time.monotonic() - now
        elif do == "cut":
            self.links[step["host"]].open.clear()
            self.cut = [now, None, step["host"]]
            threading.Thread(target=self.ask_the_cut_one, daemon=True).start()
        elif do == "heal":
            for link in self.links.values():
                link.open.set()
            self.cut[1] = now
        elif do in ("freeze-walreceivers", "thaw-walreceivers"):
            # A standby that does not come: every commit waits.
            self.database.hold_commits(do.startswith("freeze"))
            if do.startswith("freeze"):
                self.frozen = [time.monotonic() + 0.5, None]
            else:
                self.frozen[1] = now
        elif do == "pg-cancel-waiting":
            self.database.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        elif do == "pg-replace-by-older-copy":
            # A copy is made first, so the older one is as old as the step wants when it comes back.
            self.database.crash()
            self.database.run("cp", "-a", self.database.home / "db", self.database.home / "older")
            self.database.start()
            time.sleep(step["age_s"])
            self.database.crash()
            self.replaced_at = time.monotonic()
            self.database.run("mv", self.database.home / "db", self.database.home / "newer")
            self.database.run("mv", self.database.home / "older", self.database.home / "db")
            self.database.start()

    def bring_back(self):
        """What was acknowledged after the older copy was made, and not delivered before that came, is on the newer one alone: the operator finds the
        host that has everything. Until then nothing was to be delivered that could come twice."""
        self.asked_older = {one.name: self.system.mail(one.server)[-1] for one in self.gateways.values()}
        self.held_back = sum(m.taken_at is not None and m.number not in self.delivered() for m in self.messages)
        self.database.crash()
        self.database.run("mv", self.database.home / "db", self.database.home / "older")
        self.database.run("mv", self.database.home / "newer", self.database.home / "db")
        self.database.start()

    def ask_the_cut_one(self):
        while self.cut[1] is None and not self.ending:
            with contextlib.suppress(Fail, OSError):
                if self.system.mail(self.gateways[self.cut[2]].server)[-1].startswith("250"):
                    self.judged_until = time.monotonic() - self.cut[0]
            time.sleep(0.5)

    def silence_of(self, name):
        """Seconds since the last heartbeat of a gateway that was killed just now. They come every 5 s, on a busy machine later."""
        try:
            return float(self.database.sql("SELECT extract(epoch FROM clock_timestamp() - max(seen)) FROM node WHERE name = '%s'" % name))
        except (Fail, ValueError):
            return 5  # the database is away, too

    def see_takeover(self, since):
        self.takeover = None
        while not self.ending:
            live = [n["parts"] for n in self.system.members(self.place, self.config)["nodes"] if n["state"] == "live"]
            if live == [64]:
                self.takeover = time.monotonic() - since
                return
            time.sleep(0.5)

    def taken_over(self):
        """Parts that were taken of nodes that had died, over all gateways."""
        total = 0
        for one in self.gateways.values():
            text = one.server.http("GET", "/metrics")[2].decode()
            found = re.search(r'^postern_cluster_takeovers_total\{[^}]*why="dead"[^}]*\} (\d+)', text, re.M)
            total += int(found.group(1)) if found else 0
        return total

    def make_edits(self, step):
        there, probe = self.gateways[step["at"]].server, self.gateways[step["probe"]].server
        policy = self.account.call("POST", "/smtp-policies", {"name": "edited", "allowed_source_ips": ["127.0.0.1/32"]}, expect=201)
        hook = self.account.call("POST", "/webhooks", {"target_url": self.receiver.url + "/edited", "smtp_security_policy_id": policy["id"]}, expect=201)
        allowed = True
        for number in range(step["count"]):
            if time.monotonic() > self.began + self.load["seconds"] + PATIENCE:
                self.troubles.append("only %d of %d edits were made in time" % (number, step["count"]))
                return
            allowed = not allowed  # what changes nothing is no edit
            body = json.dumps({"name": "edited", "allowed_source_ips": ["127.0.0.1/32" if allowed else "192.0.2.0/24"]})
            began = time.monotonic()
            self.edited, self.edits_in_doubt = hook["email_address"], True
            status, headers, out = there.http("PUT", "/api/v1/smtp-policies/" + policy["id"], body,
                                              {"Content-Type": "application/json", "Authorization": "Bearer " + self.account.token})
            if status != 200:
                allowed = not allowed
                if status == 401:
                    self.account.sign_in()
                elif status == 503 and PROGRAM:  # the primary fails over: it may have been stored
                    time.sleep(1)
                else:
                    self.troubles.append("an edit got %d %s" % (status, out[:200]))
                continue
            self.edits.append(time.monotonic() - began)
            self.edits_in_doubt, self.last_edit = False, allowed
            if headers.get("postern-applied") != "2/2" and "stale_answers" in self.expected:
                if self.edits[-1] < 1:
                    self.troubles.append("an edit was applied by %s, and the others were not waited for" % headers.get("postern-applied"))
                self.system.all_hold(self.database)
            if self.system.rcpt(probe, hook["email_address"]).startswith("250") != allowed:
                self.stale += 1

    def compare_edits(self):
        """Whether the last edit that was acknowledged is gone, and whether the gateways differ."""
        said = {self.system.rcpt(one.server, self.edited).startswith("250") for one in self.gateways.values() if one.server.alive()}
        return int(not self.edits_in_doubt and self.last_edit not in said), int(len(said) > 1)

    # The mail

    def sender(self, home):
        draw = random.Random(home)
        while not self.stopping:
            message = Message(next(self.numbers))
            with self.lock:
                self.messages.append(message)
            to = self.routes[draw.choices(*zip(*self.load["routes"].items()))[0]] if self.load.get("routes") else self.routes["relay"]
            size = draw.choice(self.load["octets"])
            line = "x" * 70 + "\r\n"
            octets = (MAIL.format(n=message.number, body=(line * (size // len(line) + 1))[:size]) + ".\r\n").encode()
            end = time.monotonic() + 180
            while message.taken_at is None and time.monotonic() < end and not (self.stopping and self.replaced_at):
                gateway = self.gateways[home]
                if (not gateway.up or not gateway.server.alive()) and home != self.beside:
                    gateway = next((g for g in self.gateways.values() if g.up and g.server.alive()), gateway)
                try:
                    self.send(gateway, to, octets, message)
                except (Fail, OSError):
                    time.sleep(0.1)
            time.sleep(PACE)

    def send(self, gateway, to, octets, message):
        client = smtp.Client(gateway.server.smtp_port)
        try:
            if not client.reply()[-1].startswith("220"):
                return time.sleep(0.1)
            client.command("EHLO client.example.com", "250")
            for line in ("MAIL FROM:<a@example.com>", "RCPT TO:<%s>" % to, "DATA"):
                reply = client.command(line)[-1]
                if not reply.startswith(("2", "3")):
                    if reply and not line.startswith("RCPT"):  # a gateway that dies says nothing
                        self.note_refusal(line, reply)
                    return
            client.send(octets)
            message.in_doubt += 1
            reply = self.final_reply(client)
            if reply.startswith("250"):
                message.in_doubt -= 1
                message.taken_at, message.taken_by = time.monotonic(), gateway.name
            elif reply:
                # The commit may have happened all the same (RFC 1047).
                self.note_refusal("the final dot", reply)
        finally:
            client.close()

    @staticmethod
    def final_reply(client):
        while b"\n" not in client.buffer:
            client.receive(FINAL_DOT)
            if client.closed:
                return ""
        return client.reply()[-1]

    def note_refusal(self, what, reply):
        with self.lock:
            self.refused.append((time.monotonic() - self.began, what, reply))
        time.sleep(1)

    def copies(self):
        """When each message arrived on the clock of the load, by number and by the id under which a gateway had taken it.

        A message whose 250 was lost is sent again by its client, and has another id then.
        """
        found = {}
        for request in self.receiver.requests("/hook"):
            number = re.search(rb"number-(\d+)-end", request.body)
            at = request.time - self.began_wall + self.began
            found.setdefault(int(number.group(1)), {}).setdefault(request.headers["webhook-id"], []).append(at)
        for text, at in zip(list(self.sink.messages), list(self.sink.times)):
            number = re.search(rb"number-(\d+)-end", text)
            taken_as = re.search(rb"^Received:.*?\sid ([0-9A-Z]{26})\b", text, re.DOTALL)
            found.setdefault(int(number.group(1)), {}).setdefault(taken_as.group(1).decode(), []).append(at)
        return found

    def delivered(self):
        """When each message arrived, by number, on the clock of the load."""
        return {number: sorted(at for times in by_id.values() for at in times) for number, by_id in self.copies().items()}

    def wait_for_all(self):
        # Slow receivers are behind when the load ends.
        end = time.monotonic() + PATIENCE + len(self.messages) * self.slowness / 16
        while time.monotonic() < end:
            there = self.delivered()
            if all(m.number in there for m in self.messages if m.taken_at):
                break
            time.sleep(1)
        time.sleep(3)  # what comes twice, comes soon

    # What is judged

    def double_kinds(self, message, by_id):
        """The kinds of cluster.md §9 that explain why a message arrived more than once; an empty word: none does."""
        kinds = [self.double_kind(sorted(times)) for times in by_id.values() if len(times) > 1]
        if len(by_id) > 1:
            kinds.append("9.1" if len(by_id) <= 1 + message.in_doubt else "")
        return kinds

    def double_kind(self, times):
        """The kind of cluster.md §9 that explains why what was taken once was delivered more than once; empty: none."""
        if any(-5 <= times[0] - at <= 1 for at, *_ in self.kills):
            return "9.2"
        for frozen, thawed, _ in [*self.freezes, *([self.cut] if self.cut else [])]:
            if any(-5 <= one - frozen <= 1 + self.slowness or (thawed and 0 <= one - thawed <= 10 + self.slowness) for one in times):
                return "9.3"
        return ""

    def in_the_queue(self):
        """The numbers of the messages that PostgreSQL holds. Their bodies are in its rows: they are small."""
        rows = self.database.sql("SELECT encode(substring(body for 1000), 'hex') FROM message WHERE body IS NOT NULL").split()
        return {int(found.group(1)) for found in (re.search(rb"number-(\d+)-end", bytes.fromhex(row)) for row in rows) if found}

    def early_claims(self):
        """What arrived again before the claim of a gateway that was killed was over: (seconds after the kill, seconds of silence before it, id).

        A claim holds for 60 s after the last heartbeat, which came up to 5 s before the kill.
        """
        return [(round(again - at, 1), round(silence, 1), taken_as) for at, _, silence in self.kills for by_id in self.copies().values()
                for taken_as, times in by_id.items() for again in sorted(times)[1:] if 1 < again - at < max(54, 59 - silence)]

    def judge(self):
        there = self.delivered()
        taken = [m for m in self.messages if m.taken_at]
        missing = [m for m in taken if m.number not in there]
        queued = self.in_the_queue() if missing else set()
        copies = self.copies()
        doubles = [kind for m in self.messages for kind in self.double_kinds(m, copies.get(m.number, {}))]
        acks = sorted(m.taken_at for m in taken)
        points = [self.began, *acks, max(self.began + self.load["seconds"], acks[-1] if acks else 0)]
        speaks = sum(b'"cluster.rolled_back"' in one.server.log.read_bytes() for one in self.gateways.values())
        early = self.early_claims()
        got = {
            "lost": sum(m.number not in queued for m in missing),
            # Stored, and delivered by nobody, though every gateway is up.
            "left_in_queue": sum(m.number in queued for m in missing),
            "double_unexplained": doubles.count(""),
            "double": len(doubles),
            "no_ack_s": max((b - a for a, b in zip(points, points[1:])), default=0),
            "refused_4xx": len(self.refused),
            "rolled_back": speaks,
            "reports_double": self.reports_twice(),
            "stale_answers": self.stale,
            # Delivered well before its 250, and again: the row of the first time was gone.
            "deliveries_of_unacked_vanished": sum(len(there.get(m.number, [])) > 1 and min(there[m.number]) < m.taken_at - 1 for m in taken),
            "early_claims": len(early),
            "crashed": sum(b"crash." in one.server.log.read_bytes() for one in self.gateways.values()),
        }
        if self.kills:
            at, name, _ = self.kills[0]
            waiting = [m for m in taken if m.taken_by == name and m.taken_at < at and min(there.get(m.number, [at]), default=at) > at]
            got["first_delivery_after_kill_s"] = max((min(there[m.number]) - at for m in waiting if m.number in there), default=0)
            got["takeover_s"] = getattr(self, "takeover", None) or 999
        if self.edits:
            times = sorted(self.edits)
            # The answer comes when all hold the edit: the wait for it is no less than what is asked for.
            got["told_ms_p50"] = 1000 * times[len(times) // 2]
            got["in_force_ms_p99"] = got["told_ms_p99"] = 1000 * times[int(len(times) * 0.99)]
        if self.replaced_at:
            got["acks_after_rollback"] = sum(at > self.replaced_at + 1 for at in acks)
            for name, reply in self.asked_older.items():
                if not reply.startswith("451"):
                    self.troubles.append("%s said %s on the older copy" % (name, reply))
        if self.cut:
            late = [m.taken_at - self.cut[0] for m in taken if m.taken_by == self.cut[2] and self.cut[0] < m.taken_at < self.cut[1]]
            got["accepted_by_cut_node_after_s"] = int(max(late, default=0))
            got["sync_by_old_rules_until_s"] = int(self.judged_until)
            # What the database had committed when the cut came may be told a moment later.
            got["acks_beside_old_primary"] = sum(one > 0.5 for one in late)
        if self.frozen:
            got["acks_while_frozen"] = sum(self.frozen[0] < at < self.frozen[1] for at in acks)
        if self.away and self.away[1]:
            got["acks_without_majority"] = sum(self.away[0] < at < self.away[1] for at in acks)
        if self.edits:
            got["acknowledged_edits_lost"], got["directories_differ"] = self.compare_edits()
        if "holds_on_each_disk" in self.expected and PROGRAM:
            got["holds_on_each_disk"] = self.database.lacking
        if "takeovers" in self.expected:
            got["takeovers"] = self.taken_over() - self.before_away
        if FIGURES:
            self.note_figures(got, taken, doubles)
        wrong, unanswered = list(self.troubles), []
        if got["left_in_queue"]:
            wrong.append("%d are in the queue and were not delivered within %d s" % (got["left_in_queue"], PATIENCE))
        for member, bound in self.expected.items():
            if bound is None or member in ("stale_settles", "lease_lost"):  # what they do shows as lost or double
                continue
            if member == "double_of_kind":
                if set(doubles) - set(bound):
                    wrong.append("doubles of the kinds %s, not only %s" % (sorted(set(doubles)), bound))
            elif member not in got:
                unanswered.append(member)
            elif member == "holds_on_each_disk":
                if got[member]:
                    wrong.append("the disks of %s lack what these hosts had acknowledged" % got[member])
            elif member == "rolled_back" and bound > 0:
                if got[member] == 0:
                    wrong.append("no gateway noticed")
            elif got[member] > self.bound(member, bound):
                wrong.append("%s is %s, at most %s" % (member, round(got[member], 1), bound))
        if early and "early_claims" in self.expected:
            wrong.append("delivered again so many seconds after the kill, after so many of silence, by id: %s" % early)
        if not taken:
            wrong.append("nothing was acknowledged")
        if wrong:
            raise Fail(wanted("after %d messages, refused %s" % (len(taken), self.refused[:3]), "the bounds of the case", "; ".join(wrong)))
        if unanswered:
            raise Skip("nothing else is wrong; not asked: %s" % ", ".join(unanswered))

    def bound(self, member, bound):
        """What a case allows. Its times are of a machine that does nothing else."""
        if member in ("no_ack_s", "takeover_s", "first_delivery_after_kill_s"):
            return max(2 * bound, bound + 20) + self.outages
        return SLOWNESS * bound if "_ms_" in member else bound

    def note_figures(self, got, taken, doubles):
        line = {"case": self.name, "title": self.title, "hosts": 3 if PROGRAM else 1, "acknowledged": len(taken), "lost": got["lost"],
                "left_in_queue": got["left_in_queue"], "double": len(doubles),
                "double_unexplained": got["double_unexplained"], "double_kinds": {one: doubles.count(one) for one in sorted(set(doubles))}, "no_ack_s": round(got["no_ack_s"], 1), "no_ack_s_allowed": self.expected.get("no_ack_s"),
                "falsely_accepted": sum(got.get(one, 0) for one in ("acks_after_rollback", "acks_while_frozen", "stale_answers")), "refused": len(self.refused)}
        if self.replaced_at:
            line["held_back"] = self.held_back
        if self.edits:
            line["edits"], line["edit_ms_p50"], line["edit_ms_p99"] = len(self.edits), round(got["told_ms_p50"]), round(got["told_ms_p99"])
        with open(FIGURES, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def reports_twice(self):
        """Reports go to the sender, which the run routes to its mail host."""
        seen = {}
        for text, envelope in zip(list(self.sink.messages), list(self.sink.envelopes)):
            if any(line.upper().startswith("MAIL FROM:<>") for line in envelope):
                number = re.search(rb"number-(\d+)-end", text)
                key = number.group(1) if number else text
                seen[key] = seen.get(key, 0) + 1
        return sum(count > 1 for count in seen.values())


class Move:
    """A gateway's data move into the database of a cluster and back, each way over as many kills as the step says; then its mail is delivered."""

    def __init__(self, case, place, system):
        self.name, self.title, self.place, self.system = case.id, case.title, place, system
        self.load, self.steps, self.expected = case.data["load"], case.data["steps"], case.data["expected"]
        known(self.load, {"messages", "octets"}, "load")
        self.draw = random.Random(self.name)
        self.kills, self.refused, self.in_both = 0, [], 0

    def go(self):
        database = self.system.Postgres(self.place)
        self.system.initialised(self.place, database)
        port = instance.free_port()  # nobody listens there yet
        self.shared = {**self.system.settings(self.place, database, "mx1", port), **self.system.LOCAL}
        self.alone = {name: value for name, value in self.shared.items() if name != "cluster"}
        server = self.server = self.place.server(self.alone)
        with concurrent.futures.ThreadPoolExecutor(8) as workers:
            sent = dict(workers.map(self.send, range(self.load["messages"])))
        if server.stop() != 0:
            raise Fail("the gateway did not end well")
        for step in self.steps:
            self.move(MOVES[step["do"]], step["kills"])
        server.write_config(self.alone)
        sink = Sink(port)  # before the start, or the destination sleeps for a minute
        try:
            server.start()
            end = time.monotonic() + 2 * PATIENCE
            while len(sink.messages) < len(sent) and time.monotonic() < end:
                time.sleep(0.5)
            time.sleep(3)  # what comes twice, comes soon
            self.judge(sent, sink)
        finally:
            sink.close()

    def send(self, number):
        """(number, digest of the body) of a message that had its 250"""
        line = "%05d " % number + "".join(self.draw.choices("abcdefghijklmnopqrstuvwxyz", k=64)) + "\r\n"
        size = self.load["octets"][number % len(self.load["octets"])]
        octets = MAIL.format(n=number, body=line * (size // len(line) + 1)).encode()
        client = smtp.Client(self.server.smtp_port)
        try:
            client.reply()
            for command, code in (("EHLO client.example.com", "250"), ("MAIL FROM:<a@example.com>", "250"), ("RCPT TO:<b@example.net>", "250"), ("DATA", "354")):
                client.command(command, code)
            client.send(octets + b".\r\n")
            reply = client.reply()[-1]
        finally:
            client.close()
        if not reply.startswith("250"):
            self.refused.append(reply)
        return number, digest_of(octets)

    def move(self, way, kills):
        """Moves this way over that many kills. A move that ends before the kill goes back and begins again."""
        killed, turn = 0, False
        while killed < kills or turn:
            words = MOVES["migrate-from-sqlite"] if bool(way) == turn else MOVES["export-to-sqlite"]
            if self.moved(words, None if turn else self.draw.uniform(0.05, 4)):
                turn = not turn
            elif not turn:
                killed += 1
        self.moved(way, None)
        self.kills += killed
        # The side of before does not serve, or mail would be in both.
        self.server.write_config(self.shared if way else self.alone)
        status, out, err = self.place.run("serve", "--config", self.server.root / "postern.toml")
        if status != 78:
            self.in_both += self.load["messages"]
        self.server.write_config(self.shared)

    def moved(self, words, kill_after):
        """Whether the move ended before its kill."""
        self.server.write_config(self.shared)
        process = subprocess.Popen([str(self.place.binary), "cluster", "migrate", *words, "--config", str(self.server.root / "postern.toml")],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            out = process.communicate(timeout=kill_after or 2 * PATIENCE)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return False
        if process.returncode != 0:
            raise Fail("cluster migrate %s: %d %s" % (" ".join(words), process.returncode, out.decode()[-600:]))
        return True

    def judge(self, sent, sink):
        arrived = {}
        for text in list(sink.messages):
            arrived.setdefault(int(re.search(rb"number-(\d+)-end", text).group(1)), []).append(digest_of(text))
        got = {"lost": sum(number not in arrived for number in sent), "double_unexplained": sum(len(one) > 1 for one in arrived.values()),
               "refused_4xx": len(self.refused), "reports_double": 0, "rolled_back": 0, "in_both": self.in_both,
               "digests_differ": sum(one != digest for number, digest in sent.items() for one in arrived.get(number, []))}
        if FIGURES:
            with open(FIGURES, "a", encoding="utf-8") as file:
                file.write(json.dumps({"case": self.name, "title": self.title, "hosts": 1, "acknowledged": len(sent) - len(self.refused), "lost": got["lost"],
                                       "double": got["double_unexplained"], "double_unexplained": got["double_unexplained"], "no_ack_s": 0, "no_ack_s_allowed": None,
                                       "falsely_accepted": 0, "refused": len(self.refused), "kills": self.kills}) + "\n")
        wrong = ["%s is %s, at most %s" % (member, got[member], bound) for member, bound in self.expected.items() if bound is not None and got[member] > bound]
        if wrong:
            raise Fail(wanted("after %d messages, %d kills" % (len(sent), self.kills), "the bounds of the case", "; ".join(wrong)))

    def end(self):
        pass


def digest_of(octets):
    """Of the body, which nobody may change."""
    return hashlib.sha256(octets.partition(b"\r\n\r\n")[2]).hexdigest()

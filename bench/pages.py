#!/usr/bin/env python3
"""How fast the API answers the web pages when there is much: by default 100,000 webhooks, 10,000,000 log records, 400,000 traces.

    bench/pages.py [--webhooks N] [--logs N] [--traces N] [--rounds N] [--binary PATH] [--keep DIR] [--json]

The first objects and the first mail are made through the gateway itself; the rest are copies of their rows, put into the databases while
it is stopped. One webhook has a third of the log. Then the gateway starts again, and each page's calls are made in turns, ROUNDS times
over one connection. Printed: median and slowest, milliseconds. Exit status 1 when a slowest answer took more than 100 ms.

Needs some 12 GB of disk and, with the default figures, about ten minutes; everything happens on loopback and ends by itself."""
import argparse
import contextlib
import http.client
import json
import pathlib
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

from harness import instance, smtp  # noqa: E402

LIMIT_MS = 100.0
SETTINGS = {
    "listener": [{"tls": "none"}],
    "api": {"rate_limits": False},
    "restrictions": {"mynetworks": "192.0.2.0/24", "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination"},
}
DAY_MS = 24 * 3600 * 1000


class Scene:
    """A gateway with an account, a policy, two webhooks and one mail refused and one accepted."""

    def __init__(self, binary, root):
        self.postern = instance.Postern(binary, SETTINGS, root=root)
        self.postern.start()
        self.account = instance.Account(self.postern)
        self.policy = self.account.call("POST", "/smtp-policies", {"name": "high-security", "allowed_source_ips": "203.0.113.0/24"}, 201)["id"]
        made = [self.account.call("POST", "/webhooks", body, 201) for body in (
            {"name": "Invoices", "target_url": "inbox"}, {"name": "Scanner upload", "target_url": "inbox", "smtp_security_policy_id": self.policy})]
        self.webhook, self.other = (one["id"] for one in made)
        for one in made:
            self.send(one["email_address"])
        self.trace = self.account.call("GET", "/traces")["data"][0]["id"]
        self.data = self.postern.root / "data"

    def send(self, recipient):
        with contextlib.closing(smtp.Client(self.postern.smtp_port)) as client:
            client.reply()
            for line in ("EHLO mail.partner.example", "MAIL FROM:<invoice@partner.example>", "RCPT TO:<%s>" % recipient, "DATA"):
                client.send(line.encode() + b"\r\n")
                client.reply()
            client.send(b"Subject: Invoice\r\nFrom: invoice@partner.example\r\n\r\nHello.\r\n.\r\n")
            client.reply()


def columns(database, table, leave=()):
    return [row[1] for row in database.execute("PRAGMA table_info(%s)" % table) if row[1] not in leave]


def multiply(database, table, count, changed, where, batch=500_000, made=0):
    """Copies number `made` + 1 to `count` of the row that `where` finds. `changed`: column -> SQL with n in it."""
    names = columns(database, table, ("seq",))
    picked = ", ".join(changed.get(name, "t.%s" % name) for name in names)
    for first in range(made, count, batch):
        last = min(count, first + batch)
        database.execute("WITH RECURSIVE k(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM k WHERE n < %d) INSERT INTO %s (%s) SELECT %s FROM k, %s t WHERE %s"
                         % (first + 1, last, table, ", ".join(names), picked, table, where))
        database.commit()


class Bare:
    """Takes a table's triggers and plain indexes away and brings them back."""

    def __init__(self, database, table):
        self.database = database
        self.parts = database.execute("SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND type IN ('trigger', 'index') AND sql IS NOT NULL", (table,)).fetchall()

    def __enter__(self):
        for kind, name, _ in self.parts:
            self.database.execute("DROP %s %s" % (kind, name))

    def __exit__(self, *_):
        for _, _, sql in self.parts:
            self.database.execute(sql)
        self.database.commit()


def opened(path):
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA cache_size = -400000")
    return database


def fill_control(scene, webhooks):
    database = opened(scene.data / "postern.db")
    multiply(database, "policy", webhooks // 20, {
        "id": "'pol_' || printf('%026d', n)", "name": "'policy ' || n"}, "t.id = '%s'" % scene.policy)
    multiply(database, "webhook", webhooks, {
        "id": "'wh_' || printf('%026d', n)", "address": "'hook' || n || '@' || t.domain", "name": "'hook ' || n",
        "policy_id": "CASE WHEN n %% 3 = 0 THEN NULL ELSE 'pol_' || printf('%%026d', 1 + n %% %d) END" % max(1, webhooks // 20)}, "t.id = '%s'" % scene.webhook)
    multiply(database, "audit", webhooks, {"id": "'al_' || printf('%026d', n)"}, "t.seq = 1")
    database.close()


def fill_logs(scene, logs, webhooks):
    database = opened(scene.data / "delivery.db")
    now = int(time.time() * 1000)
    hot = "n %% 3 = 0 OR %d < 2" % webhooks
    source = database.execute("SELECT seq FROM log WHERE hour IS NULL ORDER BY seq LIMIT 1").fetchone()[0]
    with Bare(database, "log"):
        multiply(database, "log", logs, {
            "id": "'log_' || printf('%026d', n)",
            "webhook_id": "CASE WHEN %s THEN '%s' ELSE 'wh_' || printf('%%026d', 1 + (n * 7919) %% %d) END" % (hot, scene.webhook, max(1, webhooks)),
            "created_at": "%d - (%d - n) * %d / %d" % (now, logs, 20 * DAY_MS, logs),
            "outcome": "n % 3", "kind": "n % 2", "sender": "'sender' || (n % 9973) || '@partner.example'",
            "message_id": "'<m' || n || '@partner.example>'", "trace_id": "NULL"}, "t.seq = %d" % source)
    database.execute("DELETE FROM log_count")
    database.execute("INSERT INTO log_count SELECT webhook_id, outcome, kind = 2, count(*) FROM log GROUP BY 1, 2, 3")
    database.commit()
    database.close()


def fill_traces(scene, traces, webhooks):
    database = opened(scene.data / "traces.db")
    now = int(time.time() * 1000)
    with Bare(database, "trace"):
        multiply(database, "trace", traces, {
            "id": "printf('%026d', n)", "time": "%d - (%d - n) * %d / %d" % (now, traces, 20 * DAY_MS, traces),
            "mail_from": "'sender' || (n % 9973) || '@partner.example'",
            "webhook_id": "CASE WHEN n %% 3 = 0 THEN t.webhook_id ELSE 'wh_' || printf('%%026d', 1 + (n * 7919) %% %d) END" % max(1, webhooks),
            "client_ip": "'198.51.100.' || (n % 251)"}, "t.id = '%s'" % scene.trace, batch=100_000)
    with Bare(database, "summary"):
        own, same = ("seq", "id", "time", "outcome", "client_ip", "mail_from", "rcpt", "webhook_id", "account_id", "code"), ("enhanced", "reply", "layer", "rule", "origin", "reason", "shadow")
        database.execute("INSERT OR IGNORE INTO summary (%s) SELECT %s FROM trace t, summary s WHERE s.id = ?" % (
            ", ".join(own + same), ", ".join(["t." + name for name in own] + ["s." + name for name in same])), (scene.trace,))
    # Twelve reasons for each five minutes of twenty days, in each of the three scopes that pages
    # query.
    slot = 5 * 60 * 1000
    account = database.execute("SELECT account_id FROM trace WHERE id = ?", (scene.trace,)).fetchone()[0]
    for scope in ("g", "a" + account, "w" + scene.webhook):
        database.execute("WITH RECURSIVE k(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < ?), r(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM r WHERE x < 11)"
                         " INSERT OR IGNORE INTO tally (slot, scope, outcome, code, enhanced, layer, rule, n)"
                         " SELECT ? - n, ?, CASE x WHEN 0 THEN 'accepted' WHEN 1 THEN 'deferred' ELSE 'rejected' END, 550, '5.7.' || x, 'webhook', 'rule' || x, 1 + n % 9 FROM k, r",
                         (20 * DAY_MS // slot, now // slot, scope))
    database.commit()
    database.close()


def pages(scene):
    """The calls of each page, and of each the variants that ask for the far end or for what is rare."""
    hook, q = "/webhooks/" + scene.webhook, urllib.parse.quote
    yield "every page", "/gateway"
    yield "webhooks", "/webhooks?limit=50"
    yield "webhooks", "/webhooks?limit=50&active=false"
    yield "webhooks, search", "/webhooks?limit=50&q=" + q("hook 77")
    yield "webhooks, search without a hit", "/webhooks?limit=50&q=" + q("nothing of that name")
    yield "webhook", hook
    yield "webhook", "/stats?webhook_id=" + scene.webhook
    yield "webhook, log", hook + "/logs?limit=50"
    yield "webhook, log", hook + "/logs?limit=50&outcome=rejected"
    yield "webhook, log, search", hook + "/logs?limit=50&q=sender77"
    yield "webhook, log, search without a hit", hook + "/logs?limit=50&q=nobody"
    yield "webhook, log by page (old clients)", hook + "/logs?page=100&page_size=20"
    yield "inbox", hook + "/inbox?limit=50"
    yield "policies", "/smtp-policies?limit=50"
    yield "policies, search", "/smtp-policies?limit=50&q=" + q("policy 4999")
    yield "policy", "/smtp-policies/" + scene.policy
    yield "connection policies", "/connection-policies"
    yield "connection policies", "/connection-policies/keywords"
    yield "traces", "/traces?limit=50"
    yield "traces", "/stats"
    month = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 30 * 24 * 3600))
    yield "traces, 30 days", "/stats?step=6h&from=" + month
    yield "webhook, 30 days", "/stats?step=6h&from=%s&webhook_id=%s" % (month, scene.webhook)
    for words in ("from:sender77@partner.example", "ip:198.51.100.7", "reply:550", "from:nobody@example.org", "rule:none", "partner"):
        yield "traces, search", "/traces?limit=50&q=" + q(words)
    yield "traces of a webhook", "/traces?limit=50&webhook_id=" + scene.webhook
    yield "traces, refused", "/traces?limit=50&outcome=rejected"
    yield "trace", "/traces/%s?view=story" % scene.trace
    yield "queue", "/queue?page_size=50"
    yield "queue", "/queue/destinations"
    yield "replay", "/replay"
    yield "account", "/accounts/me"
    yield "account", "/accounts/me/sessions"
    yield "people", "/members"
    yield "domains", "/domains"
    yield "API tokens", "/api-tokens"
    yield "audit log", "/accounts/me/audit-log?limit=50"


class Calls:
    def __init__(self, scene):
        self.connection = http.client.HTTPConnection("127.0.0.1", scene.postern.api_port, timeout=60)
        self.headers = {"Authorization": "Bearer " + scene.account.token}

    def get(self, path):
        """Milliseconds, and the answer."""
        start = time.perf_counter()
        self.connection.request("GET", "/api/v1" + path, headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - start) * 1000
        if answer.status != 200:
            raise SystemExit("GET %s: %d %s" % (path, answer.status, body[:200].decode()))
        return took, json.loads(body)

    def last_page(self, path, pages_on=40):
        """The same list, many pages on: keyset paging does not become slower."""
        for _ in range(pages_on):
            _, answer = self.get(path)
            if not answer.get("next"):
                return path
            path = path.split("&cursor=")[0] + "&cursor=" + urllib.parse.quote(answer["next"])
        return path


def measure(scene, rounds):
    calls = Calls(scene)
    # The first trace may be deleted: the size of traces.db is limited.
    scene.trace = calls.get("/traces?limit=1")[1]["data"][0]["id"]
    wanted = list(pages(scene))
    for name, path in list(wanted):
        if "limit=50" in path and "q=" not in path:
            far = calls.last_page(path)
            if far != path:
                wanted.append((name + ", 40 pages on", far))
    taken = {path: [] for _, path in wanted}
    for _ in range(rounds):
        for _, path in wanted:
            taken[path].append(calls.get(path)[0])
    return [(name, path, statistics.median(taken[path]), max(taken[path])) for name, path in wanted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--webhooks", type=int, default=100_000)
    parser.add_argument("--logs", type=int, default=10_000_000)
    parser.add_argument("--traces", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--binary", default=str(ROOT / "build" / "release" / "postern"))
    parser.add_argument("--keep", help="a directory for the databases, which stays")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    root = pathlib.Path(options.keep or tempfile.mkdtemp(prefix="postern-pages-"))
    root.mkdir(parents=True, exist_ok=True)
    try:
        scene = Scene(options.binary, root)
        scene.postern.stop()
        began = time.monotonic()
        fill_control(scene, options.webhooks)
        fill_logs(scene, options.logs, options.webhooks)
        fill_traces(scene, options.traces, options.webhooks)
        print("filled in %.0f s" % (time.monotonic() - began), file=sys.stderr)
        began = time.monotonic()
        scene.postern.start()
        ready = time.monotonic() - began
        scene.account.sign_in()
        rows = measure(scene, options.rounds)
        memory = scene.postern.rss_mb()
        scene.postern.stop()
    finally:
        if not options.keep:
            shutil.rmtree(root, ignore_errors=True)
    slowest = max(row[3] for row in rows)
    if options.json:
        print(json.dumps({"webhooks": options.webhooks, "logs": options.logs, "traces": options.traces, "ready_s": ready, "rss_mb": memory, "slowest_ms": slowest,
                          "calls": [{"page": n, "call": p, "median_ms": m, "slowest_ms": s} for n, p, m, s in rows]}))
    else:
        print("%d webhooks, %d log records, %d traces; ready in %.1f s, %.0f MB" % (options.webhooks, options.logs, options.traces, ready, memory))
        print("%-44s %8s %8s  call" % ("page", "median", "slowest"))
        for name, path, median, worst in rows:
            print("%-44s %8.1f %8.1f  %s" % (name, median, worst, path if len(path) < 70 else path[:67] + "..."))
        print("slowest answer: %.1f ms (bar %.0f)" % (slowest, LIMIT_MS))
    return 1 if slowest > LIMIT_MS else 0


if __name__ == "__main__":
    sys.exit(main())

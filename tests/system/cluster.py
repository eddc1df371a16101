#!/usr/bin/env python3
"""Gateways that keep their queue in one PostgreSQL: what a crash of the database, of a gateway, and a wrong setting do to mail.

  cluster.py [--binary PATH] [--filter GLOB] [--verbose]

The PostgreSQL is a private one on a loopback port, without a standby; as root it runs as `postgres`. Needs the packages of
tools/packages-test.txt. Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import base64
import collections
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import api_walk  # noqa: E402
import auth  # noqa: E402
import smoke  # noqa: E402
from alerts import metrics_of  # noqa: E402
from bench import LOCAL, NotRun, expect  # noqa: E402
from harness import daemons, instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.mailsink import Sink  # noqa: E402
from harness.waiting import PATIENCE, SLOWNESS, until  # noqa: E402
from wrong_answers import WrongAnswers  # noqa: E402

PASSWORD = "pg-hunter2-secret"
CHECKS = []
MAIL = "From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: {n}\r\n\r\nnumber {n}\r\n"


def check(function):
    CHECKS.append(function)
    return function


class Postgres(daemons.Postgres):
    def __init__(self, bench):
        super().__init__(bench, "postern", PASSWORD)

    def settings(self, bench, node, **more):
        password = bench.root / "pg.password"
        password.write_text(PASSWORD + "\n")
        return {"database": "host=127.0.0.1 port=%d dbname=postgres user=postern" % self.port, "password_file": str(password),
                "node": node, "allow_one_copy": True, **more}


def settings(bench, database, node, sink_port, **more):
    return {"cluster": database.settings(bench, node, **more),
            "restrictions": {"mynetworks": "127.0.0.0/8", "mydestination": "",
                             "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination"},
            "queue": {"first_retry": "3s"},
            "route": [{"match": ["*"], "to": ["[127.0.0.1]:%d" % sink_port], "tls": "none"}]}


def initialised(bench, database):
    config = bench.config({"cluster": database.settings(bench, "setup")}, "init.toml")
    status, out, err = bench.run("cluster", "init", "--config", config)
    expect("exit status of cluster init (%s)" % err, 0, status)
    return config


def begun(server, last="DATA"):
    """A client that has begun a message, up to this command."""
    client = smtp.Client(server.smtp_port)
    client.reply()
    for line in ("EHLO client.example.com", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA"):
        client.command(line, "354" if line == "DATA" else "250")
        if line == last:
            break
    return client


def end_of_data(client, number):
    """The reply to the end of data."""
    try:
        client.send((MAIL.format(n=number) + ".\r\n").encode())
        return client.reply()
    finally:
        client.close()


def send(server, number):
    """The reply to the end of data of one message."""
    return end_of_data(begun(server), number)


def mail(server):
    """The reply to MAIL."""
    client = smtp.Client(server.smtp_port)
    try:
        client.reply()
        client.command("EHLO client.example.com", "250")
        client.send(b"MAIL FROM:<a@example.com>\r\n")
        return client.reply()
    finally:
        client.close()


@contextlib.contextmanager
def background(bench, *words):
    """A command that runs on -> its process, and a function for what it has said. It is killed at the end."""
    log = bench.root / "background.log"
    with log.open("wb") as out:
        process = subprocess.Popen([str(bench.binary), *map(str, words)], cwd=bench.root, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        yield process, lambda: log.read_text(errors="replace")
    finally:
        process.kill()
        process.wait()


def numbers_of(messages):
    return sorted(int(text.rsplit(b"number ", 1)[1]) for text in messages)


def members(bench, config):
    status, out, err = bench.run("cluster", "status", "--json", "--config", config)
    if status not in (0, 1):
        raise Fail("cluster status: %d, %s" % (status, err))
    return json.loads(out)


def all_hold(database):
    """Until all gateways that live hold the edits so far. The answer to an edit comes after a second, also if one of them needs longer."""
    until("all hold the edits", lambda: "0" == database.sql(
        "SELECT count(*) FROM node, change_head WHERE NOT ended AND NOT replaced AND seen > now() - interval '15 s' AND applied < n").strip())


@check
def a_wrong_database_is_refused_with_what_to_do(bench):
    """No tables, no standby, a password in the string: each is said with the way out, and none with the password."""
    database = Postgres(bench)
    for told, wanted, cluster in (
            ("no tables", "postern cluster init", database.settings(bench, "mx1")),
            ("no standby", "synchronous_standby_names", {**database.settings(bench, "mx1"), "allow_one_copy": False}),
            ("a password", "password_file", {**database.settings(bench, "mx1"), "database": "postgresql://postern:%s@127.0.0.1/x" % PASSWORD})):
        config = bench.config({"server": {"data_dir": str(bench.root / "data")}, "cluster": cluster})
        status, out, err = bench.run("serve", "--config", config)
        expect("exit status with " + told, 78, status)
        if wanted not in out + err:
            raise Fail("%s: %r is not said in %s%s" % (told, wanted, out, err))
        if PASSWORD in out + err:
            raise Fail("the password is shown")
    status, out, err = bench.run("cluster", "status", "--config", bench.config({}, "none.toml"))
    expect("exit status of cluster status without a cluster", 78, status)


# What the next release may do to the tables: more columns everywhere, and a kind of edit that this one does not know.
NEXT_RELEASE = """
DO $do$ DECLARE t text; BEGIN
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'schema_version' LOOP
    EXECUTE format('ALTER TABLE %I ADD of_the_next_release text NOT NULL DEFAULT %L', t, 'x');
  END LOOP;
END $do$;
UPDATE schema_version SET compatible_from = version, version = version + 1, postern = '99.1.0'"""


@check
def gateways_of_two_releases_work_beside_each_other(bench):
    """Tables of the next release, made while a gateway runs: it goes on, another one starts, and both serve. What it cannot go on with is refused."""
    database = Postgres(bench)
    config = initialised(bench, database)
    first = bench.server({"cluster": database.settings(bench, "mx1"), **LOCAL})
    account = instance.Account(first)
    receiver = bench.receiver()
    database.sql(NEXT_RELEASE)
    status, out, err = bench.run("cluster", "init", "--config", config)
    expect("exit status of cluster init, which has nothing to do (%s)" % err, 0, status)
    expect("versions that it has left as they were", "99.1.0", database.sql("SELECT DISTINCT postern FROM schema_version").strip())
    second = bench.server({"cluster": database.settings(bench, "mx2"), **LOCAL})
    there = elsewhere(account, second)
    for here, other in ((account, second), (there, first)):
        hook = here.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
        all_hold(database)
        smtp.check("250 2.0.0", [post(other, hook["email_address"])], "end of data at the other")
    until("both are delivered", lambda: len(receiver.requests("/hook")) == 2)
    expect("gateways that live", ["live", "live"], [one["state"] for one in members(bench, config)["nodes"]])

    database.sql("BEGIN; INSERT INTO change (edit) VALUES ('00000000-0000-0000-0000-000000000001'); SELECT changed('of_the_next_release', 'x', ''); "
                 "SELECT end_edit('00000000-0000-0000-0000-000000000001'); COMMIT")
    until("an edit of an unknown kind is said", lambda: b"does not know" in first.http("GET", "/readyz")[2])
    until("the log says so", lambda: b"cluster.unknown_edit" in first.log.read_bytes())

    database.sql("UPDATE schema_version SET compatible_from = version")
    refused = bench.config({"server": {"data_dir": str(bench.root / "third")}, "cluster": database.settings(bench, "mx3")}, "third.toml")
    for words in (("serve",), ("cluster", "init")):
        status, out, err = bench.run(*words, "--config", refused)
        expect("exit status of %s with tables that need a newer program (%s)" % (words, err), 78, status)
        if "99.1.0" not in out + err:
            raise Fail("%s: what to install is not said: %s%s" % (words, out, err))


@check
def rights_of_the_gateways_role(bench):
    """`cluster init --gateway` gives what a gateway needs, and neither tables nor their removal."""
    database = Postgres(bench)
    database.sql("CREATE ROLE gateway LOGIN PASSWORD '%s'" % PASSWORD)
    config = initialised(bench, database)
    status, _, err = bench.run("cluster", "init", "--config", config, "--gateway", "gateway")
    expect("exit status of cluster init --gateway (%s)" % err, 0, status)
    sink = Sink()
    own = settings(bench, database, "mx1", sink.port)
    own["cluster"]["database"] = own["cluster"]["database"].replace("user=postern", "user=gateway")
    server = bench.server(own)
    smtp.check("250 2.0.0", send(server, 1), "end of data")
    sink.wait(1)
    for forbidden in ("DROP TABLE message", "TRUNCATE recipient", "CREATE TABLE x (y int)", "ALTER TABLE node ADD x int"):
        try:
            database.sql("SET ROLE gateway; " + forbidden)
        except Fail:
            continue
        raise Fail("the gateways' role may: " + forbidden)
    expect("what everybody may", "f|f", database.sql("SELECT has_database_privilege('public', current_database(), 'TEMPORARY'), "
                                                     "has_database_privilege('public', current_database(), 'CONNECT')").strip())
    # A table of the catalog that is another one, for the function with the owner's rights.
    database.sql("GRANT TEMPORARY ON DATABASE postgres TO gateway")
    try:
        database.sql("SET ROLE gateway; CREATE FUNCTION pg_temp.evil() RETURNS oid LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CREATE TABLE public.pwned AS "
                     "SELECT current_user AS who'; RETURN 0; END $$; CREATE TEMP VIEW pg_class AS SELECT pg_temp.evil() AS oid, 'feed_00000000'::name AS relname; "
                     "SELECT feed_days(7, 1)")
    except Fail:
        pass
    expect("tables that the gateways' role made with the rights of the owner", "0", database.sql("SELECT count(*) FROM pg_class WHERE relname = 'pwned'").strip())
    sink.close()


@check
def the_owner_has_a_password_of_its_own(bench):
    """`cluster init --owner` says how it is given, and takes it from a file."""
    database = Postgres(bench)
    database.sql("CREATE ROLE owner LOGIN PASSWORD 'pg-owner-secret'; GRANT CREATE ON SCHEMA public TO owner; CREATE ROLE gateway LOGIN PASSWORD '%s'" % PASSWORD)
    own = database.settings(bench, "mx1")
    own["database"] = own["database"].replace("user=postern", "user=gateway")
    config = bench.config({"cluster": own}, "init.toml")
    words = ("cluster", "init", "--config", config, "--owner", "owner", "--gateway", "gateway")
    status, out, err = bench.run(*words)
    expect("exit status without a password (%s)" % err, 78, status)
    if "--owner-password-file" not in err:
        raise Fail("what to do is not said: " + err)
    password = bench.root / "owner.password"
    password.write_text("pg-owner-secret\n")
    status, out, err = bench.run(*words, "--owner-password-file", password)
    expect("exit status of cluster init (%s)" % err, 0, status)
    expect("owner of the tables", "owner", database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'message'").strip())
    server = bench.server({"cluster": own, **LOCAL})
    until("it is ready", lambda: server.http("GET", "/readyz")[0] == 200)


@check
def doctor_says_what_is_wrong(bench):
    """A trial without a standby: a warning each for that and for the role, and parts that nobody owns fail."""
    database = Postgres(bench)
    config = initialised(bench, database)
    status, out, err = bench.run("cluster", "doctor", "--json", "--config", config)
    expect("exit status without a gateway (%s)" % err, 1, status)
    server = bench.server({"cluster": database.settings(bench, "mx1")})
    expect("it is ready", 200, server.http("GET", "/readyz")[0])
    status, out, err = bench.run("cluster", "doctor", "--json", "--config", config)
    expect("exit status (%s)" % err, 0, status)
    said = {one["check"]: one["level"] for one in json.loads(out)["findings"]}
    expect("findings", {"standby": "warn", "tls": "ok", "rights": "warn", "nodes": "ok", "wal": "note", "seal": "note", "rows": "ok", "patroni": "note"}, said)
    status, out, err = bench.run("doctor", "--check", "backup", "--config", server.write_config())
    if "its own backup" not in out or "postern backup" in out:
        raise Fail("`postern doctor` asks for a backup of the data directory: %s%s" % (out, err))
    database.crash()
    status, out, err = bench.run("cluster", "doctor", "--json", "--config", config)
    expect("exit status without a database (%s)" % err, 75, status)


@check
def commands_beside_the_service_are_told_where_its_credentials_are(bench):
    """Password and key are in a folder of root's, of which the service gets copies: commands find them by --credentials, and init makes the key there."""
    database = Postgres(bench)
    folder = bench.root / "credentials"
    folder.mkdir(mode=0o700)
    (folder / "pg.password").write_text(PASSWORD + "\n")
    config = bench.config({"cluster": database.settings(bench, "mx1", password_file="credential:certs_pg.password", seal_key_file="credential:certs_cluster.key")})
    told = ("--credentials", "certs:%s" % folder, "--config", config)
    for command in ("init", "status", "doctor"):
        status, out, err = bench.run("cluster", command, "--config", config)
        expect("%s that is not told (%s)" % (command, err), (78, True), (status, "password_file" in err and "--credentials" in err))
    status, out, err = bench.run("cluster", "init", *told)
    expect("init (%s)" % err, 0, status)
    expect("mode of the key", 0o600, (folder / "cluster.key").stat().st_mode & 0o777)
    status, out, err = bench.run("cluster", "status", *told)
    expect("status without gateways (%s)" % err, (1, True), (status, "have no owner" in out))
    status, out, err = bench.run("cluster", "doctor", "--json", *told)
    expect("the key (%s)" % err, ["ok"], [one["level"] for one in json.loads(out)["findings"] if one["check"] == "seal"])


@check
def a_backup_of_before_replaces_nothing_of_a_cluster(bench):
    """`postern restore` refuses the data directory of a gateway of a cluster, whether the configuration is named or not, and changes nothing."""
    database = Postgres(bench)
    initialised(bench, database)
    made, alone = bench.root / "before.tar.zst", bench.server(LOCAL)
    status, out, err = bench.run("backup", made, "--data-dir", alone.root / "data")
    expect("backup (%s)" % err, 0, status)
    server = bench.server({"cluster": database.settings(bench, "mx1"), **LOCAL})
    server.stop()
    data = server.root / "data"
    for words in (("--data-dir", data), ("--config", server.write_config(), "--data-dir", data), ("--config", server.write_config(), "--data-dir", bench.root / "elsewhere")):
        status, out, err = bench.run("restore", "--replace", *words, made)
        expect("restore (%s)" % err, (78, True), (status, "cluster.md" in err))
    expect("what is aside", [], list(server.root.glob("data.before-*")))
    status, out, err = bench.run("restore", "--data-dir", bench.root / "elsewhere", made)
    expect("restore elsewhere (%s)" % err, 0, status)


@check
def a_crash_of_the_database_holds_mail_and_loses_none(bench):
    """Messages whose end of data comes while PostgreSQL is down get their 250 when it is back, and arrive once."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    server = bench.server(settings(bench, database, "mx1", sink.port, publish_wait="300s"))
    for number in range(5):
        smtp.check("250 2.0.0", send(server, number), "end of data")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        clients = [begun(server) for _ in range(20)]
        database.crash()
        held = [pool.submit(end_of_data, client, number) for number, client in enumerate(clients, 5)]
        time.sleep(2)
        early = [one.result() for one in held if one.done()]
        expect("replies while the database is down", [], early)
        database.start()
        for one in held:
            smtp.check("250 2.0.0", one.result(), "end of data over a crash")
    sink.wait(25)
    expect("messages, each once", list(range(25)), numbers_of(sink.messages))
    sink.close()


@check
def without_the_database_mail_is_deferred_after_publish_wait(bench):
    """With a short publish_wait: the held message gets 451, and so does the next MAIL; then all is well again by itself."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    server = bench.server(settings(bench, database, "mx1", sink.port, publish_wait="3s"))
    client = begun(server)
    database.crash()
    smtp.check("451 4.3.0", end_of_data(client, 1), "end of data after publish_wait")
    until("the log says that it is red, and nobody has asked", lambda: b"server.unready" in server.log.read_bytes())
    until("/readyz is red", lambda: server.http("GET", "/readyz")[0] == 503)

    def reply_to_mail():
        client = smtp.Client(server.smtp_port)
        try:
            client.reply()
            client.command("EHLO client.example.com", "250")
            client.send(b"MAIL FROM:<a@example.com>\r\n")
            return client.reply()[-1]
        finally:
            client.close()
    # A heartbeat comes every five seconds: its absence is noticed after two.
    until("MAIL is deferred", lambda: reply_to_mail().startswith("451 4.3.0"))
    refusals = {reason: float(count) for reason, count in re.findall(r'^postern_spool_refusals_total{reason="(\w+)"} (\S+)', metrics_of(server), re.M)}
    expect("refusals for the disk, and for the database", (0, 0, True), (refusals["full"], refusals["disk"], refusals["database"] >= 2))
    database.start()
    until("/readyz is green", lambda: server.http("GET", "/readyz")[0] == 200)
    smtp.check("250 2.0.0", send(server, 2), "end of data")
    sink.wait(1)
    expect("what arrived", [2], numbers_of(sink.messages))

    def logged(event):
        return [(one["level"], one) for one in map(json.loads, (line for line in server.log.read_text().splitlines() if line.startswith("{"))) if one["event"] == event]
    until("the log says that the database answers", lambda: len(logged("cluster.away")) >= 2)
    (first, begin), (last, end) = logged("cluster.away")[:2]
    expect("lines of the outage", ("error", "info"), (first, last))
    expect("reason, operations that failed, duration", (True, True, True), ("PostgreSQL" in begin["error"], end["count"] > 1, end["duration_ms"] > 1000))
    expect("lines for each operation", [], logged("store.error"))
    until("the log says that it is ready", lambda: len(logged("server.unready")) >= 2)
    red, green = logged("server.unready")[:2]
    expect("readiness", ("warning", "info"), (red[0], green[0]))
    expect("its reason and duration", (True, True), ("database" in red[1]["error"], green[1]["duration_ms"] > 0))
    sink.close()


@check
def a_message_whose_commit_ended_in_doubt_is_delivered_without_other_mail(bench):
    """Commits wait for a standby that does not come: 451, with a line of its session. When it comes, the message is delivered, and nothing else was sent."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    server = bench.server(settings(bench, database, "mx1", sink.port, publish_wait="8s"))
    smtp.check("250 2.0.0", send(server, 1), "end of data")
    sink.wait(1)

    database.hold_commits(True)
    smtp.check("451 4.3.0", send(server, 2), "end of data while commits hang")
    until("the log says so", lambda: b"cluster.commit_unknown" in server.log.read_bytes())
    until("a line of the session has the refusal", lambda: any(b"decision.deferred" in line and b"a@example.com" in line and b"451" in line
                                                               for line in server.log.read_bytes().splitlines()))
    database.hold_commits(False)
    sink.wait(2)
    expect("messages, each once", [1, 2], numbers_of(sink.messages))
    sink.close()


@check
def answers_that_do_not_fit_end_the_session_and_nothing_else(bench):
    """A server, or what is before it, answers with results that are missing or one too many: no gateway ends, no mail is marked as damaged or lost."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    wrong = WrongAnswers(database.port)
    wanted = settings(bench, database, "mx1", sink.port, publish_wait="10s")
    wanted["cluster"]["database"] = wanted["cluster"]["database"].replace("port=%d" % database.port, "port=%d" % wrong.port)
    server = bench.server(wanted)
    taken, number = [], 0

    def is_taken(number):
        with contextlib.suppress(Fail):
            return send(server, number)[0].startswith("250")
        return False

    for kind in ("drop", "repeat"):
        wrong.kind, before, end = kind, wrong.count, time.monotonic() + PATIENCE
        while wrong.count < before + 8 and time.monotonic() < end:
            number += 1
            if is_taken(number):
                taken.append(number)
        if wrong.count < before + 8:
            raise Fail("%d answers were wrong" % (wrong.count - before))
    wrong.kind = ""
    until("mail is taken", lambda: is_taken(1000))
    expect("the process", True, server.alive())
    expect("whether some were taken", True, len(taken) > 0)
    until("all that was taken arrived", lambda: set(taken) <= set(numbers_of(sink.messages)))
    expect("what is damaged", "", database.sql("SELECT damage FROM message WHERE damage <> ''").strip())
    sink.close()
    wrong.close()


@check
def a_part_that_nobody_knows_is_left_alone(bench):
    """A row with a number that no gateway has ends none."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    database.sql("INSERT INTO shard (shard) VALUES (99)")
    server = bench.server(settings(bench, database, "mx1", sink.port))
    smtp.check("250 2.0.0", send(server, 1), "end of data")
    sink.wait(1)
    expect("the process", True, server.alive())
    expect("its owner", "", database.sql("SELECT coalesce(owner, '') FROM shard WHERE shard = 99").strip())
    status, out, err = bench.run("cluster", "doctor", "--config", server.write_config())
    expect("exit status of doctor (%s)" % err, 0, status)
    if "part 99" not in out or "DELETE FROM shard WHERE shard = 99" not in out:
        raise Fail("doctor does not name the part: " + out)
    sink.close()


@check
def rules_that_may_be_old_take_no_mail(bench):
    """After serve_stale without the log of edits MAIL gets 451, and so does what a client says who began before; a held message waits on."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    server = bench.server(settings(bench, database, "mx1", sink.port, publish_wait="300s", serve_stale="20s"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        clients = [begun(server, last) for last in ("MAIL FROM:<a@example.com>", "DATA", "DATA")]
        database.crash()
        held = pool.submit(end_of_data, clients.pop(), 1)
        smtp.check("250", mail(server), "MAIL at once")
        until("MAIL is deferred", lambda: mail(server)[0].startswith("451 4.3.0"))
        expect("whether the message is still held", True, not held.done())
        smtp.check("451 4.3.0", clients[0].command("RCPT TO:<b@example.net>"), "RCPT of a transaction that began before")
        smtp.check("451 4.3.0", clients[1].command("Subject: x\r\n\r\nx\r\n."), "the final dot of one")
        for client in clients:
            client.close()
        database.start()
        smtp.check("250 2.0.0", held.result(), "end of data")
    until("MAIL is taken", lambda: mail(server)[0].startswith("250"))
    sink.wait(1)
    sink.close()


@check
def a_failover_manager_that_loses_mail_is_refused(bench):
    """Patroni 3.0.2 with etcd3 ends the start with what to do; with its older protocol it is a warning of doctor."""
    database = Postgres(bench)
    initialised(bench, database)
    answers = {"/patroni": {"state": "running", "patroni": {"version": "3.0.2", "scope": "mail"}},
               "/config": {"ttl": 20, "loop_wait": 5, "retry_timeout": 5, "synchronous_mode": True, "synchronous_mode_strict": True},
               "/cluster": {"members": [{"name": "n1", "role": "leader", "state": "running"}, {"name": "n2", "role": "sync_standby", "state": "running"}]}}

    class Patroni(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Patroni)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    urls = ["http://127.0.0.1:%d" % api.server_port, "http://127.0.0.1:%d" % instance.free_port()]
    try:
        refused = bench.config({"server": {"data_dir": str(bench.root / "data")}, "cluster": database.settings(bench, "mx1", patroni=urls)}, "p.toml")
        status, out, err = bench.run("serve", "--config", refused)
        expect("exit status with etcd3", 78, status)
        if "Patroni 3.0.2" not in out + err or "etcd3" not in out + err:
            raise Fail("it is not said: %s%s" % (out, err))
        status, out, err = bench.run("cluster", "doctor", "--json", "--config", refused)
        expect("levels with etcd3", ["fail", "warn"], sorted(one["level"] for one in json.loads(out)["findings"] if one["check"] == "patroni"))
        server = bench.server({"cluster": database.settings(bench, "mx1", patroni=urls, patroni_protocol="etcd")})
        expect("it is ready", 200, server.http("GET", "/readyz")[0])
        status, out, err = bench.run("cluster", "doctor", "--json", "--config", server.write_config())
        expect("levels with etcd", ["warn", "warn"], [one["level"] for one in json.loads(out)["findings"] if one["check"] == "patroni"])
        expect("exit status of doctor", 0, status)
    finally:
        api.shutdown()
        api.server_close()


def within_a_window(database, kind, window, first):
    """Calls `first`, whose event is of this kind, until 40 % of the window is left: what follows is in one window. That of before is over then."""
    def left():
        return float(database.sql("SELECT extract(epoch FROM max(ends) - clock_timestamp()) FROM window_count WHERE kind = '%s'" % kind).strip() or 0)

    while True:
        time.sleep(max(0, left() + 0.3))
        first()
        if left() > window * 0.4:
            return


def unanswered_draws(servers):
    """How often gateways decided by their own share, as they do when PostgreSQL takes longer than 100 ms, or does not answer."""
    found = [re.findall(r'^postern_limit_draws_total\{.*"(?:late|failed)".*\} (\d+)', metrics_of(server), re.M) for server in servers]
    expect("counts of each gateway", [2] * len(servers), [len(one) for one in found])
    return sum(int(count) for one in found for count in one)


def expect_counted(what, servers, wanted, play):
    """What the list that `play` returns has of the first reply in `wanted`, where PostgreSQL answered each time. On a busy machine some windows may be needed;
    where it was late in each, one reply for each time that it was late may be another."""
    for left in (3, 2, 1, 0):
        before = unanswered_draws(servers)
        said, first = play(), wanted[0]
        late = unanswered_draws(servers) - before
        if sorted(said) == sorted(wanted) or late == 0 or (left == 0 and (len(said) != len(wanted) or abs(said.count(first) - wanted.count(first)) > late)):
            return expect(what, sorted(wanted), sorted(said))
    return print("     %s: %d, not %d; PostgreSQL was late %d times" % (what, said.count(first), wanted.count(first), late))


@check
def a_limit_holds_over_all_gateways(bench):
    """Messages of a webhook and sessions of an address, at two gateways in turn: small limits are kept exactly."""
    database = Postgres(bench)
    config = initialised(bench, database)
    receiver = bench.receiver()
    servers = [bench.server({"cluster": database.settings(bench, name), **LOCAL, "limits": {"exempt_networks": [], "new_sessions_per_minute": 40}})
               for name in ("mx1", "mx2")]
    until("two share the parts", lambda: sorted(n["parts"] for n in members(bench, config)["nodes"]) == [32, 32])
    account = instance.Account(servers[0])

    def new_hook():
        """Its address. Each gateway also keeps the limit by itself, so one that took many messages in the last window takes fewer in the next."""
        database.sql("DELETE FROM window_count WHERE kind = 'webhook_per_minute'")  # of webhooks that are not used any more
        made = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", "rate_limit_per_minute": 10}, expect=201)["email_address"]
        all_hold(database)
        return made

    def session(number, *lines):
        """The reply to the last of these lines, or the first that is none of the kind that goes on."""
        client = smtp.Client(servers[number % 2].smtp_port)
        try:
            reply = client.reply()[-1]
            for line in lines:
                if reply[:1] not in ("2", "3"):
                    break
                client.send(line)
                reply = client.reply()[-1]
            return reply[:3]
        finally:
            client.close()

    def post(number, hook):
        return session(number, b"EHLO client.example.com\r\n", b"MAIL FROM:<a@example.com>\r\n", ("RCPT TO:<%s>\r\n" % hook).encode(), b"DATA\r\n",
                       (MAIL.format(n=number) + ".\r\n").encode())

    def messages():
        hook = new_hook()
        within_a_window(database, "webhook_per_minute", 60, lambda: expect("the first message", "250", post(0, hook)))
        return [post(number, hook) for number in range(14)]

    def messages_at_one():
        hook = new_hook()
        within_a_window(database, "webhook_per_minute", 60, lambda: expect("the first message", "250", post(0, hook)))
        said = [post(number * 2, hook) for number in range(9)]
        for _ in range(8):
            time.sleep(1.5)  # each try is a session, which are counted too
            last = rcpt(servers[1], hook)[:3]
            if last == "450":
                break
        return [*said, last]

    def sessions():
        within_a_window(database, "new_sessions_per_address", 60, lambda: session(0))
        return [session(number) for number in range(45)]

    expect_counted("messages after the first", servers, ["250"] * 9 + ["450"] * 5, messages)
    expect_counted("messages at one gateway, and RCPT at the other", servers, ["250"] * 9 + ["450"], messages_at_one)
    expect_counted("sessions after the first", servers, ["220"] * 39 + ["421"] * 6, sessions)


def expect_tries(what, servers, reply, allowed, locked, count, play):
    """`count` tries at these gateways in turn, `play(gateway, number)`: so many get `reply`, all others `locked`. PostgreSQL counts each, and a gateway waits 100 ms
    for that; one that waited as long for anything may not be counted before the next, or its gateway's own share, which is smaller, decides."""
    said, late = [], 0
    for number in range(count):
        server = servers[number % len(servers)]
        began, computed = time.monotonic(), server.cpu_seconds()
        said.append(play(server, number))
        late += time.monotonic() - began - (server.cpu_seconds() - computed) >= 0.1
    uncounted = said.count(reply) - allowed
    if abs(uncounted) > late or set(said) - {reply, locked}:
        expect(what, [reply] * allowed + [locked] * (count - allowed), said)
    if uncounted:
        print("     %s: %d, not %d; %d waited long" % (what, said.count(reply), allowed, late))


@check
def guesses_are_counted_over_all_gateways(bench):
    """AUTH, sign-ins, one-time codes and unknown links, at two gateways in turn: both together allow what one does, and a gateway that saw none hears of it."""
    database = Postgres(bench)
    initialised(bench, database)
    more = {"auth": {"policies": False, "failure_delay": "0s", "failures_per_address": 6},
            "auth.source": [{"kind": "static", "users": ["scott:" + auth.bcrypt("tiger")]}], "limits": {"exempt_networks": [], "new_sessions_per_minute": 1000000}}
    servers = [bench.server({"cluster": database.settings(bench, name), **LOCAL, **more}) for name in ("mx1", "mx2", "mx3")]
    expect_tries("AUTH at two gateways", servers[:2], "535", 6, "454", 9, lambda server, number: auth.attempt(server, "nobody%d" % number, "x")[:3])
    until("the third one knows of the guesses", lambda: auth.attempt(servers[2], "scott", "tiger").startswith("454"))

    def api(server, path, body=None):
        out = server.http("GET" if body is None else "POST", "/api/v1" + path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        return out[0]

    account = instance.Account(servers[0])
    wrong = {"email": account.email, "password": "wrong-horse-battery"}
    expect_tries("wrong sign-ins", servers, 401, 10, 429, 13, lambda server, _: api(server, "/sessions", wrong))
    database.sql("DELETE FROM try_count")  # the client is closed for ten minutes
    for one in servers:
        one.stop()
        one.start()
    right = {"email": account.email, "password": account.PASSWORD}
    expect("right sign-ins", [200] * 15, [api(servers[number % 3], "/sessions", right) for number in range(15)])
    expect_tries("links that nobody made", servers, 404, 10, 429, 13, lambda server, number: api(server, "/links/unknown-%d" % number))
    account.call("POST", "/accounts/me/2fa")

    all_hold(database)

    def code(server, _):
        return server.http("POST", "/api/v1/accounts/me/2fa/confirm", json.dumps({"code": "000000"}),
                           {"Content-Type": "application/json", "Authorization": "Bearer " + account.token})[0]

    expect_tries("wrong codes", servers, 422, 10, 429, 13, code)


def salt_of(server, name):
    """The salt that SCRAM shows for this name."""
    client, _ = auth.client(server)
    try:
        first = base64.b64encode(("n,,n=%s,r=abcdefgh" % name).encode()).decode()
        said = base64.b64decode(client.command("AUTH SCRAM-SHA-256 " + first, "334")[-1][4:]).decode()
        return dict(one.split("=", 1) for one in said.split(","))["s"]
    finally:
        client.close()


@check
def a_stranger_has_one_salt_at_all_gateways(bench):
    """SCRAM tells nobody which names exist: a made-up salt is the same everywhere, also after a restart."""
    database = Postgres(bench)
    initialised(bench, database)
    more = {"auth": {"policies": False, "failure_delay": "0s"}, "limits": {"exempt_networks": []},
            "auth.source": [{"kind": "static", "scram": True, "users": ["scott:" + auth.scram("tiger"), "old:" + auth.bcrypt("tiger")]}]}
    servers = [bench.server({"cluster": database.settings(bench, name), **LOCAL, **more}) for name in ("mx1", "mx2")]
    for name in ("nobody", "scott", "old"):
        expect("salts of %s" % name, *[salt_of(one, name) for one in servers])
    before = salt_of(servers[0], "nobody")
    if before == salt_of(servers[0], "somebody"):
        raise Fail("two strangers have one salt")
    servers[1].stop()
    (servers[1].root / "data" / "scram.key").unlink()
    servers[1].start()
    expect("the salt after a restart without the file", before, salt_of(servers[1], "nobody"))
    keys = [(one.root / "data" / "scram.key").read_bytes().strip() for one in servers]
    for one in servers:
        if any(key in one.log.read_bytes() for key in keys):
            raise Fail("the key stands in the log")


@check
def a_gateway_with_accounts_does_not_join_without_them(bench):
    """`[cluster]` added to a gateway with accounts: it does not start before they are moved, or the cluster has others, and says so."""
    database = Postgres(bench)
    server = bench.server({**LOCAL})
    account = instance.Account(server)
    expect("exit status", 0, server.stop())
    server.write_config({"cluster": database.settings(bench, "mx1", seal_key_file=str(bench.root / "cluster.key")), **LOCAL})
    status, out, err = bench.run("cluster", "migrate", "--config", server.write_config())
    expect("exit status of migrate without tables (%s)" % err, True, status != 0)
    if "cluster init" not in err:
        raise Fail("that tables are missing is not said: " + err)
    server.write_config({"cluster": database.settings(bench, "mx1"), **LOCAL})
    initialised(bench, database)
    if "cluster migrate" not in refusal(bench, server):
        raise Fail("what to do is not said")
    other = bench.server({"cluster": database.settings(bench, "mx2"), **LOCAL})
    instance.Account(other)
    server.start()
    if b"cluster.local_store" not in server.log.read_bytes():
        raise Fail("that accounts are left out is not said")
    status = server.http("GET", "/api/v1/accounts/me", headers={"Authorization": "Bearer " + account.token})[0]
    expect("status of a token of before", 401, status)


@check
def mail_of_a_gateway_that_dies_is_delivered_by_the_other(bench):
    """kill -9 of one of two: the other takes its parts, and every message that had its 250 arrives."""
    database = Postgres(bench)
    config = initialised(bench, database)
    expect("parts without an owner, before any start", 64, members(bench, config)["parts_without_owner"])
    port = instance.free_port()  # nobody listens there yet
    first, second = (bench.server(settings(bench, database, name, port)) for name in ("mx1", "mx2"))
    until("two share the parts", lambda: sorted(n["parts"] for n in members(bench, config)["nodes"]) == [32, 32])
    for number in range(20):
        smtp.check("250 2.0.0", send((first, second)[number % 2], number), "end of data")
    first.process.kill()
    first.process.wait()
    until("the other owns all", lambda: [n["parts"] for n in members(bench, config)["nodes"] if n["state"] == "live"] == [64])
    # The line follows the commit that the question above sees.
    until("a line that says whose parts were taken", lambda: any(
        b"cluster.parts" in line and b"died" in line and b"mx1" in line
        for line in second.log.read_bytes().splitlines()))
    until("the metric says that one died", lambda: 'postern_cluster_nodes{state="dead"} 1' in metrics_of(second))
    # As when the database has just come back: that makes nobody dead, and status says how sure that is.
    database.sql("UPDATE cluster SET back_since = now()")
    status, out, err = bench.run("cluster", "status", "--config", config)
    said = {line.split()[0]: line for line in out.splitlines() if line.startswith("mx")}
    expect("mx1, in doubt: " + out, (True, True), (" live " in said["mx1"], re.search(r"not seen for \d+ s$", said["mx1"]) is not None))
    expect("mx2: " + out, (True, False), (" live " in said["mx2"], "not seen" in said["mx2"]))
    expect("as JSON", [True, False], [one["not_seen"] for one in members(bench, config)["nodes"]])
    sink = Sink(port)
    sink.wait(20)
    expect("messages, each once", list(range(20)), numbers_of(sink.messages))
    sink.close()


@check
def two_gateways_of_one_name(bench):
    """The one that lives keeps the name; the other waits for a minute, and ends with what to do."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    first = bench.server(settings(bench, database, "mx1", sink.port))
    named = settings(bench, database, "mx1", sink.port)
    del named["cluster"]["node"]
    other = bench.config({"server": {"data_dir": str(bench.root / "other"), "hostname": "mx1"}, **named}, "other.toml")
    status, out, err = bench.run("serve", "--config", other)
    expect("exit status of the second one", 75, status)
    if "name" not in out + err or "[cluster] node" not in out + err:
        raise Fail("what to do is not said: %s%s" % (out, err))
    waits = [line for line in (out + err).splitlines() if "cluster.waiting" in line]
    if len(waits) != 1 or "server.hostname" not in waits[0]:
        raise Fail("for what it waits is not said: %s" % waits)
    smtp.check("250 2.0.0", send(first, 1), "end of data at the first one")
    sink.wait(1)
    sink.close()


@check
def what_does_not_pass_by_itself_is_not_waited_for(bench):
    """A wrong password, a wrong database, a role without rights: the start ends after a few looks, and each command has the way out. Else a stop ends the wait."""
    database = Postgres(bench)
    initialised(bench, database)
    database.sql("CREATE ROLE bare LOGIN PASSWORD '%s'" % PASSWORD)
    good = database.settings(bench, "mx1")
    wrong = bench.root / "wrong.password"
    wrong.write_text("wrong\n")
    for what, wanted, more in (("password", "correct the password", {"password_file": str(wrong)}),
                               ("database", "correct the name of the database", {"database": good["database"].replace("dbname=postgres", "dbname=nowhere")}),
                               ("role", "postern cluster init --gateway ROLE", {"database": good["database"].replace("user=postern", "user=bare")})):
        config = bench.config({"server": {"data_dir": str(bench.root / "data")}, "cluster": {**good, **more}})
        began = time.monotonic()
        status, out, err = bench.run("serve", "--config", config)
        took = time.monotonic() - began
        expect("exit status of serve with a wrong %s (%s)" % (what, err), 78, status)
        advice = bench.run("cluster", "doctor", "--config", config)[2]
        look = time.monotonic() - began - took
        if took > 12 + SLOWNESS * look:
            raise Fail("wrong %s: the start took %.1f s, where one look takes %.1f" % (what, took, look))
        for said in (out + err, advice):
            if wanted not in said:
                raise Fail("wrong %s: %r is not said: %s" % (what, wanted, said))
    database.crash()
    config = bench.config({"server": {"data_dir": str(bench.root / "data")}, "cluster": good})
    with background(bench, "serve", "--config", config) as (process, said):
        until("it waits", lambda: "cluster.waiting" in said())
        time.sleep(3)
        expect("it waits for a server that is away", None, process.poll())
        process.terminate()
        expect("exit status of one that is stopped while it waits", 0, process.wait(PATIENCE))
    for command in ("status", "doctor"):
        status, out, err = bench.run("cluster", command, "--config", config)
        expect("exit status of %s" % command, 75, status)
        if "start PostgreSQL there" not in err:
            raise Fail("what to do is not said by %s: %s" % (command, err))


@check
def a_copied_data_directory_leaves_the_living_gateway_alone(bench):
    """A clone with the same name waits, and takes nothing. Whose name is taken all the same says so, and ends to be started again."""
    database = Postgres(bench)
    config = initialised(bench, database)
    first = bench.server({"cluster": database.settings(bench, "mx1")})
    shutil.copytree(first.root / "data", bench.root / "copy")
    clone = bench.config({"server": {"data_dir": str(bench.root / "copy")}, "cluster": database.settings(bench, "mx1")}, "clone.toml")
    with background(bench, "serve", "--config", clone) as (process, said):
        until("the clone waits", lambda: "cluster.waiting" in said())
        time.sleep(7)  # a heartbeat and more
        expect("whether it still waits", (None, True), (process.poll(), "cluster.parts" not in said()))
        process.terminate()
        expect("exit status of one that is stopped while it waits", 0, process.wait(PATIENCE))
    expect("who owns the parts", [("mx1", 64)], [(one["name"], one["parts"]) for one in members(bench, config)["nodes"]])
    expect("it is ready", 200, first.http("GET", "/readyz")[0])
    database.sql("UPDATE node SET replaced = true")
    expect("exit status of who lost its name", 75, first.process.wait(PATIENCE))
    line = [line for line in first.log.read_text().splitlines() if "cluster.replaced" in line]
    if len(line) != 1 or "copy of this data directory" not in line[0] or "[cluster] node" not in line[0]:
        raise Fail("the reason is not said: %s" % line)


@check
def a_restart_after_a_crash_does_not_wait_for_its_name(bench):
    """The data directory says which process had the name before."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    server = bench.server(settings(bench, database, "mx1", sink.port))
    server.process.kill()
    server.process.wait()
    server.start()
    expect("whether it waited", False, b"cluster.waiting" in server.log.read_bytes())
    smtp.check("250 2.0.0", send(server, 1), "end of data")
    sink.wait(1)
    sink.close()


@check
def drain_stops_one_gateway_and_loses_nothing(bench):
    """`cluster drain` from elsewhere: not ready at once, then gone with exit code 0, and its mail is the other's."""
    database = Postgres(bench)
    config = initialised(bench, database)
    port = instance.free_port()  # nobody listens there yet
    first, second = (bench.server(settings(bench, database, name, port)) for name in ("mx1", "mx2"))
    until("two share the parts", lambda: sorted(n["parts"] for n in members(bench, config)["nodes"]) == [32, 32])
    for number in range(6):
        smtp.check("250 2.0.0", send((first, second)[number % 2], number), "end of data")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        draining = pool.submit(bench.run, "cluster", "drain", "mx1", "--config", config)

        def is_said():
            with contextlib.suppress(OSError):  # it asks itself each five seconds, and goes after as many
                return b"draining" in first.http("GET", "/readyz")[2]
            return b"draining: " in first.log.read_bytes()
        until("it says that it is not ready", is_said)
        status, out, err = draining.result()
    expect("exit status of drain (%s)" % err, 0, status)
    if "has stopped" in out or "its process ends now" not in out:
        raise Fail("a process that may still run is said to have stopped: " + out)
    expect("exit status of the gateway", 0, first.process.wait(PATIENCE))
    until("the other owns all", lambda: [n["parts"] for n in members(bench, config)["nodes"] if n["state"] == "live"] == [64])
    sink = Sink(port)
    sink.wait(6)
    expect("messages, each once", list(range(6)), numbers_of(sink.messages))
    status, out, err = bench.run("cluster", "drain", "mx1", "--config", config)
    expect("exit status of drain of one that is gone", 66, status)
    expect("states", ["stopped", "live"], [one["state"] for one in members(bench, config)["nodes"]])
    sink.close()


def beat_of(server):
    """The last heartbeat of a gateway that was acknowledged."""
    return json.loads((server.root / "data" / "cluster.json").read_text())["beat"]


@check
def a_database_without_what_it_promised_gets_no_mail(bench):
    """An older copy of the database is recognised when a gateway connects to it, and taken when a person says so."""
    database = Postgres(bench)
    config = initialised(bench, database)
    sink = Sink()
    server = bench.server(settings(bench, database, "mx1", sink.port))
    smtp.check("250 2.0.0", send(server, 1), "end of data")
    sink.wait(1)
    database.crash()
    database.run("cp", "-a", database.home / "db", database.home / "older")
    database.start()
    until("it is ready", lambda: server.http("GET", "/readyz")[0] == 200)
    smtp.check("250 2.0.0", send(server, 2), "end of data")
    sink.wait(2)
    beat = beat_of(server)
    until("a heartbeat that the copy does not know", lambda: beat_of(server) > beat)
    database.crash()
    database.run("mv", database.home / "db", database.home / "newer")
    database.run("mv", database.home / "older", database.home / "db")
    database.start()
    until("it is not ready", lambda: b"older copy" in server.http("GET", "/readyz")[2])
    smtp.check("451 4.3.0", mail(server), "MAIL with an older copy")
    until("the log says so", lambda: b"cluster.rolled_back" in server.log.read_bytes())
    for command in ("doctor", "status"):
        status, out, err = bench.run("cluster", command, "--config", server.write_config())
        expect("exit status of %s, and whether it names the way out: %s%s" % (command, out, err), (1, True, False),
               (status, "older copy" in out and "accept-loss" in out, "start a gateway" in out))
    status, out, err = bench.run("cluster", "accept-loss", "--config", config)
    expect("exit status without --yes", 1, status)
    smtp.check("451 4.3.0", mail(server), "MAIL with an older copy")
    status, out, err = bench.run("cluster", "accept-loss", "--yes", "--config", config)
    expect("exit status of accept-loss (%s)" % err, 0, status)
    until("it is ready", lambda: server.http("GET", "/readyz")[0] == 200)
    smtp.check("250 2.0.0", send(server, 3), "end of data")
    sink.wait(3)
    for more in ((), ("--yes",)):
        status, out, err = bench.run("cluster", "accept-loss", *more, "--config", server.write_config())
        expect("accept-loss of nothing (%s)" % err, (0, True), (status, out.startswith("nothing is missing, and nothing was changed")))
    expect("losses", "1", database.sql("SELECT losses FROM cluster").strip())
    sink.close()


def two_with_accounts(bench, database):
    """Two gateways of one cluster that take mail for webhooks, and an account made at the first."""
    first, second = (bench.server({"cluster": database.settings(bench, name), **LOCAL}) for name in ("mx1", "mx2"))
    return first, second, instance.Account(first)


def rcpt(server, to):
    """The reply to RCPT, without a message."""
    client = smtp.Client(server.smtp_port)
    try:
        client.reply()
        client.command("EHLO client.example.com", "250")
        client.command("MAIL FROM:<a@example.com>", "250")
        return client.command("RCPT TO:<%s>" % to)[-1]
    finally:
        client.close()


@check
def a_gateway_that_joins_takes_mail_when_it_says_that_it_is_ready(bench):
    """It has a part of the queue before it listens: all of them were the other one's."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()
    bench.server(settings(bench, database, "mx1", sink.port))
    second = bench.server(settings(bench, database, "mx2", sink.port), start=False)
    second.spawn()
    until("it is ready", lambda: second.log.exists() and '"server.ready"' in second.log.read_text())
    smtp.check("250 2.0.0", send(second, 1), "end of data at once")
    sink.wait(1)
    sink.close()


@check
def a_restart_does_not_bring_old_lists_back(bench):
    """The lists that one gateway's file has replaced stay replaced, whichever gateway starts again with its own file."""
    database = Postgres(bench)
    initialised(bench, database)
    sink = Sink()

    def made(node, refused):
        made = settings(bench, database, node, sink.port)
        return {**made, "restrictions": {**made["restrictions"], "smtpd_client_restrictions": "check_client_access inline:{ {127.0.0.1=554 %s} }" % refused}}

    def answer(server):
        return rcpt(server, "b@other.test")

    first = bench.server(made("mx1", "old"))
    second = bench.server(made("mx2", "old"))
    status, out, err = first.command("reload", "--config", first.write_config(made("mx1", "new")))
    expect("exit status of reload (%s%s)" % (out, err), 0, status)
    for server in (first, second):
        until("the new lists are in force", lambda: " new" in answer(server))
    for server in (second, first):
        server.stop()
        server.start()
        until("it is ready", lambda: server.http("GET", "/readyz")[0] == 200)
        for one in (first, second):
            if " new" not in answer(one):
                raise Fail("the old lists are back: %s" % answer(one))
    if not any("lists.over_file" in line for line in second.log.read_text().splitlines()):
        raise Fail("the log does not say that the file's lists are not in force")
    sink.close()


@check
def what_one_gateway_edits_all_of_them_keep(bench):
    """Accounts, sessions, policies, webhooks and lists of one gateway are in force on the other."""
    database = Postgres(bench)
    initialised(bench, database)
    first, second, account = two_with_accounts(bench, database)
    expect("gateways that offer the first account", [True, False], [b"There is no account yet" in one.log.read_bytes() for one in (first, second)])
    receiver = bench.receiver()
    there = elsewhere(account, second)
    expect("who the token of the first one is at the second", account.call("GET", "/accounts/me")["id"], there.call("GET", "/accounts/me")["id"])

    waits = []
    for number in range(20):
        began = time.monotonic()
        status, headers, out = first.http("POST", "/api/v1/webhooks", json.dumps({"target_url": receiver.url + "/hook"}),
                                          {"Content-Type": "application/json", "Authorization": "Bearer " + account.token})
        waits.append(time.monotonic() - began)
        made, applied = json.loads(out), headers.get("postern-applied")
        expect("status", 201, status)
        if applied != "2/2":
            expect("who has the edit, and whether that was waited for", ("1/2", True), (applied, waits[-1] >= 1))
            all_hold(database)
        smtp.check("250", [rcpt(second, made["email_address"])], "RCPT at the other, right after the answer")
    print("     an edit is answered after %.0f ms, at most %.0f ms" % (1000 * sorted(waits)[10], 1000 * max(waits)))
    second.process.send_signal(signal.SIGSTOP)
    try:
        status, headers, _ = first.http("POST", "/api/v1/webhooks", json.dumps({"target_url": receiver.url + "/hook"}),
                                        {"Content-Type": "application/json", "Authorization": "Bearer " + account.token})
        expect("status and who has the edit while one hangs", (201, "1/2"), (status, headers.get("postern-applied")))
    finally:
        second.process.send_signal(signal.SIGCONT)
    expect("what the other lists", made["id"], there.call("GET", "/webhooks/" + made["id"])["id"])

    policy = there.call("POST", "/smtp-policies", {"name": "p", "allowed_source_ips": ["192.0.2.0/24"]}, expect=201)
    there.call("PUT", "/webhooks/" + made["id"], {"smtp_security_policy_id": policy["id"]})
    until("the first one knows of it", lambda: rcpt(first, made["email_address"]).startswith("5"))
    there.call("PUT", "/webhooks/" + made["id"], {"clear_security_policy": True})
    until("the first one knows of it", lambda: rcpt(first, made["email_address"]).startswith("250"))
    there.call("DELETE", "/webhooks/" + made["id"], expect=204)
    until("the first one knows of it", lambda: rcpt(first, made["email_address"]).startswith("5"))

    other = there.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    until("the first one knows of it", lambda: rcpt(first, other["email_address"]).startswith("250"))
    there.call("PUT", "/connection-policies", {"lists": {"recipient": "reject"}, "note": "closed at the second"})
    until("the first one knows of it", lambda: rcpt(first, other["email_address"]).startswith("554"))
    expect("what the first one shows", "closed at the second", account.call("GET", "/connection-policies/revisions")["data"][0]["note"])

    account.call("DELETE", "/sessions", {"refresh_token": account.refresh_token}, expect=204)
    all_hold(database)
    status = second.http("GET", "/api/v1/accounts/me", headers={"Authorization": "Bearer " + there.token})[0]
    expect("status of a token whose session ended at the other", 401, status)


@check
def guardrails_hold_when_two_gateways_edit_at_one_moment(bench):
    """Two edits that are harmless alone and break a sentence together: one of them is refused, whichever gateways they were sent to."""
    database = Postgres(bench)
    initialised(bench, database)
    first, second, account = two_with_accounts(bench, database)
    here, both = ["192.0.2.0/24"], ["192.0.2.0/24", "127.0.0.0/8"]
    policies = [account.call("POST", "/smtp-policies", {"name": "p%d" % number, "allowed_source_ips": here}, expect=201)["id"] for number in range(2)]
    hook = account.call("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": policies[0]}, expect=201)
    for server, node in ((first, "mx1"), (second, "mx2")):
        rule = "never accept where rcpt = %s and client not in 192.0.2.0/24" % hook["email_address"]
        config = server.write_config({"cluster": database.settings(bench, node), **LOCAL, "guardrails": {"inside": rule}})
        status, out, err = server.command("reload", "--config", config)
        expect("exit status of reload (%s%s)" % (out, err), 0, status)
    head = {"Content-Type": "application/json", "Authorization": "Bearer " + account.token}

    def put(server, path, body):
        return server.http("PUT", "/api/v1" + path, json.dumps(body), head)[0]

    seen = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(12):
            barrier = threading.Barrier(2)

            def edit(server, path, body, barrier=barrier):
                barrier.wait()
                return put(server, path, body)
            edits = [pool.submit(edit, first, "/webhooks/" + hook["id"], {"smtp_security_policy_id": policies[1]}),
                     pool.submit(edit, second, "/smtp-policies/" + policies[1], {"allowed_source_ips": both})]
            statuses = tuple(one.result() for one in edits)
            seen[statuses] += 1
            if statuses not in ((200, 409), (409, 200)):
                raise Fail("the statuses of two edits of which one breaks the sentence: %s" % (statuses,))
            smtp.check("550", [rcpt(first, hook["email_address"])], "RCPT from a client that the sentence keeps out")
            expect("status of the way back", [200, 200], [put(first, "/webhooks/" + hook["id"], {"smtp_security_policy_id": policies[0]}),
                                                          put(second, "/smtp-policies/" + policies[1], {"allowed_source_ips": here})])
    print("     " + ", ".join("%d and %d: %d times" % (*statuses, count) for statuses, count in sorted(seen.items())))


@check
def a_sign_in_with_a_second_factor_ends_at_any_gateway(bench):
    """The password at one gateway and the code at the other; five codes for one sign-in, whichever judges them."""
    database = Postgres(bench)
    initialised(bench, database)
    first, second, account = two_with_accounts(bench, database)
    secret = account.call("POST", "/accounts/me/2fa")["secret"]
    account.call("POST", "/accounts/me/2fa/confirm", {"code": api_walk.totp(secret, -1)})
    all_hold(database)

    def api(server, path, body):
        status, _, out = server.http("POST", "/api/v1" + path, json.dumps(body), {"Content-Type": "application/json"})
        return status, json.loads(out)

    def begin(server):
        return api(server, "/sessions", {"email": account.email, "password": account.PASSWORD})[1]["totp_token"]
    token = begin(first)
    expect("status of the code at the other", 200, api(second, "/sessions/2fa", {"totp_token": token, "code": api_walk.totp(secret)})[0])
    expect("status of the same sign-in again", 401, api(first, "/sessions/2fa", {"totp_token": token, "code": api_walk.totp(secret, 1)})[0])
    token = begin(second)
    for number in range(5):
        expect("status of a wrong code", 401, api((first, second)[number % 2], "/sessions/2fa", {"totp_token": token, "code": "000000"})[0])
    expect("status of a right one after five", 401, api(first, "/sessions/2fa", {"totp_token": token, "code": api_walk.totp(secret, 1)})[0])
    expect("status in a sign-in of its own", 200, api(first, "/sessions/2fa", {"totp_token": begin(second), "code": api_walk.totp(secret, 1)})[0])


def post(server, to, number=0):
    """The reply to the end of data of a message to this address, or the first that refuses."""
    client = smtp.Client(server.smtp_port)
    try:
        client.reply()
        for line in (b"EHLO client.example.com\r\n", b"MAIL FROM:<a@example.com>\r\n", ("RCPT TO:<%s>\r\n" % to).encode(), b"DATA\r\n",
                     (MAIL.format(n=number) + ".\r\n").encode()):
            client.send(line)
            reply = client.reply()[-1]
            if reply[:1] not in ("2", "3"):
                break
        return reply
    finally:
        client.close()


def elsewhere(account, server):
    """The same account at another gateway, by the same token."""
    there = instance.Account.__new__(instance.Account)
    there.postern, there.email, there.token = server, account.email, account.token
    return there


@check
def any_gateway_shows_what_all_of_them_decided(bench):
    """Traces, their pages, stories and statistics, deliveries and the live tail of one gateway are read at the other, also when the first is dead."""
    database = Postgres(bench)
    database.sql("CREATE ROLE gateway LOGIN PASSWORD '%s'" % PASSWORD)
    config = initialised(bench, database)
    status, _, err = bench.run("cluster", "init", "--config", config, "--gateway", "gateway")
    expect("exit status of cluster init --gateway (%s)" % err, 0, status)
    receiver = bench.receiver()

    def gateway(name, **more):
        own = database.settings(bench, name, **more)
        own["database"] = own["database"].replace("user=postern", "user=gateway")
        return bench.server({"cluster": own, **LOCAL})
    first, second = gateway("mx1"), gateway("mx2")
    account = instance.Account(first)
    there = elsewhere(account, second)
    hook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    policy = account.call("POST", "/smtp-policies", {"name": "nobody", "allowed_source_ips": ["192.0.2.1/32"]}, expect=201)
    closed = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", "smtp_security_policy_id": policy["id"]}, expect=201)
    all_hold(database)

    stream = http.client.HTTPConnection("127.0.0.1", second.api_port, timeout=PATIENCE)
    stream.request("GET", "/api/v1/traces/stream", headers={"Authorization": "Bearer " + account.token})
    tail = stream.getresponse()
    expect("status of the live tail", 200, tail.status)

    for number in range(4):
        smtp.check("250", [post((first, second)[number % 2], hook["email_address"], number)], "end of data")
    smtp.check("550", [post(first, closed["email_address"])], "RCPT from elsewhere")

    def listed(who, query=""):
        return who.call("GET", "/traces?limit=50" + query)["data"]
    for who in (account, there):
        until("all five at %s" % who.postern.api_port, lambda who=who: len(listed(who)) == 5)
    expect("the same order at both", [one["id"] for one in listed(account)], [one["id"] for one in listed(there)])
    seen, cursor, turn = [], "", 0
    while turn < 9:  # a balancer gives each page to another gateway
        page = (account, there)[turn % 2].call("GET", "/traces?limit=2" + cursor)
        seen += [one["id"] for one in page["data"]]
        turn += 1
        if not page["next"]:
            break
        cursor = "&cursor=" + page["next"]
    expect("the pages of both", [one["id"] for one in listed(account)], seen)

    told = b""
    while told.count(b"event: decision") < 5:
        told += tail.readline()
    stream.close()

    refused = [one for one in listed(there) if one["outcome"] == "rejected"]
    expect("what the first one refused, at the other", 1, len(refused))
    for who in (account, there):
        story = who.call("GET", "/traces/%s?view=story" % refused[0]["id"])
        if "allowed_source_ips" not in json.dumps(story) and "source" not in json.dumps(story):
            raise Fail("the story does not name the control: %s" % story)
        def logs_there(who=who):
            return who.call("GET", "/webhooks/%s/logs" % hook["id"])
        until("the deliveries of both at %s" % who.postern.api_port, lambda: logs_there()["total"] == 4)
        until("its refusals", lambda who=who: who.call("GET", "/webhooks/%s/logs" % closed["id"])["total"] == 1)

        def totals(who=who):
            said = who.call("GET", "/stats")["totals"]
            return said["accepted"], said["refused"]
        until("the statistics have all", lambda: totals() == (4, 1))
    draft = {"connection_policies": {"lists": {"recipient": "reject"}}}
    job = account.call("POST", "/replay", {"draft": draft}, expect=202)["id"]
    until("the other shows the replay's end", lambda: there.call("GET", "/replay/" + job)["status"] == "done")
    expect("the replay at both", account.call("GET", "/replay/" + job), there.call("GET", "/replay/" + job))
    there.call("DELETE", "/replay/" + job, expect=204)
    next_job = there.call("POST", "/replay", {"draft": draft}, expect=202)["id"]
    until("the first one shows the other's", lambda: account.call("GET", "/replay/" + next_job)["status"] == "done")
    for who in (account, there):
        until("replays, newest first", lambda who=who: [next_job, job] == [one["id"] for one in who.call("GET", "/replay")["data"]])
    third = gateway("mx3", traces="node")
    smtp.check("550", [post(third, closed["email_address"])], "RCPT at the third")
    until("it shows its own", lambda: len(listed(elsewhere(account, third))) == 1)
    time.sleep(1)
    expect("what the others show of one that keeps to itself", 5, len(listed(there)))

    first.process.kill()
    first.process.wait()
    expect("traces when the first is dead", 5, len(listed(there)))
    expect("the replay of the dead one", "done", there.call("GET", "/replay/" + job)["status"])
    database.crash()
    database.start()
    first.start()
    until("the first is ready", lambda: first.http("GET", "/readyz")[0] == 200)
    until("it has all", lambda: len(listed(account)) == 5)


WITH_FILE = ("From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: {n}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
             "--b\r\n\r\nnumber {n}\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=f.bin\r\n\r\n"
             "{octets}\r\n--b--\r\n")


@check
def inboxes_and_attachments_are_those_of_all_gateways(bench):
    """What one gateway keeps in an inbox and behind links is listed, fetched and deleted at the other, also when the first is dead; a long poll sees it."""
    database = Postgres(bench)
    initialised(bench, database)
    first, second, account = two_with_accounts(bench, database)
    there = elsewhere(account, second)
    made = account.call("POST", "/webhooks", {"target_url": "inbox", "attachments": "link"}, expect=201)
    all_hold(database)
    box = "/webhooks/%s/inbox" % made["id"]
    octets = "\r\n".join("x" * 70 for _ in range(8000))  # three rows

    def send_file(server, number):
        client = smtp.Client(server.smtp_port)
        try:
            client.reply()
            for line in (b"EHLO client.example.com\r\n", b"MAIL FROM:<a@example.com>\r\n", ("RCPT TO:<%s>\r\n" % made["email_address"]).encode(),
                         b"DATA\r\n", (WITH_FILE.format(n=number, octets=octets) + ".\r\n").encode()):
                client.send(line)
                reply = client.reply()[-1]
            return reply
        finally:
            client.close()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(there.call, "GET", box + "?wait=30")
        time.sleep(0.3)
        smtp.check("250", [send_file(first, 1)], "end of data at the first")
        began = time.monotonic()
        listed = waiting.result()
        print("     a long poll at the other gateway ends after %.0f ms" % (1000 * (time.monotonic() - began)))
    expect("messages that the long poll shows", 1, listed["total"])
    smtp.check("250", [send_file(second, 2)], "end of data at the second")
    expect("what both list", *[[one["subject"] for one in who.call("GET", box)["data"]] for who in (account, there)])
    first.process.kill()
    first.process.wait()
    shown = there.call("GET", box)["data"]
    expect("subjects and numbers", [("2", 2), ("1", 1)], [(one["subject"], one["sequence"]) for one in shown])
    message = there.call("GET", box + "/" + shown[1]["id"])
    link = message["payload"]["attachments"][0]
    path = link["url"][link["url"].index("/api/v1/"):]
    status, headers, out = second.http("GET", path)
    expect("status and octets behind a link of the dead one", (200, octets), (status, out.decode()))
    expect("status without the token", 404, second.http("GET", path.split("?")[0])[0])
    there.call("DELETE", box + "/" + shown[1]["id"], expect=204)
    expect("status of a link whose message is deleted", 410, second.http("GET", path)[0])
    expect("rows of what is deleted", "1", database.sql("SELECT count(DISTINCT path) FROM attachment_part").strip())
    first.start()
    expect("subjects after a restart", ["2"], [one["subject"] for one in account.call("GET", box)["data"]])
    account.call("DELETE", "/webhooks/" + made["id"], expect=204)
    until("nothing of it is left", lambda: database.sql("SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM attachment_part)").strip() == "0")


def move(bench, server, *more, seconds=120):
    """`postern cluster migrate` for the data directory of a stopped gateway; what it says."""
    status, out, err = bench.run("cluster", "migrate", "--json", "--config", server.write_config(), *more, seconds=seconds)
    expect("exit status of cluster migrate %s (%s%s)" % (" ".join(more), out, err), 0, status)
    return json.loads(out)


def refusal(bench, server):
    """What `serve` says that does not start."""
    status, out, err = bench.run("serve", "--config", server.write_config())
    expect("exit status of serve (%s%s)" % (out, err), 78, status)
    return out + err


@check
def one_gateway_becomes_a_cluster_and_back(bench):
    """Accounts, webhooks, held and tried mail move both ways, over kills; each message is delivered once, and the side of before does not start."""
    database = Postgres(bench)
    initialised(bench, database)
    port = instance.free_port()  # nobody listens there yet
    shared = {**settings(bench, database, "mx1", port), **LOCAL, "queue": {"first_retry": "1s"}}
    alone = {name: value for name, value in shared.items() if name != "cluster"}
    server = bench.server(alone)
    account = instance.Account(server)
    receiver = bench.receiver()
    hook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    account.call("POST", "/smtp-policies", {"name": "p", "allowed_source_ips": ["192.0.2.0/24"]}, expect=201)
    global MAIL
    for number in range(12):
        smtp.check("250 2.0.0", send(server, number), "end of data")
    usual, MAIL = MAIL, MAIL.replace("\r\n\r\n", "\r\n\r\n" + ("x" * 70 + "\r\n") * 10000, 1)
    try:
        smtp.check("250 2.0.0", send(server, 12), "end of data of a large one")
    finally:
        MAIL = usual

    def queued():
        status, out, err = bench.run("queue", "list", "--json", "--config", server.write_config())
        expect("exit status of queue list (%s)" % err, 0, status)
        return [json.loads(line) for line in out.splitlines()]
    # A destination that does not answer sleeps after some attempts, so not all have had one.
    until("some were tried", lambda: any(to["attempts"] > 0 for one in queued() for to in one["recipients"]))
    before = sorted(one["id"] for one in queued())
    status, _, err = bench.run("queue", "hold", before[3], "--config", server.write_config())
    expect("exit status of queue hold (%s)" % err, 0, status)
    expect("exit status", 0, server.stop())

    server.write_config(shared)
    killed = 0
    for delay in (0.15, 0.4, 0.8, 1.2):
        process = subprocess.Popen([str(bench.binary), "cluster", "migrate", "--config", str(server.write_config())], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(delay)
        killed += process.poll() is None
        process.kill()
        if process.wait() == 0:
            break
    print("     %d kills of the first move" % killed)
    moved = move(bench, server)
    expect("what a second move puts aside", "", move(bench, server)["kept"])
    key = (server.root / "data" / "scram.key").read_text().strip()
    expect("the key of salts", key, database.sql("SELECT encode(value, 'escape') FROM server_secret WHERE name = 'scram'").strip())
    if killed == 4:  # else one of them ended
        expect("messages, accounts, webhooks", (13, 1, 1), (moved["messages"], moved["rows"]["account"], moved["rows"]["webhook"]))
    server.write_config(alone)
    if "cluster migrate --back" not in refusal(bench, server):
        raise Fail("what to do is not said")
    server.write_config(shared)
    server.start()
    expect("who the token is", account.email, account.call("GET", "/accounts/me")["email"])
    expect("the webhook", hook["email_address"], account.call("GET", "/webhooks/" + hook["id"])["email_address"])
    expect("the password", 200, server.http("POST", "/api/v1/sessions", json.dumps({"email": account.email, "password": account.PASSWORD}),
                                            {"Content-Type": "application/json"})[0])
    expect("the queue", before, sorted(one["id"] for one in queued()))
    other = bench.server({**shared, "cluster": database.settings(bench, "mx2")})
    account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    smtp.check("250 2.0.0", send(other, 13), "end of data at the second one")
    box = account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)
    all_hold(database)
    smtp.check("250", [post(other, box["email_address"])], "end of data for an inbox")
    status, out, err = bench.run("cluster", "migrate", "--back", "--config", server.write_config())
    expect("exit status while gateways run (%s)" % err, 75, status)
    expect("exit status", 0, other.stop())
    expect("exit status", 0, server.stop())

    moved = move(bench, server, "--back")
    expect("messages, accounts, webhooks", (14, 1, 3), (moved["messages"], moved["rows"]["account"], moved["rows"]["webhook"]))
    expect("messages of inboxes that stay", 1, moved["inbox_messages"])
    if "moved" not in refusal(bench, other) and "are in" not in refusal(bench, other):
        raise Fail("the cluster does not say where its queue is")
    said = refusal(bench, server)
    if "take `[cluster]` out" not in said or "cluster migrate`" in said:
        raise Fail("what to do after the way back is not said: " + said)
    for command in ("doctor", "status"):
        status, out, err = bench.run("cluster", command, "--config", server.write_config())
        expect("exit status of %s, and what it says: %s%s" % (command, out, err), (1, True, False), (status, "are in %s" % (server.root / "data") in out, "start a gateway" in out))
    status, out, err = bench.run("cluster", "migrate", "--back", "--config", server.write_config())
    expect("exit status of a second time (%s)" % err, 78, status)
    server.write_config(alone)
    sink = Sink(port)  # before the start, or the destination sleeps for a minute
    server.start()
    expect("webhooks", 3, len(account.call("GET", "/webhooks")["data"]))
    status, _, err = bench.run("queue", "release", before[3], "--config", server.write_config())
    expect("exit status of queue release (%s)" % err, 0, status)
    sink.wait(14)
    expect("messages, each once", list(range(14)), numbers_of(sink.messages))
    sink.close()


@check
def a_migration_needs_the_role_of_the_owner(bench):
    """`cluster migrate` with the gateways' role says so; with the owner's it goes on, and prints nothing with --quiet."""
    database = Postgres(bench)
    database.sql("CREATE ROLE gateway LOGIN PASSWORD '%s'" % PASSWORD)
    status, _, err = bench.run("cluster", "init", "--config", initialised(bench, database), "--gateway", "gateway")
    expect("exit status of cluster init --gateway (%s)" % err, 0, status)
    server = bench.server(LOCAL)
    instance.Account(server)
    expect("exit status", 0, server.stop())
    own = database.settings(bench, "mx1")
    own["database"] = own["database"].replace("user=postern", "user=gateway")
    config = server.write_config({**LOCAL, "cluster": own})
    status, out, err = bench.run("cluster", "migrate", "--config", config)
    expect("exit status with the gateways' role, and whether the owner's is asked for: " + err, (78, True), (status, "the role that owns the database: --owner ROLE" in err))
    status, out, err = bench.run("cluster", "migrate", "--quiet", "--config", config, "--owner", "postern", "--owner-password-file", own["password_file"])
    expect("exit status, and what is said (%s)" % err, (0, ""), (status, out))


@check
def a_frozen_gateway_does_not_come_back_after_a_move(bench):
    """SIGSTOP for longer than a gateway lives, and `migrate --back` meanwhile: it ends when it goes on. A database that was moved away from stays so."""
    database = Postgres(bench)
    initialised(bench, database)
    shared = {**settings(bench, database, "mx1", instance.free_port()), **LOCAL}
    first = bench.server(shared)
    instance.Account(first)
    smtp.check("250 2.0.0", send(first, 1), "end of data")
    other = bench.server({**shared, "cluster": database.settings(bench, "mx2")})
    expect("exit status", 0, other.stop())
    first.process.send_signal(signal.SIGSTOP)
    try:
        until("it counts as dead", lambda: ["dead"] == [one["state"] for one in members(bench, other.write_config())["nodes"] if one["name"] == "mx1"])
        expect("messages that moved", 1, move(bench, other, "--back")["messages"])
    finally:
        first.process.send_signal(signal.SIGCONT)
    first.process.wait(PATIENCE)
    alone = {name: value for name, value in shared.items() if name != "cluster"}
    config = other.write_config(alone)
    other.start()
    expect("exit status", 0, other.stop())
    # The first one's directory never was that of the cluster's mail.
    for words in ([], ["--back"]):
        status, out, err = bench.run("cluster", "migrate", *words, "--config", first.write_config())
        expect("exit status of migrate %s elsewhere (%s%s)" % (words, out, err), 78, status)
    other.write_config(shared)
    status, out, err = bench.run("cluster", "migrate", "--config", config)
    expect("exit status of migrate into what was moved away from (%s%s)" % (out, err), 78, status)
    if "are in" not in err:
        raise Fail("where the mail is is not said: " + err)


@check
def root_moves_the_data_of_another_user(bench):
    """`postern cluster migrate` as root, both ways: every file stays the user's, and a link in the place of a mark is not followed."""
    if os.geteuid() != 0:
        raise NotRun("only root can give files away")
    user = 12345
    database = Postgres(bench)
    initialised(bench, database)
    shared = {**settings(bench, database, "mx1", instance.free_port()), **LOCAL}
    alone = {name: value for name, value in shared.items() if name != "cluster"}
    server = bench.server(alone)
    instance.Account(server)
    smtp.check("250 2.0.0", send(server, 1), "end of data")
    expect("exit status", 0, server.stop())
    data, victim = server.root / "data", bench.root / "victim"
    victim.write_text("root's")
    for path in (data, *data.rglob("*")):
        os.chown(path, user, user)
    server.write_config(shared)
    for words in ([], ["--back"]):
        for mark in ([data / "moved.new"] if words else [data / "moved", data / "moved.new"]):
            mark.symlink_to(victim)
            os.chown(mark, user, user, follow_symlinks=False)
        moved = move(bench, server, *words)
        expect("messages %s" % words, 1, moved["messages"])
        expect("root's file %s" % words, "root's", victim.read_text())
        expect("what is not the user's %s" % words, [], [str(path) for path in (data, *data.rglob("*")) if path.lstat().st_uid != user])


@check
def secrets_are_sealed_with_a_file_that_all_gateways_have(bench):
    """`cluster init` makes the key and seals; a dump shows no secret; gateways without the key, or with another, are refused; another key is taken into use."""
    database = Postgres(bench)
    key = bench.root / "cluster.key"

    def settings_of(node, file=key):
        return {"cluster": database.settings(bench, node, **({"seal_key_file": str(file)} if file else {})), **LOCAL}

    def init(file=key):
        return bench.run("cluster", "init", "--config", bench.config(settings_of("setup", file), "seal.toml"))

    def refused(file, wanted):
        config = bench.config({**settings_of("mx9", file), "server": {"data_dir": str(bench.root / "ninth")}}, "ninth.toml")
        status, out, err = bench.run("serve", "--config", config)
        expect("exit status (%s)" % err, 78, status)
        if wanted not in out + err:
            raise Fail("%r is not said: %s%s" % (wanted, out, err))
        expect("processes that joined", "0", database.sql("SELECT count(*) FROM node WHERE name = 'mx9'").strip())

    def dump():
        return database.run(database.bin / "pg_dump", "-h", "127.0.0.1", "-p", database.port, "-U", "postern", "-d", "postgres", "--data-only", "-t", "webhook",
                            "-t", "account", "-t", "server_secret", PGPASSWORD=PASSWORD)

    initialised(bench, database)
    server = bench.server({"cluster": database.settings(bench, "mx1"), **LOCAL})
    account = instance.Account(server)
    receiver = bench.receiver()
    hook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    secret = account.call("POST", "/webhooks/%s/rotate-secret" % hook["id"])["secret"]
    salts = (server.root / "data" / "scram.key").read_text().strip().encode().hex()
    refused(key, "cannot read")
    status, out, err = init()
    expect("exit status while a gateway lives (%s)" % err, 75, status)
    if salts not in dump():
        raise Fail("the key of salts is not in the database")
    server.stop()
    expect("mode of the key", 0o600, key.stat().st_mode & 0o777)
    status, out, err = init()
    expect("exit status of cluster init (%s)" % err, 0, status)
    if "secrets are sealed" not in out:
        raise Fail("it is not said: " + out)

    for text in (salts, "whsec_", secret.encode().hex(), "whsec_".encode().hex(), "$argon2", "$argon2".encode().hex()):
        if text in dump():
            raise Fail("the dump shows %s" % text)
    refused(None, "seal_key_file")
    other = bench.root / "other.key"
    other.write_text("x" * 40 + "\n")
    other.chmod(0o600)
    refused(other, "the file that the others have")

    def doctor(file):
        status, out, err = bench.run("cluster", "doctor", "--json", "--config", bench.config(settings_of("mx1", file), "doctor.toml"))
        found = [one for one in json.loads(out)["findings"] if one["check"] in ("seal", "rows")]
        return status, [(one["check"], one["level"]) for one in found], found[0]["what"]
    for file, wanted in ((None, "set `seal_key_file`"), (other, "the file that the others have"), (bench.root / "none.key", "none.key")):
        status, levels, what = doctor(file)
        expect("exit status of doctor with %s" % file, 1, status)
        expect("its findings (%s)" % what, [("seal", "fail")], levels)
        if wanted not in what:
            raise Fail("%r is not said: %s" % (wanted, what))
    expect("findings with the key", [("seal", "ok"), ("rows", "ok")], doctor(key)[1])
    key.chmod(0o640)
    expect("findings with a key that the group may read", [("seal", "warn"), ("rows", "ok")], doctor(key)[1])
    key.chmod(0o600)
    sealed = [bench.server(settings_of(node)) for node in ("mx1", "mx2")]
    there = [elsewhere(account, one) for one in sealed]
    for one in there:
        expect("who the token is", account.email, one.call("GET", "/accounts/me")["email"])
    smtp.check("250", [post(sealed[1], hook["email_address"])], "end of data")
    until("it is delivered", lambda: len(receiver.requests("/hook")) == 1)
    expect("a sign-in", 200, sealed[0].http("POST", "/api/v1/sessions", json.dumps({"email": account.email, "password": account.PASSWORD}),
                                            {"Content-Type": "application/json"})[0])
    for one in sealed:
        one.stop()

    key.write_text("y" * 40 + "\n" + key.read_text())
    refused(key, "cluster init")
    status, out, err = init()
    expect("exit status of cluster init with another key (%s)" % err, 0, status)
    key.write_text("y" * 40 + "\n")
    sealed[0].start()
    expect("who the token is, with another key", account.email, there[0].call("GET", "/accounts/me")["email"])


@check
def a_row_that_cannot_be_read_costs_its_own_mail_alone(bench):
    """A damaged policy and a secret that does not open: their mail gets 451, all other mail goes on, at gateways that run and that start."""
    database = Postgres(bench)
    key = bench.root / "cluster.key"
    key.write_text("k" * 40 + "\n")
    key.chmod(0o600)

    def settings_of(node):
        return {"cluster": database.settings(bench, node, seal_key_file=str(key)), **LOCAL}
    config = bench.config(settings_of("mx1"), "init.toml")
    expect("cluster init", 0, bench.run("cluster", "init", "--config", config)[0])
    server = bench.server(settings_of("mx1"))
    account = instance.Account(server)
    policy = account.call("POST", "/smtp-policies", {"name": "damaged", "require_smtp_auth": False}, expect=201)
    hooks = [account.call("POST", "/webhooks", {"target_url": "inbox", **more}, expect=201)
             for more in ({"smtp_security_policy_id": policy["id"]}, {}, {})]
    wanted = ["451 4.3.0", "451 4.3.0", "250"]
    for hook in hooks:
        smtp.check("250", [post(server, hook["email_address"])], "end of data")
    # As an edit elsewhere would: the log of edits names the rows.
    edit = "11111111-1111-1111-1111-111111111111"
    database.sql("BEGIN; INSERT INTO change (edit) VALUES ('%s'); UPDATE policy SET definition = '{' WHERE id = '%s'; "
                 "UPDATE webhook SET secret = 'by hand' WHERE id = '%s'; SELECT end_edit('%s'); COMMIT" % (edit, policy["id"], hooks[1]["id"], edit))
    starting = bench.server(settings_of("mx2"))
    for one in (server, starting):
        for hook, reply in zip(hooks, wanted):
            until("%s at %s" % (reply, one.root.name), lambda one=one, hook=hook, reply=reply: post(one, hook["email_address"]).startswith(reply))
        expect("it is ready", 200, one.http("GET", "/readyz")[0])
    status, out, err = bench.run("cluster", "doctor", "--config", config)
    expect("exit status of doctor (%s)" % err, 1, status)
    for name in (policy["id"], hooks[1]["id"]):
        if "%s of %s cannot be read" % (name, account.call("GET", "/accounts/me")["id"]) not in out:
            raise Fail("doctor does not name %s: %s" % (name, out))
    account.call("DELETE", "/webhooks/" + hooks[1]["id"], expect=204)


@check
def an_edit_whose_commit_hangs_may_have_been_stored(bench):
    """503 says so, and it is there when the standby comes back; one that could not be sent changed nothing."""
    database = Postgres(bench)
    initialised(bench, database)
    first, _, account = two_with_accounts(bench, database)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox", "name": "before"}, expect=201)

    def renamed(name):
        status, headers, body = first.http("PUT", "/api/v1/webhooks/" + webhook["id"], json.dumps({"name": name}),
                                           {"Authorization": "Bearer " + account.token, "Content-Type": "application/json"})
        expect("status (%s)" % body, (503, "5"), (status, headers.get("retry-after")))
        return json.loads(body)["error"]

    database.hold_commits(True)
    said = renamed("after")
    if "the change may have been stored" not in said or "nothing was changed" in said:
        raise Fail(said)
    database.hold_commits(False)
    until("it is there", lambda: account.call("GET", "/webhooks/" + webhook["id"])["name"] == "after")
    database.crash()
    said = renamed("never")
    if "nothing was changed" not in said:
        raise Fail(said)


@check
def edits_survive_a_crash_of_the_database(bench):
    """What was acknowledged is there afterwards, and both gateways have it; the API says 503 meanwhile."""
    database = Postgres(bench)
    initialised(bench, database)
    first, second, account = two_with_accounts(bench, database)
    receiver = bench.receiver()
    made = [account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201) for _ in range(5)]
    database.crash()
    status, headers, body = first.http("GET", "/api/v1/webhooks", headers={"Authorization": "Bearer " + account.token})
    expect("status without a database (%s)" % body, 503, status)
    expect("what is said to those who ask", "5", headers.get("retry-after"))
    database.start()
    until("it answers again", lambda: first.http("GET", "/api/v1/webhooks", headers={"Authorization": "Bearer " + account.token})[0] == 200)
    made.append(account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201))
    for server in (first, second):
        for one in made:
            until("both have it", lambda: rcpt(server, one["email_address"]).startswith("250"))


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

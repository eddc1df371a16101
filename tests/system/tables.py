#!/usr/bin/env python3
"""Restriction lists whose tables other programs hold: a real PostgreSQL, MariaDB, OpenLDAP and memcached, small tcp and
socketmap servers, and a file that postmap wrote.

  tables.py [--binary PATH] [--filter GLOB] [--verbose]

The servers are private ones on loopback ports, in a directory of their own; as root they run as `postgres`, `mysql`,
`openldap` and `nobody`. Needs the
packages of tools/packages-test.txt. Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import contextlib
import functools
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import expect, written  # noqa: E402
from harness import daemons, mailsink, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.daemons import Daemon  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402

PG_SECRET, MYSQL_SECRET, LDAP_SECRET = "pg-hunter2-secret", "mysql-hunter2-secret", "ldap-hunter2-secret"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


# ---------------------------------------------------------------- private servers
class Postgres(daemons.Postgres):
    def __init__(self, bench, sql):
        super().__init__(bench, "mail", PG_SECRET)
        self.sql(sql)


class MariaDb(Daemon):
    user = "mysql"
    end = signal.SIGTERM

    def __init__(self, bench, sql):
        super().__init__(bench)
        self.socket = self.home / "socket"
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem")
        self.run("/usr/bin/mariadb-install-db", "--no-defaults", "--datadir=%s" % (self.home / "db"), "--skip-test-db",
                 "--auth-root-authentication-method=normal")
        os.chmod(self.home, 0o755)  # the gateway reads the certificate and opens the socket
        self.start()
        self.sql("CREATE DATABASE mail CHARACTER SET utf8mb4; "
                 "CREATE USER mail@'%' IDENTIFIED BY '{0}', mail@localhost IDENTIFIED BY '{0}'; "
                 "GRANT ALL ON mail.* TO mail@'%', mail@localhost; USE mail; {1}".format(MYSQL_SECRET, sql))

    def start(self):
        self.spawn("/usr/sbin/mariadbd", "--no-defaults", "--datadir=%s" % (self.home / "db"), "--port=%d" % self.port,
                   "--bind-address=127.0.0.1", "--socket=%s" % self.socket, "--pid-file=%s" % (self.home / "pid"),
                   "--ssl-cert=%s" % (self.home / "cert.pem"), "--ssl-key=%s" % (self.home / "key.pem"), "--skip-name-resolve",
                   "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M")

    def sql(self, text):
        return self.run("/usr/bin/mariadb", "--no-defaults", "--socket=%s" % self.socket, "--user=root", "-N", "-e", text)


SLAPD_CONFIG = """dn: cn=config
objectClass: olcGlobal
cn: config
olcTLSCACertificateFile: {home}/cert.pem
olcTLSCertificateFile: {home}/cert.pem
olcTLSCertificateKeyFile: {home}/key.pem

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase=mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: mdb
olcDbDirectory: {home}/data
olcSuffix: dc=example,dc=org
olcRootDN: cn=postern,dc=example,dc=org
olcRootPW: {secret}
olcAccess: to * by * none
"""
PEOPLE = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: cn=Ann,dc=example,dc=org
objectClass: inetOrgPerson
sn: Ann
mail: ann@ours.example
description: known

dn: cn=Bob,dc=example,dc=org
objectClass: inetOrgPerson
sn: Bob
mail: bob*@ours.example
description: starred
"""


class Slapd(Daemon):
    user = "openldap"

    def __init__(self, bench):
        super().__init__(bench)
        self.binary = shutil.which("slapd", path="/usr/sbin:/usr/bin")
        for name in ("config", "data"):
            (self.home / name).mkdir()
        (self.home / "config.ldif").write_text(SLAPD_CONFIG.format(home=self.home, secret=LDAP_SECRET))
        (self.home / "people.ldif").write_text(PEOPLE)
        self.own()
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem")
        os.chmod(self.home, 0o755)  # the gateway reads the certificate
        self.run("/usr/sbin/slapadd", "-F", self.home / "config", "-n", "0", "-l", "config.ldif")
        self.run("/usr/sbin/slapadd", "-F", self.home / "config", "-n", "1", "-l", "people.ldif")
        self.start()

    def start(self):
        self.spawn(self.binary, "-F", self.home / "config", "-h", "ldap://127.0.0.1:%d" % self.port, "-d", "0")


class Memcached(Daemon):
    user = "nobody"
    end = signal.SIGTERM

    def __init__(self, bench, rows):
        super().__init__(bench)
        self.rows = rows
        self.start()

    def own(self):
        if os.getuid() == 0:
            shutil.chown(self.home, self.user)

    def identity(self):
        return {"user": self.user, "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}

    def start(self):
        self.spawn("/usr/bin/memcached", "-l", "127.0.0.1", "-p", self.port, "-U", "0", "-m", "16", "-t", "1")
        for key, value in self.rows.items():
            expect("set " + key, b"STORED\r\n", self.ask(b"set %s 3 0 %d\r\n%s\r\n" % (key.encode(), len(value.encode()), value.encode())))

    def ask(self, request):
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection, connection.makefile("rwb") as stream:
            stream.write(request)
            stream.flush()
            return stream.readline()


class Lines(socketserver.ThreadingTCPServer):
    """tcp_table(5) or socketmap_table(5); `rows` may be changed while it runs; the row `silence` is never answered."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, bench, protocol, rows, port=0):
        self.rows, self.asked = rows, []
        super().__init__(("127.0.0.1", port), functools.partial(Answering, protocol))
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        bench.stack.callback(self.end)

    def end(self):
        self.shutdown()
        self.server_close()


class Answering(socketserver.StreamRequestHandler):
    def __init__(self, protocol, *arguments):
        self.protocol = protocol
        super().__init__(*arguments)

    def handle(self):
        if self.protocol == "tcp":
            key = self.rfile.readline().decode()[4:-1]
        else:
            size = b""
            while not size.endswith(b":"):
                size += self.rfile.read(1)
            key = self.rfile.read(int(size[:-1])).decode()
            self.rfile.read(1)
        self.server.asked.append(key)
        value = self.server.rows.get(key)
        if value == "silence":
            self.rfile.read(1)  # until the gateway has given up
            return
        if self.protocol == "tcp":
            reply = "500 none\n" if value is None else value if value[:4] == "400 " else "200 %s\n" % value.replace(" ", "%20")
        else:
            text = "NOTFOUND " if value is None else value if value[:5] == "TEMP " else "OK " + value
            reply = "%d:%s," % (len(text), text)
        self.wfile.write(reply.encode())


# ---------------------------------------------------------------- the gateway beside them
def gateway(bench, restrictions, **more):
    lists = {"compatibility_level": "3.6", "mynetworks": "192.0.2.0/24", "mydestination": "", "relay_domains": "ours.example",
             "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination", **restrictions}
    return bench.server({"authentication": {"decide_within": "1m"}, "restrictions": lists, **more})


def recipient(server, to, sender="x@partner.example.com"):
    """The reply to RCPT; SMTPUTF8 is asked for if the address needs it."""
    client = smtp.Client(server.smtp_port)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO mx.partner.example.com", "250")
        client.command("MAIL FROM:<%s>%s" % (sender, "" if to.isascii() else " SMTPUTF8"), "250 2.1.0")
        return client.command("RCPT TO:<%s>" % to)[-1]
    finally:
        client.close()


def answers(server, cases):
    for to, want in cases.items():
        got = recipient(server, to)
        if not re.match(want, got):
            raise Fail("RCPT TO:<%s>: %r expected, %r given; log:\n%s" % (to, want, got, server.tail()))


def refusals(server, count):
    """The traces of the refusals in the log, when there are `count` of them."""
    def found():
        traces = []
        for line in server.log.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if entry.get("event") in ("decision.refused", "decision.deferred"):
                    traces.append(entry["trace"])
        return traces if len(traces) >= count else None
    return until(lambda: "%d refusals in the log:\n%s" % (count, server.tail()), found)


def reload(server):
    before = server.log.read_text(encoding="utf-8", errors="replace").count('"reload.ok"')
    server.process.send_signal(signal.SIGHUP)
    written(server, '"reload.ok"', before + 1)


def explained_offline(bench, server, trace, words):
    """`explain` makes the recorded decision again, with no server to ask."""
    config = server.root / "postern.toml"
    status, out, err = bench.explain(trace, "--json", "--config", config)
    expect("exit status of explain (stderr: %s)" % err, 0, status)
    for word in words:
        if word not in out:
            raise Fail("explain --json does not say %r: %s" % (word, out[:3000]))
    said = json.loads(out)
    expect("the decision made again", {"agrees": True, "differences": []}, said["rederived"])
    status, text, _ = bench.run("explain", trace, "--config", config)
    expect("exit status of explain in words", 0, status)
    return out + text


def no_secrets(server, secrets, *texts):
    files = [p for p in server.root.rglob("*") if p.is_file() and p.suffix not in (".cf", ".vsl")]
    for where, text in [(str(p), p.read_bytes()) for p in files] + [("explain", t.encode()) for t in texts]:
        for secret in secrets:
            if secret.encode() in text:
                raise Fail("a password stands in " + where)


@check
def postgresql(bench):
    """Keys from SQL; quotes stay quoted; gone is 451, back works without a restart; explained offline; no password anywhere."""
    database = Postgres(bench, """CREATE TABLE people(address text, action text);
        INSERT INTO people VALUES ('ann@ours.example', 'DUNNO'), ('o''neil@ours.example', 'REJECT that is you, O''Neil'),
          ('two@ours.example', 'REJECT one'), ('two@ours.example', 'two'), ('back\\slash@ours.example', 'REJECT slashed');
        CREATE TABLE domains(name text); INSERT INTO domains VALUES ('more.example')""")
    config = bench.root / "people.cf"
    config.write_text("hosts = 127.0.0.1:9 127.0.0.1:%d\nuser = mail\npassword = %s\ndbname = postgres\n"
                      "query = SELECT action FROM people\n  WHERE address = '%%s'\n" % (database.port, PG_SECRET))
    domains = bench.root / "domains.cf"
    domains.write_text("hosts = unix:%s:%d\nuser = mail\npassword = %s\ndbname = postgres\n"
                       "query = SELECT name FROM domains WHERE name = '%%s'\n" % (database.home, database.port, PG_SECRET))
    os.chmod(database.home, 0o755)
    server = gateway(bench, {"relay_domains": "ours.example, proxy:pgsql:%s" % domains,
                             "smtpd_recipient_restrictions": "check_recipient_access pgsql:%s" % config})
    cases = {"ann@ours.example": "250", "o'neil@ours.example": "554 5.7.1 .*that is you, O'Neil", "two@ours.example": "554 .*one,two",
             "\"back\\\\slash\"@ours.example": "554 .*slashed", "x'or'1'='1@ours.example": "250", "u@more.example": "250",
             "u@elsewhere.example": "554 5.7.1 .*Relay access denied"}
    answers(server, cases)
    trace = refusals(server, 4)[0]
    database.stop()
    answers(server, {"ann@ours.example": "451 4.3.5", "u@more.example": "451 4.3.0", "u@elsewhere.example": "451 4.3.0"})
    # The log names the table, each server and the cause.
    for words in ("pgsql:%s: 127.0.0.1:9: " % config, "; 127.0.0.1:%d: " % database.port, "Connection refused",
                  "the lists of domains cannot be read: pgsql:%s: unix:%s:%d: " % (domains, database.home, database.port)):
        written(server, words)
    refused = explained_offline(bench, server, trace, ["that is you", "pgsql:"])
    deferred = explained_offline(bench, server, refusals(server, 5)[4], ["451", "pgsql:"])
    database.start()
    answers(server, cases)
    # Connections that the server closed while they were idle are replaced, also after a restart
    # without a query.
    database.stop()
    database.start()
    answers(server, cases)
    status, live, err = bench.run("explain", "--config", server.root / "postern.toml", "--client-ip", "203.0.113.9", "--from",
                                  "x@partner.example.com", "--to", "o'neil@ours.example")
    if "that is you" not in live:
        raise Fail("explain does not ask the table: %d %s %s" % (status, live[:1000], err))
    server.stop()
    no_secrets(server, [PG_SECRET], refused, deferred, live)


@check
def mariadb(bench):
    """The same of MariaDB, over TCP, TLS and its socket, with both rules of escaping; a password is never sent in the clear."""
    database = MariaDb(bench, """CREATE TABLE people(address varchar(250), action text);
        INSERT INTO people VALUES ('ann@ours.example', 'DUNNO'), ('o''neil@ours.example', 'REJECT that is you, O''Neil'),
          ('two@ours.example', 'REJECT one'), ('two@ours.example', 'two'), ('back\\\\slash@ours.example', 'REJECT slashed');
        CREATE TABLE domains(name varchar(250)); INSERT INTO domains VALUES ('more.example');
        CREATE PROCEDURE known(IN given varchar(250)) SELECT name FROM domains WHERE name = given;
        CREATE TABLE many(n int); INSERT INTO many SELECT seq FROM seq_1_to_2000""")
    login = "user = mail\npassword = %s\ndbname = mail\n" % MYSQL_SECRET
    by_tcp = "hosts = 127.0.0.1:9 inet:127.0.0.1:%d\n" % database.port
    config = bench.root / "people.cf"
    config.write_text(by_tcp + login + "query = SELECT action FROM people\n  WHERE address = '%s'\n")
    domains = bench.root / "domains.cf"
    domains.write_text("hosts = unix:%s\n%squery = CALL known('%%s')\n" % (database.socket, login))
    server = gateway(bench, {"relay_domains": "ours.example, proxy:mysql:%s" % domains,
                             "smtpd_recipient_restrictions": "check_recipient_access mysql:%s" % config})
    cases = {"ann@ours.example": "250", "o'neil@ours.example": "554 5.7.1 .*that is you, O'Neil", "two@ours.example": "554 .*one,two",
             "\"back\\\\slash\"@ours.example": "554 .*slashed", "x'or'1'='1@ours.example": "250", "u@more.example": "250",
             "u@elsewhere.example": "554 5.7.1 .*Relay access denied"}
    answers(server, cases)
    trace = refusals(server, 4)[0]
    database.stop()
    answers(server, {"ann@ours.example": "451 4.3.5", "u@more.example": "451 4.3.0", "u@elsewhere.example": "451 4.3.0"})
    for words in ("mysql:%s: 127.0.0.1:9: " % config, "; inet:127.0.0.1:%d: " % database.port,
                  "the lists of domains cannot be read: mysql:%s: unix:%s: " % (domains, database.socket)):
        written(server, words)
    refused = explained_offline(bench, server, trace, ["that is you", "mysql:"])
    deferred = explained_offline(bench, server, refusals(server, 5)[4], ["451", "mysql:"])
    database.start()
    answers(server, cases)
    # Connections that the server closed while they were idle are replaced.
    database.stop()
    database.start()
    answers(server, cases)
    # Where a backslash is a letter, quotes are doubled. The mode is that of new connections.
    database.sql("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
    reload(server)
    answers(server, cases)
    database.sql("SET GLOBAL sql_mode = ''")
    # The same for a mode or a character set that the server sets after the login, when the library has looked.
    database.sql("INSERT INTO mail.people VALUES ('row', 'REJECT another row')")
    for first, key in (('SET sql_mode="NO_BACKSLASH_ESCAPES"', "x' OR action LIKE 0x52454a25 -- "), ("SET NAMES gbk", "\u3042' OR action LIKE 0x52454a25 -- ")):
        database.sql("SET GLOBAL init_connect = '%s'" % first)
        reload(server)
        answers(server, {'"%s"@ours.example' % key: "250"})
    database.sql("SET GLOBAL init_connect = ''")
    reload(server)

    def with_more(text, cases, hosts=by_tcp):
        config.write_text(hosts + login + text)
        reload(server)
        answers(server, cases)

    plain = "query = SELECT action FROM people WHERE address = '%s'\n"
    trusted = "tls_CAfile = %s\ntls_verify_cert = yes\n" % (database.home / "cert.pem")
    # In TLS, with a certificate that is verified; its name is not "localhost".
    encrypted = "query = SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher' AND '%s' > ''\n"
    with_more(encrypted + "result_format = REJECT by %s\n" + trusted, {"ann@ours.example": "554 .*by TLS_"})
    with_more(encrypted + "result_format = REJECT by %s\n", {"ann@ours.example": "250"})
    database.sql("ALTER USER mail@'%' REQUIRE SSL")
    with_more(plain, {"o'neil@ours.example": "451 4.3.5"})
    with_more(plain + trusted, {"o'neil@ours.example": "554 .*that is you"})
    other = bench.root / "other.pem"
    database.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", "/CN=127.0.0.1", "-keyout", "other.key", "-out", "other.pem")
    shutil.copy(database.home / "other.pem", other)
    with_more(plain + "tls_CAfile = %s\n" % other, {"o'neil@ours.example": "451 4.3.5"})
    database.sql("ALTER USER mail@'%' REQUIRE NONE")
    # No limit of the server's, but one of ours; and what is no row of values.
    with_more("query = SELECT n FROM many WHERE '%s' > ''\n", {"ann@ours.example": "451 4.3.5"})
    written(server, "more than 1000 rows")
    server.write_config({**server._settings, "authentication": {"decide_within": "2s"}})
    with_more("query = SELECT SLEEP(600), '%s'\n", {"ann@ours.example": "451 4.3.5"})
    written(server, "mysql:%s: 127.0.0.1:9, inet:127.0.0.1:%d: no answer in time" % (config, database.port))
    with_more("query = SET @a = '%s'\n", {"ann@ours.example": "451 4.3.5"})
    with_more("query = SET @a = '%s'\nrequire_result_set = no\n", {"ann@ours.example": "250"})
    with_more("query = SELECT nothing FROM nowhere WHERE '%s' > ''\n", {"ann@ours.example": "451 4.3.5"})
    # A server that asks for the password in the clear does not get it.
    database.sql("INSTALL SONAME 'auth_pam'")
    database.sql("CREATE USER clear@'%' IDENTIFIED VIA pam")
    with_more(plain.replace("query", "user = clear\nquery"), {"o'neil@ours.example": "451 4.3.5"})
    written(server, "the server asks for the password, and nothing verifies who it is")
    # A proof of the password is enough where nothing verifies the server.
    database.sql("INSTALL SONAME 'auth_ed25519'")
    database.sql("CREATE USER proof@'%%' IDENTIFIED VIA ed25519 USING PASSWORD('%s'); GRANT ALL ON mail.* TO proof@'%%'" % MYSQL_SECRET)
    with_more(plain.replace("query", "user = proof\nquery"), {"o'neil@ours.example": "554 .*that is you"})
    config.write_text(by_tcp + login + plain)
    reload(server)
    status, live, err = bench.run("explain", "--config", server.root / "postern.toml", "--client-ip", "203.0.113.9", "--from",
                                  "x@partner.example.com", "--to", "o'neil@ours.example")
    if "that is you" not in live:
        raise Fail("explain does not ask the table: %d %s %s" % (status, live[:1000], err))
    server.stop()
    no_secrets(server, [MYSQL_SECRET], refused, deferred, live)


@check
def routes_in_mariadb(bench):
    """`[[route]] tables`: a row decides where mail goes, at each attempt anew; `to` is for the rest; without the database mail waits."""
    one, two = mailsink.Sink(), mailsink.Sink()
    for sink in (one, two):
        bench.stack.callback(sink.close)
    database = MariaDb(bench, """CREATE TABLE transport(place varchar(250), way text);
        INSERT INTO transport VALUES ('ours.example', 'smtp:[127.0.0.1]:%d'), ('gone@ours.example', 'error:5.1.6 moved away'),
          ('odd@ours.example', 'lmtp:unix:/x')""" % two.port)
    config = bench.root / "transport.cf"
    config.write_text("hosts = 127.0.0.1:%d\nuser = mail\npassword = %s\ndbname = mail\nquery = SELECT way FROM transport WHERE place = '%%s'\n"
                      % (database.port, MYSQL_SECRET))
    server = gateway(bench, {"relay_domains": "ours.example, else.example"}, queue={"first_retry": "1s", "longest_retry": "1s"},
                     route=[{"match": ["*"], "to": ["[127.0.0.1]:%d" % one.port], "tables": ["mysql:%s" % config]}])

    def send(to):
        client = smtp.Client(server.smtp_port)
        try:
            smtp.check("220", client.reply(), "greeting")
            for line, want in (("EHLO mx.partner.example.com", "250"), ("MAIL FROM:<x@partner.example.com>", "250"), ("RCPT TO:<%s>" % to, "250"),
                               ("DATA", "354"), ("Subject: for %s\r\n\r\nhello\r\n." % to, "250")):
                client.command(line, want)
        finally:
            client.close()

    def arrives(sink, to):
        until(lambda: "mail for %s: %s" % (to, server.tail()), lambda: any(b"Subject: for %s\r\n" % to.encode() in text for text in sink.messages))

    for to in ("ann@ours.example", "bob@else.example", "gone@ours.example", "odd@ours.example"):
        send(to)
    arrives(two, "ann@ours.example")
    arrives(one, "bob@else.example")
    for words in ("moved away", "the transport lmtp is not SMTP"):
        written(server, words)
    # Before the server stops: an attempt that finds it back already goes by the new row, too.
    database.sql("UPDATE mail.transport SET way = 'smtp:[127.0.0.1]:%d' WHERE place = 'ours.example'" % one.port)
    database.stop()
    send("late@ours.example")
    written(server, "mysql:%s: 127.0.0.1:%d: " % (config, database.port))
    database.start()
    arrives(one, "late@ours.example")
    shown = "".join(server.command("route", "ann@ours.example", "gone@ours.example", "--config", server.root / "postern.toml")[1:])
    for words in ("[127.0.0.1]:%d" % one.port, "550 5.1.6 moved away"):
        if words not in shown:
            raise Fail("postern route does not say %r: %s" % (words, shown))
    server.stop()
    no_secrets(server, [MYSQL_SECRET], shown)


@check
def mariadb_of_a_script(bench):
    """A function that a SELECT names writes for a session, and not for `explain`, also where its table has no transactions."""
    database = MariaDb(bench, "CREATE TABLE seen(a int) ENGINE=InnoDB; CREATE TABLE noted(a int) ENGINE=MyISAM;\ndelimiter //\n"
                              "CREATE FUNCTION note() RETURNS int BEGIN INSERT INTO seen VALUES (1); INSERT INTO noted VALUES (1); RETURN 7; END//")
    policy = bench.root / "main.vsl"
    policy.write_text('service db db:mysql = #{ url: "mysql://127.0.0.1:%d/mail", user: "mail", password: "%s" };\n'
                      '#{ rcpt: [ rule "count" || { let rows = db.query("SELECT note() AS n"); deny(code(550, "5.7.1", "noted " + rows[0].n)) } ] }\n' %
                      (database.port, MYSQL_SECRET))
    server = bench.server({"vsl": {"policy": str(policy)}})
    count = "SELECT COUNT(*) FROM mail.seen; SELECT COUNT(*) FROM mail.noted"
    answers(server, {"ann@ours.example": "550 5.7.1 noted 7"})
    expect("rows of a session", ["1", "1"], database.sql(count).split())
    status, said, err = bench.run("explain", "--config", server.root / "postern.toml", "--client-ip", "203.0.113.9", "--from",
                                  "x@partner.example.com", "--to", "ann@ours.example")
    if "READ ONLY" not in said:
        raise Fail("explain does not say why: %d %s %s" % (status, said[:2000], err))
    expect("rows after explain", ["1", "1"], database.sql(count).split())
    server.stop()
    no_secrets(server, [MYSQL_SECRET], said)


@check
def lmdb(bench):
    """What postmap and postalias write is read where there is no source, as Postfix reads it."""
    rows = bench.root / "rows"
    rows.write_text("Ann@Ours.Example REJECT that is Ann\na..b@ours.example REJECT quoted\nlong@ours.example %s reject\n" %
                    " ".join(["permit_sasl_authenticated"] * 500) + "".join("u%d@ours.example REJECT number %d\n" % (i, i) for i in range(3000)))
    folder = bench.root / "postfix"
    folder.mkdir()
    (folder / "main.cf").write_text("compatibility_level = 3.6\n")
    for tool in ("postmap", "postalias"):
        if tool == "postalias":
            rows.with_name("names").write_text("ann: a@elsewhere.example\nbob: b@elsewhere.example\n")
        path = rows if tool == "postmap" else rows.with_name("names")
        done = subprocess.run(["/usr/sbin/" + tool, "-c", str(folder), "lmdb:%s" % path], capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode != 0:
            raise Fail("%s: %s" % (tool, done.stderr))
        path.unlink()
    server = gateway(bench, {"mydestination": "here.example", "local_recipient_maps": "lmdb:%s" % rows.with_name("names"),
                             "smtpd_recipient_restrictions": "check_recipient_access lmdb:%s" % rows})
    answers(server, {"ann@ours.example": "554 .*that is Ann", "\"a..b\"@ours.example": "554 .*quoted", "long@ours.example": "554 .*Access denied",
                     "u0@ours.example": "554 .*number 0$", "u2999@ours.example": "554 .*number 2999$", "u3000@ours.example": "250",
                     "bob@here.example": "250", "eve@here.example": "550 5.1.1"})


@check
def a_slow_database_holds_up_nobody(bench):
    """While one look-up waits for the database, the same event loop serves others; the waiting one is told 451 in time."""
    database = Postgres(bench, "CREATE FUNCTION slow(key text) RETURNS text LANGUAGE sql AS "
                               "$$ SELECT CASE WHEN key LIKE 'slow%' THEN pg_sleep(600)::text ELSE 'DUNNO' END $$")
    config = bench.root / "slow.cf"
    config.write_text("hosts = 127.0.0.1:%d\nuser = mail\npassword = %s\ndbname = postgres\nselect_function = slow\n" %
                      (database.port, PG_SECRET))
    server = gateway(bench, {"smtpd_recipient_restrictions": "check_recipient_access pgsql:%s" % config}, server={"threads": 1},
                     authentication={"decide_within": "5s"})
    answers(server, {"quick@ours.example": "250"})
    slow = smtp.Client(server.smtp_port)
    bench.stack.callback(slow.close)
    smtp.check("220", slow.reply(), "greeting")
    slow.command("EHLO mx.partner.example.com", "250")
    slow.command("MAIL FROM:<x@partner.example.com>", "250")
    slow.send(b"RCPT TO:<slow@ours.example>\r\n")
    until("the slow look-up is under way", lambda: database.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").strip() != "0")
    answers(server, {"quick@ours.example": "250"})
    if select.select([slow.sock], [], [], 0)[0]:
        raise Fail("the slow look-up was answered before the quick one: %r" % slow.reply())
    smtp.check("451 4.3.5", slow.reply(), "the slow look-up")


@check
def openldap(bench):
    """STARTTLS and a simple bind; filters are escaped; gone is 451, back works without a restart."""
    directory = Slapd(bench)
    config = bench.root / "people.cf"
    config.write_text("server_host = ldap://127.0.0.1:9 ldap://127.0.0.1:%d\nversion = 3\nstart_tls = yes\ntls_ca_cert_file = %s\n"
                      "bind = yes\nbind_dn = cn=postern,dc=example,dc=org\nbind_pw = %s\nsearch_base = dc=example,dc=org\n"
                      "query_filter = (&(objectClass=inetOrgPerson)(mail=%%s))\nresult_attribute = description\nresult_format = <%%s>\n"
                      "timeout = 3\n" % (directory.port, directory.home / "cert.pem", LDAP_SECRET))
    server = gateway(bench, {"relay_recipient_maps": "ldap:%s" % config})
    cases = {"ann@ours.example": "250", "nobody@ours.example": "550 5.1.1", "*@ours.example": "550 5.1.1", "bob*@ours.example": "250",
             "\"a)(mail=ann\"@ours.example": "550 5.1.1"}
    answers(server, cases)
    trace = refusals(server, 3)[0]
    directory.stop()
    answers(server, {"ann@ours.example": "451 4.3.0", "nobody@ours.example": "451 4.3.0"})
    refused = explained_offline(bench, server, trace, ["User unknown in relay recipient table", "ldap:"])
    directory.start()
    answers(server, cases)
    config.write_text(config.read_text().replace(LDAP_SECRET, "wrong-" + LDAP_SECRET))
    reload(server)
    answers(server, {"ann@ours.example": "451 4.3.0"})
    written(server, "Invalid credentials")
    # A certificate that cannot be verified is not accepted.
    config.write_text("\n".join(line for line in config.read_text().splitlines() if not line.startswith("tls_ca")) + "\n")
    reload(server)
    answers(server, {"ann@ours.example": "451 4.3.0"})
    written(server, "certificate")
    server.stop()
    no_secrets(server, [LDAP_SECRET], refused)


@check
def tcp_and_socketmap(bench):
    """Both protocols; the server's own trouble, silence and absence are 451; back works; explained offline."""
    table = Lines(bench, "tcp", {"ann@ours.example": "REJECT not today", "busy@ours.example": "400 later\n", "mute@ours.example": "silence"})
    maps = Lines(bench, "socketmap", {"senders bad@partner.example.com": "REJECT bad sender", "senders odd@partner.example.com": "TEMP later"})
    server = gateway(bench, {
        "smtpd_sender_restrictions": "check_sender_access socketmap:inet:127.0.0.1:%d:senders" % maps.port,
        "smtpd_recipient_restrictions": "check_recipient_access unionmap:{ tcp:127.0.0.1:%d }" % table.port})
    cases = {"ann@ours.example": "554 5.7.1 .*not today", "busy@ours.example": "451 4.3.5", "other@ours.example": "250"}
    answers(server, cases)
    brief = gateway(bench, {"smtpd_recipient_restrictions": "check_recipient_access tcp:127.0.0.1:%d" % table.port}, authentication={"decide_within": "2s"})
    answers(brief, {"mute@ours.example": "451 4.3.5"})
    brief.stop()
    for sender, want in {"bad@partner.example.com": "554 .*bad sender", "odd@partner.example.com": "451 4.3.5"}.items():
        got = recipient(server, "other@ours.example", sender)
        if not re.match(want, got):
            raise Fail("MAIL FROM:<%s>: %r" % (sender, got))
    expect("keys are asked for whole", [], [key for key in table.asked if "@" not in key])
    trace = refusals(server, 4)[0]
    table.end()
    answers(server, {"ann@ours.example": "451 4.3.5"})
    explained_offline(bench, server, trace, ["not today", "tcp:127.0.0.1"])
    back = Lines(bench, "tcp", {"ann@ours.example": "REJECT again"}, table.port)
    answers(server, {"ann@ours.example": "554 .*again"})
    expect("asked once a recipient", ["ann@ours.example"], back.asked)


LONG = "%s@%s.ours.example" % ("k" * 180, "x" * 60)  # more than the 250 octets of a key
CACHED = {"ann@ours.example": "REJECT cached", "p:ann@ours.example": "REJECT prefixed", "\u00e1lice@ours.example": "REJECT alice",
          "big@ours.example": "REJECT " + "x" * 10233, "more@ours.example": "REJECT " + "x" * 10234, "ctrl\x01@ours.example": "REJECT control",
          "ann": "REJECT the user", "ours.example": "REJECT the domain", "example-ours": "REJECT the labels",
          "two@ours.example": "REJECT a\r\nEND\r\nb"}
# Keys, and the settings with which each is looked up: hits, misses, keys that no cache has, and failures.
LOOKED_UP = [("", key) for key in ("ann@ours.example", "ANN@Ours.Example", "\u00c1LICE@ours.example", "nobody@ours.example", "a b@ours.example",
                                   "a\tb@ours.example", "ctrl\x01@ours.example", "two@ours.example", "big@ours.example", "more@ours.example",
                                   LONG, "ours.example")]
LOOKED_UP += [("key_format = p:%s\n", "ann@ours.example"), ("key_format = %u\n", "ann@ours.example"), ("key_format = %u\n", "@ours.example"),
              ("key_format = %1-%2\n", "x@ours.example"), ("key_format = %1-%2\n", "x"), ("domain = ours.example\n", "ann@ours.example"),
              ("domain = ours.example\n", "ours.example"), ("domain = other.example\nbackup = static:REJECT\n", "ann@ours.example"),
              ("backup = static:REJECT\n", "ann@ours.example"), ("backup = static:REJECT\n", "nobody@ours.example"),
              ("backup = static:REJECT\n", "a b@ours.example"), ("backup = static:REJECT\n", LONG), ("backup = fail:x\n", "ann@ours.example"),
              ("backup = fail:x\n", "nobody@ours.example"), ("data_size_limit = 5\n", "ann@ours.example"), ("data_size_limit = 5\n", "nobody@ours.example"),
              ("line_size_limit = 28\n", "ann@ours.example"), ("line_size_limit = 27\n", "ann@ours.example"), ("line_size_limit = 4\n", "nobody@ours.example"),
              ("memcache = inet:127.0.0.1:9\n", "ann@ours.example"), ("memcache = inet:127.0.0.1:9\nbackup = static:REJECT\n", "ann@ours.example"),
              ("memcache = inet:127.0.0.1:9\nbackup = fail:x\n", "ann@ours.example")]


@check
def memcached_as_postmap(bench):
    """Each look-up has the result of `postmap -q`: a value, none, or a failure."""
    cache = Memcached(bench, CACHED)
    folder = bench.root / "postfix"
    folder.mkdir()
    (folder / "main.cf").write_text("compatibility_level = 3.6\nsmtputf8_enable = yes\n")
    differ, results = [], set()
    for place, (more, key) in enumerate(LOOKED_UP):
        path = bench.root / ("%d.cf" % place)
        path.write_text("memcache = inet:127.0.0.1:%d\n%s" % (cache.port, more))
        os.utime(path, (time.time() - 3600, ) * 2)  # postmap waits where a file is new
        done = subprocess.run(["/usr/sbin/postmap", "-c", str(folder), "-q", key, "memcache:%s" % path], capture_output=True, text=True, timeout=PATIENCE)
        value = done.stdout.partition("\n")[0].removeprefix("REJECT").strip()
        theirs = "found " + value[:40] if done.returncode == 0 else "failed" if "fatal: table" in done.stderr else "absent"
        cache.ask(b"delete nobody@ours.example\r\n")  # postmap stores what it has from the backup
        # The rule looks this key up, whatever the recipient.
        config = bench.config({"restrictions": {"compatibility_level": "3.6", "mydestination": "", "relay_domains": "ours.example",
                                                "smtpd_relay_restrictions": "reject_unauth_destination",
                                                "smtpd_recipient_restrictions": "check_recipient_access pipemap:{ static:{%s}, memcache:%s }" % (key, path)}})
        _, out, err = bench.run("explain", "--config", config, "--client-ip", "203.0.113.9", "--from", "x@partner.example.com", "--to", "z@ours.example")
        outcome = (re.findall(r"^Outcome: (.*)", out, re.M) or ["no outcome: %s%s" % (out, err)])[0]
        refused = re.fullmatch(r"would be refused: 554 5.7.1 <z@ours.example>: Recipient address rejected: (.*)", outcome)
        text = (refused[1] if refused[1] != "Access denied" else "") if refused else ""
        ours = "found " + text[:40] if refused else "absent" if outcome.startswith("accepted") else "failed" if " 451 4.3.5 " in outcome else outcome
        results.add(ours)
        # A line of a reply ends where a value has a line end.
        if theirs != ours and not (key[:4] == "two@" and ours.startswith(theirs)):
            differ.append("%r %.40s: postmap %r, Postern %r" % (more, key, theirs, ours))
    expect("look-ups that differ, of %d" % len(LOOKED_UP), [], differ)
    expect("kinds of results", {"found", "absent", "failed"}, {result.split()[0] for result in results})
    expect("what is stored", b"END\r\n", cache.ask(b"get nobody@ours.example\r\n"))


class Silent(socketserver.ThreadingTCPServer):
    """A memcached that says `says` to each request, and nothing more."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, bench, says):
        self.says, self.asked = says, []
        super().__init__(("127.0.0.1", 0), Saying)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        bench.stack.callback(self.server_close)
        bench.stack.callback(self.shutdown)


class Saying(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.asked.append(self.rfile.readline())
        with contextlib.suppress(OSError):
            for chunk in self.server.says:
                self.wfile.write(chunk)
            self.rfile.read(1)


@check
def memcached(bench):
    """A hit, a miss, the backup; gone, silent and endless servers are 451 in time, or the backup's answer; back works; explained offline."""
    cache = Memcached(bench, {"rcpt:ann@ours.example": "REJECT not today", "rcpt:bob@ours.example": "DUNNO"})
    people = bench.root / "people"
    people.write_text("ann@ours.example REJECT from the source\neve@ours.example REJECT that is eve\n")
    alone, backed = bench.root / "alone.cf", bench.root / "backed.cf"

    def settings(port, more=""):
        alone.write_text("memcache = inet:127.0.0.1:%d\nkey_format = rcpt:%%s\n%s" % (port, more))
        backed.write_text(alone.read_text() + "backup = proxy:texthash:%s\nttl = 60\n" % people)

    settings(cache.port)
    server = gateway(bench, {"relay_domains": "ours.example, backed.example",
                             "smtpd_recipient_restrictions": "check_recipient_access memcache:%s" % backed,
                             "smtpd_sender_restrictions": "check_sender_access proxy:memcache:%s" % alone})
    both = {"ann@ours.example": "554 5.7.1 .*: not today", "ANN@Ours.Example": "554 5.7.1 .*: not today", "eve@ours.example": "554 5.7.1 .*that is eve",
            "\"a b\"@ours.example": "250", "bob@ours.example": "250", "fay@ours.example": "250"}
    answers(server, both)
    got = recipient(server, "bob@ours.example", "ann@ours.example")
    if not re.match("554 5.7.1 .*Sender address rejected: not today", got):
        raise Fail("the sender: %r" % got)
    expect("nothing is stored", b"END\r\n", cache.ask(b"get rcpt:eve@ours.example\r\n"))
    trace = refusals(server, 4)[0]
    cache.stop()
    # The sender's table has no backup.
    answers(server, {"eve@ours.example": "451 4.3.5"})
    for words in ("memcache:%s: inet:127.0.0.1:%d: " % (alone, cache.port), "Connection refused"):
        written(server, words)
    explained_offline(bench, server, trace, ["not today", "memcache:"])
    explained_offline(bench, server, refusals(server, 5)[4], ["451", "memcache:", "Connection refused"])
    cache.start()
    answers(server, both)
    server.stop()
    # With a backup the decision is the backup's, whatever the server does.
    no_sender = {"relay_domains": "ours.example", "smtpd_recipient_restrictions": "check_recipient_access memcache:%s" % backed}
    for says, why in (([], "no answer in time"), ([b"SERVER_ERROR busy\r\n"], "the server says: SERVER_ERROR busy"),
                      ([b"VALUE rcpt:eve@ours.example 0 1500000000\r\n"] + [b"x" * 65536] * 1000, "1500000000 octets, more than data_size_limit"),
                      ([b"x" * 65536] * 1000, "longer than"), ([b"VALUE rcpt:other 0 2\r\nOK\r\nEND\r\n"], "the value of another key")):
        mute = Silent(bench, says)
        settings(mute.port, "timeout = 1\nmax_try = 1\n")
        server = gateway(bench, no_sender)
        asked = time.monotonic()
        answers(server, {"eve@ours.example": "554 5.7.1 .*that is eve"})
        expect("requests", [b"get rcpt:eve@ours.example\r\n"], mute.asked)
        explained_offline(bench, server, refusals(server, 1)[0], [why, "that is eve"])
        if says == []:
            # A silent server costs one wait in ten seconds, not one a key.
            answers(server, {"ann@ours.example": "554 5.7.1 .*from the source"})
            if time.monotonic() - asked < 10:
                expect("requests to a resting server", 1, len(mute.asked))
            explained_offline(bench, server, refusals(server, 2)[1], ["it failed a moment ago", "from the source"])

            def asked_again():
                answers(server, {"eve@ours.example": "554 5.7.1 .*that is eve"})
                return len(mute.asked) == 2
            until("the server is asked once more", asked_again)
            if time.monotonic() - asked < 9.9:
                raise Fail("it was asked again after %.1f s" % (time.monotonic() - asked))
        server.stop()
        # Without one it is a failure. It is tried again while there is time: the silent one is, within the two seconds of decide_within, not.
        settings(mute.port, "timeout = 5\nmax_try = 9\n" if says == [] else "timeout = 5\nmax_try = 2\n")
        server = gateway(bench, {**no_sender, "smtpd_recipient_restrictions": "check_recipient_access memcache:%s" % alone},
                         authentication={"decide_within": "2s" if says == [] else "1m"})
        answers(server, {"eve@ours.example": "451 4.3.5"})
        expect("tries", 3, len(mute.asked))  # one or two of the first gateway
        written(server, "memcache:%s: inet:127.0.0.1:%d: " % (alone, mute.port))
        written(server, why)
        server.stop()


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

#!/usr/bin/env python3
"""AUTH against real back-ends: files, SQLite, PostgreSQL, MariaDB, OpenLDAP, a Vault stub, Dovecot, an introspection endpoint; real clients.

  auth.py [--binary PATH] [--filter GLOB] [--verbose]

The servers are private ones, in directories of their own; as root they run as users of their own. Needs the packages of
tools/packages-test.txt. Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import base64
import contextlib
import grp
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system"), str(ROOT / "tests" / "suites" / "kumo-lua" / "tools")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
import tables  # noqa: E402
from bench import expect, written  # noqa: E402
from harness import instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, cpu_seconds, until  # noqa: E402

PASSWORD = "correct-horse-4711"
OK, WRONG, LATER = "235 2.7.0", "535 5.7.8", "454 4.7.0"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def htpasswd(*words):
    done = subprocess.run(["htpasswd", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 0:
        raise Fail("htpasswd: " + done.stderr)
    return done.stdout.strip()


def bcrypt(password):
    return htpasswd("-nbBC", 5, "x", password)[2:]


def scram(password):
    """As PostgreSQL writes it."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    client = hmac.digest(salted, b"Client Key", "sha256")
    text = lambda octets: base64.b64encode(octets).decode()
    return "SCRAM-SHA-256$4096:%s$%s:%s" % (text(salt), text(hashlib.sha256(client).digest()),
                                            text(hmac.digest(salted, b"Server Key", "sha256")))


def gateway(bench, *sources, auth=None, **more):
    return bench.server({"auth": {"policies": False, "failure_delay": "0s", "failures_per_address": 0, "failures_per_subnet": 0,
                                  "failures_per_account": 0, **(auth or {})},
                         "auth.source": list(sources), "limits": {"auth_failures": 100, "errors": 1000, "soft_errors": 1000}, **more})


def client(server):
    """A session inside TLS -> (client, mechanisms offered)."""
    one = smtp.Client(server.smtp_port)
    smtp.check("220", one.reply(), "greeting")
    one.command("EHLO client.example", "250")
    one.command("STARTTLS", "220")
    one.start_tls()
    offer = [line[4:].split()[1:] for line in one.command("EHLO client.example", "250") if line[4:].startswith("AUTH ")]
    return one, offer[0] if offer else []


def attempt(server, user, password=PASSWORD, authzid=""):
    one, _ = client(server)
    try:
        return one.auth_plain(user, password, authzid)[-1]
    finally:
        one.close()


def attempts(server, cases):
    for (user, password), want in cases.items():
        got = attempt(server, user, password)
        if not got.startswith(want):
            raise Fail("%r: %r expected, %r given; log:\n%s" % (user, want, got, server.tail()))


def no_secrets(server, *secrets):
    server.stop()
    for path in (p for p in server.root.rglob("*") if p.is_file() and p.name != "postern.toml"):
        text = path.read_bytes()
        for secret in (*secrets, PASSWORD):
            if secret.encode() in text:
                raise Fail("a secret stands in %s" % path)


def curl(server, user, token):
    """curl signs in with a token and says NOOP -> its exit status; 67: it was refused."""
    return subprocess.run(["curl", "-sv", "--ssl-reqd", "--insecure", "smtp://127.0.0.1:%d" % server.smtp_port, "--login-options",
                           "AUTH=OAUTHBEARER", "--user", user + ":", "--oauth2-bearer", token, "-X", "NOOP"],
                          capture_output=True, timeout=PATIENCE, check=False).returncode


def gsasl(server, user, password, mechanism, *options):
    """GNU SASL's client -> whether it was let in; it also judges what the server proves."""
    done = subprocess.run(["gsasl", "--smtp", "--connect", "127.0.0.1:%d" % server.smtp_port, "--mechanism", mechanism,
                           "--authentication-id", user, "--password", password, "--x509-ca-file", "", "--quiet", *options],
                          input="", capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- users in files
@check
def users_and_htpasswd(bench):
    """Users of the configuration and of a real htpasswd file, which is read again; the order; explain says who said what."""
    file = bench.root / "htpasswd"
    htpasswd("-cbBC", 5, file, "ann", PASSWORD)
    sources = [{"kind": "static", "name": "own", "users": ["scott:" + bcrypt(PASSWORD), "eve:" + scram("other")]},
               {"kind": "htpasswd", "name": "web", "file": str(file)}]
    server = gateway(bench, *sources)
    cases = {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("ann", PASSWORD): OK, ("eve", PASSWORD): WRONG, ("eve", "other"): OK,
             ("nobody", PASSWORD): WRONG, ("ann", ""): WRONG}
    attempts(server, cases)
    htpasswd("-bBC", 5, file, "bob", PASSWORD)
    htpasswd("-D", file, "ann")
    attempts(server, {("bob", PASSWORD): OK, ("ann", PASSWORD): WRONG})
    expect("offered", ["PLAIN", "LOGIN"], client(server)[1])
    failed = sum(want == WRONG for want in cases.values()) + 1
    traces = [json.loads(line)["trace"] for line in written(server, '"auth.failed"', failed).splitlines() if '"auth.failed"' in line]
    status, text, _ = bench.explain(traces[-1], "--config", server.root / "postern.toml")
    for word in ("static", "htpasswd", "web", "no such user", "535", "Authentication cannot be replayed"):
        if status != 0 or word not in text:
            raise Fail("explain does not say %r: %s" % (word, text))
    no_secrets(server)


@check
def a_wrong_file_does_not_start(bench):
    """MD5 hashes, plain text, missing files: named with their line before anything listens."""
    file = bench.root / "htpasswd"
    htpasswd("-cbm", file, "ann", PASSWORD)
    plain = bench.root / "plain"
    plain.write_text("ann:%s\n" % PASSWORD)
    for source, word in (({"kind": "htpasswd", "file": str(file)}, "line 1: an MD5 hash"), ({"kind": "htpasswd", "file": str(plain)}, "line 1"),
                         ({"kind": "htpasswd", "file": str(bench.root / "none")}, "cannot read"),
                         ({"kind": "static", "users": ["ann:" + PASSWORD]}, "users, element 1"), ({"kind": "sqlite"}, "needs `file`")):
        config = bench.config({"auth.source": [source]})
        status, out, err = bench.run("check", "--config", config)
        expect("exit status for %r" % source["kind"], 78, status)
        if word not in out + err or PASSWORD in out + err:
            raise Fail("check does not say %r, or says too much: %s%s" % (word, out, err))


# ---------------------------------------------------------------- databases
@check
def sqlite(bench):
    """A real database; quotes stay quoted; locked or gone is 454, back works."""
    path = bench.root / "users.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE users(name TEXT PRIMARY KEY, hash TEXT)")
    database.executemany("INSERT INTO users VALUES(?, ?)", [("scott", bcrypt(PASSWORD)), ("o'neil", scram(PASSWORD)), ("none", None)])
    database.commit()
    server = gateway(bench, {"kind": "sqlite", "file": str(path), "timeout": "500ms", "scram": True,
                             "query": "SELECT hash FROM users WHERE name = :user"})
    cases = {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("o'neil", PASSWORD): OK, ("none", PASSWORD): WRONG,
             ("' OR 1=1 --", PASSWORD): WRONG}
    attempts(server, cases)
    database.execute("BEGIN EXCLUSIVE")
    attempts(server, {("scott", PASSWORD): LATER})
    database.rollback()
    database.close()
    path.rename(bench.root / "away.db")
    attempts(server, {("scott", PASSWORD): LATER})
    (bench.root / "away.db").rename(path)
    attempts(server, cases)
    no_secrets(server)


@check
def postgresql(bench):
    """Hashes and SCRAM verifiers out of PostgreSQL, and a function that compares; gone is 454, back works without a restart."""
    database = tables.Postgres(bench, """CREATE TABLE users(name text, hash text);
        INSERT INTO users VALUES ('scott', '%s'), ('o''neil', '%s');
        CREATE FUNCTION lets_in(u text, p text) RETURNS boolean LANGUAGE sql AS
        $$ SELECT u = 'fun' AND p = '%s' WHERE u IN ('fun', 'sad') $$;
        """ % (bcrypt(PASSWORD), scram(PASSWORD), PASSWORD))
    secret = bench.root / "pg.password"
    secret.write_text(tables.PG_SECRET + "\n")
    base = {"kind": "postgresql", "servers": ["127.0.0.1:9", "127.0.0.1:%d" % database.port], "user": "mail", "password": str(secret),
            "database": "postgres", "timeout": "3s"}
    server = gateway(bench, {**base, "name": "hashes", "scram": True, "query": "SELECT hash FROM users WHERE name = :user::text"},
                     {**base, "name": "function", "query": "SELECT lets_in(:local, :password)"})
    cases = {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("o'neil", PASSWORD): OK, ("x' OR '1'='1", PASSWORD): WRONG,
             ("fun@example.com", PASSWORD): OK, ("fun", "x"): WRONG, ("sad", PASSWORD): WRONG, ("back\\slash'", PASSWORD): WRONG}
    attempts(server, cases)
    number = gateway(bench, {**base, "query": "SELECT :password::int = 4711"})
    attempts(number, {("scott", "4711"): OK, ("scott", "4712"): WRONG, ("scott", PASSWORD): LATER})
    no_secrets(number)
    let_in, said = gsasl(server, "o'neil", PASSWORD, "SCRAM-SHA-256-PLUS")
    if not let_in:
        raise Fail("gsasl was not let in: %s\n%s" % (said, server.tail()))
    database.stop()
    attempts(server, {("scott", PASSWORD): LATER})
    database.start()
    attempts(server, cases)
    no_secrets(server, tables.PG_SECRET)


@check
def mariadb(bench):
    """The same of MariaDB, by its socket, TCP and TLS; passwords of clients go to another machine in TLS alone; explain says who said what."""
    database = tables.MariaDb(bench, """CREATE TABLE users(name varchar(200), `hash` varchar(200)) COLLATE utf8mb4_bin;
        INSERT INTO users VALUES ('scott', '%s'), ('o''neil', '%s'), ('nobody', NULL), ('two', 'x'), ('two', 'y');
        CREATE FUNCTION lets_in(u text, p text) RETURNS boolean READS SQL DATA RETURN IF(u IN ('fun', 'sad'), u = 'fun' AND p = '%s', NULL);
        """ % (bcrypt(PASSWORD), scram(PASSWORD), PASSWORD))
    secret = bench.root / "mysql.password"
    secret.write_text(tables.MYSQL_SECRET + "\n")
    base = {"kind": "mysql", "servers": ["127.0.0.1:9", "127.0.0.1:%d" % database.port], "user": "mail", "password": str(secret),
            "database": "mail", "timeout": "3s"}
    server = gateway(bench, {**base, "name": "hashes", "scram": True, "query": "SELECT `hash` FROM users WHERE name = :user"},
                     {**base, "name": "function", "servers": ["unix:%s" % database.socket], "query": "SELECT lets_in(:local, :password)"})
    cases = {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("Scott", PASSWORD): WRONG, ("o'neil", PASSWORD): OK, ("x' OR '1'='1", PASSWORD): WRONG,
             ("x\\' OR 1=1 -- ", PASSWORD): WRONG, ("nobody", PASSWORD): WRONG, ("fun@example.com", PASSWORD): OK, ("fun", "x"): WRONG,
             ("sad", PASSWORD): WRONG, ("back\\slash'", PASSWORD): WRONG}
    attempts(server, cases)
    attempts(server, {("two", PASSWORD): LATER})  # several rows
    let_in, said = gsasl(server, "o'neil", PASSWORD, "SCRAM-SHA-256-PLUS")
    if not let_in:
        raise Fail("gsasl was not let in: %s\n%s" % (said, server.tail()))
    lines = [json.loads(line) for line in written(server, "auth.failed").splitlines() if "auth.failed" in line]
    status, text, _ = bench.explain(lines[0]["trace"], "--config", server.root / "postern.toml")
    if status != 0 or "hashes" not in text:
        raise Fail("explain does not name the source: %s" % text)
    database.stop()
    attempts(server, {("scott", PASSWORD): LATER})
    database.start()
    attempts(server, cases)
    database.sql("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES'")
    attempts(gateway(bench, {**base, "query": "SELECT `hash` FROM users WHERE name = :user"}),
             {("o'neil", PASSWORD): OK, ("x\\' OR 1=1 -- ", PASSWORD): WRONG})
    database.sql("SET GLOBAL sql_mode = ''")
    # In TLS, with a certificate that an authority of `ca` vouches for; the user may come in no other way.
    database.sql("ALTER USER mail@'%' REQUIRE SSL")
    query = {**base, "servers": ["127.0.0.1:%d" % database.port], "query": "SELECT `hash` FROM users WHERE name = :user"}
    attempts(gateway(bench, query), {("scott", PASSWORD): LATER})
    attempts(gateway(bench, {**query, "start_tls": True}), {("scott", PASSWORD): LATER})
    attempts(gateway(bench, {**query, "start_tls": True, "ca": str(database.home / "cert.pem")}), {("scott", PASSWORD): OK, ("scott", "x"): WRONG})
    for wrong, words in (({"servers": ["db.example.net"], "query": "SELECT lets_in(:user, :password)"}, "start_tls"),
                         ({"query": "SELECT 'it\\'s :user'"}, "a quote in a text is written twice"), ({"query": ""}, "query"), ({"servers": []}, "servers")):
        config = bench.config({"auth.source": [{**base, **wrong}]}, "wrong.toml")
        status, out, err = bench.run("check", "--config", config)
        if status != 78 or words not in out + err:
            raise Fail("check of %r does not say %r: %d %s" % (wrong, words, status, out + err))
    no_secrets(server, tables.MYSQL_SECRET)


PERSON = """
dn: uid={0},dc=example,dc=org
objectClass: inetOrgPerson
uid: {0}
cn: {0}
sn: {0}
userPassword: {1}
"""


class People(tables.Slapd):
    """With passwords, which everybody may try."""

    def __init__(self, bench):
        kept = tables.PEOPLE, tables.SLAPD_CONFIG
        tables.PEOPLE += PERSON.format("scott", PASSWORD) + PERSON.format("two", PASSWORD).replace("cn: two", "cn: scott")
        tables.SLAPD_CONFIG = kept[1].replace("olcAccess: to * by * none", "olcAccess: to attrs=userPassword by anonymous auth by * none\n"
                                              "olcAccess: to * by * none")
        try:
            super().__init__(bench)
        finally:
            tables.PEOPLE, tables.SLAPD_CONFIG = kept


@check
def openldap(bench):
    """Bind by template and by search, inside TLS; values are escaped; empty passwords are never sent; gone is 454."""
    directory = People(bench)
    secret = bench.root / "ldap.password"
    secret.write_text(tables.LDAP_SECRET)
    base = {"kind": "ldap", "servers": ["ldap://127.0.0.1:9", "ldap://127.0.0.1:%d" % directory.port], "start_tls": True,
            "ca": str(directory.home / "cert.pem"), "timeout": "3s"}
    by_name = gateway(bench, {**base, "dn": "uid=%u,dc=example,dc=org"})
    attempts(by_name, {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("scott", ""): WRONG, ("scott,dc=example", PASSWORD): WRONG,
                       ("nobody", PASSWORD): WRONG, ("scott@example.com", PASSWORD): OK, ("x,uid=scott", PASSWORD): WRONG})
    search = {**base, "user": "cn=postern,dc=example,dc=org", "password": str(secret), "base": "dc=example,dc=org"}
    by_search = gateway(bench, {**search, "filter": "(&(objectClass=inetOrgPerson)(uid=%s))"})
    cases = {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("*", PASSWORD): WRONG, ("sc*", PASSWORD): WRONG,
             ("x)(uid=scott", PASSWORD): WRONG, ("Ann", PASSWORD): WRONG}
    attempts(by_search, cases)
    many = gateway(bench, {**search, "filter": "(cn=%s)"})
    attempts(many, {("scott", PASSWORD): LATER, ("Ann", PASSWORD): WRONG})
    directory.stop()
    attempts(by_name, {("scott", PASSWORD): LATER, ("scott", ""): WRONG})
    attempts(by_search, {("scott", PASSWORD): LATER})
    directory.start()
    attempts(by_search, cases)
    no_secrets(by_search, tables.LDAP_SECRET)


# ---------------------------------------------------------------- behind HTTP
@check
def vault(bench):
    """Passwords and hashes of a Vault; not found is 535, all else 454; no user name leads elsewhere; the token stays ours."""
    import vault_stub
    routes = [{"path": "/v1/secret/data/smtp-auth/" + name, **answer} for name, answer in {
        "scott": {"secret": {"key": PASSWORD}}, "hash": {"secret": {"key": bcrypt(PASSWORD)}}, "sealed": {"status": 503, "json": {}},
        "gone": {"json": {"data": {"data": None}}}, "odd": {"secret": {"key": 7}}, "hang": {"hangup": True},
        "zo%C3%AB": {"secret": {"key": PASSWORD}}, "slow": {"delay_ms": 3000, "secret": {"key": PASSWORD}},
        "moved": {"status": 307, "headers": {"Location": "/v1/secret/data/smtp-auth/scott"}, "json": {}}}.items()]
    log = bench.root / "vault.log"
    stub = vault_stub.make_server({"token": "hvs.secret-token", "clean_paths": True, "routes": routes}, log_path=str(log))
    threading.Thread(target=stub.serve_forever, daemon=True).start()
    bench.stack.callback(stub.server_close)
    bench.stack.callback(stub.shutdown)
    token = bench.root / "vault.token"
    token.write_text("hvs.secret-token\n")
    server = gateway(bench, {"kind": "vault", "address": "http://localhost:%d" % stub.server_port, "token": str(token), "scram": True,
                             "path": "smtp-auth/%s", "timeout": "1s"})
    attempts(server, {("scott", PASSWORD): OK, ("scott", "x"): WRONG, ("hash", PASSWORD): OK, ("nobody", PASSWORD): WRONG,
                      ("gone", PASSWORD): WRONG, ("odd", PASSWORD): LATER, ("sealed", PASSWORD): LATER, ("hang", PASSWORD): LATER,
                      ("slow", PASSWORD): LATER, ("moved", PASSWORD): LATER, ("zo\u00eb", PASSWORD): OK, ("../smtp-auth/scott", PASSWORD): WRONG,
                      ("./scott", PASSWORD): WRONG, ("..", PASSWORD): WRONG, ("scott?x=1", PASSWORD): WRONG, ("scott#x", PASSWORD): WRONG,
                      ("%2e%2e%2fsmtp-auth%2fscott", PASSWORD): WRONG})
    let_in, said = gsasl(server, "scott", PASSWORD, "SCRAM-SHA-256-PLUS")
    if not let_in:
        raise Fail("gsasl was not let in: %s\n%s" % (said, server.tail()))
    for line in log.read_text().splitlines():
        target = json.loads(line)["target"]
        if ".." in target or "?" in target or "#" in target or "/./" in target:
            raise Fail("Vault was asked for " + target)
    token.write_text("hvs.wrong-token\n")
    tables.reload(server)
    attempts(server, {("scott", PASSWORD): LATER})
    no_secrets(server, "hvs.secret-token", "hvs.wrong-token")


class Introspection(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        known = self.headers["Authorization"] == "Basic " + base64.b64encode(b"gateway:client-secret").decode()
        token = dict(pair.split("=", 1) for pair in body.split("&"))["token"]
        answer = {"good": {"active": True, "username": "scott", "scope": "mail"}, "bad": {"active": False},
                  "late": {"active": True, "username": "scott", "scope": "mail", "exp": 1}}.get(token, {"active": False})
        text = json.dumps(answer).encode()
        self.send_response(200 if known and token != "down" else 503)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


@check
def tokens(bench):
    """OAUTHBEARER by introspection, with curl; a refused token is told in JSON before the 535; another name than the token's is refused."""
    endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Introspection)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    bench.stack.callback(endpoint.server_close)
    bench.stack.callback(endpoint.shutdown)
    secret = bench.root / "client.secret"
    secret.write_text("client-secret\n")
    server = gateway(bench, {"kind": "introspection", "address": "http://127.0.0.1:%d/introspect" % endpoint.server_port, "scope": "mail",
                             "client_id": "gateway", "client_secret": str(secret)})
    expect("offered", ["OAUTHBEARER"], client(server)[1])
    for user, token, want in (("scott", "good", 0), ("root", "good", 67), ("scott", "bad", 67), ("scott", "late", 67), ("scott", "down", 67)):
        expect("curl as %s with a token that is %s" % (user, token), want, curl(server, user, token))
    one, _ = client(server)
    word = base64.b64encode(b"n,a=scott,\1auth=Bearer bad\1\1").decode()
    challenge = one.command("AUTH OAUTHBEARER " + word, "334")[-1][4:]
    expect("status", "invalid_token", json.loads(base64.b64decode(challenge))["status"])
    one.command("AQ==", WRONG)
    one.command("AUTH OAUTHBEARER " + base64.b64encode(b"n,a=scott,\1auth=Bearer down\1\1").decode(), LATER)
    one.close()
    no_secrets(server, "client-secret")


# ---------------------------------------------------------------- Dovecot
DOVECOT = """
base_dir = {home}/run
state_dir = {home}/run
log_path = {home}/dovecot.log
protocols =
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
auth_mechanisms = plain
passdb {{
  driver = passwd-file
  args = scheme=CRYPT username_format=%Lu {home}/users
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {home}/auth-client {{
    mode = 0666
  }}
  user = {user}
}}
service stats {{
  chroot =
  user = {user}
}}
service anvil {{
  chroot =
  user = {user}
}}
"""


@check
def dovecot(bench):
    """A real Dovecot's authentication service: its users, its spelling of the name, its absence."""
    home = pathlib.Path(tempfile.mkdtemp(prefix="postern-dovecot-"))
    bench.stack.callback(shutil.rmtree, home, ignore_errors=True)
    root = os.getuid() == 0
    user = "dovecot" if root else pwd.getpwuid(os.getuid()).pw_name
    group = "dovecot" if root else grp.getgrgid(os.getgid()).gr_name
    (home / "run").mkdir()
    os.chmod(home, 0o755)
    (home / "users").write_text("scott:%s\nshut:%s::::::nologin=y\n" % (bcrypt(PASSWORD), bcrypt(PASSWORD)))
    (home / "dovecot.conf").write_text(DOVECOT.format(home=home, user=user, group=group))
    if root:
        shutil.chown(home / "users", user, group)
    process = None

    def start():
        nonlocal process
        process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(home / "dovecot.conf")], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

        def answers():
            if process.poll() is not None:
                log = (home / "dovecot.log").read_text() if (home / "dovecot.log").exists() else ""
                raise Fail("Dovecot did not start: %s" % (log or process.stderr.read()))
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(home / "auth-client"))
                return True
        until("Dovecot answers", answers)

    def stop():
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)

    bench.stack.callback(stop)
    start()
    server = gateway(bench, {"kind": "dovecot", "file": str(home / "auth-client")})
    # Dovecot delays its own refusals.
    attempts(server, {("scott", PASSWORD): OK, ("SCOTT", PASSWORD): OK, ("scott", "x"): WRONG, ("nobody", PASSWORD): WRONG,
                      ("shut", PASSWORD): WRONG})
    stop()
    attempts(server, {("scott", PASSWORD): LATER})
    start()
    attempts(server, {("scott", PASSWORD): OK})
    no_secrets(server)


# ---------------------------------------------------------------- SCRAM with real clients
@check
def scram_clients(bench):
    """GNU SASL proves itself, with channel binding too, and takes our proof; wrong passwords and strangers are told the same."""
    server = gateway(bench, {"kind": "static", "scram": True, "users": ["scott:" + scram(PASSWORD), "old:" + bcrypt(PASSWORD)]})
    expect("offered", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], client(server)[1])
    for user, password, want in (("scott", PASSWORD, True), ("scott", "x", False), ("nobody", PASSWORD, False), ("old", PASSWORD, False)):
        for mechanism, options in (("SCRAM-SHA-256", ["--no-cb"]), ("SCRAM-SHA-256-PLUS", [])):
            let_in, said = gsasl(server, user, password, mechanism, *options)
            if let_in != want:
                raise Fail("gsasl as %s by %s: %s\n%s" % (user, mechanism, said, server.tail()))
    let_in, said = gsasl(server, "scott", PASSWORD, "SCRAM-SHA-256-PLUS", "--authorization-id", "root")
    if let_in:
        raise Fail("scott may act for root: " + said)
    no_secrets(server)


@check
def channel_binding_in_tls_1_2(bench):
    """GNU SASL binds to tls-unique where the master secret is extended; without that -PLUS is not offered, and SCRAM goes on without."""
    server = gateway(bench, {"kind": "static", "scram": True, "users": ["scott:" + scram(PASSWORD)]})
    extended, plain = "NORMAL:-VERS-TLS1.3", "NORMAL:-VERS-TLS1.3:%NO_SESSION_HASH"
    for user, password, mechanism, priority, want in (
            ("scott", PASSWORD, "SCRAM-SHA-256-PLUS", extended, True), ("scott", "x", "SCRAM-SHA-256-PLUS", extended, False),
            ("scott", PASSWORD, "SCRAM-SHA-256-PLUS", plain, False), ("scott", PASSWORD, "SCRAM-SHA-256", plain, True)):
        let_in, said = gsasl(server, user, password, mechanism, "--priority", priority, *(["--no-cb"] if mechanism == "SCRAM-SHA-256" else []))
        if let_in != want:
            raise Fail("gsasl with %r by %s, %s: %s\n%s" % (password, mechanism, priority, said, server.tail()))


@check
def spellings(bench):
    """One character in two spellings is one password and one name (SASLprep); what may stand in neither is refused as wrong."""
    composed, sent = "zo\u00eb fine-4711", "zoe\u0308\u00a0\ufb01ne-4711"
    path = bench.root / "users.db"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE users(name TEXT PRIMARY KEY, hash TEXT)")
    database.execute("INSERT INTO users VALUES('o\u00eb', ?)", [bcrypt(composed)])
    database.commit()
    server = gateway(bench, {"kind": "static", "scram": True, "users": ["zo\u00eb:" + scram(composed), "sent:" + bcrypt(sent)]},
                     {"kind": "sqlite", "file": str(path), "query": "SELECT hash FROM users WHERE name = :user"})
    attempts(server, {("zo\u00eb", composed): OK, ("zoe\u0308", sent): OK, ("zo\u00ad\u00eb", composed): OK, ("zoe", composed): WRONG,
                      ("zo\u00eb", composed + "\x07"): WRONG, ("zo\u00eb", "\u06271"): WRONG, ("zo\u00eb", "\u00ad"): WRONG,
                      ("zo\u00eb\ue000", composed): WRONG, ("sent", sent): OK, ("oe\u0308", sent): OK, ("oe", sent): WRONG})
    for user, password, want in (("zo\u00eb", composed, True), ("zoe\u0308", sent, True), ("zoe", sent, False)):
        let_in, said = gsasl(server, user, password, "SCRAM-SHA-256-PLUS")
        if let_in != want:
            raise Fail("gsasl as %r: %s\n%s" % (user, said, server.tail()))


@check
def guesses(bench):
    """The last failure that is allowed locks, whatever the password, and ends; an unknown name costs what a known one does."""
    source = {"kind": "static", "users": ["scott:" + bcrypt(PASSWORD)]}
    server = gateway(bench, source, auth={"failures_per_address": 3, "lockout": "1h"}, limits={"exempt_networks": [], "new_sessions_per_minute": 1000})
    attempts(server, {("a", "x"): WRONG, ("b", "x"): WRONG, ("c", "x"): WRONG})
    attempts(server, {("scott", PASSWORD): LATER})
    short = gateway(bench, source, auth={"failures_per_address": 3, "lockout": "1s"}, limits={"exempt_networks": [], "new_sessions_per_minute": 1000})
    attempts(short, {("a", "x"): WRONG, ("b", "x"): WRONG, ("c", "x"): WRONG})

    def let_in():
        one, _ = client(short)
        with contextlib.closing(one):
            return one.auth_plain("scott", PASSWORD)[-1].startswith("235")
    until("the end of the lock", let_in)
    short.stop()
    # Changed limits apply to earlier failures, without a restart.
    config = server.root / "postern.toml"

    def change(before, after):
        config.write_text(config.read_text().replace(before, after))
        tables.reload(server)
    change("failures_per_address = 3", "failures_per_address = 5")
    attempts(server, {("scott", PASSWORD): OK})
    attempts(server, {("a", "x"): WRONG, ("b", "x"): WRONG})
    change("failures_per_address = 5", "failures_per_address = 2")
    attempts(server, {("scott", PASSWORD): LATER})
    change("failures_per_address = 2", "failures_per_address = 0")
    change('failure_delay = "0s"', 'failure_delay = "700ms"')
    begun = time.monotonic()
    attempts(server, {("scott", "x"): WRONG, ("scott", PASSWORD): OK})
    if time.monotonic() - begun < 0.7:
        raise Fail("failure_delay is not followed")
    timed = gateway(bench, {"kind": "static", "users": ["scott:" + bcrypt(PASSWORD)]}, {"kind": "static", "users": ["ann:" + bcrypt("x")]},
                    auth={"failure_delay": "0s"})
    # What the gateway computes for each; how long that takes on a busy machine says nothing.
    used = {}
    for user in ("scott", "ann", "nobody") * 6:
        one, _ = client(timed)
        begun = cpu_seconds(timed.pid)
        smtp.check(WRONG, one.auth_plain(user, "wrong"), user)
        used.setdefault(user, []).append(cpu_seconds(timed.pid) - begun)
        one.close()
    least = {user: min(seconds) for user, seconds in used.items()}
    if max(least.values()) > min(least.values()) * 1.3:
        raise Fail("the work tells who exists: %r" % least)


@check
def neighbours(bench):
    """One account's flood of dear hashes is not its neighbour's wait: who signs in elsewhere is let in behind the hash in hand."""
    users = ["dear:$2y$14$" + 53 * ".", "neighbour:" + bcrypt(PASSWORD)]
    server = gateway(bench, {"kind": "static", "users": users}, auth={"workers": 1, "wait": "5m", "longest_hash": "0s", "account_share": "0s",
                                                                      "client_share": "0s"})
    flood, answered = [client(server)[0] for _ in range(16)], []

    def guess(one):
        with contextlib.suppress(Exception):
            answered.append(one.auth_plain("dear", "wrong")[-1])

    one, _ = client(server)
    threads = [threading.Thread(target=guess, args=(guesser,), daemon=True) for guesser in flood]
    for thread in threads:
        thread.start()
    # Once the first is answered, the others wait: each takes a second of hashing.
    until("the first answer", lambda: answered)
    before, begun = len(answered), time.monotonic()
    smtp.check(OK, one.auth_plain("neighbour", PASSWORD), "the neighbour")
    took, meanwhile = time.monotonic() - begun, len(answered) - before
    if meanwhile > 2 or len(answered) > len(flood) - 4:
        raise Fail("the neighbour waited %.1f s, for %d of the flood" % (took, meanwhile))
    for guesser in flood:
        guesser.close()


@check
def a_customer_with_many_addresses(bench):
    """Forty /64 of one /48 guess at forty users at a time: a login from elsewhere waits for the hashes in hand, and not for the flood."""
    count = 40
    users = ["dear%d:$2y$13$" % i + 53 * "." for i in range(count)] + ["neighbour:" + bcrypt(PASSWORD)]
    server = gateway(bench, {"kind": "static", "users": users},
                     auth={"workers": 1, "wait": "5m", "longest_hash": "0s", "account_share": "0s", "client_share": "0s"},
                     listener=[{"tls": "starttls", "proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"]}])

    def session(address):
        one = smtp.Client(server.smtp_port)
        one.proxy(address)
        smtp.check("220", one.reply(), "greeting")
        one.command("EHLO client.example", "250")
        one.command("STARTTLS", "220")
        one.start_tls()
        one.command("EHLO client.example", "250")
        return one

    flood, answered = [session("2001:db8:1:%x::1" % i) for i in range(count)], []

    def guess(one, user):
        with contextlib.suppress(Exception):
            answered.append(one.auth_plain(user, "wrong")[-1])

    one = session("192.0.2.1")
    threads = [threading.Thread(target=guess, args=(guesser, "dear%d" % i), daemon=True) for i, guesser in enumerate(flood)]
    for thread in threads:
        thread.start()
    until("the first answer", lambda: answered)
    before, begun = len(answered), time.monotonic()
    smtp.check(OK, one.auth_plain("neighbour", PASSWORD), "the neighbour")
    took, meanwhile = time.monotonic() - begun, len(answered) - before
    if meanwhile > 3 or len(answered) > count - 4:
        raise Fail("the neighbour waited %.1f s, for %d of the flood" % (took, meanwhile))
    for guesser in flood:
        guesser.close()


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

#!/usr/bin/env python3
"""Lua policies in the built binary: reloads under open sessions, many logins that ask a slow Vault, a runaway hook and its neighbours.

  lua.py [--binary PATH] [--filter GLOB] [--verbose]

Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import concurrent.futures
import contextlib
import ctypes
import hashlib
import http.server
import json
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import relay  # noqa: E402
import smoke  # noqa: E402
from bench import expect, thread_statuses  # noqa: E402
from harness import dns, instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, is_too_long, until  # noqa: E402
from players.lua import leaks  # noqa: E402
from players.lua.site import Vault  # noqa: E402

CHECKS = []
LOGINS, USERS, ANSWER_MS = 50, 5, 1000
TOKEN = "hvs.system-test-token"
# The limit of a neighbour's slowest command beside a runaway hook. An event loop blocked by the hook would take seconds, each time; a busy machine does not.
NEIGHBOUR_SECONDS, TRIES = 0.3, 8


def check(function):
    CHECKS.append(function)
    return function


# ---------------------------------------------------------------- the gateway and its clients
def gateway(bench, script, env=None, modules=None, **more):
    """A server with this policy. Nothing of it asks a name server outside."""
    names = dns.start()
    bench.stack.callback(names.stop)
    policy = bench.root / "policy.lua"
    policy.write_text(script, encoding="utf-8")
    for name, text in (modules or {}).items():
        (bench.root / (name + ".lua")).write_text(text, encoding="utf-8")
    settings = {
        "listener": [{"tls": "starttls"}], "lua": {"policy": str(policy), "relay_to": ["example.com"]},
        "auth": {"policies": False, "failure_delay": "0s"}, "route": [{"match": ["*"], "to": ["discard"]}],
        "dns": names.settings,
        "limits": {"junk_commands": 100000}, **more}
    server = instance.Postern(bench.binary, settings, root=bench.root, env=env)
    bench.stack.callback(server.remove)
    return server.start()


def rewrite(bench, script):
    (bench.root / "policy.lua").write_text(script, encoding="utf-8")


def session(bench, server, tls=False):
    client = smtp.Client(server.smtp_port)
    bench.stack.callback(client.close)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO client.example", "250")
    if tls:
        client.command("STARTTLS", "220")
        client.start_tls()
        client.command("EHLO client.example", "250")
    return client


class Neighbour:
    """Another session, which notes how long its commands take until it is told to stop."""

    def __init__(self, bench, server, lines=("NOOP", "MAIL FROM:<a@client.example>", "RSET")):
        self.client, self.lines = session(bench, server), lines
        self.over, self.took, self.trouble = threading.Event(), [], None

    def __enter__(self):
        self.thread = threading.Thread(target=self.talk)
        self.thread.start()
        return self

    def talk(self):
        try:
            while not self.over.is_set():
                for line in self.lines:
                    began = time.monotonic()
                    self.client.command(line, "250")
                    self.took.append(time.monotonic() - began)
                time.sleep(0.005)
        except Exception as e:  # the checking thread reports it
            self.trouble = e

    def __exit__(self, *exc):
        self.over.set()
        self.thread.join()

    def worst(self):
        if self.trouble:
            raise Fail("the neighbour: %s" % self.trouble)
        if len(self.took) < 10:
            raise Fail("the neighbour was served %d times only" % len(self.took))
        return max(self.took)


def runaway(bench, server, user, seconds):
    """A hook for `user` that never ends by itself: 451 after it has computed for no more than so many seconds, with a neighbour on the same event loop that is served meanwhile."""
    for _ in range(TRIES):
        client = session(bench, server)
        with Neighbour(bench, server) as neighbour:
            began, computed = time.monotonic(), server.cpu_seconds()
            smtp.check("451 4.3.0", client.command("MAIL FROM:<%s@client.example>" % user), "MAIL of " + user)
            took, computed = time.monotonic() - began, server.cpu_seconds() - computed
            until("the neighbour is served again", lambda before=len(neighbour.took): neighbour.trouble or len(neighbour.took) > before + 10)
        if is_too_long(seconds, took, computed):
            raise Fail("MAIL of %s took %.1f s, %.1f s of computing" % (user, took, computed))
        client.command("MAIL FROM:<quiet@client.example>", "250")
        if neighbour.worst() <= NEIGHBOUR_SECONDS:
            return
    raise Fail("beside MAIL of %s a neighbour's command took %.0f ms" % (user, neighbour.worst() * 1000))


# ---------------------------------------------------------------- reloads
def says(word):
    return "kumo.on('smtp_server_mail_from', function(sender)\n  kumo.reject(550, '5.7.1 %s')\nend)\n" % word


def told(client, word):
    smtp.check({"code": 550, "text_re": "^%s$" % word}, client.command("MAIL FROM:<a@client.example>"), "MAIL")


@check
def reloads(bench):
    """SIGHUP: a script that does not load changes nothing and is named with its line; a good one is for new sessions, the old go on as they began."""
    server = gateway(bench, says("one"))
    old = session(bench, server)
    told(old, "one")
    rewrite(bench, "local x = = 1\n" + says("broken"))
    relay.reload(server, "reload.failed")
    failed = str(relay.events(server, "reload.failed")[-1])
    if "policy.lua:1" not in failed:
        raise Fail("the line of the mistake is not in the log: " + failed)
    told(session(bench, server), "one")
    told(old, "one")
    rewrite(bench, says("two"))
    relay.reload(server)
    told(old, "one")
    told(session(bench, server), "two")
    told(old, "one")
    rewrite(bench, says("three") + "kumo.on('init', function()\n  kumo.define_spool { name = 'data' }\nend)\n")
    relay.reload(server)
    warned = str(relay.events(server, "reload.warning"))
    if "policy.lua:5:3: kumo.define_spool has no effect here" not in warned or "[L005]" not in warned:
        raise Fail("a reload does not warn of what has its home elsewhere: " + warned)
    old.command("QUIT", "221")


@check
def reloads_while_a_hook_waits(bench):
    """A hook that waits ends on the script it began with; a module that changed is a change; the gateway stops while one waits."""
    server = gateway(bench, "local words = require 'words'\nkumo.on('smtp_server_mail_from', function(sender)\n  kumo.sleep(tonumber(sender.user))\n"
                     "  kumo.reject(550, words.refusal)\nend)\n", modules={"words": "return { refusal = '5.7.1 one' }"})
    old = session(bench, server)
    old.send(b"MAIL FROM:<1.5@client.example>\r\n")
    time.sleep(0.3)
    (bench.root / "words.lua").write_text("return { refusal = '5.7.1 two' }", encoding="utf-8")
    relay.reload(server)
    new = session(bench, server)
    smtp.check({"code": 550, "text_re": "^two$"}, new.command("MAIL FROM:<0@client.example>"), "MAIL after the reload")
    smtp.check({"code": 550, "text_re": "^one$"}, old.reply(), "MAIL that waited")
    left = session(bench, server)
    left.send(b"MAIL FROM:<600@client.example>\r\n")
    waits = session(bench, server)
    waits.send(b"MAIL FROM:<600@client.example>\r\n")
    time.sleep(0.2)
    left.close()
    new.command("NOOP", "250")
    expect("status of a stop while a hook waits", 0, server.stop())


def unblocked_threads(server):
    """Names of threads that a SIGHUP would find. Not the first one, which waits for it."""
    names = []
    for thread, text in thread_statuses(server.pid).items():
        if thread == str(server.pid):
            continue
        status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
        if not int(status["SigBlk"], 16) >> (signal.SIGHUP - 1) & 1:
            names.append(status["Name"])
    return names


def hang_up(server):
    """SIGHUP, until the gateway has taken note of it: two at once are one."""
    server.process.send_signal(signal.SIGHUP)
    pending = lambda: re.findall(r"^(?:Shd|Sig)Pnd:\s*(\w+)", pathlib.Path("/proc/%d/status" % server.pid).read_text(), re.M)
    until("the gateway takes SIGHUP", lambda: not any(int(each, 16) >> (signal.SIGHUP - 1) & 1 for each in pending()))


@check
def signals_while_a_policy_loads(bench):
    """A script that takes its time to load: a second SIGHUP waits its turn, SIGTERM drains; before the gateway is ready SIGTERM just ends it."""
    slow = "kumo.sleep(0.4)\n"
    server = gateway(bench, slow + says("one"), server={"threads": 1, "drain_timeout": "%ds" % PATIENCE})
    expect("threads that a signal would find", [], unblocked_threads(server))
    rewrite(bench, slow + says("two"))
    hang_up(server)
    rewrite(bench, slow + says("three"))
    hang_up(server)
    relay.logged(server, "reload.ok", 2)
    expect("threads that a signal would find after reloads", [], unblocked_threads(server))
    client = session(bench, server)
    told(client, "three")
    hang_up(server)
    server.process.send_signal(signal.SIGTERM)
    client.command("QUIT", "221")
    expect("status after SIGTERM", 0, server.process.wait(PATIENCE))
    relay.logged(server, "server.stopping")

    config = server.write_config()
    rewrite(bench, "kumo.sleep(600)\n" + says("four"))
    starting = subprocess.Popen([str(bench.binary), "serve", "--config", str(config)], cwd=bench.root, stderr=subprocess.DEVNULL)
    try:
        until("threads of the load", lambda: len(list(pathlib.Path("/proc/%d/task" % starting.pid).iterdir())) > 4)
        time.sleep(0.3)
        starting.send_signal(signal.SIGTERM)
        expect("status of a start that was broken off", -signal.SIGTERM, starting.wait(PATIENCE))
    finally:
        starting.kill()
        starting.wait()


HEAVY_POLICY = """
local kept = {}
for i = 1, 2000 do kept[i] = ('%d'):rep(10000) .. i end
kumo.on('smtp_server_mail_from', function(sender) kumo.reject(550, '5.7.1 ' .. #kept) end)
"""


@check
def old_scripts_are_freed(bench):
    """What a script holds goes with the last session that began with it."""
    server = gateway(bench, HEAVY_POLICY % 0, server={"threads": 1})
    for n in range(45):
        rewrite(bench, HEAVY_POLICY % (n % 10))
        relay.reload(server)
        client = session(bench, server)
        told(client, "2000")
        client.command("QUIT", "221")
        if n == 14:
            before = server.rss_mb()
    grown = server.rss_mb() - before
    if grown > 300:  # thirty scripts use 600 MB; freed memory need not return to the kernel
        raise Fail("30 reloads took %.0f MB" % grown)


@check
def files_are_private(bench):
    """Scripts stand in the record as they stand in their file: nobody else may read what the gateway keeps."""
    server = gateway(bench, says("one"))
    told(session(bench, server), "one")
    data = server.root / "data"
    for path in [data] + [path for path in data.rglob("*") if path.is_file()]:
        if path.stat().st_mode & 0o077:
            raise Fail("others may read %s: %o" % (path, path.stat().st_mode & 0o777))


STEALING_POLICY = """
kumo.on('smtp_server_mail_from', function(sender)
  if sender.user == 'waits' then
    own = coroutine.running()
    inner = coroutine.create(function() repeat kumo.sleep(0.05) until tried return 'mine' end)
    kumo.reject(550, '5.7.1 ' .. select(2, coroutine.resume(inner)))
  elseif sender.user == 'steals' then
    while not inner do kumo.sleep(0.05) end
    local a, b = coroutine.resume(own, 1), coroutine.resume(inner, 2)
    tried = true
    kumo.reject(550, '5.7.1 ' .. tostring(a or b or pcall(coroutine.close, own) or pcall(coroutine.close, inner)))
  elseif sender.user == 'keeps' then
    kept = sender
  elseif sender.user == 'later' then
    kumo.reject(550, '5.7.1 ' .. kept.user)
  end
end)
kumo.on('smtp_server_message_received', function(msg) kept_message = msg end)
"""


@check
def what_another_session_left(bench):
    """Coroutines of a hook that waits are its own; values kept beyond a session are harmless."""
    server = gateway(bench, STEALING_POLICY, server={"threads": 1})
    first, second = session(bench, server), session(bench, server)
    first.send(b"MAIL FROM:<waits@client.example>\r\n")
    smtp.check({"code": 550, "text_re": "^false$"}, second.command("MAIL FROM:<steals@client.example>"), "MAIL of the thief")
    smtp.check({"code": 550, "text_re": "^mine$"}, first.reply(), "MAIL that waited")
    first.command("MAIL FROM:<keeps@client.example>", "250")
    first.command("QUIT", "221")
    smtp.check({"code": 550, "text_re": "^keeps$"}, second.command("MAIL FROM:<later@client.example>"), "MAIL with a kept value")
    expect("alive", True, server.alive())


CONNECTION_POLICY = """
kumo.on('smtp_server_connection_accepted', function(conn_meta)
  conn_meta:set_meta('came', conn_meta:get_meta('tls_cipher') or 'in clear')
end)
kumo.on('smtp_server_ehlo', function(domain, conn_meta) end)
kumo.on('smtp_server_mail_from', function(sender, conn_meta)
  if sender.user ~= 'quiet' then kumo.reject(550, '5.7.1 ' .. conn_meta:get_meta('came')) end
end)
"""


@check
def explain_shows_what_let_the_session_come(bench):
    """The hook of the connection is in the first transaction's trace: behind STARTTLS, which it did not see, and behind RSET."""
    server = gateway(bench, CONNECTION_POLICY)
    for count, tls in enumerate((False, True), 1):
        client = session(bench, server, tls)
        client.command("MAIL FROM:<quiet@client.example>", "250")
        client.command("RSET", "250")
        smtp.check({"code": 550, "text_re": "^in clear$"}, client.command("MAIL FROM:<a@client.example>"), "MAIL")
        client.command("QUIT", "221")
        trace = relay.logged(server, "decision.refused", count)[-1]["trace"]
        until("the trace", lambda wanted=trace: wanted in leaks.traces(server))
        out = explained(bench, server, trace)
        for hook in ("connection_accepted", "ehlo"):
            expect("times that smtp_server_%s is shown" % hook, 1, len(re.findall(r"^ *lua +smtp_server_%s +pass" % hook, out, re.M)))
        if not re.search(SAME, out):
            raise Fail("explain: " + out)


STATIC_POLICY = """
kumo.on('smtp_server_auth_plain', function(authz, authc, password, conn_meta)
  local password_database = {
    ['scott'] = 'tiger',
  }
  if password == '' then
    return false
  end
  return password_database[authc] == password
end)
"""
SQLITE_POLICY = """
local sqlite = require 'sqlite'
function sqlite_auth_check(user, password)
  local db = sqlite.open 'auth.db'
  local result = db:execute(
    'select user from auth where user=? and pass=?',
    user,
    password
  )
  -- if we return the username, it is because the password matched
  return result[1] == user
end
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return sqlite_auth_check(authc, password)
end)
"""
ASKED_VAULT_POLICY = """
function vault_auth_check(user, password)
  return password
    == kumo.secrets.load {
      vault_mount = 'secret',
      vault_path = 'smtp-auth/' .. user,
    }
end
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return vault_auth_check(authc, password)
end)
"""
HASHED_POLICY = """
local sqlite = require 'sqlite'
local row_of = kumo.memoize(function(user)
  return sqlite.open('auth.db'):execute('select pass, pin, salt, hash from auth where user = ?', user)[1] or {}
end, { name = 'rows', ttl = '1 minute', capacity = 10 })
kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  local row = row_of(authc)
  if tostring(row.pin) == password then return true end
  return kumo.digest.sha256(password .. (row.salt or '')).hex == row.hash
end)
"""
STORED, SALT, PIN = "tiger-nightingale", "salt-woodpecker", 471147114711
HASH = hashlib.sha256((STORED + SALT).encode()).hexdigest()


def unsealed(server):
    """All that traces.db holds, its sealed definitions opened."""
    data = server.root / "data"
    sodium = ctypes.CDLL("libsodium.so.23")
    key = hashlib.blake2b((data / "traces.key").read_text(encoding="utf-8").strip().encode(), digest_size=32).digest()
    texts = [(data / name).read_bytes() for name in ("traces.db", "traces.db-wal") if (data / name).exists()]
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % (data / "traces.db"), uri=True)) as db:
        for text, sealed in db.execute("SELECT text, sealed FROM definition"):
            text = text if isinstance(text, bytes) else text.encode()
            if sealed:
                plain = ctypes.create_string_buffer(len(text) - 40)
                expect("opening a definition", 0, sodium.crypto_secretbox_open_easy(plain, text[24:], ctypes.c_ulonglong(len(text) - 24), text[:24], key))
                text = plain.raw
            texts.append(text)
        texts += [json.dumps(row).encode() for row in db.execute("SELECT * FROM summary")]
    return b"\n".join(texts)


def logins(bench, server, attempts):
    """One session for each (password, reply wanted) of scott's, with a message behind a login that succeeds -> [the trace's id]."""
    before = set(leaks.traces(server))
    known = []
    for password, want in attempts:
        client = session(bench, server, tls=True)
        smtp.check(want, client.auth_plain("scott", password), "AUTH")
        if want == "235":
            for line, code in (("MAIL FROM:<a@client.example>", "250"), ("RCPT TO:<b@example.com>", "250"), ("DATA", "354"),
                               ("Subject: hello\r\n\r\ntext\r\n.", "250")):
                client.command(line, code)
        client.command("QUIT", "221")
        found = until("another trace", lambda: sorted(set(leaks.traces(server)) - before - set(known)), 10)
        expect("traces of one login", 1, len(found))
        known += found
    return known


def explained(bench, server, trace, *words, given=None):
    status, out, err = bench.run("explain", trace, "--config", server.root / "postern.toml", *words, given=given)
    if status != 0:
        raise Fail("explain: status %d: %s%s" % (status, out, err))
    return out


SAME, HANGS = r"(\d+) of \1 decisions? came out the same", "AUTH: the answer depends on a string that is not kept"


def made_again(bench, server, attempts, gone, without=(SAME, SAME)):
    """Logs in with right and wrong passwords, takes the source away, has each login made again; nothing secret is left anywhere."""
    traces = logins(bench, server, attempts)
    gone()
    for number, (trace, (password, _)) in enumerate(zip(traces, attempts)):
        for words, given, want in (((), None, without[min(number, len(without) - 1)]), (("--password-stdin",), password + "\n", SAME)):
            out = explained(bench, server, trace, *words, given=given)
            if not re.search(want, out) or "password)" not in out:
                raise Fail("explain of the login with %r %s does not say %r: %s" % (password, words, want, out))
    account = instance.Account(server)
    said = []
    for trace in traces:
        said += [explained(bench, server, trace, "--json"), explained(bench, server, trace, "--json", "--password-stdin", given="given-to-explain\n")]
        for query in ("", "?view=story"):
            said.append(server.http("GET", "/api/v1/traces/%s%s" % (trace, query), headers={"Authorization": "Bearer " + account.token})[2].decode())
    if "withheld 1" in "".join(said):
        raise Fail("what stands for secrets is shown: %s" % said)
    server.stop()
    kept = unsealed(server) + server.log.read_bytes() + "".join(said).encode()
    for path in (server.root / "data").rglob("*"):
        if path.is_file():
            kept += path.read_bytes()
    return kept


def clean(kept, *secrets):
    for secret in secrets:
        if secret.encode() in kept:
            at = kept.index(secret.encode())
            raise Fail("%r is kept: %r" % (secret, kept[max(0, at - 100):at + 60]))


@check
def a_login_by_a_table_is_made_again(bench):
    """The handler compares with a text of its own: without the password the login hangs on it, with it it comes out as then."""
    server = gateway(bench, STATIC_POLICY, limits={"junk_commands": 100000})
    kept = made_again(bench, server, [("tiger", "235"), ("guess-woodpecker", "535")], lambda: None, without=(HANGS, SAME))
    clean(kept, "guess-woodpecker", "given-to-explain")
    server.start()
    trace = logins(bench, server, [("tiger", "235")])[-1]
    out = explained(bench, server, trace, "--password-stdin", given="lion\n")
    if "this is not the password of that login" not in out or "lion" in out:
        raise Fail("explain with another password: " + out)
    for words, given in ((("--password-stdin",), ""), (("--password-stdin",), "x" * 12289 + "\n")):
        status, out, err = bench.run("explain", trace, "--config", server.root / "postern.toml", *words, given=given)
        expect("status of a password of %d octets" % len(given), 64, status)
    status, out, err = bench.run("explain", "--to", "a@example.com", "--password-stdin", "--config", server.root / "postern.toml", given="x\n")
    expect("status without an ID", 64, status)


def users(bench):
    path = bench.root / "auth.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("create table auth (user text, pass text, pin integer, salt text, hash text)")
        db.execute("insert into auth values ('scott', ?, ?, ?, ?)", (STORED, PIN, SALT, HASH))
        db.commit()
    return path


@check
def a_login_by_sqlite_is_made_again(bench):
    """From what stood in the database then, which is gone; a database that was not there is 454 again."""
    path = users(bench)
    server = gateway(bench, SQLITE_POLICY)
    kept = made_again(bench, server, [(STORED, "235"), ("guess-woodpecker", "535")], path.unlink)
    clean(kept, STORED, "guess-woodpecker", "given-to-explain")
    server.start()
    trace = logins(bench, server, [("guess-woodpecker", "454")])[-1]
    users(bench)
    out = explained(bench, server, trace)
    if not re.search(SAME, out) or "454" not in out:
        raise Fail("explain of a login without its database: " + out)


@check
def a_login_by_numbers_and_hashes_is_made_again(bench):
    """A pin, a salted hash, remembered rows: neither they nor digests of them are kept."""
    path = users(bench)
    server = gateway(bench, HASHED_POLICY)
    kept = made_again(bench, server, [(STORED, "235"), (str(PIN), "235"), ("guess-woodpecker", "535"), (STORED, "235")], path.unlink)
    clean(kept, STORED, "guess-woodpecker", "given-to-explain", SALT, str(PIN), HASH, HASH.upper(),
          *(hashlib.new(name, text.encode()).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")
            for text in (STORED, STORED + SALT, "guess-woodpecker", "guess-woodpecker" + SALT)))


@check
def a_login_by_vault_is_made_again(bench):
    """From what Vault said, which is gone; a Vault that is down is 454 again."""
    routes = {"token": TOKEN, "routes": [{"path": "/v1/secret/data/smtp-auth/scott", "secret": {"key": STORED}}]}
    vault = Vault(routes, bench.root / "vault.log")
    server = gateway(bench, ASKED_VAULT_POLICY, env={"VAULT_ADDR": vault.url, "VAULT_TOKEN": TOKEN})
    kept = made_again(bench, server, [(STORED, "235"), ("guess-woodpecker", "535")], vault.stop)
    clean(kept, STORED, "guess-woodpecker", "given-to-explain", TOKEN)
    expect("questions to Vault", 2, len(vault.requests()))
    server.start()
    out = explained(bench, server, logins(bench, server, [("guess-woodpecker", "454")])[-1])
    if not re.search(SAME, out) or "454" not in out:
        raise Fail("explain of a login without Vault: " + out)


@check
def a_broken_script_does_not_start(bench):
    """`check` and `serve` name file and line."""
    server = gateway(bench, says("one"))
    server.stop()
    rewrite(bench, "-- one\nlocal t = nil\nt.x = 1\n")
    config = server.write_config()
    for words in ("check", "serve"):
        status, out, err = bench.run(words, "--config", config)
        if status == 0 or "policy.lua:3" not in out + err:
            raise Fail("postern %s: status %d, %s" % (words, status, out + err))


# ---------------------------------------------------------------- waiting and computing
VAULT_POLICY = """
local secret = kumo.memoize(function(user)
  return kumo.secrets.load { vault_mount = 'secret', vault_path = 'smtp-auth/' .. user }
end, { name = 'secret', ttl = '5 minutes', capacity = 100 })

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  return password == secret(authc)
end)

kumo.on('smtp_server_mail_from', function(sender) end)
"""


@check
def many_logins_and_a_slow_vault(bench):
    """Logins side by side: one request a user, all answered within a few of Vault's answers, and a neighbour on the same loop never waits."""
    routes = {"token": TOKEN, "routes": [{"path": "/v1/secret/data/smtp-auth/user%d" % n, "secret": {"key": "password-%d" % n}, "delay_ms": ANSWER_MS}
                                         for n in range(USERS)]}
    vault = Vault(routes, bench.root / "vault.log")
    bench.stack.callback(vault.stop)
    server = gateway(bench, VAULT_POLICY, env={"VAULT_ADDR": vault.url, "VAULT_TOKEN": TOKEN}, server={"threads": 1}, log={"level": "debug"})
    clients = [session(bench, server, tls=True) for _ in range(LOGINS)]
    with Neighbour(bench, server) as neighbour, concurrent.futures.ThreadPoolExecutor(LOGINS) as pool:
        began = time.monotonic()
        replies = list(pool.map(lambda n: clients[n].auth_plain("user%d" % (n % USERS), "password-%d" % (n % USERS)), range(LOGINS)))
        took = time.monotonic() - began
    expect("replies to AUTH", {"235"}, {reply[-1][:3] for reply in replies})
    expect("requests to Vault", sorted("/v1/secret/data/smtp-auth/user%d" % n for n in range(USERS)), sorted(vault.requests()))
    # One after the other they would take longer; and a loop that waited for Vault would serve the neighbour after it.
    if took > USERS * ANSWER_MS / 1000:
        raise Fail("%d logins took %.1f s" % (LOGINS, took))
    if neighbour.worst() > ANSWER_MS / 1000:
        raise Fail("a neighbour's command took %.0f ms" % (neighbour.worst() * 1000))
    server.stop()
    for secret in (TOKEN, "password-1"):
        if secret in server.log.read_text(encoding="utf-8", errors="replace"):
            raise Fail("a secret is in the log: %s" % secret)


HTTP_POLICY = """
local client = kumo.http.build_client { timeout = '2 seconds' }
local base = 'http://127.0.0.1:%d'

kumo.on('smtp_server_auth_plain', function(authz, authc, password)
  local response = client:post(base .. '/login'):basic_auth('gateway', 'api-nightingale')
    :form_url_encoded { user = authc, password = password }:send()
  if response:status_code() == 403 then return false end
  if not response:status_is_success() then error('the user service answers ' .. response:status_code()) end
  return kumo.json_parse(response:text()).allowed
end)

kumo.on('smtp_server_mail_from', function(sender)
  local response = client:get(kumo.http.build_url(base .. '/sender', { address = sender.email })):send()
  if response:headers()['X-Verdict'] == 'no' then kumo.reject(550, '5.7.1 ' .. #response:bytes() .. ' octets') end
end)
"""


class UserService(http.server.BaseHTTPRequestHandler):
    """POST /login knows ann; GET /sender refuses mallory, with octets that are no text."""

    def do_POST(self):  # noqa: N802
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        known = {"ann": "open + sesame & more", "bob": "nothing"}
        self.server.seen.append(self.headers.get("Authorization"))
        user = form["user"][0]
        if user == "carl":
            self.answer(503, b"")
        elif form["password"][0] != known.get(user):
            self.answer(403, b"")
        else:
            self.answer(200, json.dumps({"allowed": user == "ann"}).encode())

    def do_GET(self):  # noqa: N802
        address = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["address"][0]
        self.answer(200, b"\xff\xfe\x00", "no" if address == "mallory+x&y@client.example" else "yes")

    def answer(self, status, body, verdict="-"):
        self.send_response(status)
        self.send_header("X-Verdict", verdict)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@check
def a_service_over_http(bench):
    """Signing in by an HTTP API: yes, no, its trouble, its absence; octets that are no text stand in a record that is made again without it."""
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), UserService)
    service.seen = []
    threading.Thread(target=service.serve_forever, daemon=True).start()
    bench.stack.callback(service.server_close)
    server = gateway(bench, HTTP_POLICY % service.server_port, log={"level": "debug"})
    for user, password, code in (("ann", "open + sesame & more", "235"), ("ann", "open", "535"), ("bob", "nothing", "535"), ("carl", "x", "454")):
        client = session(bench, server, tls=True)
        smtp.check(code, client.auth_plain(user, password), "AUTH of " + user)
        client.command("QUIT", "221")
    expect("what the service was shown", ["Basic Z2F0ZXdheTphcGktbmlnaHRpbmdhbGU="] * 4, service.seen)
    client = session(bench, server)
    smtp.check({"code": 550, "text_re": "^3 octets$"}, client.command("MAIL FROM:<mallory+x&y@client.example>"), "MAIL")
    client.command("MAIL FROM:<ann@client.example>", "250")
    client.command("RCPT TO:<x@example.com>", "250")
    client.command("QUIT", "221")
    trace = relay.logged(server, "decision.refused")[0]["trace"]
    service.shutdown()
    service.server_close()
    smtp.check("454", session(bench, server, tls=True).auth_plain("ann", "open + sesame & more"), "AUTH without the service")
    status, out, err = bench.run("explain", trace, "--config", server.root / "postern.toml")
    if status != 0 or "3 octets" not in out or "the same" not in out:
        raise Fail("explain: %s%s" % (out, err))
    for failed in relay.logged(server, "auth.failed", count=2):
        status, out, err = bench.run("explain", failed["trace"], "--config", server.root / "postern.toml")
        if status != 0 or not re.search(SAME, out):
            raise Fail("explain of a login: %s%s" % (out, err))
    server.stop()
    for secret in ("api-nightingale", "Z2F0ZXdheTphcGktbmlnaHRpbmdhbGU=", "open + sesame"):
        for path in server.root.rglob("*"):
            if path.is_file() and path.name != "policy.lua" and secret.encode() in path.read_bytes():
                raise Fail("%s is in %s" % (secret, path))


RUNAWAY_POLICY = """
kumo.on('smtp_server_mail_from', function(sender)
  if sender.user == 'gsub' then
    while true do ('x'):rep(1 << 20):gsub('.', 'yy') end
  elseif sender.user == 'packsize' then
    local s = ('b'):rep(60000) while true do string.packsize(s) end
  elseif sender.user == 'loop' then
    while true do end
  elseif sender.user == 'hog' then
    local t = {}
    for i = 1, math.huge do t[i] = ('x'):rep(1000) .. i end
  elseif sender.user == 'bomb' then
    string.find(('a'):rep(40), ('a*'):rep(20) .. 'b')
  end
end)
"""


@check
def runaway_hooks_and_a_neighbour(bench):
    """Endless computing, endless memory, endless matching: each gets 451 in time; the neighbour on the same event loop is served meanwhile."""
    server = gateway(bench, RUNAWAY_POLICY, server={"threads": 1})
    for user in ("loop", "hog", "bomb", "gsub", "packsize"):
        runaway(bench, server, user, 10)
    expect("alive", True, server.alive())


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

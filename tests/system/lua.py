#!/usr/bin/env python3
"""Lua policies in the built binary: reloads under open sessions, many logins that ask a slow Vault, a runaway hook and its neighbours.

  lua.py [--binary PATH] [--filter GLOB] [--verbose]

Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import concurrent.futures
import pathlib
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import relay  # noqa: E402
import smoke  # noqa: E402
from bench import expect  # noqa: E402
from harness import dns, instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from players.lua.site import Vault  # noqa: E402

CHECKS = []
LOGINS, USERS, ANSWER_MS = 50, 5, 200
TOKEN = "hvs.system-test-token"
# A neighbour's worst command. An event loop that waits for Vault or for a runaway hook would take hundreds of milliseconds.
NEIGHBOUR_SECONDS = 0.15


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
        "dns": {"servers": ["127.0.0.1:%d" % names.port], "timeout": "2s"},
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
        except Exception as e:  # told by the thread that looks at it
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


def undisturbed(neighbour):
    if neighbour.worst() > NEIGHBOUR_SECONDS:
        raise Fail("a neighbour's command took %.0f ms" % (neighbour.worst() * 1000))


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
    left.send(b"MAIL FROM:<5@client.example>\r\n")
    waits = session(bench, server)
    waits.send(b"MAIL FROM:<5@client.example>\r\n")
    time.sleep(0.2)
    left.close()
    new.command("NOOP", "250")
    began = time.monotonic()
    server.stop()
    if time.monotonic() - began > 15:
        raise Fail("it took %.0f s to stop" % (time.monotonic() - began))


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
    if grown > 300:  # thirty scripts hold 600 MB; what is free need not be the kernel's
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
    inner = coroutine.create(function() kumo.sleep(1) return 'mine' end)
    kumo.reject(550, '5.7.1 ' .. select(2, coroutine.resume(inner)))
  elseif sender.user == 'steals' then
    local a, b = coroutine.resume(own, 1), coroutine.resume(inner, 2)
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
    time.sleep(0.3)
    smtp.check({"code": 550, "text_re": "^false$"}, second.command("MAIL FROM:<steals@client.example>"), "MAIL of the thief")
    smtp.check({"code": 550, "text_re": "^mine$"}, first.reply(), "MAIL that waited")
    first.command("MAIL FROM:<keeps@client.example>", "250")
    first.command("QUIT", "221")
    smtp.check({"code": 550, "text_re": "^keeps$"}, second.command("MAIL FROM:<later@client.example>"), "MAIL with a kept value")
    expect("alive", True, server.alive())


@check
def a_login_is_not_made_again(bench):
    """`explain` says why; neither password nor what it was compared with is in the record."""
    server = gateway(bench, "local stored = kumo.secrets.load { key_data = 'stored-%s' }\nkumo.on('smtp_server_auth_plain', function(authz, authc, password)\n"
                     "  return password == stored\nend)\n" % "nightingale")
    client = session(bench, server, tls=True)
    smtp.check("535", client.auth_plain("ann", "guess-woodpecker"), "AUTH")
    client.command("QUIT", "221")
    trace = relay.logged(server, "auth.failed")[0]["trace"]
    status, out, err = bench.run("explain", trace, "--config", server.root / "postern.toml")
    if status != 0 or "Signing in is not made again" not in out:
        raise Fail("explain: %s%s" % (out, err))
    server.stop()
    for path in server.root.rglob("*"):
        if path.is_file() and b"guess-woodpecker" in path.read_bytes():
            raise Fail("the password is in %s" % path)


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
        time.sleep(0.1)
    expect("replies to AUTH", {"235"}, {reply[-1][:3] for reply in replies})
    expect("requests to Vault", sorted("/v1/secret/data/smtp-auth/user%d" % n for n in range(USERS)), sorted(vault.requests()))
    if took > 5 * ANSWER_MS / 1000:
        raise Fail("%d logins took %.1f s" % (LOGINS, took))
    undisturbed(neighbour)
    server.stop()
    for secret in (TOKEN, "password-1"):
        if secret in server.log.read_text(encoding="utf-8", errors="replace"):
            raise Fail("a secret is in the log: %s" % secret)


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
        client = session(bench, server)
        with Neighbour(bench, server) as neighbour:
            began = time.monotonic()
            smtp.check("451 4.3.0", client.command("MAIL FROM:<%s@client.example>" % user), "MAIL of " + user)
            took = time.monotonic() - began
            time.sleep(0.1)
        if took > 10:
            raise Fail("MAIL of %s took %.1f s" % (user, took))
        undisturbed(neighbour)
        client.command("MAIL FROM:<quiet@client.example>", "250")
    expect("alive", True, server.alive())


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

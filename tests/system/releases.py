"""System checks of what earlier releases left behind (tests/releases): their data directories and configuration files, with today's binary."""
import json
import pathlib
import random
import runpy
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import time

import backups
from bench import expect
from harness import dns, instance, mailsink, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "releases"
MADE = runpy.run_path(str(FOLDER / "make"))  # how the messages and databases of a release were made
RELEASES = sorted((p for p in FOLDER.iterdir() if p.is_dir()), key=lambda p: [int(n) for n in p.name.split(".")])
CLOCK = pathlib.Path(__file__).resolve().parent / "earlier_clock.c"
# A file of a release that is refused today, with its error: each stands under Breaking in CHANGELOG.md.
REFUSED = {}
# What a release's answer may differ in today: counted by time, or added to since.
VOLATILE = {"counts_24h", "health", "reads_as", "last_used_at", "updated_at"}


def facts_of(release):
    return json.loads((release / "facts.json").read_text(encoding="utf-8"))


def gateway(bench, release, facts, mail_host=9):
    """Today's gateway on the data and the configuration of a release, on a clock that goes on when they were made."""
    library = bench.root / "earlier_clock.so"
    if not library.exists():
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, CLOCK, "-ldl"], check=True)
    settings = json.loads((release / "gateway.json").read_text(encoding="utf-8"))
    settings["route"][0]["to"] = ["[127.0.0.1]:%d" % mail_host]
    names = dns.start()
    bench.stack.callback(names.stop)
    settings["dns"]["servers"] = ["127.0.0.1:%d" % names.port]
    clock = {"LD_PRELOAD": str(library), "CLOCK_EARLIER": str(int(time.time()) - int(facts["made"])), "TZ": "UTC"}
    server = instance.Postern(bench.binary, settings, root=bench.root, env=clock)
    bench.stack.callback(server.remove)
    with tarfile.open(release / "data.tar.xz") as tar:
        tar.extractall(server.root, filter="data")
    return server


def databases(data):
    return sorted(str(path.relative_to(data)) for path in data.rglob("*.db"))


def schemas(data, names):
    """{file: (version of its schema, oldest version that may write it)}"""
    found = {}
    for name in names:
        database = sqlite3.connect(data / name)
        found[name] = (database.execute("PRAGMA user_version").fetchone()[0], database.execute("SELECT compatible_from FROM schema_origin").fetchone()[0])
        database.close()
    return found


def schema_now(path):
    """The version of the schema as of the last commit, read beside the gateway without a lock: of the first page in the file and in its
    log (https://www.sqlite.org/fileformat2.html, "The Database Header" and "The Write-Ahead Log")."""
    head = path.read_bytes()[:100]
    version = found = int.from_bytes(head[60:64], "big")
    page = {1: 65536}.get(int.from_bytes(head[16:18], "big"), int.from_bytes(head[16:18], "big"))
    try:
        log = path.with_name(path.name + "-wal").read_bytes()
    except FileNotFoundError:
        return version
    for at in range(32, len(log) - page - 23, page + 24):
        if log[at + 8:at + 16] != log[16:24]:
            break  # of an earlier use of the log
        if int.from_bytes(log[at:at + 4], "big") == 1:
            found = int.from_bytes(log[at + 84:at + 88], "big")
        if any(log[at + 4:at + 8]):
            version = found
    return version


def steps_done(data, names):
    return sum(schema_now(data / name) for name in names)


def as_it_was(what, before, now):
    """Each member of an answer of then is in that of today; there may be more."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before.keys() - VOLATILE:
            as_it_was("%s.%s" % (what, key), before[key], now.get(key))
    else:
        expect(what, before, now)


class Owner(instance.Account):
    """An account that the release made."""

    def __init__(self, server, email):
        self.postern, self.email = server, email
        self.sign_in()


def account_data(server, facts):
    owner, tenant = Owner(server, facts["owner"]), Owner(server, facts["tenant"])
    for account, path, name in ((owner, "/smtp-policies/", "policy"), (owner, "/webhooks/", "webhook"), (owner, "/domains/", "domain"), (tenant, "/webhooks/", "inbox")):
        as_it_was(name, facts[name], account.call("GET", path + facts[name]["id"]))
    for before, now in zip(facts["dkim_keys"], owner.call("GET", "/domains/%s/dkim-keys" % facts["domain"]["id"])["data"], strict=True):
        as_it_was("DKIM key", before, now)
    lists = owner.call("GET", "/connection-policies")
    expect("restriction lists", (facts["lists"], facts["parameters"]), (lists["lists"], lists["parameters"]))
    expect("status with the API token", 200, server.http("GET", "/api/v1/webhooks", None, {"Authorization": "Bearer " + facts["api_token"]})[0])
    box = tenant.call("GET", "/webhooks/%s/inbox" % facts["inbox"]["id"])["data"]
    expect("messages of the inbox", facts["inbox_messages"], [m["id"] for m in box])
    text = json.dumps([tenant.call("GET", "/webhooks/%s/inbox/%s" % (facts["inbox"]["id"], m["id"])) for m in box])
    for line in ("See the report.", MADE["text"]("box", 500).split("\r\n")[-2]):
        if line not in text:
            raise Fail("the inbox lacks the line " + line)
    return owner, tenant


def traces(bench, server, facts):
    for trace in facts["traces"]:
        status, out, err = bench.run("explain", trace, "--data-dir", server.root / "data", "--config", server.root / "postern.toml", "--json")
        expect("explain %s: %s%s" % (trace, out, err), 0, status)


def decisions(server, facts):
    """The lists, the policy and its credentials decide as they were written."""
    client = smtp.Client(server.smtp_port)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO mx.partner.example.com", "250")
        client.command("STARTTLS", "220")
        client.start_tls()
        client.command("EHLO mx.partner.example.com", "250")
        smtp.check("235", client.auth_plain("sender", facts["password"]), "AUTH")
        client.command("MAIL FROM:<a@spam.example>", "250")
        client.command("RCPT TO:<%s>" % facts["webhook"]["email_address"], "554 5.7.1")
        client.command("RSET", "250")
        client.command("MAIL FROM:<a@partner.example>", "250")
        client.command("RCPT TO:<nobody@elsewhere.example>", {"code": [550, 554]})
        client.command("RCPT TO:<%s>" % facts["webhook"]["email_address"], "250")
    finally:
        client.close()


def content(octets):
    return octets.partition(b"\r\n\r\n")[2]


def deliveries(bench, server, facts, owner, sink):
    """Each message that waited arrives, once, as it was accepted."""
    receiver = bench.receiver()
    owner.call("PUT", "/webhooks/" + facts["webhook"]["id"], {"target_url": receiver.url + "/hook"})
    status, out, err = bench.run("queue", "retry", "--all", "--state", "queued", "--data-dir", server.root / "data")
    expect("queue retry: " + out + err, 0, status)
    names = {way: sorted(name for name, (which, _) in facts["waiting"].items() if which == way) for way in ("webhook", "relay")}
    until("the mail that waited has arrived", lambda: len(receiver.requests("/hook")) + len(sink.messages) >= len(facts["waiting"]))
    until("the queue is empty", lambda: not bench.run("queue", "list", "--data-dir", server.root / "data", "--json")[1].strip())
    texts = {json.loads(request.body)["subject"]: json.loads(request.body)["text"] for request in receiver.requests("/hook")}
    expect("messages of the webhook", (names["webhook"], 2), (sorted(texts), len(receiver.requests("/hook"))))
    sent = {name: content(MADE["text"](name, octets).encode()) for name, (_, octets) in facts["waiting"].items()}
    for name, text in texts.items():
        expect("text of " + name, sent[name].decode().split(), text.split())
    expect("messages of the mail host", sorted(sent[name] for name in names["relay"]), sorted(map(content, sink.messages)))


def data_of_releases(bench):
    """Today's binary goes on with each release's data: accounts, policies, credentials, lists, inbox, traces; mail that waited is delivered."""
    for release in RELEASES:
        facts, sink = facts_of(release), mailsink.Sink()
        server = gateway(bench, release, facts, sink.port).start()
        owner, _ = account_data(server, facts)
        decisions(server, facts)
        traces(bench, server, facts)
        deliveries(bench, server, facts, owner, sink)
        status, out, err = bench.run("queue", "verify", "--data-dir", server.root / "data")
        expect("queue verify: " + out + err, 0, status)
        backups.backup(bench, server, "of-" + release.name)
        backups.restore(bench, bench.root / "none", "of-" + release.name, "--verify-only")
        expect("status of the stop", 0, server.stop())


def kill(server, at):
    """Starts the gateway and ends it by SIGKILL as soon as `at()` is true."""
    process = server.spawn()
    end = time.monotonic() + PATIENCE
    while not at():
        if process.poll() is not None or time.monotonic() > end:
            raise Fail("the gateway ended, or did not migrate: " + server.tail())
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)


def goes_on(bench, server, facts):
    server.start()
    queued = bench.run("queue", "list", "--data-dir", server.root / "data", "--json")[1].splitlines()
    expect("messages that wait", len(facts["waiting"]), len(queued))
    Owner(server, facts["owner"]).call("GET", "/webhooks/" + facts["webhook"]["id"])


def killed_migrations(bench):
    """kill -9 between the steps of a migration, and at any time of a first start, leaves data with which the next start goes on."""
    random.seed(23)
    for release in RELEASES:
        facts = facts_of(release)
        server = gateway(bench, release, facts)
        names = databases(server.root / "data")
        begun = steps_done(server.root / "data", names)
        for _ in range(3):
            end = time.monotonic() + random.uniform(0, 0.12)
            kill(server, lambda: time.monotonic() > end)
        goes_on(bench, server, facts)
        server.stop()
        last = steps_done(server.root / "data", names)
        server.remove()
        # A gateway is faster than the eye at times: some kills come after the last step, and are no hits.
        hits, rounds = 0, 0
        while last - begun > 1 and hits < 5:
            rounds += 1
            if rounds > 60:
                raise Fail("%s: only %d of %d kills came between the %d steps" % (release.name, hits, rounds - 1, last - begun))
            server = gateway(bench, release, facts)
            data = server.root / "data"
            while last - (done := steps_done(data, names)) > 1:
                wanted = random.randint(done + 1, last - 1)
                kill(server, lambda: steps_done(data, names) >= wanted)
                hits += begun < steps_done(data, names) < last
            goes_on(bench, server, facts)
            expect("steps that were done", last, steps_done(data, names))
            server.remove()


def way_back(bench):
    """The newest release may write what today's binary made of its data: no schema left it out."""
    release = RELEASES[-1]
    facts = facts_of(release)
    server = gateway(bench, release, facts)
    had = {name: schema_now(server.root / "data" / name) for name in databases(server.root / "data")}
    if "verify.db" not in had:
        raise Fail("of the databases of %s only these are there: %s" % (release.name, ", ".join(had)))
    server.start()
    server.stop()
    for name, (version, compatible_from) in schemas(server.root / "data", had).items():
        if compatible_from > had[name]:
            raise Fail("%s, schema %d, is for versions from %d on; %s has %d and could not go back (docs/decisions/0069-schema-versions.md)"
                       % (name, version, compatible_from, facts["version"], had[name]))


def configurations_of_releases(bench):
    """Each configuration file that a release accepted is accepted today, or refused as CHANGELOG.md says."""
    checked, credentials = 0, MADE["credentials"](bench.root / "credentials")
    for release in RELEASES:
        folder = bench.root / ("configurations-" + release.name)
        shutil.copytree(release / "configurations", folder)
        for path in sorted(folder.glob("*.toml")) + sorted(folder.glob("examples/*/postern.toml")):
            name = "%s/%s" % (release.name, path.relative_to(folder))
            status, out, err = bench.run("check", "--config", path, "--credentials", credentials, cwd=folder)
            if name in REFUSED:
                if status != 78 or REFUSED[name] not in err + out:
                    raise Fail("%s: expected %s, got %d\n%s%s" % (name, REFUSED[name], status, out, err))
            else:
                expect("status of check of %s: %s%s" % (name, out, err), 0, status)
            checked += 1
    if checked < 30:
        raise Fail("only %d files" % checked)


CHECKS = [configurations_of_releases, data_of_releases, killed_migrations, way_back]

"""Every command of the command line beside a gateway under load, which is then killed.

The commands come from the binary's own help: one that is new has no row in `RECIPES`, and the test fails until somebody says how to call it.
"""
import fcntl
import json
import os
import re
import struct
import subprocess
import time

from harness.cases import Fail
from harness.waiting import until
from ledger import INBOX
from load import Load, Message, greeted, send, targets_of

NOBODY = "01JD9X3V5W6Y7Z8A9B0C1D2E3F"  # an id without a message or a trace
MAIL = "From: <a@example.com>\r\nTo: <b@example.net>\r\nSubject: x\r\n\r\nbody\r\n"
PTEST = '[[test]]\nname = "x"\nclient = "192.0.2.1"\nfrom = ""\nrcpt = "x@foreign.example"\nexpect.verdict = "refused"\n'
SCENARIO = '{"messages": [{"to": "a@example.net"}]}'
INBOX_PACE = 0.3       # seconds between messages to the inbox
INBOX_UNDER_LOAD = 60  # an inbox holds this many messages, whatever its limit
INBOX_AFTER = 5

# The SHARED bytes of an SQLite database (https://sqlite.org/fileformat2.html#the_lock_byte_page).
SHARED_FIRST, SHARED_SIZE = 0x40000002, 510


def commands_of(gateway):
    """["serve", "dkim keys", ...], as the help of the binary has them."""
    names = []
    _, text, _ = gateway.server.command("help")
    for word in re.findall(r"^  ([a-z-]+)(?: |$)", text, re.M):
        _, page, _ = gateway.server.command("help", word)
        if "usage: postern %s COMMAND" % word not in page:
            names.append(word)
            continue
        listed = page.partition("Commands:\n")[2].partition("\n\n")[0]
        names += ["%s %s" % (word, last) for last in re.findall(r"^  ([a-z-]+)(?: |$)", listed, re.M)]
    return names


class Recipe:
    """Words behind the command's name; what it reads; the exit statuses that are right."""

    def __init__(self, *words, text="", right=(0,), config=True):
        self.words, self.text, self.right, self.config = words, text, right, config


def recipes(bench, trace):
    """Command -> how it is called. `trace` is the id of a recorded decision."""
    gateway = bench.process
    inbox, files = gateway.inbox, gateway.root
    (files / "m.eml").write_text(MAIL, encoding="ascii", newline="")
    (files / "scenario.json").write_text(SCENARIO, encoding="ascii")
    (files / "main.cf").write_text("myhostname = mx.example.net\n", encoding="ascii")
    (files / "vsmtp.toml").write_text('[server]\nname = "mx.example.net"\n', encoding="ascii")
    (files / "policy.ptest").write_text(PTEST, encoding="utf-8")
    (files / "dns.json").write_text("{}", encoding="ascii")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=mx.example.net",
                    "-keyout", files / "pair.key", "-out", files / "pair.pem"], check=True, capture_output=True)
    any_answer = tuple(range(70)) + tuple(range(71, 80))  # 70 reports a defect of Postern
    mail, dns = str(files / "m.eml"), str(files / "dns.json")
    absent = Recipe(NOBODY, right=(66,))
    envelope = ("--from", "a@example.com", "--client-ip", "127.0.0.1", "--dns", dns)
    return {
        "serve": [Recipe(right=(75,))],  # a second server
        "reload": [Recipe(), Recipe("--json")],
        "backup": [Recipe(str(files / ("b%d" % time.monotonic_ns()))), Recipe(str(files / ("c%d" % time.monotonic_ns())), "--config-only", "--json")],
        "restore": [Recipe("/nonexistent", right=(66,)), Recipe("/dev/null", right=(75,))],  # the gateway runs
        "check": [Recipe()],
        "explain": [Recipe(trace), Recipe(trace, "--json"), absent, Recipe("--message", mail, "--to", inbox, *envelope)],
        "inbox": [Recipe(), Recipe("--json"), Recipe(inbox, "--limit", "3")],
        "doctor": [Recipe("--offline", "--json", right=(0, 1)), Recipe("--ready")],
        "setup": [Recipe("--hostname", "mx.example.org", "--domain", "example.org", "--inbox", "--dry-run", "--offline", config=False)],
        "cluster init": [Recipe(right=(78,))],  # the gateway under load belongs to no cluster
        "cluster status": [Recipe("--json", right=(78,))],
        "cluster doctor": [Recipe("--json", right=(78,))],
        "cluster drain": [Recipe("mx1", "--json", right=(78,))],
        "cluster accept-loss": [Recipe("--json", right=(78,))],
        "cluster migrate": [Recipe("--json", right=(78,))],
        "tls install": [Recipe(str(files / "pair.pem"), str(files / "pair.key")), Recipe(str(files / "pair.pem"), "/dev/null", right=(65,))],
        "tls status": [Recipe(), Recipe("--json")],
        "config": [Recipe("example", config=False)],
        "passwd": [Recipe("--create", "second@example.com", text="correct horse battery\n"), Recipe("--reset-link", gateway.account.email)],
        "completion": [Recipe("bash", config=False)],
        "help": [Recipe("serve", config=False)],
        "version": [Recipe(config=False)],
        "dkim keygen": [Recipe("--domain", "example.com", "--selector", "s%d" % time.monotonic_ns(), "--type", "ed25519", right=any_answer)],
        "dkim keys": [Recipe(), Recipe("--json")],
        "dkim check": [Recipe("--domain", "example.com", "--selector", "s", "--dns", dns, right=any_answer)],
        "dkim sign": [Recipe("--key", "/nonexistent", "--domain", "example.com", "--selector", "s", mail, right=any_answer)],
        "dkim verify": [Recipe(mail, "--dns", dns, right=any_answer)],
        "spf check": [Recipe("--ip", "192.0.2.1", "--from", "a@example.com", "--dns", dns, right=any_answer)],
        "dmarc check": [Recipe("example.com", "--dns", dns, right=any_answer)],
        "route": [Recipe("someone@relayed.example.org", "--dns", dns, right=any_answer)],
        "import postfix": [Recipe(str(files / "main.cf"), right=any_answer, config=False)],
        "import vsmtp": [Recipe(str(files / "vsmtp.toml"), right=any_answer, config=False)],
        "plan": [Recipe(str(gateway.config), str(gateway.config), "--json", right=(0, 3), config=False), Recipe("--json", right=any_answer)],
        "test": [Recipe(str(files / "policy.ptest")), Recipe(str(files / "policy.ptest"), "--format", "tap"), Recipe(NOBODY, right=(66,))],
        "replay": [Recipe("--limit", "500", right=(0, 1, 3)), Recipe("--since", "1h", "--limit", "10", "--json", right=(0, 1, 3))],
        "queue list": [Recipe(), Recipe("--json")],
        "queue show": [absent],
        "queue retry": [absent],
        "queue hold": [absent],
        "queue release": [absent],
        "queue drop": [absent],
        "queue verify": [Recipe()],
        "queue destinations": [Recipe()],
        "queue simulate": [Recipe(str(files / "scenario.json"), right=any_answer)],
    }


def strays(gateway):
    """Database files of the process that have no name any more: what is written there is gone after a kill."""
    folder = "/proc/%d/fd" % gateway.process.pid
    found = []
    for entry in os.listdir(folder):
        try:
            target = os.readlink(os.path.join(folder, entry))
        except OSError:
            continue
        if re.search(r"\.db(-wal|-shm)? \(deleted\)$", target):
            found.append(os.path.basename(target))
    return sorted(set(found))


def unlocked(gateway):
    """Databases that the process has open without a lock: the next program that closes them takes their log away."""
    found = []
    for path in sorted(gateway.data.rglob("*.db")):
        with open(path, "r+b") as file:
            asked = struct.pack("hhlli", fcntl.F_WRLCK, os.SEEK_SET, SHARED_FIRST, SHARED_SIZE, 0)
            if struct.unpack("hhlli", fcntl.fcntl(file, fcntl.F_GETLK, asked))[0] == fcntl.F_UNLCK:
                found.append(path.name)
    return found


def run_all(bench, what, trace):
    """Runs every command once; says what each of them did to the databases."""
    gateway, ledger = bench.process, bench.ledger
    known = recipes(bench, trace)
    names = commands_of(gateway)
    for name in sorted(set(known) - set(names)):
        ledger.problem("%s: `postern help` has no command `%s`" % (what, name))
    for name in names:
        if name not in known:
            ledger.problem("%s: `postern %s` is new: say in tests/crash/commands.py how it is called" % (what, name))
        for recipe in known.get(name, []):
            words = [*name.split(), *recipe.words, *(["--config", str(gateway.config)] if recipe.config else [])]
            status, out, err = gateway.run(words, recipe.text)
            if status not in recipe.right:
                ledger.problem("%s: `postern %s` ended with %s: %s" % (what, " ".join(words), status, (out + err)[-300:]))
        for file in strays(gateway):
            ledger.problem("%s: after `postern %s` the gateway writes to %s" % (what, name, file))
        for file in unlocked(gateway):
            ledger.problem("%s: after `postern %s` the gateway has lost its lock on %s" % (what, name, file))
    return len(names)


def to_inbox(bench, count):
    """So many messages, one after the other."""
    client = greeted(bench.process.smtp_port)
    for _ in range(count):
        send(client, Message(bench.moods.random, [(INBOX, bench.process.inbox)], 1000), bench.ledger)
    client.command("QUIT")
    client.close()


def traces_seen(gateway):
    """Ids of the newest decisions that the API shows: those are in the database."""
    return [one["id"] for one in gateway.account.call("GET", "/traces?page_size=100")["data"]]


def has_trace(gateway, name):
    try:
        gateway.account.call("GET", "/traces/" + name)
        return True
    except Fail:
        return False


def some_trace(gateway):
    return until(lambda: "there are traces:\n" + gateway.log_text()[-2000:], lambda: traces_seen(gateway))[0]


def look_into_inbox(bench):
    """What the inbox holds has arrived there."""
    gateway = bench.process
    for message in gateway.inbox_messages():
        bench.ledger.kept_in_inbox(json.dumps(message).encode(), message["text"].encode())


def lose_a_file(bench):
    """A log that somebody removes: the gateway says so, takes no more, and an orderly stop brings all that it holds to the database."""
    gateway, ledger = bench.process, bench.ledger
    (gateway.data / "delivery.db-wal").unlink()
    status, text = gateway.readiness()
    if status != 503 or "delivery.db-wal" not in text:
        ledger.problem("/readyz says %s %s with delivery.db-wal removed" % (status, text))
    acknowledged = ledger.judge()[0]["acknowledged"]
    to_inbox(bench, 2)
    if ledger.judge()[0]["acknowledged"] != acknowledged:
        ledger.problem("mail is acknowledged into a database whose log was removed")
    if gateway.end() != 0:
        ledger.problem("it does not end in order with delivery.db-wal removed:\n" + gateway.log_text()[-2000:])


def beside(bench, passes, clients, rnd):
    ledger, gateway = bench.ledger, bench.process
    bench.begin()
    gateway.set_up_inbox()
    count = 0
    for number in range(1, passes + 1):
        what = "pass %d" % number
        if not gateway.alive() and not bench.start(what):
            return
        to_inbox(bench, 1)
        trace = some_trace(gateway)  # the gateway keeps the traces open twice after this
        load = Load(gateway.smtp_port, ledger, targets_of(gateway.webhook), clients, "%s %d" % (rnd.random(), number))
        trickle = Load(gateway.smtp_port, ledger, [(INBOX, gateway.inbox)], 1, "%s inbox" % number, plain=True, size=1000, pace=INBOX_PACE,
                       most=INBOX_UNDER_LOAD // passes)
        count = run_all(bench, what, trace)
        to_inbox(bench, INBOX_AFTER)
        status, text = gateway.readiness()
        if status != 200:
            ledger.problem("%s: /readyz says %s %s" % (what, status, text))
        seen = traces_seen(gateway)
        bench.kill()
        load.stop()  # messages without a reply stay with the client, which does not send them again
        trickle.stop()
        if not bench.start(what + ", killed"):
            return
        gone = [one for one in seen if not has_trace(gateway, one)]
        if gone:
            ledger.problem("%s: %d of %d traces are gone after the kill, %s for one" % (what, len(gone), len(seen), gone[0]))
        look_into_inbox(bench)
        bench.verify(what)
        counts, _ = ledger.judge()
        bench.say("%s: %d commands, %d acknowledged, %d in the inbox, %d problems" % (what, count, counts["acknowledged"],
                                                                                  len(gateway.inbox_messages()), len(ledger.problems)))
    lose_a_file(bench)
    bench.moods.calm()
    if not bench.start("last start"):
        return
    look_into_inbox(bench)
    bench.drain("last start")
    bench.verify("last start")
    if gateway.end() != 0:
        ledger.problem("SIGTERM does not end it in order:\n" + gateway.log_text()[-2000:])

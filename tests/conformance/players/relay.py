"""Routing, TLS policy, dialogue, reports and retries of the outbound relay (format: tests/suites/relay/README.md).

`routing` is played through `postern route --json`, with a configuration made of the case and its zone as a file: no server, no DNS;
`dialogue` through a gateway and scripted servers (outbound/dialogue.py), `schedule` through `postern queue simulate` (outbound/schedule.py).
A kind is played by the method `play_KIND(entry, document, context)`; one that has none is pending, by its name (pending.py).
"""
import json
import pathlib
import subprocess
import tempfile
import threading

import pending
from harness.cases import Case, Fail, FormatError, each, known, wanted
from harness.waiting import PATIENCE
from players.later import require
from players.outbound import schedule
from players.outbound.dialogue import Dialogues

# format without "postern-relay-" -> (needed feature, members that every case has)
FORMAT = "postern-relay-"
ALWAYS = ("id", "title", "rules", "note")
KINDS = {
    "routing": ("routing", ("rcpt_domain", "config", "zone", "sec", "expect")),
    "dane": ("dane", ("tlsa", "chain", "names", "expect")),
    "mtasts": ("mtasts", ("domain", "txt", "http", "expect")),
    "dialogue": ("dialogue", ("domain", "client", "message", "hosts", "expect")),
    "dsn": ("dsn", ("envelope", "event", "recipients", "expect")),
    "schedule": ("schedule", ("expect",)),
}
# Other members that a case of a kind may have, and the members of its `expect`.
MORE = {
    "routing": ("sts",), "dialogue": ("baseline",), "schedule": ("config", "results", "events", "jitter", "kind", "messages"),
    "dane": ("sni", "openssl", "now"), "mtasts": ("now", "cache", "mx", "config"), "dsn": ("config", "message", "auth", "now"),
}
EXPECT = {
    "routing": ("result", "groups", "skipped", "tried_at_most", "enhanced", "code"),
    "dialogue": ("connections", "or_connections", "never", "messages", "body", "recipients"),
    "schedule": ("attempts", "delay_notices", "end", "until", "starts_by"),
}
ATTEMPTS = 200
MAX_HOSTS = 5
MAX_ADDRESSES = 4  # of a host


def quoted(value):
    """Text, a number, true or false, or a list of them, as TOML: JSON is the same for these."""
    return json.dumps(value, ensure_ascii=False)


def section(header, members):
    return "%s\n%s" % (header, "".join("%s = %s\n" % (k, quoted(v)) for k, v in members.items()))


def configuration(config):
    """The case's `config` as a file. Its defaults are ours."""
    server, relay, text = {"hostname": "relay.postern.test"}, {}, ""
    for key, value in config.items():
        if key == "hostname":
            server["hostname"] = value
        elif key in ("self_names", "proxy_addresses", "families", "relay_to_literals", "tls"):
            relay[key] = value
        elif key == "relay_to_private":
            relay[key] = "always" if value else "never"
        elif key == "dane":
            relay[key] = value == "on"
        elif key == "listen":
            for i, ip in enumerate(value):
                address = "[%s]:25" % ip if ":" in ip else "%s:25" % ip
                text += section("[[listener]]", {"name": "smtp%d" % i, "address": address})
        elif key == "routes":
            for match, route in value.items():
                to = route["to"] if isinstance(route["to"], list) else [route["to"]]
                text += section("[[route]]", {"match": [match], "to": to, **{k: v for k, v in route.items() if k != "to"}})
        else:
            raise FormatError("unknown key of config: %s" % key)
    return section("[server]", server) + section("[relay]", relay) + text


def same(what, expected, got):
    if expected != got:
        raise Fail(wanted(what, expected, got))


def compare_target(target, expected):
    where = "host %s: " % expected["host"]
    for key, value in expected.items():
        if key in ("v6", "v4"):
            same(where + key, sorted(value), sorted(target[key]))
        elif key == "names":
            same(where + "names", sorted(value), sorted(target["names"]))
            same(where + "first of names", value[:1], target["names"][:1])
        elif key in ("host", "pref", "port", "tls", "sni", "tlsa"):
            same(where + key, value, target.get(key))
        else:
            raise FormatError("unknown key of a target: %s" % key)
    same(where + "port", expected.get("port", 25), target["port"])
    same(where + "tlsa", expected.get("tlsa"), target.get("tlsa"))


def compare_attempt(hosts, targets, group_of):
    """One draw: groups in order, families alternating from IPv6 on."""
    groups = [group_of[h["host"]] for h in hosts]
    same("groups in order", sorted(groups), groups)
    same("a host is tried once", len(hosts), len({h["host"] for h in hosts}))
    for host in hosts:
        target = targets[host["host"]]
        v6, v4 = len(target["v6"]), len(target["v4"])
        same("addresses of %s tried" % host["host"], min(MAX_ADDRESSES, v6 + v4), len(set(host["addresses"])))
        wants_v6 = True
        for address in host["addresses"]:
            wants_v6 = v6 > 0 and (wants_v6 or v4 == 0)
            same("family of %s" % address, wants_v6, address in target["v6"])
            v6, v4, wants_v6 = v6 - wants_v6, v4 - (not wants_v6), not wants_v6


def compare_groups(got, expected):
    same("number of groups", len(expected["groups"]), len(got["groups"]))
    targets, group_of = {}, {}
    for i, (members, wanted_members) in enumerate(zip(got["groups"], expected["groups"])):
        by_host = {t["host"]: t for t in members}
        same("hosts of group %d" % i, sorted(t["host"] for t in wanted_members), sorted(by_host))
        for target in wanted_members:
            compare_target(by_host[target["host"]], target)
        targets.update(by_host)
        group_of.update({h: i for h in by_host})
    at_most = expected.get("tried_at_most", MAX_HOSTS)
    same("number of attempts", ATTEMPTS, len(got["attempts"]))
    first = {}
    for hosts in got["attempts"]:
        same("hosts tried", min(at_most, len(targets)), len(hosts))
        compare_attempt(hosts, targets, group_of)
        seen = set()
        for host in hosts:
            if group_of[host["host"]] not in seen:
                seen.add(group_of[host["host"]])
                first.setdefault(group_of[host["host"]], set()).add(host["host"])
    for group, hosts in first.items():
        same("hosts that came first in group %d" % group, sorted(t["host"] for t in expected["groups"][group]), sorted(hosts))


def compare(got, expected):
    same("result", expected["result"], got["result"])
    for key, value in expected.items():
        if key in ("enhanced", "code"):
            same(key, value, got.get(key))
        elif key == "skipped":
            same(key, sorted((s["host"], s["why"]) for s in value), sorted((s["host"], s["why"]) for s in got["skipped"]))
        elif key not in ("result", "groups", "tried_at_most"):
            raise FormatError("unknown key of expect: %s" % key)
    if got["result"] == "targets":
        compare_groups(got, expected)


class Player:
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            kind = document.get("format") if isinstance(document, dict) else None
            if not str(kind).startswith(FORMAT):
                cases.append(Case(path.stem, "", fault="%s: unknown format %r" % (path.name, kind)))
                continue
            name = kind.removeprefix(FORMAT).rsplit("/", 1)[0]
            cases += each(document.get("cases"), path.name, lambda entry, d=document, n=name, at=path.name: self.case(entry, d, n, at), name + "/")
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases

    def case(self, entry, document, name, where):
        feature, members = KINDS.get(name, (name, ()))
        require(entry, ("id", "title", *members), where)
        if name in KINDS:
            known(entry, {*ALWAYS, *members, *MORE[name]}, "%s: %s" % (where, entry["id"]), FormatError)
        if name in EXPECT:
            known(entry["expect"], EXPECT[name], "%s: %s: expect" % (where, entry["id"]), FormatError)
        needs = {feature} if self.player(name) else {feature, pending.UNPLAYED + name}
        return Case("%s/%s" % (name, entry["id"]), entry["title"], (name, document, entry), frozenset(needs))

    def player(self, name):
        return getattr(self, "play_" + name.replace("-", "_"), None)

    def open(self, context):
        if context.binary is None or not context.binary.is_file():
            raise Fail("no Postern binary: build it, or name it with --binary or POSTERN_BINARY")
        self.folder = tempfile.TemporaryDirectory(prefix="relay.")
        self.lock, self.dialogues = threading.Lock(), {}

    def close(self):
        self.folder.cleanup()

    def play(self, case, context):
        name, document, entry = case.data
        player = self.player(name)
        if player is None:
            raise Fail("there is no player for this file yet: %s" % name)
        player(entry, document, context)

    def play_schedule(self, entry, document, context):
        schedule.play(entry, document.get("defaults", {}), context.binary, self.room())

    def room(self):
        """A directory for a case."""
        return pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))

    def play_dialogue(self, entry, document, context):
        """The first one plays all of its file: they share a gateway and wait side by side."""
        with self.lock:
            played = self.dialogues.get(id(document))
            if played is None:
                cases = [c.data[2] for c in context.todo if c.data[1] is document]
                played = self.dialogues[id(document)] = Dialogues(context, document, cases, self.room())
                played.run()
        played.check(entry)

    def play_routing(self, entry, document, context):
        folder = self.room()
        (folder / "postern.toml").write_text(configuration(entry["config"]), encoding="utf-8")
        (folder / "zone.json").write_text(json.dumps({"zone": entry["zone"], "sec": entry["sec"]}), encoding="utf-8")
        command = [str(context.binary), "route", "user@" + entry["rcpt_domain"], "--config", "postern.toml", "--dns", "zone.json",
                   "--json", "--attempts", str(ATTEMPTS)]
        if "sts" in entry:
            command += ["--sts", "%s:%s" % (entry["sts"]["mode"], ",".join(entry["sts"]["mx"]))]
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE, check=False)
        codes = {"targets": 0, "discard": 0, "permanent": 1, "temporary": 75}
        if done.returncode not in codes.values() or not done.stdout:
            raise Fail("`postern route` ended with %d: %s" % (done.returncode, (done.stderr or done.stdout).decode("utf-8", "replace")[:500]))
        got = json.loads(done.stdout)
        compare(got, entry["expect"])
        same("exit status", codes[got["result"]], done.returncode)

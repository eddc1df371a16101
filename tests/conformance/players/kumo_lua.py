"""Lua policies (format: tests/suites/kumo-lua/README.md). One directory is one case, and has a server of its own."""
import json
import re

from harness import dns
from harness.cases import Case, Fail, FormatError, each, wanted
from harness.waiting import until
from players.later import one_of, require
from players.lua import accepted, leaks, loading, match
from players.lua.dialogue import ACTIONS, Talk
from players.lua.site import SUITE, Site

NEEDS = frozenset(["lua"])
ASSERTS = frozenset(["accepted_count", "accepted", "never_anywhere", "log_contains", "vault_requests", "files_absent"])
INNER = {"auth": frozenset(["authz", "authc", "password", "initial"]), "sql": frozenset(["db", "exec"])}
TOP = frozenset("""id title origin tier rules notes policy files env substitute sqlite vault dns listener load sessions asserts""".split())
SLOW_MS = 1000
DEATH_SECONDS = 0.5  # a broken connection is visible before the end of the process


class Player:
    def load(self, directory):
        symbols = directory / "replies.json"
        self.suite = directory
        self.symbols = json.loads((symbols if symbols.is_file() else SUITE / "replies.json").read_text(encoding="utf-8"))
        def case(folder):
            path = folder / "case.json"
            entry = json.loads(path.read_text(encoding="utf-8"))
            self.check(entry, path)
            return Case(entry["id"], entry["title"], (folder, entry), NEEDS, slow=waits(entry) >= SLOW_MS)

        cases = each([path.parent for path in sorted((directory / "cases").glob("*/case.json"))], directory.name, case)
        if not cases:
            raise FormatError("no cases/*/case.json in %s" % directory)
        return cases

    # ------------------------------------------------------------ the format
    def check(self, entry, path):
        where = path.parent.name
        require(entry, ("id", "title", "policy", "load"), where)
        if entry["id"] != where:
            raise FormatError("%s: the id is %s" % (where, entry["id"]))
        self.known(where, "", entry, TOP)
        for name in [entry["policy"], *entry.get("files", []), *([entry["vault"]] if entry.get("vault") else [])]:
            if not (path.parent / name).is_file():
                raise FormatError("%s: there is no file %s" % (where, name))
        if entry["load"].get("expect") not in ("ok", "error"):
            raise FormatError("%s: load must expect ok or error" % where)
        if entry["load"]["expect"] == "ok" and not entry.get("sessions"):
            raise FormatError("%s: there is nothing to do" % where)
        for number, session in enumerate(entry.get("sessions", [])):
            self.known(where, "session %d" % number, session, {"steps", "peer", "parallel", "banner"})
            self.check_match(session.get("banner", {"code": 220}), "%s: session %d: banner" % (where, number))
            for index, step in enumerate(session["steps"]):
                self.check_step(step, "%s: session %d, step %d" % (where, number, index))
        self.known(where, "load", entry["load"], loading.KEYS)
        self.known(where, "asserts", entry.get("asserts", {}), ASSERTS)
        self.known(where, "vault_requests", entry.get("asserts", {}).get("vault_requests", {}), {"exact", "forbidden"})
        for base in entry.get("sqlite", []):
            self.known(where, "sqlite", base, {"path", "sql"})
        for want in entry.get("asserts", {}).get("accepted", []):
            self.known(where, "accepted", want, accepted.KEYS)

    @staticmethod
    def known(where, what, entry, keys):
        unknown = set(entry) - set(keys)
        if unknown:
            raise FormatError("%s: %s: unknown keys %s" % (where, what, ", ".join(sorted(unknown))))

    def check_step(self, step, where):
        action = one_of(step, tuple(ACTIONS), where)
        self.known(where, action, step, {action, "s", "if_code", "or_closed"})
        if action in INNER:
            self.known(where, action, step[action], INNER[action])
        if action in ("c", "raw", "auth", "data"):
            self.check_match(step.get("s"), where)
        if action == "expect":
            self.check_match(step["expect"], where)

    def check_match(self, want, where):
        if not isinstance(want, dict) or not {"reply", "code"} & set(want):
            raise FormatError("%s: a MATCH needs a reply or a code" % where)
        self.known(where, "MATCH", want, match.KEYS)
        if want.get("reply") is not None and want["reply"] not in self.symbols:
            raise FormatError("%s: unknown reply %s" % (where, want["reply"]))

    # ------------------------------------------------------------ playing
    def open(self, context):
        self.nowhere = dns.start()

    def close(self):
        self.nowhere.stop()

    def play(self, case, context):
        folder, entry = case.data
        site = Site(context, folder, self.suite, entry, self.nowhere)
        try:
            site.prepare()
            self.play_at(site, entry)
        finally:
            site.close()

    def play_at(self, site, entry):
        talk, asserts = Talk(site, self.symbols), entry.get("asserts", {})
        if entry["load"]["expect"] == "error":
            said = loading.refused(site, entry["load"])
        else:
            self.converse(site, talk, entry)
            judge_log(asserts.get("log_contains", []), site)
            judge_vault(asserts.get("vault_requests", {}), site)
            said = loading.checked(site, entry)
        leaks.judge(asserts.get("never_anywhere", []), site, talk, said)
        for name in asserts.get("files_absent", []):
            if (site.work / name).exists():
                raise Fail("the file %s is there, and must not be" % name)

    @staticmethod
    def converse(site, talk, entry):
        """The sessions, and what they are about; a server that dies meanwhile fails the case."""
        start = site.postern.start().starts
        try:
            talk.play(entry["sessions"])
            accepted.judge(entry.get("asserts", {}), site, talk)
        except Exception as e:
            if site.postern.died(start, patience=DEATH_SECONDS):
                raise Fail("%s\n%s" % (e, site.postern.death_note())) from None
            raise
        if site.postern.died(start):
            raise Fail(site.postern.death_note())


def judge_log(texts, site):
    """log_contains: in the ordinary log, which has nothing of level debug."""
    for text in texts:
        def there():
            ordinary = [e for e in site.log_entries() if e.get("level") != "debug"]
            return any(text in str(value) for e in ordinary for value in e.values())
        try:
            until("the log has %r" % text, there)
        except Fail as e:
            raise Fail("%s; the log:\n%s" % (e, site.postern.tail())) from None


def judge_vault(want, site):
    if not want:
        return
    if site.vault is None:
        raise FormatError("vault_requests without vault")
    got = site.vault.requests()
    if "exact" in want and want["exact"] != got:
        raise Fail(wanted("requests to Vault", want["exact"], got))
    for pattern in want.get("forbidden", []):
        bad = [target for target in got if re.search(pattern, target)]
        if bad:
            raise Fail(wanted("requests to Vault", "none that matches " + pattern, bad))


def waits(entry):
    """Milliseconds that a case takes at least, or may take: such cases are started first."""
    steps = [step for session in entry.get("sessions", []) for step in session["steps"]]
    patient = [step["s"].get("within_ms", 0) for step in steps if isinstance(step.get("s"), dict)]
    return sum(step.get("sleep_ms", 0) for step in steps) + max([entry["load"].get("within_ms", 0), *patient])

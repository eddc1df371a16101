"""`.vsl` scripts (format: tests/suites/vsl/README.md). One file is one case, and has a server of its own."""
import json

from harness.cases import Case, Fail, FormatError, each
from players.later import one_of, require
from players.vsl_site import dialogue, judge, loading
from players.vsl_site.site import CONFIG, LIMITS, Site

NEEDS = frozenset(["vsl"])
TOP = frozenset("id title basis origin tags note config scripts load warnings dns sessions after".split())
STEPS = ("banner", "send", "auth_plain", "data", "starttls", "closed")
SESSION = frozenset(["client_ip", "client_port", "tls", "steps"])
DEATH_SECONDS = 0.5  # a broken connection is visible before the end of the process


class Player:
    def load(self, directory):
        inner = directory / "cases"
        folder = inner if inner.is_dir() else directory
        self.suite = directory if inner.is_dir() else directory.parent
        def case(path):
            entry = json.loads(path.read_text(encoding="utf-8"))
            self.check(entry, path.name)
            return Case(entry["id"], entry["title"], entry, NEEDS)

        cases = each([path for path in sorted(folder.glob("*.json")) if path.is_file()], folder.name, case)
        if not cases:
            raise FormatError("no cases in %s" % folder)
        return cases

    # ------------------------------------------------------------ the format
    @staticmethod
    def check(entry, where):
        require(entry, ("id", "title", "scripts"), where)
        judge.known(where, entry, TOP)
        judge.known(where + ": config", entry.get("config", {}), CONFIG)
        judge.known(where + ": limits", entry.get("config", {}).get("limits", {}), LIMITS)
        judge.check(entry.get("after", {}), where)
        if "load" in entry and entry.get("sessions"):
            raise FormatError("%s: a case that must not load has no sessions" % where)
        if "load" in entry:
            require(entry["load"], ("error",), where)
            require(entry["load"]["error"], ("file", "line", "col"), where)
            judge.known(where + ": load", entry["load"], {"error"})
            judge.known(where + ": load", entry["load"]["error"], {"file", "line", "col"})
        elif not entry.get("sessions"):
            raise FormatError("%s: there is nothing to do" % where)
        for warning in entry.get("warnings", []):
            require(warning, ("file", "line", "text"), where)
            judge.known(where + ": warning", warning, {"file", "line", "text"})
        for number, session in enumerate(entry.get("sessions", [])):
            judge.known("%s: session %d" % (where, number), session, SESSION)
            if not session["steps"][0].get("banner"):
                raise FormatError("%s: session %d does not begin with the banner" % (where, number))
            for step in session["steps"]:
                action = one_of(step, STEPS, where)
                judge.known("%s: %s" % (where, action), step, {action, "expect"})
                judge.known("%s: %s: expect" % (where, action), step.get("expect", {}), dialogue.EXPECT)

    # ------------------------------------------------------------ playing
    def open(self, context):
        pass

    def close(self):
        pass

    def play(self, case, context):
        site = Site(context, self.suite, case.data)
        try:
            site.prepare()
            if "load" in case.data:
                loading.refused(site, case.data["load"]["error"])
            else:
                self.converse(site, case.data)
                loading.checked(site, case.data)
        finally:
            site.close()

    @staticmethod
    def converse(site, entry):
        """The sessions, and what came of them; a server that dies meanwhile fails the case."""
        start = site.postern.start().starts
        try:
            accepted = 0
            for number, session in enumerate(entry["sessions"]):
                accepted += dialogue.Session(site, number, session).play()
            judge.after(entry, site, accepted)
        except Exception as e:
            if site.postern.died(start, patience=DEATH_SECONDS):
                raise Fail("%s\n%s" % (e, site.postern.death_note())) from None
            if isinstance(e, Fail):
                raise Fail("%s; the log:\n%s" % (e, site.postern.tail())) from None
            raise
        if site.postern.died(start):
            raise Fail(site.postern.death_note())

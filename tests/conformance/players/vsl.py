""".vsl scripts (format: tests/suites/vsl/README.md). One file is one case."""
import json

from harness.cases import Case, FormatError
from players.later import LaterPlayer, one_of, require

NEEDS = frozenset(["vsl"])
STEPS = ("banner", "send", "auth_plain", "data", "starttls", "closed")


class Player(LaterPlayer):
    def load(self, directory):
        folder = directory / "cases" if (directory / "cases").is_dir() else directory
        cases = []
        for path in sorted(folder.glob("*.json")):
            entry = json.loads(path.read_text(encoding="utf-8"))
            require(entry, ("id", "title", "scripts"), path.name)
            if "load" in entry and entry.get("sessions"):
                raise FormatError("%s: a case that must not load has no sessions" % path.name)
            for session in entry.get("sessions", []):
                for step in session["steps"]:
                    one_of(step, STEPS, path.name)
            cases.append(Case(entry["id"], entry["title"], entry, NEEDS))
        if not cases:
            raise FormatError("no cases in %s" % folder)
        return cases

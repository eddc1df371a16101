"""Lua policies (format: tests/suites/kumo-lua/README.md). One directory is one case."""
import json

from harness.cases import Case, FormatError
from players.later import LaterPlayer, one_of, require

NEEDS = frozenset(["lua"])
STEPS = ("c", "raw", "expect", "auth", "data", "tls", "closed", "sleep_ms", "sql", "signal", "wait")


class Player(LaterPlayer):
    def load(self, directory):
        cases = []
        for path in sorted((directory / "cases").glob("*/case.json")):
            entry = json.loads(path.read_text(encoding="utf-8"))
            check(entry, path)
            cases.append(Case(entry["id"], entry["title"], (path.parent, entry), NEEDS))
        if not cases:
            raise FormatError("no cases/*/case.json in %s" % directory)
        return cases


def check(entry, path):
    where = str(path.parent.name)
    require(entry, ("id", "title", "policy", "load"), where)
    if entry["id"] != path.parent.name:
        raise FormatError("%s: the id is %s" % (where, entry["id"]))
    for name in [entry["policy"], *entry.get("files", [])]:
        if not (path.parent / name).is_file():
            raise FormatError("%s: there is no file %s" % (where, name))
    for session in entry.get("sessions", []):
        for step in session["steps"]:
            one_of(step, STEPS, where)

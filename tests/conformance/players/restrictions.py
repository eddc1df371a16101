"""Restriction-list dialogues and lint findings (format: tests/suites/restrictions/README.md)."""
import json

from harness.cases import Case, FormatError
from players.later import LaterPlayer, one_of, require

NEEDS = frozenset(["restriction-lists"])


class Player(LaterPlayer):
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            for entry in document["cases"]:
                if "dialogue" in entry:
                    check(entry, path.name)
                    cases.append(Case(entry["id"], entry.get("about", ""), entry, NEEDS))
                else:
                    require(entry, ("id", "config", "expect"), path.name)
                    cases.append(Case("lint/" + entry["id"], entry.get("evidence", ""), entry, NEEDS))
            for entry in document.get("configurations", []):
                # restrictions-real: whole configurations with their static findings
                require(entry, ("id", "lint"), path.name)
                cases.append(Case("lint/" + entry["id"], "static findings of a configuration", entry, NEEDS))
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases


def check(entry, where):
    require(entry, ("id", "config", "dialogue", "client"), where)
    where = "%s: %s" % (where, entry["id"])
    if not entry["dialogue"] or entry["dialogue"][0].get("event") != "connect":
        raise FormatError(where + ": the dialogue must begin with the connection")
    for step in entry["dialogue"]:
        one_of(step, ("event", "send", "pipelined", "body"), where)
        require(step, ("expect",), where)

"""Comparisons, guardrails and users' tests (tests/suites/plan/README.md): each file of cases has a player of its own in plans/."""
import json
import tempfile

from harness.cases import Case, FormatError, each
from pending import UNPLAYED
from players.plans import guardrails, lists, ptest, vsl, webhook

PLAYERS = {"guardrails": guardrails, "lists": lists, "ptest": ptest, "vsl": vsl, "webhook": webhook}


class Player:
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(document, dict) or "cases" not in document:
                raise FormatError("%s: no cases" % path.name)
            player = PLAYERS.get(path.stem)
            if player is None:
                cases += [Case(entry["id"], entry["title"], None, frozenset([UNPLAYED + path.stem])) for entry in document["cases"]]
            else:
                cases += each(document["cases"], path.name, player.load(document, path.name))
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases

    def open(self, context):
        pass

    def close(self):
        pass

    def play(self, case, context):
        with tempfile.TemporaryDirectory(prefix="postern-plan-") as folder:
            PLAYERS[case.data["kind"]].play(case.data, context, folder)

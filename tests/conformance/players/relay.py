"""Routing, TLS policy, dialogue, reports and retries of the outbound relay (format: tests/suites/relay/README.md)."""
import json

from harness.cases import Case, FormatError
from players.later import LaterPlayer, require

NEEDS = frozenset(["relay"])
MEMBERS = {
    "routing": ("rcpt_domain", "zone", "expect"), "dane": ("tlsa", "chain", "names", "expect"), "mtasts": ("domain", "txt", "http", "expect"),
    "dialogue": ("domain", "client", "message", "hosts", "expect"), "dsn": ("envelope", "event", "recipients", "expect"), "schedule": ("expect",),
}


class Player(LaterPlayer):
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            name = str(document.get("format", "")).removeprefix("postern-relay-").rsplit("/", 1)[0]
            if name not in MEMBERS:
                raise FormatError("%s: unknown format %r" % (path.name, document.get("format")))
            for entry in document["cases"]:
                require(entry, ("id", "title", *MEMBERS[name]), path.name)
                cases.append(Case("%s/%s" % (name, entry["id"]), entry["title"], (document, entry), NEEDS))
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases

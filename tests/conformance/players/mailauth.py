"""SPF, DKIM, ARC, DMARC and Authentication-Results data (format: tests/suites/mailauth/README.md)."""
import json

from harness.cases import Case, FormatError
from players.later import LaterPlayer, require

# format without its "postern-mailauth-" and version -> (needed feature, members every case has)
KINDS = {
    "spf": ("spf", ("name", "ip", "helo", "mailfrom", "results")),
    "dkim": ("dkim", ("name", "eml", "now", "dns", "signatures")),
    "dkim-canon": ("dkim", ("name", "kind", "input_b64")),
    "dkim-sign": ("dkim", ("name", "message_b64", "keys", "expect")),
    "arc-validate": ("arc", ("name", "results")),
    "arc-sign": ("arc", ("name", "message", "domain", "selector", "private_key")),
    "dmarc": ("dmarc", ("name", "mode", "from_domain", "expect")),
    "from": ("dmarc", ("name", "headers", "domains", "valid")),
    "ar-parse": ("ar", ("name", "header", "valid")),
    "ar-strip": ("ar", ("name", "own_authserv_ids", "header", "remove")),
    "ar-write": ("ar", ("name", "authserv_id", "results")),
}


class Player(LaterPlayer):
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*/*.json")):
            document = json.loads(path.read_text(encoding="utf-8"))
            name = str(document.get("format", "")).removeprefix("postern-mailauth-").rsplit("/", 1)[0]
            if name not in KINDS:
                raise FormatError("%s: unknown format %r" % (path.name, document.get("format")))
            feature, members = KINDS[name]
            for entry in document["cases"]:
                require(entry, members, path.name)
                if "eml" in entry and not (path.parent / entry["eml"]).is_file():
                    raise FormatError("%s: there is no file %s" % (path.name, entry["eml"]))
                where = "%s/%s" % (path.parent.name, path.stem)
                cases.append(Case("%s/%s" % (where, entry["name"]), entry.get("description", ""), (path, document, entry), frozenset([feature])))
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases

"""Attack cases: message boundaries, dialogue abuse, MIME bombs, spoofed mail, SSRF, hostile HTTP (format: tests/suites/attacks/README.md).

Every case of every file is loaded exactly once, whatever the files are called: the member "format" tells what a file holds.
"""
import json
import sys

from harness.cases import Case, FormatError, each
from players.attacks import auth_spoof, bombs, http, smtp, ssrf
from players.attacks.sites import Sites

# format of a file -> module that plays it
FORMATS = {"postern-attack/1": smtp, "postern-ssrf/1": ssrf, "postern-http/1": http, "postern-auth-spoof/1": auth_spoof}


class Player:
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("*.json")):
            document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            if not isinstance(document, dict) or "format" not in document:
                # A set of MIME bombs, see below.
                if not bombs.is_set(path, document):
                    print("%s is no file of cases" % path.name, file=sys.stderr)
                continue
            kind = document["format"]
            if kind not in FORMATS:
                cases.append(Case(path.stem, "", fault="%s: unknown format %r" % (path.name, kind)))
                continue
            cases += each(document.get("cases"), path.name, lambda entry, p=path, d=document: self.case(entry, p, d), path.stem + "/")
        cases += [Case(bomb.name, json.dumps(bomb.expect), (bombs, None, bomb), slow=True, fault=bomb.fault) for bomb in bombs.load(directory)]
        if not cases:
            raise FormatError("no attack cases in %s" % directory)
        return cases

    @staticmethod
    def case(entry, path, document):
        if "id" not in entry or "expect" not in entry:
            raise FormatError("%s: a case without id or expect" % path.name)
        module = FORMATS[document["format"]]
        module.check(entry)
        return Case("%s/%s" % (path.stem, entry["id"]), entry.get("title") or entry.get("why", ""), (module, document, entry),
                    module.needs(entry), slow=module.slow(entry))

    def open(self, context):
        self.sites = Sites(context)

    def play(self, case, context):
        module, document, entry = case.data
        module.play(self.sites, document, entry)

    def close(self):
        self.sites.close()

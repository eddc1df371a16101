"""SPF, DKIM, ARC, DMARC and Authentication-Results data (format: tests/suites/mailauth/README.md).

Played through `mailauth_face` (tests/tools), which gives the library a face in JSON lines: POSTERN_MAILAUTH_FACE, else the one
beside the binary under test, else the first build that has one. One process a worker thread. What is right is judged here.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import threading

from harness import child
from harness.cases import Case, Fail, FormatError, each, known, wanted
from players.later import require

ROOT = pathlib.Path(__file__).resolve().parents[3]

# format without "postern-mailauth-" and version -> (needed feature, members that every case has)
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


FORMAT = "postern-mailauth-"
# Other members that a case may have, of any kind and of each kind, and the members of `expect`.
ALWAYS = ("description", "comment", "spec", "contested", "note")
MORE = {
    "spf": ("explanation", "zone"), "dkim": ("overall",), "dkim-canon": ("simple_b64", "relaxed_b64", "simple_sha256", "relaxed_sha256"),
    "dkim-sign": ("canonicalization", "headers", "timestamp", "body_length", "dns"),
    "arc-validate": ("message", "message_b64", "dns", "scenario", "now", "oldest_pass"),
    "arc-sign": ("message_b64", "dns", "scenario", "now", "timestamp", "headers", "authserv_id", "expect"),
    "dmarc": ("spf", "dkim", "random", "dns"), "ar-parse": ("authserv_id", "version", "results"), "ar-write": ("version", "must_not_contain"),
}
EXPECT = {
    "dkim-sign": ("bh", "verifies"), "arc-sign": ("arc_authentication_results", "arc_message_signature", "arc_seal"),
    "dmarc": ("results", "policy", "disposition", "record_domain", "org_domain", "spf_aligned", "dkim_aligned", "queries"),
}


def b64(octets):
    return base64.b64encode(octets).decode("ascii")


def among(what, accepted, got, also=""):
    """`got` must be one of a list, or the one value."""
    if got not in (accepted if isinstance(accepted, list) else [accepted]):
        raise Fail(wanted(what, accepted, "%s%s" % (got, also and " (%s)" % also)))


def same(what, expected, got):
    if expected != got:
        raise Fail(wanted(what, expected, got))


def tags(field):
    """A tag list as the suite compares them: a set of tags without white space."""
    return {t for t in "".join(field.split()).split(";") if t}


def without_blanks(value):
    if isinstance(value, str):
        return "".join(value.split())
    if isinstance(value, list):
        return [without_blanks(v) for v in value]
    if isinstance(value, dict):
        return {k: without_blanks(v) for k, v in value.items()}
    return value


class Face:
    """One process of the face; asks and waits."""

    def __init__(self, binary):
        self.process = subprocess.Popen([str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kind, **request):
        line = json.dumps({"kind": kind, **request}).encode("utf-8") + b"\n"
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self.process.stdout.readline()
        if not answer:
            raise Fail("the face ended (status %s) at: %s" % (self.process.wait(), line[:200]))
        answer = json.loads(answer)
        if "error" in answer:
            raise Fail("the face refused: %s" % answer["error"])
        return answer

    def end(self):
        child.end(self.process)
        self.process.stdout.close()


class Player:
    def load(self, directory):
        cases = []
        for path in sorted(directory.glob("**/*.json")):
            document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            where = path.relative_to(directory).with_suffix("").as_posix()
            kind = document.get("format") if isinstance(document, dict) else None
            if not str(kind).startswith(FORMAT):
                print("%s is no file of cases" % path.relative_to(directory), file=sys.stderr)
                continue
            name = kind.removeprefix(FORMAT).rsplit("/", 1)[0]
            if name not in KINDS:
                cases.append(Case(where, "", fault="%s: unknown format %r" % (path.name, kind)))
                continue
            cases += each(document.get("cases"), path.name, lambda entry, p=path, d=document, n=name, w=where: self.case(entry, p, d, n, w), where + "/")
        if not cases:
            raise FormatError("no cases in %s" % directory)
        return cases

    @staticmethod
    def case(entry, path, document, name, where):
        feature, members = KINDS[name]
        require(entry, members, path.name)
        known(entry, {*members, *ALWAYS, *MORE.get(name, ())}, "%s: %s" % (path.name, entry["name"]), FormatError)
        if isinstance(entry.get("expect"), dict):
            known(entry["expect"], EXPECT[name], "%s: %s: expect" % (path.name, entry["name"]), FormatError)
        for signature in entry.get("signatures", []):
            known(signature, ("results", "contested"), "%s: %s: a signature" % (path.name, entry["name"]), FormatError)
        if "eml" in entry and not (path.parent / entry["eml"]).is_file():
            raise FormatError("%s: there is no file %s" % (path.name, entry["eml"]))
        title = entry.get("description", "") + (" (contested)" if entry.get("contested") else "")
        return Case("%s/%s" % (where, entry["name"]), title, (path, document, entry, name), frozenset([feature]))

    def open(self, context):
        self.binary = self.find_face(context)
        self.lock, self.faces, self.local = threading.Lock(), [], threading.local()

    def close(self):
        for face in self.faces:
            face.end()

    @staticmethod
    def find_face(context):
        named = os.environ.get("POSTERN_MAILAUTH_FACE")
        candidates = [pathlib.Path(named)] if named else []
        if not named:
            if context.binary:
                candidates.append(context.binary.parent / "tests" / "tools" / "mailauth_face")
            candidates += sorted(ROOT.glob("build/*/tests/tools/mailauth_face"))
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        raise OSError("no mailauth_face: build it, or name it with POSTERN_MAILAUTH_FACE")

    def face(self):
        face = getattr(self.local, "face", None)
        if face is None or face.process.poll() is not None:
            face = self.local.face = Face(self.binary)
            with self.lock:
                self.faces.append(face)
        return face

    def play(self, case, context):
        path, document, entry, kind = case.data
        try:
            getattr(self, "play_" + kind.replace("-", "_"))(path, document, entry)
        except Fail as e:
            if entry.get("contested"):
                raise Fail("%s\n      contested: %s" % (e, entry["contested"])) from None
            raise

    def play_spf(self, path, document, entry):
        zone = {**document.get("zone", {}), **entry.get("zone", {})}
        got = self.face().ask("spf", ip=entry["ip"], helo=entry["helo"], mailfrom=entry["mailfrom"], dns=zone)
        among("result", entry["results"], got["result"], got["reason"])
        explanation = entry.get("explanation")
        if explanation is not None and got["result"] == "fail":
            same("explanation", "" if explanation == "DEFAULT" else explanation, got["explanation"])

    def play_dkim(self, path, document, entry):
        message = (path.parent / entry["eml"]).read_bytes()
        got = self.face().ask("dkim", message_b64=b64(message), now=entry["now"], dns=entry["dns"])
        same("number of signatures", len(entry["signatures"]), len(got["signatures"]))
        for i, (expected, signature) in enumerate(zip(entry["signatures"], got["signatures"])):
            among("signature %d" % i, expected["results"], signature["result"], signature["reason"])
        if "overall" in entry:
            among("overall", entry["overall"], got["overall"])

    def play_dkim_canon(self, path, document, entry):
        got = self.face().ask("dkim-canon", part=entry["kind"], input_b64=entry["input_b64"])
        for form in ("simple", "relaxed"):
            for member in (form + "_b64", form + "_sha256"):
                if member in entry:
                    same(member, entry[member], got[member])

    def play_dkim_sign(self, path, document, entry):
        request = {k: entry[k] for k in ("message_b64", "keys", "canonicalization", "headers", "timestamp", "body_length") if k in entry}
        fields = self.face().ask("dkim-sign", **request)["fields"]
        signed = fields.encode("utf-8") + base64.b64decode(entry["message_b64"])
        got = self.face().ask("dkim", message_b64=b64(signed), now=entry["timestamp"], dns=entry["dns"])
        same("number of signatures", len(entry["keys"]), len(got["signatures"]))
        for signature in got["signatures"]:
            same("body hash", entry["expect"]["bh"], signature["bh"])
            if entry["expect"].get("verifies", True):
                among("verification", "pass", signature["result"], signature["reason"])
            elif signature["result"] == "pass":
                raise Fail(wanted("verification", "no pass", "pass"))

    @staticmethod
    def arc_request(document, entry):
        message = base64.b64decode(entry["message_b64"]) if "message_b64" in entry else entry["message"].encode("utf-8")
        zone = entry["dns"] if "dns" in entry else document["zones"][entry["scenario"]]
        return {"message_b64": b64(message), "dns": zone, **({"now": entry["now"]} if "now" in entry else {})}

    def play_arc_validate(self, path, document, entry):
        got = self.face().ask("arc-validate", **self.arc_request(document, entry))
        among("result", entry["results"], got["result"], "%s, %s" % (got["reason"], got["detail"]))
        if "oldest_pass" in entry and got["result"] == "pass":
            same("oldest_pass", entry["oldest_pass"], got["oldest_pass"])

    def play_arc_sign(self, path, document, entry):
        members = ("domain", "selector", "private_key", "timestamp", "headers", "authserv_id")
        request = {**self.arc_request(document, entry), **{k: entry[k] for k in members}}
        got = self.face().ask("arc-sign", **request)
        for field in ("arc_authentication_results", "arc_message_signature", "arc_seal"):
            same(field, sorted(tags(entry["expect"][field])), sorted(tags(got[field])))

    def play_dmarc(self, path, document, entry):
        members = ("mode", "from_domain", "spf", "dkim", "random", "dns")
        got = self.face().ask("dmarc", **{k: entry[k] for k in members},
                              public_suffix_rules=document.get("public_suffix_rules", []))
        expect = dict(entry["expect"])
        among("result", expect.pop("results"), got["result"], got["reason"])
        if "queries" in expect:
            same("queries", expect.pop("queries"), got["queries"])
        for member, expected in expect.items():
            among(member, expected, got[member])

    def play_from(self, path, document, entry):
        got = self.face().ask("from", headers=entry["headers"])
        same("valid", entry["valid"], got["valid"])
        same("domains", entry["domains"], got["domains"])

    def play_ar_parse(self, path, document, entry):
        got = self.face().ask("ar-parse", header=entry["header"])
        same("valid", entry["valid"], got["valid"])
        for member in ("authserv_id", "version", "results") if entry["valid"] else ():
            same(member, entry[member], got[member])

    def play_ar_strip(self, path, document, entry):
        got = self.face().ask("ar-strip", own_authserv_ids=entry["own_authserv_ids"], header=entry["header"])
        same("remove", entry["remove"], got["remove"])

    def play_ar_write(self, path, document, entry):
        text = self.face().ask("ar-write", authserv_id=entry["authserv_id"], results=entry["results"])["text"]
        for forbidden in entry.get("must_not_contain", []):
            if forbidden in text:
                raise Fail(wanted("text", "no %r" % forbidden, text))
        for line in ("Authentication-Results: " + text).encode("utf-8").split(b"\r\n"):
            if len(line) > 998:
                raise Fail("a line of %d octets" % len(line))
        got = self.face().ask("ar-parse", header=text)
        same("readable", True, got["valid"])
        same("authserv_id", without_blanks(entry["authserv_id"]), without_blanks(got["authserv_id"]))
        same("results", without_blanks(entry["results"]), without_blanks(got["results"]))

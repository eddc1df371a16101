#!/usr/bin/env python3
"""Compares docs/openapi.yaml with the server, in both directions: routes, statuses, and every member of requests and answers.

  api.py [--binary PATH] [--verbose]

Every operation is called with success at least once (api_walk.py), and before that in every way that the document says is refused. That the server
has no other routes is admin_test's to say, which has their table. Ends with the line "N passed, M failed"; exit status 1 when something failed.
"""
import argparse
import http.client
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import api_schema  # noqa: E402
import api_walk  # noqa: E402
from bench import LOCAL, Bench  # noqa: E402
from harness import dns  # noqa: E402

DOCUMENT = ROOT / "docs" / "openapi.yaml"
# Answers that HTTP gives for any route (RFC 9110); the document does not repeat them.
OF_HTTP = {405, 406}
# Members that a healthy gateway never returns.
UNSEEN = {
    "QueueVerification.findings[].message": "the queue is sound",
    "QueueVerification.findings[].what": "the queue is sound",
    "Replay.error": "no replay fails",
}


class Judge:
    """Counts what holds and what does not, and calls the server by operation."""

    def __init__(self, server, document, verbose):
        self.server, self.document, self.verbose = server, document, verbose
        self.passed, self.failures = 0, []
        self.called, self.probed, self.sent, self.requested = set(), set(), set(), set()

    def expect(self, what, ok, detail=""):
        if ok:
            self.passed += 1
            if self.verbose:
                print("ok   " + what)
        else:
            self.failures.append(what + (": " + str(detail) if detail != "" else ""))
            print("FAIL " + self.failures[-1], flush=True)
        return ok

    def raw(self, operation, ids=(), body=None, token=None, query="", headers=None, octets=None, method=None):
        path = "/api/v1" + operation.path
        for name, value in zip(operation.ids, ids):
            path = path.replace("{%s}" % name, value)
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = "Bearer " + token
        if body is not None:
            octets = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            return self.server.http(method or operation.method, path + query, octets, sent)
        except (OSError, http.client.HTTPException) as error:
            return 0, {}, str(error).encode()

    def judge(self, operation, status, headers, octets, what):
        """One answer against the document -> its value."""
        known, media, schema = self.document.answer_schema(operation, status)
        if not self.expect("%s: status %d is documented" % (what, status), known or status in OF_HTTP, octets[:200]):
            return None
        if status in OF_HTTP:
            return None
        sent = headers.get("content-type", "").split(";")[0]
        if media is None:
            self.expect(what + ": no body", octets == b"", octets[:100])
            return None
        if not self.expect("%s: media type %s" % (what, media), sent == media, sent):
            return None
        if media != "application/json":
            return octets.decode("utf-8", "replace")
        value = json.loads(octets)
        label = "%s %d" % (operation.id, status)
        errors = self.document.check(schema, value, label)
        self.expect(what + ": body", not errors, "; ".join(errors[:5]))
        return value

    def call(self, name, ids=(), body=None, token=None, query="", want=None, headers=None, octets=None):
        """An operation that succeeds -> its answer; None when it did not. Once an operation, what is refused is tried first."""
        operation = self.document.operations[name]
        if any(one is None for one in ids):
            self.expect(name + " can be called", False, "what it is about was not made")
            return None
        if name not in self.probed:
            self.probed.add(name)
            self.probe(operation, ids, body, token)
        status, given, out = self.raw(operation, ids, body, token, query, headers, octets)
        value = self.judge(operation, status, given, out, name)
        good = status == want if want else 200 <= status < 300
        if not self.expect(name + " succeeds", good, "%d %s" % (status, out[:300])):
            return None
        self.called.add(name)
        self.sent |= {parameter.split("=")[0] for parameter in query.lstrip("?").split("&")}
        self.requested |= {"%s ?%s" % (name, parameter.split("=")[0]) for parameter in query.lstrip("?").split("&") if parameter}
        if body is not None and operation.body is not None:
            seen = self.document.seen
            self.document.seen = set()
            errors = self.document.check(operation.body, body, name + " body")
            self.expect(name + ": the body that was taken is as documented", not errors, errors)
            self.requested |= self.document.seen
            self.document.seen = seen
        return value if value is not None else True

    # ------------------------------------------------------------ what is refused
    def refused(self, operation, what, want, status, headers, octets):
        if self.expect("%s: %s is refused" % (operation.id, what), status in want, "%d %s" % (status, octets[:200])):
            self.judge(operation, status, headers, octets, "%s (%s)" % (operation.id, what))

    def probe(self, operation, ids, body, token):
        if not operation.open:
            self.refused(operation, "no token", (401,), *self.raw(operation, ids, body))
            self.refused(operation, "a foreign token", (401,), *self.raw(operation, ids, body, "x" * 40))
        for i, name in enumerate(operation.ids):
            if "404" in operation.responses:
                other = [*ids]
                other[i] = unknown_id(ids[i])
                self.refused(operation, "an unknown " + name, (404,), *self.raw(operation, other, body, token))
        if operation.method == "GET" and "application/json" in self.media(operation):
            status, _, octets = self.raw(operation, ids, token=token, headers={"Accept": "application/xml"})
            self.expect(operation.id + ": only XML is 406", status == 406, "%d %s" % (status, octets[:100]))
        if operation.body is None:
            return
        self.refused(operation, "a form", (415,), *self.raw(operation, ids, None, token, headers={"Content-Type": "text/plain"}, octets=b"a=b"))
        self.refused(operation, "half a JSON", (400,), *self.raw(operation, ids, None, token, headers={"Content-Type": "application/json"}, octets=b'{"a":'))
        large = b'{"a":"' + b"x" * (1 << 20) + b'"}'
        self.refused(operation, "2^20 octets and more", (413,), *self.raw(operation, ids, None, token, headers={"Content-Type": "application/json"}, octets=large))
        if body is None:
            return
        self.refused(operation, "an unknown member", (422,), *self.raw(operation, ids, dict(body, no_such_member=1), token))
        for name in self.required(operation.body):
            if name in body:
                left = {k: v for k, v in body.items() if k != name}
                self.refused(operation, "a body without " + name, (400, 422), *self.raw(operation, ids, left, token))

    def media(self, operation):
        return [media for status in operation.responses if status.startswith("2")
                for media in self.document.resolve(operation.responses[status]).get("content", {})]

    def required(self, schema):
        schema = self.document.resolve(schema)
        names = list(schema.get("required", []))
        for part in schema.get("allOf", []):
            names += self.required(part)
        return names

    # ------------------------------------------------------------ the whole
    def compare_methods(self):
        by_path = {}
        for operation in self.document.operations.values():
            by_path.setdefault(operation.path, []).append(operation)
        for path, operations in sorted(by_path.items()):
            methods = {o.method for o in operations} | ({"HEAD"} if any(o.method == "GET" for o in operations) else set())
            ids = ["x" * 8 for _ in operations[0].ids]
            status, headers, _ = self.raw(operations[0], ids, method="PATCH")
            allow = set(headers.get("allow", "").replace(" ", "").split(","))
            self.expect("PATCH %s is 405" % path, status == 405, status)
            self.expect("Allow of %s" % path, allow == methods, "%s, documented %s" % (sorted(allow), sorted(methods)))

    def compare_members(self):
        every, taken = set(), set()
        for operation in self.document.operations.values():
            for status in operation.responses:
                _, media, schema = self.document.answer_schema(operation, int(status))
                if media == "application/json":
                    self.document.labels(schema, "%s %s" % (operation.id, status), every)
            if operation.body is not None:
                self.document.labels(operation.body, operation.id + " body", taken)
            for name, parameter in operation.parameters.items():
                if parameter["in"] == "query":
                    taken.add("%s ?%s" % (operation.id, name))
        for label in sorted(every):
            self.expect("the answers' member %s has been seen" % label, label in self.document.seen or label in UNSEEN)
        for label in sorted(UNSEEN):
            self.expect("%s is still an exception" % label, label in every and label not in self.document.seen)
        for label in sorted(taken):
            self.expect("the requests' member %s has been taken" % label, label in self.requested)


def unknown_id(given):
    """Another id of the same form."""
    if re.fullmatch(r"\d+", given):
        return "999999"
    match = re.fullmatch(r"([a-z]+_)?[0-9A-HJKMNP-TV-Z]{26}", given)
    return (match[1] or "") + "01HX000000000000000000000Z" if match else "nothing-" + given[:8]


def run(binary, verbose):
    with Bench(binary) as bench:
        names = dns.start()
        bench.stack.callback(names.stop)
        settings = dict(LOCAL, dns=names.settings)
        settings["api"] = {"rate_limits": False}
        settings["guardrails"] = {"closed": "never accept where rcpt in guarded.example and client in 203.0.113.77"}
        server = bench.server(settings)
        judge = Judge(server, api_schema.Document(DOCUMENT), verbose)
        judge.compare_methods()
        api_walk.Walk(judge, bench, server, names).all()
        for name in sorted(set(judge.document.operations) - judge.called):
            judge.expect(name + " was called with success", False)
        judge.compare_members()
    return judge


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build" / "release" / "postern", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    judge = run(options.binary.resolve(), options.verbose)
    print("%d passed, %d failed" % (judge.passed, len(judge.failures)))
    return 1 if judge.failures else 0


if __name__ == "__main__":
    sys.exit(main())

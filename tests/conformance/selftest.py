#!/usr/bin/env python3
"""Self-test of the runner: a check that cannot fail is a defect. Needs no Postern; a small stand-in plays the server.

Run it as a script, or with `python3 -m unittest selftest` in this folder.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import pending  # noqa: E402
from harness import instance, smtp  # noqa: E402
from harness.cases import Case, Fail  # noqa: E402
from harness.match import match  # noqa: E402
from harness.receiver import Request  # noqa: E402
from players import conduit, mailauth, messages  # noqa: E402
from players.attacks import bombs, http_judge, http_tokens, ssrf  # noqa: E402
from players.attacks import smtp as attack_smtp  # noqa: E402

MAIL = "From: Ann <ann@client.example>\r\nTo: b@hooks.example.net\r\nSubject: hello\r\nMessage-ID: <1@client.example>\r\n\r\nbody\r\n"
CONDUIT_CASE = {
    "id": "one-message", "title": "a message reaches its webhook", "steps": [
        {"api": {"method": "POST", "path": "/api/v1/webhooks", "json": {"target_url": "{{hook}}"}}, "expect": {"status": 201},
         "capture": {"addr": "/email_address", "secret": "/secret"}},
        {"smtp": {"client_ip": "203.0.113.10", "lines": [
            {"expect": "220"}, {"send": "EHLO mx.client.example", "expect": "250"}, {"send": "MAIL FROM:<ann@client.example>", "expect": "250"},
            {"send": "RCPT TO:<{{addr}}>", "expect": "250 2.1.5"}, {"send": "DATA", "expect": "354"},
            {"data_text": MAIL, "expect": "250 2.0.0"}, {"send": "QUIT", "expect": "221"}]}},
        {"webhook": {"count": 1, "within_ms": 500, "requests": [{"json": {"subject": "hello"}, "standard_signature": "{{secret}}"}]}}]}
ATTACK_CASES = {"format": "postern-attack/1", "vars": {"from": "probe@attacker.test", "rcpt": "inbox@postern.test"}, "cases": [
    {"id": "one", "title": "a message is taken", "phase": "data", "segments": [{"text": MAIL + ".\r\n", "read": "reply"}],
     "expect": {"accepted": [1, 1], "max_replies": 1}, "postern": {"after": ["250"]}}]}


def write_program(path, text):
    """By another process: a program that this one holds open for writing is busy for all that its threads start meanwhile (execve(2), ETXTBSY)."""
    subprocess.run(["install", "-m", "755", "/dev/stdin", str(path)], input=text, text=True, check=True)
    return path


class Runner(unittest.TestCase):
    """Runs the runner, as a process, on a case directory of the test's own, against the stand-in."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-selftest-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def fake(self, fault):
        path = self.folder / "fake-postern"
        return write_program(path, '#!/bin/sh\nFAKE_FAULT=%s exec %s %s "$@"\n' % (fault, sys.executable, HERE / "fake_postern.py"))

    def run_suite(self, suite, fault="", *more):
        done = subprocess.run([sys.executable, str(HERE / "run"), "--suite", suite, "--cases", str(self.folder), "--binary", str(self.fake(fault)), *more],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def expect(self, suite, fault, status, last, *texts, options=()):
        code, out, err = self.run_suite(suite, fault, *options)
        self.assertEqual(out.splitlines()[-1], last, out + err)
        self.assertEqual(code, status, out + err)
        for text in texts:
            self.assertIn(text, out)


class Played(Runner):
    """The whole runner."""

    brief = "test_conduit_passes", "test_log_of_a_dead_server_is_shown_and_the_next_case_gets_a_new_one"

    def conduit(self, *cases):
        (self.folder / "cases").mkdir()
        (self.folder / "cases" / "x.json").write_text(json.dumps(list(cases)), encoding="utf-8")

    def test_conduit_passes(self):
        self.conduit(CONDUIT_CASE)
        self.expect("conduit", "", 0, "1 passed, 0 failed, 0 skipped", "ok   one-message")

    def test_conduit_failures(self):
        self.conduit(CONDUIT_CASE)
        for fault, text in (("wrong-reply", "got      251 2.1.5"), ("wrong-payload", "expected hello"), ("no-webhook", "expected 1 requests"),
                            ("two-webhooks", "got      2"), ("bad-signature", "webhook-signature does not verify"), ("wrong-status", "status 201"),
                            ("die-on-data", "Postern died with status 134")):
            with self.subTest(fault):
                self.expect("conduit", fault, 1, "0 passed, 1 failed, 0 skipped", text)

    def test_log_of_a_dead_server_is_shown_and_the_next_case_gets_a_new_one(self):
        harmless = {"id": "zz-no-mail", "title": "", "steps": [{"sleep_ms": 1}]}
        self.conduit(CONDUIT_CASE, harmless)
        code, out, _ = self.run_suite("conduit", "die-on-data", "--jobs", "1")
        self.assertIn("fake: fatal error while reading data", out)
        self.assertIn("ok   zz-no-mail", out)
        self.assertEqual((code, out.splitlines()[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_server_that_does_not_start_fails_every_case(self):
        self.conduit(CONDUIT_CASE)
        self.expect("conduit", "die-at-start", 1, "0 passed, 1 failed, 0 skipped", "ended with status 78", "fake: bad configuration")

    def test_pending_feature_is_skipped_by_name(self):
        case = {"id": "one", "title": "", "tlsa": [], "chain": "", "names": [], "expect": {}}
        (self.folder / "dane.json").write_text(json.dumps({"format": "postern-relay-dane/1", "cases": [case]}), encoding="utf-8")
        why = pending.PENDING["relay", "dane"]
        self.expect("relay", "", 0, "0 passed, 0 failed, 1 skipped", "skip dane/one: skipped: " + why)
        self.expect("relay", "", 1, "0 passed, 1 failed, 0 skipped", "no player for this file", options=["--pending"])

    def test_filter_junit_and_nothing_to_play(self):
        self.conduit(CONDUIT_CASE, {"id": "other", "title": "", "steps": []})
        junit = self.folder / "junit.xml"
        code, out, _ = self.run_suite("conduit", "wrong-reply", "--filter", "one-*", "--junit", str(junit))
        self.assertEqual((code, out.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertIn('failures="1"', junit.read_text(encoding="utf-8"))
        self.assertEqual(self.run_suite("conduit", "", "--filter", "nothing")[0], 2)

    def test_malformed_suite(self):
        self.conduit({"id": "a", "title": "b", "steps": [{"apy": {}}]})
        code, _, err = self.run_suite("conduit")
        self.assertEqual(code, 2)
        self.assertIn("exactly one of", err)

    def messages(self, subject):
        (self.folder / "a.eml").write_bytes(MAIL.encode())
        expect = {"subject": subject, "text": "body\n", "header_from": [{"name": "Ann", "address": "ann@client.example"}], "attachments": [], "header_count": 4}
        (self.folder / "expected.json").write_text(json.dumps({"a.eml": {"tags": [], "expect": expect}}), encoding="utf-8")

    def test_messages(self):
        self.messages("hello")
        self.expect("messages", "", 0, "1 passed, 0 failed, 0 skipped")
        for fault, text in (("wrong-payload", "got      hello (altered)"), ("no-webhook", "expected 1 request"), ("two-webhooks", "got      2"),
                            ("die-on-data", "Postern died")):
            with self.subTest(fault):
                self.expect("messages", fault, 1, "0 passed, 1 failed, 0 skipped", text)

    def test_messages_without_expectation(self):
        self.messages("hello")
        (self.folder / "b.eml").write_bytes(MAIL.encode())
        self.expect("messages", "", 1, "1 passed, 1 failed, 0 skipped", "no entry in expected.json")

    def attacks(self):
        (self.folder / "cases.json").write_text(json.dumps(ATTACK_CASES), encoding="utf-8")

    def test_attacks(self):
        self.attacks()
        self.expect("attacks", "", 0, "1 passed, 0 failed, 0 skipped", "ok   cases/one")
        for fault, text in (("no-webhook", "0 messages delivered, expected 1..1"), ("two-webhooks", "2 messages delivered"), ("die-on-data", "Postern died")):
            with self.subTest(fault):
                self.expect("attacks", fault, 1, "0 passed, 1 failed, 0 skipped", text)

    def test_nothing_is_left_running(self):
        self.conduit(CONDUIT_CASE)
        self.run_suite("conduit")
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    self.assertNotIn(str(self.folder), (entry / "cmdline").read_text(encoding="utf-8", errors="replace"))
                except OSError:
                    continue


class Matching(unittest.TestCase):
    def fails(self, function, *args):
        with self.assertRaises(Fail):
            function(*args)

    def test_subset(self):
        match({"a": 1, "b": {"$re": "^x"}, "c": {"$absent": True}, "d": [{"$type": "number"}]}, {"a": 1.0, "b": "xy", "d": [2], "e": 0})
        for want, got in (({"a": 1}, {"a": True}), ({"a": 1}, {}), ({"a": {"$absent": True}}, {"a": None}), ([1], [1, 2]), ({"$first": 1}, []),
                          ({"$min_len": 3}, "ab"), ({"$not_contains": "x"}, "axb"), ({"$one_of": [1, 2]}, 3), ({"$type": "number"}, True),
                          ("1", 1), (None, False), ({"$unknown": 1}, 1)):
            with self.subTest((want, got)):
                self.fails(match, want, got)

    def test_reply_patterns(self):
        smtp.check("250 2.0.0", ["250 2.0.0 ok"], "x")
        smtp.check({"code": [250, 251], "line_re": "^SIZE", "no_line_re": "AUTH", "lines": 2, "max_line": 512}, ["250-mx", "250 SIZE 1"], "x")
        for pattern, lines in (("250", ["251 ok"]), ("250 2.0.0", ["250 ok"]), ({"text_re": "no"}, ["250 2.0.0 yes"]), ({"lines": 1}, ["250-a", "250 b"]),
                               ({"no_line_re": "AUTH"}, ["250-mx", "250 AUTH PLAIN"]), ({"max_line": 10}, ["250 " + "x" * 20]), ({"kode": 1}, ["250 a"])):
            with self.subTest(str(pattern)):
                self.fails(smtp.check, pattern, lines, "x")

    def test_signatures(self):
        request = Request("/", {"webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}, [], b"{}", 0)
        self.fails(conduit.check_standard_signature, "whsec_QUJD", request)
        self.fails(conduit.check_request, {"conduit_signature": "k"}, request)

    def test_needs(self):
        def need(*steps):
            return conduit.needs({"steps": list(steps)}, HERE)

        post = lambda body, status: {"api": {"method": "POST", "path": "/", "json": body}, "expect": {"status": status}}
        self.assertEqual(need(post({"require_dkim": True}, 201)), {"dkim"})
        self.assertEqual(need(post({"require_dkim": True}, 422)), set())
        self.assertEqual(need(post({"delivery_mode": "queued"}, 201)), {"queued"})
        self.assertEqual(need({"webhook": {"count": 1, "requests": [{"json": {"auth": {"spf": {"result": "pass"}}}}]}}), {"spf"})
        self.assertEqual(need({"webhook": {"count": 1, "requests": [{"json": {"client": {"auth": None}}}]}}), set())
        self.assertEqual(need({"smtp": {"client_ip": "::1", "lines": [{"send": "x", "expect": "550 5.7.26"}]}}), {"dkim"})

    def test_pending_names_exist(self):
        self.assertEqual(pending.reasons("relay", {"mtasts", "other"}), ["outbound relay: MTA-STS"])
        self.assertEqual(pending.reasons("messages", {"browser"}), [])

    def test_disputed_cases_have_their_reason(self):
        headings = (HERE.parent.parent / "docs/disputed-cases.md").read_text(encoding="utf-8")
        for (suite, case), heading in pending.DISPUTED.items():
            self.assertIn("\n## %s\n" % heading, headings)
            self.assertIn("`%s` of the `%s` suite" % (case, suite), headings)


class Comparison(unittest.TestCase):
    def test_every_field_of_a_payload_can_differ(self):
        expect = {"subject": "a", "message_id": "<a@b>", "date": "2024-01-15T10:00:00Z", "header_from": [{"name": "n", "address": "a@b"}], "header_to": [],
                  "cc": [], "reply_to": [], "text": "a\nb", "text_pieces": ["a", "b"], "html": {"present": True}, "header_count": 1,
                  "attachments": [{"filename": "f", "content_type": "text/csv"}]}
        attachment = {"filename": "f", "content_type": "text/csv; x=y", "size": 1, "sha256": messages.sha(b"x"), "content": "eA=="}
        good = {"subject": " a ", "message_id": "<a@b>", "date": "2024-01-15T11:00:00+01:00", "header_from": [{"name": "n", "address": "a@b"}],
                "text": "a \r\nb\n", "html": "<p>", "header_list": [{}], "attachments": [attachment]}
        self.assertEqual(messages.differences(expect, good), [])
        changes = {"subject": "b", "message_id": "<c@b>", "date": "2024-01-15T10:00:01Z", "header_from": [{"name": "m", "address": "a@b"}],
                   "header_to": [{"address": "x@y"}], "cc": [{"address": "x@y"}], "reply_to": [{"address": "x@y"}], "text": "b a", "html": "",
                   "header_list": [], "attachments": []}
        for field, value in changes.items():
            with self.subTest(field):
                self.assertTrue(messages.differences(expect, {**good, field: value}))
        for key, value in {"filename": "g", "content_type": "text/plain", "size": 2, "sha256": "0", "content": "eQ=="}.items():
            with self.subTest("attachment " + key):
                self.assertTrue(messages.differences(expect, {**good, "attachments": [{**attachment, key: value}]}))
        self.assertTrue(messages.differences({"new_field": 1}, good))

    def test_only_documented_refusals_excuse_a_missing_payload(self):
        self.assertTrue(messages.refused(550, "5.5.2 bare newline"))
        self.assertFalse(messages.refused(451, "4.3.0 later"))
        self.assertFalse(messages.refused(550, "no code"))


class Attacks(unittest.TestCase):
    def dialogue(self, expect, replies, exact=None, eof=False):
        d = attack_smtp.Dialogue.__new__(attack_smtp.Dialogue)
        d.entry, d.errors, d.mark = {"expect": expect}, [], 0
        d.connection = type("C", (), {"replies": [(r[:3], [r]) for r in replies], "eof": eof, "raw_in": "\r\n".join(replies).encode(),
                                      "reply": lambda self, seconds: ("none", [])})()
        d.judge(expect)
        if exact:
            d.judge_exact(exact)
        return d.errors

    def test_judging(self):
        self.assertEqual(self.dialogue({"accepted": [1, 1], "after": ["354", "2xx"]}, ["354 go", "250 ok"], {"last": ["250"], "text": "ok"}), [])
        for expect, replies, exact in (({"accepted": [0, 0]}, ["354 go", "250 ok"], None), ({"after": ["354", "5xx"]}, ["354 go", "250 ok"], None),
                                       ({"max_replies": 1}, ["354 go", "250 ok"], None), ({"last": "5xx"}, ["250 ok"], None), ({"closed": True}, ["250 ok"], None),
                                       ({"raw_absent": "secret"}, ["250 secret"], None), ({}, ["250 ok"], {"last": ["554"]}), ({}, ["554 x"], {"text": "5\\.4\\.6"})):
            with self.subTest(str((expect, exact))):
                self.assertTrue(self.dialogue(expect, replies, exact))
        self.assertTrue(self.dialogue({"closed": False}, ["250 ok"], None, eof=True))

    def test_bomb_judging(self):
        request = Request("/sink", {}, [], json.dumps({"attachments": [{"filename": "passwd"}], "headers": {"ambiguous": True}}).encode(), 0)
        self.assertEqual(bombs.judge_reply("accepted or 5xx", ["250 ok"], [request]), [])
        self.assertEqual(bombs.judge_reply("accepted or 5xx", ["554 no"], []), [])
        for lines, requests in ((["451 later"], []), (["250 ok"], []), (["554 no"], [request]), (None, [])):
            self.assertTrue(bombs.judge_reply("accepted or 5xx", lines, requests))
        with self.assertRaises(Fail):
            bombs.judge_reply("554 5.4.6", ["550 5.4.6 loop"], [])
        self.assertEqual(bombs.judge_payload({"filename": "passwd"}, [request]), [])
        self.assertTrue(bombs.judge_payload({"ambiguous": True}, [request]))

    def test_http_judging(self):
        ok = b"HTTP/1.1 400 Bad\r\nX-A: b\r\n\r\nbody pol_1"
        self.assertEqual(http_judge.judge_response({"status": [400], "header_present": ["x-a"], "one_response": True}, ok, True), [])
        for expect, out, closed in (({"status": [401]}, ok, True), ({"status": [400], "body_absent": "pol_"}, ok, True), ({"status": [400], "closed": True}, ok, False),
                                    ({"status": [400], "one_response": True}, ok + ok, True), ({"status": [400], "header_present": ["x-b"]}, ok, True),
                                    ({"status": [200]}, b"", True), ({"status": [400], "new": 1}, ok, True)):
            with self.subTest(str(expect)):
                self.assertTrue(http_judge.judge_response(expect, out, closed))

    def test_forged_tokens_differ(self):
        token = http_tokens.sealed({"alg": "HS256"}, {"sub": "a"}, b"key")
        for how in ("flip-last-bit-of-signature", "cut-signature-to-8-octets", "remove-signature-keep-dot", "append-.x", "change-sub-keep-signature"):
            self.assertNotEqual(http_tokens.mutated(token, how), token)

    def test_public_targets_never_leave_the_machine(self):
        records = {"A": ["93.184.216.34", "10.0.0.1"], "AAAA": ["2606:2800:220:1::1", "64:ff9b::7f00:1", "2002:7f00:1::", "::1"]}
        self.assertEqual(ssrf.local_records(records), {"A": [ssrf.STAND_IN, "10.0.0.1", ssrf.STAND_IN], "AAAA": ["64:ff9b::7f00:1", "2002:7f00:1::", "::1"]})
        zone, later = ssrf.zone_of({}, {"dns": {"rb.example.test": {"A": ["93.184.216.34"], "A_second_query": ["127.0.0.1"]}}})
        zone.pop("localhost")
        self.assertEqual((zone, later), ({"rb.example.test": {"A": [ssrf.STAND_IN]}}, {"rb.example.test": ("A_second_query", ["127.0.0.1"])}))


class Mailauth(unittest.TestCase):
    """The player of the mailauth suite, with answers from a table in place of the library's face."""

    DOCUMENT = {"zones": {"z": {}}, "public_suffix_rules": ["com"]}
    AR = {"authserv_id": "mx.example", "version": 1, "results": [
        {"method": "spf", "version": 1, "result": "pass", "reason": None, "properties": [{"ptype": "smtp", "property": "helo", "value": "a b"}]}]}
    SEAL = {"arc_seal": "i=1; b=AA", "arc_message_signature": "i=1", "arc_authentication_results": "i=1; x"}
    # kind -> (case, the correct answers, a change to one of them)
    TABLE = {
        "spf": ({"ip": "192.0.2.1", "helo": "h", "mailfrom": "", "results": ["fail", "none"], "explanation": "no"},
                {"spf": {"result": "fail", "reason": "", "explanation": "no"}},
                [("spf", "result", "pass"), ("spf", "explanation", "yes"), ("spf", "error", "x")]),
        "dkim": ({"eml": "m.eml", "now": 1, "dns": {}, "overall": "pass", "signatures": [{"results": ["pass"]}]},
                 {"dkim": {"overall": "pass", "signatures": [{"result": "pass", "reason": ""}]}},
                 [("dkim", "overall", "none"), ("dkim", "signatures", []), ("dkim", "signatures", [{"result": "fail", "reason": ""}])]),
        "dkim-canon": ({"kind": "body", "input_b64": "", "simple_b64": "AA==", "relaxed_sha256": "x"},
                       {"dkim-canon": {"simple_b64": "AA==", "relaxed_sha256": "x"}},
                       [("dkim-canon", "simple_b64", ""), ("dkim-canon", "relaxed_sha256", "y")]),
        "dkim-sign": ({"message_b64": "", "keys": [{}], "timestamp": 1, "dns": {}, "expect": {"bh": "h", "verifies": True}},
                      {"dkim-sign": {"fields": "f"}, "dkim": {"signatures": [{"result": "pass", "reason": "", "bh": "h"}]}},
                      [("dkim", "signatures", []), ("dkim", "signatures", [{"result": "fail", "reason": "", "bh": "h"}]),
                       ("dkim", "signatures", [{"result": "pass", "reason": "", "bh": "g"}])]),
        "arc-validate": ({"message": "m", "scenario": "z", "results": ["pass"], "oldest_pass": 2},
                         {"arc-validate": {"result": "pass", "reason": "", "detail": "", "oldest_pass": 2}},
                         [("arc-validate", "result", "fail"), ("arc-validate", "oldest_pass", 0)]),
        "arc-sign": ({"message": "m", "scenario": "z", "domain": "d", "selector": "s", "private_key": "k", "timestamp": 1, "headers": [], "authserv_id": "x",
                      "expect": {**SEAL, "arc_seal": "b=A\n A; i=1"}},
                     {"arc-sign": SEAL}, [("arc-sign", m, "i=2") for m in SEAL]),
        "dmarc": ({"mode": "rfc9989", "from_domain": "a.com", "spf": {}, "dkim": [], "random": 0, "dns": {},
                   "expect": {"results": ["fail"], "disposition": ["none", "reject"], "queries": ["_dmarc.a.com"]}},
                  {"dmarc": {"result": "fail", "reason": "", "disposition": "reject", "queries": ["_dmarc.a.com"]}},
                  [("dmarc", "result", "pass"), ("dmarc", "disposition", "quarantine"), ("dmarc", "queries", [])]),
        "from": ({"headers": ["a@b.com"], "domains": ["b.com"], "valid": True}, {"from": {"domains": ["b.com"], "valid": True}},
                 [("from", "domains", []), ("from", "valid", False)]),
        "ar-parse": ({"header": "h", "valid": True, **AR}, {"ar-parse": {"valid": True, **AR}},
                     [("ar-parse", "valid", False), ("ar-parse", "authserv_id", "x"), ("ar-parse", "version", 2), ("ar-parse", "results", [])]),
        "ar-strip": ({"own_authserv_ids": [], "header": "h", "remove": True}, {"ar-strip": {"remove": True}}, [("ar-strip", "remove", False)]),
        "ar-write": ({**AR, "must_not_contain": ["bad"]}, {"ar-write": {"text": "t"}, "ar-parse": {"valid": True, **AR}},
                     [("ar-write", "text", "bad"), ("ar-write", "text", "x" * 999), ("ar-parse", "valid", False), ("ar-parse", "results", [])]),
    }

    def play(self, kind, case, answers):
        player = mailauth.Player()
        player.face = lambda: self
        self.answers = answers
        path = pathlib.Path(tempfile.mkdtemp(prefix="postern-selftest-"))
        self.addCleanup(shutil.rmtree, path)
        (path / "m.eml").write_bytes(b"")
        player.play(Case(kind, "", (path / "x.json", self.DOCUMENT, {"name": "n", **case}, kind)), None)

    def ask(self, kind, **request):
        if "error" in self.answers[kind]:
            raise Fail("refused")
        return self.answers[kind]

    def test_right_answers_pass_and_each_wrong_one_fails(self):
        self.assertEqual(set(self.TABLE), set(mailauth.KINDS))
        for kind, (case, answers, changes) in self.TABLE.items():
            with self.subTest(kind):
                self.play(kind, case, answers)
            for asked, member, value in changes:
                with self.subTest("%s %s" % (kind, member)), self.assertRaises(Fail):
                    self.play(kind, case, {**answers, asked: {**answers[asked], member: value}})

    def test_a_contested_case_says_so_when_it_fails(self):
        case, answers, _ = self.TABLE["ar-strip"]
        with self.assertRaisesRegex(Fail, "contested: why"):
            self.play("ar-strip", {**case, "contested": "why"}, {"ar-strip": {"remove": False}})


class Configuration(unittest.TestCase):
    def test_toml(self):
        import tomllib
        settings = {"server": {"hostname": "a\"b", "n": 1, "on": True}, "listener": [{"proxy_from": ["127.0.0.0/8"]}, {"name": "two"}]}
        self.assertEqual(tomllib.loads(instance.toml(settings)), settings)
        merged = instance.merge(settings, {"server": {"n": 2}, "listener": [{"name": "one"}]})
        self.assertEqual((merged["server"]["n"], merged["listener"][0]["name"], settings["server"]["n"]), (2, "one", 1))


if __name__ == "__main__":
    unittest.main()

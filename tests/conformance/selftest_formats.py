"""Self-test of what the runner does with cases that it has not seen: members that it knows are judged, others fail their case alone. Needs no Postern."""
import json
import pathlib
import shutil
import tempfile
import unittest

import selftest
import selftest_http
from harness import dns
from harness.cases import Fail, FormatError, each
from harness.receiver import Request
from players import conduit, kumo_lua, mailauth, messages, vsl
from players.attacks import bombs, ssrf
from players.attacks import smtp as attack_smtp


def unknown(case, **more):
    return {**case, "id": "strange", **(more or {"frobnicate": 1})}


class Alone(selftest.Runner):
    """A case that says what nobody knows fails, and the one beside it is played."""

    brief = "test_messages",

    def write(self, name, document):
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(json.dumps(document), encoding="utf-8")

    def test_conduit(self):
        good, steps = selftest.CONDUIT_CASE, selftest.CONDUIT_CASE["steps"]
        in_step = [{**steps[0], "retry": 1}]
        in_line = [{"smtp": {"client_ip": "::1", "lines": [{"expect": "220", "after_ms": 1}]}}]
        in_webhook = [{"webhook": {"count": 0, "ordered": True}}]
        strange = [unknown(good), {**unknown(good, steps=in_step), "id": "step"}, {**unknown(good, steps=in_line), "id": "line"},
                   {**unknown(good, steps=in_webhook), "id": "webhook"}, {**unknown(good, steps=[{"apy": 1}]), "id": "kind"}, "no object"]
        self.write("cases/x.json", [good, *strange])
        self.expect("conduit", "", 1, "1 passed, 6 failed, 0 skipped", "ok   one-message", "FAIL strange: x.json: strange has the unknown member frobnicate",
                    "FAIL step: x.json: step step 0 has the unknown member retry",
                    "FAIL line: x.json: line step 0, line 0 has the unknown member after_ms", "FAIL webhook: x.json: webhook step 0: webhook has the unknown member ordered",
                    "FAIL kind: x.json: kind step 0: exactly one of", "FAIL x.json[6]: ")

    def test_messages(self):
        self.write("expected.json", {"a.eml": {"tags": [], "expect": {"subject": "hello"}}, "b.eml": {"expect": {"attachments": [{"md5": "x"}]}}, "c.eml": {"tags": []}})
        for name in "abc":
            (self.folder / (name + ".eml")).write_bytes(selftest.MAIL.encode())
        self.expect("messages", "", 1, "1 passed, 2 failed, 0 skipped", "FAIL b.eml: b.eml: an attachment has the unknown member md5", "c.eml has no member expect")

    def test_attacks(self):
        good = selftest.ATTACK_CASES["cases"][0]
        strange = [unknown(good), {**unknown(good), "id": "in-expect", "expect": {"bounced": 1}, "frobnicate": 1},
                   {**good, "id": "in-segment", "segments": [{"text": "x", "reed": "reply"}]}, {**good, "id": "in-exact", "postern": {"afters": []}},
                   {**good, "id": "step", "steps": [{"do": "dance"}]}, {"id": "no-expect"}]
        self.write("cases.json", {**selftest.ATTACK_CASES, "cases": [good, *strange]})
        self.write("http.json", {"format": "postern-http/1", "cases": [selftest_http.case("h", expect={"status": [401], "mood": "good"}), selftest_http.case("g", verbose=1)]})
        self.write("ssrf.json", {"format": "postern-ssrf/1", "cases": [{"id": "s", "url": "http://127.0.0.1/", "why": "x", "expect": "perhaps"}]})
        self.write("new.json", {"format": "postern-new/7", "cases": []})
        self.expect("attacks", "", 1, "1 passed, 10 failed, 0 skipped", "ok   cases/one", "FAIL cases/strange: strange has the unknown member frobnicate",
                    "FAIL cases/step: step: unknown step 'dance'", "FAIL http/h: h: expect has the unknown member mood", "FAIL http/g: g: request has the unknown",
                    "FAIL ssrf/s: s: unknown expectation 'perhaps'", "FAIL new: new.json: unknown format 'postern-new/7'", "FAIL cases/no-expect")

    def test_a_folder_of_faults_is_no_case(self):
        self.write("cases.json", selftest.ATTACK_CASES)
        self.write("index.json", {"one": {"eml": "one.eml"}})
        self.write("faults/cases.json", {"format": "postern-faults/1", "cases": [{"id": "F1"}]})
        self.write("faults/list.json", [1, 2])
        (self.folder / "faults.md").write_text("# Faults\n", encoding="utf-8")
        (self.folder / "faults.json").mkdir()
        self.expect("attacks", "", 0, "1 passed, 0 failed, 0 skipped", "ok   cases/one")
        self.assertIn("index.json is no file of cases", self.run_suite("attacks")[2])

    def test_bombs(self):
        self.write("set.json", {"good": {"build": "many_parts", "args": {"n": 3}, "expect": {"result": "deliver or 554"}},
                                "word": {"build": "many_parts", "args": {"n": 3}, "expect": {"result": "refuse", "word": "boundary"}},
                                "error": {"build": "many_parts", "args": {"n": 3}, "expect": {"result": "accepted with parse_error or 554", "parse_error": "deep"}},
                                "strange": {"build": "many_parts", "expect": {"mood": 1}}, "result": {"build": "many_parts", "expect": {"result": "perhaps"}},
                                "builder": {"build": "nobody"}})
        self.expect("attacks", "", 1, "1 passed, 5 failed, 0 skipped", "ok   set/good", "FAIL set/strange: set/strange has the unknown member mood",
                    "FAIL set/result: the case has the unknown result 'perhaps'", "FAIL set/builder: set.json: builder names no builder")
        self.expect("attacks", "parse-error", 1, "2 passed, 4 failed, 0 skipped", "ok   set/error")


class Folders(unittest.TestCase):
    """Suites of which a case is a file or a folder."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-selftest-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def loaded(self, player):
        return {c.id: c.fault for c in player.load(self.folder)}

    def change(self, path, **members):
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **members}), encoding="utf-8")

    def test_lua(self):
        source = dns.SUITES / "kumo-lua" / "cases"
        for name in ("s01-static-ok", "s07-sqlite-ok"):
            shutil.copytree(source / name, self.folder / "cases" / name)
        (self.folder / "cases" / "faults").mkdir()
        self.change(self.folder / "cases" / "s07-sqlite-ok" / "case.json", frobnicate=1)
        found = self.loaded(kumo_lua.Player())
        self.assertEqual(found.pop("s01-static-ok"), "")
        self.assertIn("unknown keys frobnicate", found.pop("s07-sqlite-ok"))
        self.assertEqual(found, {})

    def test_vsl(self):
        (self.folder / "cases").mkdir()
        for name in ("auth-no-rules", "auth-next-is-no"):
            shutil.copy(dns.SUITES / "vsl" / "cases" / (name + ".json"), self.folder / "cases")
        (self.folder / "cases" / "faults").mkdir()
        self.change(self.folder / "cases" / "auth-no-rules.json", frobnicate=1)
        found = self.loaded(vsl.Player())
        self.assertEqual(found["auth-next-is-no"], "")
        self.assertIn("frobnicate", found["auth-no-rules"])

    def test_mailauth(self):
        (self.folder / "faults").mkdir()
        (self.folder / "faults" / "list.json").write_text("[1]", encoding="utf-8")
        strip = {"name": "a", "own_authserv_ids": [], "header": "h", "remove": True}
        document = {"format": "postern-mailauth-ar-strip/1", "cases": [strip, {**strip, "name": "b", "keep": 1}, {"name": "c"}]}
        (self.folder / "ar.json").write_text(json.dumps(document), encoding="utf-8")
        (self.folder / "new.json").write_text(json.dumps({"format": "postern-mailauth-new/1", "cases": []}), encoding="utf-8")
        found = self.loaded(mailauth.Player())
        self.assertEqual(found.pop("ar/a"), "")
        self.assertIn("unknown member keep", found.pop("ar/b"))
        self.assertIn("has no", found.pop("ar/c"))
        self.assertIn("unknown format", found.pop("new"))
        self.assertEqual(found, {})

    def test_every_case_of_the_suites_is_in_the_format(self):
        import importlib
        for name in ("attacks", "conduit", "kumo_lua", "mailauth", "messages", "plan", "relay", "restrictions", "vsl"):
            with self.subTest(name):
                cases = importlib.import_module("players." + name).Player().load(dns.SUITES / name.replace("_", "-"))
                self.assertEqual([c.fault for c in cases if c.fault], [])

    def test_a_list_that_is_none(self):
        with self.assertRaises(FormatError):
            each({"a": 1}, "x.json", lambda entry: entry)


class Parts(unittest.TestCase):
    def test_the_length_of_html(self):
        self.assertEqual(messages.check_html("html", {"present": True, "length": 3}, {"html": "<p>"}), [])
        self.assertTrue(messages.check_html("html", {"present": True, "length": 4}, {"html": "<p>"}))

    def test_results_of_bombs(self):
        request = Request("/sink", {}, [], json.dumps({"parse_error": "too-deep", "ambiguous": True}).encode(), 0)
        good = lambda result, lines, requests: self.assertEqual(bombs.judge_reply(result, lines, requests), [])
        good("deliver or 554", ["250 ok"], [request])
        good("deliver or 554", ["554 5.6.0 no"], [])
        good("refuse", ["552 5.3.4 no"], [])
        good("accepted with parse_error or 5xx", ["250 ok"], [request])
        good("accepted with ambiguous | 554 5.6.0", ["554 5.6.0 no"], [])
        good("refused with limit", ["554 5.6.0 a limit"], [])
        for result, lines, requests in (("deliver or 554", ["550 no"], []), ("deliver or 554", ["451 later"], []), ("accepted with warnings or 5xx", ["250 ok"], [request]),
                                        ("554 5.6.0 or 552", ["554 5.4.6 no"], []), ("deliver or 554", ["250 ok"], []), ("deliver or 554", ["554 no"], [request])):
            with self.subTest(result):
                self.assertTrue(bombs.judge_reply(result, lines, requests))
        with self.assertRaises(Fail):
            bombs.judge_reply("refuse", ["250 ok"], [request])
        words = lambda expect, lines, requests: bombs.judge_words(expect, lines, requests)
        self.assertEqual(words({"word": "deep", "parse_error": True}, ["250 ok"], [request]), [])
        self.assertEqual(words({"word": "loop", "parse_error": "x"}, ["554 5.4.6 a LOOP"], []), [])
        self.assertTrue(words({"word": "loop"}, ["554 5.6.0 no"], []))
        self.assertTrue(words({"parse_error": "parts"}, ["250 ok"], [request]))
        self.assertTrue(words({"parse_error": False}, ["250 ok"], [request]))

    def test_the_exact_block_of_a_dialogue_may_say_all(self):
        judge = selftest.Attacks().dialogue
        self.assertEqual(judge({}, ["354 go", "250 ok"], {"closed": True, "max_replies": 2}, eof=True), [])
        for exact, eof in (({"closed": False}, True), ({"max_replies": 1}, False), ({"raw_absent": "ok"}, False)):
            with self.subTest(str(exact)):
                self.assertTrue(judge({}, ["354 go", "250 ok"], exact, eof=eof))
        self.assertEqual(attack_smtp.wants({"expect": {"alive": True, "max_secs": 9}, "postern": {"max_secs": 1}}), {"alive": True, "max_secs": 1})

    def test_webhook_stubs_answer_octets_and_headers_may_be_absent(self):
        run = conduit.Run.__new__(conduit.Run)
        run.values = {"a": "x"}
        self.assertEqual(run.response({"raw": {"$repeat": ["a", "b", 2, "c"]}, "headers": {"X": "{{a}}"}}), {"raw": b"abbc", "headers": {"X": "x"}})
        conduit.match_headers({"Retry-After": {"$absent": True}, "X-A": "b"}, {"x-a": "b"}, "header")
        for want in ({"X-A": {"$absent": True}}, {"X-A": "c"}, {"X-B": "b"}):
            with self.subTest(str(want)), self.assertRaises(Fail):
                conduit.match_headers(want, {"x-a": "b"}, "header")

    def test_a_signature_that_must_not_verify(self):
        good, answers, _ = selftest.Mailauth.TABLE["dkim-sign"]
        with self.assertRaisesRegex(Fail, "no pass"):
            selftest.Mailauth.play(self, "dkim-sign", {**good, "expect": {"bh": "h", "verifies": False}}, answers)

    ask = selftest.Mailauth.ask
    DOCUMENT = selftest.Mailauth.DOCUMENT

    def test_when_a_target_is_contacted(self):
        entry = {"id": "a", "url": "http://a.test/", "expect": "refuse", "dns": {"a.test": {"A": ["127.0.0.1"], "A_after_create": ["10.0.0.1"]}}}
        self.assertTrue(ssrf.delivers(entry))
        self.assertFalse(ssrf.delivers({**entry, "when": "create"}))
        ssrf.check(entry)
        for change in ({"when": "later"}, {"dns": {"a.test": {"A_third_query": []}}}, {"stub": {"mood": 1}}, {"mood": 1}):
            with self.subTest(str(change)), self.assertRaises(FormatError):
                ssrf.check({**entry, **change})


if __name__ == "__main__":
    unittest.main()

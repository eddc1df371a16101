"""Self-test of the player of spoofed mail: a wrong answer of the server fails the case that it belongs to. Needs no Postern."""
import json
import unittest

import selftest
from harness.cases import Fail
from players.attacks import auth_claims, auth_spoof

HEAD = "To: <inbox@postern.test>\r\nSubject: case\r\nMessage-ID: <case@attack.test>\r\n\r\nHi\r\n"
SPF, DKIM, DMARC = "require_spf+allowed_spf_domains=legit.test", "require_dkim+allowed_dkim_domains=legit.test", "check_dmarc"
NEVER = ["dmarc=pass", "header.from=legit.test with dkim=pass aligned"]
SESSION = {"client_ip": "198.51.100.66", "helo": "mx.attack.test", "mail_from": "any@attack.test", "rcpt_to": ["inbox@postern.test"], "refs": []}
SPOOF = {**SESSION, "id": "spoof", "title": "the victim in From", "eml": "legit.eml",
         "expect": {"never": NEVER, "policies": {DMARC: ["550"], DKIM: ["550"], SPF: ["550"]}, "protected_domain": "legit.test"}}
OTHER = {**SESSION, "id": "other", "title": "a domain that protects nobody", "eml": "other.eml",
         "expect": {"never": NEVER, "policies": {DMARC: ["250", "550"]}, "protected_domain": "legit.test"}}
SOURCE = {**OTHER, "id": "source", "client_ip": "::ffff:198.51.100.66", "title": "allowed_source_ips 198.51.100.66/32 must match",
          "note": "allowed_source_ips=192.0.2.0/24 -> 550 5.7.1 at RCPT"}
CONTROL = {**SESSION, "id": "control", "title": "genuine", "eml": "legit.eml", "client_ip": "192.0.2.10", "mail_from": "a@legit.test",
           "expect": {"never": [], "policies": {DMARC: ["250"]}, "protected_domain": "legit.test", "control": True, "must": "dmarc=pass header.from=legit.test"}}


class Played(selftest.Runner):
    """The whole runner."""

    brief = "test_a_spoof_that_is_accepted_fails",

    def cases(self, *cases):
        document = {"format": "postern-auth-spoof/1", "keys": {}, "dns": {"legit.test": {"MX": ["10 mx.legit.test"], "TXT": ["v=spf1 ip4:192.0.2.10 -all"]}},
                    "cases": list(cases)}
        (self.folder / "spoof.json").write_text(json.dumps(document), encoding="utf-8")
        for name, author in (("legit.eml", "admin@legit.test"), ("other.eml", "a@other.test")):
            (self.folder / name).write_bytes(("From: <%s>\r\n%s" % (author, HEAD)).encode())

    def play(self, case, fault, passes, *texts):
        self.cases(case)
        last = "1 passed, 0 failed, 0 skipped" if passes else "0 passed, 1 failed, 0 skipped"
        self.expect("attacks", fault, 0 if passes else 1, last, *texts, options=["--pending"])

    def test_a_right_server_passes(self):
        self.cases(SPOOF, OTHER, SOURCE, CONTROL)
        self.expect("attacks", "", 0, "4 passed, 0 failed, 0 skipped", "ok   spoof/control", options=["--pending"])

    def test_a_spoof_that_is_accepted_fails(self):
        self.play(SPOOF, "spoof-accepted", False, "check_dmarc: reply to end of data", SPF + ": reply to end of data", "expected 550", "250 2.0.0 taken")

    def test_a_control_that_is_refused_fails(self):
        self.play(CONTROL, "control-refused", False, "expected 250", "got      550 5.7.26 nobody may")

    def test_a_server_that_refuses_everything_passes_no_control(self):
        self.play(SPOOF, "control-refused", True)

    def test_verdicts_of_what_is_accepted_are_read(self):
        self.play(OTHER, "false-verdict", False, "the payload says 'dmarc=pass'")
        self.play(OTHER, "no-verdict", False, "the payload has no verdicts")
        self.play(CONTROL, "no-verdict", False, "the payload has no verdicts")
        control = {**CONTROL, "expect": {**CONTROL["expect"], "must": "dmarc=pass header.from=other.test"}}
        self.play(control, "", False, "expected dmarc=pass header.from=other.test")

    def test_delivery_follows_the_reply(self):
        self.play(SPOOF, "refused-delivered", False, "reply 550, deliveries")
        self.play(CONTROL, "no-webhook", False, "reply 250, deliveries")
        self.play(CONTROL, "two-webhooks", False, "got      2")

    def test_a_reply_is_one_reply_and_the_server_lives(self):
        self.play(SPOOF, "split-reply", False, "QUIT behind the reply")
        self.play(SPOOF, "die-on-data", False, "Postern died with status 134")

    def test_source_addresses_of_a_note(self):
        self.play(SOURCE, "loose-source", False, "allowed_source_ips=192.0.2.0/24: RCPT")

    def test_what_is_unknown_fails(self):
        for change, text in (({"never": ["bimi=pass"]}, "unknown text 'bimi=pass'"), ({"must": "spf"}, "unknown text 'spf'"), ({"policies": {}}, "no policies"),
                             ({"policies": {"require_bimi": ["550"]}}, "unknown control 'require_bimi'"), ({"perhaps": 1}, "unknown expectations: perhaps"),
                             ({"control": True}, "nothing that must hold")):
            with self.subTest(text):
                self.play({**SPOOF, "expect": {**SPOOF["expect"], **change}}, "", False, text)

    def test_a_refused_name(self):
        self.play(SPOOF, "ehlo-refused", True)
        self.play(CONTROL, "ehlo-refused", False, "reply to EHLO", "got      550 5.7.1 not by that name")

    def test_unknown_members(self):
        spoof = SPOOF
        self.cases({**spoof, "mood": 1}, {**spoof, "id": "sign", "sign": {"key": "a", "mood": 1}}, {**spoof, "id": "dns", "dns_extra": []}, {**spoof, "id": "good"})
        self.expect("attacks", "", 1, "1 passed, 3 failed, 0 skipped", "ok   spoof/good", "spoof has the unknown member mood",
                    "sign: sign has the unknown member mood", "dns: dns_extra is no object")


class Claims(unittest.TestCase):
    @staticmethod
    def payload(dkim=(), dmarc="fail", domain="legit.test", spf="fail", **more):
        return {"auth": {"spf": {"result": spf}, "dkim": list(dkim), "dmarc": {"result": dmarc, "domain": domain}}, **more}

    def holds(self, text, controls=(), **parts):
        return auth_claims.holds(auth_claims.parse(text), self.payload(**parts), controls)

    def test_verdicts(self):
        good, loose = {"result": "pass", "aligned": True}, {"result": "pass", "aligned": False}
        self.assertTrue(self.holds("dmarc=pass", dmarc="pass"))
        self.assertFalse(self.holds("dmarc=pass"))
        self.assertTrue(self.holds("spf=pass", spf="pass"))
        self.assertFalse(self.holds("spf=pass", spf="softfail"))
        self.assertTrue(self.holds("header.from=legit.test", domain="Legit.Test."))
        self.assertFalse(self.holds("header.from=legit.test", domain=None))
        both = NEVER[1]
        self.assertTrue(self.holds(both, dkim=[{"result": "fail", "aligned": True}, good]))
        self.assertFalse(self.holds(both, dkim=[loose, {"result": "fail", "aligned": True}]))
        self.assertFalse(self.holds(both, dkim=[good], domain="attack.test"))
        self.assertTrue(self.holds("dkim=pass", dkim=[loose]))
        self.assertTrue(self.holds("dmarc=pass header.from=legit.test", dmarc="pass"))
        self.assertFalse(self.holds("dmarc=pass header.from=legit.test", dmarc="pass", domain="attack.test"))
        accepted = "accepted by allowed_spf_domains=legit.test"
        self.assertTrue(self.holds(accepted, SPF.split("+")))
        self.assertFalse(self.holds(accepted, ["check_dmarc"]))

    def test_unknown_texts(self):
        for text in ("", "with", "aligned", "dmarc pass", "dmarc=pass aligned", "dkim=pass of legit.test", "spf=PASS", "accepted by a b"):
            with self.subTest(text), self.assertRaises(Fail):
                auth_claims.parse(text)

    def test_verdicts_that_are_not_there(self):
        whole = self.payload()["auth"]
        for auth in (None, [], {**whole, "spf": None}, {**whole, "dkim": {}}, {**whole, "dkim": [{}]}, {**whole, "dmarc": {"result": None}}):
            with self.subTest(str(auth)), self.assertRaises(Fail):
                auth_claims.results({"auth": auth})

    def test_fields(self):
        payload = {"header_list": [{"name": "authentication-results", "value": "one"}, {"name": "Subject", "value": "x"}],
                   "headers": {"Authentication-Results": ["two", "three"]},
                   "raw": {"content": "aGVsbG8=", "trace_fields": "Authentication-Results: mx;\r\n\tspf=pass;\r\n\tdmarc=pass\r\nReceived: x\r\n"}}
        self.assertEqual(auth_claims.result_fields(payload), ["one", "two", "three", " mx;\tspf=pass;\tdmarc=pass"])
        self.assertEqual(auth_claims.own_fields({"raw": None}), [])
        written = lambda text, field: auth_claims.written(auth_claims.parse(text), field)
        self.assertTrue(written("dmarc=pass", "mx.postern.test; DMARC = pass header.from=legit.test"))
        self.assertFalse(written("dmarc=pass", "mx.postern.test; dmarc=fail; x-dmarc=pass"))
        self.assertTrue(written("header.from=legit.test", 'mx; dmarc=none header.from="legit.test"'))
        self.assertFalse(written("header.from=legit.test", "mx; dmarc=none header.from=legit.test.attack.test"))
        self.assertTrue(written(NEVER[1], "mx; dkim=pass header.d=mail.legit.test; dmarc=fail header.from=legit.test"))
        self.assertFalse(written(NEVER[1], "mx; dkim=pass header.d=attack.test; dkim=fail header.d=legit.test; dmarc=fail header.from=legit.test"))

    def test_fields_are_judged(self):
        own = lambda text: {"raw": {"trace_fields": "Authentication-Results: mx; " + text}}
        judge = lambda expect, payload: auth_spoof.judge_payload({"never": [], **expect}, [], payload)
        never, must = {"never": ["dmarc=pass"]}, {"must": "dmarc=pass"}
        judge(never, self.payload(**own("dmarc=fail")))
        judge(must, self.payload(dmarc="pass", **own("dmarc=pass")))
        for expect, payload in ((never, self.payload(headers={"Authentication-Results": ["mx; dmarc=pass"]})), (never, self.payload(**own("dmarc=pass"))),
                                (must, self.payload(dmarc="pass", **own("dmarc=none"))), (must, self.payload(**own("dmarc=pass")))):
            with self.subTest(str(payload)), self.assertRaises(Fail):
                judge(expect, payload)


class Judging(unittest.TestCase):
    def outcome(self, stage, code, enhanced=None):
        return auth_spoof.Outcome(stage, code, enhanced, "", 0.0)

    def judge(self, codes, outcome, controls=("check_dmarc",), signed=False, **expect):
        auth_spoof.judge_reply(expect, codes, controls, outcome, signed)

    def test_replies(self):
        end, no = auth_spoof.END, self.assertRaises(Fail)
        self.judge(["550"], self.outcome(end, 550, "5.7.26"))
        self.judge(["451"], self.outcome("RCPT", 550, "5.1.1"))
        self.judge(["5xx"], self.outcome(end, 550, "5.7.26"))
        self.judge(["451"], self.outcome("EHLO", 504, "5.5.2"))
        self.judge(["451"], self.outcome(end, 550, "5.6.0"))
        self.judge(["451"], self.outcome(end, 550, "5.7.1"), SPF.split("+"))
        self.judge(["451"], self.outcome(end, 550, "5.7.20"), DKIM.split("+"))
        for codes, outcome, controls, signed, expect in (
                (["550"], self.outcome(end, 250), ["check_dmarc"], False, {}), (["550"], self.outcome(end, 451), ["check_dmarc"], False, {}),
                (["451"], self.outcome(end, 550, "5.7.26"), ["check_dmarc"], False, {}), (["451"], self.outcome(end, 550, "5.7.1"), ["check_dmarc"], False, {}),
                (["451"], self.outcome(end, 550, "5.7.24"), SPF.split("+"), False, {}), (["451"], self.outcome(end, 550, "5.7.20"), DKIM.split("+"), True, {}),
                (["550"], self.outcome("MAIL", 554), ["check_dmarc"], False, {}), (["250"], self.outcome("RCPT", 550), ["check_dmarc"], False, {"control": True}),
                (["250"], self.outcome("RCPT", 250), ["check_dmarc"], False, {"control": True})):
            with self.subTest(str((codes, outcome, controls))), no:
                self.judge(codes, outcome, controls, signed, **expect)

    def test_limits_and_sources(self):
        self.assertEqual(auth_spoof.limits("at most 5 verified and 5 key lookups; reply in < 10 s"), {"seconds": 10})
        self.assertEqual(auth_spoof.limits("at most 10 mechanism look-ups, 64 queries, 20 s"), {"seconds": 20, "queries": 64})
        self.assertEqual(auth_spoof.limits("CPU < 1 s"), {"cpu": 1})
        self.assertEqual(auth_spoof.source_rules({"title": "against allowed_source_ips 198.51.100.66/32 must match, against 192.0.2.0/24 must not",
                                                  "note": "allowed_source_ips=192.0.2.0/24 -> 550 5.7.1 at RCPT"}),
                         [("198.51.100.66/32", 250, None), ("192.0.2.0/24", 550, "5.7.1")])

    def test_cases_share_a_server_when_their_dns_data_agree(self):
        base = {"legit.test": {"TXT": ["a"]}}
        extras = {"plain": {}, "key": {"k._domainkey.legit.test": {"TXT": ["k"]}}, "bomb": {"bomb.test": {"TXT": ["1"]}}, "same": {"bomb.test": {"TXT": ["1"]}},
                  "more": {"bomb.test": {"TXT": ["1"]}, "x.bomb.test": {"A": ["192.0.2.1"]}}, "less": {"y.bomb.test": {"A": ["192.0.2.1"]}},
                  "other": {"bomb.test": {"TXT": ["2"]}}, "override": {"LEGIT.test": {"TXT": ["b"]}}}
        numbers, zones = auth_spoof.groups({"dns": base, "cases": [{"id": k, "dns_extra": v} for k, v in extras.items()]})
        self.assertEqual(numbers, {"plain": 0, "key": 0, "bomb": 0, "same": 0, "more": 1, "less": 2, "other": 3, "override": 4})
        self.assertEqual((zones[0]["k._domainkey.legit.test"], zones[3]["bomb.test"]), ({"TXT": ["k"]}, {"TXT": ["2"]}))

    def test_zones_of_the_stub(self):
        zone = {"a.test": {"MX": ["10 mx.a.test"], "TXT": ["@SERVFAIL"]}, "b.test": {"TXT": ["v=spf1 -all"], "A": ["@TIMEOUT"]}}
        self.assertEqual(auth_spoof.stub_zone(zone), {"a.test": {"MX": [[10, "mx.a.test"]], "TXT": "SERVFAIL"}, "b.test": {"TXT": ["v=spf1 -all"], "A": "TIMEOUT"}})


if __name__ == "__main__":
    unittest.main()

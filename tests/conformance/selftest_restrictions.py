"""Self-test of the player of restriction lists: each way to answer wrongly fails the case. Needs no Postern; a stand-in plays the server."""
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

import selftest
from harness.cases import Fail
from players.lists import check, dialogue, findings, hops, imports, site, stubs

CLIENT = {"addr": "192.0.2.10"}
GREETING = {"event": "connect", "expect": {"code": 220}}
EHLO = {"send": "EHLO c.example", "expect": {"code": 250}}
MAIL = {"send": "MAIL FROM:<u@sender.example>", "expect": {"code": 250, "enhanced": "2.1.0"}}
REFUSED = {"send": "RCPT TO:<x@other.test>", "expect": {"code": 554, "enhanced": "5.7.1"}}
TAKEN = {"send": "RCPT TO:<x@relay.test>", "expect": {"code": 250, "enhanced": "2.1.5"}}
RELAY = {"smtpd_relay_restrictions": "reject_unauth_destination"}
BASE = {"myhostname": "mx.postern.test", "relay_domains": "relay.test"}


def case(name, *steps, config=None, tier="B", **more):
    return {"id": name, "about": name, "tier": tier, "config": config or RELAY, "dns": {}, "client": CLIENT, "dialogue": [GREETING, *steps], **more}


def served_not(name):
    return {**case(name, config={"smtpd_relay_restrictions": "permit"}), "dialogue": [{"event": "connect", "expect": {"no_service": True}}]}


def piped(step):
    return {("pipelined" if k == "send" else k): v for k, v in step.items()}


PLAIN = case("plain", EHLO, MAIL, REFUSED, TAKEN)
QUIT = case("quit", EHLO, {"send": "QUIT", "expect": {"code": 221, "enhanced": "2.0.0", "closed": True}})
CUT = case("cut", EHLO, MAIL, {"send": "RCPT TO:<x@other.test>", "expect": {"code": 421, "enhanced": "4.7.1", "closed": True}}, client={"addr": "192.0.2.11"})
DEAD = case("dead", EHLO, MAIL, {"send": "RCPT TO:<x@other.test>", "expect": {"closed": True}}, client={"addr": "192.0.2.12"})
PIPED = case("piped", EHLO, piped(MAIL), piped(REFUSED), piped(TAKEN), {"send": "DATA", "expect": {"code": 354}},
             {"body": ["Subject: a", "", "b"], "expect": {"code": 250, "enhanced": "2.0.0"}})
TLS = case("tls", EHLO, {"send": "STARTTLS", "expect": {"code": 220, "enhanced": "2.0.0", "closed": True}}, EHLO, MAIL,
           config={**RELAY, "smtpd_tls_security_level": "may"}, client_cert="alice")
TABLE = case("table", EHLO, MAIL, TAKEN, config={**RELAY, "smtpd_sender_restrictions": "check_sender_access hash:@t, check_policy_service @policy"},
             tables={"t": {"type": "hash", "text": "a.example OK\n"}})
SERVERS = case("servers", EHLO, MAIL, TAKEN, config={**RELAY, "smtpd_sender_restrictions": "check_sender_mx_access static:OK"}, tier="C")
ASKS = {**RELAY, "smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes", "smtpd_tls_req_ccert": "yes"}
OBSOLETE = case("obsolete", EHLO, MAIL, REFUSED, config={"smtpd_relay_restrictions": "check_relay_domains"}, tier="C")
LINT = {"id": "L1", "config": RELAY, "expect": {"starts": True, "complete": {"smtpd_relay_restrictions": False}, "errors": [["smtpd_relay_restrictions", 0]],
                                                "unreachable": [["smtpd_relay_restrictions", 1]], "open_relay": "yes"}}
REAL = {**case("R1.relay", EHLO, MAIL, REFUSED, config={**BASE, **RELAY, "smtpd_sender_restrictions": "check_sender_mx_access hash:@t"}, tier="R"),
        "origin_id": "R1", "main_cf": "smtpd_sender_restrictions = check_sender_mx_access hash:/etc/postfix/t\n", "files": {"/etc/postfix/t": "t"},
        "tables": {"t": {"type": "hash", "text": "a.example OK\n"}}}
ORIGIN = {"id": "R1", "cases": ["R1.relay"],
          "lint": {"lists": {"smtpd_sender_restrictions": "incomplete", "smtpd_relay_restrictions": "incomplete"}, "starts": True, "open_relay": False,
                   "unknown_keywords": []}}


class Played(selftest.Runner):
    """The whole runner."""

    brief = "test_a_dead_server_fails",

    def fake(self, fault):
        path = self.folder / "fake-postern"
        text = '#!/bin/sh\nFAKE_FAULT=%s FAKE_SUITE=%s exec %s -B %s "$@"\n' % (fault, self.folder, sys.executable, selftest.HERE / "fake_restrictions.py")
        return selftest.write_program(path, text)

    def suite(self, *cases, configurations=(), base=None):
        document = {"base": BASE if base is None else base, "cases": list(cases)}
        if configurations:
            document["configurations"] = list(configurations)
        (self.folder / "cases.json").write_text(json.dumps(document), encoding="utf-8")

    def play(self, entry, fault, passes, *texts):
        self.suite(entry)
        last = "1 passed, 0 failed, 0 skipped" if passes else "0 passed, 1 failed, 0 skipped"
        self.expect("restrictions", fault, 0 if passes else 1, last, *texts, options=["--pending"])

    def test_right_answers_pass(self):
        self.suite(PLAIN, QUIT, CUT, DEAD, PIPED, TLS, TABLE, SERVERS, OBSOLETE, served_not("not-served"), LINT)
        self.expect("restrictions", "", 0, "11 passed, 0 failed, 0 skipped", "ok   plain", "ok   lint/L1", options=["--pending"])

    def test_wrong_replies_fail(self):
        self.play(PLAIN, "wrong-code", False, "step 3: RCPT TO:<x@other.test>", "expected 554 5.7.1", "got      299")
        self.play(PLAIN, "wrong-enhanced", False, "expected 554 5.7.1", "got      554 2.9.9")
        self.play(PLAIN, "no-enhanced", False, "expected 554 5.7.1", "got      554: 554 text")
        self.play(PIPED, "wrong-code", False, "step 3: RCPT TO:<x@other.test>")

    def test_the_end_of_the_connection_is_compared(self):
        self.play(PLAIN, "closes", False, "expected 250 2.1.5", "got      closed")
        for entry, text in ((QUIT, "expected 221 2.0.0, closed"), (CUT, "expected 421 4.7.1, closed")):
            with self.subTest(entry["id"]):
                self.play(entry, "stays", False, text)

    def test_a_dead_server_fails(self):
        self.play(PLAIN, "dies", False, "Postern died with status 134")
        self.play(DEAD, "dies", False, "Postern died with status 134")

    def test_what_is_not_served(self):
        self.play(served_not("n"), "serves-all", False, "expected refused by postern check and postern serve")
        self.play(served_not("n"), "silent-refusal", False, "postern check")
        self.play(PLAIN, "refuses", False, "expected served", "refused: something is wrong")
        self.play(DEAD, "refuses", True)
        self.play(PLAIN, "check-differs", False, "has nothing against a configuration with which `postern serve` does not start")

    def test_obsolete_keywords_may_be_refused_where_they_stand(self):
        self.play(OBSOLETE, "451", True)
        self.play(OBSOLETE, "wrong-code", False, "expected 554 5.7.1")
        self.play(PLAIN, "451", False, "got      451 4.3.5")

    def test_an_open_relay_is_confirmed_when_only_that_is_asked(self):
        self.play(PLAIN, "open-relay", True)

    def test_findings(self):
        for member in (*findings.MEMBERS, "witness"):
            with self.subTest(member):
                self.play(LINT, "lint-" + member, False, member)
        self.play(LINT, "no-report", False, "no member `restrictions`")

    def test_whole_configurations(self):
        self.suite(REAL, configurations=[ORIGIN], base={})
        self.expect("restrictions", "", 0, "3 passed, 0 failed, 0 skipped", "ok   config/R1.relay", "ok   import/R1.relay", "ok   lint/R1", options=["--pending"])
        self.expect("restrictions", "import-fails", 1, "1 passed, 2 failed, 0 skipped", "postern import ended with status 1", options=["--pending"])
        self.expect("restrictions", "wrong-code", 1, "1 passed, 2 failed, 0 skipped", options=["--pending"])

    def test_what_the_import_names_beforehand_is_skipped_when_it_differs(self):
        self.suite(REAL, base={})
        options = ["--pending", "--filter", "import/*"]
        self.expect("restrictions", "import-names", 0, "1 passed, 0 failed, 0 skipped", options=options)
        self.expect("restrictions", "import-names,wrong-code", 0, "0 passed, 0 failed, 1 skipped", "the import report names it: check_sender_mx_access", options=options)
        self.expect("restrictions", "import-names-other,wrong-code", 1, "0 passed, 1 failed, 0 skipped", options=options)

    def test_the_import_refuses_what_is_not_served(self):
        entry = {**served_not("R1.relay"), "origin_id": "R1", "main_cf": "smtpd_relay_restrictions = permit\n", "files": {}, "tables": {}}
        self.suite(entry, base={"myhostname": "mx.postern.test"})
        self.expect("restrictions", "", 0, "2 passed, 0 failed, 0 skipped", options=["--pending"])
        for fault, text in (("serves-all", "got      success"), ("import-vague", "got      error")):
            self.expect("restrictions", fault, 1, None, "expected an error that names the missing relay protection", text, options=["--pending"])

    def test_client_certificates(self):
        entry = {**TLS, "config": ASKS}
        for client in ("alice", "bob", "carol", "expired", "olga"):
            self.play({**entry, "client_cert": client}, "", True)
        self.play({**entry, "config": {**ASKS, "smtpd_tls_security_level": "encrypt"}}, "", True)
        self.play({**entry, "client_cert": "zoe"}, "", False, "unknown certificate 'zoe'")
        self.assertNotIn("smtpd_tls_req_ccert", [k for k in ASKS if k not in site.ELSEWHERE])

    def test_times(self):
        mail = MAIL
        for more, passes in (({"max_seconds": 20}, True), ({"min_seconds": 5}, False), ({"max_seconds": 0}, False)):
            self.play(case("timed", EHLO, {**mail, **more}), "", passes, *([] if passes else [list(more)[0]]))

    def test_unknown_members(self):
        self.suite(PLAIN, {**PLAIN, "id": "strange", "frobnicate": 1}, {**PLAIN, "id": "step", "dialogue": [GREETING, {**EHLO, "after": 1}]})
        self.expect("restrictions", "", 1, "1 passed, 2 failed, 0 skipped", "FAIL strange: cases.json: strange has the unknown member frobnicate",
                    "FAIL step: cases.json: step: a step has the unknown member after", options=["--pending"])

    def test_probes_are_compared(self):
        self.play({**PLAIN, "probes": [["<>", "a@b.test"]]}, "", False, "FAIL plain: the probes", "got      []")

    def expect(self, suite, fault, status, last, *texts, options=()):
        code, out, err = self.run_suite(suite, fault, *options)
        if last is not None:
            self.assertEqual(out.splitlines()[-1], last, out + err)
        self.assertEqual(code, status, out + err)
        for text in texts:
            self.assertIn(text, out)


class Parts(unittest.TestCase):
    def test_dns_data_of_the_suite(self):
        data = {"a.test": {"MX": ["10 mx.a.test", "0 ."], "CNAME": "b.test", "A": ["192.0.2.1"]}, "c.test": {"rcode": "SERVFAIL"}, "d.test": {"MX": "SERVFAIL"}}
        self.assertEqual(stubs.stub_zone(data), {"a.test": {"MX": [[10, "mx.a.test"], [0, "."]], "CNAME": ["b.test"], "A": ["192.0.2.1"]},
                                                 "c.test": {"!": "SERVFAIL"}, "d.test": {"MX": "SERVFAIL"}})
        zone = site.dns.STUB.Zone(stubs.stub_zone(data))
        self.assertEqual(zone.lookup("c.test", "A")[0], "SERVFAIL")
        self.assertEqual(zone.lookup("mx.a.test", "A")[0], "NXDOMAIN")

    def test_fingerprints(self):
        folder = tempfile.mkdtemp(prefix="postern-selftest-")
        self.addCleanup(shutil.rmtree, folder)
        made = stubs.Certificates(folder)
        self.assertRegex(made.fill_in("@fp:bob"), r"^([0-9A-F]{2}:){31}[0-9A-F]{2}$")
        self.assertRegex(made.fill_in("@pk.sha1.lower:bob"), r"^([0-9a-f]{2}:){19}[0-9a-f]{2}$")
        self.assertNotEqual(made.fill_in("@fp:alice"), made.fill_in("@pk:alice"))
        self.assertEqual(pathlib.Path(made.get("carol")[0]).read_text(encoding="ascii").count("BEGIN CERTIFICATE"), 2)
        self.assertEqual(stubs.stub_zone({"a.test": {"MX": "TIMEOUT", "A": "TIMEOUT"}}), {"a.test": {"MX": "TIMEOUT", "A": "TIMEOUT"}})

    def test_policy_stub(self):
        import socket
        stub = stubs.PolicyStub([{"match": {"sender": "a@b.test"}, "action": "REJECT no"}])
        self.addCleanup(stub.stop)
        with socket.create_connection(("127.0.0.1", stub.port), timeout=5) as connection:
            stream = connection.makefile("rwb")
            for sender, action in (("a@b.test", b"action=REJECT no\n"), ("c@b.test", b"action=DUNNO\n")):
                stream.write(("request=smtpd_access_policy\nsender=%s\n\n" % sender).encode())
                stream.flush()
                self.assertEqual((stream.readline(), stream.readline()), (action, b"\n"))

    def test_next_hops(self):
        import socket
        case = {"config": {"a": "reject_unverified_recipient"}, "next_hop": {"192.0.2.1": {"rcpt": {"*": "450 one\n450 two"}}},
                "dns": {"a.verify.test": {"MX": ["20 m2.verify.test", "10 m1.verify.test"]}, "m1.verify.test": {"A": ["192.0.2.1"]},
                        "m2.verify.test": {"A": ["192.0.2.2"]}, "none.verify.test": {"MX": ["0 ."]}}}
        made = hops.Hops(case)
        self.addCleanup(made.stop)
        port = made.servers[0].port
        self.assertEqual([route["to"] for route in made.settings["route"]], [["mx"], ["m1.verify.test:%d" % port, "m2.verify.test:1"], ["discard"]])
        self.assertEqual(made.dns["m1.verify.test"], {"A": [made.servers[0].address]})
        with socket.create_connection((made.servers[0].address, port), timeout=5) as connection:
            stream = connection.makefile("rwb")
            for said, heard in (("", b"220"), ("EHLO x", b"250"), ("MAIL FROM:<p@a.test>", b"250"), ("RCPT TO:<b@a.verify.test>", b"450-one"), ("", b"450 two")):
                if said:
                    stream.write((said + "\r\n").encode())
                    stream.flush()
                self.assertTrue(stream.readline().startswith(heard), said)
        made.judge(None)
        made.judge([["re:[a-z]@a\\.test", "b@a.verify.test"]])
        for wrong in ([], [["q@a.test", "b@a.verify.test"]], [["p@a.test", "b@a.verify.test"]] * 2):
            self.assertRaises(Fail, made.judge, wrong, seconds=0)
        self.assertEqual(hops.Hops({"config": {}}).settings, {})

    def test_what_check_says(self):
        error = lambda text: json.dumps({"severity": "error", "message": text, "hint": ""}) + "\n"
        whole = check.Checked(0, 'note {x} {"diagnostics": [{"severity": "warning", "message": "w"}], "restrictions": {"starts": true}}', "")
        self.assertEqual((whole.errors(), whole.restrictions, whole.refused), ([], {"starts": True}, False))
        self.assertTrue(check.Checked(78, error("an open relay"), "").only_open_relay())
        self.assertFalse(check.Checked(78, error("an open relay") + error("other"), "").only_open_relay())
        self.assertFalse(check.Checked(0, error("an open relay"), "").only_open_relay())

    def test_findings_of_a_whole_configuration(self):
        lint = {"lists": {"a": "complete", "b": "incomplete", "c": "empty"}, "starts": True, "open_relay": False, "unknown_keywords": ["reject_pipeling"]}
        good = {"starts": True, "complete": {"a": True, "b": True, "c": False}, "unreachable": [], "open_relay": "no", "errors": [["a", 1, "unknown: reject_pipeling"]]}
        ask = lambda found, wanted=lint: findings.judge_configuration(wanted, check.Checked(0, json.dumps({"restrictions": found}), ""))
        ask(good)
        ask({**good, "open_relay": "keyed"})
        ask({**good, "open_relay": "yes"}, {**lint, "open_relay": True})
        ask({**good, "open_relay": "yes"}, {**lint, "foreign_accepted_by_table": True})
        for change in ({"complete": {"a": False}}, {"complete": {"a": True, "c": True}}, {"starts": False}, {"open_relay": "yes"}, {"open_relay": "maybe"}, {"errors": []}):
            with self.subTest(str(change)), self.assertRaises(Fail):
                ask({**good, **change})
        with self.assertRaises(Fail):
            ask(good, {**lint, "open_relay": True})

    def test_import_report(self):
        report = {"counts": {"not_supported": 1}, "parameters": [{"name": "a", "fate": "carried", "note": "not supported"}, {"name": "b", "fate": "not_supported", "note": "slow"}]}
        imported = imports.Imported(0, json.dumps(report), "", selftest.pathlib.Path("/nonexistent"))
        self.assertEqual((imported.not_carried(), imported.settings), (["b: slow"], None))

    def test_host_names(self):
        self.assertEqual(site.expand("mail.$mydomain", {"mydomain": "${d}.test", "d": "a"}), "mail.a.test")

    def test_replies_as_measured(self):
        self.assertEqual(dialogue.observed(["250-a", "250 2.1.0 ok"]), {"code": 250, "enhanced": "2.1.0"})
        self.assertEqual(dialogue.observed(["354 go"]), {"code": 354})
        self.assertEqual(dialogue.show({"code": 421, "enhanced": "4.7.1", "closed": True}), "421 4.7.1, closed")
        self.assertEqual(dialogue.show({"closed": True}), "closed")


if __name__ == "__main__":
    unittest.main()

"""Self-test of the relay player: each way to relay wrongly fails the case. Needs no Postern; a stand-in plays the gateway."""
import json
import sys
import unittest

import pending
import selftest
from harness.cases import Fail, FormatError
from players.outbound import dialogue, schedule

TEXT = "From: <s@sender.test>\r\nSubject: a\r\n\r\nhello\r\n.\r\n"


def case(name, recipient, commands, messages, replies=None):
    domain = name + ".example.test"
    return {"id": name, "title": name, "rules": [], "domain": domain, "client": {"tls": "may", "chunking": "off"},
            "message": {"from": "s@sender.test", "content": "plain", "rcpts": [{"addr": "a@" + domain}]},
            "hosts": [{"name": "mx1.example.test", "ehlo": ["SIZE"], "replies": replies or {}}],
            "expect": {"connections": [{"host": "mx1.example.test", "commands": ["EHLO *", "MAIL FROM:<s@sender.test> SIZE=*", "RCPT TO:<a@%s>" % domain, *commands]}],
                       "messages": messages, "body": "same", "recipients": {"a@" + domain: recipient}}}


TAKEN = case("taken", {"class": "delivered"}, ["DATA", "<message>"], 1)
REFUSED = case("refused", {"class": "permanent", "code": 550, "enhanced": "5.1.1"}, [], 0, {"RCPT": "550 5.1.1 nobody"})
SCHEDULE = {"id": "s", "title": "s", "rules": [], "config": {}, "results": [{"class": "temporary"}], "events": [], "jitter": 0,
            "expect": {"attempts": [0, 300], "delay_notices": [100], "end": {"t": 600, "result": "expired", "status": "4.4.7"}}}
DESTINATION = {**SCHEDULE, "id": "d", "kind": "destination", "expect": {"attempts": [[0, "m"], [300, "m"]], "until": 400}}
FAIR = {**SCHEDULE, "id": "f", "kind": "fair", "expect": {"starts_by": {"m": 0}}}


class Played(selftest.Runner):
    """The whole runner."""

    brief = "test_a_case_whose_configuration_is_refused_fails_alone",

    def fake(self, fault):
        path = self.folder / "fake-postern"
        return selftest.write_program(path, '#!/bin/sh\nFAKE_FAULT=%s exec %s -B %s "$@"\n' % (fault, sys.executable, selftest.HERE / "fake_relay.py"))

    def suite(self, name, *cases, **more):
        (self.folder / "cases.json").write_text(json.dumps({"format": "postern-relay-%s/1" % name, "cases": list(cases), **more}), encoding="utf-8")

    def test_dialogues(self):
        self.suite("dialogue", TAKEN, REFUSED, contents={"plain": TEXT})
        self.expect("relay", "", 0, "2 passed, 0 failed, 0 skipped", "ok   dialogue/taken", "ok   dialogue/refused")
        for fault, last, text in (("alters", "1 passed, 1 failed", "body changed"), ("twice", "0 passed, 2 failed", "2 connections, expected 1"),
                                  ("talks-too-much", "0 passed, 2 failed", "got 'VRFY someone'"), ("lie", "1 passed, 1 failed", "class 'delivered', expected 'permanent'"),
                                  ("no-code", "1 passed, 1 failed", "no code, expected 550"), ("refuses", "0 passed, 2 failed", "0 connections, expected 1"),
                                  ("no-id", "0 passed, 2 failed", "queued as ID"), ("dies", "0 passed, 2 failed", "reply expected"),
                                  ("no-start", "0 passed, 2 failed", "fake: bad configuration")):
            with self.subTest(fault):
                self.expect("relay", fault, 1, last + ", 0 skipped", text)

    def test_schedules(self):
        self.suite("schedule", SCHEDULE, DESTINATION, FAIR)
        self.expect("relay", "", 0, "3 passed, 0 failed, 0 skipped", "ok   schedule/s")
        for fault, last in (("attempt-late", "1 passed, 2 failed"), ("attempt-missing", "1 passed, 2 failed"), ("other-message", "2 passed, 1 failed"),
                            ("no-notice", "2 passed, 1 failed"), ("no-end", "2 passed, 1 failed"), ("end-late", "2 passed, 1 failed"),
                            ("other-end", "2 passed, 1 failed"), ("other-status", "2 passed, 1 failed"), ("status", "0 passed, 3 failed")):
            with self.subTest(fault):
                self.expect("relay", fault, 1, last + ", 0 skipped")

    def test_a_case_whose_configuration_is_refused_fails_alone(self):
        self.suite("dialogue", TAKEN, REFUSED, contents={"plain": TEXT})
        self.expect("relay", "bad-route", 1, "1 passed, 1 failed, 0 skipped", "ok   dialogue/refused",
                    "FAIL dialogue/taken: the case's configuration is refused: fake: bad configuration")

    def test_a_case_that_cannot_be_set_up_fails_alone(self):
        host, good = TAKEN["hosts"][0], REFUSED
        changes = ({"client": {"tls": "perhaps"}}, {"client": {"tls": "may", "mood": 1}}, {"hosts": [{**host, "mood": 1}]}, {"hosts": [{"ehlo": []}]}, {"mood": 1},
                   {"message": {**TAKEN["message"], "content": "none"}}, {"expect": {**TAKEN["expect"], "mood": 1}})
        strange = [{**case("n%d" % i, {"class": "delivered"}, ["DATA", "<message>"], 1), **change} for i, change in enumerate(changes)]
        self.suite("dialogue", *strange, good, contents={"plain": TEXT})
        self.expect("relay", "", 1, "1 passed, 7 failed, 0 skipped", "ok   dialogue/refused", "unknown member mood")

    def test_a_kind_without_a_player_is_pending_by_its_name(self):
        self.suite("tlsrpt", {"id": "one", "title": "", "report": {}})
        self.expect("relay", "", 0, "0 passed, 0 failed, 1 skipped", "skip tlsrpt/one: skipped: no player yet for tlsrpt")
        self.expect("relay", "", 1, "0 passed, 1 failed, 0 skipped", "there is no player for this file yet: tlsrpt", options=["--pending"])

    def test_a_listed_kind_whose_line_is_gone_still_has_no_player(self):
        self.assertEqual(pending.reasons("relay", {"dane", pending.UNPLAYED + "dane"}), [pending.PENDING["relay", "dane"]])
        self.assertEqual(pending.reasons("other", {"dane", pending.UNPLAYED + "dane"}), ["no player yet for dane"])
        self.assertEqual(pending.reasons("relay", {"routing"}), [])


class Judging(unittest.TestCase):
    def test_what_is_said_to_be_in_the_header_is_there(self):
        with self.assertRaisesRegex(FormatError, "no field TLS-Required: No"):
            dialogue.inject(0, {"from": "", "rcpts": [], "tls_optional": True}, b"Subject: TLS-Required: No\r\n\r\nTLS-Required: No\r\n")
        with self.assertRaises(OSError):  # nothing listens there
            dialogue.inject(1, {"from": "", "rcpts": [], "tls_optional": True}, b"Subject: a\r\ntls-required: no\r\n\r\nx\r\n")

    def test_replies_of_the_gateway_are_outcomes(self):
        self.assertIsNone(dialogue.refused(["250 2.1.5 ok"]))
        self.assertEqual(dialogue.refused(["550 5.7.1 no"]), {"class": "permanent", "code": 550, "enhanced": "5.7.1"})
        self.assertEqual(dialogue.refused(["451 4.3.0 later"])["class"], "temporary")

    def test_a_message_that_never_starts_is_late(self):
        with self.assertRaises(Fail):
            schedule.compare(FAIR, {"attempts": []})


if __name__ == "__main__":
    unittest.main()

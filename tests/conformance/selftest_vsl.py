"""Self-test of the player of `.vsl` scripts: each way to answer wrongly fails the case. Needs no Postern; a stand-in plays the server."""
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

import selftest
from harness import instance
from harness.cases import Fail, FormatError
from players import vsl
from players.lua import accepted
from players.lua.match import Reply
from players.vsl_site import dialogue, judge, loading, stored
from players.vsl_site.site import SUITE

SEEDS = selftest.HERE.parent.parent.parent / "shared" / "seeds"
SIGNED = ("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=doe-family.com; s=2022-09;\r\n h=From:Subject;\r\n"
          " bh=yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A=;\r\n b=fPZIWXZn2GaezQaUMn5TnDiC5S9mt55Ra0CfM1XTT0w8QbQQ/whYB2CEpRllD+GIdK08h+\r\n"
          " Bxbr2454wSYoz2VQzdMcaAwOPSDjBXlJnR1vjyfKcxMUnMCf6piR55HvjZnPNIsbRCB5QP\r\n BikXX9Y3u5Gy7Jth9D+Xxj4k1ZDtTcAPzBx1t+4VeEB7kGwgEJbG+9DJ4tscpsYCn+LGPv\r\n"
          " +tpqBxNVIrkID0312mstpv4QEJzzTibjOJ0wjEusZ2ru1aY9Svx4ZFVibZAlhI0v0Pt7TP\r\n pf9xfEQvAy12lKDQtS8OAkmpPayvGHwVo7oLrWjFJGXYNDJK+bA4qChnRnHZeA==\r\n"
          "From: a@doe-family.com\r\nTo: b@example.org\r\nSubject: signed\r\n\r\nHello.\r\n")


def step(line, code, **more):
    return {"send": line, "expect": {"code": code, **more}}


BANNER = {"banner": True, "expect": {"code": "220", "text": "^\\S+ Service ready"}}
EHLO, QUIT = step("EHLO client.example", "250"), step("QUIT", "221")
MAIL = step("MAIL FROM:<ann@client.example>", "250", enhanced="2.0.0")
RCPT = step("RCPT TO:<jane@doe-family.com>", ["250", "251"], enhanced=["2.1.5", "2.0.0"], text="[Oo]k")
JIM = step("RCPT TO:<jim@doe-family.com>", "2xx")
TEXT = {"data": ["From: ann@client.example", "Subject: hi", "", ".hello"], "expect": {"code": "250"}}
CLOSED = {"closed": True}
OPEN = {"domain": "doe-family.com"}


def case(script, *steps, config=None, after=None, session=None, **more):
    return {"id": "x", "title": "x", "config": config or OPEN, "scripts": {"main.vsl": script},
            "sessions": [{"client_ip": "203.0.113.9", "steps": [BANNER, *steps], **(session or {})}], **({"after": after} if after else {}), **more}


def mail(script, *recipients, **message):
    """A case of one message, and what it becomes."""
    return case(script, EHLO, MAIL, *(recipients or [RCPT]), step("DATA", "354"), TEXT, QUIT, after={"messages": [message]})


SEEN = {"name": "x-seen", "count": 1, "match": "^by jane", "first": "by", "absent": "no"}
REPLIES = case("#{}", EHLO, MAIL, RCPT, QUIT)
REFUSED = case('#{ mail: [ rule "x" || deny("554 5.7.1 not you") ] }', EHLO, step("MAIL FROM:<a@b.example>", "554", enhanced="5.7.1", text="not you"), CLOSED)
DELIVERED = mail('#{ preq: [ action "x" || prepend_header("X-Seen", "by jane") ] }', mail_from="ann@client.example", rcpt=["jane@doe-family.com"],
                 disposition="deliver", transports={"jane@doe-family.com": "deliver"}, headers=[SEEN, {"name": "received", "count": 0}])
DEAD = mail('#{ postq: [ rule "x" || deny() ] }', disposition="dead", mail_from="ann@client.example", headers=[{"name": "Subject", "match": "^hi$"}])
HELD = mail('#{ postq: [ rule "x" || throw "no" ] }', disposition="hold")
ASIDE = mail('#{ preq: [ rule "x" || quarantine("a/b") ] }', disposition="quarantine:a/b", rcpt=["jane@doe-family.com"])
WAYS = mail('#{ delivery: [ action "x" || { maildir("jane@doe-family.com"); forward("jim@doe-family.com", "192.0.2.7:2525"); mbox("ann@doe-family.com"); disable_delivery("joe@doe-family.com"); } ] }',
            RCPT, JIM, step("RCPT TO:<ann@doe-family.com>", "250"), step("RCPT TO:<joe@doe-family.com>", "250"),
            transports={"jane@doe-family.com": "maildir", "jim@doe-family.com": "forward:192.0.2.7:2525", "ann@doe-family.com": "mbox", "joe@doe-family.com": "none"})
LOGS = case('#{ connect: [ action "x" || { log("warn", "tab[\\t]"); throw_it(); } ] }', config=OPEN, after={
    "logs": [{"level": "warn", "text": "^tab\\[\t\\]$"}, {"level": "error", "text": "main\\.vsl:1:\\d+: action 'x'"}], "logs_absent": [{"text": "postq ran"}]})
LOGS["sessions"][0]["steps"] = [{"banner": True, "expect": {"code": "451"}}, CLOSED]
SETTINGS = case('import "lib/own" as own;\n#{ authenticate: [ rule "x" || authenticate() ], mail: [ rule "x2" || if in_domain("a@two.example") { next() } else { deny() } ], '
                'rcpt: [ rule "x3" || if own::scan.run(["--all"]).code == 3 { next() } else { deny() } ] }',
                EHLO, {"auth_plain": ["jane", "wörd"], "expect": {"code": "235"}}, MAIL, step("RCPT TO:<x@elsewhere.example>", "250"), QUIT,
                config={**OPEN, "auth_in_clear": True, "virtual": {"two.example": {"dkim_key": "keys/ed25519.pem"}}, "users": {"jane": "wörd"}, "relay_networks": ["203.0.113.0/24"],
                        "must_be_authenticated": True, "hostname": "mx.doe-family.com", "commands": {"scan": [{"args": ["--all"], "code": 3}]}, "limits": {"ops": 100000}},
                dns={"a.example": {"A": ["192.0.2.1"]}})
SETTINGS["scripts"]["lib/own.vsl"] = ['service scan cmd = #{ command: "scan" };']
TLS = case("#{}", EHLO, {"starttls": True}, EHLO, MAIL, RCPT, QUIT)
NO_POLICY = {**case("", CLOSED), "scripts": {}}
NO_POLICY["sessions"][0]["steps"][0] = {"banner": True, "expect": {"code": "554"}}
BROKEN = {"id": "x", "title": "x", "scripts": {"main.vsl": ['import "a" as a;'], "a.vsl": ["", 'object x ip4 = "300.1.1.1";']}, "load": {"error": {"file": "a.vsl", "line": 2, "col": [1, 20]}}}
WARNED = case('#{ mail: [ rule "x" || if false { odd_name() } else { next() } ] }', EHLO, QUIT, warnings=[{"file": "main.vsl", "line": 1, "text": "odd_name"}])


class Server(unittest.TestCase):
    """The player, with the stand-in for a server."""

    brief = "test_wrong_replies_fail",

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="postern-selftest-"))
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=mx.test.example",
                        "-keyout", "key.pem", "-out", "chain.pem"], cwd=cls.shared, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
        (cls.shared / "both.pem").write_text((cls.shared / "key.pem").read_text() + (cls.shared / "chain.pem").read_text(), encoding="utf-8")

    def play(self, entry, fault=""):
        """Plays it with a server of that fault; raises what the player raises."""
        folder, player = pathlib.Path(tempfile.mkdtemp(prefix="suite.", dir=self.shared)), vsl.Player()
        path, binary = folder / "cases" / "x.json", folder / "fake-postern"
        path.parent.mkdir()
        path.write_text(json.dumps(entry), encoding="utf-8")
        selftest.write_program(binary, '#!/bin/sh\nFAKE_FAULT=%s FAKE_CASE=%s FAKE_CERTIFICATE=%s exec %s -B %s "$@"\n'
                               % (fault, path, self.shared / "both.pem", sys.executable, selftest.HERE / "fake_vsl.py"))
        context = types.SimpleNamespace(postern=lambda settings, env=None: instance.Postern(binary, settings, env=env))
        player.play(player.load(folder)[0], context)

    def fails(self, entry, **faults):
        """Each fault fails the case, with these words."""
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            played = {fault: pool.submit(self.play, entry, fault.replace("_", "-")) for fault in faults}
        for fault, future in played.items():
            with self.subTest(fault):
                with self.assertRaises((Fail, instance.StartError)) as caught:
                    future.result()
                self.assertIn(faults[fault], str(caught.exception))

    def test_right_answers_pass(self):
        for entry in (REPLIES, REFUSED, DELIVERED, DEAD, HELD, ASIDE, WAYS, LOGS, SETTINGS, TLS, NO_POLICY, BROKEN, WARNED):
            with self.subTest(json.dumps(entry)[:300]):
                self.play(entry)

    def test_wrong_replies_fail(self):
        self.fails(REPLIES, wrong_code="step 3: RCPT TO:<jane@doe-family.com>: code", wrong_enhanced="enhanced code", wrong_text="text\n      expected [Oo]k", chatty="session 0, step 4",
                   several_codes="the lines of one reply have several codes", no_code="no line of an SMTP reply", cut="the connection was closed, a reply was expected",
                   refuses_all="Postern ended with status 78")
        self.fails(REFUSED, stays="connection still open", farewell="the server spoke before it closed")
        self.fails(DELIVERED, dies="Postern died with status 134")

    def test_mail_is_accounted_for(self):
        self.fails(DELIVERED, no_log="1 lines message.accepted", restless="the queue rests", no_trace="without a trace", told_twice="lines message.accepted", lost="where mail for jane@doe-family.com went",
                   again="delivered twice", stuck="did not get into", stray="nobody was told are accepted", other_sender="mail_from", other_rcpt="rcpt", more_rcpt="rcpt",
                   other_claim="forward:x, as the gateway tells", no_header="header x-seen", more_headers="1 of them", other_header="one that matches", other_first="1 of them")
        self.fails(DEAD, also_delivered="a message is set aside (dead)", not_set_aside="disposition\n      expected dead", other_sender="mail_from")
        self.fails(HELD, also_delivered="a message is set aside (hold)", not_set_aside="disposition\n      expected hold", lost="where mail for jane@doe-family.com went")
        self.fails(ASIDE, other_queue="got      quarantine:other", not_set_aside="expected quarantine:a/b", also_delivered="set aside")
        self.fails(WAYS, other_transport="as the gateway tells", other_claim="as the gateway tells", lost="as the gateway tells")
        for change, text in (({"rcpt": []}, "rcpt"), ({"transports": {"jane@doe-family.com": "none"}}, "transport of"), ({"mail_from": ""}, "mail_from"),
                             ({"headers": [{**SEEN, "first": "^no"}]}, "the first to match"), ({"headers": [{**SEEN, "absent": "jane"}]}, "none that matches"),
                             ({"dkim": {"domain": "doe-family.com", "result": "pass"}}, "dkim")):
            with self.subTest(text):
                self.fails({**DELIVERED, "after": {"messages": [change]}}, **{"": text})
        self.fails({**DELIVERED, "after": {"messages": []}}, **{"": "accepted messages"})

    def test_logs(self):
        self.fails(LOGS, quiet="the log has", other_level="the log has", talks="lines of the log")

    def test_policies_that_do_not_load(self):
        self.fails(BROKEN, loads_all="postern check\n", serves_all="listens, with a policy that does not load", other_line="where postern check finds", other_column="where postern check finds",
                   other_file="where postern check finds", no_place="where postern serve finds", opens_first="listens, with a policy")
        self.fails(WARNED, no_warning="warnings of postern check", refuses_all="Postern ended with status 78")


class Format(unittest.TestCase):
    def test_what_is_unknown_is_not_played(self):
        check = vsl.Player.check
        check(DELIVERED, "x")
        for change in ({"more": 1}, {"config": {"colour": 1}}, {"config": {"limits": {"time": 1}}}, {"after": {"files": []}}, {"after": {"messages": [{"size": 1}]}},
                       {"after": {"messages": [{"headers": [{"name": "x"}]}]}}, {"after": {"messages": [{"headers": [{"name": "x", "last": ""}]}]}}, {"after": {"logs": [{"code": 1}]}},
                       {"load": {"error": {"file": "a", "line": 1, "col": 1}}}, {"sessions": []}, {"sessions": [{"steps": [EHLO]}]}, {"sessions": [{"steps": [BANNER], "via": "x"}]},
                       {"sessions": [{"steps": [BANNER, {"wait": 1}]}]}, {"sessions": [{"steps": [BANNER, {**EHLO, "data": []}]}]},
                       {"sessions": [{"steps": [BANNER, step("x", "250", lines=1)]}]}, {"warnings": [{"file": "x"}]}):
            with self.subTest(str(change)), self.assertRaises(FormatError):
                check({**DELIVERED, **change}, "x")
        for load in ({}, {"error": {"file": "a", "line": 1}}):
            with self.subTest(str(load)), self.assertRaises(FormatError):
                check({**BROKEN, "load": load}, "x")

    def test_scripts_stay_inside_of_the_case(self):
        from players.vsl_site.site import Site
        site = Site(None, SUITE, {"scripts": {}})
        self.addCleanup(site.close)
        site.inside("../beside.vsl")
        with self.assertRaises(FormatError):
            site.inside("../../further.vsl")


class Parts(unittest.TestCase):
    def test_replies(self):
        for octets, want in (("250 2.0.0 ok\r\n", {"code": ["550", "2xx"], "enhanced": ["2.0.0"], "text": "^ok$"}), ("250-a\r\n250 b\r\n", {"text": "^a b$", "enhanced": ""}),
                             ("220 x\r\n", {})):
            dialogue.judge(want, Reply(octets.encode()), "x")
        for octets, want in (("250 ok\r\n", {"enhanced": "2.0.0"}), ("2501 ok\r\n", {"code": "2xxx"}), ("250 ok\r\n", {"code": "25"}), ("250 2.0.0 ok\r\n", {"text": "2.0.0"})):
            with self.subTest(octets), self.assertRaises(Fail):
                dialogue.judge(want, Reply(octets.encode()), "x")

    def test_signatures(self):
        zone = json.loads((SUITE / "cases" / "seed-004-dkim-sign.json").read_text(encoding="utf-8"))["dns"]
        right = {"domain": "doe-family.com", "selector": "2022-09", "result": "pass"}
        judge.judge_dkim(right, SIGNED, "x", zone)
        judge.judge_dkim({**right, "result": "fail"}, SIGNED.replace("Hello", "Hallo"), "x", zone)
        for want, text, names in ((right, SIGNED.replace("Hello", "Hallo"), zone), ({**right, "selector": "s"}, SIGNED, zone), ({**right, "domain": "x.example"}, SIGNED, zone),
                                  (right, SIGNED, {}), (right, "From: a@doe-family.com\r\n\r\nx\r\n", zone)):
            with self.subTest(text[:60]), self.assertRaises(Fail):
                judge.judge_dkim(want, text, "x", names)

    def test_places_of_load_errors(self):
        want = {"file": "lib/a.vsl", "line": 3, "col": 5}
        line = lambda **change: json.dumps({"severity": "error", "file": "policy/lib/a.vsl", "line": 3, "col": 5, **change})
        loading.judge_check(want, 78, line())
        loading.judge_serve(want, 78, '{"error": "lib/a.vsl:3:5: no"}')
        for text in (line(severity="warning"), line(file="lib/aa.vsl"), line(file="a.vsl"), line(line=4), line(col=6), "lib/a.vsl:3:5: no"):
            with self.subTest(text), self.assertRaises(Fail):
                loading.judge_check(want, 78, text)
        for status in (0, -6):
            with self.assertRaises(Fail):
                loading.judge_check(want, status, line())
        for text in ("lib/a.vsl:3:55: no", "xlib/a.vsl:3:5: no", "lib/a.vsl:31:5: no", ""):
            with self.subTest(text), self.assertRaises(Fail):
                loading.judge_serve(want, 78, text)

    def test_our_received_field_does_not_count(self):
        head = b"Received: from x\r\n\tby y with ESMTP\r\n\tid 01JD9X3V5W6Y7Z8A9B0C1D2E3F;\r\n\tdate\r\nReceived: theirs\r\nX: y\r\n\r\nReceived: z\r\n"
        self.assertEqual(stored.id_of(head), "01JD9X3V5W6Y7Z8A9B0C1D2E3F")
        self.assertEqual(stored.own_received_removed(head), "Received: theirs\r\nX: y\r\n\r\nReceived: z\r\n")
        self.assertEqual([value for name, value in accepted.fields_of(head) if name == "X"], [" y"])

    def test_ways(self):
        for key, way in (("example.org", "deliver"), ("[192.0.2.1]:25", "deliver"), ("to [192.0.2.1]:25", "forward:192.0.2.1:25"), ("to [192.0.2.1]", "forward:192.0.2.1"),
                         ("to [2001:db8::1]:25", "forward:[2001:db8::1]:25"), ("to [2001:db8::1]", "forward:2001:db8::1"), ("to mx.example:25", "forward:mx.example:25")):
            self.assertEqual(stored.way_of(key), way)

    def test_log_lines(self):
        self.assertTrue(judge.matches({"level": "warn", "text": "^a:1:2: b$"}, {"level": "warning", "place": "a:1:2", "msg": "b"}))
        self.assertFalse(judge.matches({"level": "error", "text": "b"}, {"level": "warning", "msg": "b"}))

    def test_printed_scripts_are_those_of_the_seeds(self):
        """Where the seeds stand beside the repository: `origin: seed-…` means verbatim, a prelude means below its first line."""
        seeds = {path.name[:3]: path.read_text(encoding="utf-8") for path in SEEDS.glob("*.txt")} if SEEDS.is_dir() else {}
        compared = 0
        for path in sorted((SUITE / "cases").glob("*.json")):
            entry = json.loads(path.read_text(encoding="utf-8"))
            word, _, rest = entry.get("origin", "").partition("-")
            if word != "seed" or not seeds:
                continue
            text = entry["scripts"]["main.vsl"]
            text = text if isinstance(text, str) else "\n".join(text)
            if rest.endswith("-prelude"):
                text = text.partition("\n")[2]
            with self.subTest(path.name):
                self.assertIn(text.strip("\n"), seeds[rest[:3]])
            compared += 1
        self.assertEqual(compared > 0, bool(seeds))


if __name__ == "__main__":
    unittest.main()

"""Self-test of the player of Lua policies: each way to be wrong fails the case. Needs no Postern; a stand-in plays the server."""
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
from players import kumo_lua
from players.lua import accepted, dialogue, loading, match, zone

EHLO = {"c": "EHLO client.example", "s": {"code": 250, "contains": ["PIPELINING"]}}
TLS = [EHLO, {"c": "STARTTLS", "s": {"code": 220}}, {"tls": "handshake"}, {**EHLO, "s": {"code": 250, "contains": ["AUTH PLAIN"], "absent": ["STARTTLS"]}}]
MAIL = {"c": "MAIL FROM:<s@client.example>", "s": {"code": 250}}
RCPT = {"c": "RCPT TO:<a@example.com>", "s": {"code": 250, "enh": "2.1.5", "text": "ok", "lines": 1}}
NOTHING = {"c": "RCPT TO:<nothing@example.com>", "s": {"code": 550, "enh": ["5.7.1", None], "lines": 2, "first_line": "not", "every_line_code": 550,
                                                      "every_line_code_same": True, "printable": True}}
END = {"c": "RCPT TO:<end@example.com>", "s": {"code": 421, "closes": True}}
NOOP = {"c": "NOOP", "s": {"code": 250, "within_ms": 1500}}
DATA = {"data": "From: s@client.example\nSubject: hi\n\n.\nhello\n", "s": {"code": 250}}
REFUSED = {"data": "Subject: hi\nX-Refuse: x\n\nhello\n", "s": {"code": 550}}
QUIT = {"c": "QUIT", "s": {"code": 221}}


def auth(user, password, reply, initial=True, **more):
    return {"auth": {"authz": "", "authc": user, "password": password, "initial": initial}, "s": {"reply": reply, **more}}


def case(*steps, asserts=None, **more):
    return {"id": "x", "title": "x", "tier": "A", "policy": "policy.lua", "load": {"expect": "ok"}, "sessions": [{"steps": list(steps)}],
            **({"asserts": asserts} if asserts else {}), **more}


TAKEN = {"accepted_count": 1, "accepted": [{"meta": {"authn_id": "scott", "n": 1}, "meta_absent": ["tenant"], "recipients": ["a@example.com"],
                                            "headers": {"subject": "hi", "X-Checked": "yes"}, "headers_absent": ["X-None"],
                                            "headers_match": {"received": "^from x by .*id"}}]}
LOGIN = case(*TLS, auth("scott", "lion", "AUTH_BAD", label="wrong"), auth("nobody", "lion", "AUTH_BAD", same_as="wrong"), NOOP,
             auth("scott", "tiger", "AUTH_OK", initial=False), QUIT)
MESSAGE = case(*TLS, auth("scott", "tiger", "AUTH_OK"), MAIL, RCPT, DATA, QUIT, asserts=TAKEN)
TURNED_AWAY = case(EHLO, MAIL, RCPT, REFUSED, QUIT, asserts={"accepted_count": 0})
ENDED = case(EHLO, MAIL, NOTHING, END, {"closed": True}, asserts={"log_contains": ["policy.lua:3"], "files_absent": ["made.db"]})
AHEAD = case(EHLO, {"raw": "STARTTLS\r\nNOOP\r\n", "s": {"code": 220}}, {"tls": "handshake", "or_closed": True}, EHLO,
             {"c": "RCPT TO:<a@example.com>", "s": {"reply": "SEQUENCE"}})
GARBAGE = case(EHLO, {"c": "STARTTLS", "s": {"code": 220}}, {"tls": "garbage"}, {"closed": True})
SECRET = case(*TLS, auth("scott", "tiger", "AUTH_OK"), MAIL, RCPT, DATA, auth("scott", "lion", "AUTH_BAD"), QUIT, asserts={"never_anywhere": ["tiger", "lion"]})
VAULT = case(*TLS, auth("sco?tt", "tiger", "AUTH_OK"), QUIT, vault="vault.json", env={"VAULT_ADDR": "${VAULT}", "OTHER": None},
             asserts={"vault_requests": {"exact": ["/v1/secret/data/smtp-auth/sco%3Ftt"], "forbidden": ["\\?"]}})
PARALLEL = {**case(), "sessions": [{"parallel": "p", "peer": "127.0.0.2", "steps": [{"wait": "go"}, EHLO, QUIT]}, {"parallel": "p", "steps": [EHLO, {"signal": "go"}, QUIT]},
                                   {"banner": {"code": 220, "contains": ["ESMTP"]}, "steps": [{"c": "NOOP", "s": {"code": [250, 299]}},
                                    {"c": "X", "s": {"code": 500}, "if_code": 251}, {"c": "NOOP", "s": {"code": 250}, "if_code": 250},
                                    {"sql": {"db": "t.db", "exec": "INSERT INTO auth VALUES ('x', 'y')"}}, {"sleep_ms": 10}, QUIT]}],
            "sqlite": [{"path": "t.db", "sql": ["fixture:auth.sql"]}], "dns": "$ORIGIN example.\na 60 A 192.0.2.1"}
BROKEN = {**case(), "sessions": [], "policy_text": "ok\nok\nlocal x !! y\n", "load": {"expect": "error", "file": "policy.lua", "line": 3, "contains": ["near '!!'"], "within_ms": 1000}}
TYPO = case(EHLO, QUIT, policy_text="typo\n", load={"expect": "ok", "warns": ["typo", "policy.lua:1"]})


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

    def write(self, entry):
        entry = dict(entry)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="suite.", dir=self.shared))
        home = folder / "cases" / entry["id"]
        home.mkdir(parents=True)
        (home / "policy.lua").write_text(entry.pop("policy_text", "-- ${DIR}\n"), encoding="utf-8")
        (home / "vault.json").write_text(json.dumps({"token": "t", "routes": [{"path": "/v1/secret/data/smtp-auth/sco%3Ftt", "secret": {"key": "tiger"}}]}),
                                         encoding="utf-8")
        (home / "case.json").write_text(json.dumps(entry), encoding="utf-8")
        return folder

    def fake(self, folder, fault):
        path = folder / "fake-postern"
        return selftest.write_program(path, '#!/bin/sh\nFAKE_FAULT=%s FAKE_CERTIFICATE=%s exec %s -B %s "$@"\n'
                                      % (fault, self.shared / "both.pem", sys.executable, selftest.HERE / "fake_lua.py"))

    def play(self, entry, fault=""):
        """Plays it with a server of that fault; raises what the player raises."""
        folder, player = self.write(entry), kumo_lua.Player()
        loaded = player.load(folder)[0]
        binary = self.fake(folder, fault)
        context = types.SimpleNamespace(postern=lambda settings, env=None: instance.Postern(binary, settings, env=env))
        player.open(context)
        try:
            player.play(loaded, context)
        finally:
            player.close()

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
        for entry in (LOGIN, MESSAGE, TURNED_AWAY, ENDED, AHEAD, GARBAGE, SECRET, VAULT, PARALLEL, BROKEN, TYPO):
            with self.subTest(json.dumps(entry)[:200]):
                self.play(entry)

    def test_wrong_replies_fail(self):
        self.fails(LOGIN, bad_code="AUTH_BAD\n      expected code [535]\n      got      550", bad_enhanced="expected enh ['5.7.8']",
                   oracle="step 5: AUTH PLAIN as 'nobody': the same octets as wrong", slow="expected within_ms 1500", chatty="the server spoke unasked: b'250 2.0.0 and ok",
                   cut="the connection was closed, a reply was expected", no_code="no line of an SMTP reply: b'fine", bare_lf="no line of an SMTP reply",
                   challenge="the text of the 334 is not empty", no_challenge="without initial response: AUTH_OK")
        self.fails(ENDED, codes="every_line_code 550", bell="printable", stays="connection still open", says_more="the server spoke before it closed",
                   quiet="the log has 'policy.lua:3'", makes_file="the file made.db is there")
        self.fails(AHEAD, answers_ahead="TLS handshake", keeps_ahead="SEQUENCE")
        self.fails(MESSAGE, dies="Postern died with status 134")

    def test_mail_is_accounted_for(self):
        self.fails(MESSAGE, lost="1 recipients at the sink, where 0 arrived", no_log="1 lines message.accepted", twice="recipients at the sink", altered="header subject", no_trace="without a trace", no_copies="has no copies", no_meta="meta authn_id", other_meta="meta n",
                   more_meta="meta tenant", other_recipient="recipients at the sink")
        self.fails(TURNED_AWAY, refused_delivered="recipients at the sink")
        for change, text in (({"accepted_count": 2}, "accepted_count"), ({"accepted": [{}, {}]}, "accepted messages"),
                             ({"accepted": [{"headers_absent": ["x-checked"]}]}, "header x-checked"), ({"accepted": [{"headers_match": {"Subject": "ho"}}]}, "to match ho"),
                             ({"accepted": [{"recipients": ["b@example.com"]}]}, "recipients"), ({"accepted": [{"meta_absent": ["n"]}]}, "to be absent")):
            with self.subTest(text):
                self.fails({**MESSAGE, "asserts": change}, **{"": text})

    def test_policies_that_do_not_load(self):
        self.fails(BROKEN, loads_all="expected an error", serves_all="listens, with a policy that does not load", other_line="expected policy.lua:3",
                   no_words="expected policy.lua:3", opens_first="listens, with a policy", late="to end within 1000 ms")
        self.fails({**BROKEN, "load": {**BROKEN["load"], "contains": ["near 'x'"]}}, **{"": "near 'x'"})
        self.fails(TYPO, no_warning="expected typo", refuses_all="Postern ended with status 78")

    def test_secrets_are_looked_for_everywhere(self):
        self.fails(SECRET, **{"leak_" + place: "must not be anywhere, and is in " + where for place, where in (
            ("log", "log-1.txt"), ("reply", "a reply"), ("metrics", "metrics"), ("api", "the API's /accounts/me"), ("trace", "postern explain T0"),
            ("queue", "postern queue list"), ("mail", "mail at the sink"), ("file", "data/kept"), ("work", "work/note"), ("check", "what check says"))})

    def test_vault(self):
        self.fails(VAULT, vault_raw="AUTH_OK", vault_twice="requests to Vault")
        self.fails({**VAULT, "asserts": {"vault_requests": {"forbidden": ["sco"]}}}, **{"": "none that matches sco"})


class Format(unittest.TestCase):
    def load(self, **change):
        path = types.SimpleNamespace(parent=types.SimpleNamespace(name="x"))
        player = kumo_lua.Player()
        player.symbols = {"AUTH_OK": {}}
        entry = {**case(EHLO, QUIT), "policy": "p", **change}
        path.parent = pathlib.Path(tempfile.mkdtemp(prefix="postern-selftest-")) / "x"
        self.addCleanup(shutil.rmtree, path.parent.parent)
        path.parent.mkdir()
        (path.parent / "p").touch()
        player.check(entry, path)

    def test_what_is_unknown_is_not_played(self):
        self.load()
        session = lambda step: {"sessions": [{"steps": [step]}]}
        for change in ({"id": "y"}, {"more": 1}, {"policy": "q"}, {"load": {"expect": "perhaps"}}, {"load": {"expect": "ok", "says": []}}, {"sessions": []},
                       {"vault": "v.json"}, {"asserts": {"sent": 1}}, {"asserts": {"accepted": [{"body": ""}]}}, {"sessions": [{"steps": [], "via": "x"}]},
                       session({"c": "X", "tls": "handshake"}), session({"c": "X"}), session({"c": "X", "s": {"contains": []}}),
                       session({"c": "X", "s": {"reply": "NO"}}), session({"c": "X", "s": {"code": 1, "like": ""}}), session({**NOOP, "unless_code": 1})):
            with self.subTest(str(change)), self.assertRaises(FormatError):
                self.load(**change)


class Parts(unittest.TestCase):
    @staticmethod
    def holds(octets, want, symbols=None):
        return match.judge(want, match.Reply(octets.encode()), symbols or {}, {}, "x")

    def test_matches(self):
        symbols = {"S": {"code": [454, 421], "enh": ["4.7.0"], "closes": True}}
        self.assertTrue(self.holds("421 4.7.0 x\r\n", {"reply": "S"}, symbols))
        self.assertFalse(self.holds("250 x\r\n", {"code": 250, "enh": ["2.0.0", None]}))
        for octets, want in (("454 x\r\n", {"reply": "S"}), ("451 4.7.0 x\r\n", {"reply": "S"}), ("250 x\r\n", {"code": 250, "enh": "2.0.0"}), ("250 2.0 x\r\n", {"enh": "2.0"}),
                             ("250-a\r\n250 b\r\n", {"text": "a"}), ("250 2.0.0 a\r\n", {"text": "2.0.0 a"}), ("250 a\r\n", {"contains": ["A"]}), ("250 a\r\n", {"absent": ["a"]}),
                             ("250 a\r\n", {"lines": 2}), ("250-b\r\n250 a\r\n", {"first_line": "a"}), ("250-a\r\n251 b\r\n", {"every_line_code_same": True}),
                             ("250-a\r\n251 b\r\n", {"every_line_code": 251}), ("250 a\x7f\r\n", {"printable": True}), ("250 a\x01\r\n", {"printable": True})):
            with self.subTest(octets), self.assertRaises(Fail):
                self.holds(octets, want, symbols)
        with self.assertRaises(Fail):
            match.judge({"printable": True}, match.Reply(b"250 \xff\r\n"), {}, {}, "x")
        self.holds("250 grün 2.0.0\r\n", {"printable": True, "text": "grün 2.0.0"})

    def test_places_of_load_errors(self):
        load = {"file": "p.lua", "line": 3}
        self.assertTrue(loading.names_place("error: /x/p.lua:3: near", load))
        self.assertFalse(loading.names_place("error: /x/p.lua:31: near", load))
        self.assertTrue(loading.names_place("p.lua:1: p.lua:5", {"file": "p.lua", "line_between": [4, 5]}))
        self.assertFalse(loading.names_place("p.lua:1: p.lua:6", {"file": "p.lua", "line_between": [4, 5]}))
        self.assertIn("a \"b\"", loading.words('{"msg": "a \\"b\\""}'))

    def test_values_keep_their_type(self):
        for expected, got in ((1, True), (True, 1), ("1", 1), (1, "1"), ([1], [1, 2]), ({"a": 1}, {"a": 1, "b": 2})):
            self.assertFalse(accepted.same(expected, got), (expected, got))
        for value in (1, 1.5, True, "a", [1, {"b": None}]):
            self.assertTrue(accepted.same(value, value))

    def test_fields_are_unfolded(self):
        content = b"Received: a\r\nSubject: one\r\n two \r\nsubject: three\r\n\r\nX-None: body\r\n"
        self.assertEqual(accepted.values_of(content, "SUBJECT"), [("one\r\n two", "one two"), ("three", "three")])
        self.assertEqual(accepted.values_of(content, "x-none"), [])
        for copy, whom in (({"recipients": ["a"]}, ["a"]), ({"recipients": ["a"], "sent_to": ["b"]}, ["b"]), ({"recipients": ["a"], "to_nobody": True}, [])):
            self.assertEqual(accepted.Accepted(copy).recipients, whom)
        ours = accepted.Delivery("a", b"Received: from x\r\n\tby y with ESMTP\r\n\tid 01JD9X3V5W6Y7Z8A9B0C1D2E3F;\r\n\tdate\r\n\r\n")
        self.assertEqual(ours.order, "01JD9X3V5W6Y7Z8A9B0C1D2E3F")

    def test_zones(self):
        self.assertEqual(zone.parse('$ORIGIN example.com.\n@ 60 MX 10 mx ; the mail host\nmx 60 IN A 192.0.2.1\n   60 AAAA 2001:db8::1\nt 60 TXT "v=spf1 -all" "b;c"\nc.org. 60 CNAME mx'),
                         {"example.com": {"MX": [[10, "mx.example.com"]]}, "mx.example.com": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
                          "t.example.com": {"TXT": [["v=spf1 -all", "b;c"]]}, "c.org": {"CNAME": ["mx.example.com"]}})
        with self.assertRaises(FormatError):
            zone.parse("a 60 HINFO x")

    def test_every_step_of_the_format_is_known(self):
        text = (kumo_lua.SUITE / "tools" / "check_cases.py").read_text(encoding="utf-8")
        names = {}
        exec(compile(text.split("def check")[0], "check_cases", "exec"), {"__file__": "/a/b"}, names)  # only its tables
        self.assertEqual((set(dialogue.ACTIONS), set(match.KEYS)), (names["ACTIONS"], names["MATCH"]))
        self.assertEqual((set(kumo_lua.ASSERTS), set(accepted.KEYS), set(kumo_lua.TOP)), (names["ASSERTS"], names["ACCEPTED"], names["TOP"]))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Self-test of the differential test's own parts; needs neither Postfix nor Postern."""
import copy
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import generator  # noqa: E402
import known  # noqa: E402
import minimise  # noqa: E402
import sides  # noqa: E402
import world  # noqa: E402

DRAFT = {"lists": {"smtpd_sender_restrictions": ["permit_mynetworks", "warn_if_reject reject_unknown_sender_domain", "strict", "check_sender_access hash:@t1"],
                   "smtpd_relay_restrictions": ["reject_unauth_destination"], "strict": ["reject_non_fqdn_sender", "check_helo_access hash:@t2"]},
         "classes": ["strict"], "plain": {"reject_code": "571", "smtpd_sasl_auth_enable": "yes"},
         "rows": {"t1": {"type": "hash", "rows": [("a", "OK"), ("b", "REJECT"), ("c", "DUNNO")]}, "t2": {"type": "hash", "rows": [("d", "OK")]}},
         "steps": ["EHLO c.example", "AUTH PLAIN x", {"pipeline": ["MAIL FROM:<>", "RCPT TO:<a@relay.test>", "RCPT TO:<b@relay.test>"]}, "DATA", ["Subject: a", "", "b"]],
         "client": "192.0.2.10", "policy": [], "cert": None, "hops": False}


class Drafts(unittest.TestCase):
    def test_a_seed_gives_the_same_cases_again(self):
        make = lambda seed: [generator.case_of(d, "x") for d in map(lambda m: m.draft(), [generator.Maker(seed)] * 30)]
        self.assertEqual(make(7), make(7))
        self.assertNotEqual(make(7), make(8))

    def test_cases_are_in_the_format_of_the_suite(self):
        maker = generator.Maker(3)
        for number in range(300):
            case = generator.case_of(maker.draft(), "x%d" % number)
            for step in case["dialogue"][1:]:
                self.assertEqual(len({"send", "body", "pipeline"} & set(step)), 1, step)
            self.assertIn(case["client"]["addr"], world.CLIENTS)
            text = repr(case["config"])
            for name in case.get("tables", {}):
                self.assertIn(":@" + name, text)
            for name in generator.re.findall(r":@(t\d+)", text):
                self.assertIn(name, case["tables"])
            for name in filter(None, case["config"].get("smtpd_restriction_classes", "").split(", ")):
                self.assertIn(name, case["config"])
            for placeholder in ("RBL", "TABLE", "WHITE", "CLASS", "PRINTS", "SECONDS"):
                self.assertNotRegex(text, r"\b%s\b" % placeholder)

    def test_odd_lines_are_drawn(self):
        maker = generator.Maker(11)
        said = repr([maker.draft()["steps"] for _ in range(600)])
        for line in (":<Eve <eve@", ":<eve..x@", ":eve@", "ETRN @relay.test", "'EHLO a b'", "{'pipeline': ['NOOP'", "{'pipeline': ['EHLO"):
            self.assertTrue(line in said, line)
        self.assertFalse("{D}" in said)

    def test_keywords_are_carried(self):
        maker = generator.Maker(5)
        drafts = [maker.draft() for _ in range(800)]
        words_of = lambda draft: {w.lower() for elements in draft["lists"].values() for e in elements for w in generator.re.findall(r"[\w-]+", e)}
        words = set().union(*map(words_of, drafts))
        for draft in drafts:
            self.assertTrue(draft["hops"] or not words_of(draft) & {"reject_unverified_sender", "reject_unverified_recipient"}, "nothing answers probes there")
        for keyword in ("reject_unauth_destination", "defer_if_permit", "warn_if_reject", "check_client_access", "strict", "permit_dnswl_client", "reject_sender_login_mismatch", "check_sender_mx_access",
                        "permit_mx_backup", "check_etrn_access", "sleep", "permit_tls_clientcerts", "permit_tls_all_clientcerts", "check_ccert_access", "reject_unverified_sender",
                        "reject_unverified_recipient"):
            self.assertIn(keyword, words)

    def test_parts_go_alone_and_take_what_hangs_on_them(self):
        everything = generator.parts(DRAFT)
        self.assertEqual(len(everything), len(set(everything)))
        for part in everything:
            less = generator.without(DRAFT, [part])
            self.assertNotEqual(less, DRAFT, part)
            generator.case_of(less, "x")
        less = generator.without(DRAFT, [("lists", "smtpd_sender_restrictions", 2)])
        self.assertEqual((less["classes"], sorted(less["lists"]), sorted(less["rows"])), ([], ["smtpd_relay_restrictions", "smtpd_sender_restrictions"], ["t1"]))
        less = generator.without(DRAFT, [("warn", "smtpd_sender_restrictions", 1), ("rows", "t1", 1), ("piped", 2, 1)])
        self.assertEqual(less["lists"]["smtpd_sender_restrictions"][1], "reject_unknown_sender_domain")
        self.assertEqual(less["rows"]["t1"]["rows"], [("a", "OK"), ("c", "DUNNO")])
        self.assertEqual(less["steps"][2], {"pipeline": ["MAIL FROM:<>", "RCPT TO:<b@relay.test>"]})
        self.assertEqual(generator.without(DRAFT, everything)["steps"], [])


class Small(unittest.TestCase):
    LINE = "RCPT: postfix 250 2.1.5, postern 554 5.7.1"

    def differ(self, needed):
        """A difference that shows while all of `needed` stand in the case."""
        self.asked = 0

        def ask(drafts):
            self.asked += len(drafts)
            return [self.LINE if all(word in repr(generator.case_of(d, "x")["config"]) + repr(d["steps"]) for word in needed) else None for d in drafts]
        return ask

    def test_only_what_is_needed_stays(self):
        small = minimise.minimise(DRAFT, self.LINE, self.differ(["check_sender_access", "RCPT TO:<a@relay.test>", "571"]))
        self.assertEqual(small["lists"], {"smtpd_sender_restrictions": ["check_sender_access hash:@t1"], "smtpd_relay_restrictions": []})
        self.assertEqual((small["plain"], small["steps"]), ({"reject_code": "571"}, [{"pipeline": ["RCPT TO:<a@relay.test>"]}]))
        self.assertEqual(len(small["rows"]["t1"]["rows"]), 1)
        self.assertLess(self.asked, 120)

    def test_random_drafts(self):
        maker = generator.Maker(9)
        for _ in range(40):
            draft = {**maker.draft(), "plain": {}}  # the names of parameters contain names of rules
            elements = [e.removeprefix("warn_if_reject ") for e in draft["lists"]["smtpd_recipient_restrictions"]]
            if not elements or elements[0] in draft["classes"]:  # "strict" stands in the name of each list
                continue
            small = minimise.minimise(draft, self.LINE, self.differ([elements[0], "RCPT"]))
            self.assertEqual(sum(map(len, small["lists"].values())), 1)
            self.assertEqual(len(small["steps"]), 1)

    def test_another_difference_does_not_count(self):
        other = lambda drafts: [self.LINE if len(d["steps"]) == len(DRAFT["steps"]) else "MAIL: postfix 250, postern 550" for d in drafts]
        small = minimise.minimise(DRAFT, self.LINE, other)
        self.assertEqual(len(small["steps"]), len(DRAFT["steps"]))

    def test_a_difference_that_does_not_come_again(self):
        self.assertIsNone(minimise.minimise(DRAFT, self.LINE, lambda drafts: [None] * len(drafts)))


class KnownDifferences(unittest.TestCase):
    PAGE = "# A page\n\n| id | pattern | reason |\n|---|---|---|\n| PD001 | `^MAIL: postfix 250.*smtpd_x=yes\\|no` | because |\n| PD002 | `^RCPT` | of that |\n"

    def test_table(self):
        table = known.Table(self.PAGE)
        self.assertEqual([(r.name, r.reason) for r in table.rows], [("PD001", "because"), ("PD002", "of that")])
        self.assertEqual(table.find("MAIL: postfix 250, postern 550 | smtpd_x=yes").name, "PD001")
        self.assertIsNone(table.find("DATA: RCPT"))
        with self.assertRaises(ValueError):
            known.Table(self.PAGE + "| PD001 | `x` | again |\n")

    def test_the_page_of_this_repository(self):
        for row in known.read().rows:
            self.assertTrue(row.reason)
            self.assertIsNone(row.pattern.search(""), row.name)

    def test_line(self):
        case = generator.case_of(copy.deepcopy(DRAFT), "x")
        case["dialogue"] = [{"event": "connect"}, {"send": "EHLO c.example"}]
        line = known.full_line(sides.Outcome("different", "", "EHLO: postfix 250, postern 550"), case)
        for text in ("EHLO: postfix 250, postern 550 | client=192.0.2.10", "reject_code=571", "hash:@t1=a OK, b REJECT", "EHLO c.example"):
            self.assertIn(text, line)


class Measuring(unittest.TestCase):
    def test_the_measuring_program_can_be_used_as_a_module(self):
        module = sides.measure_module()
        self.assertEqual(module.observe(["250 2.1.0 Ok"])[0], {"code": 250, "enhanced": "2.1.0"})
        self.assertIn("smtpd_relay_restrictions", module.BASE)


if __name__ == "__main__":
    unittest.main()

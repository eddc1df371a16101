#!/usr/bin/env python3
"""Asks z3 whether `postern plan` is right about pairs of small restriction lists.

usage: tests/tools/plan_second_opinion.py [--binary FILE] [--pairs N] [--seed N] [--rows N] [--z3 FILE] [--verbose]

Draws pairs of versions that differ in one rule or row: networks of clients, senders and recipients in tables of up to 50 rows, logins, destinations. What they do
is written as formulas (SMT-LIB 2) from the text of the lists and docs/restriction-lists.md, without a class, a diagram or another part of Postern: clients are 32
bits, domains are labels. For each group of destinations z3 says whether a dialogue is taken by one version alone, and `plan` has to say the same. A difference that
plan shows by a dialogue which the formulas do not have (an address without domain, in brackets, ...) is counted as such. Status 1 if the two disagree, 77 without z3.
"""
import argparse
import ipaddress
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LISTS = ["client", "sender", "relay", "recipient"]
OURS, RELAY = "local.example", "relay.example"
DOMAINS = ["partner.example", "mx.partner.example", "spam.example", "example", "deep.mx.partner.example", OURS, RELAY, "sub.relay.example", "other.test"]
LOCALS = ["anna", "bob"]
MYNETWORKS = "10.1.0.0/16"
PLAIN = ["permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination", "permit_auth_destination", "permit", "reject"]
DEPTH = 5
GROUPS = ["ours", "relay", "foreign"]


# Versions: {list: [(warn, keyword, rows)]}; rows: [(key, action)].

def network(draw):
    length = draw.choice([8, 15, 16, 17, 24, 25, 31, 32])
    base = draw.choice(["10.1.0.0", "10.1.128.0", "192.0.2.0", "192.0.2.128", "203.0.113.77", "10.0.0.0"])
    return str(ipaddress.ip_network("%s/%d" % (base, length), strict=False))


def row(draw, keyword):
    action = draw.choice(["OK", "REJECT", "DUNNO"])
    if keyword == "check_client_access":
        return network(draw), action
    key = draw.choice(DOMAINS)
    return (draw.choice(LOCALS) + "@" + key if draw.random() < 0.3 else key), action


def rule(draw, most_rows):
    keyword = draw.choice(PLAIN + 2 * ["check_client_access", "check_sender_access", "check_recipient_access"])
    count = draw.choice([1, 2, 3, most_rows]) if keyword.startswith("check_") else 0
    return draw.random() < 0.15, keyword, [row(draw, keyword) for _ in range(count)]


def version(draw, most_rows):
    made = {name: [rule(draw, most_rows) for _ in range(draw.randrange(3))] for name in LISTS}
    made["relay"] += [(False, "reject_unauth_destination", [])] if draw.random() < 0.8 else []
    return made


def edited(draw, old, most_rows):
    new = {name: list(rules) for name, rules in old.items()}
    name = draw.choice(LISTS)
    rules = new[name]
    at = draw.randrange(len(rules) + 1)
    if at == len(rules) or draw.random() < 0.3:
        rules.insert(at, rule(draw, most_rows))
    elif rules[at][2] and draw.random() < 0.6:
        warn, keyword, rows = rules[at]
        rows, there = list(rows), draw.randrange(len(rows))
        if draw.random() < 0.5:
            rows[there] = row(draw, keyword)
        else:
            rows.pop(there)
        rules[at] = (warn, keyword, rows) if rows else (warn, "permit_mynetworks", [])
    elif at + 1 < len(rules) and draw.random() < 0.5:
        rules[at], rules[at + 1] = rules[at + 1], rules[at]
    else:
        rules.pop(at)
    return new


def text_of(made):
    """As [restrictions] of a configuration."""
    lines = ["[server]", 'hostname = "mx.example.com"', "[restrictions]", "i_know_this_is_an_open_relay = true", 'mydestination = "%s"' % OURS,
             'relay_domains = "%s"' % RELAY, 'mynetworks = "%s"' % MYNETWORKS, 'local_recipient_maps = ""', 'smtpd_sasl_auth_enable = "yes"',
             'smtpd_reject_unlisted_recipient = "no"']
    for name in LISTS:
        rules = []
        for warn, keyword, rows in made[name]:
            words = keyword
            if keyword == "check_client_access":
                words += " cidr:{ %s }" % " ".join("{%s %s}" % one for one in rows)
            elif rows:
                words += " inline:{ %s }" % " ".join("{%s = %s}" % one for one in first_rows(rows))
            rules.append(("warn_if_reject " if warn else "") + words)
        lines.append('smtpd_%s_restrictions = "%s"' % (name, ", ".join(rules) or ("permit" if name == "relay" else "")))
    return "\n".join(lines) + "\n"


def first_rows(rows):
    """Of a key twice, the first row."""
    seen = {}
    for key, action in rows:
        seen.setdefault(key, action)
    return list(seen.items())


# Formulas.

class Labels:
    def __init__(self):
        self.numbers = {}

    def of(self, word):
        return self.numbers.setdefault(word, len(self.numbers) + 1)


def within(text):
    net = ipaddress.ip_network(text)
    return "(and (not v6) (bvuge client #x%08x) (bvule client #x%08x))" % (int(net.network_address), int(net.broadcast_address))


def below(labels, who, domain, exact):
    parts = domain.split(".")[::-1]
    terms = ["(= %s%d %d)" % (who, i, labels.of(part)) for i, part in enumerate(parts)]
    if exact and len(parts) < DEPTH:
        terms.append("(= %s%d 0)" % (who, len(parts)))
    return "(and %s)" % " ".join(terms)


def table(labels, keyword, rows):
    """[(condition, action)] in the order of the look-up."""
    if keyword == "check_client_access":
        return [(within(key), action) for key, action in rows]
    who = "s" if keyword == "check_sender_access" else "r"
    known = first_rows(rows)
    ordered = [(key, action) for key, action in known if "@" in key]
    ordered += sorted(((key, action) for key, action in known if "@" not in key), key=lambda one: -one[0].count("."))
    made = []
    for key, action in ordered:
        local, _, domain = key.rpartition("@")
        condition = below(labels, who, domain, bool(local))
        if local:
            condition = "(and %s (= %slocal %d)%s)" % (condition, who, labels.of(local + "@"), " (not routed)" if who == "r" else "")
        if who == "s":
            condition = "(and (not null) %s)" % condition
        made.append((condition, action))
    return made


def effects(labels, keyword, rows):
    """(permits, refuses)"""
    ours = "(or is_ours is_relay)"
    if keyword == "permit":
        return "true", "false"
    if keyword == "reject":
        return "false", "true"
    if keyword == "permit_mynetworks":
        return within(MYNETWORKS), "false"
    if keyword == "permit_sasl_authenticated":
        return "auth", "false"
    if keyword == "permit_auth_destination":
        return ours, "false"
    if keyword == "reject_unauth_destination":
        return "false", "(not %s)" % ours
    permits, refuses = "false", "false"
    for condition, action in reversed(table(labels, keyword, rows)):
        permits = "(ite %s %s %s)" % (condition, "true" if action == "OK" else "false", permits)
        refuses = "(ite %s %s %s)" % (condition, "true" if action == "REJECT" else "false", refuses)
    if keyword == "check_recipient_access":  # a row permits no address with a route of the sender's own
        permits = "(and (not routed) %s)" % permits
    return permits, refuses


def refused(labels, made):
    lists = []
    for name in LISTS:
        formula = "false"
        for warn, keyword, rows in reversed(made[name]):
            permits, refuses = effects(labels, keyword, rows)
            formula = "(ite %s false (ite %s true %s))" % (permits, "false" if warn else refuses, formula)
        lists.append(formula)
    return "(or %s)" % " ".join(lists)


def script(old, new):
    labels = Labels()
    lines = ["(set-logic ALL)", "(declare-const client (_ BitVec 32))", "(declare-const v6 Bool)", "(declare-const auth Bool)", "(declare-const null Bool)",
             "(declare-const routed Bool)"]
    for who in "sr":
        lines += ["(declare-const %slocal Int)" % who]
        for i in range(DEPTH):
            lines += ["(declare-const %s%d Int)" % (who, i), "(assert (>= %s%d %d))" % (who, i, 1 if i == 0 else 0)]
            if i > 1:
                lines.append("(assert (=> (= %s%d 0) (= %s%d 0)))" % (who, i - 1, who, i))
    lines += ["(assert (not (bvult client #x01000000)))", "(assert (bvult client #xe0000000))"]  # no client has these addresses
    is_ours, is_relay = below(labels, "r", OURS, True), below(labels, "r", RELAY, False)
    lines += ["(define-fun is_ours () Bool (and (not routed) %s))" % is_ours, "(define-fun is_relay () Bool (and (not routed) %s))" % is_relay,
              # Through a name below a domain of ours it is in no group: `plan` says "addresses with a route" beside the groups.
              "(assert (=> routed (or %s %s)))" % (is_ours, below(labels, "r", RELAY, True))]
    lines += ["(define-fun old () Bool %s)" % refused(labels, old), "(define-fun new () Bool %s)" % refused(labels, new)]
    for group in ["is_ours", "is_relay", "(not (or is_ours is_relay))"]:
        for one, other in (("new", "old"), ("old", "new")):  # refuses more, accepts more
            lines += ["(push)", "(assert (and %s %s (not %s)))" % (group, one, other), "(check-sat)", "(pop)"]
    return "\n".join(lines) + "\n"


# The comparison.

def outside(witness):
    """Whether the dialogue has a form of an address that the formulas do not have."""
    for address in (witness["mail_from"], witness["rcpt_to"]):
        domain = address.rpartition("@")[2]
        if address and ("@" not in address or domain.startswith("[") or domain.count(".") >= DEPTH or domain.endswith(".123")):
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=os.path.abspath, default=str(ROOT / "build" / "release" / "postern"))
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=50, help="of the largest tables")
    parser.add_argument("--z3", default=shutil.which("z3"))
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    if not arguments.z3:
        print("z3 is not here")
        return 77
    counts = dict.fromkeys(["pairs", "questions", "yes", "no", "open", "outside"], 0)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="plan-opinion-") as folder:
        folder = pathlib.Path(folder)
        for seed in range(arguments.seed, arguments.seed + arguments.pairs):
            draw = random.Random(seed)
            old = version(draw, arguments.rows)
            new = edited(draw, old, arguments.rows)
            (folder / "old.toml").write_text(text_of(old))
            (folder / "new.toml").write_text(text_of(new))
            (folder / "question.smt2").write_text(script(old, new))
            asked = subprocess.run([arguments.z3, "-T:60", str(folder / "question.smt2")], capture_output=True, text=True)
            opinions = asked.stdout.split()
            if len(opinions) != 2 * len(GROUPS) or set(opinions) - {"sat", "unsat"}:
                print("seed %d: z3 says %s" % (seed, asked.stdout.strip()[:300]))
                counts["open"] += 1
                continue
            ran = subprocess.run([arguments.binary, "plan", "old.toml", "new.toml", "--json", "--budget", "60s"], cwd=folder, capture_output=True, text=True, env={**os.environ, "POSTERN_SANDBOX": "off"})
            try:
                found = json.loads(ran.stdout)
            except ValueError:
                print("seed %d: plan: %s" % (seed, (ran.stdout + ran.stderr)[:600]))
                wrong += 1
                continue
            counts["pairs"] += 1
            for i, group in enumerate(GROUPS):
                for j, direction in enumerate(("refuses_more", "accepts_more")):
                    said, opinion = found["groups"][group][direction], {"sat": "yes", "unsat": "no"}[opinions[2 * i + j]]
                    counts["questions"] += 1
                    if said == opinion:
                        counts[said] += 1
                        continue
                    shown = [one for one in found["witnesses"] if one["group"] == group and one["kind"] == direction]
                    if said == "yes" and shown and outside(shown[0]):
                        counts["outside"] += 1
                        continue
                    wrong += 1
                    print("seed %d: %s %s: plan says %s, z3 %s" % (seed, group, direction, said, opinion))
                    if arguments.verbose:
                        print(text_of(old) + "\n" + text_of(new) + json.dumps(shown))
    print("%(pairs)d pairs, %(questions)d questions: both say yes %(yes)d, both say no %(no)d; dialogues outside of the formulas %(outside)d, without an opinion %(open)d" % counts + "; wrong %d" % wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

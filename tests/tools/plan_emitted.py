#!/usr/bin/env python3
"""Asks z3 and cvc5 the questions that `postern plan --emit smt2` writes, and compares their answers with those of plan.

usage: tests/tools/plan_emitted.py [--binary FILE] [--pairs N] [--seed N] [--floor N] [--seconds N] [--jobs N] [--solver FILE ...] [--only ID] [--keep DIR]

The pairs of tests/suites/plan/lists.json, and N random edits of small lists: overlapping networks and `if` blocks, subdomains, rows that change places, restriction
classes, reasons to defer. For each group and direction a solver says `sat` or `unsat`, and plan has to say yes or no. Addresses with a route through a name below a
domain of ours are in no group of plan: there the line for these counts. Answers that a solver or plan does not give, and groups that were left out, are counted.
With --seconds, no pair is begun after that time. Status 1 if two answers differ, or fewer than the floor were compared; 77 without a solver.
"""
import argparse
import collections
import concurrent.futures
import ipaddress
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
from players.plans.lists import write_config  # noqa: E402

GROUPS = ["ours", "relay", "foreign"]
KINDS = ["refuses_more", "accepts_more"]
OPTIONS = {"z3": ["-t:1000"], "cvc5": ["--strings-exp", "--tlimit-per=1000"]}
SETTINGS = {"POSTERN_SANDBOX": "off"}

# Random lists.

LISTS = ["client", "helo", "sender", "relay", "recipient"]
PLAIN = {"client": ["permit_mynetworks", "reject_rbl_client bl.example.net", "reject_rbl_client bl.example.net=127.0.0.2", "reject_unknown_client_hostname"],
         "helo": ["reject_invalid_helo_hostname", "reject_non_fqdn_helo_hostname", "reject_unknown_helo_hostname"],
         "sender": ["reject_unknown_sender_domain", "reject_non_fqdn_sender", "reject_rhsbl_sender dbl.example.net"],
         "relay": ["permit_mynetworks", "permit_auth_destination", "defer_unauth_destination"],
         "recipient": ["reject_unknown_recipient_domain", "reject_non_fqdn_recipient", "reject_unlisted_recipient", "reject_unauth_destination"]}
ANYWHERE = ["permit_mynetworks", "permit_sasl_authenticated", "reject_plaintext_session", "reject_unauth_destination", "permit", "reject", "defer_if_permit",
            "defer_if_reject", "strict"]
TABLES = {"client": "check_client_access", "helo": "check_helo_access", "sender": "check_sender_access", "recipient": "check_recipient_access"}
ACTIONS = 3 * ["OK", "REJECT", "DUNNO"] + ["DEFER_IF_PERMIT", "DEFER_IF_REJECT", "DISCARD", "HOLD", "450 4.7.1 later", "permit_mynetworks, reject", "strict"]
DOMAINS = ["partner.example", "mx.partner.example", "deep.mx.partner.example", "spam.example", "example", "ours.example", "sub.relay.example", "relay.example"]
BASE = {"mydestination": "ours.example", "relay_domains": "relay.example", "mynetworks": "10.1.0.0/16, [2001:db8:1::]/48", "local_recipient_maps": "",
        "relay_recipient_maps": "", "smtpd_sasl_auth_enable": "yes", "smtpd_restriction_classes": "strict", "strict": "permit_mynetworks, reject_unauth_destination",
        "myorigin": "ours.example"}


def network(draw):
    if draw.random() < 0.2:
        return str(ipaddress.ip_network("2001:db8:%x::/%d" % (draw.choice([0, 1, 2]), draw.choice([31, 32, 33, 47, 48, 128])), strict=False))
    base = draw.choice(["10.1.0.0", "10.1.128.0", "192.0.2.0", "192.0.2.128", "203.0.113.77", "10.0.0.0"])
    return str(ipaddress.ip_network("%s/%d" % (base, draw.choice([8, 15, 16, 17, 23, 24, 25, 31, 32])), strict=False))


def row(draw, kind):
    if kind == "cidr":
        return draw.choice(["", "", "", "!"]) + network(draw), draw.choice(ACTIONS)
    if kind == "client":
        return draw.choice(["192.0.2", "192.0.2.7", "10.1", "10", "unknown"] + DOMAINS), draw.choice(ACTIONS)
    key = draw.choice(DOMAINS)
    if draw.random() < 0.15:
        key = "." + key
    elif kind in ("sender", "recipient") and draw.random() < 0.5:
        key = draw.choice(["anna@", "bob@", "anna@" + key, "bob+news@" + key, "bob@" + key])
    return key, draw.choice(ACTIONS)


def rule(draw, name):
    if draw.random() < 0.45:
        word = draw.choice(PLAIN[name] + ANYWHERE)
        return ("warn_if_reject " if draw.random() < 0.1 else "") + word, None, []
    kind = draw.choice(["client", "cidr", "cidr", "helo" if name == "helo" else "sender", "sender", "recipient"])
    keyword = TABLES["client" if kind == "cidr" else kind]
    return ("warn_if_reject " if draw.random() < 0.1 else "") + keyword, kind, [row(draw, kind) for _ in range(draw.choice([1, 2, 3, 5]))]


def version(draw):
    lists = {name: [rule(draw, name) for _ in range(draw.randrange(3))] for name in LISTS}
    if draw.random() < 0.8:
        lists["relay"].append(("reject_unauth_destination", None, []))
    settings = dict(BASE)
    if draw.random() < 0.3:
        settings["recipient_delimiter"] = "+"
    if draw.random() < 0.3:
        settings["parent_domain_matches_subdomains"] = draw.choice(["", "smtpd_access_maps, relay_domains"])
    if draw.random() < 0.3:
        settings["local_recipient_maps"] = "inline:{ anna=x, bob@ours.example=x }"
    return lists, settings


def edited(draw, old):
    lists, settings = {name: list(rules) for name, rules in old[0].items()}, dict(old[1])
    if draw.random() < 0.15:
        name, value = draw.choice([("mynetworks", "10.1.0.0/17, 10.1.128.0/17, [2001:db8:1::]/48"), ("mynetworks", "!10.1.2.0/24, 10.1.0.0/16"),
                                   ("relay_domains", "relay.example, sub.relay.example"), ("relay_domains", "relay.example, .relay.example"),
                                   ("recipient_delimiter", "+"), ("parent_domain_matches_subdomains", "")])
        settings[name] = value
        return lists, settings
    name = draw.choice([name for name in LISTS if lists[name]] or LISTS)
    rules = lists[name]
    at = draw.randrange(len(rules)) if rules else 0
    if not rules or draw.random() < 0.2:
        rules.insert(at, rule(draw, name))
    elif rules[at][2] and draw.random() < 0.75:
        keyword, kind, rows = rules[at]
        rows, there = list(rows), draw.randrange(len(rows))
        way = draw.randrange(4)
        if way == 0:
            rows[there] = row(draw, kind)
        elif way == 1:
            rows.insert(there, row(draw, kind))
        elif way == 2 and len(rows) > 1:
            rows.pop(there)
        else:
            other = draw.randrange(len(rows))
            rows[there], rows[other] = rows[other], rows[there]
        rules[at] = (keyword, kind, rows)
    elif at + 1 < len(rules) and draw.random() < 0.5:
        rules[at], rules[at + 1] = rules[at + 1], rules[at]
    else:
        rules.pop(at)
    return lists, settings


def side_of(made):
    """A version in the form of the suite."""
    config, tables = dict(made[1]), {}
    for name in LISTS:
        words = []
        for keyword, kind, rows in made[0][name]:
            if rows:
                table = "%s%d" % (kind, len(tables))
                text = "".join("%s %s\n" % one for one in rows)
                if kind == "cidr" and len(rows) == 5:  # the last two for a part of the addresses
                    text = "".join("%s %s\n" % one for one in rows[:3]) + "if %s\n%sendif\n" % (rows[3][0], "%s %s\n" % rows[4])
                tables[table] = {"text": text}
                keyword += " %s:@%s," % ("cidr" if kind == "cidr" else "texthash", table)
            words.append(keyword.rstrip(","))
        config["smtpd_%s_restrictions" % name] = ", ".join(words) or ("permit" if name == "relay" else "")
    return {"config": config, "tables": tables}


# The comparison.

def opinions(solver, texts, folder, name):
    """The solver's word for each text: a solver is started once."""
    path = folder / (name + ".smt2")
    path.write_text("(reset)\n".join(texts))
    ran = subprocess.run([solver, *OPTIONS[os.path.basename(solver)], str(path)], capture_output=True, text=True)
    words = [line for line in (ran.stdout + ran.stderr).split("\n") if line]
    # cvc5 1.0.3 may end with a fatal error of its SAT solver when its time is over.
    if any(word.lower().startswith(("(error", "parse error")) for word in words):
        raise RuntimeError("%s: %s" % (os.path.basename(solver), "\n".join(words)[:400]))
    answers = [word if word in ("sat", "unsat") else "unknown" for word in words]
    return (answers + ["unknown"] * len(texts))[:len(texts)]


def compare(one, arguments):
    """(counts, what differs) of a pair."""
    ident, old, new, base = one
    counts, wrong = collections.Counter(), []
    if time.monotonic() > arguments.until and arguments.compared >= arguments.floor:
        counts["not asked"] += 1
        return counts, wrong
    with tempfile.TemporaryDirectory(prefix="plan-emitted-") as folder:
        folder = pathlib.Path(folder)
        paths = [write_config(str(folder), side, base, name) for side, name in ((old, "old"), (new, "new"))]
        ran = subprocess.run([arguments.binary, "plan", *paths, "--json", "--budget", "30s", "--emit", "smt2", str(folder / "asked")], cwd=folder, capture_output=True,
                             text=True, env={**os.environ, **SETTINGS})
        try:
            found = json.loads(ran.stdout)
        except ValueError:
            return counts, ["%s: plan: %s" % (ident, (ran.stdout + ran.stderr)[:500])]
        counts["pairs"] += 1
        asked = [part for part in found["emitted"] if "file" in part]
        for part in found["emitted"]:
            if "left_out" in part:
                counts["left out"] += 1
                counts["why: " + part["left_out"].split("`")[0].split("/")[0][:60]] += 1
        texts = [pathlib.Path(part["file"]).read_text() for part in asked]
        if arguments.keep:
            shutil.copytree(folder, os.path.join(arguments.keep, str(ident)), dirs_exist_ok=True)
        for solver in arguments.solver if texts else []:
            try:
                said = opinions(solver, texts, folder, os.path.basename(solver))
            except RuntimeError as error:
                return counts, wrong + ["%s: %s" % (ident, error)]
            for part, opinion in zip(asked, said):
                answer = found["groups"][part["group"]][part["direction"]]
                if opinion == "unknown" or answer == "unknown":
                    counts["unknown to " + (os.path.basename(solver) if opinion == "unknown" else "plan")] += 1
                    continue
                counts["compared"] += 1
                counts[opinion] += 1
                if opinion == ("sat" if answer == "yes" else "unsat"):
                    continue
                if opinion == "sat" and part["group"] == "foreign" and found["winding"] in (part["direction"], "both", "not_proved"):
                    counts["of no group"] += 1
                    continue
                wrong.append("%s: %s %s: plan says %s, %s %s" % (ident, part["group"], part["direction"], answer, os.path.basename(solver), opinion))
    return counts, wrong


def pairs(arguments):
    """The cases of the suite and what is drawn, in turn."""
    suite = json.loads((ROOT / "tests" / "suites" / "plan" / "lists.json").read_text())
    for case, seed in itertools.zip_longest(suite["cases"], range(arguments.seed, arguments.seed + arguments.pairs)):
        if case is not None:
            yield case["id"], case["old"], case["new"], suite["base"]
        if seed is not None:
            draw = random.Random(seed)
            old = version(draw)
            yield seed, side_of(old), side_of(edited(draw, old)), {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=os.path.abspath, default=str(ROOT / "build" / "release" / "postern"))
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--floor", type=int, default=1000, help="of answers that are compared")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="after which, if so many answers are compared, no more pairs are asked")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--solver", nargs="*", default=[one for one in map(shutil.which, OPTIONS) if one])
    parser.add_argument("--only", help="this case, or this seed")
    parser.add_argument("--keep", help="keep the files of each pair here")
    parser.add_argument("--verbose", action="store_true", help="why groups were left out")
    arguments = parser.parse_args()
    if not arguments.solver:
        print("neither z3 nor cvc5 is here")
        return 77
    arguments.until, arguments.compared = time.monotonic() + arguments.seconds, 0
    counts, wrong = collections.Counter(), []
    chosen = [one for one in pairs(arguments) if arguments.only in (None, str(one[0]))]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for some, differ in pool.map(lambda one: compare(one, arguments), chosen):
            counts.update(some)
            arguments.compared = counts["compared"]
            wrong += differ
            for line in differ:
                print(line, flush=True)
    if arguments.verbose:
        for name, count in counts.most_common():
            if name.startswith("why: "):
                print("%5d groups left out, %s" % (count, name))
    unknown = ", ".join("%s %d" % (name, count) for name, count in sorted(counts.items()) if name.startswith("unknown"))
    print("%d pairs, by %s: %d answers compared (sat %d, unsat %d, of no group %d); %s; groups left out %d; pairs not asked %d; wrong %d" % (
        counts["pairs"], ", ".join(map(os.path.basename, arguments.solver)), counts["compared"], counts["sat"], counts["unsat"], counts["of no group"],
        unknown or "unknown 0", counts["left out"], counts["not asked"], len(wrong)))
    if counts["compared"] < arguments.floor:
        print("fewer than %d answers were compared" % arguments.floor)
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

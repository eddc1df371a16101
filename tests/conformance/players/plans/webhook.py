"""Pairs of webhook policies (tests/suites/plan/README.md, "Pairs of webhook policies"): `postern plan --json` on two files of tests, which hold
the webhooks and policies of a version.

Every witness that is shown is played again on both versions with `postern test`, unless it says that two passwords of one user matter, for which
a test has no words.
"""
import json
import os
import subprocess

from harness.cases import Case, Fail, FormatError, known, wanted
from harness.waiting import PATIENCE
from players.later import require
from players.plans import lists

CASE = frozenset("id title rules note old new expect".split())
SIDE = frozenset(["policies", "webhooks"])
EXPECT = frozenset(["relation", "witnesses"])
CONFIG = "[server]\nhostname = \"mx.hooks.test\"\n"


def load(document, where):
    require(document, ("cases",), where)

    def case(entry):
        require(entry, ("id", "title", "old", "new", "expect"), where)
        known(entry, CASE, where, FormatError)
        known(entry["expect"], EXPECT, "%s: expect" % entry["id"], FormatError)
        for side in ("old", "new"):
            known(entry[side], SIDE, "%s: %s" % (entry["id"], side), FormatError)
        return Case(entry["id"], entry["title"], {"kind": "webhook", "case": entry}, frozenset(["plan"]))

    return case


def value(one):
    return str(one).lower() if isinstance(one, bool) else json.dumps(one)


def version(side):
    """A file of tests without tests: the webhooks and policies of a version."""
    lines = []
    for name, fields in side["policies"].items():
        lines.append("[policy.%s]" % name)
        lines += ["%s = %s" % (key, value(one)) for key, one in fields.items() if key != "name"]
    for address, hook in side["webhooks"].items():
        lines.append("[webhook.%s]" % json.dumps(address))
        if hook.get("policy") is not None:
            lines.append("policy = %s" % json.dumps(hook["policy"]))
        if "active" in hook:
            lines.append("is_active = %s" % value(hook["active"]))
    return "\n".join(lines) + "\n"


def test_of(witness, verdict):
    """The dialogue of a witness as a test that expects this verdict."""
    lines = ["[[test]]", 'name = "witness"', "client = %s" % json.dumps(witness["client"]), "helo = %s" % json.dumps(witness["helo"])]
    if witness["auth"] is not None:
        lines.append("auth = %s" % json.dumps(witness["auth"]))
    lines += ["from = %s" % json.dumps(witness["mail_from"]), "rcpt = %s" % json.dumps(witness["rcpt_to"])]
    signers = [witness["dkim"]] if witness["dkim"] else []
    lines.append("evidence = { spf = %s, dkim = %s }" % (json.dumps(witness["spf"]), json.dumps(signers)))
    lines.append("expect = { verdict = %s }" % json.dumps(verdict))
    return "\n".join(lines) + "\n"


def played(binary, folder, name, text, witness, verdict):
    path = os.path.join(folder, "witness-%s.ptest" % name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text + test_of(witness, verdict))
    done = subprocess.run([str(binary), "test", path, "--format", "json"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != 0:
        raise Fail("%s: the witness is not %s: %s" % (name, verdict, (done.stdout + done.stderr)[-800:]))


def play(data, context, folder):
    case = data["case"]
    texts = {side: version(case[side]) for side in ("old", "new")}
    with open(os.path.join(folder, "postern.toml"), "w", encoding="utf-8") as out:
        out.write(CONFIG)
    for side, text in texts.items():
        with open(os.path.join(folder, side + ".ptest"), "w", encoding="utf-8") as out:
            out.write(text)
    status, found = lists.plan(context.binary, folder, "old.ptest", "new.ptest")
    relation = {address: one["answer"] for address, one in found["webhooks"].items()}
    if relation != case["expect"]["relation"]:
        raise Fail(wanted("relation", case["expect"]["relation"], relation) + "\n      " + json.dumps(found["not_proved"])[:600])
    if status != (0 if set(relation.values()) == {"same"} else 2):
        raise Fail("exit status %d for %s" % (status, relation))
    expected = {(w["webhook"], w["kind"]) for w in case["expect"]["witnesses"]}
    shown = {(w["rcpt_to"], w["kind"]) for w in found["witnesses"] if w["kind"] != "replies"}
    if shown != expected:
        raise Fail(wanted("witnesses", sorted(expected), sorted(shown)))
    if (found["replies"] == "differs") != any(w["kind"] == "replies" for w in found["witnesses"]):
        raise Fail("other replies are said without a witness, or shown without being said")
    for witness in found["witnesses"]:
        taken = [witness[side]["verdict"] == "taken" for side in ("old", "new")]
        if (any(taken) if witness["kind"] == "replies" else lists.direction(*taken) != witness["kind"]):
            raise Fail("the witness of %s %s: %s" % (witness["rcpt_to"], witness["kind"], json.dumps(witness)[:600]))
        if "password_of" in witness:
            continue
        for side, text in texts.items():
            played(context.binary, folder, side, text, witness, witness[side]["verdict"])
    if "$2y$" in json.dumps(found):
        raise Fail("a hash of a password is shown")

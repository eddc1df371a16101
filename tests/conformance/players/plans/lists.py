"""Pairs of restriction lists (tests/suites/plan/README.md, "Pairs of lists"): `postern plan --json` on both versions.

Every witness that is shown is played again on both versions with `postern explain`, as far as that has words for it: it has none for a
client without HELO and for a policy server's answer.
"""
import json
import os
import subprocess

from harness.cases import Case, Fail, FormatError, known, wanted
from harness.waiting import PATIENCE
from players.later import require

CASE = frozenset("id title rules note old new expect extra points".split())
SIDE = frozenset(["config", "tables"])
EXPECT = frozenset("relation may handling replies witnesses".split())
GROUPS = ("ours", "relay", "foreign")
MESSAGE = "From: a@sender.test\nTo: b@relay.test\nSubject: x\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <1@sender.test>\n\nx\n"


def load(document, where):
    require(document, ("base", "cases"), where)

    def case(entry):
        require(entry, ("id", "title", "old", "new", "expect"), where)
        known(entry, CASE, where, FormatError)
        known(entry["expect"], EXPECT, "%s: expect" % entry["id"], FormatError)
        for side in ("old", "new"):
            known(entry[side], SIDE, "%s: %s" % (entry["id"], side), FormatError)
        return Case(entry["id"], entry["title"], {"kind": "lists", "base": document["base"], "case": entry}, frozenset(["plan"]))

    return case


def write_config(folder, side, base, name):
    """The configuration of one version, and its tables beside it."""
    files = {}
    for table, content in side.get("tables", {}).items():
        files[table] = os.path.join(folder, "%s-%s" % (name, table))
        with open(files[table], "w", encoding="utf-8") as out:
            out.write(content["text"])
    lines = ["[restrictions]", "i_know_this_is_an_open_relay = true"]
    for key, value in {**base, **side.get("config", {})}.items():
        for table, path in files.items():
            value = value.replace(":@" + table, ":" + path)
        lines.append("%s = %s" % (key, json.dumps(value)))
    path = os.path.join(folder, name + ".toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    return path


def run(binary, folder, *words, right=(0,)):
    """A command's JSON."""
    done = subprocess.run([str(binary), *words], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode not in right:
        raise Fail("postern %s: exit status %d\n%s" % (words[0], done.returncode, (done.stderr or done.stdout)[-800:]))
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        raise Fail("postern %s: no JSON: %s" % (words[0], done.stdout[:300])) from None


def plan(binary, folder, old, new):
    return run(binary, folder, "plan", old, new, "--json", "--budget", "30s", right=(0, 2, 3))


def direction(old, new):
    if old != new:
        return "refuses_more" if old else "accepts_more"
    return "none"


def explained(binary, folder, config, witness):
    """Whether `postern explain` takes the dialogue."""
    zone, message = os.path.join(folder, "zone.json"), os.path.join(folder, "m.eml")
    with open(zone, "w", encoding="utf-8") as out:
        json.dump(witness["dns"], out)
    with open(message, "w", encoding="utf-8") as out:
        out.write(MESSAGE)
    words = ["explain", "--json", "--config", config, "--from", witness["mail_from"], "--to", witness["rcpt_to"], "--client-ip", witness["client"],
             "--helo", witness["helo"], "--dns", zone, "--message", message, "--data-dir", os.path.join(folder, "data")]
    if witness["auth"]:
        words += ["--auth", witness["auth"]]
    elif witness["tls"]:
        words += ["--tls"]
    _, document = run(binary, folder, *words)
    return not document["refused"] and all(step.get("accepted", True) for step in document["decisions"])


def play(data, context, folder):
    entry, expect = data["case"], data["case"]["expect"]
    paths = {side: write_config(folder, entry[side], data["base"], side) for side in ("old", "new")}
    status, got = plan(context.binary, folder, paths["old"], paths["new"])
    relation = {group: got["groups"][group]["answer"] for group in GROUPS}
    if relation != expect["relation"]:
        others = expect.get("may", [])
        if not all(relation[group] in [expect["relation"][group], *others] for group in GROUPS):
            raise Fail(wanted("relation", expect["relation"], relation) + "\n      not proved: %s" % got["not_proved"])
        return
    for what in ("handling", "replies"):
        if got[what] != expect[what]:
            raise Fail(wanted(what, expect[what], got[what]))
    same = all(one == "same" for one in relation.values()) and expect["handling"] == "same"
    if status != (0 if same else 2):
        raise Fail(wanted("exit status", 0 if same else 2, status))
    for group in GROUPS:
        for kind in ("refuses_more", "accepts_more"):
            shown = [w for w in got["witnesses"] if w["group"] == group and w["kind"] == kind]
            if bool(shown) != (got["groups"][group][kind] == "yes"):
                raise Fail("%s, %s: a `yes` needs a witness, and a witness a `yes`: %s" % (group, kind, got["groups"][group]))
    for witness in got["witnesses"]:
        verdicts = {side: witness[side]["verdict"] == "taken" for side in ("old", "new")}
        if witness["kind"] in ("refuses_more", "accepts_more") and direction(verdicts["old"], verdicts["new"]) != witness["kind"]:
            raise Fail("a witness of %s with these verdicts: %s" % (witness["kind"], verdicts))
        if witness["helo"] is None or witness["answers"]:
            continue
        for side in ("old", "new"):
            taken = explained(context.binary, folder, paths[side], witness)
            if taken != verdicts[side]:
                raise Fail("explain does not confirm the witness on %s: %s" % (side, json.dumps(witness)[:600]))

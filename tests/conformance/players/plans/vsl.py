"""Pairs of `.vsl` policies (tests/suites/plan/README.md, "Pairs of `.vsl` policies"): `postern plan --json` on both versions.

Every witness that is shown is played again on both versions with `postern explain`, and so is every dialogue of the case's small world, which must
not differ in a direction that was said to be proved.
"""
import itertools
import json
import os

from harness.cases import Case, Fail, FormatError, known, wanted
from players.later import require
from players.plans.lists import MESSAGE, direction, plan, run

CASE = frozenset("id title rules note old new world expect".split())
SIDE = frozenset(["scripts", "config"])
WORLD = frozenset("clients helos auths senders rcpts".split())
EXPECT = frozenset("relation may handling replies witnesses".split())
GROUPS = ("ours", "foreign")
DOMAIN = "ours.test"
USUAL = {"clients": ["203.0.113.9"], "helos": ["mx.client.test"], "auths": [None], "senders": ["a@none.test"], "rcpts": ["jane@ours.test", "x@foreign.test"]}
MOST = 24  # dialogues of a world that are played


def load(document, where):
    require(document, ("dns", "cases"), where)

    def case(entry):
        require(entry, ("id", "title", "old", "new", "world", "expect"), where)
        known(entry, CASE, where, FormatError)
        known(entry["expect"], EXPECT, "%s: expect" % entry["id"], FormatError)
        known(entry["world"], WORLD, "%s: world" % entry["id"], FormatError)
        for side in ("old", "new"):
            known(entry[side], SIDE, "%s: %s" % (entry["id"], side), FormatError)
        return Case(entry["id"], entry["title"], {"kind": "vsl", "dns": document["dns"], "case": entry}, frozenset(["plan"]))

    return case


def write_config(folder, side, name):
    """The configuration of one version, and its scripts in a folder of their own."""
    scripts = os.path.join(folder, name)
    for script, text in side["scripts"].items():
        path = os.path.join(scripts, script)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write(text if isinstance(text, str) else "\n".join(text) + "\n")
    lines = ["[server]", 'hostname = "%s"' % DOMAIN, "[vsl]", 'domain = "%s"' % DOMAIN]
    if side["scripts"]:
        lines.append("policy = %s" % json.dumps(os.path.join(scripts, "main.vsl")))
    for domain in side.get("config", {}).get("virtual", {}):
        lines += ["[[vsl.virtual]]", "domain = %s" % json.dumps(domain)]
    path = os.path.join(folder, name + ".toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    return path


def taken(binary, folder, config, dialogue):
    """Whether `postern explain` takes it."""
    zone, message = os.path.join(folder, "zone.json"), os.path.join(folder, "m.eml")
    with open(zone, "w", encoding="utf-8") as out:
        json.dump(dialogue["dns"], out)
    with open(message, "w", encoding="utf-8") as out:
        out.write(MESSAGE)
    words = ["explain", "--json", "--config", config, "--from", dialogue["mail_from"], "--to", dialogue["rcpt_to"], "--client-ip", dialogue["client"],
             "--helo", dialogue["helo"], "--dns", zone, "--message", message, "--data-dir", os.path.join(folder, "data")]
    if dialogue["auth"]:
        words += ["--auth", dialogue["auth"]]
    elif dialogue["tls"]:
        words += ["--tls"]
    _, document = run(binary, folder, *words)
    return not document["refused"] and all(step.get("accepted", True) for step in document["decisions"])


def group_of(entry, recipient):
    domain = recipient.rpartition("@")[2].lower()
    ours = {DOMAIN, *entry["old"].get("config", {}).get("virtual", {}), *entry["new"].get("config", {}).get("virtual", {})}
    return "ours" if domain in ours else "foreign"


def dialogues(document, world):
    """The dialogues of a small world."""
    parts = [world.get(name) or USUAL[name] for name in ("clients", "helos", "auths", "senders", "rcpts")]
    for client, helo, auth, sender, rcpt in itertools.islice(itertools.product(*parts), MOST):
        yield {"client": client, "helo": helo, "auth": auth, "tls": auth is not None, "mail_from": sender, "rcpt_to": rcpt, "dns": document["dns"]}


def play(data, context, folder):
    entry, expect = data["case"], data["case"]["expect"]
    paths = {side: write_config(folder, entry[side], side) for side in ("old", "new")}
    status, got = plan(context.binary, folder, paths["old"], paths["new"])
    relation = {group: got["groups"][group]["answer"] for group in GROUPS}
    others = expect.get("may", [])
    if not all(relation[group] in [expect["relation"][group], *others] for group in GROUPS):
        raise Fail(wanted("relation", expect["relation"], relation) + "\n      not proved: %s" % got["not_proved"])
    if relation == expect["relation"]:
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
        if witness["helo"] is None:
            continue
        for side in ("old", "new"):
            if taken(context.binary, folder, paths[side], witness) != verdicts[side]:
                raise Fail("explain does not confirm the witness on %s: %s" % (side, json.dumps(witness)[:600]))
    for one in dialogues(data, entry["world"]):
        kind = direction(taken(context.binary, folder, paths["old"], one), taken(context.binary, folder, paths["new"], one))
        group = group_of(entry, one["rcpt_to"])
        if kind != "none" and got["groups"][group][kind] == "no":
            raise Fail("proved not to be, and explain shows it: %s for %s: %s" % (kind, group, json.dumps(one)[:400]))

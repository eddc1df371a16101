"""Guardrails (tests/suites/plan/README.md): `postern check --json`, the start of `serve`, and for a webhook's policy its PUT over the API.

A witness is played again with `postern explain`, as far as that has words for it.
"""
import json
import os
import re
import subprocess

from harness import dns, instance
from harness.cases import Case, Fail, FormatError, known, wanted
from harness.waiting import PATIENCE
from players.later import require
from players.plans.lists import MESSAGE, run, write_config

CASE = frozenset("id title rules note by config tables files policy sets guardrails needs expect".split())
EXPECT = frozenset("result column witness".split())
WEBHOOK = "in@hooks.test"


def load(document, where):
    require(document, ("base", "cases"), where)

    def case(entry):
        require(entry, ("id", "title", "guardrails", "expect"), where)
        known(entry, CASE, where, FormatError)
        if set(entry["expect"]) != set(entry["guardrails"]):
            raise FormatError("%s: expect has other names than guardrails" % entry["id"])
        for name, expect in entry["expect"].items():
            known(expect, EXPECT, "%s: expect %s" % (entry["id"], name), FormatError)
        return Case(entry["id"], entry["title"], {"kind": "guardrails", "base": document["base"], "case": entry}, frozenset(["plan"]))

    return case


def section(entry, names):
    lines = ["", "[guardrails]"]
    lines += ["networks.%s = %s" % (name, json.dumps(text)) for name, text in entry.get("sets", {}).items()]
    return "\n".join(lines + ["%s = %s" % (name, json.dumps(entry["guardrails"][name])) for name in names]) + "\n"


def configuration(entry, base, folder):
    """The case's configuration with all its sentences; its path."""
    if "files" in entry:
        for name, text in entry["files"].items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write(text)
        path = os.path.join(folder, "postern.toml")
    else:
        path = write_config(folder, entry, base, "postern")
    with open(path, "a", encoding="utf-8") as out:
        out.write(section(entry, sorted(entry["guardrails"])))
    return path


def checked(binary, folder, path):
    """What `postern check` says: exit status, diagnostics, the answer."""
    done = subprocess.run([str(binary), "check", "--config", path, "--json"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines or "ok" not in lines[-1]:
        raise Fail("postern check: %d\n%s" % (done.returncode, (done.stderr or done.stdout)[-800:]))
    return done.returncode, lines[:-1], lines[-1]


def refuses_to_start(binary, folder, path):
    data = os.path.join(folder, "data")
    done = subprocess.run([str(binary), "serve", "--config", path, "--data-dir", data, "--smtp", "127.0.0.1:0", "--api", "127.0.0.1:0"],
                          cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode != 78:
        raise Fail(wanted("exit status of serve", 78, done.returncode) + "\n" + done.stderr[-800:])


def taken(binary, folder, config, witness):
    zone, message = os.path.join(folder, "zone.json"), os.path.join(folder, "m.eml")
    with open(zone, "w", encoding="utf-8") as out:
        json.dump(witness["dns"], out)
    with open(message, "w", encoding="utf-8") as out:
        out.write(MESSAGE)
    words = ["explain", "--json", "--config", config, "--from", witness["mail_from"], "--to", witness["rcpt_to"], "--client-ip", witness["client"],
             "--helo", witness["helo"], "--dns", zone, "--message", message, "--data-dir", os.path.join(folder, "none")]
    words += ["--auth", witness["auth"]] if witness["auth"] else ["--tls"] if witness["tls"] else []
    _, document = run(binary, folder, *words)
    return not document["refused"] and all(step.get("accepted", True) for step in document["decisions"])


def judge_error(name, sentence, expect, diagnostics, path):
    said = [one for one in diagnostics if one["code"] == "G001" and "`%s`" % name in one["message"]]
    if len(said) != 1:
        raise Fail("%s: one G001 is wanted: %s" % (name, diagnostics))
    column = int(re.search(r"column (\d+)", said[0]["message"]).group(1))
    if column != expect["column"]:
        raise Fail(wanted("%s: column in the sentence" % name, expect["column"], column))
    with open(path, encoding="utf-8") as text:
        line = text.read().splitlines()[said[0]["line"] - 1]
    at = line.index(json.dumps(sentence)) + 1 + expect["column"]
    if said[0]["col"] not in (at, at + 1):
        raise Fail(wanted("%s: column in the file" % name, at, said[0]["col"]))


def play_file(entry, base, binary, folder):
    path = configuration(entry, base, folder)
    status, diagnostics, answer = checked(binary, folder, path)
    wrong = {name for name, expect in entry["expect"].items() if expect["result"] == "error"}
    for name in wrong:
        judge_error(name, entry["guardrails"][name], entry["expect"][name], diagnostics, path)
    got = {one["name"]: one for one in answer.get("guardrails", [])}
    for name, expect in entry["expect"].items():
        if name in wrong:
            continue
        result = got.get(name, {}).get("result")
        if result != expect["result"]:
            raise Fail(wanted("%s: %s" % (name, entry["guardrails"][name]), expect["result"], got.get(name, answer)))
        witness = got[name].get("witness")
        if (witness is not None) != (result == "violated"):
            raise Fail("%s: a witness where it is violated, and only there: %s" % (name, got[name]))
        if not witness or witness["helo"] is None or witness["answers"] or witness["message"]:
            continue
        if taken(binary, folder, path, witness) != (witness["got"]["verdict"] == "taken"):
            raise Fail("%s: explain does not confirm the witness: %s" % (name, json.dumps(witness)[:600]))
    broken = any(expect["result"] != "holds" for expect in entry["expect"].values())
    if status != (78 if broken else 0):
        raise Fail(wanted("exit status of check", 78 if broken else 0, status))
    if broken:
        refuses_to_start(binary, folder, path)


def play_policy(entry, context):
    """The webhook is made with its policy, by an account that has verified the domain."""
    for name, sentence in entry["guardrails"].items():
        names = dns.start()
        server = context.postern({"api": {"signup": "open", "rate_limits": False}, "dns": {"servers": ["127.0.0.1:%d" % names.port]}, "guardrails": {name: sentence}})
        try:
            server.start()
            account = instance.Account(server)
            account.claim_domain(WEBHOOK.partition("@")[2], names.zone)
            policy = account.call("POST", "/smtp-policies", {"name": "p", **entry["policy"]}, expect=201)
            violated = entry["expect"][name]["result"] == "violated"
            body = {"target_url": "inbox", "email_address": WEBHOOK, "smtp_security_policy_id": policy["id"]}
            answer = account.call("POST", "/webhooks", body, expect=409 if violated else 201)
            if violated and (answer["code"], answer["guardrail"]) != ("guardrail_violated", name):
                raise Fail("another refusal: %s" % answer)
            if violated and not answer["witness"]:
                raise Fail("no witness: %s" % answer)
        finally:
            server.stop()
            names.stop()


def play(data, context, folder):
    if "policy" in data["case"]:
        play_policy(data["case"], context)
    else:
        play_file(data["case"], data["base"], context.binary, folder)

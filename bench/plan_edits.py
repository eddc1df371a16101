"""Edits of configurations that others have written, and how `postern plan` is asked about them: what bench/plan_bench and bench/plan_bars share."""
import ipaddress
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "conformance"))
from harness import instance  # noqa: E402
from players.lists.site import ELSEWHERE, expand  # noqa: E402

BINARY = str(ROOT / "build" / "release" / "postern")
SUITE = os.environ.get("POSTERN_REAL_CONFIGURATIONS") or str(ROOT.parent / "shared/suites/restrictions-real/cases.json")
NO_SERVICE = "inet:127.0.0.1:9"  # a policy server that is not there

LISTS = ["smtpd_%s_restrictions" % kind for kind in ("client", "helo", "sender", "relay", "recipient", "data", "end_of_data")]
WITH_ARGUMENT = re.compile(r"(check_\w+|(reject|permit)_(rbl|rhsbl|dnswl|rhswl)_?\w*|sleep)$", re.I)
OPPOSITE = {"permit": "reject", "reject": "permit", "defer": "permit", "reject_unauth_destination": "permit_auth_destination",
            "defer_unauth_destination": "permit_auth_destination", "permit_auth_destination": "reject_unauth_destination",
            "permit_mynetworks": "permit_auth_destination", "permit_sasl_authenticated": "reject_plaintext_session",
            "reject_rbl_client": "permit_dnswl_client", "permit_dnswl_client": "reject_rbl_client"}
NETWORK = re.compile(r"(?<![\w.:])(\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:.]+\]|[0-9a-fA-F]*:[0-9a-fA-F:.]+)/(\d+)\b")


def rules_of(text):
    """The rules of a list, each with its argument."""
    words = re.findall(r"(?:[^\s,{}]*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^\s,{}]*|[^\s,]+)", text)
    rules, at = [], 0
    while at < len(words):
        rule = []
        while at < len(words) and words[at].lower() == "warn_if_reject":
            rule.append(words[at])
            at += 1
        if at < len(words):
            rule.append(words[at])
            at += 1
            if WITH_ARGUMENT.match(rule[-1]) and at < len(words):
                rule.append(words[at])
                at += 1
        rules.append(" ".join(rule))
    return rules


def edits_of_list(rules):
    """(what, the rules of the list, the rule that moves on or None)"""
    for i, rule in enumerate(rules):
        words = rule.split()
        yield "out", rules[:i] + rules[i + 1:], None
        yield "moved", rules[:i] + rules[i + 1:], rule
        yield "twice", rules + [rule], None
        if i + 1 < len(rules):
            yield "swapped", rules[:i] + [rules[i + 1], rule] + rules[i + 2:], None
        if words[0].lower() != "warn_if_reject":
            yield "warn_if_reject", rules[:i] + ["warn_if_reject " + rule] + rules[i + 1:], None
        if (opposite := OPPOSITE.get(words[0].lower())) is not None:
            yield "opposite", rules[:i] + [" ".join([opposite] + words[1:])] + rules[i + 1:], None


def edits_of_networks(text):
    """Each network, one bit wider and one bit narrower."""
    for found in NETWORK.finditer(text):
        length, most = int(found[2]), 32 if "." in found[1] and ":" not in found[1] else 128
        for what, new in (("wider", length - 1), ("narrower", length + 1)):
            if 0 <= new <= most:
                address = cut(found[1], new)
                yield what, text[:found.start()] + "%s/%d" % (address, new) + text[found.end():]


def cut(address, length):
    """The address without the bits behind the prefix, which Postfix wants to be zero."""
    bare = address.strip("[]")
    network = ipaddress.ip_network("%s/%d" % (bare, length), strict=False)
    return address.replace(bare, str(network.network_address))


def configurations(document):
    """(id, parameters, tables) of each configuration that starts."""
    seen, base = set(), document.get("base", {})
    for case in document["cases"]:
        if case["origin_id"] in seen or case["dialogue"][0]["expect"].get("no_service"):
            continue
        seen.add(case["origin_id"])
        yield case["origin_id"], {**base, **case["config"]}, case.get("tables") or {}


def edits(parameters, tables):
    """(what, parameters, tables) of each edit."""
    present = [name for name in LISTS if parameters.get(name)]
    for name in present:
        for what, rules, moved in edits_of_list(rules_of(parameters[name])):
            made = {**parameters, name: ", ".join(rules)}
            if moved is not None:
                others = [one for one in LISTS if one in present and one != name] or [one for one in LISTS if one != name]
                other = next((one for one in others if LISTS.index(one) > LISTS.index(name)), others[0])
                made[other] = ", ".join(part for part in (parameters.get(other), moved) if part)
            yield "%s %s" % (what, name), made, tables
    for what, text in edits_of_networks(parameters.get("mynetworks", "")):
        yield "%s mynetworks" % what, {**parameters, "mynetworks": text}, tables
    for name, table in tables.items():
        if table["type"] == "cidr" or table["type"] == "list":
            for what, text in edits_of_networks(table["text"]):
                yield "%s %s" % (what, name), parameters, {**tables, name: {**table, "text": text}}


def settings(folder, parameters, tables, service=NO_SERVICE):
    """The sections of one version, whose tables are written into the folder, or lie there; `service` is the policy server that it names."""
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        (folder / name).write_text(re.sub(r"@\w+", "x", table["text"]) if "@cert" in table["text"] else table["text"], encoding="utf-8")
    kept = {}
    for name, value in parameters.items():
        if name not in ELSEWHERE:
            value = value.replace("@policy", service)
            kept[name] = re.sub(r"(?<=:)@([A-Za-z0-9_]+)", lambda m: str(folder / m.group(1)), value)
    return {"server": {"hostname": expand(parameters["myhostname"], parameters)}, "restrictions": {"errors": "defer", **kept}}


def written(folder, parameters, tables, beside=None):
    """The configuration of one version, with its tables in the folder, or with those that lie in the folder of the other version."""
    folder.mkdir(exist_ok=True)
    document = settings(beside or folder, parameters, tables)
    path = folder / "postern.toml"
    path.write_text(instance.toml(document), encoding="utf-8")
    return path


def loaded(suite):
    """(id, parameters, tables) of the configurations of a file, [] without the file."""
    return list(configurations(json.loads(pathlib.Path(suite).read_text(encoding="utf-8")))) if os.path.exists(suite) else []


def run(binary, *words):
    """(exit status, output, seconds of CPU)"""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen([binary, *map(str, words)], stdout=output, stderr=output)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return child.returncode, output.read().decode(errors="replace"), used.ru_utime + used.ru_stime


def answer_of(output):
    """The JSON of `plan --json`, behind warnings; ValueError if there is none."""
    return json.loads(output[output.index("{\"plan\""):])


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def write_section(begin, end, text):
    """Puts the text between two marks of docs/benchmarks.md."""
    page = ROOT / "docs" / "benchmarks.md"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(before + begin + "\n" + text + end + rest.split(end)[1], encoding="utf-8")

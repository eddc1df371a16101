#!/usr/bin/env python3
"""How much of the `.vsl` rules of the suites `postern plan` decides: each policy against itself in other words, and against single edits of it.

usage: tests/tools/plan_vsl_decided.py --binary build/release/postern [--play N] [--filter TEXT] [--verbose] [--least PERCENT]

A pair is decided if no question about a verdict is open. --play also plays dialogues of each pair with `postern explain` on both versions: one that
differs in a direction that was proved not to be is counted as wrong. Status 1 if less is decided than --least says, or anything is wrong.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUITES = (ROOT / "tests" / "suites" / "vsl" / "cases", ROOT / "tests" / "conformance" / "own" / "vsl" / "cases")
DIRECTIVE = re.compile(r'\b(rule|action)\s+"((?:[^"\\]|\\.)*)"\s*(?=\|\||#\{)')
PAIRS = {"(": ")", "[": "]", "{": "}"}
MESSAGE = "From: a@sender.test\nTo: b@relay.test\nSubject: x\nDate: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <1@sender.test>\n\nx\n"


def text_of(script):
    return script if isinstance(script, str) else "\n".join(script) + "\n"


def end_of(text, at):
    """Where the directive that begins here ends: a comma or a bracket that it does not open."""
    depth = []
    while at < len(text):
        c = text[at]
        if c in "\"'`":
            end = at + 1
            while end < len(text) and text[end] != c:
                end += 2 if text[end] == "\\" and c != "`" else 1
            at = end
        elif text.startswith("//", at):
            at = text.find("\n", at)
            if at < 0:
                return len(text)
        elif text.startswith("/*", at):
            at = text.find("*/", at) + 1
        elif c in PAIRS:
            depth.append(PAIRS[c])
        elif c in PAIRS.values():
            if not depth:
                return at
            depth.pop()
        elif c == "," and not depth:
            return at
        at += 1
    return at


def directives(text):
    found = []
    for match in DIRECTIVE.finditer(text):
        if not found or match.start() >= found[-1][1]:
            found.append((match.start(), end_of(text, match.end()), match.group(2)))
    return found


def edits(text):
    """(name, text) of each edit."""
    yield "other words", "// the same\n" + text
    all_of = directives(text)
    for number, (begin, end, name) in enumerate(all_of):
        one = text[begin:end]
        mark = '"plan probe %d"' % number
        yield "no rule in front %d" % number, text[:begin] + "rule %s || next(),\n" % mark + text[begin:]
        yield "refusal in front %d" % number, text[:begin] + "rule %s || deny(),\n" % mark + text[begin:]
        yield "permit in front %d" % number, text[:begin] + "rule %s || accept(),\n" % mark + text[begin:]
        yield "instead a refusal %d" % number, text[:begin] + "rule %s || deny()" % mark + text[end:]
        yield "instead nothing %d" % number, text[:begin] + "rule %s || next()" % mark + text[end:]
        if number + 1 < len(all_of) and text[end:all_of[number + 1][0]].strip() == ",":
            after = all_of[number + 1]
            yield "swapped %d" % number, text[:begin] + text[after[0]:after[1]] + text[end:after[0]] + one + text[after[1]:]
        for old, new in (("deny()", "next()"), ("next()", "deny()"), ("==", "!="), (" is ", " not "), ("&&", "||"), ('"strict"', '"soft"'), ('"soft"', '"strict"')):
            if old in one:
                yield "%s for %s %d" % (new, old, number), text[:begin] + one.replace(old, new, 1) + text[end:]


def config_of(case, folder, name, scripts):
    given = case.get("config", {})
    policy = folder / name
    for script, text in scripts.items():
        path = (policy / script).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    domain = given.get("domain", "postern.example")
    lines = ["[server]", "hostname = %s" % json.dumps(given.get("hostname", domain)), "[vsl]", "domain = %s" % json.dumps(domain)]
    lines += ["policy = %s" % json.dumps(str(policy / "main.vsl")), "app_dir = %s" % json.dumps(str(folder))]
    if given.get("relay_networks"):
        lines.append("relay_networks = %s" % json.dumps(given["relay_networks"]))
    if given.get("must_be_authenticated"):
        lines.append("must_be_authenticated = true")
    for virtual in given.get("virtual", {}):
        lines += ["[[vsl.virtual]]", "domain = %s" % json.dumps(virtual)]
    path = folder / (name + ".toml")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def dialogues(case):
    """What the case's own sessions say, one recipient at a time."""
    for session in case.get("sessions", []):
        helo, sender, auth = "mx.client.test", None, None
        for step in session["steps"]:
            line = step.get("send", "") if isinstance(step.get("send", ""), str) else ""
            if "auth_plain" in step:
                auth = step["auth_plain"][0]
            if re.match(r"(?i)(EHLO|HELO) \S+$", line):
                helo = line.split()[1]
            match = re.match(r"(?i)(MAIL FROM|RCPT TO):<([^<>]*)>", line)
            if match and match.group(1).upper() == "MAIL FROM":
                sender = match.group(2)
            elif match and sender is not None:
                yield {"client": session["client_ip"], "helo": helo, "auth": auth, "from": sender, "to": match.group(2)}


def taken(binary, folder, config, one, zone):
    words = ["explain", "--json", "--config", str(config), "--from", one["from"], "--to", one["to"], "--client-ip", one["client"], "--helo", one["helo"],
             "--dns", str(zone), "--message", str(folder / "m.eml"), "--data-dir", str(folder / "data")]
    if one["auth"]:
        words += ["--auth", one["auth"]]
    done = subprocess.run([binary, *words], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        return None
    document = json.loads(done.stdout)
    # What rules behind the queue decide, the client is not told.
    said = [step for step in document["decisions"] if step["stage"] not in ("queued", "delivery")]
    return not document["refused"] and all(step.get("accepted", True) for step in said)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=os.path.abspath, required=True)
    parser.add_argument("--play", type=int, default=0)
    parser.add_argument("--filter", default="")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--least", type=float, default=80.0)
    arguments = parser.parse_args()
    binary = os.path.abspath(arguments.binary)
    counts, reasons, times, wrong, played = collections.Counter(), collections.Counter(), [], [], 0
    for path in sorted(one for folder in SUITES for one in folder.glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        if "load" in case or "main.vsl" not in case.get("scripts", {}) or arguments.filter not in path.stem:
            continue
        scripts = {name: text_of(text) for name, text in case["scripts"].items()}
        for number, (name, text) in enumerate(edits(scripts["main.vsl"])):
            with tempfile.TemporaryDirectory(prefix="postern-plan-") as root:
                folder = pathlib.Path(root)
                (folder / "m.eml").write_text(MESSAGE, encoding="utf-8")
                (folder / "zone.json").write_text(json.dumps(case.get("dns", {})), encoding="utf-8")
                old, new = config_of(case, folder, "old", scripts), config_of(case, folder, "new", {**scripts, "main.vsl": text})
                if old is None or new is None:
                    continue
                began = time.monotonic()
                done = subprocess.run([binary, "plan", str(old), str(new), "--json"], capture_output=True, text=True, timeout=600)
                if done.returncode not in (0, 2, 3):
                    counts["does not load"] += 1
                    continue
                times.append(time.monotonic() - began)
                got = json.loads(done.stdout)
                decided = all(group["answer"] != "not_proved" for group in got["groups"].values())
                counts["decided" if decided else "open"] += 1
                if name == "other words" and got["answer"] not in ("same", "not_proved"):
                    wrong.append("%s, %s: %s" % (path.stem, name, got["answer"]))
                if not decided:
                    for one in got["not_proved"]:
                        reasons["%s: %s" % (one["reason"], path.stem)] += 1
                if arguments.verbose:
                    print("%-40s %-32s %-14s %s" % (path.stem, name, got["answer"], got["not_proved"][0]["text"] if got["not_proved"] else ""), flush=True)
                for one in list(dialogues(case))[:arguments.play]:
                    was, now = (taken(binary, folder, config, one, folder / "zone.json") for config in (old, new))
                    played += 1
                    if was is None or now is None or was == now:
                        continue
                    kind = "refuses_more" if was else "accepts_more"
                    if all(group[kind] == "no" for group in got["groups"].values()):
                        wrong.append("%s, %s: %s, and %s" % (path.stem, name, json.dumps(one), kind))
    total = counts["decided"] + counts["open"]
    percent = 100.0 * counts["decided"] / max(total, 1)
    times.sort()
    print("%d pairs, %d decided (%.1f %%), %d edits do not load, %d dialogues played, %d wrong" %
          (total, counts["decided"], percent, counts["does not load"], played, len(wrong)))
    if times:
        print("a command: median %.0f ms, p99 %.0f ms, most %.0f ms" % tuple(1000 * times[min(len(times) - 1, int(len(times) * q))] for q in (0.5, 0.99, 1)))
    for reason, count in reasons.most_common(20):
        print("  open: %s (%d)" % (reason, count))
    for one in wrong:
        print("  WRONG: " + one)
    return 1 if wrong or percent < arguments.least else 0


if __name__ == "__main__":
    sys.exit(main())

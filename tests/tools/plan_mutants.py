#!/usr/bin/env python3
"""Plants faults in the compiler of `postern plan`, one at a time, and runs the tests: each has to be found.

usage: tests/tools/plan_mutants.py [--build build/release] [--filter TEXT] [--numbers 3,17] [--suite] [--tests FILTER] [--brief] [--verbose] [--jobs N]
       tests/tools/plan_mutants.py --texts

The sources of the compiler (src/plan, and what it asks of the restriction lists) are copied; each fault of the table below becomes a switch in the copy,
which an environment variable turns on. So all faults are compiled once, nothing of this is in the program, and the copy without a fault has to pass.
The build folder needs `plan_test` (-DPOSTERN_TESTS=ON), and `postern` for --suite, which plays the plan suite for what the unit tests do not find. --tests
runs these unit tests alone, to see what they find by themselves: 'PlanSmallScope.*'. --brief plants two faults only, and leaves out the run without a fault.
--texts builds nothing: it looks whether the code of each fault is in its source once. Status 1 if a fault is not found.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMPILE, CLASSES = "plan/compile.cc", "plan/classes.cc"
SPELLING, ADDRESSES, LISTINGS = "plan/class_spelling.cc", "plan/address_classes.cc", "plan/listings.cc"
VSL, EXPLORE = "plan/vsl.cc", "plan/vsl_explore.cc"
COMPARE, GUARD, FACTS = "plan/compare.cc", "plan/guard.cc", "plan/facts.cc"
LANGUAGE, LANGUAGES = "plan/language.cc", "plan/pattern_languages.cc"
WORDS, EFFECT, DIAGRAM = "dialect/restrictions/policy_words.cc", "dialect/restrictions/rule_effect.cc", "plan/diagram.cc"

# (name, file, the code, the code with PLANTED where the fault is on)
FAULTS = [
    # Questions and their answers.
    ("no filter holds beside another", LISTINGS, "for (bool grew = true; grew &&", "for (bool grew = !PLANTED; grew &&"),
    ("a list in DNS always answers", LISTINGS, 'answers.push_back({.dns = failed(), .words = "no answer"});\n  return answers;',
     'if (!PLANTED) answers.push_back({.dns = failed(), .words = "no answer"});\n  return answers;'),
    ("one listing for all names of a zone", COMPILE, "if (prefix == reversed_client(client))", "if (PLANTED || prefix == reversed_client(client))"),
    ("one question for all types of records", COMPILE, 'question.key = std::string(dns::to_string(asked.type)) + " " + name;',
     'question.key = (PLANTED ? "A" : std::string(dns::to_string(asked.type))) + " " + name;'),
    ("no null MX", COMPILE, 'question.answers.push_back({.dns = found({"0 ."}), .words = "null MX"});',
     'if (!PLANTED) question.answers.push_back({.dns = found({"0 ."}), .words = "null MX"});'),
    ("DNS always answers", COMPILE, 'question.answers.push_back({.dns = failed(), .words = "no answer"});\n  return add(',
     'if (!PLANTED) question.answers.push_back({.dns = failed(), .words = "no answer"});\n  return add('),
    ("one answer of a server at all commands", COMPILE, 'const std::string state = line("protocol_state");',
     'const std::string state = PLANTED ? "" : line("protocol_state");'),
    ("a server never refuses", COMPILE, "add_answer(text);\n    }\n    for (const std::string& name : actions_)",
     'if (!PLANTED || text != "REJECT") add_answer(text);\n    }\n    for (const std::string& name : actions_)'),
    ("no server knows an owner", COMPILE, "if (is_table && asks_owners_) add_answer(own_login);", "if (!PLANTED && is_table && asks_owners_) add_answer(own_login);"),
    ("rules that permit only pass", COMPILE, ": keyword.kind == Class::permit ? !by_action\n", ": keyword.kind == Class::permit ? !by_action && (!PLANTED || !step.permits)\n"),
    ("a server always answers", COMPILE, "question.answers.back().service.failed = true;", "question.answers.back().service.failed = !PLANTED;"),
    ("a verified name need have no address", COMPILE, "name.kind == Kind::verified     ? answer.dns.status == dns::Status::found\n",
     "name.kind == Kind::verified     ? PLANTED || answer.dns.status == dns::Status::found\n"),
    ("an unconfirmed name has an address", COMPILE, ": answer.dns.trouble();\n", ": !PLANTED == answer.dns.trouble();\n"),
    ("implications of the other family", COMPILE, "client.one.is_v4() == is_v4 ? has", "(client.one.is_v4() == is_v4) != PLANTED ? has"),
    ("no HELO is said", COMPILE, "if (stage != Stage::connect) session.helo", "if (!PLANTED && stage != Stage::connect) session.helo"),
    ("TLS before STARTTLS", COMPILE, "if (stage != Stage::connect && after_starttls && secured.tls)", "if (stage != Stage::connect && (PLANTED || after_starttls) && secured.tls)"),
    ("no TLS", COMPILE, 'session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};', 'if (!PLANTED) session.tls = policy::Tls{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};'),
    ("no login", COMPILE, "if (stage >= Stage::mail) session.auth", "if (!PLANTED && stage >= Stage::mail) session.auth"),
    # The order of the lists.
    ("EHLO before STARTTLS is not judged", COMPILE, "Ref before_tls = only_refusal(state, clear, Stage::helo);", "Ref before_tls = PLANTED ? state : only_refusal(state, clear, Stage::helo);"),
    ("a reason to defer does not prevail over DISCARD", COMPILE, "if (stage == Stage::mail && judged.discard && judged.if_permit)",
     "if (!PLANTED && stage == Stage::mail && judged.discard && judged.if_permit)"),
    ("DISCARD at MAIL is forgotten", COMPILE, "judged.discard) at.discard = true;", "judged.discard) at.discard = !PLANTED;"),
    ("HOLD at MAIL is forgotten", COMPILE, "judged.hold) at.hold = true;", "judged.hold) at.hold = !PLANTED;"),
    ("HELO need not be said", COMPILE, "if (policy_.helo_required) {", "if (!PLANTED && policy_.helo_required) {"),
    ("what was raised is not met again", COMPILE, "now.if_permit = states_[after].if_permit;", "if (!PLANTED) now.if_permit = states_[after].if_permit;"),
    ("relay and recipient lists change places", COMPILE, "const bool relay_first = policy_.relay_first;", "const bool relay_first = policy_.relay_first != PLANTED;"),
    ("lists are not delayed", COMPILE, "if (policy_.delay_reject) {\n      state = next_list", "if (policy_.delay_reject != PLANTED) {\n      state = next_list"),
    ("recipients that do not exist", COMPILE, "if (policy_.reject_unlisted_recipient) {", "if (!PLANTED && policy_.reject_unlisted_recipient) {"),
    ("senders that do not exist", COMPILE, "if (!policy_.reject_unlisted_sender) return state;", "if (PLANTED || !policy_.reject_unlisted_sender) return state;"),
    ("a permit ends all lists", COMPILE, "state = change(state, [&](ListState& at) {\n      at.list_over = false;\n      if (fresh_if_reject",
     "state = change(state, [&](ListState& at) {\n      if (!PLANTED) at.list_over = false;\n      if (fresh_if_reject"),
    ("defer_if_reject is not reset", COMPILE, "if (fresh_if_reject && !at.discard)", "if (!PLANTED && fresh_if_reject && !at.discard)"),
    ("defer_if_permit does not refuse", COMPILE, "if (at.if_permit) {\n        at.refused = true;", "if (at.if_permit) {\n        at.refused = !PLANTED;"),
    ("the list at DATA is not asked", COMPILE, "state = later_list(state, ListKind::data, Stage::data);", "if (!PLANTED) state = later_list(state, ListKind::data, Stage::data);"),
    ("mail to postmaster is judged", COMPILE, "if (classes_.to_webhooks || !taken_first(policy_, mailbox)) {", "if (PLANTED || classes_.to_webhooks || !taken_first(policy_, mailbox)) {"),
    # Rules.
    ("warn_if_reject refuses", COMPILE, "here.warn_only = at.warn_only || rule.warn_only;", "here.warn_only = at.warn_only || (!PLANTED && rule.warn_only);"),
    ("warn_if_reject does not reach into classes", COMPILE, "here.warn_only = at.warn_only ||", "here.warn_only = (!PLANTED && at.warn_only) ||"),
    ("defer_if_reject changes no refusal", COMPILE, "at.refusal = step.yields && at.if_reject ? *at.if_reject : step.refusal;",
     "at.refusal = !PLANTED && step.yields && at.if_reject ? *at.if_reject : step.refusal;"),
    ("the last reason to defer counts", COMPILE, "if (step.if_permit && !at.if_permit)", "if (step.if_permit && (PLANTED || !at.if_permit))"),
    ("both reasons to defer leave the list on", COMPILE, "step.permits || (at.if_permit && at.if_reject);\n          return states_.of(at);\n        },\n        stopped());\n  }\n\n  /// A check",
     "step.permits || (!PLANTED && at.if_permit && at.if_reject);\n          return states_.of(at);\n        },\n        stopped());\n  }\n\n  /// A check"),
    ("a permit permits nothing", COMPILE, "step.permits = effect.outcome == RuleOutcome::permit;", "step.permits = !PLANTED && effect.outcome == RuleOutcome::permit;"),
    ("HOLD of a rule is forgotten", COMPILE, "step.hold = effect.holds;", "step.hold = !PLANTED && effect.holds;"),
    ("rules of a row are not run", COMPILE, "rows.contains(what)) nested.insert(what);", "rows.contains(what) && !PLANTED) nested.insert(what);"),
    ("a row that may not permit does", COMPILE, "if (meaning == restrictions::InnerPermit::permits) return after;", "if (PLANTED || meaning == restrictions::InnerPermit::permits) return after;"),
    ("a pattern matches what it does not", COMPILE, "for (const bool matches : {false, true}) {", "for (const bool matches : {PLANTED, !PLANTED}) {"),
    ("rules do not look at the login", COMPILE, "if (looks.session) axes.push_back", "if (!PLANTED && looks.session) axes.push_back"),
    ("rules do not look at the client's name", COMPILE, "if (looks.name) axes.push_back", "if (!PLANTED && looks.name) axes.push_back"),
    ("rules do not look at HELO", COMPILE, "if (looks.helo) axes.push_back", "if (!PLANTED && looks.helo) axes.push_back"),
    ("rules do not look at the sender", COMPILE, "if (looks.sender) axes.push_back", "if (!PLANTED && looks.sender) axes.push_back"),
    ("a rule is the same behind warn_if_reject", COMPILE, "std::make_tuple(&rule, at.list, at.stage, at.warn_only,", "std::make_tuple(&rule, at.list, at.stage, !PLANTED && at.warn_only,"),
    ("a rule is the same in all lists", COMPILE, "std::make_tuple(&rule, at.list, at.stage,",
     "std::make_tuple(&rule, PLANTED ? ListKind::client : at.list, PLANTED ? Stage::rcpt : at.stage,"),
    ("a rule is the same before STARTTLS", COMPILE, "before_);\n    if (const auto known = by_rule_", "PLANTED ? Before::mail : before_);\n    if (const auto known = by_rule_"),
    ("a client has one name", COMPILE, "if (policy_.delay_reject) return;\n    const auto judged", "if (PLANTED || policy_.delay_reject) return;\n    const auto judged"),
    ("nobody authenticates between two EHLO", COMPILE, "judged(Before::login) == usual", "(PLANTED || judged(Before::login) == usual)"),
    ("what is done with mail by a route is not compared", COMPARE, "if (!is_verdict(kind) && known == Known::yes) continue;", "if (!is_verdict(kind) && (known == Known::yes || (PLANTED && !group))) continue;"),
    # What sentences ask of a message.
    ("no message is too large", GUARD, "if (!facts.sizes.empty()) facts.sizes.insert(limit);", "if (!PLANTED && !facts.sizes.empty()) facts.sizes.insert(limit);"),
    ("a message has one author", FACTS, 'authors_.insert(authors_.end(), {"", std::string(one_field), std::string(several_fields)});',
     'authors_.push_back("");\n  if (!PLANTED) authors_.insert(authors_.end(), {std::string(one_field), std::string(several_fields)});'),
    ("edits change no networks", GUARD, "deciding_.lists == nullptr || any_rules_) return false;", "deciding_.lists == nullptr || (!PLANTED && any_rules_)) return false;"),
    ("mynetworks is not looked up", EFFECT, 'if (is({"permit_mynetworks"})) return {.client = true,', 'if (is({"permit_mynetworks"})) return {.client = !PLANTED,'),
    ("the sender of a table is not looked up", EFFECT, "return {.helo = true};", "return {.helo = !PLANTED};"),
    # Classes.
    ("a range ends one too late", CLASSES, "if (add(behind, 1, is_v4)) starts.insert(behind);", "if (add(behind, PLANTED ? 2 : 1, is_v4)) starts.insert(behind);"),
    ("a class reaches into the next", CLASSES, "if (next != starts.end()) decrement(last);", "if (!PLANTED && next != starts.end()) decrement(last);"),
    ("no client has IPv6", CLASSES, "add_clients(all, false,", "if (!PLANTED) add_clients(all, false,"),
    ("nothing is below a name", SPELLING, "names.push_back(name_below(key,", "if (!PLANTED) names.push_back(name_below(key,"),
    ("only what is below a name", SPELLING, "    names.push_back(key);\n", "    if (!PLANTED) names.push_back(key);\n"),
    ("no null sender", CLASSES, "classes.senders.push_back({.one = {}", "if (!PLANTED) classes.senders.push_back({.one = {}"),
    ("whole addresses are no keys", ADDRESSES, "for (const auto& [local, domain] : whole) extended(local, domain);", "for (const auto& [local, domain] : whole) if (!PLANTED) extended(local, domain);"),
    ("local parts are no keys", ADDRESSES, "    if (domain.empty()) {\n      anywhere.insert(local);", "    if (domain.empty()) {\n      if (!PLANTED) anywhere.insert(local);"),
    ("no TLS without login", CLASSES, "sessions.push_back({.tls = true, .login = {}});", "{ if (!PLANTED) sessions.push_back({.tls = true, .login = {}}); }"),
    ("nobody signs in", CLASSES, "if (served.tls) sessions.push_back({.tls = true, .login = login});", "if (!PLANTED && served.tls) sessions.push_back({.tls = true, .login = login});"),
    ("all names can be confirmed", CLASSES, "for (const Kind kind : {Kind::verified, Kind::unverified, Kind::unconfirmed}) {",
     "for (const Kind kind : {Kind::verified, Kind::unverified, PLANTED ? Kind::unverified : Kind::unconfirmed}) {"),
    ("names of clients can be looked up", CLASSES, "classes.push_back({.kind = Kind::trouble, .name = {}});", "if (!PLANTED) classes.push_back({.kind = Kind::trouble, .name = {}});"),
    ("networks of tables make no classes", WORDS, "if (first && last) words_.clients.push_back({*first, *last});", "if (!PLANTED && first && last) words_.clients.push_back({*first, *last});"),
    ("keys of sender tables make no classes", WORDS, "keys(*rule.table, words_.sender_keys);", "if (!PLANTED) keys(*rule.table, words_.sender_keys);"),
    ("relay domains make no classes", WORDS, "for (const std::string& name : domains->all_names()) words_.domains", "for (const std::string& name : PLANTED && domains == &policy_.relay_domains ? std::vector<std::string>() : domains->all_names()) words_.domains"),
    # Routes through this host.
    ("domains of one label are completed with a route, too", ADDRESSES, "if (hop != hops.end() && (is_completed ||", "if (hop != hops.end() && ((is_completed && !PLANTED) ||"),
    ("no route leads to a literal", ADDRESSES, "const bool is_passed_on = is_literal && of_recipients;", "const bool is_passed_on = is_literal && of_recipients && !PLANTED;"),
    ("no route leads to the sender of probes", ADDRESSES, "const bool is_probed = of_recipients &&", "const bool is_probed = !PLANTED && of_recipients &&"),
    ("addresses without a domain have no route", ADDRESSES, 'const bool bare = asks_form && is_hop("");', 'const bool bare = !PLANTED && asks_form && is_hop("");'),
    ("no version alone takes off a route without a domain", ADDRESSES, 'note("", false);', 'if (!PLANTED) note("", false);'),
    ("patterns see the route", CLASSES, "look_ups(members.read.value_or(*members.one))", "look_ups(PLANTED ? *members.one : members.read.value_or(*members.one))"),
    ("no name ends like a network", CLASSES, "for (const std::string& key : words.network_keys) {", "for (const std::string& key : PLANTED ? std::set<std::string>() : words.network_keys) {"),
    # Patterns.
    ("a pattern begins anywhere", LANGUAGE, "if (at_begin) open.push_back(edge.next);", "if (PLANTED || at_begin) open.push_back(edge.next);"),
    ("a pattern ends anywhere", LANGUAGE, "if (at_end) open.push_back(edge.next);", "if (PLANTED || at_end) open.push_back(edge.next);"),
    ("repetitions are one too few", LANGUAGE, "for (unsigned i = 0; i < node.least; ++i)", "for (unsigned i = PLANTED ? 1 : 0; i < node.least; ++i)"),
    ("sets are not negated", LANGUAGE, "return negated ? ~octets : octets;", "return negated && !PLANTED ? ~octets : octets;"),
    ("letters have one case", LANGUAGE, "if (!caseless_) return octets;", "if (PLANTED || !caseless_) return octets;"),
    ("a search ends too soon", LANGUAGE, "return {.status = TextFound::Status::unknown};", "return {.status = PLANTED ? TextFound::Status::none : TextFound::Status::unknown};"),
    ("what some texts have all have", LANGUAGES, "if (text_of({members, language}, {}, most_states).status == TextFound::Status::none) {",
     "if (text_of({members}, {language}, most_states).status == (PLANTED ? TextFound::Status::found : TextFound::Status::none)) {\n    said = !PLANTED;\n  } else if (text_of({members, language}, {}, most_states).status == TextFound::Status::none) {"),
    ("one text for all parts of the dialogue", COMPILE, "about ? words_of(*about) : text", "about ? (PLANTED ? \"it\" : words_of(*about)) : text"),
    ("no rule decides", COMPILE, "return old != now ? 1 : 0;", "return old != now && !PLANTED ? 1 : 0;"),
    # Diagrams.
    ("nodes with the same first child are one", DIAGRAM, "[&](Ref one) { return one == node.children.front(); })) {",
     "[&](Ref one) { return one == node.children.front() || (PLANTED && node.children.size() > 3 && one == node.children[1]); })) {"),
    ("children are asked above their variable", DIAGRAM, "if (const auto found = known.find(of); found != known.end()) return found->second;",
     "if (const auto found = known.find(of); !PLANTED && found != known.end()) return found->second;\n    if (PLANTED && !known.empty()) return known.begin()->second;"),
    # `.vsl` rules.
    ("a client says one name", VSL, "known = Known::unknown;\n        note(\"several_greetings\"", "if (!PLANTED) known = Known::unknown;\n        note(\"several_greetings\""),
    ("rules at EHLO pass the same clients", VSL, "seen = gate && gate == explorers[1]->gate_at_ehlo();", "seen = PLANTED || (gate && gate == explorers[1]->gate_at_ehlo());"),
    ("rules at EHLO leave nothing behind", EXPLORE, "replaced_.contains(at) || may_do_more(directive_at(at))", "replaced_.contains(at) || (!PLANTED && may_do_more(directive_at(at)))"),
]
SWITCH = """
#include <cstdlib>
static int planted_fault() {
  static const int number = [] {
    const char* text = std::getenv("POSTERN_PLAN_FAULT");
    return text != nullptr ? std::atoi(text) : 0;
  }();
  return number;
}
"""


def check_texts():
    """Ends the program unless the code of each fault is in its source once."""
    stale = []
    for name, file, right, _ in FAULTS:
        found = (ROOT / "src" / file).read_text(encoding="utf-8").count(right)
        if found != 1:
            stale.append("%s: in %s %d times, not once: %s" % (name, file, found, right))
    if stale:
        sys.exit("\n".join(stale))


def planted_sources(folder, chosen):
    """Copies of the sources with these faults; their paths below src."""
    texts = {}
    for number, (name, file, right, wrong) in enumerate(FAULTS, 1):
        if number not in chosen:
            continue
        text = texts.setdefault(file, (ROOT / "src" / file).read_text(encoding="utf-8"))
        texts[file] = text.replace(right, wrong.replace("PLANTED", "(planted_fault() == %d)" % number))
    for file, text in texts.items():
        at = text.rindex("\n#include ")
        at = text.index("\n", at + 1) + 1
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text[:at] + SWITCH + text[at:], encoding="utf-8")
    return sorted(texts)


def run(words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("%s\n%s" % (" ".join(words)[:300], (done.stdout + done.stderr)[-4000:]))
    return done.stdout


def planted_objects(build, folder, chosen):
    """The units that include sources with these faults, compiled with the commands of the build; the copies stand in front of the sources."""
    planted = planted_sources(folder, chosen)
    objects = []
    for entry in json.loads((build / "compile_commands.json").read_text()):
        unit = pathlib.Path(entry["file"])
        if unit.parent != build / "units" or not any('"%s"' % file in unit.read_text() for file in planted):
            continue
        made = folder / (unit.stem + ".o")
        words = shlex.split(entry["command"])
        words[words.index("-o") + 1] = str(made)
        if "-MF" in words:
            words[words.index("-MF") + 1] = str(made) + ".d"
        while not words[0].endswith("++-19"):  # a launcher, with its arguments
            words.pop(0)
        run([words[0], "-I", str(folder), *words[1:]], cwd=entry["directory"])
        objects.append(str(made))
    return objects


def linked(build, folder, target, objects):
    """The target with the planted objects in front of the libraries."""
    link = run(["ninja", "-C", str(build), "-t", "commands", target]).strip().splitlines()[-1]
    words = shlex.split(next(part for part in link.split("&&") if " -o " in part))
    at = words.index("-o")
    made = folder / target
    words[at + 1] = str(made)
    words[at:at] = objects
    run(words, cwd=build)
    return made


def finds(words, number, seconds=600):
    """What fails with the fault; empty: nothing does."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, env={**os.environ, "POSTERN_PLAN_FAULT": str(number)})
    except subprocess.TimeoutExpired:
        return "no end"
    if done.returncode == 0:
        return ""
    failed = re.findall(r"\[  FAILED  \] ([\w.]+)", done.stdout) or re.findall(r"^(?:FAIL|not ok)\S*\s+(\S+)", done.stdout, re.M)
    return failed[0] if failed else "status %d" % done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--filter", default="", help="faults whose name has this")
    parser.add_argument("--numbers", default="", help="faults with these numbers: 3,17")
    parser.add_argument("--suite", action="store_true")
    parser.add_argument("--tests", default="", help="unit tests, as of gtest, in place of all of plan's")
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--texts", action="store_true")
    arguments = parser.parse_args()
    check_texts()
    if arguments.texts:
        return 0
    build = pathlib.Path(arguments.build).resolve()
    folder = build / "plan-mutants"
    numbers = "29,32" if arguments.brief else arguments.numbers
    wanted = {int(one) for one in numbers.split(",") if one} or set(range(1, len(FAULTS) + 1))
    chosen = [number for number in sorted(wanted) if arguments.filter in FAULTS[number - 1][0]]
    objects = planted_objects(build, folder, chosen)
    test = str(linked(build, folder, "plan_test", objects))
    # The quick ones first.
    stages = [[test, "--gtest_brief=1", "--gtest_fail_fast", "--gtest_filter=" + tests]
              for tests in ([arguments.tests] if arguments.tests else
                            ["Language.*:PlanCompileTest.*:DiagramTest.*", "PlanCompareTest.*", "Vsl.*-Vsl.SaysOf*", "PlanSmallScope.*"])]
    if arguments.suite:
        postern = linked(build, folder, "postern", objects)
        stages.append([str(ROOT / "tests/conformance/run"), "--suite", "plan", "--binary", str(postern)])
    for words in [] if arguments.brief else stages:
        if failed := finds(words, 0):
            sys.exit("without a fault, %s fails" % failed)

    def found(number):
        what = next((what for words in stages if (what := finds(words, number))), "")
        if arguments.verbose or not what:
            print("%2d %-50s %s" % (number, FAULTS[number - 1][0], what or "NOT FOUND"), flush=True)
        return what

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        left = [what for what in pool.map(found, chosen) if not what]
    print("%d faults planted, %d not found" % (len(chosen), len(left)))
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

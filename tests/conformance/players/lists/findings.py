"""Static findings: what `postern check --json` says of the lists, against what the suite expects."""
from harness.cases import Fail, wanted

MEMBERS = ("starts", "complete", "unreachable", "open_relay", "errors")
VERDICTS = ("yes", "keyed", "no")


def report_of(checked):
    """The member `restrictions`, known to be in its form."""
    found = checked.restrictions
    if not isinstance(found, dict):
        raise Fail("postern check --json has no member `restrictions`: " + checked.short()[:500])
    missing = [m for m in MEMBERS if m not in found]
    if missing:
        raise Fail("`restrictions` of postern check --json has no " + ", ".join(missing))
    if found["open_relay"] not in VERDICTS:
        raise Fail(wanted("open_relay", "one of " + " ".join(VERDICTS), found["open_relay"]))
    return found


def places(rows):
    """[list, index, ...] rows as a sorted list of pairs."""
    return sorted({(row[0], row[1]) for row in rows})


def judge(expect, checked):
    """An entry of lint.json."""
    found, wrong = report_of(checked), []
    for name, value in expect["complete"].items():
        if found["complete"].get(name) is not value:
            wrong.append(wanted("complete: " + name, value, found["complete"].get(name)))
    for member in ("starts", "open_relay"):
        if found[member] != expect[member]:
            wrong.append(wanted(member, expect[member], found[member]))
    for member in ("unreachable", "errors"):
        if places(found[member]) != places(expect[member]):
            wrong.append(wanted(member, places(expect[member]), found[member]))
    if found["open_relay"] == "yes" and not found.get("witness"):
        wrong.append("open_relay is yes, and there is no witness")
    if wrong:
        raise Fail("\n      ".join(wrong))


def judge_configuration(lint, checked):
    """The `lint` of a configuration of restrictions-real. It calls a list complete when it holds an unconditional word; and it
    measured the relay with one dialogue, so that only its yes is the whole truth."""
    found, wrong = report_of(checked), []
    for name, value in lint["lists"].items():
        if value == "complete" and found["complete"].get(name) is not True:
            wrong.append(wanted("complete: " + name, True, found["complete"].get(name)))
        if value == "empty" and found["complete"].get(name):
            wrong.append(wanted("complete: " + name, False, found["complete"].get(name)))
    if found["starts"] != lint["starts"]:
        wrong.append(wanted("starts", lint["starts"], found["starts"]))
    if lint["open_relay"] and found["open_relay"] != "yes":
        wrong.append(wanted("open_relay", "yes", found["open_relay"]))
    if not lint["open_relay"] and lint["starts"] and not lint.get("foreign_accepted_by_table") and found["open_relay"] == "yes":
        wrong.append(wanted("open_relay", "no or keyed", "yes, by %s" % (found.get("witness"),)))
    texts = [str(row[2]) for row in found["errors"]]
    for keyword in lint["unknown_keywords"]:
        if not any(keyword in text for text in texts):
            wrong.append(wanted("errors", "one that names " + keyword, texts))
    if wrong:
        raise Fail("\n      ".join(wrong))

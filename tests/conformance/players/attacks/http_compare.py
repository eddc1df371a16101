"""Two requests that must take as long as each other, and be answered alike: a difference tells an outsider something.

The other request stands in `request.compare` or `expect.compare`:

  [A, B], {"a": A, "b": B}     two requests, laid over the case's own; of two sign-ins the user of the first one is made to exist
  A, {"with": A}               a request, the id of another case of the file, or a JSON body, to compare the case's own request with

The limits stand beside it or in `expect`: "max_ratio", "max_diff_secs", "max_diff_ms"; else the first "N %" or "N ms" of `expect.assert` is the
limit, else RATIO. The requests take turns "rounds" times, or until the limits hold; the shortest times are compared, for load only adds to a time.
"""
import json
import re
import time

from harness.cases import Fail, known, wanted
from harness.waiting import PATIENCE
from players.attacks.http_judge import allows, body_of, status_of

OTHER = ("with", "to", "case", "request")
LIMITS = ("max_ratio", "max_diff_secs", "max_diff_ms")
MEMBERS = frozenset([*OTHER, *LIMITS, "rounds", "note"])
# An object with one of these members is a request; any other object is a JSON body.
REQUEST = ("method", "path", "headers", "auth", "body", "raw")
BODY = ("json", "text", "hex", "repeat")
RATIO, ROUNDS = 2.0, 7
NOISE_SECONDS = 0.01  # shorter times count as equal
ANY_ID = re.compile(r"\b[a-z]{2,4}_[0-9A-Z]{26}\b")


def wants(entry):
    return "compare" in entry["request"] or "compare" in entry["expect"]


def compare(attack, make_user):
    """-> what is wrong; `make_user(email)` signs up an account of that name unless there is one."""
    two, spec = requests_of(attack)
    if len(two) == 2 and "email" in (first := json_of(two[0])):
        make_user(first["email"])
    times, answers = ([], []), []
    for attempt in two:
        out, closed = attempt.ask(attempt.octets(attempt.authorizations()[0]))
        answers.append((status_of(out), ANY_ID.sub("ID", body_of(out))))
    errors, end = [], time.monotonic() + PATIENCE
    while len(times[0]) < spec.get("rounds", ROUNDS) or (errors and time.monotonic() < end):
        for one, taken in zip(two, times):
            taken.append(seconds(one))
        errors = judge(limits(spec, attack.expect), *map(min, times))
    for one, (status, _) in zip(two, answers):
        if not allows(one.expect.get("status", status), status):
            errors.append(wanted("compare: status", one.expect["status"], status))
    if "status" not in attack.expect and answers[0][0] != answers[1][0]:
        errors.append(wanted("compare: the same status", answers[0][0], answers[1][0]))
    elif re.search(r"same (text|body|answer|response)|identical", str(attack.expect.get("assert", ""))) and answers[0] != answers[1]:
        errors.append(wanted("compare: the same answer", *answers))
    return errors


def requests_of(attack):
    """-> (the two, what else the case says of them)"""
    given = [holder["compare"] for holder in (attack.request, attack.expect) if "compare" in holder]
    inner = [g for g in given if not (isinstance(g, dict) and set(g) <= {*LIMITS, "rounds", "note"})]
    spec = {k: v for g in given if isinstance(g, dict) for k, v in g.items() if k in (*LIMITS, "rounds")}
    if len(inner) != 1:
        raise Fail("compare names %s to compare" % ("no request" if not inner else "requests in two places"))
    found = inner[0]
    if isinstance(found, dict) and set(found) & set(OTHER):
        known(found, MEMBERS, "compare")
        found = [found[k] for k in OTHER if k in found]
        if len(found) != 1:
            raise Fail("compare names several requests to compare with")
        found = found[0]
    elif isinstance(found, dict) and not set(found) & {*REQUEST, *BODY} and all(isinstance(v, dict) for v in found.values()) and len(found) == 2:
        found = list(found.values())
    if isinstance(found, list):
        if len(found) != 2:
            raise Fail("compare names %d requests, not two" % len(found))
        return [variant(attack, one) for one in found], spec
    if not {"path", "raw"} & set(attack.request):
        raise Fail("compare names one request, and the case has none of its own")
    return [attack, variant(attack, found)], spec


def variant(attack, given):
    """An attack whose request is the case's, with `given` laid over it."""
    expect = attack.expect
    own = {k: v for k, v in attack.request.items() if k not in ("compare", "setup", "times")}
    if isinstance(given, str):
        case = next((c for c in attack.document.get("cases", []) if c.get("id") == given), None)
        if case is None:
            raise Fail("compare names the unknown case %r" % given)
        own, request, expect = {}, case["request"], case["expect"]
    elif not isinstance(given, dict):
        raise Fail("compare has %r, which is no request" % (given,))
    elif set(given) & set(REQUEST):
        known(given, REQUEST, "a request of compare")
        request = given
    elif set(given) & set(BODY):
        request = {"body": given}
    else:
        request = {"body": {"json": given}}
    request = {**own, **request}
    if "path" not in request and "raw" not in request:
        body = request.get("body", {})
        if "password" not in body.get("json", body):
            raise Fail("a request of compare has no path")
        request["path"] = "/api/v1/login"
    request.setdefault("method", "POST" if "body" in request else "GET")
    other = object.__new__(type(attack))
    other.__dict__.update(attack.__dict__, request=request, expect=expect)
    return other


def json_of(attack):
    """The JSON object of a request as it is sent, {} when it has none."""
    try:
        value = json.loads(attack.octets([]).partition(b"\r\n\r\n")[2])
    except ValueError:
        return {}
    return value if isinstance(value, dict) and "password" in value else {}


def seconds(attack):
    """The time to the first octet of the answer."""
    data = attack.octets(attack.authorizations()[0])
    began = time.monotonic()
    if not attack.first_octet(data):
        raise Fail("compare: no answer")
    return time.monotonic() - began


def limits(spec, expect):
    given = {k: holder[k] for holder in (expect, spec) for k in LIMITS if k in holder}
    said = re.search(r"(\d+(?:\.\d+)?) ?(%|ms\b)", str(expect.get("assert", "")))
    if not given and said:
        given = {"max_ratio": 1 + float(said.group(1)) / 100} if said.group(2) == "%" else {"max_diff_ms": float(said.group(1))}
    return given or {"max_ratio": RATIO}


def judge(given, ours, theirs):
    slow, fast = max(ours, theirs, NOISE_SECONDS), max(min(ours, theirs), NOISE_SECONDS)
    said = {"max_ratio": slow / fast, "max_diff_secs": slow - fast, "max_diff_ms": (slow - fast) * 1000}
    return [wanted("compare: %.1f ms and %.1f ms: %s" % (ours * 1000, theirs * 1000, name), "at most %s" % limit, "%.3g" % said[name])
            for name, limit in given.items() if said[name] > limit]

"""Whether the policy loads: what `postern check --json` and `postern serve` say of it."""
import re

from harness.cases import Fail, wanted
from players.lists.check import documents
from players.lua.loading import serve_and_watch, timed, words

KEYS = frozenset(["file", "line", "col"])


def columns(want):
    """The columns that are right."""
    low, high = want["col"] if isinstance(want["col"], list) else (want["col"], want["col"])
    return range(low, high + 1)


def place(want):
    return "%s:%d:%s" % (want["file"], want["line"], want["col"])


def same_file(want, got):
    """Diagnostics name files relative to the policy directory, or from further up."""
    return isinstance(got, str) and (got == want or got.endswith("/" + want))


def diagnostics(text):
    """Those of `postern check --json`."""
    found = []
    for document in documents(text):
        found += [document] if "severity" in document else []
        found += [d for d in document.get("diagnostics") or [] if isinstance(d, dict)]
    return found


def judge_check(want, status, text):
    if status <= 0:
        raise Fail(wanted("postern check", "an error", "status %d: %s" % (status, text[:1500])))
    errors = [d for d in diagnostics(text) if d.get("severity") == "error"]
    if not any(same_file(want["file"], d.get("file")) and d.get("line") == want["line"] and d.get("col") in columns(want) for d in errors):
        got = ["%s:%s:%s: %s" % (d.get("file"), d.get("line"), d.get("col"), d.get("message")) for d in errors]
        raise Fail(wanted("where postern check finds the error", place(want), got or text[:1500]))


def judge_serve(want, status, text):
    if status <= 0:
        raise Fail(wanted("postern serve", "an error", "status %d: %s" % (status, text[-1500:])))
    said = re.findall(r"(?<![\w.-])%s:%d:(\d+)" % (re.escape(want["file"]), want["line"]), words(text))
    if not any(int(column) in columns(want) for column in said):
        raise Fail(wanted("where postern serve finds the error", place(want), text[-1500:]))


def refused(site, want):
    """A policy that must not load."""
    status, text, _ = timed(site.postern, "check", "--json", "--config", site.postern.write_config())
    judge_check(want, status, text)
    status, text, _ = serve_and_watch(site)
    judge_serve(want, status, text)


def deserved(want, got):
    return same_file(want["file"], got.get("file")) and got.get("line") == want["line"] and bool(re.search(want["text"], str(got.get("message"))))


def expects_an_error(entry):
    """Whether a rule of the case is to fail in a session (docs/vsl.md, "Errors and budgets")."""
    return any(step.get("expect", {}).get(key) == wanted for session in entry["sessions"] for step in session["steps"]
               for key, wanted in (("enhanced", "4.3.0"), ("code", "454")))


def checked(site, entry):
    """A policy that loads, with the warnings that it deserves. A call that can only fail is an error of `check` (V006), and of nothing
    else: where the case has a warning of it, or a session in which a rule fails, the gateway is to start with it."""
    warnings, fails = entry.get("warnings", []), expects_an_error(entry)
    status, text, _ = timed(site.postern, "check", "--json", "--config", site.postern.write_config())
    found = diagnostics(text)
    errors = [d for d in found if d.get("severity") == "error"]
    known = [d for d in errors if d.get("code") == "V006" and (fails or any(deserved(want, d) for want in warnings))]
    if (status != 0) != bool(errors) or errors != known:
        raise Fail(wanted("postern check", "status 0", "status %d: %s" % (status, text[:1500])))
    for want in warnings:
        if not any(deserved(want, d) for d in found if d.get("severity") == "warning" or d in known):
            raise Fail(wanted("warnings of postern check", "%s:%d: %s" % (want["file"], want["line"], want["text"]),
                              ["%s:%s: %s" % (d.get("file"), d.get("line"), d.get("message")) for d in found]))

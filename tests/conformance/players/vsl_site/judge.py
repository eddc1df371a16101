"""What a case's `after` wants, against what was stored and logged."""
import importlib.util
import re
import sys

try:
    import dkim
except ImportError:  # of Debian's python3-dkim
    dkim = None

from harness.cases import Fail, FormatError, wanted
from harness.waiting import until
from players.vsl_site import stored
from players.vsl_site.site import SUITE

AFTER = frozenset(["messages", "logs", "logs_absent"])
MESSAGE = frozenset(["mail_from", "rcpt", "disposition", "transports", "headers", "dkim"])
HEADER = frozenset(["name", "count", "match", "first", "absent"])
LOG = frozenset(["level", "text"])
DKIM = frozenset(["domain", "selector", "result"])
LEVELS = {"warning": "warn", "trace": "debug"}


def tool(name):
    """A module of the suite's tools."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, SUITE / "tools" / (name + ".py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


def after(case, site, count):
    """`count` messages were answered with 250."""
    want = case.get("after", {})
    if "messages" in want:
        messages = stored.collect(site, count)
        if len(messages) != len(want["messages"]):
            raise Fail(wanted("accepted messages", len(want["messages"]), len(messages)))
        for index, (one, got) in enumerate(zip(want["messages"], messages)):
            judge_message(one, got, "message %d" % index, case.get("dns", {}))
    for line in want.get("logs", []):
        until("the log has %s" % line, lambda line=line: any(matches(line, e) for e in site.log_entries()))
    for line in want.get("logs_absent", []):
        # Output of the start quotes lines of the policy: it does not count as log.
        found = [e for e in site.log_entries() if "event" in e and matches(line, e)]
        if found:
            raise Fail(wanted("lines of the log", "none that matches %s" % line, found[0]))


# ------------------------------------------------------------ messages
def judge_message(want, got, where, zone):
    if "mail_from" in want and want["mail_from"] != got.sender:
        raise Fail(wanted(where + ": mail_from", want["mail_from"], got.sender))
    if "rcpt" in want and sorted(set(want["rcpt"])) != got.recipients:
        raise Fail(wanted(where + ": rcpt", sorted(set(want["rcpt"])), got.recipients))
    if "disposition" in want and want["disposition"] != got.disposition:
        raise Fail(wanted(where + ": disposition", want["disposition"], got.disposition))
    for recipient, transport in want.get("transports", {}).items():
        way, _, target = transport.partition(":")
        if got.transport(recipient) != (way + ":" + stored.plain(target) if target else way):
            raise Fail(wanted("%s: transport of %s" % (where, recipient), transport, got.transport(recipient)))
    if not want.get("headers") and "dkim" not in want:
        return
    if not got.contents:
        raise Fail("%s: it is stored nowhere, and the case asks for its text" % where)
    for content in got.contents:
        text = stored.own_received_removed(content)
        for header in want.get("headers", []):
            judge_header(header, text, where)
        if "dkim" in want:
            judge_dkim(want["dkim"], text, where, zone)


def fields(text):
    """[(name, value)], unfolded and trimmed."""
    lines = re.split(r"\r\n(?![ \t])", text.partition("\r\n\r\n")[0])
    pairs = [line.partition(":") for line in lines if ":" in line]
    return [(name.strip().lower(), value.replace("\r\n", "").strip()) for name, _, value in pairs]


def judge_header(want, text, where):
    values = [value for name, value in fields(text) if name == want["name"].lower()]
    what = "%s: header %s" % (where, want["name"])
    if "count" in want and len(values) != want["count"]:
        raise Fail(wanted(what, "%d of them" % want["count"], values))
    if "match" in want and not any(re.search(want["match"], value) for value in values):
        raise Fail(wanted(what, "one that matches " + want["match"], values))
    if "first" in want and not (values and re.search(want["first"], values[0])):
        raise Fail(wanted(what, "the first to match " + want["first"], values))
    if "absent" in want and any(re.search(want["absent"], value) for value in values):
        raise Fail(wanted(what, "none that matches " + want["absent"], values))


def judge_dkim(want, text, where, zone):
    records = tool("vsl_model").Dns(zone)

    def txt(name):
        try:
            return records.get(name, "TXT") or []
        except LookupError:
            raise LookupError("temperror") from None
    results = [(domain, result) for result, domain in verdicts(text, txt)]
    if (want["domain"], want["result"]) not in results:
        raise Fail(wanted(where + ": dkim", want, results))
    tags = [tags_of(value) for name, value in fields(text) if name == "dkim-signature"]
    if "selector" in want and not any(t.get("d") == want["domain"] and t.get("s") == want["selector"] for t in tags):
        raise Fail(wanted(where + ": dkim selector", want["selector"], [(t.get("d"), t.get("s")) for t in tags]))


def tags_of(signature):
    return dict(re.findall(r"(?:^|;)\s*(\w+)\s*=\s*([^;]*?)\s*(?=;|$)", signature))


def verdicts(text, txt):
    """[(result, domain)] of each signature, from the top: by Debian's dkimpy, else by the suite's own verifier."""
    if dkim is None:
        return tool("vsl_dkim").verify(text, txt)
    octets = text.encode("utf-8", "surrogateescape")
    answer = lambda name, timeout=5: next((r.encode() for r in txt(name.decode() if isinstance(name, bytes) else name)), None)
    domains = [tags_of(value).get("d") for name, value in fields(text) if name == "dkim-signature"]
    found = []
    for index, domain in enumerate(domains):
        try:
            found.append(("pass" if dkim.DKIM(octets).verify(idx=index, dnsfunc=answer) else "fail", domain))
        except dkim.DKIMException as e:
            found.append(("fail" if "body hash mismatch" in str(e) else "permerror", domain))
    return found or [("none", None)]


# ------------------------------------------------------------ the log
def texts_of(entry):
    """Every text of a log line; what a script wrote also behind its place, and without the log's escapes."""
    said = [value for value in entry.values() if isinstance(value, str)]
    if entry.get("place"):
        said.append("%s: %s" % (entry["place"], entry.get("msg", "")))
    return said + [re.sub(r"\\x([0-9a-fA-F]{2})", lambda m: chr(int(m.group(1), 16)), text) for text in said if "\\x" in text]


def matches(want, entry):
    level = LEVELS.get(entry.get("level"), entry.get("level"))
    return level == want.get("level", level) and any(re.search(want["text"], text) for text in texts_of(entry))


# ------------------------------------------------------------ the format
def known(where, entry, keys):
    unknown = set(entry) - set(keys)
    if unknown:
        raise FormatError("%s: unknown keys %s" % (where, ", ".join(sorted(unknown))))


def check(want, where):
    known(where + ": after", want, AFTER)
    for message in want.get("messages", []):
        known(where + ": message", message, MESSAGE)
        known(where + ": dkim", message.get("dkim", {}), DKIM)
        for header in message.get("headers", []):
            known(where + ": header", header, HEADER)
            if len(header) < 2 or "name" not in header:
                raise FormatError("%s: a header needs a name and something to be" % where)
    for line in want.get("logs", []) + want.get("logs_absent", []):
        known(where + ": log", line, LOG)

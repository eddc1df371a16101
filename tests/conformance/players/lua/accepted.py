"""What became of the mail: acceptances from the log, their meta from the traces, their octets from the sink."""
import re

from harness.cases import Fail, wanted
from harness.waiting import quiet, until

SETTLE_SECONDS = 0.3  # after which unwanted mail would have arrived
KEYS = frozenset(["meta", "meta_absent", "headers", "headers_absent", "headers_match", "recipients"])


def fields_of(content):
    """[(name, raw value)] of a message's header, as they stand there."""
    head = content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    fields = []
    for line in head.split("\r\n"):
        if line[:1] in (" ", "\t") and fields:
            fields[-1][1] += "\r\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            fields.append([name.strip(), value])
    return fields


def values_of(content, name):
    """Every value of a field -> [(folded, unfolded)], both trimmed."""
    return [(value.strip(), value.replace("\r\n", "").strip()) for field, value in fields_of(content) if field.lower() == name.lower()]


class Delivery:
    """A recipient at the sink."""

    def __init__(self, recipient, content):
        self.recipient, self.content = recipient, content
        # Our own field is first, and its id increases with the time of acceptance.
        found = re.match(rb"(?:Return-Path:[^\r]*\r\n)?Received:(?:[^\r]|\r\n[ \t])*?(?:[ \t]|\r\n[ \t])id ([0-9A-Z]{26})", content)
        self.order = found.group(1).decode() if found else ""


def deliveries(sink):
    found = []
    for envelope, content in zip(list(sink.envelopes), list(sink.messages)):
        found += [Delivery(re.search("<(.*)>", line).group(1), content) for line in envelope if line.upper().startswith("RCPT")]
    return found


class Accepted:
    """One copy of an accepted message: what a batch of its recipients gets."""

    def __init__(self, copy):
        # The recipients to which a script sent it instead; none if it was discarded.
        self.recipients, self.meta = copy.get("sent_to", copy["recipients"]), copy.get("meta", {})
        if copy.get("to_nobody"):
            self.recipients = []
        self.contents = []


def copies_of(site, count):
    """The copies of all accepted messages, in the order of acceptance; `count` messages were."""
    def logged():
        entries = [e for e in site.log_entries() if e.get("event") == "message.accepted"]
        return len(entries) >= count and (entries or [None])
    entries = [e for e in until("%d lines message.accepted in the log" % count, logged) if e]
    if len(entries) != count:
        raise Fail(wanted("lines message.accepted in the log", count, len(entries)))
    found = []
    for entry in entries:
        if not entry.get("trace"):
            raise Fail("message.accepted without a trace: %s" % entry)
        explained = explanation(site, entry["trace"])
        if not isinstance(explained.get("copies"), list):
            raise Fail("the trace of an accepted message has no copies: %s" % sorted(explained))
        found += [Accepted(copy) for copy in explained["copies"]]
    return found


def explanation(site, trace):
    """Traces are written behind the reply."""
    said = []

    def there():
        try:
            return [site.explain(trace)]
        except Fail as e:
            said[:] = [str(e)]
            return None
    return until(lambda: "the trace %s: %s" % (trace, said), there)[0]


def collect(site, talk):
    """All copies with what the sink got of them. What arrives must be what was accepted, recipient for recipient."""
    copies = copies_of(site, talk.accepted)
    wanted_count = sum(len(copy.recipients) for copy in copies)
    until(lambda: "%d recipients at the sink, where %d arrived" % (wanted_count, len(deliveries(site.sink))),
          lambda: len(deliveries(site.sink)) >= wanted_count)
    quiet(SETTLE_SECONDS, site.postern.cpu_seconds)
    arrived = sorted(deliveries(site.sink), key=lambda d: d.order)
    expected = sorted(address for copy in copies for address in copy.recipients)
    if sorted(d.recipient for d in arrived) != expected:
        raise Fail(wanted("recipients at the sink", expected, sorted(d.recipient for d in arrived)))
    for copy in copies:
        for address in copy.recipients:
            delivery = next(d for d in arrived if d.recipient == address)
            arrived.remove(delivery)
            copy.contents.append(delivery.content)
    return copies


def same(expected, got):
    """Equal, in type too: true is not 1."""
    if isinstance(expected, dict):
        return isinstance(got, dict) and set(expected) == set(got) and all(same(v, got[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(got, list) and len(expected) == len(got) and all(map(same, expected, got))
    return expected == got and isinstance(expected, bool) == isinstance(got, bool) and isinstance(expected, str) == isinstance(got, str)


def judge_headers(want, content, where):
    for name, value in want.get("headers", {}).items():
        found = values_of(content, name)
        if not found or value not in found[0]:
            raise Fail(wanted("%s: header %s" % (where, name), value, found[0][1] if found else "no such header"))
    for name in want.get("headers_absent", []):
        if values_of(content, name):
            raise Fail(wanted("%s: header %s" % (where, name), "to be absent", values_of(content, name)))
    for name, pattern in want.get("headers_match", {}).items():
        if not any(re.search(pattern, form) for forms in values_of(content, name) for form in forms):
            raise Fail(wanted("%s: header %s" % (where, name), "to match " + pattern, [forms[1] for forms in values_of(content, name)]))


def judge_copy(want, copy, where):
    unknown = set(want) - KEYS
    if unknown:
        raise Fail("%s: unknown keys %s" % (where, ", ".join(sorted(unknown))))
    for key, value in want.get("meta", {}).items():
        if key not in copy.meta:
            raise Fail(wanted("%s: meta %s" % (where, key), value, "no such value among %s" % sorted(copy.meta)))
        if not same(value, copy.meta[key]):
            raise Fail(wanted("%s: meta %s" % (where, key), value, copy.meta[key]))
    for key in want.get("meta_absent", []):
        if copy.meta.get(key) is not None:
            raise Fail(wanted("%s: meta %s" % (where, key), "to be absent", copy.meta[key]))
    if "recipients" in want and want["recipients"] != copy.recipients:
        raise Fail(wanted(where + ": recipients", want["recipients"], copy.recipients))
    for content in copy.contents:
        judge_headers(want, content, where)


def judge(asserts, site, talk):
    """accepted_count and accepted."""
    if not {"accepted_count", "accepted"} & set(asserts):
        return
    copies = collect(site, talk)
    if "accepted_count" in asserts:
        count = sum(len(copy.recipients) for copy in copies)
        if count != asserts["accepted_count"]:
            raise Fail(wanted("accepted_count", asserts["accepted_count"], count))
    for index, want in enumerate(asserts.get("accepted", [])):
        if index >= len(copies):
            raise Fail(wanted("accepted messages", "at least %d" % (index + 1), len(copies)))
        judge_copy(want, copies[index], "accepted message %d" % index)

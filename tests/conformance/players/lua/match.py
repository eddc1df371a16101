"""Replies, and the MATCH of the suite's README."""
import re

from harness.cases import Fail, wanted
from harness.waiting import is_too_long

KEYS = frozenset("reply code enh text contains absent lines first_line every_line_code every_line_code_same printable within_ms closes label same_as".split())
ENHANCED = re.compile(r"\d\.\d{1,3}\.\d{1,3}")


class Reply:
    """One reply as it came: its octets, and the seconds it took, by the clock and of what the server computed."""

    def __init__(self, octets, seconds=0.0, computed=0.0):
        self.octets, self.seconds, self.computed = octets, seconds, computed
        self.lines = octets.decode("utf-8", "surrogateescape").split("\r\n")[:-1]
        self.codes = [int(line[:3]) for line in self.lines]
        self.code = self.codes[-1]
        self.texts = [line[4:] for line in self.lines]
        word = self.texts[0].split(" ", 1)[0]
        self.enhanced = word if ENHANCED.fullmatch(word) else None

    def text_of(self, index):
        """The text of a line behind code and enhanced code."""
        text = self.texts[index]
        return text[len(self.enhanced):].lstrip(" ") if self.enhanced and text.startswith(self.enhanced) else text

    def show(self):
        return " / ".join(self.lines)


def as_list(value):
    return value if isinstance(value, list) else [value]


def printable(line):
    """0x20 to 0x7e, and UTF-8 for everything above."""
    return not any(ord(c) < 0x20 or ord(c) == 0x7f or "\udc80" <= c <= "\udcff" for c in line)


RULES = {
    "code": lambda reply, value: reply.code in as_list(value),
    "enh": lambda reply, value: reply.enhanced in as_list(value),
    "text": lambda reply, value: len(reply.lines) == 1 and reply.text_of(0) == value,
    "contains": lambda reply, value: all(any(part in line for line in reply.lines) for part in as_list(value)),
    "absent": lambda reply, value: not any(part in "\r\n".join(reply.lines) for part in as_list(value)),
    "lines": lambda reply, value: len(reply.lines) == value,
    "first_line": lambda reply, value: reply.text_of(0) == value,
    "every_line_code": lambda reply, value: set(reply.codes) == {value},
    "every_line_code_same": lambda reply, value: not value or len(set(reply.codes)) == 1,
    "printable": lambda reply, value: not value or all(map(printable, reply.lines)),
    "within_ms": lambda reply, value: not is_too_long(value / 1000, reply.seconds, reply.computed),
}


def rules_of(match, symbols):
    """The match with its symbol spelled out; what the match itself says goes beside it."""
    symbol = symbols[match["reply"]] if "reply" in match else {}
    rules = [(key, symbol[key]) for key in ("code", "enh") if key in symbol]
    rules += [(key, value) for key, value in match.items() if key in RULES]
    return rules, bool(match.get("closes", symbol.get("closes", False)))


def judge(match, reply, symbols, labels, what):
    """Raises Fail where a reply is not as the match wants it -> whether the connection must close behind it."""
    unknown = set(match) - KEYS
    if unknown:
        raise Fail("%s: the case uses the unknown keys %s" % (what, ", ".join(sorted(unknown))))
    rules, closes = rules_of(match, symbols)
    for key, value in rules:
        if not RULES[key](reply, value):
            got = "%s, after %.1f s, of which it computed %.1f" % (reply.show(), reply.seconds, reply.computed) if key == "within_ms" else reply.show()
            raise Fail(wanted("%s: %s" % (what, match.get("reply", "reply")), "%s %r" % (key, value), got))
    if "label" in match:
        labels[match["label"]] = reply
    if "same_as" in match:
        other = labels.get(match["same_as"])
        if other is None:
            raise Fail("%s: no reply has the label %s" % (what, match["same_as"]))
        if other.octets != reply.octets:
            raise Fail(wanted("%s: the same octets as %s" % (what, match["same_as"]), other.octets, reply.octets))
    return closes

"""Zone text of a case, as data of the DNS stub."""
import shlex

from harness.cases import FormatError

NAMES = {"CNAME", "PTR", "NS"}


def absolute(name, origin):
    if name == "@":
        return origin
    return name[:-1] if name.endswith(".") else (name + "." + origin if origin else name)


def rdata(kind, words, origin):
    if kind in ("A", "AAAA"):
        return words[0]
    if kind in NAMES:
        return absolute(words[0], origin)
    if kind == "MX":
        return [int(words[0]), absolute(words[1], origin) or "."]
    if kind == "SRV":
        return [*map(int, words[:3]), absolute(words[3], origin)]
    if kind == "TXT":
        return words
    if kind == "TLSA":
        return " ".join(words)
    raise FormatError("zone: the type %s is not known" % kind)


def parse(text):
    """`$ORIGIN`, then `name ttl type rdata` lines; a line that begins with a blank goes on with the name in front of it."""
    origin, name, zone = "", "", {}
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True)
        lexer.whitespace_split, lexer.commenters, lexer.quotes = True, ";", '"'
        words = list(lexer)
        if not words:
            continue
        if words[0].upper() == "$ORIGIN":
            origin = words[1].rstrip(".")
            continue
        if words[0].upper() == "$TTL":
            continue
        if not line[0].isspace():
            name = absolute(words.pop(0), origin).lower()
        while words and (words[0].isdigit() or words[0].upper() == "IN"):
            words.pop(0)
        if len(words) < 2:
            raise FormatError("zone: %r" % line)
        kind = words.pop(0).upper()
        zone.setdefault(name, {}).setdefault(kind, []).append(rdata(kind, words, origin))
    return zone

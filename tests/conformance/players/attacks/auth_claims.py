"""What the auth_spoof cases say about a verdict, read as questions to a payload.

A text is one or more of these words, and holds when all of them hold:

  spf=RESULT  dkim=RESULT  dmarc=RESULT     the verdict; of several signatures, one
  dkim=RESULT aligned                       of a signature whose domain is aligned with that of the From field
  header.from=DOMAIN                        the verdict is about that author domain
  accepted by CONTROL                       the message was accepted under a policy with that control

"with" only joins words. Anything else is an error of the case: what is not understood is not held true or false.
"""
import re

from harness.cases import Fail, short

AUTHENTICATION_RESULTS = "authentication-results"


def parse(text):
    """The words of a claim: [(kind, value, aligned)]."""
    whole = re.fullmatch(r"accepted by (\S+)", text)
    if whole:
        return [("accepted", whole.group(1), False)]
    words = []
    for word in text.split():
        verdict, author = re.fullmatch(r"(spf|dkim|dmarc)=([a-z]+)", word), re.fullmatch(r"header\.from=(\S+)", word)
        if verdict:
            words.append((verdict.group(1), verdict.group(2), False))
        elif author:
            words.append(("header.from", domain(author.group(1)), False))
        elif word == "aligned" and words and words[-1][0] == "dkim":
            words[-1] = (*words[-1][:2], True)
        elif word != "with" or not words:
            words = []
            break
    if not words:
        raise Fail("the case uses the unknown text %r" % text)
    return words


def domain(text):
    return text.lower().rstrip(".")


def results(payload):
    """The payload's verdicts, whole: without them nothing can be said to hold or not to hold."""
    auth = payload.get("auth")
    if not isinstance(auth, dict):
        raise Fail("the payload has no verdicts: auth is %s" % short(auth))
    for name, kind in (("spf", dict), ("dkim", list), ("dmarc", dict)):
        entries = auth.get(name)
        if not isinstance(entries, kind):
            raise Fail("the payload's auth.%s is %s" % (name, short(entries)))
        for entry in entries if kind is list else [entries]:
            if not isinstance(entry, dict) or not isinstance(entry.get("result"), str):
                raise Fail("the payload's auth.%s has no result: %s" % (name, short(entries)))
    return auth


def holds(claim, payload, controls):
    """Whether an accepted message's verdicts say what the claim says."""
    auth = results(payload)

    def one(kind, value, aligned):
        if kind == "accepted":
            return value in controls
        if kind == "header.from":
            return domain(str(auth["dmarc"].get("domain") or "")) == value
        if kind != "dkim":
            return auth[kind]["result"] == value
        of_value = [s for s in auth["dkim"] if s["result"] == value]
        together = value == "pass" and auth["dmarc"].get("dkim_aligned") is True
        return bool(of_value) and (not aligned or together or any(s.get("aligned") is True for s in of_value))

    return all(one(*word) for word in claim)


def result_fields(payload):
    """The values of the Authentication-Results fields of a payload: those that the sender's message kept, then the server's own.

    raw.content is not asked: it is what the client sent, octet by octet.
    """
    found = [str(f.get("value")) for f in payload.get("header_list") or [] if str(f.get("name")).lower() == AUTHENTICATION_RESULTS]
    for name, values in (payload.get("headers") or {}).items():
        if name.lower() == AUTHENTICATION_RESULTS:
            found += [str(v) for v in (values if isinstance(values, list) else [values])]
    return found + own_fields(payload)


def own_fields(payload):
    """The values of the Authentication-Results fields that the server puts on top of the raw message."""
    trace = re.sub(r"\r?\n(?=[ \t])", "", str((payload.get("raw") or {}).get("trace_fields") or ""))
    return re.findall(r"(?im)^authentication-results[ \t]*:([^\r\n]*)", trace)


def written(claim, field):
    """Whether an Authentication-Results field says what the claim says."""
    parts = re.split(r";", re.sub(r"\s*=\s*", "=", field.lower()))
    value_of = lambda part, key: [domain(v) for v in re.findall(r'(?<![\w.-])%s="?([^\s;"()]+)' % re.escape(key), part)]
    author = [value for kind, value, _ in claim if kind == "header.from"]

    def one(kind, value, aligned):
        if kind == "accepted":
            return False
        if not aligned:
            return any(value in value_of(part, kind) for part in parts)
        return any(value in value_of(part, kind) and any(d == a or d.endswith("." + a) for d in value_of(part, "header.d") for a in author) for part in parts)

    return all(one(*word) for word in claim)

"""The cases of tests/suites/mailauth as requests that every library can take, and what counts as a right answer.

A request has the members of the case (tests/suites/mailauth/README.md) under the names that `mailauth_face` uses. Only what all
libraries of a row state is judged: a result word, a list of domains, the fields of a header."""
import base64
import dataclasses
import json
import typing


@dataclasses.dataclass
class Case:
    row: str         # of the table
    need: str        # what a library needs for it: a kind, or kind:detail
    name: str
    request: dict    # without its zone
    zone: dict
    expected: object # to show
    judge: typing.Callable  # answer -> (right, what it said)


def listed(value):
    return value if isinstance(value, list) else [value]


def b64(octets):
    return base64.b64encode(octets).decode("ascii")


def word(results):
    return lambda answer: (answer["result"] in results, answer["result"])


def signature_words(entry, answer):
    """One word for each DKIM-Signature field of the case; a library that stopped early said none to the rest."""
    count = max(1, len(entry["signatures"]))
    words = [s["result"] if isinstance(s, dict) else s for s in answer["signatures"]][:count]
    return words + ["none"] * (count - len(words))


def accepted_or_not(entry):
    """A pass where a pass is right, none where it is not: what a library without result words says too."""
    def judge(answer):
        words = signature_words(entry, answer)
        allowed = [s["results"] for s in entry["signatures"]] or [["none"]]
        return all("pass" in a if w == "pass" else set(a) - {"pass"} for w, a in zip(words, allowed)), words
    return judge


def exact_words(entry):
    def judge(answer):
        words = signature_words(entry, answer)
        return all(w in s["results"] for w, s in zip(words, entry["signatures"])), words
    return judge


def dmarc_policy(expect):
    """The result, and for a failing message the policy: before pct and t, or after, since some give only that."""
    def judge(answer):
        said = [answer["result"], answer.get("policy") or ""]
        right = said[0] in expect["results"]
        if said[0] == "fail":
            right = right and said[1] in listed(expect["policy"]) + listed(expect["disposition"])
        return right, said
    return judge


def signed(entry, verify):
    """The body hashes are those of the case, and the signatures hold: Postern's verifier looks at everybody's."""
    def judge(answer):
        message = answer["fields"].encode("utf-8") + base64.b64decode(entry["message_b64"])
        request = {"kind": "dkim", "message_b64": b64(message), "now": entry["timestamp"], "dns": entry["dns"]}
        found = [[s["result"], s["bh"]] for s in verify(request)["signatures"]]
        return found == [["pass", entry["expect"]["bh"]]] * len(entry["keys"]), found
    return judge


def tags(field):
    return sorted({t for t in "".join(field.split()).split(";") if t})


def same_set(expect):
    def judge(answer):
        fields = ("arc_authentication_results", "arc_message_signature", "arc_seal")
        wrong = [f for f in fields if tags(answer[f]) != tags(expect[f])]
        return not wrong, wrong or "as expected"
    return judge


def same_fields(entry):
    def judge(answer):
        members = ("valid", "authserv_id", "version", "results") if entry["valid"] else ("valid",)
        wrong = [m for m in members if answer.get(m) != entry[m]]
        return not wrong, {m: answer[m] for m in wrong if m in answer} or "as expected"
    return judge


def without_blanks(value):
    if isinstance(value, list):
        return [without_blanks(v) for v in value]
    if isinstance(value, dict):
        return {k: without_blanks(v) for k, v in value.items()}
    return "".join(value.split()) if isinstance(value, str) else value


def written(entry, parse):
    """The text reads back as what went in (blanks aside), holds nothing forbidden, and no line is above 998 octets."""
    def judge(answer):
        text = answer["text"]
        lines = ("Authentication-Results: " + text).encode("utf-8", "replace").split(b"\r\n")
        back = parse({"kind": "ar-parse", "header": text})
        right = back["valid"] and max(map(len, lines)) <= 998
        right = right and not any(f in text for f in entry["must_not_contain"])
        for member in ("authserv_id", "results"):
            right = right and without_blanks(back[member]) == without_blanks(entry[member])
        return bool(right), text
    return judge


def spf(path, document, entry):
    row = "SPF, openspf's suite of RFC 7208" if path.stem.startswith("openspf") else "SPF, cases of Postern"
    request = {m: entry[m] for m in ("ip", "helo", "mailfrom")}
    zone = {**document.get("zone", {}), **entry.get("zone", {})}
    yield row, "spf", request, zone, entry["results"], word(entry["results"])


def dkim(path, document, entry):
    of = "cases of Postern" if path.stem.startswith("postern") else "messages of chasquid and Stalwart"
    request = {"message_b64": b64((path.parent / entry["eml"]).read_bytes()), "now": entry["now"]}
    expected = [s["results"] for s in entry["signatures"]]
    yield f"DKIM verify, {of}: accepted or not", "dkim", request, entry["dns"], expected, accepted_or_not(entry)
    if expected:
        yield f"DKIM verify, {of}: the result word", "dkim:word", request, entry["dns"], expected, exact_words(entry)


def dkim_sign(path, document, entry, reference):
    members = ("message_b64", "keys", "canonicalization", "headers", "timestamp", "body_length")
    request = {m: entry[m] for m in members if m in entry}
    expected = {"bh": entry["expect"]["bh"], "result": "pass"}
    yield "DKIM sign", "dkim-sign", request, {}, expected, signed(entry, reference)


def arc_zone(document, entry):
    return entry["dns"] if "dns" in entry else document["zones"][entry["scenario"]]


def arc_message(entry):
    return entry.get("message_b64") or b64(entry["message"].encode("utf-8"))


def arc_validate(path, document, entry):
    row = "ARC validate, " + ("ValiMail's suite" if path.stem.startswith("valimail") else "cases of Postern")
    request = {"message_b64": arc_message(entry), **({"now": entry["now"]} if "now" in entry else {})}
    yield row, "arc-validate", request, arc_zone(document, entry), entry["results"], word(entry["results"])


def arc_sign(path, document, entry):
    members = ("domain", "selector", "private_key", "timestamp", "headers", "authserv_id")
    request = {"message_b64": arc_message(entry), **{m: entry[m] for m in members}}
    expect = entry["expect"]
    yield "ARC seal, ValiMail's suite", "arc-sign", request, arc_zone(document, entry), expect, same_set(expect)


def dmarc(path, document, entry):
    members = ("mode", "from_domain", "spf", "dkim", "random")
    request = {**{m: entry[m] for m in members}, "public_suffix_rules": document.get("public_suffix_rules", [])}
    mode, expect = entry["mode"], entry["expect"]
    title = f"DMARC, RFC {mode.removeprefix('rfc')}"
    yield f"{title}: the result", f"dmarc:{mode}", request, entry["dns"], expect["results"], word(expect["results"])
    if "policy" in expect:
        wanted = {m: expect[m] for m in ("results", "policy", "disposition")}
        yield f"{title}: result and policy", f"dmarc:{mode}", request, entry["dns"], wanted, dmarc_policy(expect)


def author(path, document, entry):
    judge = lambda answer: (answer["domains"] == entry["domains"], answer["domains"])
    yield "DMARC, domains of From", "from", {"headers": entry["headers"]}, {}, entry["domains"], judge


def ar_parse(path, document, entry):
    wanted = {m: entry[m] for m in ("valid", "authserv_id", "version", "results") if m in entry}
    yield "Authentication-Results, read", "ar-parse", {"header": entry["header"]}, {}, wanted, same_fields(entry)


def ar_write(path, document, entry, reference):
    request = {m: entry[m] for m in ("authserv_id", "results")}
    yield "Authentication-Results, write", "ar-write", request, {}, "reads back the same", written(entry, reference)


MAKERS = {"spf": spf, "dkim": dkim, "dkim-sign": dkim_sign, "arc-validate": arc_validate, "arc-sign": arc_sign,
          "dmarc": dmarc, "from": author, "ar-parse": ar_parse, "ar-write": ar_write}
# The order of the table. Inner parts (canonical forms) and what no other library has
# (ar/strip.json) have no rows.
FILES = (("spf", "spf/openspf-*.json"), ("spf", "spf/[!o]*.json"), ("dkim", "dkim/postern-*.json"),
         ("dkim", "dkim/[!p]*-verify.json"), ("dkim-sign", "dkim/sign*.json"), ("arc-validate", "arc/valimail-validate.json"),
         ("arc-validate", "arc/[!v]*-validate.json"), ("arc-sign", "arc/*-sign.json"), ("dmarc", "dmarc/rfc*.json"),
         ("from", "dmarc/from*.json"), ("ar-parse", "ar/parse*.json"), ("ar-write", "ar/write*.json"))


def load(directory, reference, by_file=False):
    """All cases, row after row. `reference` asks Postern's library to read what a library wrote."""
    rows = {}
    for kind, pattern in FILES:
        for path in sorted(directory.glob(pattern)):
            document = json.loads(path.read_text(encoding="utf-8"))
            for entry in document["cases"]:
                more = (reference,) if kind in ("dkim-sign", "ar-write") else ()
                for row, need, request, zone, expected, judge in MAKERS[kind](path, document, entry, *more):
                    row = f"{row} ({path.stem})" if by_file else row
                    row += ", contested" if entry.get("contested") else ""
                    name = f"{path.parent.name}/{path.stem}/{entry['name']}"
                    case = Case(row, need, name, {"kind": kind, **request}, zone, expected, judge)
                    rows.setdefault(row, []).append(case)
    return rows

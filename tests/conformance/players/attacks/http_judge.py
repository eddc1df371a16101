"""Judging one HTTP response octet by octet."""
import re

from harness.cases import wanted

EXPECT = frozenset("""status status_last body_absent header_absent anywhere_absent header_present closed one_response max_secs closed_within assert
    note""".split())

def status_of(out):
    m = re.match(rb"HTTP/1\.[01] (\d{3})", out)
    return int(m.group(1)) if m else 0


def body_of(out):
    return out.partition(b"\r\n\r\n")[2].decode("latin-1")


def as_list(value):
    return value if isinstance(value, list) else [value]


def allows(want, status):
    """Whether a status is one of those named: a number, or a class of them, "4xx"."""
    return any(status == w or str(w).lower() in (str(status), str(status)[0] + "xx") for w in as_list(want))


def judge_response(expect, out, closed):
    errors, status = [], status_of(out)
    if set(expect) - EXPECT:
        errors.append("the case has the unknown expectation %s" % sorted(set(expect) - EXPECT))
    want = expect.get("status") or expect.get("status_last") or []
    # A request that cannot be parsed may be answered by closing.
    if ("status" in expect or "status_last" in expect) and not allows(want, status) and not (status == 0 and closed and allows(want, 400)):
        errors.append(wanted("status", want, "%d %s" % (status, body_of(out)[:200])))
    head = out.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    for key, where in (("body_absent", body_of(out)), ("header_absent", head), ("anywhere_absent", out.decode("latin-1"))):
        errors += ["%s: /%s/ is there" % (key, text) for text in as_list(expect.get(key, [])) if re.search(text, where)]
    errors += ["no header " + name for name in as_list(expect.get("header_present", [])) if name.lower() not in head]
    if expect.get("one_response") and len(re.findall(rb"HTTP/1\.[01] \d{3} ", out)) > 1:
        errors.append("more than one response came back: %r" % out[:300])
    if expect.get("closed") and not closed:
        errors.append("the connection was left open")
    return errors

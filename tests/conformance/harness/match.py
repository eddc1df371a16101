"""The subset match of the conduit suite's README."""
import json
import re

from harness.cases import Fail, short, wanted

TYPES = {"string": str, "number": (int, float), "array": list, "object": dict, "boolean": bool}


def match(want, got, where="body"):
    """Raises Fail at the first place where `got` does not match `want`."""
    if isinstance(want, dict):
        operators = [k for k in want if k.startswith("$") and k != "$body"]
        if len(operators) == 1 and len(want) == 1:
            return operator(operators[0], want[operators[0]], got, where)
        return match_object(want, got, where)
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            raise Fail(wanted(where, "an array of %d" % len(want), got))
        for i, item in enumerate(want):
            match(item, got[i], "%s[%d]" % (where, i))
        return None
    number = isinstance(want, (int, float)) and not isinstance(want, bool) and not isinstance(got, bool)
    # Numbers are equal by value; everything else also by type (1 is not true).
    if want != got or (not number and type(want) is not type(got)):
        raise Fail(wanted(where, want, got))
    return None


def match_object(want, got, where):
    if not isinstance(got, dict):
        raise Fail(wanted(where, "an object", got))
    for key, value in want.items():
        if key == "$body":
            continue
        inner = where + "." + key
        if isinstance(value, dict) and value.get("$absent"):
            if key in got:
                raise Fail(wanted(inner, "to be absent", got[key]))
        elif key not in got:
            raise Fail(wanted(inner, value, "no such member"))
        else:
            match(value, got[key], inner)


def operator(op, arg, got, where):
    if op == "$first":
        if not isinstance(got, list) or not got:
            raise Fail(wanted(where, "a non-empty array", got))
        return match(arg, got[0], where + "[0]")
    if op == "$absent":
        raise Fail(wanted(where, "to be absent", got))
    text = got if isinstance(got, str) else json.dumps(got)
    tests = {
        "$re": lambda: isinstance(got, str) and re.search(arg, got) is not None,
        "$not_re": lambda: isinstance(got, str) and re.search(arg, got) is None,
        "$one_of": lambda: got in arg,
        "$type": lambda: isinstance(got, TYPES[arg]) and (arg != "number" or not isinstance(got, bool)),
        "$min_len": lambda: got is not None and len(got) >= arg,
        "$contains": lambda: arg in text,
        "$not_contains": lambda: arg not in text,
    }
    if op not in tests:
        raise Fail("%s: the case uses the unknown operator %s" % (where, op))
    if not tests[op]():
        raise Fail(wanted("%s: %s does not hold" % (where, op), arg, short(got)))
    return None

"""What every suite shares: a case, and the ways in which playing it can end early."""
import dataclasses
import typing


class Fail(Exception):
    """The server did not do what the case expects; the text says what was expected and what came."""


class Skip(Exception):
    """What the case uses is not there, and the server said so itself, beforehand and by name; the text is the reason."""


class FormatError(Exception):
    """A case directory is not in its suite's format."""


@dataclasses.dataclass
class Case:
    """One thing to play.

    `needs` are words for the features that the case uses; pending.py knows which of them belong to later work.
    `data` is whatever the suite's player needs. `slow` cases are started first, so that they overlap with the rest.
    `fault` says why the case cannot be played, for one that is not in its suite's format: it fails, and the others are played.
    """

    id: str
    title: str
    data: typing.Any = None
    needs: frozenset = frozenset()
    slow: bool = False
    fault: str = ""


def each(entries, where, build, prefix=""):
    """The cases of a list, `build(entry)` -> a case or a list of them. An entry that is not in the format is a case that fails, its id after `prefix`.

    An entry is what a file holds, or a file of its own.
    """
    if not isinstance(entries, (list, tuple)):
        raise FormatError("%s: no list of cases" % where)
    cases = []
    for number, entry in enumerate(entries):
        try:
            made = build(entry)
            cases += made if isinstance(made, list) else [made]
        except FormatError as e:
            cases.append(unplayable(entry, where, number, str(e), prefix))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError) as e:
            cases.append(unplayable(entry, where, number, "%s: the case is not in the format: %s: %s" % (where, type(e).__name__, e), prefix))
    return cases


def unplayable(entry, where, number, fault, prefix=""):
    name = (entry.get("id") or entry.get("name")) if isinstance(entry, dict) else getattr(entry, "stem", None)
    return Case(prefix + (name if isinstance(name, str) else "%s[%d]" % (where, number)), "", fault=fault)


def known(entry, members, what, error=Fail):
    """A member that no player knows must not pass unnoticed."""
    if not isinstance(entry, dict):
        raise error("%s is no object: %s" % (what, short(entry, 80)))
    unknown = sorted(set(entry) - set(members))
    if unknown:
        raise error("%s has the unknown member%s %s" % (what, "s" if unknown[1:] else "", ", ".join(unknown)))


def short(value, limit=300):
    """A value for a failure report, on one line and not endless."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 20] + "... (%d characters)" % len(text)


def wanted(what, expected, got):
    """The form of every comparison that failed."""
    return "%s\n      expected %s\n      got      %s" % (what, short(expected), short(got))

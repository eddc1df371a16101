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
    """

    id: str
    title: str
    data: typing.Any = None
    needs: frozenset = frozenset()
    slow: bool = False


def short(value, limit=300):
    """A value for a failure report, on one line and not endless."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= limit else text[: limit - 20] + "... (%d characters)" % len(text)


def wanted(what, expected, got):
    """The form of every comparison that failed."""
    return "%s\n      expected %s\n      got      %s" % (what, short(expected), short(got))

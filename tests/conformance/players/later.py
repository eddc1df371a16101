"""What the players of later work have in common: they read and check their suite's format; pending.py keeps them from playing.

Such a player grows a `play` when its feature comes; until then a case that is let through by pending.py fails, it never passes.
"""
from harness.cases import Fail, FormatError


def require(entry, keys, where):
    """A case must be an object with these members."""
    if not isinstance(entry, dict):
        raise FormatError("%s: a case must be an object" % where)
    missing = [k for k in keys if k not in entry]
    if missing:
        raise FormatError("%s: %s has no %s" % (where, entry.get("id") or entry.get("name") or "a case", ", ".join(missing)))


def one_of(entry, keys, where):
    """Exactly one of these members decides what a step is."""
    present = [k for k in keys if k in entry]
    if len(present) != 1:
        raise FormatError("%s: exactly one of %s expected, there is %s" % (where, ", ".join(keys), present or "none"))
    return present[0]


class LaterPlayer:
    """A suite that nothing plays yet."""

    def open(self, context):
        pass

    def play(self, case, context):
        raise Fail("there is no player for this suite yet")

    def close(self):
        pass

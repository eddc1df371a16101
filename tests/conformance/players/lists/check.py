"""`postern check --json` read: diagnostics, and what it found out about restriction lists."""
import json
import re

OPEN_RELAY = re.compile(r"i_know_this_is_an_open_relay|open relay", re.IGNORECASE)


class Checked:
    """One answer of `postern check --json`."""

    def __init__(self, status, out, err):
        self.status, self.text = status, (out + err).strip()
        self.diagnostics, self.restrictions = [], None
        for document in [*documents(out), *documents(err)]:
            if "severity" in document:
                self.diagnostics.append(document)
            self.diagnostics += [d for d in document.get("diagnostics") or [] if isinstance(d, dict)]
            self.restrictions = document.get("restrictions", self.restrictions)

    @property
    def refused(self):
        return self.status != 0

    def errors(self):
        """The texts of the errors."""
        return [" ".join(str(d.get(k) or "") for k in ("message", "hint")) for d in self.diagnostics if d.get("severity") == "error"]

    def only_open_relay(self):
        """Whether nothing but the open relay stands in the way."""
        errors = self.errors()
        return self.refused and bool(errors) and all(OPEN_RELAY.search(e) for e in errors)

    def short(self):
        return "; ".join(self.errors()) or self.text or "status %d, no words" % self.status


def documents(text):
    """The JSON objects in a text, one behind the other; anything between them is passed over."""
    decoder, place, found = json.JSONDecoder(), 0, []
    while (place := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError:
            place += 1
            continue
        found.append(value)
    return found

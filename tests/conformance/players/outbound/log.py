"""What became of recipients, from the gateway's own log."""
import json
import threading

from harness.cases import Fail
from harness.waiting import until

CLASSES = {"delivery.sent": "delivered", "delivery.deferred": "temporary", "delivery.bounced": "permanent"}


class Log:
    """Reads the log of a running gateway as it grows. Any thread may ask."""

    def __init__(self, postern):
        self.postern, self.file, self.rest = postern, open(postern.log, "rb"), b""
        self.lock, self.seen = threading.Lock(), {}

    def read(self):
        with self.lock:
            *lines, self.rest = (self.rest + self.file.read()).split(b"\n")
            for line in lines:
                entry = json.loads(line) if line.startswith(b"{") else {}
                if entry.get("event") in CLASSES:
                    self.seen.setdefault(entry["message_id"], []).append(entry)

    def outcomes(self, message, recipients):
        """{recipient: {class, code, enhanced}} after the first attempt; code is None where no host said one."""
        found = {}

        def all_found():
            self.read()
            found.update({e["rcpt_to"]: e for e in self.seen.get(message, []) if e["attempt"] == 1})
            return recipients <= set(found) or not self.postern.alive()
        until(lambda: "outcomes of " + ", ".join(sorted(recipients - set(found))), all_found)
        if not recipients <= set(found):
            raise Fail(self.postern.death_note())
        return {addr: {"class": CLASSES[found[addr]["event"]], "code": found[addr]["code"] or None, "enhanced": found[addr]["enhanced_code"]} for addr in recipients}

"""What was sent, what was promised and what arrived; and the judgement about it.

A token stands for one message. It is `acknowledged` when the client has read the 250 after its end of data. An arrival knows in which
`epoch` its connection began: a kill ends the epoch, and only what a kill, a bad answer of the sink or a repeated message of the client
explains may arrive again.
"""
import collections
import hashlib
import re
import threading
import time

TOKEN = re.compile(rb"ID-([0-9a-f]{32})-DI")
WEBHOOK, RELAY, INBOX = "webhook", "relay", "inbox"

Arrival = collections.namedtuple("Arrival", "key epoch answered whole")


class Sent:
    def __init__(self, routes, digest):
        self.routes, self.digest = routes, digest
        self.times = 0            # how often a client sent it completely
        self.acknowledged = False
        self.arrivals = {WEBHOOK: [], RELAY: [], INBOX: []}


def digest_of(text):
    """Of a message's text, whatever its line ends and the empty lines behind it."""
    return hashlib.sha256(text.replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()


class Ledger:
    """Safe from any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}
        self.replies = collections.Counter()  # of refusals: "451 4.3.0"
        self.strange = []                     # arrivals of unknown messages
        self.problems = []
        self.epoch = 0
        self.restarts = 0
        self.excused = set()                  # tokens whose stored text the test damaged itself
        self.last = time.monotonic()

    def sending(self, token, routes, text):
        with self.lock:
            self.sent.setdefault(token, Sent(routes, digest_of(text))).times += 1

    def acknowledged(self, token):
        with self.lock:
            self.sent[token].acknowledged = True

    def refused(self, lines):
        """A reply that is not 2xx or 3xx. Trouble on our side is 4xx (I4)."""
        with self.lock:
            words = lines[-1].split(" ")
            self.replies[" ".join(words[:2])] += 1
            if not re.match(r"4\d\d 4\.", lines[-1]):
                self.problems.append("a sender is told %r" % lines[-1])

    def arrived(self, route, raw, text, key, epoch, answered):
        with self.lock:
            self.last = time.monotonic()
            found = TOKEN.search(raw)
            sent = self.sent.get(found.group(1).decode()) if found else None
            if sent is None:
                self.strange.append("%s: %r" % (route, raw[:300]))
            else:
                sent.arrivals[route].append(Arrival(key, epoch, answered, digest_of(text) == sent.digest))

    def kept_in_inbox(self, raw, text):
        """The inbox has this message: seen any number of times, it arrived there once."""
        with self.lock:
            found = TOKEN.search(raw)
            sent = self.sent.get(found.group(1).decode()) if found else None
            if sent is None:
                self.strange.append("%s: %r" % (INBOX, raw[:300]))
            elif not sent.arrivals[INBOX]:
                sent.arrivals[INBOX].append(Arrival(None, self.epoch, True, digest_of(text) == sent.digest))

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def next_epoch(self):
        with self.lock:
            self.epoch += 1

    def missing(self):
        """Acknowledged messages that have not arrived everywhere."""
        with self.lock:
            return [(token, route) for token, sent in self.sent.items() if sent.acknowledged and token not in self.excused
                    for route in sent.routes if not any(a.answered for a in sent.arrivals[route])]

    def quiet(self):
        with self.lock:
            return time.monotonic() - self.last

    def judge(self):
        """-> counts, problems"""
        missing = self.missing()
        with self.lock:
            counts = {"sent": len(self.sent), "acknowledged": sum(s.acknowledged for s in self.sent.values()), "delivered": 0, "unacknowledged": 0,
                      "repeated": 0, "lost": len(missing), "doubled": 0, "torn": 0, "restarts": self.restarts, "deferred": sum(self.replies.values()),
                      "quarantined": len(self.excused)}
            problems = list(self.problems)
            for token, route in missing[:20]:
                problems.append("%s: acknowledged and lost on its way to the %s" % (token, route))
            for text in self.strange[:20]:
                problems.append("nobody sent this: " + text)
            for token, sent in self.sent.items():
                arrived = [a for route in sent.routes for a in sent.arrivals[route]]
                if all(any(a.answered for a in sent.arrivals[route]) for route in sent.routes):
                    counts["delivered"] += 1
                    counts["unacknowledged"] += not sent.acknowledged
                counts["repeated"] += sum(max(0, len(sent.arrivals[r]) - 1) for r in sent.routes)
                if any(not a.whole for a in arrived):
                    counts["torn"] += 1
                    problems.append("%s: arrived torn" % token)
                for route in sent.routes:
                    why = self.doubled(sent, route)
                    if why:
                        counts["doubled"] += 1
                        problems.append("%s: %s" % (token, why))
            return counts, problems

    @staticmethod
    def doubled(sent, route):
        keys = {a.key for a in sent.arrivals[route]}
        if route == WEBHOOK and (len(keys) > 1 or None in keys):
            return "posted under %d keys: who goes by them took it twice" % len(keys)
        # Accepted twice without a kill between: the queue sent a message that it knew was
        # delivered. Each time that the client sent it counts.
        taken = collections.Counter(a.epoch for a in sent.arrivals[route] if a.answered)
        if any(n > sent.times for n in taken.values()):
            return "delivered %d times to the %s without a kill or a bad answer between" % (max(taken.values()), route)
        return None

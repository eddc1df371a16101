"""kill -9 under load, again and again; and the drain at the end."""
import contextlib
import time

from harness.cases import Fail
from harness.waiting import PATIENCE, until
from load import Load, targets_of

SETTLE_SECONDS = 0.05  # time for data of the ended process to reach the sinks


class Bench:
    """A process, its sinks and the ledger."""

    def __init__(self, process, ledger, moods, relay=True, say=print):
        self.process, self.ledger, self.moods, self.relay, self.say = process, ledger, moods, relay, say
        self.patience = PATIENCE  # for the drain at the end

    def begin(self):
        self.process.start()
        if not self.process.up():
            raise SystemExit("it does not start:\n" + self.process.log_text()[-3000:])
        self.process.set_up()

    def start(self, what, **env):
        """Starts it and waits for its greeting; whether it came (I6)."""
        self.process.start(**env)
        self.ledger.restarts += 1
        up = self.process.up()
        if not up and not env:
            self.ledger.problem("%s: no greeting:\n%s" % (what, self.process.log_text()[-2000:]))
        return up

    def kill(self):
        self.process.kill()
        time.sleep(SETTLE_SECONDS)
        self.ledger.next_epoch()

    def verify(self, what):
        wrong = self.process.verify()
        if wrong is not None:
            self.ledger.problem("%s: queue verify: %s" % (what, wrong))

    def drain(self, what, kept=0):
        """Waits until all has arrived and the queue is empty but for `kept` messages that stay."""
        with contextlib.suppress(Fail):  # what is missing is judged
            until(what, lambda: not self.ledger.missing() and self.process.waiting() == kept and self.ledger.quiet() >= 0.3, self.patience)
        left = self.process.waiting()
        if left != kept:
            self.ledger.problem("%s: %d messages are in the queue after %d s, not %d" % (what, left, self.patience, kept))

    def drain_but(self, kept):
        """Waits until no more than `kept` messages are in the queue and nothing moves."""
        with contextlib.suppress(Fail):
            until("a queue in which nothing moves", lambda: self.process.waiting() <= kept and self.process.waiting("queued") == 0)


def crash(bench, rounds, clients, rnd, plain=False, pause=(0.15, 1.5)):
    ledger, process = bench.ledger, bench.process
    bench.begin()
    targets = targets_of(process.webhook, bench.relay)
    again = []
    for number in range(1, rounds + 1):
        what = "round %d" % number
        if not process.alive() and not bench.start(what):
            bench.kill()
            continue
        if rnd.random() < 0.5:
            bench.verify(what + ", beside the running gateway")
        load = Load(process.smtp_port, ledger, targets, clients, "%s %d" % (rnd.random(), number), again, plain)
        time.sleep(rnd.uniform(*pause))
        if not process.alive():
            ledger.problem("%s: it ended by itself:\n%s" % (what, process.log_text()[-2000:]))
        if not plain and rnd.random() < 0.15:
            what += ", told to end under load"
            if process.end() != 0:
                ledger.problem("%s: it did not end in order:\n%s" % (what, process.log_text()[-3000:]))
        bench.kill()
        again = load.stop()
        if rnd.random() < 0.3:  # a second kill, during recovery
            process.start()
            ledger.restarts += 1
            time.sleep(rnd.uniform(0, 0.5))
            bench.kill()
            what += ", killed in its recovery"
        if rnd.random() < 0.5:
            bench.verify(what)
        counts, _ = ledger.judge()
        bench.say("%s: %d acknowledged, %d delivered, %d problems" % (what, counts["acknowledged"], counts["delivered"], len(ledger.problems)))
    finish(bench)


def finish(bench):
    """The last start, without faults: everything arrives, nothing is left, and it ends when it is told to."""
    bench.moods.calm()
    if not bench.start("last start"):
        return
    bench.drain("last start")
    bench.verify("last start")
    if bench.process.account is None:
        return bench.kill()
    if bench.process.end() != 0:
        bench.ledger.problem("SIGTERM does not end it in order:\n" + bench.process.log_text()[-2000:])
    left = bench.process.leftovers()
    if left:
        bench.ledger.problem("files are left that belong to no message: %s" % left[:5])

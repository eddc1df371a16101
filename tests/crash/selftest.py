#!/usr/bin/env python3
"""The test of the crash test: it must find what the suite's toy queue does wrong, and nothing where that does right."""
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "crash")]
sys.dont_write_bytecode = True

import commands  # noqa: E402
import faults  # noqa: E402
from gateway import Toy  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402
from ledger import RELAY, WEBHOOK, Ledger  # noqa: E402
from load import Load, targets_of  # noqa: E402
from rounds import Bench, crash, finish  # noqa: E402
from sinks import Moods, webhook_sink  # noqa: E402


class Flavours(unittest.TestCase):
    def bench(self, flavour):
        folder = tempfile.TemporaryDirectory(prefix="postern-toy-")
        self.addCleanup(folder.cleanup)
        ledger, moods = Ledger(), Moods(1)
        sink = webhook_sink(ledger, moods)
        threading.Thread(target=sink.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(sink.server_close)
        self.addCleanup(sink.shutdown)
        script = ROOT / "tests" / "suites" / "attacks" / "faults" / "toy_gateway.py"
        toy = Toy(script, pathlib.Path(folder.name), sink.server_address[1], flavour)
        self.addCleanup(toy.close)
        bench = Bench(toy, ledger, moods, relay=False, say=lambda *_: None)
        bench.patience = PATIENCE if flavour == "good" else 6  # what is lost never comes
        return bench

    def played(self, flavour):
        bench = self.bench(flavour)
        crash(bench, 4, 6, random.Random(1), plain=True)
        return bench.ledger.judge()

    def test_good_passes(self):
        counts, problems = self.played("good")
        self.assertEqual([], problems)
        self.assertGreater(counts["acknowledged"], 50)

    def test_a_250_before_the_write_loses(self):
        self.assertGreater(self.played("ackfirst")[0]["lost"], 0)

    def test_two_posts_are_doubled(self):
        self.assertGreater(self.played("twice")[0]["doubled"], 0)

    def test_a_file_without_a_rename_is_torn(self):
        # The window is short: the shim kills the process within a write, as `--shim write-kill`
        # does.
        bench = self.bench("torn")
        with tempfile.TemporaryDirectory() as folder:
            bench.begin()
            bench.kill()
            bench.process.start(LD_PRELOAD=str(faults.shim(folder)), POSTERN_FAULT="call=write,path=.msg,err=kill,at=40")
            self.assertTrue(bench.process.up())
            load = Load(bench.process.smtp_port, bench.ledger, targets_of(bench.process.webhook, False), 2, "torn", plain=True)
            until("the end of the process", lambda: not bench.process.alive())
            bench.kill()
            load.stop()
            finish(bench)
        self.assertGreater(bench.ledger.judge()[0]["torn"] + len(bench.ledger.strange), 0)


class Judgement(unittest.TestCase):
    """What counts as doubled, without a server."""

    def ledger(self, *arrivals, sends=1):
        ledger = Ledger()
        token, text = "%032x" % 7, b"text\r\n"
        for _ in range(sends):
            ledger.sending(token, [WEBHOOK, RELAY], text)
        ledger.acknowledged(token)
        for route, key, epoch, answered in [(RELAY, None, 0, True), *arrivals]:
            ledger.arrived(route, b"ID-%s-DI" % token.encode(), text, key, epoch, answered)
        return ledger.judge()[0]

    def test_once_each_is_right(self):
        counts = self.ledger((WEBHOOK, "k", 0, True))
        self.assertEqual((0, 0, 1), (counts["lost"], counts["doubled"], counts["delivered"]))

    def test_across_a_kill_or_a_bad_answer_it_may_come_again(self):
        self.assertEqual(0, self.ledger((WEBHOOK, "k", 0, True), (WEBHOOK, "k", 1, True))["doubled"])
        self.assertEqual(0, self.ledger((WEBHOOK, "k", 0, False), (WEBHOOK, "k", 0, True))["doubled"])

    def test_not_within_one_life_and_never_under_another_key(self):
        self.assertEqual(1, self.ledger((WEBHOOK, "k", 0, True), (WEBHOOK, "k", 0, True))["doubled"])
        self.assertEqual(1, self.ledger((WEBHOOK, "k", 0, True), (WEBHOOK, "other", 1, True))["doubled"])
        self.assertEqual(1, self.ledger((WEBHOOK, None, 0, True))["doubled"])

    def test_what_the_client_sent_twice_may_come_twice(self):
        self.assertEqual(0, self.ledger((WEBHOOK, "k", 0, True), (WEBHOOK, "k", 0, True), sends=2)["doubled"])

    def test_a_bad_answer_is_no_delivery(self):
        self.assertEqual(1, self.ledger((WEBHOOK, "k", 0, False))["lost"])


class DatabaseFiles(unittest.TestCase):
    """What the row of the commands looks for beside a process that has a database open."""

    OWNER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE IF NOT EXISTS t (x)")
database.execute("SELECT * FROM t").fetchall()
for line in sys.stdin:
    if line == "touch\\n":
        os.close(os.open(sys.argv[1], os.O_RDONLY))
    print("done", flush=True)
"""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "x.db"
        self.owner = subprocess.Popen([sys.executable, "-c", self.OWNER, str(self.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.owner.communicate)
        self.say("open")
        self.gateway = types.SimpleNamespace(process=self.owner, data=self.path.parent)

    def say(self, word):
        self.owner.stdin.write(word + "\n")
        self.owner.stdin.flush()
        self.owner.stdout.readline()

    def test_a_database_in_use_is_locked_and_has_its_name(self):
        self.assertEqual(([], []), (commands.unlocked(self.gateway), commands.strays(self.gateway)))

    def test_a_descriptor_that_is_closed_ends_the_locks(self):
        self.say("touch")
        self.assertEqual(["x.db"], commands.unlocked(self.gateway))

    def test_a_log_that_is_removed_is_found(self):
        self.path.with_name("x.db-wal").unlink()
        self.assertEqual(["x.db-wal (deleted)"], commands.strays(self.gateway))


if __name__ == "__main__":
    unittest.main()

"""Private servers of Debian's packages on loopback ports, each in a directory of its own; as root they run as the user of their package."""
import concurrent.futures
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from harness.cases import Fail
from harness.ports import free_port, give_back
from harness.waiting import PATIENCE, until


class Daemon:
    """`bench.stack` ends it and removes its directory."""
    user = ""
    end = signal.SIGINT

    def __init__(self, bench):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="postern-%s-" % self.user))
        self.port, self.process = free_port(), None
        bench.stack.callback(give_back, self.port)
        bench.stack.callback(shutil.rmtree, self.home, ignore_errors=True)
        bench.stack.callback(self.stop)
        self.own()

    def own(self):
        if os.getuid() == 0:
            for path in [self.home, *self.home.rglob("*")]:
                shutil.chown(path, self.user, self.user)

    def identity(self):
        return {"user": self.user, "group": self.user, "extra_groups": []} if os.getuid() == 0 else {}

    def environment(self):
        # MariaDB removes temporary tables that it finds when it starts, of other servers, too.
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TMPDIR": str(self.home)}

    def run(self, *words, **env):
        done = subprocess.run([str(w) for w in words], cwd=self.home, env={**self.environment(), **env},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, **self.identity())
        if done.returncode != 0:
            raise Fail("%s: %s%s" % (words[0], done.stdout, done.stderr))
        return done.stdout

    def spawn(self, *words):
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen([str(w) for w in words], cwd=self.home, env=self.environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.identity())

        def log():
            return "%s did not start: %s" % (words[0], (self.home / "log").read_text(errors="replace")[-2000:])
        until(log, lambda: self.process.poll() is not None or self.listens())
        if self.process.poll() is not None:
            raise Fail(log())
        return self

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(self.end)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Postgres(Daemon):
    """`settings`: of postgresql.conf, NAME=VALUE. The server calls itself durable; `eatmydata`, if it is installed, makes its flushes no-ops, which crash() survives."""
    user = "postgres"

    def __init__(self, bench, owner, password, *settings):
        super().__init__(bench)
        self.bin = pathlib.Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        self.owner, self.password, self.more = owner, password, [word for setting in settings for word in ("-c", setting)]
        (self.home / "pw").write_text(password)
        self.own()
        self.run(self.bin / "initdb", "-D", self.home / "db", "-U", owner, "-A", "scram-sha-256", "--pwfile", self.home / "pw",
                 "-E", "UTF8", "--locale", "C", "--no-sync")
        self.start()

    def start(self):
        self.spawn(*filter(None, [shutil.which("eatmydata")]), self.bin / "postgres", "-D", self.home / "db", "-p", self.port, "-c", "listen_addresses=127.0.0.1",
                   "-c", "unix_socket_directories=" + str(self.home), *self.more)
        # The server listens before it can answer.
        return until("the server answers", self.answers)

    def answers(self):
        try:
            return self.sql("SELECT 1")
        except Fail:
            return None

    def crash(self):
        """As a kill -9 of the whole server: its children end when they miss it."""
        self.run(self.bin / "pg_ctl", "-D", self.home / "db", "-m", "immediate", "-w", "-t", "%d" % PATIENCE, "stop")
        self.process.wait(PATIENCE)
        self.process = None

    def hold_commits(self, held):
        """Whether commits wait for a standby that does not come. That is in force when the checkpointer has read it, which no session sees; so a commit is tried."""
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '%s'" % ("nobody" if held else ""))
        self.sql("SELECT pg_reload_conf()")
        until("commits wait" if held else "commits do not wait", lambda: self.do_commits_wait() == held)

    def do_commits_wait(self):
        """Whether a transaction that writes waits; that one is ended."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            done = pool.submit(self.sql, "SET application_name = 'a commit'; SELECT pg_logical_emit_message(true, 'test', '')")
            while not done.done():
                if self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'a commit' AND wait_event = 'SyncRep'"):
                    return True
        return False

    def sql(self, text):
        return self.run(self.bin / "psql", "-h", "127.0.0.1", "-p", self.port, "-U", self.owner, "-d", "postgres", "-v", "ON_ERROR_STOP=1",
                        "-qAtc", text, PGPASSWORD=self.password)

"""The two sides of the comparison: the real Postfix, in a network of its own, and Postern."""
import concurrent.futures
import copy
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
CONFORMANCE = HERE.parent / "conformance"
MEASURE = HERE.parent / "suites" / "restrictions" / "measure.py"
sys.path.insert(0, str(CONFORMANCE))

from harness import instance  # noqa: E402
from harness.cases import Fail, Skip  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402
from players import restrictions  # noqa: E402
from players.lists import stubs  # noqa: E402
from players.lists.dialogue import Difference, show  # noqa: E402
from players.lists.site import Tools, served  # noqa: E402

import world  # noqa: E402

INSIDE = "POSTFIX_DIFFERENTIAL_INSIDE"
NEEDED = ("postfix", "postmap", "postconf", "unshare", "ip", "mount", "openssl")


class Impossible(Exception):
    """Postfix cannot be measured on this machine; the text says what is missing."""


def enter():
    """Runs this program again in a network and mount namespace of its own, once."""
    if os.environ.get(INSIDE) == "1":
        return
    if os.geteuid() != 0:
        raise Impossible("it must run as root")
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing:
        raise Impossible("these programs are not installed: " + " ".join(missing))
    missing = [path for path in ("/usr/lib/postfix/sbin/smtpd", "/usr/lib/postfix/postfix-pcre.so") if not pathlib.Path(path).is_file()]
    if missing:
        raise Impossible("these files of Debian's packages postfix and postfix-pcre are missing: " + " ".join(missing))
    if subprocess.run(["unshare", "-n", "-m", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode != 0:
        raise Impossible("the kernel does not allow a network namespace here")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, "-B", *sys.argv])


# What the measuring program waits for, in its words and in ours: the suite was measured on an idle machine.
WAITS = (("self.s.settimeout(40)", "self.s.settimeout(%d)" % PATIENCE), ("s.s.settimeout(40)", "s.s.settimeout(%d)" % PATIENCE),
         ("1.0 if code in (221, 421, 521)", "30.0 if code in (221, 421, 521)"))
# The same for Postfix; glibc waits 30 s for a name server at most.
RESOLVER = "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n"
PATIENT = {"smtp_%s_timeout" % step: "%ds" % PATIENCE for step in ("connect", "helo", "mail", "rcpt", "quit", "rset")}
POLLS = {"address_verify_poll_count": "100"}  # of both sides, a second each


def measure_module():
    """The suite's own measuring program, as a module that waits longer; as a script it would begin at once."""
    source = MEASURE.read_text(encoding="utf-8")
    program, _, last = source.rstrip().rpartition("\n")
    for theirs, ours in WAITS:
        if program.count(theirs) != 1:
            raise Impossible("%s does not wait as expected: %s" % (MEASURE, theirs))
        program = program.replace(theirs, ours)
    if last != "main()":
        raise Impossible("%s does not end as expected" % MEASURE)
    module = type(sys)("measure")
    module.__file__ = str(MEASURE)
    exec(compile(program, str(MEASURE), "exec"), module.__dict__)  # noqa: S102 - a file of this repository
    module.RIG.update(POLLS, **PATIENT)
    return module


def rig_of(measure):
    """The suite's Postfix instance, but with a policy server for each case, so that cases can be measured beside each other."""

    class Rig(measure.Rig):
        policies = {}

        def expand(self, v, n):
            return super().expand(v.replace("@policy", service(self.policies[n])) if n in self.policies else v, n)

    return Rig()


def service(policy):
    return "inet:127.0.0.1:%d" % policy.port


class Postfix:
    """One Postfix instance; every address is local, so that clients connect from their own."""

    BATCH = 250     # cases for one start of Postfix, each on its own port
    AT_ONCE = 16    # of these, measured concurrently: Postfix and the client mostly wait

    def __init__(self):
        self.measure = measure_module()
        for command in ("ip link set lo up", "ip route add local 0.0.0.0/0 dev lo", "ip -6 route add local ::/0 dev lo"):
            subprocess.run(command.split(), stdin=subprocess.DEVNULL, check=True)
        self.private = pathlib.Path(tempfile.mkdtemp(prefix="postfix-etc-"))
        self.private.chmod(0o755)
        for name, text in (("resolv.conf", RESOLVER), ("hosts", "127.0.0.1 localhost\n"),
                           ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n")):
            (self.private / name).write_text(text, encoding="utf-8")
            (self.private / name).chmod(0o644)
            subprocess.run(["mount", "--bind", str(self.private / name), "/etc/" + name], stdin=subprocess.DEVNULL, check=True)
        self.rig = rig_of(self.measure)
        self.base = self.measure.BASE

    def measured(self, cases):
        """Each case as Postfix plays it, in order, its replies in `expect`. All cases have the same DNS data."""
        for start in range(0, len(cases), self.BATCH):
            part = cases[start:start + self.BATCH]
            self.rig.dns.load(part[0]["dns"])
            self.rig.hops.load(world.HOPS)
            self.rig.auth.users = world.BASE_USERS
            self.rig.policies = {n: stubs.PolicyStub(c.get("policy") or []) for n, c in enumerate(part) if "@policy" in repr(c["config"])}
            log = pathlib.Path(self.rig.log)
            # From before the start, which asks the first port until it answers: a line that says why a server ended
            # is not said again in the next minute.
            self.begin = log.stat().st_size if log.exists() else 0
            try:
                self.rig.batch(part)
                with concurrent.futures.ThreadPoolExecutor(self.AT_ONCE) as pool:
                    yield from pool.map(self.measured_one, range(len(part)), part, [len(part) == 1] * len(part))
            finally:
                for policy in self.rig.policies.values():
                    policy.stop()

    def measured_one(self, number, case, alone):
        """A case of the running batch. That Postfix does not serve it must stand in the log: a slow machine is no refusal."""
        end = time.monotonic() + PATIENCE
        while True:
            measured = self.once(number, case, alone)
            if not measured.get("error") and (served(measured) or any(line.startswith("fatal: ") for line in measured["log"])):
                return measured
            if time.monotonic() > end:
                return {"error": "it neither greets nor says why", **measured}

    def once(self, number, case, alone):
        policy = self.rig.policies.get(number)
        # What the measuring program needs from the instance. All cases share DNS data and users;
        # DNS questions are known only for a case that is played alone.
        own = types.SimpleNamespace(dir=self.rig.dir, tab=self.rig.tab, log=self.rig.log, logpos=self.begin,
                                    dns=types.SimpleNamespace(load=lambda zone: None, seen=self.rig.dns.seen), auth=types.SimpleNamespace(),
                                    hops=types.SimpleNamespace(load=lambda hosts: None, probes=lambda: [], seen=[]), pol=policy or types.SimpleNamespace())
        # Errors of the connection are in the case's `error`.
        measured = self.measure.run_case(own, number, copy.deepcopy(case))
        if policy:
            measured["log"] = [line.replace(service(policy), "@policy") for line in measured["log"]]
        # The instance remembers what it verified for other cases, so who was asked is not compared.
        for name in ("probes", "next_hop_seen"):
            measured.pop(name, None)
        if not alone:
            del measured["dns_queries"]
        return measured

    def close(self):
        self.rig.stop()
        shutil.rmtree(self.rig.dir, ignore_errors=True)
        shutil.rmtree(self.private, ignore_errors=True)


class Outcome:
    """How Postern did on a measured case."""

    def __init__(self, kind, text="", line=""):
        self.kind, self.text, self.line = kind, text, line  # kind: same, different, skipped


class Postern:
    """Postern, a server for each case."""

    def __init__(self, binary, base):
        self.binary, self.player = binary, restrictions.Player()
        self.player.base, self.player.context, self.player.tools = {**base, **POLLS}, self, Tools()

    def postern(self, settings, env=None):
        return instance.Postern(self.binary, settings, env=env)

    def play(self, measured):
        """Plays a measured case."""
        case = {**measured, "how": "", "served": served(measured)}
        if measured.get("error"):
            return Outcome("skipped", "Postfix: " + measured["error"])
        try:
            site = self.player.make(case)
        except (Fail, instance.StartError) as e:
            return Outcome("different", str(e), first_line(e))
        try:
            self.player.play_dialogue(case, site)
            return Outcome("same")
        except Difference as e:
            return Outcome("different", str(e), line_of(e))
        except Skip as e:
            return Outcome("skipped", str(e))
        except Fail as e:
            return Outcome("different", str(e), "Postern died" if "Postern died" in str(e) else " ".join(str(e).split("\n      |")[0].split()))
        finally:
            site.close()

    def close(self):
        self.player.tools.remove()
        instance.stop_all()


def first_line(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def line_of(difference):
    """RCPT: postfix 554 5.7.1, postern 250 2.1.5"""
    verb = difference.what.split(" ")[0].upper() if difference.what != "the message" else "MESSAGE"
    return "%s: postfix %s, postern %s" % (verb, show(difference.expected), show(difference.got))


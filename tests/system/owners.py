#!/usr/bin/env python3
"""System checks of what root runs in a data directory of another user: whoever can write there gets no more of root than his own files.

  owners.py [--binary PATH] [--filter GLOB]

Needs root. The directory belongs to USER, who forges journals of SQLite, exchanges folders and lies in wait on ports.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system"), str(ROOT / "tests" / "crash")]
sys.dont_write_bytecode = True

import commands  # noqa: E402  of tests/crash: every command, and how it is called
import smoke  # noqa: E402
from bench import LOCAL, expect, send  # noqa: E402
from harness import instance  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402

USER = 12345
DATABASES = ("postern.db", "traces.db", "verify.db", "delivery.db", "spool/spool.db")
MAGIC = bytes.fromhex("d9d505f920a163d7")


def give(top, user=USER):
    """All that is below to a user; links are not followed."""
    for path in (top, *top.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def forge(database, victim):
    """A hot journal that names `victim` as the journal above it: SQLite deletes that once it has rolled back (https://sqlite.org/fileformat2.html#the_rollback_journal)."""
    octets, name = bytearray(database.read_bytes()), str(victim).encode()
    size = struct.unpack(">H", octets[16:18])[0]
    size = 65536 if size == 1 else size
    octets[18] = octets[19] = 1  # a rollback journal, no write-ahead log
    database.write_bytes(octets)
    head = MAGIC + struct.pack(">IIIII", 0, 1, len(octets) // size, 512, size)
    above = struct.pack(">I", 0x40000000 // size + 1) + name + struct.pack(">II", len(name), sum(name)) + MAGIC
    pathlib.Path("%s-journal" % database).write_bytes(head.ljust(512, b"\0") + above)


def strangers(data):
    """What is in the directory and is not USER's."""
    return sorted(str(path.relative_to(data)) for path in (data, *data.rglob("*")) if path.lstat().st_uid != USER)


def used(bench, settings=LOCAL):
    """A gateway with an account, a webhook and two messages that wait; it is stopped, and its directory is USER's."""
    server = bench.server(settings)
    account = instance.Account(server)
    hook = account.call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/hook" % instance.free_port(), "delivery_mode": "queued"}, expect=201)
    for _ in range(2):
        send(server, hook["email_address"])
    trace = account.call("GET", "/traces?page_size=1")["data"][0]["id"]
    expect("exit status", 0, server.stop())
    give(server.root / "data")
    return server, account, hook, trace


def every_command_beside_a_forged_journal(bench):
    """Each command of the command line, with a forged journal beside each database: no file of root is deleted, and all that is there stays USER's."""
    server, account, hook, trace = used(bench, {**LOCAL, "guardrails": {}})
    data, victims = server.root / "data", bench.root / "victims"
    config = server.write_config()
    victims.mkdir(mode=0o755)
    kept = bench.root / "kept"
    shutil.copytree(data, kept, symlinks=True)
    gateway = types.SimpleNamespace(inbox=hook["email_address"], root=bench.root / "files", account=account, config=config, server=server)
    gateway.root.mkdir()
    known = commands.recipes(types.SimpleNamespace(process=gateway), trace)
    known["doctor"].append(commands.Recipe("--offline", "--check", "integrity"))
    known["explain"].append(commands.Recipe("--from", "a@example.com", "--to", hook["email_address"]))
    known["queue hold"].append(commands.Recipe("--all", "--state", "queued"))
    known["replay"].append(commands.Recipe("--json"))

    def play(name, recipe):
        shutil.rmtree(data)
        shutil.copytree(kept, data, symlinks=True)
        for number, database in enumerate(DATABASES):
            (victims / str(number)).write_text("root's")
            (victims / str(number)).chmod(0o600)
            if (data / database).exists():
                forge(data / database, victims / str(number))
        (data / "moved").unlink(missing_ok=True)
        give(data)
        words = [*name.split(), *recipe.words, *(["--config", config] if recipe.config else [])]
        status, out, err = bench.run(*words, given=recipe.text)
        said = "postern %s (%d, %s%s)" % (" ".join(map(str, words)), status, out[-200:], err[-300:])
        gone = [DATABASES[number] for number in range(len(DATABASES)) if not (victims / str(number)).exists()]
        if gone:
            raise Fail("%s: a journal beside %s had a file of root deleted" % (said, ", ".join(gone)))
        if status < 0 or status == 70:
            raise Fail(said)
        expect("what is not USER's any more after " + said, [], strangers(data))

    names = commands.commands_of(gateway)
    expect("commands without a recipe in tests/crash/commands.py", [], sorted(set(names) - set(known)))
    for name in names:
        for recipe in known[name]:
            play(name, recipe)
    # While somebody holds the lock, as a gateway does, commands read beside it.
    for name, recipe in (("check", known["check"][0]), ("doctor", known["doctor"][-1]), ("explain", known["explain"][-1])):
        with open(kept / "lock", "r", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            play(name, recipe)
    # The probe can fail: SQLite deletes what the journal names if root opens it.
    probe = bench.root / "probe"
    probe.mkdir()
    shutil.copy(kept / "postern.db", probe / "postern.db")
    (victims / "0").write_text("root's")
    forge(probe / "postern.db", victims / "0")
    subprocess.run([sys.executable, "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM sqlite_schema').fetchall()", probe / "postern.db"], check=True)
    expect("root's file after sqlite3 opened the database", False, (victims / "0").exists())


def the_queue_without_a_gateway(bench):
    """`postern queue` as root: it reads and changes the queue, and every file stays USER's."""
    server, _, _, _ = used(bench)
    data, config = server.root / "data", server.write_config()

    def queue(*words):
        status, out, err = bench.run("queue", *words, "--config", config)
        expect("exit status of queue %s (%s%s)" % (" ".join(words), out, err), 0, status)
        expect("what is not USER's any more after queue " + words[0], [], strangers(data))
        return out
    ids = [json.loads(line)["id"] for line in queue("list", "--json").splitlines()]
    expect("messages", 2, len(ids))
    queue("hold", ids[0])
    queue("drop", ids[1])
    queue("verify")
    expect("held", [ids[0]], [json.loads(line)["id"] for line in queue("list", "--state", "held", "--json").splitlines()])


@contextlib.contextmanager
def listening(port):
    """A program of somebody on a port of this machine -> what it heard."""
    heard, listener = [], socket.create_server(("127.0.0.1", port))
    listener.settimeout(0.05)
    ended = threading.Event()

    def serve():
        while not ended.is_set():
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                with client:
                    client.settimeout(PATIENCE)
                    heard.append(client.recv(65536))
                    client.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{"data":[]}')
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield heard
    finally:
        ended.set()
        thread.join()
        listener.close()


def whoever_listens_is_not_believed(bench):
    """What a killed gateway left names a port that another user has now; and a control file names what it likes."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    hook = account.call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/hook" % instance.free_port(), "delivery_mode": "queued"}, expect=201)
    send(server, hook["email_address"])
    data, config = server.root / "data", server.write_config()
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(PATIENCE)
    give(data)
    control = data / "control.json"
    expect("what a killed gateway leaves", True, control.exists())
    with listening(server.api_port) as heard:
        for words in (["queue", "list", "--json"], ["queue", "destinations"], ["queue", "drop", commands.NOBODY], ["dkim", "keys"], ["doctor", "--offline", "--json"]):
            status, out, err = bench.run(*words, "--config", config)
            expect("what is asked of %s (%d, %s%s)" % (" ".join(words), status, out, err), [], heard)
            if words[1] == "list":
                expect("messages that wait (%s)" % err, 1, len(out.splitlines()))
            if words[1] == "drop":
                expect("exit status of a message that is not there", 66, status)
    with open(data / "lock", "r", encoding="ascii") as lock, listening(server.api_port) as heard:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for url in ("http://192.0.2.1:%d" % server.api_port, "http://127.0.0.1:%d/elsewhere" % server.api_port, "http://localhost:%d" % server.api_port,
                    "https://127.0.0.1:%d" % server.api_port, "http://u@127.0.0.1:%d" % server.api_port):
            control.write_text(json.dumps({"url": url, "token": "t" * 43}))
            status, out, err = bench.run("queue", "list", "--config", config)
            if status != 65 or "not the address of an API on this machine" not in err:
                raise Fail("%s: %d %s%s" % (url, status, out, err))
        expect("what is asked", [], heard)
    status, out, err = bench.run("serve", "--config", config)
    expect("exit status of serve in the directory of another user (%s%s)" % (out, err), 77, status)
    give(data, 0)
    control.write_text("of before")
    server.start()
    if "127.0.0.1" not in control.read_text():
        raise Fail("control.json was not made anew")


SWAP = """
import os, sys, time
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    for name in os.listdir("."):
        if name.startswith(".data.restore-") and not os.path.islink(name):
            try:
                os.rename(name, "stolen")
                os.symlink(sys.argv[2], name)
                print("swapped", flush=True)
            except OSError:
                pass
"""


def restore_below_a_directory_of_the_user(bench):
    """The folder of a restore can be exchanged by the user: nothing is written or given away where a link leads."""
    server, _, _, _ = used(bench)
    status, out, err = bench.run("backup", bench.root / "made", "--data-dir", server.root / "data")
    expect("exit status of backup (%s%s)" % (out, err), 0, status)
    parent, roots = bench.root / "parent", bench.root / "roots"
    parent.mkdir()
    (parent / "data").mkdir(mode=0o700)
    give(parent)
    roots.mkdir(mode=0o755)
    (roots / "shadow").write_text("root's")
    (roots / "shadow").chmod(0o600)
    bench.root.chmod(0o755)
    thief = subprocess.Popen(["setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups", sys.executable, "-c", SWAP, parent, roots],
                             stdout=subprocess.PIPE, text=True)
    try:
        expect("the thief", "ready", thief.stdout.readline().strip())
        for _ in range(5):
            bench.run("restore", bench.root / "made", "--data-dir", parent / "data", "--replace")
    finally:
        thief.kill()
        thief.wait()
    expect("the folder of root", ["shadow"], sorted(path.name for path in roots.iterdir()))
    expect("owner of root's file", 0, (roots / "shadow").stat().st_uid)
    shutil.rmtree(parent)
    parent.mkdir()
    give(parent)
    for _ in range(2):
        status, out, err = bench.run("restore", bench.root / "made", "--data-dir", parent / "data", "--replace")
        expect("exit status of restore (%s%s)" % (out, err), 0, status)
    expect("what is not USER's", [], strangers(parent))
    for led in (roots, bench.root / "not-there"):
        (parent / "data").rename(parent / ("other-" + led.name))
        (parent / "data").symlink_to(led)
        os.lchown(parent / "data", USER, USER)
        ours = bench.root / ("link-" + led.name)
        ours.symlink_to(parent / "data")
        for named in (parent / "data", ours):
            status, out, err = bench.run("restore", bench.root / "made", "--data-dir", named, "--replace")
            expect("exit status where a link of the user leads to what is root's (%s%s)" % (out, err), 73, status)
        expect("the folder of root", ["shadow"], sorted(path.name for path in roots.iterdir()))
        expect("what root would make for the user", False, (bench.root / "not-there").exists())
    (parent / "data").unlink()
    (parent / "data").mkdir()
    status, out, err = bench.run("restore", bench.root / "made", "--data-dir", parent / "data")
    expect("exit status where root has a directory below the user's (%s%s)" % (out, err), 73, status)


def a_restore_that_was_killed(bench):
    """What it left is removed by the next one; a folder of the same name without its mark is not."""
    server, _, _, _ = used(bench)
    data = server.root / "data"
    status, out, err = bench.run("backup", bench.root / "made", "--data-dir", data)
    expect("exit status of backup (%s%s)" % (out, err), 0, status)
    left, other = (data.parent / (".data.restore-01KB000000000000000000000%d" % number) for number in (0, 1))
    for folder in (left, other):
        folder.mkdir(mode=0o700)
        (folder / "postern.db").write_text("keys")
    (left / "unfinished").touch()
    give(left)
    status, out, err = bench.run("restore", bench.root / "made", "--data-dir", data, "--replace", "--json")
    expect("exit status of restore (%s%s)" % (out, err), 0, status)
    expect("what is left of the one that was killed, and the other", (False, True), (left.exists(), other.exists()))
    expect("what is not USER's", [], strangers(data))
    if list(data.rglob("unfinished")) or strangers(pathlib.Path(json.loads(out)["moved_aside"])):
        raise Fail("the mark stayed, or what was there is not USER's")


CHECKS = [a_restore_that_was_killed, every_command_beside_a_forged_journal, restore_below_a_directory_of_the_user, the_queue_without_a_gateway, whoever_listens_is_not_believed]

if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    sys.exit(smoke.main(CHECKS, __doc__))

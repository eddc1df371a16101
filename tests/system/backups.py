"""System checks of `postern backup` and `postern restore`: beside a gateway under load, and onto another directory."""
import hashlib
import io
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tarfile
import threading
import time

from bench import LOCAL, MULTIPART, expect, needs_root, send
from harness import instance, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until



def backup(bench, server, name, *words, want=0):
    status, out, err = bench.run("backup", bench.root / name, "--data-dir", server.root / "data", "--json", *words)
    expect("exit status of backup: " + out + err, want, status)
    return json.loads(out) if status == 0 else err


def restore(bench, data, name, *words, want=0):
    status, out, err = bench.run("restore", bench.root / name, "--data-dir", data, "--json", *words)
    expect("exit status of restore: " + out + err, want, status)
    return json.loads(out) if status == 0 else err


def held(bench, data):
    status, out, err = bench.run("queue", "list", "--state", "held", "--limit", "1000", "--data-dir", data, "--json")
    expect("queue list: " + err, 0, status)
    return [json.loads(line) for line in out.splitlines()]


def backup_under_load(bench):
    """Mail goes on during backups; each message whose 250 came before a backup is in it, with its body; the queue is held."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    # The receiver does not exist: everything is accepted and waits.
    hook = account.call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/hook" % instance.free_port(), "delivery_mode": "queued"}, expect=201)
    accepted, stop, wrong = [], threading.Event(), []

    def mail(size):
        body = "From: a@example.com\r\nTo: {to}\r\nSubject: n\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72) + "\r\n"
        while not stop.is_set():
            reply = send(server, hook["email_address"], content=body)
            if reply[-1].startswith("250"):
                accepted.append(1)
            else:
                wrong.append(reply)

    threads = [threading.Thread(target=mail, args=(size,)) for size in (4000, 300000)]
    for thread in threads:
        thread.start()
    try:
        for number in range(6):
            time.sleep(0.2)
            before = len(accepted)
            made = backup(bench, server, "b%d" % number)
            if made["messages"] < before or made["missing"]:
                raise Fail("%d messages were accepted before, the backup has %s" % (before, made))
        killed = subprocess.Popen([str(bench.binary), "backup", str(bench.root / "killed"), "--data-dir", str(server.root / "data")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03)
        killed.send_signal(signal.SIGKILL)
        killed.wait(PATIENCE)
        expect("a backup that was killed has its name", False, (bench.root / "killed").exists())
        backup(bench, server, "killed")
        expect("drafts that killed backups left", [], list(bench.root.glob("killed.*")))
        before = len(accepted)
        made = backup(bench, server, "last")
        if made["messages"] < before:
            raise Fail("%d messages were accepted before, the backup has %s" % (before, made))
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    expect("replies other than 250", [], wrong)
    expect("folders that are left", [], list((server.root / "data" / "tmp").glob("backup-*")))
    expect("mode of a backup", 0o600, (bench.root / "last").stat().st_mode & 0o777)
    note = (server.root / "data" / "last-backup").stat()
    if time.time() - note.st_mtime > PATIENCE:
        raise Fail("the last backup is noted %d seconds ago" % (time.time() - note.st_mtime))
    backup(bench, server, "elsewhere", "--keep", "2", want=64)  # no directory
    (bench.root / "kept").mkdir()
    for number in range(3):
        backup(bench, server, "kept", "--keep", "2")
        until("the next second: the names have seconds", lambda before=int(time.time()): int(time.time()) > before)
    expect("backups that are kept", 2, len(list((bench.root / "kept").iterdir())))
    for number in range(6):
        restore(bench, bench.root / "none", "b%d" % number, "--verify-only")
    expect("a directory after --verify-only", False, (bench.root / "none").exists())
    data = bench.root / "elsewhere"
    told = restore(bench, data, "last")
    expect("waiting", made["messages"], told["waiting"])
    expect("held", min(1000, made["messages"]), len(held(bench, data)))
    expect("the time that the restored data was backed up", True, abs((data / "last-backup").stat().st_mtime - note.st_mtime) < 120)
    status, out, err = bench.run("queue", "verify", "--data-dir", data)
    expect("queue verify: " + out + err, 0, status)


def restore_refuses(bench):
    """A running gateway, a directory in use, another format, a torn or changed file, a newer schema: each with its exit status, and nothing changed."""
    server = bench.server(LOCAL)
    data = server.root / "data"
    backup(bench, server, "good")
    backup(bench, server, "good", want=73)
    restore(bench, data, "good", "--replace", want=75)
    octets = (bench.root / "good").read_bytes()
    (bench.root / "torn").write_bytes(octets[:len(octets) // 2])
    (bench.root / "none").write_bytes(b"no archive at all\n" * 100)
    target = bench.root / "target"
    for name in ("torn", "none"):
        restore(bench, target, name, want=65)
    plain = bench.root / "plain"
    with open(plain, "wb") as file:
        expect("zstd", 0, subprocess.run(["zstd", "-dc", str(bench.root / "good")], stdout=file, check=False).returncode)
    changed = bytearray(plain.read_bytes())
    changed[1536 + 4096] ^= 1
    (bench.root / "changed").write_bytes(changed)
    restore(bench, target, "changed", want=65)
    for kind, link in ((tarfile.SYMTYPE, "/etc"), (tarfile.LNKTYPE, "postern.db"), (tarfile.DIRTYPE, "")):
        hostile(bench.root / "hostile", "x", kind, link)
        restore(bench, target, "hostile", want=65)
    for name in ("../x", "/tmp/x", "a/../../x", "a//b"):
        hostile(bench.root / "hostile", name, tarfile.REGTYPE, "")
        restore(bench, target, "hostile", want=65)
    expect("a directory after refusals", [], [p for p in bench.root.iterdir() if "target" in p.name])
    (target / "mine").mkdir(parents=True)
    restore(bench, target, "good", want=73)
    told = restore(bench, target, "good", "--replace")
    expect("moved aside", True, (pathlib.Path(told["moved_aside"]) / "mine").is_dir())
    expect("restored", True, (target / "postern.db").exists())
    newer(bench, plain)
    err = restore(bench, bench.root / "other", "newer", want=78)
    if "Postern 99.0" not in err:
        raise Fail("the version is not named: " + err)


def fates_of_the_queue(bench):
    """Held, as it was, or dropped; a gateway starts on the restored data; sessions are ended, owners stay; parts that are left out."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    port = instance.free_port()
    hook = account.call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/hook" % port, "delivery_mode": "queued"}, expect=201)
    large = MULTIPART + ("x" * 70 + "\r\n") * 3000
    for content in (MULTIPART, large):
        smtp.check("250", send(server, hook["email_address"], content=content), "end of data")
    backup(bench, server, "all")
    lean, least = backup(bench, server, "lean", "--without-traces"), backup(bench, server, "least", "--config-only")
    expect("messages without traces, and of the configuration alone", (2, 0), (lean["messages"], least["messages"]))
    expect("accounts", (1, 1), (lean["accounts"], least["accounts"]))
    with open(bench.root / "piped", "wb") as file:
        process = subprocess.run([str(bench.binary), "backup", "-", "--quiet", "--data-dir", str(server.root / "data")], stdout=file, stderr=subprocess.PIPE, check=False)
    expect("backup to a pipe", (0, b""), (process.returncode, process.stderr))
    restore(bench, bench.root / "none", "piped", "--verify-only")
    server.stop()
    restore(bench, server.root / "data", "least", "--replace")
    expect("what the configuration alone has", (True, False, False), tuple((server.root / "data" / name).exists() for name in ("postern.db", "traces.db", "spool")))
    restore(bench, server.root / "data", "lean", "--replace")
    expect("traces.db", False, (server.root / "data" / "traces.db").exists())
    told = restore(bench, server.root / "data", "all", "--replace", "--queue", "drop")
    expect("waiting", 2, told["waiting"])
    expect("--queue=drop", (0, ""), bench.run("queue", "list", "--json", "--data-dir", server.root / "data")[:2])
    restore(bench, server.root / "data", "all", "--replace", "--queue", "release")
    queued = bench.run("queue", "list", "--state", "queued", "--json", "--data-dir", server.root / "data")[1].splitlines()
    expect("--queue=release", 2, len(queued))
    if os.geteuid() == 0:
        os.chown(server.root / "data", 12345, 12346)
    restore(bench, server.root / "data", "all", "--replace")
    if os.geteuid() == 0:
        owners = {(path.stat().st_uid, path.stat().st_gid) for path in [server.root / "data", *(server.root / "data").rglob("*")]}
        expect("owners", {(12345, 12346)}, owners)
        for path in [server.root / "data", *(server.root / "data").rglob("*")]:
            os.chown(path, 0, 0)
    modes = {path.stat().st_mode & 0o777 for path in (server.root / "data").rglob("*")}
    expect("modes", {0o600, 0o700}, modes)
    expect("held", 2, len(held(bench, server.root / "data")))
    server.start()
    expect("the session from before", 401, server.http("GET", "/api/v1/webhooks", None, {"Authorization": "Bearer " + account.token})[0])
    account.call("GET", "/webhooks")  # signs in again, with the password


def the_same_to_receivers_and_no_old_link(bench):
    """Mail that is sent from a restored queue has the webhook-id that its receiver saw before; links that were made before the backup are ended."""
    settings = {**LOCAL, "webhooks": {**LOCAL["webhooks"], "retry_schedule": ["1d"]}}
    server, receiver = bench.server(settings), bench.receiver()
    account = instance.Account(server)
    hook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", "delivery_mode": "queued"}, expect=201)
    receiver.script("/hook", [{"status": 503}, {"status": 503}])
    for content in (MULTIPART, MULTIPART.replace("rep-1", "rep-2")):  # the same message would have the same id
        smtp.check("250", send(server, hook["email_address"], content=content), "end of data")
    until("both were tried", lambda: len(receiver.requests("/hook")) == 2)
    before = sorted(request.headers["webhook-id"] for request in receiver.requests("/hook"))
    status, out, err = bench.run("passwd", "--reset-link", account.email, "--data-dir", server.root / "data", "--json")
    expect("a link: " + err, 0, status)
    link = json.loads(out)["link"].split("?link=")[1]
    backup(bench, server, "tried")
    server.stop()
    restore(bench, server.root / "data", "tried", "--replace", "--queue", "release")
    server.start()
    expect("queue retry", 0, bench.run("queue", "retry", "--all", "--state", "queued", "--data-dir", server.root / "data")[0])
    until("both were sent again", lambda: len(receiver.requests("/hook")) == 4)
    expect("the ids after the restore", before, sorted(request.headers["webhook-id"] for request in receiver.requests("/hook")[2:]))
    if len(set(before)) != 2:
        raise Fail("two messages have one webhook-id")
    for token, want in ((link, 401), (json.loads(server.command("passwd", "--reset-link", account.email, "--data-dir", server.root / "data", "--json")[1])["link"].split("?link=")[1], 204)):
        expect("status with a link of %s" % ("now" if want == 204 else "before the backup"), want,
               server.http("POST", "/api/v1/password-resets", json.dumps({"token": token, "new_password": "another password, long enough"}), {"Content-Type": "application/json"})[0])


def several_in_one_second(bench):
    """Into one directory: each gets a name of its own."""
    server = bench.server(LOCAL)
    kept = bench.root / "kept"
    kept.mkdir()
    command = [str(bench.binary), "backup", str(kept), "--data-dir", str(server.root / "data"), "--quiet"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(3)]
    for one in running:
        out, _ = one.communicate(timeout=PATIENCE)
        expect("exit status of a backup (%s)" % out, 0, one.returncode)
    names = sorted(path.name for path in kept.iterdir())
    expect("backups (%s)" % names, 3, len(names))


def mount_point(bench):
    """A data directory that is a mount point is refused before anything is read; a directory below it is not."""
    needs_root("mount")
    server = bench.server(LOCAL)
    backup(bench, server, "made")
    target = bench.root / "disk"
    target.mkdir()
    script = 'mount -t tmpfs none "$2" && "$0" restore "$1" --data-dir "$2"; echo "status $?"; ls -A "$2"; "$0" restore "$1" --data-dir "$2/data" --quiet; echo "status $?"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, bench.binary, bench.root / "made", target], capture_output=True, text=True, timeout=PATIENCE, check=False)
    expect("onto a mount point, and below (%s)" % done.stderr, ["status 73", "lock", "status 0"], done.stdout.split("\n")[:3])
    if "is a mount point" not in done.stderr or "data_dir = \"%s/data\"" % target not in done.stderr:
        raise Fail("the way out is not named: " + done.stderr)


def hostile(path, name, kind, link):
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        tar.addfile(info)


def newer(bench, plain):
    """A backup whose control database a newer Postern wrote, with a manifest that is right."""
    with tarfile.open(plain) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    path = bench.root / "newer.db"
    path.write_bytes(files["postern.db"])
    with sqlite3.connect(path) as database:
        database.execute("UPDATE schema_origin SET compatible_from = 900, postern = '99.0'")
        database.execute("PRAGMA user_version = 999")
    database.close()
    files["postern.db"] = path.read_bytes()
    manifest = json.loads(files.pop("manifest.json"))
    for file in manifest["files"]:
        file["size"], file["sha256"] = len(files[file["name"]]), hashlib.sha256(files[file["name"]]).hexdigest()
    with tarfile.open(bench.root / "newer", "w") as tar:
        for name, octets in [*files.items(), ("manifest.json", json.dumps(manifest).encode())]:
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            tar.addfile(info, io.BytesIO(octets))


def hostile_database(bench):
    """A backup whose manifest is right for its files, and whose database runs something, lacks something, or is none: refused before any of it runs. A manifest without it does not hide it."""
    server = bench.server(LOCAL)
    backup(bench, server, "good")
    with open(bench.root / "plain", "wb") as file:
        expect("zstd", 0, subprocess.run(["zstd", "-dc", str(bench.root / "good")], stdout=file, check=False).returncode)
    with tarfile.open(bench.root / "plain") as tar:
        good = {member.name: tar.extractfile(member).read() for member in tar}
    manifest = json.loads(good.pop("manifest.json"))

    def play(what, *, statements=(), files=None, schemas=None, want=65):
        made = {**good, **(files or {})}
        if statements:
            path = bench.root / "changed.db"
            path.write_bytes(good["postern.db"])
            with sqlite3.connect(path) as database:
                for statement in statements:
                    database.execute(statement)
            database.execute("PRAGMA journal_mode = DELETE")
            database.close()
            made["postern.db"] = path.read_bytes()
        told = {**manifest, "files": [{"name": name, "size": len(octets), "sha256": hashlib.sha256(octets).hexdigest()} for name, octets in made.items()]}
        if schemas is not None:
            told["schemas"] = schemas
        with tarfile.open(bench.root / "hostile", "w") as tar:
            for name, octets in [*made.items(), ("manifest.json", json.dumps(told).encode())]:
                info = tarfile.TarInfo(name)
                info.size = len(octets)
                tar.addfile(info, io.BytesIO(octets))
        for words in (["--verify-only"], []):
            target = bench.root / ("into-%s" % what.replace(" ", "-"))
            status, out, err = bench.run("restore", bench.root / "hostile", "--data-dir", target, "--json", *words)
            expect("exit status of restore %s, %s (%s%s)" % (words, what, out, err), want, status)
            expect("the directory, " + what, want == 0 and not words, target.exists())

    play("as it was", want=0)
    play("links kept", statements=["CREATE TRIGGER keep BEFORE DELETE ON link BEGIN SELECT RAISE(IGNORE); END"])
    play("no end", statements=["CREATE TABLE turns (n)", "CREATE TRIGGER ever AFTER DELETE ON link BEGIN INSERT INTO turns WITH RECURSIVE r(n) AS "
                               "(SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r WHERE n < 0; END"])
    play("older and no end", statements=["CREATE TRIGGER ever BEFORE UPDATE ON account BEGIN SELECT RAISE(IGNORE); END", "PRAGMA user_version = 3"])
    play("newer with a view", statements=["CREATE VIEW seen AS SELECT 1", "PRAGMA user_version = 999"])
    play("a table more", statements=["CREATE TABLE more (n)"])
    play("a table less", statements=["DROP TABLE link"])
    play("no manifest of databases", schemas={})
    play("junk", files={"postern.db": b"no database at all\n" * 500})
    play("junk that the manifest hides", files={"postern.db": b"no database at all\n" * 500}, schemas={})
    play("empty", files={"postern.db": b""})
    play("a control file", files={"control.json": b'{"url": "http://127.0.0.1:1", "token": "t"}'})
    play("a lock", files={"spool/lock": b""})
    play("another database", files={"other.db": good["postern.db"]})
    good.pop("postern.db")
    play("no control plane", schemas={name: version for name, version in manifest["schemas"].items() if name != "postern.db"})


def directory_of_another_user(bench):
    """What root backs up of a directory that another user can write: no more than that user may read and change."""
    needs_root("another user")
    server = bench.server(LOCAL)
    server.stop()
    data, outside = server.root / "data", bench.root / "outside"
    outside.mkdir()
    (outside / "secret").write_text("root's")
    (outside / "secret").chmod(0o600)
    (data / "attachments").mkdir(exist_ok=True)
    (data / "attachments" / "mine").write_text("mine")
    (data / "way").symlink_to(outside)
    database = sqlite3.connect(data / "delivery.db")
    for number, path in enumerate(("mine", "../../outside/secret", "../way/secret", "../" * 9 + str(outside / "secret").lstrip("/"))):
        database.execute("INSERT INTO attachment (id, webhook_id, path, filename, content_type, size, token_hash, created_at, expires_at) VALUES (?, 'w', ?, 'f', 't', 1, x'00', 1, 2)", (str(number), path))
    database.commit()
    database.close()
    (data / "planted.db-journal").write_text("x")
    for path in (data, *data.rglob("*")):
        os.chown(path, 12345, 12345, follow_symlinks=False)
    made = backup(bench, server, "of-another")
    expect("files that the backup does not take", 3, made["missing"])
    extracted = restore(bench, bench.root / "restored", "of-another")
    names = [path.name for path in (bench.root / "restored").rglob("*")]
    expect("the user's own file, root's, the journal", (True, False, False), ("mine" in names, "secret" in names, "planted.db-journal" in names))
    expect("the files of the restored directory", True, extracted["files"] > 0)
    expect("owner of root's file, and of the note", (0, 12345), ((outside / "secret").stat().st_uid, (data / "last-backup").stat().st_uid))

    # A link in the place of the folder for drafts: nothing is deleted where it leads.
    victim = outside / "backup-01KB0000000000000000000000"
    victim.mkdir()
    subprocess.run(["rm", "-rf", data / "tmp"], check=True)
    (data / "tmp").symlink_to(outside)
    backup(bench, server, "through-a-link", want=74)
    expect("a folder of root", True, victim.exists())
    (data / "tmp").unlink()

    # A pipe in the place of the control file: nothing waits for it, and a port of somebody else gets no token.
    control = data / "control.json"
    control.unlink(missing_ok=True)
    os.mkfifo(control)
    os.chown(control, 12345, 12345)
    status, _, _ = bench.run("doctor", "--ready", "--data-dir", data)
    expect("--ready without a gateway", 69, status)
    status, _, _ = bench.run("tls", "status", "--data-dir", data)
    expect("tls status without a gateway", 69, status)


CHECKS = [backup_under_load, directory_of_another_user, fates_of_the_queue, hostile_database, mount_point, the_same_to_receivers_and_no_old_link, restore_refuses, several_in_one_second]

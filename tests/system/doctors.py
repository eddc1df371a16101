"""System checks of `postern doctor`: everything about one gateway is put right, then one thing is broken, and exactly its finding changes."""
import fcntl
import json
import os
import shutil
import socket
import subprocess
import threading

from bench import LOCAL, expect, needs_root, send
from harness import dns, instance
from harness.cases import Fail
from harness.waiting import PATIENCE, until

HOST, DOMAIN, ADDRESS = "mx.example.org", "example.org", "192.0.2.10"
ZONE = {
    "A": "mx.example.org. IN A 192.0.2.10",
    "PTR": "10.2.0.192.in-addr.arpa. IN PTR mx.example.org.",
    "MX": "example.org. IN MX 10 mx.example.org.",
    "SPF": 'example.org. IN TXT "v=spf1 mx -all"',
    "HELO": 'mx.example.org. IN TXT "v=spf1 a -all"',
    "DMARC": '_dmarc.example.org. IN TXT "v=DMARC1; p=reject; rua=mailto:a@example.org"',
    "STS": '_mta-sts.example.org. IN TXT "v=STSv1; id=1"',
    "RPT": '_smtp._tls.example.org. IN TXT "v=TLSRPTv1; rua=mailto:a@example.org"',
}
# What depends on the machine that the test runs on, and is not broken here.
MACHINE = {"clock", "journal", "disk", "dnssec", "sandbox", "descriptors", "unit"}


class Case:
    """A gateway with a certificate, a zone, and the findings of `doctor` about them."""

    def __init__(self, bench):
        self.bench = bench
        self.certificate(days=90)
        self.server = bench.server({**LOCAL, "server": {"hostname": HOST}, "webhooks": {"public_domain": DOMAIN},
                                    "listener": [{"certificate": str(bench.root / "c.pem"), "key": str(bench.root / "k.pem")}]})
        self.data = self.server.root / "data"

    def certificate(self, days, name=HOST):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj", "/CN=" + name,
                        "-addext", "subjectAltName=DNS:" + name, "-keyout", self.bench.root / "k.pem", "-out", self.bench.root / "c.pem"],
                       check=True, capture_output=True)

    def run(self, *words, zone=None, want=0):
        file = self.bench.root / "zone"
        file.write_text("\n".join((ZONE if zone is None else zone).values()) + "\n")
        status, out, err = self.bench.run("doctor", "--config", self.server.root / "postern.toml", "--dns", file, "--address", ADDRESS, "--json", *words)
        expect("exit status of doctor: " + out + err, want, status)
        return {(one["level"], one["check"]) for one in json.loads(out)["findings"] if one["check"] not in MACHINE}

    def changed(self, right, now, gone, come):
        expect("findings that are gone", set(gone), right - now)
        expect("findings that have come", set(come), now - right)


def one_thing_broken_one_finding_changed(bench):
    """Wrong mode, expired certificate, wrong name, missing and wrong records, a mistake in the file."""
    case = Case(bench)
    right = case.run()
    faults = sorted(one for one in right if one[0] in ("warn", "fail"))
    expect("findings that warn or fail of a gateway that is right", [], faults)

    case.data.chmod(0o755)
    case.changed(right, case.run(want=1), {("ok", "data-dir")}, {("fail", "data-dir")})
    case.data.chmod(0o700)

    if os.geteuid() == 0:
        stray = case.data / "stray"
        stray.write_text("")
        os.chown(stray, 12345, 12345)
        case.changed(right, case.run(want=1), {("ok", "data-dir")}, {("fail", "data-dir")})
        stray.unlink()

    log = case.data / "traces.db-wal.old-wal"
    with open(log, "wb") as sparse:
        sparse.truncate(300 << 20)
    case.changed(right, case.run(), {("ok", "wal")}, {("warn", "wal")})
    log.unlink()

    kept = [(bench.root / name).read_bytes() for name in ("c.pem", "k.pem")]
    for days, name, want, come in ((3, HOST, 1, "fail"), (14, HOST, 0, "warn"), (90, "other.example.org", 0, "warn")):
        case.certificate(days, name)
        case.changed(right, case.run(want=want), {("ok", "certificate")}, {(come, "certificate")})
    for name, octets in zip(("c.pem", "k.pem"), kept):
        (bench.root / name).write_bytes(octets)

    for record, check, level, want in (("PTR", "ptr", "fail", 1), ("DMARC", "dmarc", "warn", 0), ("STS", "mta-sts", "note", 0), ("RPT", "tls-rpt", "note", 0),
                                       ("SPF", "spf", "warn", 0), ("HELO", "spf", "note", 0)):
        without = {key: line for key, line in ZONE.items() if key != record}
        # Of the two SPF records one is left.
        case.changed(right, case.run(zone=without, want=want), {("ok", check)} - {("ok", "spf")}, {(level, check)})
    elsewhere = {**ZONE, "MX": "example.org. IN MX 10 mx.example.net.", "SPF": 'example.org. IN TXT "v=spf1 a:mx.example.org -all"'}
    case.changed(right, case.run(zone=elsewhere), {("ok", "mx")}, {("warn", "mx")})
    for broken in ({"SPF": 'example.org. IN TXT "v=spf1 ip4:192.0.2.11 -all"'}, {"HELO": 'mx.example.org. IN TXT "v=spf1 -all"'}):
        case.changed(right, case.run(zone={**ZONE, **broken}, want=1), set(), {("fail", "spf")})

    many = {"SPF": 'example.org. IN TXT "v=spf1 ip4:192.0.2.10 %s -all"' % " ".join("include:s%d.example.net" % i for i in range(11)),
            **{"S%d" % i: 's%d.example.net. IN TXT "v=spf1 ip4:198.51.100.1 -all"' % i for i in range(11)}}
    case.changed(right, case.run(zone={**ZONE, **many}), set(), {("warn", "spf")})

    digest = subprocess.run("openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum" % (bench.root / "c.pem"),
                            shell=True, check=True, capture_output=True, text=True).stdout[:64]
    zone = {**ZONE, "TLSA": "_25._tcp.mx.example.org. IN TLSA 3 1 1 ( %s %s )" % (digest[:32], digest[32:].upper())}
    case.changed(right, case.run(zone=zone), {("note", "tlsa")}, {("warn", "tlsa")})
    case.changed(right, case.run("--next-certificate", bench.root / "c.pem", zone=zone), {("note", "tlsa")}, {("warn", "tlsa"), ("ok", "tlsa")})
    authority = {**ZONE, "CAA": 'example.org. IN CAA 0 issue "ca.example"'}
    case.changed(right, case.run(zone=authority), {("note", "caa")}, {("ok", "caa")})
    case.changed(right, case.run(zone={**authority, "MORE": 'mx.example.org. IN CAA 0 issue ";"'}), {("note", "caa")}, {("warn", "caa")})
    elsewhere = {**ZONE, "DMARC": '_dmarc.example.org. IN TXT "v=DMARC1; p=reject; rua=mailto:a@example.net"'}
    case.changed(right, case.run(zone=elsewhere), set(), {("warn", "dmarc")})
    case.changed(right, case.run(zone={**elsewhere, "AGREES": 'example.org._report._dmarc.example.net. IN TXT "v=DMARC1"'}), set(), set())

    file = case.server.root / "postern.toml"
    text = file.read_text()
    ends = bench.root / "virtual.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3", "-subj", "/CN=" + DOMAIN,
                    "-addext", "subjectAltName=DNS:" + DOMAIN, "-keyout", str(ends) + ".key", "-out", ends], check=True, capture_output=True)
    file.write_text(text + '\n[[vsl.virtual]]\ndomain = "%s"\ncertificate = "%s"\nkey = "%s.key"\n' % (DOMAIN, ends, ends))
    now = case.run(want=1)
    if ("fail", "certificate") not in now or ("ok", "certificate") not in now:
        raise Fail("the certificate of a virtual domain, which ends, is not seen: %s" % sorted(now))
    file.write_text(text + '\n[restrictions]\nsmtpd_client_restrictions = "reject_rbl_client bl.example.net"\n')
    listed = {"LISTED": "2.0.0.127.bl.example.net. IN A 127.0.0.2"}
    with_list = case.run(zone={**ZONE, **listed})
    if ("ok", "dns-lists") not in with_list:
        raise Fail("a list that answers: %s" % sorted(with_list))
    case.changed(with_list, case.run(zone={**ZONE, "LISTED": "2.0.0.127.bl.example.net. IN A 127.255.255.254"}, want=1), {("ok", "dns-lists")}, {("fail", "dns-lists")})
    case.changed(with_list, case.run(want=1), {("ok", "dns-lists")}, {("fail", "dns-lists")})
    file.write_text(text + "\n[limits]\nsesions = 3\n")
    case.changed(right, case.run(want=1), {("ok", "config"), ("ok", "relay")}, {("fail", "config"), ("note", "relay")})
    file.write_text(text + '\n[restrictions]\nsmtpd_relay_restrictions = "permit"\ni_know_this_is_an_open_relay = true\n')
    now = case.run(want=1)
    if ("fail", "relay") not in now:
        raise Fail("an open relay was not found: %s" % sorted(now))
    file.write_text(text)
    expect("at last", right, case.run())


def root_and_other_users(bench):
    """root reads and changes the queue of a gateway that is stopped, and leaves no file of its own; doctor of another user calls the gateway no other program."""
    if os.geteuid() != 0:
        return
    case = Case(bench)
    send(case.server, "b@" + DOMAIN)
    shown = bench.root / "shown"
    shown.mkdir(mode=0o755)
    bench.root.chmod(0o755)
    shutil.copy(bench.binary, shown / "postern")
    (shown / "postern.toml").write_text((case.server.root / "postern.toml").read_text())

    def as_other(*words):
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", str(shown / "postern"), *words],
                              cwd=shown, capture_output=True, text=True, timeout=PATIENCE, check=False, env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1"})
        return done.returncode, done.stdout + done.stderr
    _, out = as_other("doctor", "--config", str(shown / "postern.toml"), "--offline", "--check", "ports", "--check", "server")
    if "another program" in out or "note  ports" not in out or "as root" not in out:
        raise Fail("doctor of another user says " + out)
    case.server.stop()
    for path in (case.data, *case.data.rglob("*")):
        os.chown(path, 65533, 65533, follow_symlinks=False)
    for words in ("list",), ("destinations",), ("verify",), ("hold", "--all", "--state", "queued"):
        status, out, err = bench.run("queue", *words, "--data-dir", case.data)
        expect("exit status of queue %s as root: %s" % (words[0], out + err), 0, status)
    expect("files of root", [], [str(path) for path in case.data.rglob("*") if path.lstat().st_uid == 0])
    status, out = as_other("queue", "list", "--data-dir", str(case.data))
    expect("exit status of queue list as another user", 77, status)
    if "run the command as root" not in out:
        raise Fail(out)


def queue_and_backup(bench):
    """What the gateway is asked, and the time of the last backup."""
    case = Case(bench)
    right = case.run()
    status, out, err = bench.run("backup", bench.root / "b.tar.zst", "--data-dir", case.data)
    expect("backup: " + out + err, 0, status)
    case.changed(right, case.run(), {("note", "backup")}, {("ok", "backup")})
    week = (case.data / "last-backup").stat().st_mtime - 8 * 86400
    os.utime(case.data / "last-backup", (week, week))
    case.changed(right, case.run(), {("note", "backup")}, {("warn", "backup")})


def data_read_whole(bench):
    """`--check integrity`: databases beside a running gateway and without one, and the messages of the queue; a page that was overwritten."""
    case = Case(bench)
    before = sorted((file.name, file.stat().st_uid) for file in case.data.iterdir())
    expect("a gateway that is right", {("ok", "integrity")}, case.run("--check", "integrity"))
    expect("files of the data directory", before, sorted((file.name, file.stat().st_uid) for file in case.data.iterdir()))
    expect("not looked at unless it is asked for", set(), {one for one in case.run() if one[1] == "integrity"})
    case.server.stop()
    expect("without a gateway", {("ok", "integrity"), ("note", "integrity")}, case.run("--check", "integrity"))
    with open(case.data / "delivery.db", "r+b") as file:
        file.seek(16)
        page = int.from_bytes(file.read(2), "big") or 65536
        file.seek(page)
        file.write(b"\xff" * 64)
    if ("fail", "integrity") not in case.run("--check", "integrity", want=1):
        raise Fail("a page that was overwritten is not seen")


def port_25_from_here(bench):
    """`--check incoming`: our greeting, that of another host, and nobody, on loopback addresses."""
    case = Case(bench)

    def found(address, want):
        status, out, err = bench.run("doctor", "--config", case.server.root / "postern.toml", "--dns", os.devnull, "--address", address, "--check", "incoming", "--json")
        expect("exit status of doctor: " + out + err, want, status)
        return [(one["level"], one["check"]) for one in json.loads(out)["findings"]]

    expect("nobody", [("fail", "incoming")], found("127.0.0.77", 1))
    needs_root("port 25")
    # Bound once: a process that is just started by another check may hold the socket a moment longer than this one.
    with socket.create_server(("127.0.0.77", 25)) as server:
        for greeting, level, want in ((HOST, "ok", 0), ("mail.example.net", "fail", 1)):
            thread = threading.Thread(target=lambda: server.accept()[0].sendall(b"220 %s ESMTP\r\n" % greeting.encode()))
            thread.start()
            expect(greeting, [(level, "incoming")], found("127.0.0.77", want))
            thread.join()


def mail_that_waits(bench):
    """Mail whose next hop is away: how much, and a warning once it is older than queue.delay_notice."""
    server = bench.server({**LOCAL, "queue": {"delay_notice": "1s"}})
    hook = instance.Account(server).call("POST", "/webhooks", {"target_url": "http://127.0.0.1:%d/hook" % instance.free_port(), "delivery_mode": "queued"}, expect=201)

    def queue():
        _, out, err = bench.run("doctor", "--config", server.root / "postern.toml", "--check", "queue", "--json")
        if not out:
            raise Fail("doctor says nothing: " + err)
        return [(one["level"], one["what"]) for one in json.loads(out)["findings"]]

    expect("an empty queue", [("ok", "0 recipients wait")], queue())
    expect("the reply", "250", send(server, hook["email_address"])[-1][:3])
    until("a warning of mail that waits", lambda: [level for level, what in queue() if level == "warn" and "1 recipients wait" in what])


def ready_or_not(bench):
    """--ready, and exit 69 when the gateway is away and nothing else is wrong."""
    case = Case(bench)
    expect("--ready: exit", 0, bench.run("doctor", "--ready", "--data-dir", case.data)[0])
    right = case.run()
    case.server.stop()
    expect("--ready without a gateway: exit", 69, bench.run("doctor", "--ready", "--data-dir", case.data)[0])
    now = case.run(want=69)
    case.changed(right, now, {("ok", "server"), ("ok", "version"), ("ok", "queue")}, {("fail", "server"), ("note", "version"), ("note", "queue")})
    with socket.create_server(("127.0.0.1", case.server.smtp_port)):
        if ("fail", "ports") not in case.run(want=1):
            raise Fail("another program on the port was not found")


def what_is_sent_out(bench):
    """--offline asks no name server; without it only names of the gateway are asked. --outgoing connects to the named host alone."""
    case = Case(bench)
    file = case.server.root / "postern.toml"
    silent = "127.0.0.1:%d" % instance.free_port()
    before = file.stat().st_mtime_ns, sorted(os.listdir(case.data))
    status, out, err = bench.run("doctor", "--config", file, "--offline", "--dns-server", silent, "--json")
    expect("--offline: exit " + out + err, 0, status)
    asked = {one["check"] for one in json.loads(out)["findings"]}
    expect("network checks of --offline", set(), asked & {"mx", "ptr", "spf", "dkim", "dmarc", "tlsa", "dnssec", "address"})
    expect("what is there afterwards", before, (file.stat().st_mtime_ns, sorted(os.listdir(case.data))))
    found = case.run("--check", "outgoing", "--outgoing", "127.0.0.1:%d" % case.server.smtp_port)
    expect("an open port", {("ok", "outgoing")}, found)
    found = case.run("--check", "outgoing", "--outgoing", silent, want=1)
    expect("a closed port", {("fail", "outgoing")}, found)


def keys_in_a_real_zone(bench):
    """Domains and keys come from the running gateway, answers from a name server: a key that is published, missing, and another one; DANE."""
    names = dns.start()
    bench.stack.callback(names.stop)
    server = bench.server({"server": {"hostname": HOST}, "dns": names.settings})
    account = instance.Account(server)

    def publish(record, value=None):
        value = value or record["value"]
        names.zone.add({record["name"]: {"TXT": [[value[i:i + 255] for i in range(0, len(value), 255)]]}})

    domain = account.call("POST", "/domains", {"name": DOMAIN}, expect=201)
    publish(domain["verification_record"])
    account.call("POST", "/domains/%s/verify" % domain["id"])
    key = account.call("POST", "/domains/%s/dkim-keys" % domain["id"], {"selector": "s1"}, expect=201)
    account.call("PUT", "/domains/%s/dkim-keys/s1" % domain["id"], {"state": "signing", "skip_dns_check": True})

    def doctor(check, *words):
        status, out, err = bench.run("doctor", "--config", server.root / "postern.toml", "--check", check, "--json", *words)
        found = json.loads(out)["findings"]
        expect("one finding: " + out + err, 1, len(found))
        return status, found[0]["level"], found[0]["to_do"]

    names.zone.add({"mx.example.org": {"A": [ADDRESS]}, "10.2.0.192.in-addr.arpa": {"PTR": [HOST]}})
    status, level, to_do = doctor("dkim")
    expect("a key that is missing", (1, "fail"), (status, level))
    publish(key["record"])
    expect("a key that is published", (0, "ok"), doctor("dkim")[:2])
    publish(key["record"], "v=DKIM1; k=ed25519; p=" + "A" * 43 + "=")
    expect("another key", (1, "fail"), doctor("dkim")[:2])
    expect("an MX that is missing", (1, "fail"), doctor("mx")[:2])
    names.zone.add({DOMAIN: {"MX": [[10, HOST]]}})
    expect("an MX that is published", (0, "ok"), doctor("mx")[:2])
    expect("PTR", (0, "ok"), doctor("ptr", "--address", ADDRESS)[:2])

    to_do = doctor("tlsa")[2]
    digest = to_do.split("TLSA 3 1 1 ")[1][:64]
    tlsa = lambda data: names.zone.add({"_25._tcp." + HOST: {"TLSA": [[3, 1, 1, data]], "!": {"ad": True}}})
    tlsa("00" * 32)
    expect("TLSA of another key", "warn", doctor("tlsa")[1])
    tlsa(digest)
    status, level, to_do = doctor("tlsa")
    expect("TLSA in a zone that nobody signed", (0, "warn", True), (status, level, "DNSSEC" in to_do))
    names.stop()
    expect("a name server that is silent", (0, "note"), doctor("mx")[:2])


def odd_answers(bench):
    """Whatever a program on the gateway's port answers, a command ends with an error in words, and not with 70."""
    data = bench.root / "data"
    data.mkdir(mode=0o700)
    with open(data / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = bench.receiver()
        (data / "control.json").write_text(json.dumps({"url": other.url, "token": "t" * 43}))
        (data / "control.json").chmod(0o600)
        commands = (["queue", "list"], ["queue", "destinations"], ["queue", "show", "01JD9X3V5W6Y7Z8A9B0C1D2E3F"], ["dkim", "keys"], ["inbox"], ["tls", "status"],
                    ["reload"], ["replay"], ["doctor", "--offline", "--json"])
        for answer in ('', '[]', '7', '{}', '{"data": 7}', '{"data": [7]}', '{"keys": {}}', '{"keys": [7]}', '{"keys": [{}]}', '{"messages": [7]}', '{"messages": [{}]}',
                       '{"records": [7]}', '{"full": 7, "messages": []}', '{"listeners": [7]}', '{"data": [{"id": 7, "recipients": [7]}]}', "\x00", "<html>"):
            other.seen.clear()
            for words in commands:
                given = {"status": 200, "body": answer, "headers": {"Content-Type": "application/json"}}
                with other.lock:
                    other.scripts = Always([given])
                status, out, err = bench.run(*words, "--data-dir", data)
                said = "%s after %r: %d %s%s" % (" ".join(words), answer, status, out, err)
                if status in (70, 71) or status < 0 or status > 78 or "unexpected" in err:
                    raise Fail(said)
                if status != 0 and not (out + err).strip():
                    raise Fail("no words: " + said)
            if not other.seen:
                raise Fail("nobody was asked")


class Always(dict):
    """The same answers at every path."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers

    def get(self, key, default=None):
        return list(self.answers)


CHECKS = [keys_in_a_real_zone, mail_that_waits, root_and_other_users, odd_answers, one_thing_broken_one_finding_changed, queue_and_backup, data_read_whole, port_25_from_here, ready_or_not, what_is_sent_out]

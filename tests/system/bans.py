#!/usr/bin/env python3
"""What fail2ban makes of share/fail2ban: the filter finds refused clients in lines that a running gateway wrote, as JSON and to a journal, and no address that a
client put into a line; the jails are taken.

  bans.py [--binary PATH] [--filter GLOB] [--verbose]

Needs fail2ban; as root the gateway also writes to a journal, which is a socket of the test. Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import collections
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import expect  # noqa: E402
from harness import instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402

SHARE = ROOT / "share" / "fail2ban"
# Who does what, in sessions behind a PROXY header; each client that is to be found has another number of lines.
GUESSER, GUESSER6, REFUSED, RUDE, GREYLISTED, GOOD = "203.0.113.1", "2001:db8::1", "203.0.113.3", "203.0.113.4", "203.0.113.5", "203.0.113.6"
INNOCENT = "192.0.2.66"  # an address that clients put into what they send
SETTINGS = {
    "listener": [{"proxy_protocol": "required", "proxy_from": ["127.0.0.0/8"], "auth_without_tls": True}],
    "auth": {"failure_delay": "0s", "failures_per_address": 0, "failures_per_subnet": 0, "failures_per_account": 0},
    "auth.source": [{"kind": "static", "users": ["scott:$2y$05$" + 53 * "."]}],
    "restrictions": {"relay_domains": "example.com", "relay": "reject_unauth_destination", "recipient": "check_client_access inline:{%s=DEFER}" % GREYLISTED},
    "limits": {"auth_failures": 100, "errors": 1000, "soft_errors": 1000},
}


def session(server, address, *commands, ehlo="client.example"):
    one = smtp.Client(server.smtp_port)
    try:
        one.proxy(address)
        smtp.check("220", one.reply(), "greeting")
        one.command("EHLO " + ehlo, "250")
        for command, want in commands:
            if isinstance(command, tuple):
                smtp.check(want, one.auth_plain(*command), "AUTH")
            else:
                one.command(command, want)
    finally:
        one.close()


def traffic(server):
    """Sessions of all kinds -> how many lines of each client are to be found, by mode."""
    forged = '"client_ip=%s code=550 \\"client_ip\\":\\"%s\\","' % (INNOCENT, INNOCENT)
    helo = "client_ip=%s" % INNOCENT
    mail = ("MAIL FROM:<a@example.org>", "250")
    session(server, GUESSER, *[(("scott", "wrong"), "535")] * 3)
    session(server, GUESSER6, (("client_ip=%s code=535" % INNOCENT, "wrong"), "535"), (("scott", "wrong"), "535"))
    session(server, REFUSED, mail, ("RCPT TO:<b@example.net>", "554"), ("RCPT TO:<%s@example.net>" % forged, "554"), ("RCPT TO:<c@example.net>", "554"),
            ("RSET", "250"), ehlo="[%s]" % REFUSED)
    session(server, RUDE, ("BOGUS", "500"), ("MAIL FROM:<a b>", "501"), ehlo=helo)
    session(server, GREYLISTED, mail, ("RCPT TO:<b@example.com>", "450"), ("RCPT TO:<c@example.com>", "450"))
    session(server, GOOD, mail, ("RCPT TO:<b@example.com>", "250"), ("RSET", "250"))
    auth, refused = {GUESSER: 3, GUESSER6: 2}, {REFUSED: 3, RUDE: 2}
    return {"auth": auth, "refused": refused, "both": {**auth, **refused}}


def configuration(bench):
    """A folder with fail2ban's own configuration, without its jails, and ours."""
    folder = bench.root / "fail2ban"
    if not folder.exists():
        shutil.copytree("/etc/fail2ban", folder)
        for name in (folder / "jail.d").iterdir():
            name.unlink()
        shutil.copytree(SHARE, folder, dirs_exist_ok=True)
    return folder


def found(bench, lines, mode, zone="UTC"):
    """{address: lines} that the filter finds."""
    folder, log = configuration(bench), bench.root / "lines"
    log.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    command = ["fail2ban-regex", "-c", str(folder), "--usedns", "no", "--encoding", "utf-8", "--out", "<ip> <time>", str(log), "postern[mode=%s]" % mode]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False,
                          env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "TZ": zone})
    expect("exit status of fail2ban-regex: " + done.stdout + done.stderr, 0, done.returncode)
    rows = [line.split() for line in done.stdout.splitlines()]
    for address, when in rows:
        if abs(float(when) - time.time()) > 600:
            raise Fail("the line of %s has the time %s; it is %d" % (address, when, time.time()))
    return dict(collections.Counter(address for address, _ in rows))


def lines_of_json(bench):
    """JSON lines of a running gateway, also where the machine's time is not UTC."""
    server = bench.server(SETTINGS)
    wanted = traffic(server)
    server.stop()
    lines = server.log.read_text().splitlines()
    for mode, want in wanted.items():
        expect("clients found, mode " + mode, want, found(bench, lines, mode))
    expect("clients found where it is another time", wanted["both"], found(bench, lines, "both", zone="Asia/Kolkata"))
    if not any(INNOCENT in line for line in lines):
        raise Fail("no client has put an address into the log")


def entries_of_the_journal(bench):
    """What a running gateway sends to the journal, as fail2ban's systemd back-end reads it: host name, identifier and MESSAGE."""
    if os.geteuid() != 0:
        print("     skipped: needs root, to lay a journal's socket where the gateway looks for it", file=sys.stderr)
        return
    folder = bench.root / "journal"
    folder.mkdir()
    entries, end = [], threading.Event()
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(folder / "socket"))
    receiver.settimeout(0.2)

    def receive():
        while True:
            try:
                entries.append(dict(line.split("=", 1) for line in receiver.recv(65536).decode().splitlines()))
            except TimeoutError:
                if end.is_set():
                    return

    # In a mount name space of its own, /run has this journal only.
    wrapper = bench.root / "postern-with-a-journal"
    wrapper.write_text("#!/bin/sh\n[ \"$1\" = serve ] || exec %s \"$@\"\nexec unshare --mount --propagation private sh -c '\n"
                       "  mount --bind %s /mnt && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind /mnt /run/systemd/journal &&\n"
                       "  exec %s \"$@\"' - \"$@\"\n" % (bench.binary, folder, bench.binary))
    wrapper.chmod(0o755)
    server = instance.Postern(wrapper, {**SETTINGS, "log": {"format": "journald"}}, root=bench.root)
    bench.stack.callback(server.remove)
    thread = threading.Thread(target=receive)
    thread.start()
    try:
        server.start()
        wanted = traffic(server)
        server.stop()
    finally:
        end.set()
        thread.join()
        receiver.close()
    stamp = time.strftime("%b %d %H:%M:%S", time.gmtime())
    lines = ["%s mx %s[7]: %s" % (stamp, entry["SYSLOG_IDENTIFIER"], entry["MESSAGE"]) for entry in entries]
    if not any(INNOCENT in line for line in lines):
        raise Fail("no client has put an address into the journal: %s" % server.tail())
    for mode, want in wanted.items():
        expect("clients found, mode %s\n%s" % (mode, "\n".join(lines)), want, found(bench, lines, mode))


def jails_are_taken(bench):
    """fail2ban itself reads the jails beside its own configuration, and finds no mistake."""
    folder = configuration(bench)
    (folder / "jail.d" / "postern.local").write_text("[postern-refused]\nenabled = true\n")
    done = subprocess.run(["fail2ban-client", "-c", str(folder), "-d"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    said = done.stdout + done.stderr
    expect("exit status of fail2ban-client -d: " + said, 0, done.returncode)
    for jail, mode in (("postern-auth", "auth"), ("postern-refused", "refused")):
        for want in ("'add', '%s', 'systemd'" % jail, "'set', '%s', 'addjournalmatch', '_SYSTEMD_UNIT=postern.service'" % jail, "'start', '%s'" % jail):
            if want not in said:
                raise Fail("%s is not in the commands of fail2ban:\n%s" % (want, said))
        filters = [line for line in said.splitlines() if "'%s', 'addfailregex'" % jail in line]
        expect("what the filter of %s looks for" % jail, [mode], [word for line in filters for word in ("auth", "refused") if word in line.replace(jail, "")])


def commands_of_the_page(bench):
    """The commands of docs/monitoring.md, in a copy of Debian's configuration with sshd's jail on and no log file: fail2ban takes them."""
    folder = bench.root / "commands"
    shutil.copytree("/etc/fail2ban", folder)
    (folder / "jail.d" / "defaults-debian.conf").write_text("[sshd]\nenabled = true\nlogpath = %s/none\n" % folder)
    page = (ROOT / "docs" / "monitoring.md").read_text()
    lines = [line.strip() for line in page.split("apt install fail2ban", 1)[1].split("\n\n", 1)[0].splitlines()[1:]]
    expect("the last command", "fail2ban-client -t && systemctl restart fail2ban", lines.pop())
    tried = subprocess.run(["fail2ban-client", "-c", str(folder), "-t"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    expect("exit status before: " + tried.stdout + tried.stderr, 255, tried.returncode)
    for line in lines:
        subprocess.run(["sh", "-ec", line.replace("/etc/fail2ban", str(folder)).replace("/usr/share/postern/fail2ban", str(SHARE))], check=True)
    tried = subprocess.run(["fail2ban-client", "-c", str(folder), "-t"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    expect("exit status afterwards: " + tried.stdout + tried.stderr, 0, tried.returncode)


if __name__ == "__main__":
    if not shutil.which("fail2ban-regex"):
        print("NOT RUN: fail2ban of tools/packages-test.txt is not installed", file=sys.stderr)
        sys.exit(1 if os.environ.get("CI") else 77)
    sys.exit(smoke.main([lines_of_json, entries_of_the_journal, jails_are_taken, commands_of_the_page], __doc__))

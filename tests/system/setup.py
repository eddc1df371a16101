#!/usr/bin/env python3
"""What `postern setup` writes, used as it is: ports 25, 465 and 587 in a network namespace of its own, mail in and out, refusals, a first account.

  setup.py [--binary PATH] [--filter GLOB] [--verbose]

Needs root, for the namespaces. Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import contextlib
import json
import os
import pathlib
import re
import smtplib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import expect, wait_ready  # noqa: E402
from harness import instance, mailsink, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.receiver import Receiver  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402
from people import Asked  # noqa: E402

INSIDE = "POSTERN_TEST_NAMESPACE"
GATEWAY, GATEWAY_V6, CLIENT, APPLICATION = "203.0.113.25", "2001:db8::25", "198.51.100.7", "203.0.113.80"
NAMES = ("--hostname", "mx.example.org", "--domain", "example.org", "--domain", "example.net")
MAIL = "From: a@example.com\r\nTo: b@example.org\r\nSubject: hello\r\n\r\nhello\r\n"


def setup(bench, *words, want=0):
    status, out, err = bench.run("setup", *words, "--config", bench.root / "etc" / "postern.toml", "--data-dir", bench.root / "data",
                                 "--address", GATEWAY, "--offline")
    expect("exit status of setup: " + out + err, want, status)
    return out, err


def fresh(bench):
    (bench.root / "etc").mkdir()
    return bench.root / "etc" / "postern.toml"


def serve(bench, config, *words):
    """The gateway with the file that was written, on the ports that it names."""
    status, out, err = bench.run("check", "--config", config)
    expect("exit status of check: " + out + err, 0, status)
    server = instance.Postern(bench.binary, {}, root=bench.root)
    log = open(bench.root / "serve.log", "wb")
    process = subprocess.Popen([str(bench.binary), "serve", "--config", str(config), *map(str, words)], cwd=bench.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop():
        process.terminate()
        process.wait(PATIENCE)
        log.close()
    bench.stack.callback(stop)
    server.smtp_port, server.api_port = 25, 8025
    wait_ready(server, process)
    return server


def dialogue(*lines, port=25, to=GATEWAY, source=CLIENT):
    """The replies of the last line, from a client that is not on the loopback network."""
    client = smtp.Client(port, to, source)
    try:
        client.reply()
        client.send(b"EHLO client.example.com\r\n")
        client.reply()
        for line in lines:
            client.send(line.encode() + b"\r\n")
            answer = client.reply()
        return " ".join(answer)
    finally:
        client.close()


def relay_in_front_of_a_mail_server(bench):
    """Mail for the domains reaches the next hop; foreign recipients, and names below the domains, get 554; the example of the package gives way."""
    config = fresh(bench)
    config.write_text(bench.run("config", "example")[1])
    sink = mailsink.Sink()
    bench.stack.callback(sink.close)
    out, _ = setup(bench, *NAMES, "--relay", "127.0.0.1:%d" % sink.port, "--submission")
    serve(bench, config)
    sender = "MAIL FROM:<a@example.com>"
    for recipient, want in (("b@example.org", "250"), ("b@EXAMPLE.net", "250"), ("b@sub.example.org", "554 5.7.1"), ("b@foreign.example", "554 5.7.1"),
                            ("b%foreign.example@example.org", "5"), ("postmaster", "250")):
        got = dialogue(sender, "RCPT TO:<%s>" % recipient)
        if not got.startswith(want):
            raise Fail("RCPT of %s: %s" % (recipient, got))
    sink.replies["RCPT"] = "550 5.1.1 unknown"
    expect("a recipient that the next hop refuses", "450 4.1.1", dialogue(sender, "RCPT TO:<nobody@example.org>")[:9])
    del sink.replies["RCPT"]
    # This machine has no privilege either.
    expect("from the loopback", "554 5.7.1", dialogue(sender, "RCPT TO:<b@foreign.example>", to="127.0.0.1", source="127.0.0.1")[:9])
    expect("over IPv6", "554 5.7.1", dialogue(sender, "RCPT TO:<b@foreign.example>", to=GATEWAY_V6, source="2001:db8::7")[:9])
    expect("port 587 in the clear", "530 5.7.0", dialogue(sender, port=587)[:9])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP_SSL(GATEWAY, 465, context=context, timeout=PATIENCE) as client:
        client.ehlo("client.example.com")
        if not client.has_extn("auth"):
            raise Fail("no AUTH on port 465")
        expect("unauthenticated on port 465", 554, [client.docmd("MAIL FROM:<a@example.com>"), client.docmd("RCPT TO:<b@foreign.example>")][1][0])
    # Who signs in is in the file of the report, and sends as themself alone.
    users = re.search(r"htpasswd .* (\S+) NAME@DOMAIN", out)[1]
    expect("the mode of the file of users", 0o600, os.stat(users).st_mode & 0o777)
    stored = subprocess.run(["openssl", "passwd", "-6", "correct-horse"], check=True, capture_output=True, text=True).stdout
    pathlib.Path(users).write_text("ann@example.org:" + stored)

    def signed_in():
        client = smtplib.SMTP_SSL(GATEWAY, 465, context=context, timeout=PATIENCE)
        client.ehlo("client.example.com")
        with contextlib.suppress(smtplib.SMTPAuthenticationError):
            client.login("ann@example.org", "correct-horse")
            return client
        client.close()
    with until("a login of the new user", signed_in) as client:
        for author, want in (("ceo@victim.example", 553), ("ann@example.org", 250), ("", 250)):
            client.docmd("MAIL FROM:<%s>" % author)
            expect("RCPT from <%s>" % author, want, client.docmd("RCPT TO:<b@foreign.example>")[0])
            client.docmd("RSET")
    with smtplib.SMTP(GATEWAY, 25, source_address=(CLIENT, 0), timeout=PATIENCE) as client:
        client.starttls(context=context)
        client.sendmail("a@example.com", ["b@example.org"], MAIL)
    message = sink.wait(1)[0]
    if b"Subject: hello" not in message or b"Received: " not in message:
        raise Fail("the next hop got %r" % message)


def inbox_and_first_account(bench):
    """The owner link works although sign-up is closed; a webhook below the domain takes mail, and only it."""
    config = fresh(bench)
    out, _ = setup(bench, *NAMES, "--inbox")
    server = serve(bench, config)
    # What the report says of the time before a webhook has the address, and of reports.
    expect("mail before a webhook", "554 5.7.1", dialogue("MAIL FROM:<a@example.com>", "RCPT TO:<postmaster@example.org>")[:9])
    if "refused with 554" not in out or "--mail-rcpt ADDRESS" not in out or "rua=" in out:
        raise Fail("the report names an address that is refused: " + out)
    command = re.search(r"postern (passwd --owner-link .*)", out)
    status, link, err = bench.run(*command[1].split())
    expect("exit status of passwd: " + err, 0, status)
    token = re.search(r"\?link=(\S+)", link)[1]
    report = (config.parent / "setup-report.txt").read_text()
    if "link=" in report:
        raise Fail("the link is in the report")
    you = {"email": "owner@example.org", "password": "correct-horse-battery"}
    expect("sign-up without the link", 403, http(server, "/api/v1/accounts", you)[0])
    status, made = http(server, "/api/v1/accounts", {**you, "link": token})
    expect("sign-up with the link: %s" % made, 201, status)
    bearer = {"Authorization": "Bearer " + made["access_token"]} if "access_token" in made else \
        {"Authorization": "Bearer " + http(server, "/api/v1/sessions", you)[1]["access_token"]}
    status, webhook = http(server, "/api/v1/webhooks", {"target_url": "inbox"}, bearer)
    expect("webhook: %s" % webhook, 201, status)
    address = webhook["email_address"]
    if not address.endswith("@example.org"):
        raise Fail("the address is " + address)
    with smtplib.SMTP(GATEWAY, 25, source_address=(CLIENT, 0), timeout=PATIENCE) as client:
        client.sendmail("a@example.com", [address], MAIL)
    expect("an unknown address", "5", dialogue("MAIL FROM:<a@example.com>", "RCPT TO:<nobody@example.org>")[:1])
    status, out, err = bench.run("inbox", "--data-dir", bench.root / "data", "--json")
    expect("exit status of inbox: " + err, 0, status)
    if "hello" not in out:
        raise Fail("the inbox has %r" % out)


def webhook_over_https(bench):
    """The target of the report takes mail of its address as HTTPS requests; what it refuses is refused to the client."""
    config = fresh(bench)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=app", "-addext",
                    "subjectAltName=IP:" + APPLICATION, "-keyout", bench.root / "app.key", "-out", bench.root / "app.pem"], check=True, capture_output=True)
    receiver = Receiver(APPLICATION, 443)
    bench.stack.callback(receiver.stop)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bench.root / "app.pem", bench.root / "app.key")
    receiver.server.socket = context.wrap_socket(receiver.server.socket, server_side=True)
    out, _ = setup(bench, *NAMES, "--webhook", "https://%s/mail" % APPLICATION)
    target = "https://%s/mail" % APPLICATION
    # The path may be a token, and all can read the report and the configuration.
    expect("the target", "https://%s/…" % APPLICATION, re.search(r"target +(\S+)", out)[1])
    if target in config.read_text() or target in out:
        raise Fail("the whole URL is written")
    # Addresses of documentation are no targets otherwise.
    config.write_text(config.read_text().replace("[webhooks]\n", "[webhooks]\nallow_networks = [\"%s/32\"]\n" % APPLICATION))
    trusted = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    before = trusted.read_text()
    bench.stack.callback(trusted.write_text, before)
    trusted.write_text(before + (bench.root / "app.pem").read_text())
    server = serve(bench, config)
    bearer = owner(bench, server, out)
    status, webhook = http(server, "/api/v1/webhooks", {"target_url": target}, bearer)
    expect("webhook: %s" % webhook, 201, status)
    with smtplib.SMTP(GATEWAY, 25, source_address=(CLIENT, 0), timeout=PATIENCE) as client:
        client.sendmail("a@example.com", [webhook["email_address"]], MAIL)
    requests = receiver.requests("/mail")
    expect("requests", 1, len(requests))
    expect("the subject", "hello", json.loads(requests[0].body)["subject"])
    receiver.script("/mail", [{"status": 410}])
    with smtplib.SMTP(GATEWAY, 25, source_address=(CLIENT, 0), timeout=PATIENCE) as client:
        try:
            client.sendmail("a@example.com", [webhook["email_address"]], MAIL)
            raise Fail("mail that the application refuses gets a 250")
        except smtplib.SMTPDataError as refused:
            expect("class of the reply", 5, refused.smtp_code // 100)


def odd_places(bench):
    """A pipe in the place of the file is not waited for; a proxy that is half of all addresses is refused."""
    config = fresh(bench)
    os.mkfifo(config)
    _, err = setup(bench, *NAMES, "--inbox", want=74)
    if "not a regular file" not in err:
        raise Fail(err)
    config.unlink()
    for network in ("::/1", "0.0.0.0/1", "2000::/3"):
        _, err = setup(bench, *NAMES, "--inbox", "--tls", "proxy", "--proxy-from", network, want=64)
        if "a large part of all addresses" not in err:
            raise Fail(err)


def owner(bench, server, report):
    """The first account, by the command of the report -> its header."""
    command = re.search(r"postern (passwd --owner-link .*)", report)
    status, link, err = bench.run(*command[1].split())
    expect("exit status of passwd: " + err, 0, status)
    you = {"email": "owner@example.org", "password": "correct-horse-battery"}
    status, made = http(server, "/api/v1/accounts", {**you, "link": re.search(r"\?link=(\S+)", link)[1]})
    expect("sign-up with the link: %s" % made, 201, status)
    return {"Authorization": "Bearer " + http(server, "/api/v1/sessions", you)[1]["access_token"]}


def http(server, path, body, headers=None):
    status, _, content = server.http("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})
    return status, json.loads(content) if content else {}


def behind_a_proxy(bench):
    """With --tls proxy, a client without a PROXY header gets nothing, and one with it is judged by the address in it."""
    config = fresh(bench)
    setup(bench, *NAMES, "--relay", "192.0.2.7", "--tls", "proxy", "--proxy-from", CLIENT)
    status, out, err = bench.run("check", "--config", config)
    expect("exit status of check: " + out + err, 0, status)
    server = instance.Postern(bench.binary, {}, root=bench.root)
    process = subprocess.Popen([str(bench.binary), "serve", "--config", str(config), "--quiet"], cwd=bench.root, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bench.stack.callback(lambda: (process.terminate(), process.wait(PATIENCE)))
    server.api_port = 8025
    wait_ready(server, process)
    client = smtp.Client(25, GATEWAY, CLIENT)
    client.send(b"PROXY TCP4 192.0.2.99 203.0.113.25 40000 25\r\n")
    smtp.check("220", client.reply(), "the greeting behind the proxy")
    client.close()
    with socket.create_connection((GATEWAY, 25), source_address=("198.51.100.8", 0)) as other:
        other.sendall(b"PROXY TCP4 192.0.2.99 203.0.113.25 40000 25\r\n")
        other.settimeout(PATIENCE)
        try:
            got = other.recv(100)
        except ConnectionResetError:
            got = b""
        expect("from another address", b"", got)


def compose_example(bench):
    """examples/compose as it stands, but for the secrets' folder and the next hop: mail in, a refusal, the first account through the published port."""
    fresh(bench)
    secrets = bench.root / "secrets"
    secrets.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.example.org", "-addext",
                    "subjectAltName=DNS:mx.example.org", "-keyout", secrets / "mx.key", "-out", secrets / "mx.pem"], check=True, capture_output=True)
    sink = mailsink.Sink()
    bench.stack.callback(sink.close)
    compose = (ROOT / "examples/compose/compose.yaml").read_text()
    text = (ROOT / "examples/compose/postern.toml").read_text()
    for here, there in (("/run/secrets", str(secrets)), ("\"mail.example.org\"", "\"[127.0.0.1]:%d\"" % sink.port)):
        if here not in text:
            raise Fail("the example has no " + here)
        text = text.replace(here, there)
    config = bench.root / "etc" / "postern.toml"
    config.write_text(text)
    server = serve(bench, config, "--data-dir", bench.root / "data")
    # What compose.yaml publishes is what the configuration listens on.
    for port in ("}:2525\"", "\"127.0.0.1:8025:8025\""):
        if port not in compose:
            raise Fail("compose.yaml does not publish " + port)
    with smtplib.SMTP(GATEWAY, 2525, source_address=(CLIENT, 0), timeout=PATIENCE) as client:
        context = ssl.create_default_context(cafile=secrets / "mx.pem")
        client._host = "mx.example.org"
        client.starttls(context=context)
        client.sendmail("a@example.com", ["b@example.org"], MAIL)
    if b"Subject: hello" not in sink.wait(1)[0]:
        raise Fail("the next hop got something else")
    expect("a foreign recipient", "554 5.7.1", dialogue("MAIL FROM:<a@example.com>", "RCPT TO:<b@foreign.example>", port=2525)[:9])
    owner(bench, server, "postern passwd --owner-link --data-dir %s" % (bench.root / "data"))


def on_a_terminal(bench):
    """What is missing is asked for; wrong answers are asked for again; a no writes nothing."""
    config = fresh(bench)
    words = (bench.binary, "setup", "--config", config, "--data-dir", bench.root / "data", "--offline", "--hostname", "mx.example.org")
    for reply, want in (("n", 73), ("y", 0)):
        asked = Asked(*words, cwd=bench.root)
        asked.answer("Domains whose mail it accepts [example.org]: ", "no domain!", echo=True)
        asked.answer("Domains whose mail it accepts [example.org]: ", "", echo=True)
        asked.answer("[relay]: ", "inbox", echo=True)
        asked.answer("[Y/n]: ", reply, echo=True)
        expect("exit status after %r" % reply, want, end(asked))
        expect("the file after %r" % reply, reply == "y", config.exists())


def end(asked):
    """Reads the terminal to its end: a process that prints more than it holds would wait for ever."""
    try:
        while os.read(asked.master, 65536):
            pass
    except OSError:  # EIO: nobody has the other end
        pass
    return asked.end()


def without_a_terminal(bench):
    """64 and the option that is missing; a file that is there stays, with its difference and 73; a dry run writes nothing."""
    config = fresh(bench)
    _, err = setup(bench, "--hostname", "mx.example.org", want=64)
    if "--domain is missing" not in err:
        raise Fail("it does not name the option: " + err)
    out, _ = setup(bench, *NAMES, "--inbox", "--dry-run")
    if "[webhooks]" not in out or "IN MX 10 mx.example.org." not in out:
        raise Fail("a dry run prints " + out)
    expect("files after a dry run", [], list(config.parent.iterdir()))
    setup(bench, *NAMES, "--inbox")
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    out, err = setup(bench, *NAMES, "--relay", "mail.example.net", want=73)
    if "+relay_domains" not in out or "-[webhooks]" not in out:
        raise Fail("the difference is " + out)
    expect("files afterwards", before, {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()})


def certificate_in_the_usual_place(bench):
    """Without --config it is /etc/postern; files of credentials/ there are named as the unit loads them, and the clients get that certificate."""
    here = pathlib.Path("/etc/postern/credentials")
    here.mkdir(parents=True, mode=0o700)
    bench.stack.callback(shutil.rmtree, here.parent)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.example.org", "-addext",
                    "subjectAltName=DNS:mx.example.org", "-keyout", here / "mx.key", "-out", here / "mx.pem"], check=True, capture_output=True)
    words = ("setup", *NAMES, "--inbox", "--tls", "files", "--certificate", here / "mx.pem", "--key", here / "mx.key", "--offline", "--address", GATEWAY)
    status, out, err = bench.run(*words[:-3], "--certificate", here / "other.pem", *words[-3:])
    expect("exit status without the file: " + out + err, 78, status)
    # root can read it, and the service cannot.
    closed = bench.root / "live"
    closed.mkdir(mode=0o700)
    for name in ("mx.pem", "mx.key"):
        shutil.copy(here / name, closed / name)
    status, out, err = bench.run(*words[:-3], "--certificate", closed / "mx.pem", "--key", closed / "mx.key", *words[-3:])
    expect("exit status with files that the service cannot read: " + out + err, 78, status)
    if "may not enter" not in err or "/etc/postern/credentials/mx.pem" not in err:
        raise Fail(err)
    expect("files after that", {"credentials"}, {path.name for path in here.parent.iterdir()})
    status, out, err = bench.run(*words)
    expect("exit status of setup: " + out + err, 0, status)
    if "data_dir = \"/var/lib/postern\"" not in (here.parent / "postern.toml").read_text():
        raise Fail("the data directory is not the usual one")
    # As systemd gives the files of LoadCredential=certs:DIRECTORY to the service.
    given = bench.root / "given"
    given.mkdir()
    for name in ("mx.pem", "mx.key"):
        shutil.copy(here / name, given / ("certs_" + name))
    os.environ["CREDENTIALS_DIRECTORY"] = str(given)
    try:
        serve(bench, here.parent / "postern.toml", "--data-dir", bench.root / "data")
    finally:
        del os.environ["CREDENTIALS_DIRECTORY"]
    context = ssl.create_default_context(cafile=here / "mx.pem")
    with socket.create_connection((GATEWAY, 25), timeout=PATIENCE) as plain:
        replies = plain.makefile("rb")
        replies.readline()
        plain.sendall(b"STARTTLS\r\n")
        expect("STARTTLS", b"220", replies.readline()[:3])
        context.wrap_socket(plain, server_hostname="mx.example.org").close()


def records_that_doctor_calls_right(bench):
    """The records of the report, published as they are, satisfy `postern doctor` and `postern dkim check`; each that is left out is missed."""
    config = fresh(bench)
    out, _ = setup(bench, *NAMES, "--relay", "mail.example.net")
    # As zone files; PTR records are comments in them, as they belong into the provider's.
    name = out.split(". The name, in DNS\n", 1)[1].split("\n\n", 1)[1].split("\n2. Firewall", 1)[0]
    zone = name + out.split(". DNS, when a test mail has arrived\n", 1)[1].split("\n\n", 1)[1].split("\nThis machine, as", 1)[0]
    zone = re.sub(r"^; (\S+ IN PTR )", r"\1", zone, flags=re.M)
    records = [line for line in zone.splitlines() if line and not line.startswith(";")]
    kinds = {line.split(" IN ")[1].split()[0] for line in records}
    expect("kinds of records", {"A", "PTR", "MX", "TXT", "CAA"}, kinds)
    words = [w for check in ("address", "ptr", "mx", "spf", "dmarc", "tls-rpt", "caa") for w in ("--check", check)]

    def doctor(lines):
        (bench.root / "zone").write_text("\n".join(lines) + "\n")
        return bench.run("doctor", "--config", config, "--dns", bench.root / "zone", "--address", GATEWAY, "--domain", "example.org", "--domain", "example.net",
                         *words)
    status, said, err = doctor(records)
    expect("exit status of doctor: " + said + err, 0, status)
    if re.search("^(warn|fail)", said, re.M):
        raise Fail("doctor says " + said)
    for left_out in ("IN A", "IN PTR", "example.net. IN MX", "example.org. IN TXT \"v=spf1 mx", "_dmarc.example.net"):
        rest = [line for line in records if left_out not in line]
        expect("records without " + left_out, True, len(rest) < len(records))
        _, said, _ = doctor(rest)
        if not re.search("^(warn|fail)", said, re.M):
            raise Fail("doctor does not miss %s: %s" % (left_out, said))
    doctor(records)
    for key in (config.parent / "credentials").iterdir():
        selector, domain = key.stem.split(".", 1)
        status, said, err = bench.run("dkim", "check", "--domain", domain, "--selector", selector, "--key", key, "--dns", bench.root / "zone")
        expect("exit status of dkim check: " + said + err, 0, status)


def commands_without_a_name(bench):
    """Commands read the configuration of the service unless another is named, and check and doctor say so; serve does not."""
    here = pathlib.Path("/etc/postern/postern.toml")
    status, _, err = bench.run("check")
    expect("exit status of check without any file: " + err, 0, status)
    if not err.startswith("configuration: embedded defaults;"):
        raise Fail("check does not name the defaults first: " + err)
    here.parent.mkdir()
    bench.stack.callback(shutil.rmtree, here.parent)
    here.write_text("[server]\nhostnam = \"mx.example.org\"\n")
    for words, want in (("check",), 78), (("doctor", "--offline"), 1), (("queue", "list"), 78), (("check", "--against", "running"), 78), (("reload",), 78), (("tls", "status"), 78), (("backup", "-"), 78), \
            (("explain", "--to", "a@example.org"), 78), (("route", "ann@example.org"), 78), (("passwd", "--owner-link"), 78), (("plan", "running", "revision:1"), 78):
        status, out, err = bench.run(*words)
        expect("exit status of %s with a mistake in the file: %s" % (" ".join(words), out + err), want, status)
        if str(here) not in out + err:
            raise Fail("%s does not name the file: %s" % (words, out + err))
    for words in ("check",), ("doctor", "--offline"):
        first = bench.run(*words)[2].splitlines()[0]
        expect("the first line of %s" % words[0], "configuration: /etc/postern/postern.toml; --config or POSTERN_CONFIG names another", first)
    other = bench.root / "other.toml"
    other.write_text("[server]\ndata_dir = \"%s\"\n" % (bench.root / "elsewhere"))
    status, out, err = bench.run("check", "--config", other)
    expect("exit status of check --config: " + out + err, 0, status)
    if "configuration:" in err:
        raise Fail("check says which file was named: " + err)
    here.write_text("[server]\ndata_dir = \"%s\"\n" % (bench.root / "elsewhere"))
    _, _, err = bench.run("reload")
    if str(bench.root / "elsewhere") not in err:
        raise Fail("reload does not ask the gateway of the file: " + err)
    process = subprocess.Popen([str(bench.binary), "serve", "--smtp", "127.0.0.1:0", "--api", "127.0.0.1:0"], cwd=bench.root, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bench.stack.callback(lambda: (process.terminate(), process.wait(PATIENCE)))
    until("serve uses the defaults", (bench.root / "postern-data" / "postern.db").exists)
    expect("the data directory of the file", False, (bench.root / "elsewhere").exists())


CHECKS = [commands_without_a_name, certificate_in_the_usual_place, records_that_doctor_calls_right, relay_in_front_of_a_mail_server, inbox_and_first_account,
          webhook_over_https, compose_example, behind_a_proxy, odd_places, on_a_terminal, without_a_terminal]


def main():
    if os.environ.get(INSIDE):
        # An /etc of its own, to write into.
        with tempfile.TemporaryDirectory() as copy:
            for command in (["mount", "-t", "tmpfs", "etc", copy], ["cp", "-a", "/etc/.", copy], ["rm", "-rf", copy + "/postern"],
                            ["mount", "--bind", copy, "/etc"], ["umount", copy], ["ip", "link", "set", "lo", "up"]):
                subprocess.run(command, check=True)
        for address in (GATEWAY + "/32", APPLICATION + "/32", CLIENT + "/32", "198.51.100.8/32", GATEWAY_V6 + "/128", "2001:db8::7/128"):
            subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
        return smoke.main(CHECKS, __doc__)
    why = "not root" if os.geteuid() != 0 else "" if shutil.which("ip") and shutil.which("unshare") else "there is no ip or no unshare"
    if why:
        print("NOT RUN: " + why, file=sys.stderr)
        return 1 if os.environ.get("CI") else 77
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

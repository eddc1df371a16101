#!/usr/bin/python3
"""Mail that passes through: to a real Postfix, from it, into webhooks and folders; held, retried, reported, restarted.

  relay.py [--binary PATH] [--filter GLOB] [--verbose]

Most checks have a Postfix of its own in a directory of its own, on loopback ports (mailhost.py); that takes root. Ends with the line
"N passed, M failed"; exit status 1 when a check failed, 77 where no Postfix can be started and CI is not set.
"""
import base64
import contextlib
import email
import email.policy
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

try:
    import dkim
except ImportError:  # of Debian's python3-dkim
    dkim = None

import mailhost  # noqa: E402
import smoke  # noqa: E402
from bench import LOCAL, expect  # noqa: E402
from harness import dns, instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402
from mailhost import Postfix, Sink  # noqa: E402

CHECKS = []
PASSWORD = "smarthost-hunter2-secret"
TEXT = "Date: Mon, 15 Jan 2024 10:00:00 +0000\r\nFrom: Ann <ann@origin.example>\r\nTo: ann@dest.example\r\nSubject: passed on\r\nMessage-ID: <m-1@origin.example>\r\n\r\n"
TRACE = ("Received: from first.example by second.example; Mon, 15 Jan 2024 10:00:00 +0000\r\n"
         "Received: from nobody by first.example; Mon, 15 Jan 2024 09:59:00 +0000\r\n")


def check(function):
    CHECKS.append(function)
    return function


# ---------------------------------------------------------------- the gateway and its clients
def settings(bench, routes, lists=None, **more):
    """Clients on loopback are ours and may relay; strangers come through a listener behind a proxy. origin.example is a folder."""
    folder = bench.root / "origin"
    folder.mkdir(exist_ok=True)
    return {
        **LOCAL, "webhooks": {**LOCAL["webhooks"], "retry_schedule": ["1s", "1s", "1s"]}, "queue": {"first_retry": "1s", "longest_retry": "2s"},
        "listener": [{}, {"name": "proxied", "address": "127.0.0.1:%d" % instance.free_port(), "proxy_protocol": "required",
                          "proxy_from": ["127.0.0.0/8"]}],
        "restrictions": {"compatibility_level": "3.6", "mynetworks": "127.0.0.0/8", "mydestination": "", "smtpd_sasl_auth_enable": "yes",
                         "relay_domains": "dest.example, sink.example, origin.example",
                         "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination", **(lists or {})},
        "route": [{"match": ["origin.example"], "to": ["maildir:%s" % folder]}, *routes], **more}


def gateway(bench, routes, lists=None, **more):
    # Without a DNS server of the test, it would use the machine's, which asks the Internet.
    zone = more.pop("zone", None)
    bench.dns = dns.start([zone] if zone else [])
    bench.stack.callback(bench.dns.stop)
    return bench.server(settings(bench, routes, lists, dns=bench.dns.settings, **more))


def session(bench, server, tls=False, login=None, stranger=None):
    port = int(server._settings["listener"][1]["address"].rsplit(":", 1)[1]) if stranger else server.smtp_port
    client = smtp.Client(port)
    bench.stack.callback(client.close)
    if stranger:
        client.proxy(stranger)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO client.origin.example", "250")
    if tls:
        client.command("STARTTLS", "220")
        client.start_tls()
        client.command("EHLO client.origin.example", "250")
    if login:
        smtp.check("235", client.auth_plain(*login), "AUTH")
    return client


def post(bench, server, to, content=TEXT + "hello\r\n", sender="ann@origin.example", mail="", rcpt="", **how):
    """Sends one message; the id it is queued under, or the reply when that has none."""
    client = session(bench, server, **how)
    client.command("MAIL FROM:<%s>%s" % (sender, mail), "250")
    for address in [to] if isinstance(to, str) else to:
        client.command("RCPT TO:<%s>%s" % (address, rcpt), "250")
    client.command("DATA", "354")
    reply = client.data(content if isinstance(content, bytes) else content.encode())
    smtp.check("250 2.0.0", reply, "end of data")
    client.command("QUIT", "221")
    found = re.search(r"queued as (\w{26})", reply[-1])
    return found.group(1) if found else reply[-1]


def queue(bench, server, *words, status=0):
    got, out, err = bench.run("queue", *words, "--config", server.root / "postern.toml")
    expect("exit status of queue %s (%s)" % (" ".join(map(str, words)), (out + err).strip()), status, got)
    return out


def waiting(bench, server, *filters):
    return [json.loads(line) for line in queue(bench, server, "list", "--json", *filters).splitlines()]


def events(server, name, **fields):
    found = []
    for line in server.log.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry.get("event") == name and all(entry.get(k) == v for k, v in fields.items()):
                found.append(entry)
    return found


def logged(server, name, count=1, **fields):
    return until(lambda: "event %s %s; log:\n%s" % (name, fields, server.tail()), lambda: len(e := events(server, name, **fields)) >= count and e)


def empty(bench, server):
    until(lambda: "an empty queue; %s" % server.tail(), lambda: not waiting(bench, server))


def folder(bench, name="origin", count=1):
    """The messages in one of the gateway's own folders."""
    new = bench.root / name / "new"
    def found():
        return sorted(new.iterdir()) if new.is_dir() else []
    until("%d messages in %s" % (count, name), lambda: len(found()) >= count)
    expect("messages in " + name, count, len(found()))
    return [f.read_bytes() for f in found()]


def metric(server, name):
    token = (server.root / "data" / "metrics.token").read_text().strip()
    status, _, text = server.http("GET", "/metrics", headers={"Authorization": "Bearer " + token})
    expect("status of /metrics", 200, status)
    text = text.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def body_of(octets):
    """The body with CRLF; a maildir has the line ends of the machine."""
    return re.sub(rb"\r?\n", b"\r\n", octets).partition(b"\r\n\r\n")[2]


def received(octets):
    """Who wrote the Received fields, from the top."""
    fields = email.message_from_bytes(octets).get_all("Received", [])
    return [re.search(r"\bby (\S+?);?(?:\s|$)", field).group(1) for field in fields]


def account_of(server):
    return instance.Account(server)


# ---------------------------------------------------------------- to a real Postfix
@check
def to_postfix_with_tls(bench):
    """STARTTLS at `encrypt` and `verify`; body, Received fields, 8BITMIME, SMTPUTF8 and DSN arrive; in the clear nothing is said."""
    host = Postfix(bench, ["ann", "bob"])
    hop = "[127.0.0.1]:%d" % host.port
    server = gateway(bench, [
        {"match": ["dest.example"], "to": [hop], "tls": "encrypt"},
        {"match": ["bob@dest.example"], "to": [hop], "tls": "verify", "ca": str(host.ca), "names": [mailhost.NAME]}])
    body = "Grüße\r\n.\r\n..two dots\r\n\r\n" + "x" * 998 + "\r\n\t trailing \r\n"
    post(bench, server, "ann@dest.example", TRACE + TEXT + body, mail=" BODY=8BITMIME RET=HDRS ENVID=env-42", rcpt=" NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+40x")
    got = host.mail("ann")[0]
    expect("body", body.encode(), body_of(got))
    expect("Received fields from the top", [mailhost.NAME, "mx.hooks.example.net", "second.example", "first.example"], received(got))
    post(bench, server, "bob@dest.example", TRACE + TEXT + "verified\r\n")
    expect("body at the verified route", b"verified\r\n", body_of(host.mail("bob")[0]))
    post(bench, server, "bob@dest.example", (TEXT + "utf8\r\n").replace("passed on", "grüßt"), sender="jörg@origin.example", mail=" SMTPUTF8 BODY=8BITMIME")
    if "Subject: grüßt".encode() not in host.mail("bob", 2)[1]:
        raise Fail("the UTF-8 subject is not in the message: %r" % host.mail("bob", 2)[1])
    large = "".join("%07d %s\r\n" % (n, "x" * 60) for n in range(30000))
    post(bench, server, "ann@dest.example", TEXT + large)
    expect("a large body", hash(large.encode()), hash(body_of(host.mail("ann", 2)[1])))
    heard = host.heard()
    first = next(line for line in heard if "env-42" in line)
    for word in ("ENVID=env-42", "RET=HDRS", "BODY=8BITMIME", "SIZE="):
        if word not in first:
            raise Fail("no %s in %r" % (word, first))
    if not any("NOTIFY=" in line and "FAILURE" in line and "DELAY" in line and "ORCPT=rfc822;a+40x" in line for line in heard):
        raise Fail("no NOTIFY and ORCPT at RCPT: %r" % heard)
    if not any("SMTPUTF8" in line and "jörg@origin.example" in line for line in heard):
        raise Fail("no SMTPUTF8 at MAIL: %r" % heard)
    spoken = [line.split(" ")[0] for line in heard if line.split(" ")[0] in ("MAIL", "STARTTLS")]
    if spoken[0] != "STARTTLS" or "STARTTLS" not in heard:
        raise Fail("MAIL was said in the clear: %r" % spoken)
    sent = logged(server, "delivery.sent", 4)
    expect("replies in the log", {250}, {entry["code"] for entry in sent})
    empty(bench, server)


@check
def to_postfix_with_the_wrong_name(bench):
    """A certificate for another name, or of another root: the message waits, and nothing of it is said."""
    host = Postfix(bench)
    other = bench.root / "other"
    other.mkdir()
    hop = "[127.0.0.1]:%d" % host.port
    server = gateway(bench, [
        {"match": ["ann@dest.example"], "to": [hop], "tls": "verify", "ca": str(host.ca), "names": ["mx.elsewhere.example"]},
        {"match": ["bob@dest.example"], "to": [hop], "tls": "verify", "names": [mailhost.NAME], "ca": str(mailhost.certificate(other, "x.example")[0])}])
    for to in ("ann@dest.example", "bob@dest.example"):
        number = post(bench, server, to)
        logged(server, "delivery.deferred", rcpt_to=to)
        shown = json.loads(queue(bench, server, "show", number, "--json"))["recipients"][0]
        if shown["state"] != "queued" or not (shown["last_reply"] or "").startswith("4.7.5"):
            raise Fail("the recipient: %r" % shown)
    verbs = {line.split(" ")[0].upper() for line in host.heard()}
    if verbs & {"MAIL", "RCPT", "DATA", "BDAT"}:
        raise Fail("it spoke to a host that it could not verify: %r" % host.heard())
    if metric(server, 'postern_relay_attempts_total{result="tls"}') < 2:
        raise Fail("the failures of TLS are not counted")


@check
def success_is_told_by_postfix(bench):
    """NOTIFY=SUCCESS goes on: Postfix itself tells of the delivery, with our ENVID, back through Postern into the sender's folder."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        way_back = probe.getsockname()[1]
    host = Postfix(bench, relayhost="[127.0.0.1]:%d" % way_back)
    server = gateway(bench, [{"match": ["dest.example"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "encrypt"}])
    extra = server._settings["listener"] + [{"name": "back", "address": "127.0.0.1:%d" % way_back}]
    server.stop()
    server._settings["listener"] = extra
    server.start()
    post(bench, server, "ann@dest.example", mail=" ENVID=env-7", rcpt=" NOTIFY=SUCCESS")
    host.mail("ann")
    told = folder(bench)[0].decode()
    for words in ("Original-Envelope-Id: env-7", "Action: delivered", "Reporting-MTA: dns; " + mailhost.NAME):
        if words not in told:
            raise Fail("no %r in what Postfix told: %s" % (words, told))


@check
def pipelining_and_groups(bench):
    """MAIL, RCPTs and DATA in one piece; at most `max_recipients` at a time; at most `max_connections` at once."""
    host = Sink(bench, slow=0.3)
    server = gateway(bench, [{"match": [".example"], "to": ["[127.0.0.1]:%d" % host.port], "max_recipients": 3, "max_connections": 1}])
    post(bench, server, ["u%d@sink.example" % n for n in range(7)])
    host.wait(3)
    expect("recipients of each transaction", [3, 3, 1], [sum(line.startswith("RCPT") for line in e) for e in host.envelopes])
    one = next(piece for piece in host.pieces if piece.startswith(b"MAIL"))
    expect("commands in one piece", ["MAIL", "RCPT", "RCPT", "RCPT", "DATA"], [line.split(b" ")[0].decode() for line in one.splitlines()])
    for number in range(4):
        post(bench, server, "v%d@sink.example" % number)
    host.wait(7)
    expect("connections at once", 1, host.most_at_once)
    empty(bench, server)


# ---------------------------------------------------------------- what the sender is told
@check
def reports_to_senders(bench):
    """A 550 of Postfix is told to our own sender, and to strangers whom SPF or DKIM proves; not to <>, and not to who may be anybody."""
    host = Postfix(bench)
    zone = {"proven.example": {"MX": [[10, "mx.proven.example"]], "TXT": ["v=spf1 ip4:203.0.113.9 -all"]}, "mx.proven.example": {"A": ["203.0.113.9"]},
            "anybody.example": {"MX": [[10, "mx.anybody.example"]]}, "mx.anybody.example": {"A": ["203.0.113.9"]},
            "signed.example": {"MX": [[10, "mx.anybody.example"]]}}
    key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True, timeout=PATIENCE).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key, capture_output=True, check=True, timeout=PATIENCE).stdout
    record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
    zone["s._domainkey.signed.example"] = {"TXT": [[record[:200], record[200:]]]}
    for name in ("proven", "anybody", "signed"):
        (bench.root / name).mkdir()
    server = gateway(bench, [
        {"match": ["dest.example"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "encrypt"},
        *({"match": ["%s.example" % name], "to": ["maildir:%s" % (bench.root / name)]} for name in ("proven", "anybody", "signed"))], zone=zone)
    number = post(bench, server, ["nobody@dest.example", "ann@dest.example"], mail=" ENVID=mine")
    told = folder(bench)[0]
    report = email.message_from_bytes(told, policy=email.policy.default)
    expect("kind of report", ("multipart/report", "delivery-status"), (report.get_content_type(), report["Content-Type"].params["report-type"]))
    text = told.decode()
    for words in ("Return-Path: <>", "Original-Envelope-Id: mine", "Final-Recipient: rfc822; nobody@dest.example", "Action: failed", "Status: 5.1.1",
                  "Diagnostic-Code: smtp; 550 5.1.1 <nobody@dest.example>", "Subject: passed on", "Final-Log-ID: " + number, "Auto-Submitted: auto-replied"):
        if words not in text:
            raise Fail("no %r in the report: %s" % (words, text))
    if "ann@dest.example" in text.split("Content-Type: message/rfc822")[0]:
        raise Fail("the report tells of who got the message: " + text)
    host.mail("ann")

    suppressed = post(bench, server, "nobody@dest.example", sender="")
    logged(server, "report.suppressed", message_id=suppressed, error="null-sender")
    stranger = post(bench, server, "nobody@dest.example", sender="eve@anybody.example", stranger="203.0.113.9")
    logged(server, "report.suppressed", message_id=stranger, error="backscatter")
    post(bench, server, "nobody@dest.example", sender="pat@proven.example", stranger="203.0.113.9")
    expect("who is told", b"pat@proven.example", re.search(rb"^To: <(.*)>", folder(bench, "proven")[0], re.M).group(1))
    text = TEXT.replace("ann@origin", "sue@signed").encode() + b"signed by its author\r\n"
    signature = dkim.sign(text, b"s", b"signed.example", key)
    post(bench, server, "nobody@dest.example", signature + text, sender="sue@signed.example", stranger="203.0.113.9")
    folder(bench, "signed")
    empty(bench, server)
    expect("a stranger's folder", False, (bench.root / "anybody" / "new").exists())
    folder(bench)


@check
def what_a_host_lacks(bench):
    """8-bit text, an address in UTF-8 or REQUIRETLS, and a host without: never sent mutilated, the sender is told why."""
    host = Sink(bench, replies={"EHLO": "250 sink.example"})
    server = gateway(bench, [{"match": ["sink.example"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "may"}])
    cases = [(" BODY=8BITMIME", TEXT + "gr\u00fc\u00dfe\r\n", {}, "u@sink.example", "5.6.3"),
             (" SMTPUTF8", TEXT + "x\r\n", {}, "j\u00f6@sink.example", "5.6.7"),
             (" REQUIRETLS", TEXT + "x\r\n", {"tls": True}, "u@sink.example", "5.7.10")]
    for count, (parameters, content, how, to, status) in enumerate(cases, 1):
        number = post(bench, server, to, content, mail=parameters, **how)
        entry = logged(server, "delivery.bounced", message_id=number)[0]
        expect("status of" + parameters, status, entry["enhanced_code"])
        reports = folder(bench, count=count)
        if not any(("Status: " + status).encode() in report for report in reports):
            raise Fail("no report with %s" % status)
    expect("messages at the host", [], host.messages)
    empty(bench, server)


@check
def late_mail_is_told_once(bench):
    """A notice of delay, once; the mail itself arrives when the host is back, and then no report follows."""
    port = instance.free_port()
    server = gateway(bench, [{"match": ["sink.example"], "to": ["[127.0.0.1]:%d" % port]}],
                     queue={"first_retry": "1s", "longest_retry": "1s", "delay_notice": "1s"})
    post(bench, server, "u@sink.example")
    text = folder(bench)[0].decode()
    for words in ("Subject: Delayed", "Action: delayed", "Will-Retry-Until:", "Status: 4.4.1"):
        if words not in text:
            raise Fail("no %r in the notice: %s" % (words, text))
    logged(server, "delivery.deferred", 3)
    Sink(bench, port).wait(1, 90)  # a destination that fails too often is paused for a minute
    empty(bench, server)
    folder(bench)


# ---------------------------------------------------------------- from a real Postfix
@check
def from_postfix(bench):
    """Postfix hands mail on to Postern inside TLS: into a webhook at once, into a queued one, and into a folder."""
    receiver = bench.receiver()
    server = gateway(bench, [])
    account = account_of(server)
    addresses = [account.call("POST", "/webhooks", {"target_url": receiver.url + "/" + mode, "delivery_mode": mode}, expect=201)["email_address"]
                 for mode in ("sync", "queued")]
    host = Postfix(bench, mynetworks="127.0.0.0/8", relayhost="[127.0.0.1]:%d" % server.smtp_port, smtp_tls_security_level="encrypt",
                   smtp_tls_loglevel="1")
    for to in (*addresses, "ann@origin.example"):
        client = smtp.Client(host.port)
        bench.stack.callback(client.close)
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO first.example", "250")
        client.command("MAIL FROM:<u@elsewhere.example>", "250")
        client.command("RCPT TO:<%s>" % to, "250")
        client.command("DATA", "354")
        smtp.check("250", client.data((TEXT + "from Postfix\r\n").encode()), "end of data")
    for mode in ("sync", "queued"):
        request = until("a request at /" + mode, lambda mode=mode: receiver.requests("/" + mode))[0]
        expect("text of " + mode, "from Postfix", json.loads(request.body)["text"].strip())
    got = folder(bench)[0]
    expect("body in the folder", b"from Postfix\r\n", body_of(got))
    expect("Received fields", ["mx.hooks.example.net", mailhost.NAME], received(got))
    if b"ESMTPS" not in got or b"Return-Path: <u@elsewhere.example>" not in got:
        raise Fail("the folder has %r" % got)
    until("three deliveries in Postfix's log", lambda: sum("status=sent" in line for line in host.lines()) == 3)
    empty(bench, server)


# ---------------------------------------------------------------- a smart host
@check
def smart_host_with_a_password(bench):
    """AUTH inside verified TLS; a wrong password waits; the password is nowhere to be seen."""
    host = Postfix(bench, users={"gateway": PASSWORD})
    secret = bench.root / "secret"
    secret.write_text(PASSWORD + "\n")
    route = {"match": ["*"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "verify", "ca": str(host.ca), "names": [mailhost.NAME],
             "auth_user": "gateway", "auth_password": str(secret)}
    server = gateway(bench, [route])
    post(bench, server, "ann@dest.example")
    host.mail("ann")
    if not any("sasl_username=gateway" in line for line in host.lines()):
        raise Fail("no AUTH in Postfix's log")
    secret.write_text("wrong-" + PASSWORD + "\n")
    reload(server)
    number = post(bench, server, "ann@dest.example")
    logged(server, "delivery.deferred", message_id=number)
    logged(server, "route.trouble", error="the host refused our credentials")
    shown = queue(bench, server, "show", number) + queue(bench, server, "show", number, "--json")
    status, looked_up, err = bench.run("route", "ann@dest.example", "--json", "--config", server.root / "postern.toml")
    expect("exit status of route (%s)" % err, 0, status)
    for where, text in (("the log", server.log.read_text()), ("queue show", shown), ("route --json", looked_up)):
        if PASSWORD in text:
            raise Fail("the password stands in " + where)
    for path in (server.root / "data").rglob("*"):
        if path.is_file() and PASSWORD.encode() in path.read_bytes():
            raise Fail("the password stands in %s" % path)
    secret.write_text(PASSWORD + "\n")
    reload(server)
    queue(bench, server, "retry", number)
    host.mail("ann", 2)


def reload(server, event="reload.ok"):
    before = len(events(server, event))
    server.process.send_signal(signal.SIGHUP)
    logged(server, event, before + 1)


# ---------------------------------------------------------------- one message, several ways
@check
def one_transaction_many_routes(bench):
    """Two relays of which one is down, folder and discard in one transaction: to each its own, the rest waits; a webhook stands alone."""
    receiver, host, dead = bench.receiver(), Postfix(bench), instance.free_port()
    server = gateway(bench, [{"match": ["dest.example"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "encrypt"},
                             {"match": ["sink.example"], "to": ["[127.0.0.1]:%d" % dead]},
                             {"match": ["gone.example"], "to": ["discard"]}])
    webhook = account_of(server).call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)["email_address"]
    number = post(bench, server, ["ann@dest.example", "nobody@dest.example", "u@sink.example", "box@origin.example", "x@gone.example"])
    # The folder also has the report about nobody@dest.example; the order of the two files is
    # random.
    bodies = [body_of(message) for message in folder(bench, count=2)]
    expect("the ones in the folder", (1, 1), (bodies.count(b"hello\r\n"), sum(b"could not be delivered" in body for body in bodies)))
    host.mail("ann")
    logged(server, "delivery.deferred", rcpt_to="u@sink.example")
    until("all but one are over", lambda: [r["address"] for r in json.loads(queue(bench, server, "show", number, "--json"))["recipients"]
                                           if r["state"] == "queued"] == ["u@sink.example"])
    states = {r["address"]: r["state"] for r in json.loads(queue(bench, server, "show", number, "--json"))["recipients"]}
    expect("discarded", None, states.get("x@gone.example"))
    expect("others", {"delivered", "failed", "queued"}, set(states.values()))
    sink = Sink(bench, dead)
    sink.wait(1)
    empty(bench, server)
    # A webhook's result is the reply to the client; no other mail may depend on it, so each has its
    # own transaction.
    for order in ([webhook, "ann@dest.example"], ["ann@dest.example", webhook]):
        client = session(bench, server)
        client.command("MAIL FROM:<ann@origin.example>", "250")
        client.command("RCPT TO:<%s>" % order[0], "250")
        smtp.check("452 4.5.3", client.command("RCPT TO:<%s>" % order[1]), "RCPT beside a webhook, or of one beside others")
        client.command("DATA", "354")
        smtp.check("250 2.0.0", client.data((TEXT + "one of two\r\n").encode()), "end of data")
    host.mail("ann", 2)
    expect("requests", 1, len(until("the request", lambda: receiver.requests("/hook"))))
    empty(bench, server)


# ---------------------------------------------------------------- what operators do
@check
def quarantine(bench):
    """HOLD of a list keeps mail back with its reason; list, show, release and drop by command and over the API."""
    receiver, host = bench.receiver(), Postfix(bench)
    server = gateway(bench, [{"match": ["dest.example"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "encrypt"}],
                     {"smtpd_sender_restrictions": "check_sender_access inline:{ {held@origin.example = HOLD looks odd} }"})
    account = account_of(server)
    numbers = [post(bench, server, "ann@dest.example", TEXT + "kept %d\r\n" % n, sender="held@origin.example") for n in range(4)]
    kept = waiting(bench, server, "--state", "quarantined")
    expect("what is kept", sorted(numbers), sorted(m["id"] for m in kept))
    if "looks odd" not in queue(bench, server, "show", numbers[0]):
        raise Fail("show does not say why: " + queue(bench, server, "show", numbers[0]))
    expect("text", b"kept 0\r\n", body_of(queue(bench, server, "show", numbers[0], "--message").encode()))
    queue(bench, server, "release", numbers[0])
    host.mail("ann")
    queue(bench, server, "drop", numbers[1])
    queue(bench, server, "show", numbers[1], status=66)
    if "nothing is wrong" not in queue(bench, server, "verify"):
        raise Fail("verify: " + queue(bench, server, "verify"))
    listed = account.call("GET", "/queue?state=quarantined")["data"]
    expect("over the API", sorted(numbers[2:]), sorted(m["id"] for m in listed))
    status, headers, text = server.http("GET", "/api/v1/queue/%s/message" % numbers[2], headers={"Authorization": "Bearer " + account.token})
    expect("its text", (200, "message/rfc822", b"kept 2\r\n"), (status, headers["content-type"], body_of(text)))
    expect("spool in the metrics", 2.0, until("the gauge", lambda: metric(server, 'postern_spool_messages{state="quarantined"}') == 2 and 2.0, 40))
    account.call("POST", "/queue/%s/release" % numbers[2], expect=204)
    host.mail("ann", 2)
    account.call("POST", "/queue/%s/drop" % numbers[3], expect=204)
    account.call("GET", "/queue/" + numbers[3], expect=404)
    expect("verify over the API", 0, account.call("POST", "/queue/verify")["wrong"])
    instance.Account(server).call("GET", "/queue", expect=403)
    empty(bench, server)
    told = post(bench, server, "ann@dest.example", sender="held@origin.example")
    queue(bench, server, "drop", told, "--notify")
    if b"deleted by the postmaster" not in folder(bench)[0]:
        raise Fail("the report: %r" % folder(bench)[0])
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)["email_address"]
    post(bench, server, webhook, sender="held@origin.example")
    number = waiting(bench, server, "--state", "quarantined")[0]["id"]
    expect("requests while it is kept", [], receiver.requests("/hook"))
    queue(bench, server, "release", number)
    until("the request", lambda: receiver.requests("/hook"))
    empty(bench, server)
    if metric(server, 'postern_delivery_attempts_total{route="relay",result="ok"}') != 2:
        raise Fail("deliveries are not counted")
    expect("relay attempts", 2.0, metric(server, 'postern_relay_attempts_total{result="delivered"}'))


@check
def hold_and_retry(bench):
    """While a destination is down: hold stops attempts, release goes on, retry is at once; destinations and metrics show it."""
    port = instance.free_port()
    server = gateway(bench, [{"match": ["sink.example"], "to": ["[127.0.0.1]:%d" % port]}], queue={"first_retry": "1h", "longest_retry": "1h"})
    held, other = post(bench, server, "h@sink.example"), post(bench, server, "o@sink.example")
    logged(server, "delivery.deferred", 2)
    row = until("the destination", lambda: queue(bench, server, "destinations", "--json"))
    expect("destination", "relay:[127.0.0.1]:%d" % port, json.loads(row)["destination"])
    queue(bench, server, "hold", held)
    host = Sink(bench, port)
    queue(bench, server, "retry", held, status=1)  # a held message stays held; the command says so
    queue(bench, server, "retry", other)
    host.wait(1)
    expect("held", ["held"], [m["recipients"][0]["state"] for m in waiting(bench, server)])
    if metric(server, 'postern_relay_attempts_total{result="unreachable"}') != 2:
        raise Fail("unreachable hosts are not counted")
    queue(bench, server, "release", held)
    host.wait(2)
    expect("recipients", [["h@sink.example"]], [[line.split("<")[1].split(">")[0] for line in e if line.startswith("RCPT")] for e in host.envelopes[1:]])
    empty(bench, server)


# ---------------------------------------------------------------- webhooks in queued mode
@check
def queued_webhook(bench):
    """503 twice, then 200 with one webhook-id; Retry-After is waited for; the log has the attempts."""
    receiver = bench.receiver()
    server = gateway(bench, [])
    account = account_of(server)
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/q", "delivery_mode": "queued"}, expect=201)
    receiver.script("/q", [{"status": 503}, {"status": 503, "headers": {"Retry-After": "3"}}, {"status": 200}])
    post(bench, server, webhook["email_address"])
    requests = until("three requests", lambda: len(r := receiver.requests("/q")) == 3 and r)
    expect("webhook-ids", 1, len({r.headers["webhook-id"] for r in requests}))
    if len({r.body for r in requests}) != 1:
        raise Fail("the payloads differ")
    if requests[2].time - requests[1].time < 2.9:
        raise Fail("Retry-After was not waited for: %.1f s" % (requests[2].time - requests[1].time))
    rows = until("three log entries", lambda: len(r := account.call("GET", "/webhooks/%s/logs" % webhook["id"])["data"]) == 3 and r)
    wait = time.mktime(time.strptime(rows[1]["next_attempt_at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(
        time.strptime(rows[1]["created_at"][:19], "%Y-%m-%dT%H:%M:%S"))
    if wait < 2:
        raise Fail("the log does not know of Retry-After: %r" % rows[1])
    expect("attempts", [(1, 503, True), (2, 503, True), (3, 200, False)],
           [(r["attempt"], r["http_status"], r["next_attempt_at"] is not None) for r in reversed(rows)])
    empty(bench, server)


@check
def dead_letters(bench):
    """Given up after the last attempt: listed and read by its owner, tried again over the API and by the log; 410 switches off."""
    receiver = bench.receiver()
    server = gateway(bench, [], webhooks={**LOCAL["webhooks"], "retry_schedule": ["1s"]})
    account = account_of(server)
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/q", "delivery_mode": "queued"}, expect=201)
    path = "/webhooks/" + webhook["id"]
    receiver.script("/q", [{"status": 500}])
    post(bench, server, webhook["email_address"])
    letter = until("a dead letter", lambda: account.call("GET", path + "/dead-letters")["data"])[0]
    expect("attempts", (2, "dead"), tuple(letter["recipients"][0][k] for k in ("attempts", "state")))
    account.call("GET", "/queue/" + letter["id"])
    expect("requests", 2, len(receiver.requests("/q")))
    account.call("POST", path + "/dead-letters/%s/retry" % letter["id"], expect=202)
    until("a third request", lambda: len(receiver.requests("/q")) == 3)
    until("a dead letter again", lambda: account.call("GET", path + "/dead-letters")["data"])
    receiver.script("/q", [{"status": 200}])
    entry = account.call("GET", path + "/logs")["data"][0]
    account.call("POST", path + "/logs/%s/retry" % entry["id"], expect=202)
    until("no dead letter", lambda: not account.call("GET", path + "/dead-letters")["data"])
    expect("one webhook-id in all", 1, len({r.headers["webhook-id"] for r in receiver.requests("/q")}))
    instance.Account(server).call("GET", path + "/dead-letters", expect=404)

    receiver.script("/q", [{"status": 410}])
    post(bench, server, webhook["email_address"])
    until("a dead letter of 410", lambda: account.call("GET", path + "/dead-letters")["data"])
    until("the webhook is off", lambda: account.call("GET", path)["is_active"] is False)
    logged(server, "webhook.gone")
    actions = json.dumps(account.call("GET", "/accounts/me/audit-log"))
    if "410" not in actions:
        raise Fail("the audit log does not say that the webhook is off: " + actions)
    client = session(bench, server)
    client.command("MAIL FROM:<ann@origin.example>", "250")
    if client.command("RCPT TO:<%s>" % webhook["email_address"])[-1].startswith("250"):
        raise Fail("a webhook that is switched off takes mail")


# ---------------------------------------------------------------- signatures
@check
def signed_in_rotation(bench):
    """Mail of an authenticated client is signed by the key in use; after the change by the next one; the old signature stays good."""
    host = Postfix(bench)
    server = gateway(bench, [{"match": ["dest.example"], "to": ["[127.0.0.1]:%d" % host.port], "tls": "encrypt"}],
                     server={"hostname": "mx.operator.example"})
    account = account_of(server)
    account.claim_domain("origin.example", bench.dns.zone)
    account.call("POST", "/smtp-policies", {"name": "users", "require_smtp_auth": True,
                                            "smtp_credentials": [{"username": "ann", "password": "ann-password"}]}, expect=201)
    domain = next(d for d in account.call("GET", "/domains")["data"] if d["name"] == "origin.example")["id"]
    keys, records = "/domains/%s/dkim-keys" % domain, {}

    def made(selector, algorithm, keys=keys):
        record = account.call("POST", keys, {"selector": selector, "algorithm": algorithm}, expect=201)["record"]
        records[record["name"]] = record["value"]
        bench.dns.zone.add({record["name"]: {"TXT": [[record["value"][i:i + 255] for i in range(0, len(record["value"]), 255)]]}})

    def signatures(octets):
        octets = re.sub(rb"\r?\n", b"\r\n", octets)
        found = []
        for index, field in enumerate(email.message_from_bytes(octets).get_all("DKIM-Signature", [])):
            good = dkim.DKIM(octets, minkey=1024).verify(idx=index, dnsfunc=lambda name, timeout=5: records[name.decode().rstrip(".")].encode())
            found.append((re.search(r"\bs=(\w+)", field).group(1), good))
        return sorted(found)

    made("s1", "rsa-sha256")
    made("e1", "ed25519-sha256")
    for selector in ("s1", "e1"):
        account.call("PUT", "%s/%s" % (keys, selector), {"state": "signing"})
    signed = {"tls": True, "login": ("ann", "ann-password"), "stranger": "203.0.113.9"}
    post(bench, server, "ann@dest.example", **signed)
    expect("signatures", [("e1", True), ("s1", True)], signatures(host.mail("ann")[0]))
    made("s2", "rsa-sha256")
    account.call("PUT", keys + "/s2", {"state": "signing"})
    account.call("PUT", keys + "/s1", {"state": "published"})
    post(bench, server, "ann@dest.example", **signed)
    expect("signatures after the change", [("e1", True), ("s2", True)], signatures(host.mail("ann", 2)[1]))
    expect("the old signature", [("e1", True), ("s1", True)], signatures(host.mail("ann", 2)[0]))
    post(bench, server, "ann@dest.example", stranger="203.0.113.9")
    expect("signatures of a stranger's mail", [], signatures(host.mail("ann", 3)[2]))

    account.claim_domain("operator.example", bench.dns.zone)
    domain = next(d for d in account.call("GET", "/domains")["data"] if d["name"] == "operator.example")["id"]
    made("r1", "rsa-sha256", "/domains/%s/dkim-keys" % domain)
    account.call("PUT", "/domains/%s/dkim-keys/r1" % domain, {"state": "signing"})
    post(bench, server, "nobody@dest.example")
    expect("signatures of a report of ours", [("r1", True)], signatures(folder(bench)[0]))


# ---------------------------------------------------------------- restarts and reloads
@check
def restart_with_mail(bench):
    """What waited goes out after a restart; SIGTERM does not wait for a delivery under way beyond the time to drain, and it is not lost."""
    port = instance.free_port()
    server = gateway(bench, [{"match": ["sink.example"], "to": ["[127.0.0.1]:%d" % port]}])
    for number in range(3):
        post(bench, server, "u%d@sink.example" % number)
    logged(server, "delivery.deferred")
    expect("exit status", 0, server.stop())
    expect("messages beside no gateway", 3, len(waiting(bench, server)))
    host = Sink(bench, port)
    server.start()
    host.wait(3)
    empty(bench, server)

    host.slow = 3 * PATIENCE
    number = post(bench, server, "slow@sink.example")
    until("the delivery is under way", lambda: host.pieces[-1].startswith(b"MAIL") and b"slow@" in host.pieces[-1])
    server.process.send_signal(signal.SIGTERM)
    expect("exit status with a delivery under way", 0, server.process.wait(PATIENCE))
    host.slow = 0
    server.start()
    host.wait(4)
    empty(bench, server)
    expect("verify", True, "nothing is wrong" in queue(bench, server, "verify"))
    expect("under one number", 26, len(number))


@check
def routes_that_change(bench):
    """SIGHUP: new mail goes by the new route at once, queued mail at its next attempt; a route that is broken changes nothing."""
    down, old, new = instance.free_port(), Sink(bench), Sink(bench)
    server = gateway(bench, [{"match": ["sink.example"], "to": ["[127.0.0.1]:%d" % down]}, {"match": ["dest.example"], "to": ["[127.0.0.1]:%d" % old.port]}])
    number = post(bench, server, "waits@sink.example")
    logged(server, "delivery.deferred", message_id=number)
    post(bench, server, "a@dest.example")
    old.wait(1)
    good = [{"match": ["sink.example", "dest.example"], "to": ["[127.0.0.1]:%d" % new.port]}]

    def write(*routes):
        server.write_config({**server._settings, "route": [server._settings["route"][0], *routes]})

    write(*good)
    reload(server)
    new.wait(1)
    post(bench, server, "b@dest.example")
    new.wait(2)
    expect("who got what", ["waits@sink.example", "b@dest.example"],
           [line.split("<")[1].split(">")[0] for e in new.envelopes for line in e if line.startswith("RCPT")])
    write({**good[0], "messages_per_minute": 20})
    reload(server)
    begun = time.monotonic()
    for number in range(2):
        post(bench, server, "slowly%d@dest.example" % number)
    new.wait(4)
    if new.times[-1] - begun < 2.9:
        raise Fail("20 messages a minute, but %.1f s for two" % (new.times[-1] - begun))
    write(*good)
    reload(server)
    write({"match": ["sink.example", "dest.example"], "to": ["no host at all"]})
    reload(server, "reload.failed")
    post(bench, server, "c@dest.example")
    new.wait(5)
    expect("at the old host", 1, len(old.messages))
    write(*good)  # a valid file for the command
    empty(bench, server)


def main():
    why = mailhost.missing() or ("" if dkim else "there is no dkimpy: python3-dkim of tools/packages-test.txt")
    if why:
        print("NOT RUN: " + why, file=sys.stderr)
        return 1 if os.environ.get("CI") else 77
    return smoke.main(CHECKS, __doc__)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Black-box smoke test of the binary: a first run, mail in and webhook out, one refusal explained, exit statuses.

  smoke.py [--binary PATH] [--filter GLOB] [--jobs N] [--verbose]

Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import argparse
import concurrent.futures
import contextlib
import fnmatch
import json
import os
import pathlib
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import backups  # noqa: E402
import certificates  # noqa: E402
import control_plane  # noqa: E402
import doctors  # noqa: E402
import guardrails  # noqa: E402
import inboxes  # noqa: E402
import lists  # noqa: E402
import manual  # noqa: E402
import people  # noqa: E402
import plans  # noqa: E402
import releases  # noqa: E402
import service  # noqa: E402
import shown  # noqa: E402
from bench import LOCAL, Bench, NotRun, expect, one_line_error, send, wait_ready, written  # noqa: E402
from harness import instance, shim, smtp  # noqa: E402
from harness.cases import Fail, wanted  # noqa: E402
from harness.waiting import PATIENCE, until  # noqa: E402
from players.conduit import check_standard_signature  # noqa: E402

CHECKS = [*backups.CHECKS, *certificates.CHECKS, *doctors.CHECKS, *guardrails.CHECKS, *lists.CHECKS, *manual.CHECKS, *people.CHECKS, *plans.CHECKS,
          *control_plane.CHECKS, *inboxes.CHECKS, *service.CHECKS, *shown.CHECKS, *releases.CHECKS]


def check(function):
    CHECKS.append(function)
    return function


# ---------------------------------------------------------------- a first run
@check
def embedded_defaults(bench):
    """No configuration: it starts, answers on SMTP and HTTP, ends with 0 on SIGTERM."""
    smtp_port, api_port, data = instance.free_port(), instance.free_port(), bench.root / "fresh"
    log = open(bench.root / "out.txt", "wb")
    arguments = ["--data-dir", str(data), "--smtp", "127.0.0.1:%d" % smtp_port, "--api", "127.0.0.1:%d" % api_port]
    process = subprocess.Popen([str(bench.binary), "serve", *arguments],
                               cwd=bench.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        probe = instance.Postern(bench.binary, {}, root=bench.root)
        probe.smtp_port, probe.api_port = smtp_port, api_port
        wait_ready(probe, process)
        expect("GET /api/v1/ping", (200, b'{"status":"ok"}'), probe.http("GET", "/api/v1/ping")[::2])
        expect("GET /healthz", 200, probe.http("GET", "/healthz")[0])
        if not probe.http("GET", "/metrics")[2].startswith(b"#") and probe.http("GET", "/metrics")[0] == 200:
            raise Fail("/metrics is not in the Prometheus text format")
        smtp.check("550 5.1.1", send(probe, "nobody@localhost.localdomain"), "an unknown recipient")
        if not any(data.iterdir()):
            raise Fail("nothing in the data directory")
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(PATIENCE)
        log.close()
    expect("exit status after SIGTERM", 0, status)


@check
def mail_in_webhook_out(bench):
    """Sign up, policy, webhook; multipart mail arrives as a signed POST."""
    receiver, server = bench.receiver(), bench.server(LOCAL)
    account = instance.Account(server)
    policy = account.call("POST", "/smtp-policies", {"name": "local clients", "allowed_source_ips": "127.0.0.0/8"}, expect=201)
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", "smtp_security_policy_id": policy["id"]}, expect=201)
    smtp.check("250 2.0.0", send(server, webhook["email_address"]), "end of data")
    requests = receiver.requests("/hook")
    expect("requests at the receiver", 1, len(requests))
    check_standard_signature(webhook["secret"], requests[0])
    payload = json.loads(requests[0].body)
    for key, want in (("subject", "Report attached"), ("from", "alerts@partner.example.com"), ("to", [webhook["email_address"]]),
                      ("text", "See the report."), ("webhook_id", webhook["id"]), ("message_id", "<rep-1@partner.example.com>")):
        expect("payload member " + key, want, payload.get(key))
    expect("attachments", [("r.csv", "YSxiCjEsMgo=")], [(a["filename"], a["content"]) for a in payload["attachments"]])
    expect("policy in the payload", policy["id"], (payload.get("policy") or {}).get("id"))
    entry = until("a delivery in the log", lambda: account.call("GET", "/webhooks/%s/logs" % webhook["id"])["data"])[0]
    expect("delivery log", ("delivery", 200, 250), (entry["kind"], entry["http_status"], entry["smtp_code"]))
    secret_free(server, account, webhook["secret"])


@check
def refusal_explained(bench):
    """A refusal by source address, explained from its recorded trace."""
    receiver, server = bench.receiver(), bench.server(LOCAL)
    account = instance.Account(server)
    policy = account.call("POST", "/smtp-policies", {"name": "elsewhere only", "allowed_source_ips": "192.0.2.0/24"}, expect=201)
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", "smtp_security_policy_id": policy["id"]}, expect=201)
    smtp.check("550 5.7.1", send(server, webhook["email_address"]), "RCPT from outside the list")
    expect("requests at the receiver", 0, len(receiver.requests("/hook")))
    trace = refused_trace(server)
    config = server.root / "postern.toml"
    status, out, err = bench.explain(trace, "--json", "--config", config)
    expect("exit status of explain (stderr: %s)" % err, 0, status)
    for word in ("550", "5.7.1", policy["id"], "127.0.0.1"):
        if word not in json.dumps(json.loads(out)):
            raise Fail("explain --json does not say %r: %s" % (word, out[:600]))
    expect("exit status of explain --exit-code", 1, bench.run("explain", trace, "--exit-code", "--config", config)[0])
    status, out, _ = bench.run("explain", trace, "--config", config)
    if status != 0 or "5.7.1" not in out:
        raise Fail("explain in words: status %d, %r" % (status, out[:300]))


@check
def a_deferral_names_its_rule(bench):
    """The log and explain name the rule that had the reason to defer, beside the end of the lists, where it applied."""
    server = bench.server({**LOCAL, "restrictions": {"relay_domains": "in.example", "sender": "check_sender_access static:DEFER_IF_PERMIT"}})
    smtp.check("450 4.7.1", send(server, "ann@in.example"), "RCPT")
    line = json.loads(next(line for line in written(server, "decision.deferred").splitlines() if "decision.deferred" in line))
    expect("rule and place in the log", ("check_sender_access; end_of_lists", "smtpd_sender_restrictions:1"), (line["rule"], line["policy"]))
    status, out, err = bench.explain(line["trace"], "--json", "--config", server.root / "postern.toml")
    expect("exit status of explain (stderr: %s)" % err, 0, status)
    last = json.loads(out)["decisions"][-1]["steps"][-1]
    expect("the last step", ("end_of_lists", "check_sender_access"), (last["rule"], last["raised_by"]["rule"]))
    if "postern.toml:" not in (last["raised_by"]["place"] or ""):
        raise Fail("the place of the rule: %r" % last)


@check
def every_id_leads_to_its_decision(bench):
    """Explain takes what a client saw in a reply, and what the log and the API call a session, a message or a delivery."""
    receiver = bench.receiver()
    server = bench.server({**LOCAL, "restrictions": {"mynetworks": "127.0.0.0/8"},
                           "route": [{"match": ["far.example"], "to": ["[127.0.0.1]:%d" % instance.free_port()]}]})
    account = instance.Account(server)
    webhooks = [account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", **more}, expect=201)
                for more in ({}, {"delivery_mode": "queued"})]
    config = server.root / "postern.toml"

    def explained(id, *want):
        status, out, err = bench.explain(id, "--json", "--config", config)
        expect("exit status of explain %s (stderr: %s)" % (id, err), 0, status)
        for word in want:
            if word not in out:
                raise Fail("explain %s does not say %r: %s" % (id, word, out[:600]))
        return json.loads(out)["id"]

    relayed = send(server, "ann@far.example")[-1]
    smtp.check("250 2.0.0 queued as", [relayed], "end of data")
    queued = relayed.split()[-1]
    expect("the id of the decision on a queued message", queued, explained(queued, "ann@far.example"))
    lines = [json.loads(line) for line in server.log.read_text(encoding="utf-8").splitlines() if queued in line]
    expect("the decision of the session", queued, explained(lines[0]["session"], "is the id of a session"))
    for webhook in webhooks:
        replied = send(server, webhook["email_address"])[-1]
        message = replied.split()[-1]
        if not message.startswith("msg_"):
            raise Fail("the reply has no id: " + replied)
        trace = explained(message, webhook["id"], "is the id of a message")
        logged = until("a delivery in the log", lambda path="/webhooks/%s/logs" % webhook["id"]: account.call("GET", path)["data"])
        expect("the decision on a delivery", trace, explained(logged[0]["id"], "is the id of a delivery"))
    status, _, err = bench.run("explain", webhooks[0]["id"], "--config", config)
    if status != 64 or "is the id of a webhook" not in err:
        raise Fail("the id of a webhook: %d %s" % (status, err))


def refused_trace(server):
    """The trace id in the log line of the refusal; traces are written behind the reply, the log line as well."""
    return json.loads(next(line for line in written(server, '"event":"decision.refused"').splitlines() if '"event":"decision.refused"' in line))["trace"]


def secret_free(server, account, *secrets):
    """No secret in logs, metrics or listings."""
    logged = server.log.read_text(encoding="utf-8", errors="replace")
    scraper = (server.root / "data" / "metrics.token").read_text(encoding="utf-8").strip()
    status, _, metrics = server.http("GET", "/metrics", headers={"Authorization": "Bearer " + scraper})
    expect("status of /metrics", 200, status)
    metrics = metrics.decode("utf-8", "replace")
    listed = server.http("GET", "/api/v1/webhooks", headers={"Authorization": "Bearer " + account.token})[2].decode("utf-8", "replace")
    for secret in (account.PASSWORD, account.token, account.refresh_token, *secrets):
        for where, text in (("log", logged), ("metrics", metrics), ("list of webhooks", listed)):
            if secret in text:
                raise Fail("a secret is in the " + where)


@check
def refusals_before_any_policy(bench):
    """What the session refuses by itself has a line in the log: commands, messages with bare line ends or too long, early talkers."""
    early_port = instance.free_port()
    server = bench.server({**LOCAL, "limits": {"message_size": "1 MiB"},
                           "listener": [{}, {"name": "early", "address": "127.0.0.1:%d" % early_port, "pregreet_wait": "10s"}]})

    def client():
        one = smtp.Client(server.smtp_port)
        bench.stack.callback(one.close)
        smtp.check("220", one.reply(), "greeting")
        one.command("EHLO client.example", "250")
        return one

    first = client()
    smtp.check("500 5.5.1", first.command("FROBNICATE"), "an unknown command")
    smtp.check("501", first.command("MAIL FROM:<a@client.example> SIZE=x"), "a parameter")
    for text, want in (("x" * 1100000 + "\r\n", "552 5.3.4"), ("bare\nline\r\n", "550 5.5.2")):
        one = client()
        one.command("MAIL FROM:<a@client.example>", "250")
        one.command("RCPT TO:<postmaster>", "250")
        one.command("DATA", "354")
        one.send(text.encode() + b".\r\n")
        smtp.check(want, one.reply(), "the message")
    early = smtp.Client(early_port)
    bench.stack.callback(early.close)
    early.send(b"EHLO early.example\r\n")
    smtp.check("554 5.5.0", early.reply(), "an early talker")
    wanted = {("500", "5.5.1", ""), ("501", "5.5.4", ""), ("552", "5.3.4", "a@client.example"), ("550", "5.5.2", "a@client.example"), ("554", "5.5.0", "")}
    lines = [json.loads(line) for line in written(server, '"session.refused"', len(wanted)).splitlines() if '"session.refused"' in line]
    expect("lines session.refused", wanted, {(str(one["code"]), one["enhanced_code"], one["mail_from"]) for one in lines})


@check
def inbox_target(bench):
    """The built-in inbox keeps what a webhook with the target "inbox" received; `postern inbox` shows it."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    webhook = account.call("POST", "/webhooks", {"target_url": "inbox"}, expect=201)
    smtp.check("250 2.0.0", send(server, webhook["email_address"]), "end of data")
    status, out, err = bench.run("inbox", webhook["email_address"], "--json", "--config", server.root / "postern.toml")
    expect("exit status of inbox (stderr: %s)" % err, 0, status)
    if "Report attached" not in out:
        raise Fail("the message is not in the inbox: %r" % out[:400])


@check
def state_survives_a_restart(bench):
    """Accounts, webhooks and their secrets are there after a stop and a start."""
    receiver, server = bench.receiver(), bench.server(LOCAL)
    account = instance.Account(server)
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    expect("exit status", 0, server.stop())
    server.start()
    account.sign_in()
    smtp.check("250 2.0.0", send(server, webhook["email_address"]), "end of data")
    check_standard_signature(webhook["secret"], receiver.requests("/hook")[0])


@check
def a_session_in_hand_is_finished(bench):
    """SIGTERM lets a transaction end, greets nobody new, and the status is 0."""
    receiver, server = bench.receiver(), bench.server({**LOCAL, "server": {"drain_timeout": "%ds" % PATIENCE}})
    account = instance.Account(server)
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    client = smtp.Client(server.smtp_port)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO mx.partner.example.com", "250")
        client.command("MAIL FROM:<a@partner.example.com>", "250")
        client.command("RCPT TO:<%s>" % webhook["email_address"], "250")
        client.command("DATA", "354")
        server.process.send_signal(signal.SIGTERM)
        written(server, "server.stopping")
        newcomer(server)
        smtp.check("250 2.0.0", client.data(b"Subject: last\r\n\r\nx\r\n"), "end of data while stopping")
    finally:
        client.close()
    expect("exit status", 0, server.process.wait(PATIENCE))
    expect("requests at the receiver", 1, len(receiver.requests("/hook")))


def newcomer(server):
    try:
        client = smtp.Client(server.smtp_port)
    except ConnectionRefusedError:
        return
    try:
        smtp.check("421 4.3.2", client.reply(), "greeting while stopping")
    finally:
        client.close()


@check
def renewed_certificates(bench):
    """SIGHUP takes a renewed certificate, for new sessions, and says so; certificates for another name or near their end are warned of."""
    files = [bench.root / "mx.pem", bench.root / "mx.key"]

    def renew(name, days):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days), "-subj", "/CN=" + name,
                        "-addext", "subjectAltName=DNS:" + name, "-keyout", str(files[1]), "-out", str(files[0])], check=True, capture_output=True)

    def shown():
        with smtplib.SMTP("127.0.0.1", server.smtp_port, timeout=PATIENCE) as client:
            client.starttls(context=ssl._create_unverified_context())
            return ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(binary_form=True))

    def hang_up(*wanted_lines):
        begin = len(server.log.read_text())
        server.process.send_signal(signal.SIGHUP)
        said = written(server, "reload.ok", begin=begin)
        for line in wanted_lines:
            if line not in said:
                raise Fail("no %s after SIGHUP: %s" % (line, said))
        return said

    name = "mx.hooks.example.net"
    renew(name, 30)
    server = bench.server({"listener": [{"certificate": str(files[0]), "key": str(files[1])}]})
    expect("the first certificate", files[0].read_text(), shown())
    renew(name, 40)
    hang_up("tls.renewed")
    expect("the renewed certificate", files[0].read_text(), shown())
    if "tls.renewed" in hang_up():
        raise Fail("the same certificate counts as renewed")
    renew("*.example.net", 13)
    hang_up("tls.renewed", "T004", "T005")
    expect("a certificate with warnings", files[0].read_text(), shown())
    status, out, err = bench.run("check", "--config", server.root / "postern.toml")
    expect("status of check", 0, status)
    for code in ("T004", "T005"):
        if code not in out + err:
            raise Fail("check does not say %s: %s" % (code, out + err))


# ---------------------------------------------------------------- what goes wrong at the start
@check
def port_in_use(bench):
    """A taken port: 78, which no service manager tries again, and the address is named."""
    for key in ("smtp", "api"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            other = "127.0.0.1:%d" % instance.free_port()
            ports = {"smtp": other, "api": other, key: address}
            status, _, err = bench.run("serve", "--data-dir", bench.root / ("data-" + key), "--smtp", ports["smtp"], "--api", ports["api"])
            one_line_error(status, 78, err)
            if address not in err:
                raise Fail("the error does not name %s: %s" % (address, err[:400]))


@check
def bad_configuration(bench):
    """78, with file, line and column of every mistake, and nothing was started."""
    port = instance.free_port()
    path = bench.config('[server]\nhostnam = "mx.example.net"\n\n[[listener]]\naddress = "127.0.0.1:%d"\n\n[limits]\nmessage_size = "much"\n' % port)
    for command in ("serve", "check"):
        status, out, err = bench.run(command, "--config", path)
        one_line_error(status, 78, out + err)
        for where in ("postern.toml:2:1", "postern.toml:8:"):
            if where not in out + err:
                raise Fail("postern %s does not point at %s: %s" % (command, where, (out + err)[:600]))
        if "hostname" not in out + err:
            raise Fail("the misspelt key has no suggestion: " + (out + err)[:600])
    if (bench.root / "postern-data").exists():
        raise Fail("a bad configuration made a data directory")
    status, _, err = bench.run("serve", "--config", bench.root / "none.toml")
    if status not in (66, 78):
        raise Fail(wanted("exit status for a configuration that is not there", "66 or 78", "%d %s" % (status, err[:200])))
    good = bench.config({"server": {"hostname": "mx.example.net"}}, "good.toml")
    expect("exit status of check for a good one", 0, bench.run("check", "--config", good)[0])


@check
def usage_errors(bench):
    """64 with the nearest word; --help and version are 0."""
    status, out, err = bench.run("serv")
    one_line_error(status, 64, err)
    if "serve" not in out + err:
        raise Fail("no suggestion: " + err)
    expect("exit status of an unknown option", 64, bench.run("serve", "--no-such-option")[0])
    expect("exit status of --help", 0, bench.run("--help")[0])
    status, out, _ = bench.run("version", "--json")
    expect("exit status of version", 0, status)
    if "version" not in json.loads(out):
        raise Fail("version --json has no member version: " + out)


def start_fails(bench, data, want):
    """Starting with this data directory ends with the status, in words that name the place."""
    ports = ["127.0.0.1:%d" % instance.free_port() for _ in range(2)]
    status, _, err = bench.run("serve", "--data-dir", data, "--smtp", ports[0], "--api", ports[1])
    one_line_error(status, want, err)
    if pathlib.Path(data).name not in err:
        raise Fail("the error does not name %s: %s" % (data, err[:400]))


@check
def unwritable_data_directory(bench):
    """73 when the data directory cannot be made. (A file stands in the way, which stops root as well.)"""
    (bench.root / "file").write_text("not a directory\n", encoding="utf-8")
    start_fails(bench, bench.root / "file" / "data", 73)


@check
def corrupt_database(bench):
    """74 when a database is no database."""
    server = bench.server(LOCAL)
    instance.Account(server)
    server.stop()
    data = server.root / "data"
    databases = [p for p in data.rglob("*") if p.is_file() and p.read_bytes()[:15] == b"SQLite format 3"]
    if not databases:
        raise Fail("no SQLite database in the data directory: %s" % sorted(p.name for p in data.rglob("*")))
    for path in databases:
        with contextlib.suppress(FileNotFoundError):
            (path.parent / (path.name + "-wal")).unlink()
        kept = path.read_bytes()
        path.write_bytes(b"this is no database at all\n" * 400)
        start_fails(bench, data, 74)
        path.write_bytes(kept)


# ---------------------------------------------------------------- a full disk
def failing_writes(bench, server, rule):
    """Starts the server again with a shim under which the writes that `rule` names find no space -> whether it is ready then."""
    server.stop()
    server.env = {"LD_PRELOAD": str(shim.build(bench.root)), "POSTERN_FAULT": "call=write,err=ENOSPC,times=forever," + rule}
    server.spawn()
    until("it starts or ends", lambda: not server.alive() or "server.ready" in server.log.read_text(encoding="utf-8"))
    return server.alive() and server.http("GET", "/readyz")[0] == 200


@check
def disk_full_for_messages(bench):
    """No room for a large message: 452 4.3.1, the session goes on, small mail is still taken."""
    receiver, server = bench.receiver(), bench.server(LOCAL)
    webhook = instance.Account(server).call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)
    expect("it is ready", True, failing_writes(bench, server, "path=/data/tmp"))
    large = "Subject: large\r\n\r\n" + ("0123456789" * 7 + "\r\n") * 20000
    smtp.check("452 4.3.1", send(server, webhook["email_address"], content=large), "end of a large message")
    expect("requests at the receiver", 0, len(receiver.requests("/hook")))
    smtp.check("250 2.0.0", send(server, webhook["email_address"]), "end of a small message")


# ---------------------------------------------------------------- few descriptors
FILES, IDLE = 1500, 200  # room for 73 messages in work beside 300 sessions


def with_few_files(bench):
    """A program that runs the binary with that hard limit, which it cannot raise."""
    drop = "setpriv --bounding-set -sys_resource " if os.geteuid() == 0 else ""
    script = bench.root / "few-files"
    script.write_text('#!/bin/sh\nulimit -n %d\nexec %s%s "$@"\n' % (FILES, drop, bench.binary), encoding="utf-8")
    script.chmod(0o755)
    return script


def client_of(server, source=None):
    client = smtp.Client(server.smtp_port, source=source)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO mx.partner.example.com", "250")
    return client


@check
def few_open_files(bench):
    """More sessions and large messages than descriptors: 452 4.3.1 without a place, each 250 arrives once, no call fails, and then there is room again."""
    receiver = bench.receiver()
    server = instance.Postern(with_few_files(bench), {
        **LOCAL, "limits": {"sessions": 400}, "api": {"connections": 124, "requests": 100}}, root=bench.root)
    status, out, err = server.command("check", "--config", server.write_config())
    if status == 0 or "C034" not in out + err or "`sessions = " not in out + err:
        raise Fail("400 sessions fit into %d open files: %s%s" % (FILES, out, err))
    server._settings["limits"]["sessions"] = 300
    bench.stack.callback(server.remove)
    server.start()
    address = instance.Account(server).call("POST", "/webhooks", {"target_url": receiver.url + "/hook"}, expect=201)["email_address"]
    idle = [client_of(server, "127.0.99.1") for _ in range(IDLE)]
    begun, refused = [], 0
    for i in range(90):
        client = client_of(server, "127.0.%d.1" % (i % 15))
        lines = client.command("MAIL FROM:<a@partner.example.com>")
        if lines[-1].startswith("452 4.3.1"):
            refused += 1
            client.close()
            continue
        client.command("RCPT TO:<%s>" % address, "250")
        client.command("DATA", "354")
        begun.append(client)
    # All have begun before the first is large enough for a file.
    for i, client in enumerate(begun):
        client.send(b"Subject: %d\r\n\r\n" % i + b"0123456789abcdef\r\n" * 20000)
    held = len(os.listdir("/proc/%d/fd" % server.pid))
    replies = [client.data(b"end\r\n")[-1] for client in begun]
    accepted = sum(line.startswith("250") for line in replies)
    if accepted + sum(line.startswith("452 4.3.1") for line in replies) != len(replies):
        raise Fail("replies to the end of data: %s" % sorted(set(replies)))
    expect("messages at the receiver", accepted, len(receiver.requests("/hook")))
    if held > FILES or not 20 <= accepted < len(replies):
        raise Fail("%d descriptors, %d messages accepted, %d refused at MAIL" % (held, accepted, refused))
    for client in begun:
        client.close()
    for client in idle:
        client.command("NOOP", "250")
    smtp.check("250 2.0.0", send(server, address), "end of data beside idle sessions")
    if "Too many open files" in server.log.read_text(encoding="utf-8"):
        raise Fail("a call found no descriptor:\n%s" % server.tail())
    for client in idle:
        client.close()


@check
def disk_full_for_the_database(bench):
    """No room for the database: the API answers 507, nothing that it acknowledged is lost, reading goes on."""
    server = bench.server(LOCAL)
    account = instance.Account(server)
    acknowledged = start_before_the_fault(bench, server, account)
    listed = account.call("GET", "/smtp-policies?page_size=200")
    expect("policies while the disk is full", acknowledged, {p["name"] for p in listed["data"]})
    server.stop()
    server.env = {}
    server.start()
    account.sign_in()
    listed = account.call("GET", "/smtp-policies?page_size=200")
    expect("policies after a restart with room", acknowledged, {p["name"] for p in listed["data"]})
    account.call("POST", "/smtp-policies", {"name": "room again"}, expect=201)


def start_before_the_fault(bench, server, account):
    """Lets the disk fill up some writes after the start; returns the names of the policies that were acknowledged until 507."""
    if not any(failing_writes(bench, server, "path=postern.db,at=%d" % first) for first in range(8, 80, 8)):  # the start itself writes
        raise Fail("it never starts")
    names = set()
    for i in range(200):
        body = json.dumps({"name": "p%d" % i}).encode()
        head = {"Content-Type": "application/json", "Authorization": "Bearer " + account.token}
        status, _, out = server.http("POST", "/api/v1/smtp-policies", body, head)
        if status == 507:
            return names
        expect("POST /smtp-policies (%s)" % out[:200], 201, status)
        names.add("p%d" % i)
    raise Fail("200 policies and the disk is still not full")


def play(function, binary, verbose):
    """Plays one check and says how it went -> whether it passed; None when it cannot run here."""
    try:
        with Bench(binary) as bench:
            function(bench)
        print("ok   %s\n" % function.__name__, end="", flush=True)  # one write: others run too
        return True
    except NotRun as e:
        print("NOT RUN %s: %s\n" % (function.__name__, e), end="", flush=True)
        return None
    except Exception as e:
        kind = "" if isinstance(e, (Fail, instance.StartError)) else type(e).__name__ + ": "
        print("FAIL %s: %s%s\n" % (function.__name__, kind, e), end="", flush=True)
        if verbose:
            traceback.print_exc()
        return False


def main(checks=CHECKS, about=__doc__):
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.environ.get("POSTERN_BINARY", ROOT / "build" / "release" / "postern"))
    parser.add_argument("--filter", default="*")
    parser.add_argument("--jobs", type=int, default=1, help="so many checks at once; each has a directory and gateways of its own")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    binary = pathlib.Path(options.binary).resolve()
    if not binary.is_file():
        print("no binary at %s" % binary, file=sys.stderr)
        return 2
    chosen = [f for f in checks if fnmatch.fnmatchcase(f.__name__, options.filter)]
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        results = list(pool.map(lambda function: play(function, binary, options.verbose), chosen))
    passed, failed, not_run = results.count(True), results.count(False), results.count(None)
    print("%d passed, %d failed, %d not run" % (passed, failed, not_run))
    return 1 if failed or not results else 77 if not_run else 0


if __name__ == "__main__":
    sys.exit(main())

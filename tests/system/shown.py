"""System checks of what people get to see of foreign text: hostile octets go in through every field, and every output is looked at."""
import contextlib
import json
import pathlib
import subprocess

from bench import LOCAL, expect
from harness import instance, smtp
from harness.cases import Fail
from harness.waiting import PATIENCE, until

# ESC, CSI as C1, bidi controls and marks, BEL, BS, DEL, U+2028, zero width, BOM.
UTF8 = "\x1b[2J \u009b31m \u202e \u2066 \u2069 \u200e \u200f \u061c \x07 \x08 \x7f \u2028 \u200b \ufeff"
SMTPUTF8 = "\u009b\u202e\u2066\u2069\u200e\u200f\u061c\u2028\u200b"  # allowed in a local part
BROKEN = b"\xff\xc0\xaf\xed\xa0\x80"
FORBIDDEN = [c.encode() for c in "\x1b\u009b\u0085\u202a\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\x07\x08\x7f\u2028\u2029\u200b\ufeff\r"]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def look(where, octets):
    """Nothing in it moves a cursor, turns a line around or hides; and it is UTF-8."""
    octets = octets if isinstance(octets, bytes) else octets.encode("utf-8", "surrogateescape")
    for bad in FORBIDDEN:
        if bad in octets:
            at = octets.index(bad)
            raise Fail("%s has %r raw: %r" % (where, bad, octets[max(0, at - 60):at + 60]))
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fail("%s is no UTF-8: %s" % (where, error)) from None


def say(client, octets):
    client.send(octets + b"\r\n")
    with contextlib.suppress(Fail, OSError, ValueError):
        return client.reply()
    return ["closed"]


def greet(server, helo):
    """Names that no host has: some end the session."""
    client = smtp.Client(server.smtp_port)
    try:
        client.reply()
        for line in (b"EHLO " + helo, b"AUTH PLAIN " + helo, b"VRFY " + helo, b"MAIL FROM:<" + helo + b">", helo):
            if say(client, line) == ["closed"]:
                return
    finally:
        client.close()


def session(server, to, helo, sender, recipients, content):
    """-> the last reply. Refusals are fine: it is their record that is looked at."""
    greet(server, helo)
    client = smtp.Client(server.smtp_port)
    try:
        client.reply()
        for line in (b"EHLO mx.partner.example.com", b"VRFY " + sender,
                     b"MAIL FROM:<" + sender + b"> SMTPUTF8", b"MAIL FROM:<alerts@partner.example.com> SMTPUTF8",
                     *(b"RCPT TO:<" + one + b">" for one in recipients), b"RCPT TO:<" + to.encode() + b">"):
            if say(client, line) == ["closed"]:
                return ["closed"]
        if not say(client, b"DATA")[-1].startswith("354"):
            return ["no DATA"]
        return client.data(content)
    finally:
        client.close()


def message(hostile):
    return (b"From: \"" + hostile + b"\" <alerts@partner.example.com>\r\nTo: x@example.com\r\nSubject: " + hostile + b"\r\n"
            b"Message-ID: <" + hostile.replace(b" ", b"") + b"@partner.example.com>\r\nX-" + hostile.replace(b" ", b"") +
            b": y\r\nContent-Type: text/plain; name=\"" + hostile + b"\"\r\n\r\n" + hostile + b"\r\n")


def traces_of(server, at_least):
    def found():
        traces = []
        for line in server.log.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                trace = json.loads(line).get("trace")
                if trace and trace not in traces:
                    traces.append(trace)
        return traces if len(traces) >= at_least else None
    return until(lambda: "%d traces in the log:\n%s" % (at_least, server.tail()), found)


@check
def hostile_text_reaches_no_terminal(bench):
    """Through EHLO, AUTH, MAIL, RCPT, header fields and names of objects; out of explain, inbox, queue, logs, and the API's JSON."""
    server = bench.server({**LOCAL, "server": {"hostname": "mx.example.net"}})
    account = instance.Account(server)
    name = "n\u202eame \u2066x"
    policy = account.call("POST", "/smtp-policies", {"name": name, "allowed_source_ips": "127.0.0.0/8"}, expect=201)
    inbox = account.call("POST", "/webhooks", {"target_url": "inbox", "name": name, "smtp_security_policy_id": policy["id"]}, expect=201)
    strict = account.call("POST", "/smtp-policies", {"name": name, "require_spf": True, "allowed_spf_domains": "example.org"}, expect=201)
    refusing = account.call("POST", "/webhooks", {"target_url": "inbox", "smtp_security_policy_id": strict["id"]}, expect=201)
    local, _, domain = inbox["email_address"].partition("@")
    utf8, tag = UTF8.encode(), SMTPUTF8.encode()
    recipients = [local.encode() + b"+" + tag + b"@" + domain.encode(), tag + b"@example.org", tag + b"@" + domain.encode()]
    replies = [session(server, inbox["email_address"], utf8, tag + b"@partner.example.com", recipients, message(utf8)),
               session(server, inbox["email_address"], BROKEN, BROKEN + b"@partner.example.com", [BROKEN + b"@example.org"], message(BROKEN)),
               session(server, refusing["email_address"], tag, tag + b"@partner.example.com", [], message(utf8))]
    if not any(reply[-1].startswith("250") for reply in replies):
        raise Fail("no message was taken: %r" % replies)
    traces = traces_of(server, 3)
    config = server.root / "postern.toml"
    commands = [["explain", trace, *json_, "--config", config] for trace in traces for json_ in ([], ["--json"])]
    commands += [[*words, *json_, "--config", config] for words in (["inbox", inbox["email_address"]], ["queue", "list"])
                 for json_ in ([], ["--json"])]
    for words in commands:
        status, out, err = bench.explain(*words[1:]) if words[0] == "explain" else bench.run(*words)
        what = "postern " + " ".join(map(str, words[:3]))
        if status not in (0, 1):
            raise Fail("%s: status %d: %s" % (what, status, err))
        look(what, out)
        look(what, err)
        if "--json" in words:
            for line in filter(None, out.splitlines()):
                json.loads(line)
    for path in ("/smtp-policies", "/webhooks", "/webhooks/%s/logs" % inbox["id"], "/webhooks/%s/inbox" % inbox["id"], "/traces", "/queue",
                 *("/traces/" + trace for trace in traces)):
        status, _, body = server.http("GET", "/api/v1" + path, headers={"Authorization": "Bearer " + account.token})
        expect("GET " + path, 200, status)
        look("GET " + path, body)
    listed = account.call("GET", "/smtp-policies/%s" % policy["id"])
    expect("the name, as the API gives it back", name, listed["name"])
    look("the log", server.log.read_bytes())


@check
def hostile_text_of_files_and_arguments(bench):
    """Errors of the command line and of the configuration show what they are about, written out."""
    hostile = UTF8.replace("\u2028", "")
    for words in ([hostile], ["serve", "--" + hostile], ["check", "--config", "/nonexistent/" + hostile], ["help", hostile],
                  ["explain", hostile], ["queue", "show", hostile], ["queue", hostile]):
        for json_ in ([], ["--json"]):
            status, out, err = bench.run(*words, *json_)
            if status == 0 and words[0] != "help":
                raise Fail("%r ended with 0" % words)
            look("stdout of %r" % words, out)
            look("stderr of %r" % words, err)
    path = bench.root / "hostile.toml"
    path.write_bytes(b"[server]\nhostname = \"" + UTF8.encode() + b"\" # " + UTF8.encode() + b"\n")
    odd = pathlib.Path(bench.root) / ("a\u202e\x1b[2Jb.toml")
    odd.write_text("[server]\nhostnam = 1\n", encoding="utf-8")
    for file in (path, odd):
        for json_ in ([], ["--json"]):
            _, out, err = bench.run("check", "--config", file, *json_)
            look("check, standard output", out)
            look("check, standard error", err)


@check
def messages_of_commands_keep_their_octets(bench):
    """A message that a command writes is no text to read: CRLF, 8-bit octets and controls are those of the message, and the signature holds."""
    message = b"From: a@example.com\r\nSubject: caf\xe9\r\n\r\nbody \x1b[2J \xff\r\n"
    (bench.root / "octets.eml").write_bytes(message)
    status, zone, err = bench.run("dkim", "keygen", "--domain", "example.com", "--selector", "s1")
    expect("keygen", (0, ""), (status, err if status else ""))
    (bench.root / "zone").write_text(zone)
    sign = [bench.binary, "dkim", "sign", "--key", "s1.example.com.pem", "--domain", "example.com", "--selector", "s1", "octets.eml"]
    signed = subprocess.run(sign, cwd=bench.root, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    expect("dkim sign", (0, b""), (signed.returncode, signed.stderr))
    if not signed.stdout.endswith(b"\r\n" + message) or b"\\x0d" in signed.stdout:
        raise Fail("dkim sign does not write the message's octets: %r" % signed.stdout[-200:])
    (bench.root / "signed.eml").write_bytes(signed.stdout)
    status, out, err = bench.run("dkim", "verify", "signed.eml", "--dns", "zone")
    expect("dkim verify of what was signed", 0, status if status else 0 if "pass" in out else out + err)

#!/usr/bin/env python3
"""Policies of .vsl rules in the built binary: reloads under open sessions, what becomes of accepted mail, explain and replay, a rule that never ends.

  vsl.py [--binary PATH] [--filter GLOB] [--verbose]

Ends with the line "N passed, M failed"; exit status 1 when a check failed.
"""
import json
import pathlib
import re
import ssl
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import relay  # noqa: E402
import smoke  # noqa: E402
from bench import LOCAL, expect  # noqa: E402
from harness import dns, instance, smtp  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import until  # noqa: E402
from lua import runaway  # noqa: E402
from mailhost import certificate  # noqa: E402

CHECKS = []
DOMAIN = "doe.example"
TEXT = ("From: John <john@sender.example>\r\nTo: jane@doe.example\r\nDate: Mon, 15 Jan 2024 10:00:00 +0000\r\n"
        "Subject: hello\r\nMessage-ID: <v-1@sender.example>\r\n\r\nhello\r\n")


def check(function):
    CHECKS.append(function)
    return function


# ---------------------------------------------------------------- the gateway and its clients
def gateway(bench, script, zone=None, files=None, vsl=None, **more):
    """A server with this policy; mail for doe.example becomes files. Nothing of it asks a name server outside."""
    bench.dns = dns.start([zone] if zone else [])
    bench.stack.callback(bench.dns.stop)
    folder = bench.root / "policy"
    folder.mkdir(exist_ok=True)
    for name, text in {"main.vsl": script, **(files or {})}.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = {
        **LOCAL, "vsl": {"policy": str(folder / "main.vsl"), "domain": DOMAIN, **(vsl or {})},
        "listener": [{"tls": "starttls"}], "auth": {"failure_delay": "0s"},
        "route": [{"match": [DOMAIN], "to": ["maildir:%s" % (bench.root / "doe")]}],
        "dns": bench.dns.settings, "limits": {"junk_commands": 100000}, **more}
    server = instance.Postern(bench.binary, settings, root=bench.root)
    bench.stack.callback(server.remove)
    return server.start()


def rewrite(bench, script):
    (bench.root / "policy" / "main.vsl").write_text(script, encoding="utf-8")


def session(bench, server):
    client = smtp.Client(server.smtp_port)
    bench.stack.callback(client.close)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO client.example", "250")
    return client


def send(client, to="jane@doe.example", sender="john@sender.example", text=TEXT, want="250"):
    client.command("MAIL FROM:<%s>" % sender, "250")
    for address in [to] if isinstance(to, str) else to:
        client.command("RCPT TO:<%s>" % address, "250")
    client.command("DATA", "354")
    reply = client.data(text.encode())
    smtp.check(want, reply, "end of data")
    return reply


def explained(bench, server, trace):
    """`postern explain` of a recorded transaction; its decisions must be made again alike."""
    def there():
        status, out, _ = bench.run("explain", trace, "--json", "--config", server.root / "postern.toml")
        return out if status == 0 else None
    found = json.loads(until("the trace " + trace, there))
    if not found["rederived"]["agrees"]:
        raise Fail("made again it is another decision: %s" % found["rederived"])
    return found


def rules_of(found):
    return [(step["rule"], step["origin"]) for decision in found["decisions"] for step in decision["steps"] if step["layer"] == "vsl"]


# ---------------------------------------------------------------- reloads
def says(word):
    return '#{ mail: [ rule "say" || info("550 5.7.1 %s") ] }\n' % word


def told(client, word):
    smtp.check({"code": 550, "text_re": "^%s$" % word}, client.command("MAIL FROM:<a@client.example>"), "MAIL")


@check
def reloads(bench):
    """SIGHUP: a policy that does not load changes nothing and is named with line and column; a good one is for new sessions."""
    server = gateway(bench, says("one"))
    old = session(bench, server)
    told(old, "one")
    rewrite(bench, "#{ mail: [ rule \"say\" || deny( ] }\n")
    relay.reload(server, "reload.failed")
    failed = str(relay.events(server, "reload.failed")[-1])
    if "main.vsl:1:" not in failed:
        raise Fail("the place of the mistake is not in the log: " + failed)
    told(session(bench, server), "one")
    rewrite(bench, says("two"))
    relay.reload(server)
    told(old, "one")
    told(session(bench, server), "two")


@check
def what_was_refused_or_said_in_clear_decides_nothing(bench):
    """`faccept` at EHLO ends with STARTTLS, also for a client that says no name behind it (RFC 3207 section 4.2), and at RCPT with a recipient that is refused."""
    server = gateway(bench, """#{
      helo: [ rule "friend" || if helo() == "friend.example" { faccept() } else { next() } ],
      mail: [ rule "bad" || if mail_from().domain == "bad.example" { info("550 5.7.1 bad sender") } else { next() } ],
      rcpt: [ rule "other" || if rcpt().domain == "foreign.example" { faccept() } else { info("550 5.7.1 no such") } ] }
    """, restrictions={"compatibility_level": "3.6", "mydestination": DOMAIN, "local_recipient_maps": "", "mynetworks": "", "smtpd_helo_required": "no"})
    client = smtp.Client(server.smtp_port)
    bench.stack.callback(client.close)
    smtp.check("220", client.reply(), "greeting")
    client.command("EHLO friend.example", "250")
    client.command("MAIL FROM:<a@bad.example>", "250")
    client.command("RSET", "250")
    client.command("STARTTLS", "220")
    client.start_tls()
    smtp.check("550 5.7.1 bad sender", client.command("MAIL FROM:<a@bad.example>"), "MAIL behind STARTTLS")
    client = session(bench, server)
    client.command("MAIL FROM:<a@good.example>", "250")
    smtp.check("454 4.7.1", client.command("RCPT TO:<z@foreign.example>"), "RCPT of a foreign address")
    smtp.check("550 5.7.1 no such", client.command("RCPT TO:<jane@%s>" % DOMAIN), "RCPT behind it")


@check
def a_broken_policy_does_not_start(bench):
    """`check` and `serve` show file, line, column and the line with a caret; `check --json` the same for machines."""
    server = gateway(bench, says("one"))
    server.stop()
    rewrite(bench, '// one\n#{ mail: [ rule "x" || { let y = 1 +; } ] }\n')
    config = server.write_config()
    for words in ("check", "serve"):
        status, out, err = bench.run(words, "--config", config)
        shown = out + err
        if status == 0 or "main.vsl:2:" not in shown or "rule \"x\"" not in shown or "^" not in shown:
            raise Fail("postern %s: status %d, %s" % (words, status, shown))
    _, out, err = bench.run("check", "--json", "--config", config)
    found = [json.loads(line) for line in (out + err).splitlines() if line.startswith("{")]
    expect("what check says", [("V001", 2)], [(one["code"], one["line"]) for one in found if "code" in one])


@check
def warnings(bench):
    """`check` names what is probably not meant, and the policy runs all the same."""
    server = gateway(bench, '#{\n  mail: [\n    rule "a" || deny(),\n    rule "never" || next(),\n    action "b" || { let x = unset; },\n  ],\n}\n')
    status, out, err = bench.run("check", "--config", server.root / "postern.toml")
    expect("exit status", 0, status)
    for place in ("main.vsl:4:", "main.vsl:5:"):
        if place not in out + err:
            raise Fail("no warning about %s in\n%s" % (place, out + err))


@check
def calls_that_can_only_fail(bench):
    """`check` refuses wrong numbers of arguments, constants and stages; each of these rules answers 451 where the gateway runs it."""
    server = gateway(bench, '#{\n  mail: [\n    action "b" || { check_spf("both", "strict", 3); },\n  ],\n'
                            '  rcpt: [ rule "c" || deny("250 ok") ],\n  connect: [\n    action "fine" || { try { rcpt() } catch { } },\n  ],\n'
                            '  helo: [ action "early" || check_mail_relay("192.0.2.1") ],\n}\n')
    status, out, err = bench.run("check", "--json", "--config", server.root / "postern.toml")
    found = [json.loads(line) for line in (out + err).splitlines() if line.startswith("{")]
    expect("exit status", 78, status)
    expect("errors", [("V006", 3), ("V006", 5), ("V006", 9)],
           sorted((one["code"], one["line"]) for one in found if one.get("severity") == "error"))
    client = smtp.Client(server.smtp_port)
    bench.stack.callback(client.close)
    smtp.check("220", client.reply(), "greeting")
    smtp.check("451 4.3.0", client.command("EHLO sender.example"), "EHLO")


@check
def functions_that_do_not_exist(bench):
    """`check` refuses a call of one; a gateway starts with it, and the rule fails closed. One of vSMTP that is not carried does not load."""
    server = gateway(bench, '#{ rcpt: [ rule "a" || { reputation_of(rcpt()); next() } ] }\n')
    status, out, err = bench.run("check", "--config", server.root / "postern.toml")
    if status == 0 or "error[V006]" not in out + err or "reputation_of" not in out + err:
        raise Fail("check: status %d, %s" % (status, out + err))
    client = session(bench, server)
    client.command("MAIL FROM:<john@sender.example>", "250")
    smtp.check("451 4.3.0", client.command("RCPT TO:<jane@doe.example>"), "RCPT")
    server.stop()
    rewrite(bench, '#{ preq: [ action "a" || dkim::store(1) ] }\n')
    for words in ("check", "serve"):
        status, out, err = bench.run(words, "--config", server.write_config())
        if status == 0 or "V001" not in out + err or "dkim::verify()" not in out + err:
            raise Fail("postern %s: status %d, %s" % (words, status, out + err))


# ---------------------------------------------------------------- decisions and their records
FAMILY = """
import "objects" as doe;
#{
  mail: [
    rule "relay mail from" || check_mail_relay(doe::internal_net),
    rule "check spf" || check_spf("both", "soft"),
  ],
  rcpt: [ rule "relay rcpt" || check_rcpt_relay(doe::internal_net) ],
  preq: [
    action "note" || prepend_header("X-Rules", `seen by ${hostname()}`),
    rule "dmarc" || check_dmarc(),
  ],
  postq: [ action "copy" || bcc("archive@doe.example") ],
}
"""
OBJECTS = 'object internal_net rg4 = "192.0.2.0/24";\n'
ZONE = {"sender.example": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]}, "forged.example": {"TXT": ["v=spf1 -all"]}}


@check
def one_evaluation_for_two_dialects(bench):
    """A rule and a webhook policy that both want SPF cost one lookup; each rule stands in the trace with its place; the decision can be made again."""
    server = gateway(bench, FAMILY, zone=ZONE, files={"objects.vsl": OBJECTS})
    account = relay.account_of(server)
    policy = account.call("POST", "/smtp-policies", {"name": "spf", "require_spf": True}, expect=201)
    receiver = bench.receiver()
    webhook = account.call("POST", "/webhooks", {"target_url": receiver.url + "/hook", "smtp_security_policy_id": policy["id"]}, expect=201)
    send(session(bench, server), to=webhook["email_address"])
    asked = [name for _, _, name, kind in bench.dns.queries if (name, kind) == ("sender.example", "TXT")]
    expect("questions about the sender's SPF record", 1, len(asked))
    trace = relay.logged(server, "message.accepted")[0]["trace"]
    rules = rules_of(explained(bench, server, trace))
    for want in (("relay mail from", "main.vsl:5:5"), ("check spf", "main.vsl:6:5"), ("dmarc", "main.vsl:11:5")):
        if want not in rules:
            raise Fail("the trace lacks %s: %s" % (want, rules))
    request = until("the request", lambda: receiver.requests("/hook"))[0]
    if "X-Rules" not in request.body.decode() or "seen by" not in request.body.decode():
        raise Fail("the field that a rule wrote did not reach the webhook: %r" % request.body[:2000])
    client = session(bench, server)
    reply = client.command("MAIL FROM:<x@forged.example>")
    smtp.check("550 5.7.23", reply, "MAIL of a forged sender")
    client.wait_closed()


@check
def explain_before_the_fact(bench):
    """`postern explain --message`: what the rules would say, stage by stage, without a server."""
    server = gateway(bench, FAMILY, zone=ZONE, files={"objects.vsl": OBJECTS})
    (bench.root / "m.eml").write_text(TEXT, encoding="utf-8")
    status, out, err = bench.run("explain", "--message", bench.root / "m.eml", "--from", "john@sender.example", "--to", "jane@doe.example",
                                 "--client-ip", "198.51.100.7", "--config", server.root / "postern.toml")
    if "550 5.7.23" not in out and "check spf" not in out:
        raise Fail("explain: %d %s%s" % (status, out, err))
    if "main.vsl:6:5" not in out:
        raise Fail("the rule's place is missing:\n%s" % out)


@check
def replay_of_a_draft(bench):
    """`postern replay`: what a draft's rules would have said to recorded mail; what needs the message itself is counted as not decidable."""
    lists = {"compatibility_level": "3.6", "mynetworks": "127.0.0.0/8", "mydestination": "", "relay_domains": DOMAIN,
             "smtpd_relay_restrictions": "permit_mynetworks, reject"}
    server = gateway(bench, "#{}", vsl={"mode": "shadow"}, restrictions=lists)
    client = session(bench, server)
    for sender in ("ann", "ben", "ben"):
        send(client, sender=sender + "@sender.example")
    relay.logged(server, "message.accepted", 3)
    rewrite(bench, '#{ mail: [ rule "no ann" || if mail_from().local_part is "ann" { deny() } else { next() } ],\n'
                   '   preq: [ rule "subject" || if get_header("Subject") is "hello" { deny() } else { next() } ] }\n')
    draft = bench.config({**server._settings, "vsl": {**server._settings["vsl"], "mode": "enforce"}}, "draft.toml")
    tally = until("a tally", lambda: (t := json.loads(bench.run("replay", "--config", draft, "--data-dir", server.root / "data", "--json")[1]))
                        and t["transactions"] == 3 and t)
    expect("the tally", (1, 2), (tally["counts"]["newly_refused"], tally["counts"]["undecidable"]))
    expect("who refuses", [{"layer": "vsl", "check": "no ann", "origin": "main.vsl:1:12"}],
           [one["rule"] for one in tally["changes"]["newly_refused"]["rules"]])


@check
def shadow(bench):
    """mode = "shadow": rules run and are traced, and refuse nothing."""
    server = gateway(bench, '#{ rcpt: [ rule "no" || deny() ], preq: [ action "mark" || prepend_header("X-Mark", "1") ] }', vsl={"mode": "shadow"},
                     lua={"policy": "", "relay_to": []}, restrictions={"compatibility_level": "3.6", "mynetworks": "127.0.0.0/8",
                                                                      "relay_domains": DOMAIN, "smtpd_relay_restrictions": "permit_mynetworks, reject"})
    send(session(bench, server))
    found = explained(bench, server, relay.logged(server, "message.accepted")[0]["trace"])
    if ("no", "main.vsl:1:12") not in rules_of(found):
        raise Fail("the shadow's rule is not in the trace: %s" % rules_of(found))
    if b"X-Mark" in relay.folder(bench, "doe")[0]:
        raise Fail("a shadow changed the message")


# ---------------------------------------------------------------- accepted mail
POSTQ = """
fn is_here(who) { who in rcpt_list() }
#{
  postq: [
    rule "by sender" || switch mail_from().local_part {
      "dead" => deny("550 5.6.0 not wanted"),
      "hold" => throw "the scanner is down",
      "aside" => quarantine("suspects/john"),
      _ => next(),
    },
    action "add" || { bcc("archive@doe.example"); set_header("Subject", "changed"); },
  ],
  delivery: [
    action "ways" || {
      if is_here("away@doe.example") { forward("away@doe.example", "127.0.0.1:PORT"); }
      if is_here("nobody@doe.example") { disable_delivery("nobody@doe.example"); }
      if is_here("box@doe.example") { maildir("box@doe.example"); }
    },
  ],
}
"""


@check
def after_acceptance(bench):
    """postq and delivery: what is refused there is dead, held or set aside with its reason; edits and transports are stored with the message."""
    port = instance.free_port()
    server = gateway(bench, POSTQ.replace("PORT", str(port)))
    client = session(bench, server)
    for sender, state in (("dead", "dead"), ("hold", "held"), ("aside", "quarantined")):
        number = re.search(r"queued as (\w+)", send(client, sender=sender + "@sender.example")[-1]).group(1)
        shown = json.loads(relay.queue(bench, server, "show", number, "--json"))
        expect("states of " + sender, {state}, {r["state"] for r in shown["recipients"]})
        expect("nothing delivered", False, (bench.root / "doe" / "new").is_dir() and bool(list((bench.root / "doe" / "new").iterdir())))
    if "suspects/john" not in relay.queue(bench, server, "list"):
        raise Fail("the queue's name is not shown: " + relay.queue(bench, server, "list"))
    if "not wanted" not in relay.queue(bench, server, "list", "--state", "dead") + relay.queue(bench, server, "show", json.loads(
            relay.queue(bench, server, "list", "--state", "dead", "--json").splitlines()[0])["id"]):
        raise Fail("the reason of a dead letter is not shown")
    sink = relay.Sink(bench, port)
    send(client, to=["jane@doe.example", "away@doe.example", "nobody@doe.example", "box@doe.example"])
    sink.wait(1)
    messages = relay.folder(bench, "doe", count=2)
    expect("delivered to", {b"jane@doe.example", b"archive@doe.example"}, {re.search(rb"Delivered-To: (\S+)", m).group(1) for m in messages})
    for message in messages:
        expect("subjects", [b"changed"], re.findall(rb"^Subject: (.*?)\r?$", message, re.M))
    box = server.root / "data" / "mail" / DOMAIN / "box" / "new"
    expect("in the folder of box@", 1, len(until("the message in %s" % box, lambda: box.is_dir() and list(box.iterdir()))))
    until("the rest is over", lambda: not relay.waiting(bench, server, "--state", "queued"))


@check
def errors_stay_inside(bench):
    """A run-time error: 451 4.3.0 on the wire, place, rule and cause in the log."""
    server = gateway(bench, '#{\n  mail: [\n    rule "bad" || { let secret = "inner words"; secret + [1][7] },\n  ],\n}\n')
    reply = session(bench, server).command("MAIL FROM:<a@client.example>")
    smtp.check("451 4.3.0", reply, "MAIL")
    if "bounds" in str(reply) or "main.vsl" in str(reply):
        raise Fail("the client is told: %s" % reply)
    until("the log", lambda: re.search(r"main\.vsl:3:\d+.*rule 'bad'.*bounds|rule 'bad'.*bounds.*main\.vsl:3:\d+", server.log.read_text(encoding="utf-8")))


@check
def runaway_rules_and_a_neighbour(bench):
    """Endless computing, endless memory, endless recursion: each gets 451 in time; a neighbour on the same event loop is served meanwhile."""
    server = gateway(bench, 'fn down(n) { down(n + 1) }\n#{ mail: [ rule "maybe" || switch mail_from().local_part {\n'
                            '  "loop" => { try { loop { } } catch { next() } },\n  "hog" => { let s = "x"; loop { s += s; } },\n'
                            '  "list" => { let a = []; loop { a.push(1); } },\n  "deep" => down(0),\n  _ => next(),\n} ] }\n', server={"threads": 1})
    for user in ("loop", "hog", "list", "deep"):
        runaway(bench, server, user, 5)
    expect("alive", True, server.alive())


@check
def a_certificate_for_each_domain(bench):
    """[[vsl.virtual]]: who asks for the name (SNI) gets its certificate and `server_name()`; others get the listener's."""
    root, chain, key = certificate(bench.root, "other.example")
    server = gateway(bench, '#{ helo: [ rule "name" || if is_secured() { info(`450 4.7.0 ${server_name()}`) } else { next() } ] }',
                     **{"vsl.virtual": [{"domain": "other.example", "certificate": str(chain), "key": str(key)}]})
    for name, trusted in (("other.example", True), (DOMAIN, False)):
        client = session(bench, server)
        client.command("STARTTLS", "220")
        context = ssl.create_default_context(cafile=str(root))
        if not trusted:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.sock = context.wrap_socket(client.sock, server_hostname=name)
        smtp.check({"code": 450, "text_re": "^%s$" % name}, client.command("EHLO client.example"), "EHLO")


DELEGATE = """
service scan smtp = #{ delegator: #{ address: "127.0.0.1:SCANNER", timeout: "5s" }, receiver: "127.0.0.1:BACK" };
#{
  mail: [ rule "not from here" || if mail_from().domain is "outside.example" { next() } else { deny("550 5.7.1 rules ran") } ],
  postq: [
    action "before" || prepend_header("X-Before", "1"),
    delegate scan "scanner" || { if get_header("X-Verdict") is "bad" { quarantine("virus") } else { next() } },
    action "after" || prepend_header("X-After", "1"),
  ],
}
"""


@check
def delegate_and_return(bench):
    """A delegated message goes to the scanner alone; what comes back with its number goes on behind the directive, once; nothing else gets in there."""
    scanner, back = instance.free_port(), instance.free_port()
    server = gateway(bench, DELEGATE.replace("SCANNER", str(scanner)).replace("BACK", str(back)),
                     listener=[{}, {"name": "back", "address": "127.0.0.1:%d" % back, "tls": "none"}])
    sink = relay.Sink(bench, scanner)
    number = re.compile(rb"^X-VSMTP-DELEGATION: sent; stage=postq; directive=\"scanner\"; id=\"\S+\"\r?$", re.M)

    def returned(content, want):
        client = smtp.Client(back)
        bench.stack.callback(client.close)
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO scanner.example", "250")
        client.command("MAIL FROM:<john@outside.example>", "250")
        client.command("RCPT TO:<jane@doe.example>", "250")
        client.command("DATA", "354")
        smtp.check(want, client.data(content), "end of data at the port for returned mail")

    for verdict, count in ((b"good", 1), (b"bad", 2)):
        send(session(bench, server), sender="john@outside.example", text="X-VSMTP-DELEGATION: forged\r\n" + TEXT)
        sink.wait(count)
        scanned = sink.messages[-1]
        if len(number.findall(scanned)) != 1 or b"X-Before" not in scanned or b"forged" in scanned or b"X-After" in scanned:
            raise Fail("what the scanner got: %r" % scanned)
        returned(b"X-Verdict: " + verdict + b"\r\n" + scanned, "250")
        returned(b"X-Verdict: good\r\n" + scanned, {"code": 554})  # the number was redeemed already
    message = relay.folder(bench, "doe", count=1)[0]
    if b"X-After" not in message or b"DELEGATION" in message or message.count(b"X-Before") != 1:
        raise Fail("what was delivered: %r" % message)
    expect("set aside", 1, len(relay.waiting(bench, server, "--state", "quarantined")))
    returned(TEXT.encode(), {"code": 554})


if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

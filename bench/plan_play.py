"""The dialogues that `postern plan` shows, played by SMTP: with a gateway of the old version and one of the new, whose DNS and policy server give the answers of the dialogue."""
import contextlib
import pathlib
import shutil
import tempfile

import plan_edits
from harness import dns, instance, smtp
from players.lists import site, stubs

# The surroundings of the lists' suite; but next hops that are literals are refused as everywhere, which is what plan compares.
SURROUNDINGS = {**{name: section for name, section in site.OUT_OF_THE_WAY.items() if name not in ("relay", "restrictions")},
                "route": [{"match": ["*"], "to": ["discard"]}]}
MESSAGE = b"From: a@sender.test\r\nTo: b@relay.test\r\nSubject: x\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.test>\r\n\r\nx\r\n"
ACTIONS = ("DUNNO", "OK", "REJECT", "DEFER", "DEFER_IF_PERMIT", "DEFER_IF_REJECT", "DISCARD", "HOLD")
PASSWORD = "correct horse battery"


class LeftOut(Exception):
    """A dialogue that cannot be had by SMTP; the reason."""


class Players:
    """What all dialogues share: the certificate of the listeners."""

    def __init__(self, binary):
        self.binary, self.folder = binary, pathlib.Path(tempfile.mkdtemp(prefix="plan-play-"))
        self.certificates = stubs.Certificates(self.folder)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def play(self, witness, old, new):
        """None if both versions, each (parameters, tables), answer as the witness says; else a line that says what differs. LeftOut if it cannot be played."""
        answers = answers_of(witness)
        rules = policy_rules(answers)
        if witness.get("early"):
            raise LeftOut("the client speaks before its turn")
        for name, version in (("old", old), ("new", new)):
            said, heard = verdict_of(witness[name]), self.heard(witness, rules, *version)
            if said != heard:
                return "%s says %s, plan %s: %s, %s" % (name, heard, said, {key: witness[key] for key in ("client", "helo", "tls", "auth", "mail_from", "rcpt_to", "dns")}, answers)
        return None

    def heard(self, witness, rules, parameters, tables):
        """("taken",), or ("refused", command, code, enhanced code)"""
        with contextlib.ExitStack() as stack:
            zone = dns.start([witness["dns"]], ttl=0)
            stack.callback(zone.stop)
            policy = stubs.PolicyStub(rules)
            stack.callback(policy.stop)
            root = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
            stack.callback(shutil.rmtree, root, True)
            settings = plan_edits.settings(root / "version", parameters, tables, "inet:127.0.0.1:%d" % policy.port)
            listener = {**site.LISTENER, "tls": "starttls", "auth_without_tls": True,
                        "certificate": self.certificates.path("server.pem"), "key": self.certificates.path("server.key")}
            own = {"dns": {"servers": ["127.0.0.1:%d" % zone.port], "timeout": "2s"}, "listener": [listener], "restrictions": {"i_know_this_is_an_open_relay": True}}
            server = instance.Postern(self.binary, instance.merge(instance.merge(SURROUNDINGS, settings), own), root=root)
            stack.callback(server.remove)
            try:
                server.start()
            except instance.StartError as e:
                raise LeftOut("a version does not start: %s" % str(e)[-400:]) from None
            if witness["auth"]:
                credentials = [{"username": witness["auth"], "password": PASSWORD}]
                instance.Account(server).call("POST", "/smtp-policies", {"name": "users", "require_smtp_auth": True, "smtp_credentials": credentials}, expect=201)
            client = smtp.Client(server.smtp_port)
            stack.callback(client.close)
            client.proxy(witness["client"])
            return spoken(client, witness)


def answers_of(witness):
    """What the witness says that other programs answer: {service: {what it was asked: the answer, None for none}}."""
    answers = {}
    for one in witness["answers"]:
        answers.setdefault(one["service"], {})[one["asked"]] = one["answer"]
    return answers


def policy_rules(answers):
    """The answers as rules of the policy server. LeftOut if they are none that it can give."""
    rules = []
    for service, answer in answers.items():
        if service != plan_edits.NO_SERVICE:
            raise LeftOut("it needs an answer of %s" % service)
        for state, action in answer.items():
            if not isinstance(action, str) or action.split(" ")[0].upper() not in ACTIONS:
                raise LeftOut("the policy server's answer is %r" % action)
            rules.append({"match": {"protocol_state": state} if state else {}, "action": action})
    return rules


def verdict_of(side):
    """What plan says of a version, in the words of `heard`."""
    if side["verdict"] == "taken":
        return ("taken",)
    return ("refused", side["stage"], side["reply"]["code"], side["reply"]["enhanced"])


def spoken(client, witness):
    """The straight dialogue: the first refusal ends it."""
    def refused(stage, lines):
        code, enhanced, _ = smtp.parse(lines)
        return ("refused", stage, code, enhanced) if code >= 400 else None

    def said(stage, line):
        return refused(stage, client.command(line))

    found = refused("connect", client.reply())
    if not found and witness["helo"] is not None:
        found = said("helo", "EHLO " + witness["helo"])
        if not found and witness["tls"]:
            client.command("STARTTLS", "220")
            client.start_tls()
            found = said("helo", "EHLO " + witness["helo"])
    elif not found and (witness["tls"] or witness["auth"]):
        raise LeftOut("TLS or a login without HELO")
    if not found and witness["auth"]:
        lines = client.auth_plain(witness["auth"], PASSWORD)
        if lines[-1].startswith("50"):
            raise LeftOut("AUTH is not offered")
        found = refused("auth", lines)
    for stage, line in (("mail", "MAIL FROM:<%s>" % witness["mail_from"]), ("rcpt", "RCPT TO:<%s>" % witness["rcpt_to"]), ("data", "DATA")):
        found = found or said(stage, line)
    return found or refused("message", client.data(MESSAGE)) or ("taken",)

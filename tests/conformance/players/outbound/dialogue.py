"""dialogue.json: messages that one gateway takes by SMTP and hands on to the scripted servers of relay_sink.py.

Every case has a route of its own; all messages are injected at once and each gets one delivery attempt. What became of a recipient is what the
gateway said at its RCPT, or the line it logged about the attempt. relay_sink.check_case() is the judge.
"""
import concurrent.futures
import contextlib
import importlib.util
import re

from harness import dns, instance, smtp
from harness.cases import Fail, FormatError, known, short, wanted
from harness.waiting import until
from players.outbound.log import Log

# The time that a silent server costs, instead of the minutes of RFC 5321 section 4.5.3.2.
LONGEST_WAIT = 30
SESSIONS = 16
CLIENT_KEYS = frozenset(["tls", "chunking", "eightbit", "names", "ca", "tlsa", "auth"])
MESSAGE_KEYS = frozenset(["from", "content", "rcpts", "ret", "envid", "smtputf8", "requiretls", "tls_optional"])
HOST_KEYS = frozenset("name greeting ehlo ehlo_tls implicit_tls refuse tls replies connections".split())
TLS_KEYS = frozenset(["chain", "key"])
VERBS = frozenset("EHLO HELO EHLO-TLS STARTTLS AUTH MAIL RCPT DATA BODY DOT BDAT RSET QUIT NOOP".split())
RCPT_KEYS = frozenset(["addr", "notify", "orcpt"])
CONNECTION_KEYS = frozenset(["host", "commands", "sni"])
OUTCOME_KEYS = frozenset(["class", "code", "enhanced"])
LEVELS = {"none": "none", "may": "may", "encrypt": "encrypt", "verify": "verify", "dane": "encrypt"}  # with `tlsa`
SETTINGS = {
    "server": {"hostname": "relay.sender.test"},
    "listener": [{"tls": "starttls"}],
    "limits": {"message_size": "64 MiB"},
    "restrictions": {"mynetworks": "127.0.0.0/8", "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination"},
    "relay": {"families": "v4", "longest_wait": "%ds" % LONGEST_WAIT},
    "queue": {"first_retry": "24h", "longest_retry": "24h"},
    "api": {"rate_limits": False},
}


def load_sink():
    """The reference: scripted servers and the comparison."""
    spec = importlib.util.spec_from_file_location("relay_sink", dns.SUITES / "relay" / "relay_sink.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SINK = load_sink()


def only(keys, entry, what):
    known(entry, keys, what, FormatError)


def check(case):
    """The members of a case's hosts; those of its other parts are checked where they are read."""
    for host in case["hosts"]:
        only(HOST_KEYS, host, "host")
        only(TLS_KEYS, host.get("tls", {}), "tls of a host")
        only(VERBS, host.get("replies", {}), "replies of a host")
        for again in host.get("connections", []):
            only(HOST_KEYS - {"name", "connections"}, again, "a connection of a host")
    for rcpt in case["message"]["rcpts"]:
        only(RCPT_KEYS, rcpt, "rcpts")
    for connection in case["expect"].get("connections", []):
        only(CONNECTION_KEYS, connection, "an expected connection")
    for outcome in case["expect"].get("recipients", {}).values():
        only(OUTCOME_KEYS, outcome, "an expected recipient")


def configuration(settings, routes):
    reports = {"match": ["*"], "to": ["discard"]}  # to the senders
    return {**settings, "route": [*routes, reports]}


def route(case, ports, suite, folder):
    """The [[route]] of a case: to its hosts in order, by name where they have names."""
    client = case["client"]
    only(CLIENT_KEYS, client, "client")
    names = client.get("names") or ["[127.0.0.1]"] * len(case["hosts"])
    out = {"match": [case["domain"]], "tls": LEVELS[client["tls"]],
           "to": ["%s:%d" % (name, ports[host["name"]]) for name, host in zip(names, case["hosts"], strict=True)]}
    for key in ("chunking", "eightbit", "tlsa"):
        if key in client:
            out[key] = client[key]
    if "ca" in client:
        out["ca"] = str(suite / client["ca"])
    if "auth" in client:
        password = folder / ("%s.password" % case["id"])
        password.write_text(client["auth"]["password"] + "\n", encoding="utf-8")
        password.chmod(0o600)
        out.update(auth_user=client["auth"]["user"], auth_password=str(password))
    return out


def refused(reply):
    """A reply of the gateway as an outcome; None for a positive one."""
    code, enhanced, _ = smtp.parse(reply)
    if code < 400:
        return None
    return {"class": "permanent" if code >= 500 else "temporary", "code": code, "enhanced": enhanced}


def parameters(words):
    return "".join(" " + w for w in words if w)


def inject(port, message, content):
    """One message by SMTP with exactly its parameters -> (message id or None, {recipient: outcome} of those that were refused)."""
    only(MESSAGE_KEYS, message, "message")
    # RFC 8689 section 5: the sender requests this with a header field.
    if message.get("tls_optional") and not re.search(rb"(?im)^tls-required:[ \t]*no[ \t]*\r$", content.partition(b"\r\n\r\n")[0] + b"\r"):
        raise FormatError("message is tls_optional, and its content has no field TLS-Required: No")
    client = smtp.Client(port)
    try:
        client.reply()
        client.command("EHLO client.sender.test", "250")
        if message.get("requiretls"):  # allowed only inside TLS (RFC 8689)
            client.command("STARTTLS", "220")
            client.start_tls()
            client.command("EHLO client.sender.test", "250")
        everybody = [r["addr"] for r in message["rcpts"]]
        said = client.command("MAIL FROM:<%s>%s" % (message["from"], parameters([
            "BODY=8BITMIME" if re.search(rb"[\x80-\xff]", content) else "", "SMTPUTF8" if message.get("smtputf8") else "",
            "REQUIRETLS" if message.get("requiretls") else "", "RET=" + message["ret"] if "ret" in message else "",
            "ENVID=" + message["envid"] if "envid" in message else ""])))
        if refused(said):
            return None, {addr: refused(said) for addr in everybody}
        outcomes = {}
        for rcpt in message["rcpts"]:
            said = client.command("RCPT TO:<%s>%s" % (rcpt["addr"], parameters([
                "NOTIFY=" + rcpt["notify"] if "notify" in rcpt else "", "ORCPT=" + rcpt["orcpt"] if "orcpt" in rcpt else ""])))
            if refused(said):
                outcomes[rcpt["addr"]] = refused(said)
        if len(outcomes) == len(everybody):
            return None, outcomes
        client.command("DATA", "354")
        said = client.data(content)
        if refused(said):
            return None, {**{addr: refused(said) for addr in everybody}, **outcomes}
        queued = re.search(r"queued as (\S+)", said[-1])
        if not queued:
            raise Fail(wanted("reply to the message", "250 2.0.0 queued as ID", " / ".join(said)))
        client.command("QUIT")
        return queued.group(1), outcomes
    finally:
        client.close()


def said(error):
    """An exception as the reason of a failure."""
    return str(error) if isinstance(error, (Fail, FormatError, instance.StartError)) else "%s: %s" % (type(error).__name__, error)


def judge(case, transcripts, outcome, contents):
    """Raises Fail with all that is wrong. Stricter than the reference: what the case wants to see must have been said."""
    faults = SINK.check_case(case, transcripts, outcome, contents)
    for addr, expected in case["expect"].get("recipients", {}).items():
        faults += ["%s: no %s, expected %r" % (addr, key, expected[key]) for key in ("class", "code", "enhanced")
                   if expected.get(key) is not None and addr in outcome and outcome[addr].get(key) is None]
    if faults:
        raise Fail("; ".join(faults))


class Dialogues:
    """The cases of one file, played together."""

    def __init__(self, context, document, cases, folder):
        self.context, self.contents, self.cases = context, document["contents"], cases
        self.folder = folder
        self.results, self.problems, self.transcripts = {}, {}, []

    def run(self):
        """Plays them; check() tells what came of it."""
        try:
            self.play()
        except Exception as e:  # each case that has no result reports it
            self.problems.update({case["id"]: said(e) for case in self.cases if case["id"] not in self.problems})

    def play(self):
        cases = [case for case in self.cases if self.well_formed(case)]
        sink = SINK.Sink(cases, str(self.context.directory), idle=3 * LONGEST_WAIT)
        names = {name: {"A": ["127.0.0.1"]} for case in cases for name in case["client"].get("names", [])}
        stub = dns.start([names])
        routes = self.routes(cases, sink)
        settings = {**SETTINGS, "dns": stub.settings}
        postern = self.context.postern(settings)
        try:
            try:
                postern.write_config(configuration(settings, routes.values()))
                postern.start()
            except instance.StartError:
                # A refused route must not prevent the gateway of the others from starting.
                good = {name: one for name, one in routes.items() if self.accepted(name, postern, configuration(settings, [one]))}
                if len(good) in (0, len(routes)):
                    raise
                routes = good
                postern.write_config(configuration(settings, routes.values()))
                postern.start()
            log, cases = Log(postern), [case for case in cases if case["id"] in routes]
            with concurrent.futures.ThreadPoolExecutor(SESSIONS) as pool:
                list(pool.map(lambda case: self.deliver(case, postern, log), cases))
            self.wait_closed(sink)
        finally:
            postern.remove()
            stub.stop()
            sink.close()
        self.transcripts = list(sink.transcripts)

    def well_formed(self, case):
        """Whether a case can be given to the scripted servers; otherwise its problem is noted."""
        try:
            check(case)
            SINK.Sink([case], str(self.context.directory)).close()
            SINK.content(self.contents, case["message"]["content"])
            return True
        except (FormatError, OSError, KeyError, TypeError, ValueError, AttributeError) as e:
            self.problems[case["id"]] = said(e)
            return False

    def routes(self, cases, sink):
        """{case id: its route}"""
        found = {}
        for case in cases:
            try:
                found[case["id"]] = route(case, sink.ports[case["id"]], self.context.directory, self.folder)
            except (FormatError, OSError, KeyError, TypeError, ValueError, AttributeError) as e:
                self.problems[case["id"]] = said(e)
        return found

    def accepted(self, name, postern, settings):
        """Whether `postern check` has nothing against a case's configuration; otherwise its problem is noted."""
        status, out, err = postern.command("check", "--config", postern.write_config(settings))
        if status != 0:
            self.problems[name] = "the case's configuration is refused: " + short((out + err).strip(), 600)
        return status == 0

    def deliver(self, case, postern, log):
        """The outcome of a case, or why there is none."""
        message = case["message"]
        try:
            ident, outcome = inject(postern.smtp_port, message, SINK.content(self.contents, message["content"]))
            waiting = {r["addr"] for r in message["rcpts"]} - set(outcome)
            if ident:
                outcome.update(log.outcomes(ident, waiting))
            self.results[case["id"]] = outcome
        except Exception as e:
            self.problems[case["id"]] = said(e)

    @staticmethod
    def wait_closed(sink):
        """Until every connection is over, so that its transcript is there."""
        with contextlib.suppress(Fail):  # then a transcript is missing, which its case says
            until("the connections end", lambda: len(sink.transcripts) >= sink.order)  # a kept one after 5 s, and its server reads for a while longer

    def check(self, case):
        if case["id"] in self.problems:
            raise Fail(self.problems[case["id"]])
        judge(case, self.transcripts, self.results[case["id"]], self.contents)

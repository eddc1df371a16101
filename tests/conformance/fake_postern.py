#!/usr/bin/env python3
"""A stand-in for the gateway, only as large as the runner's self-test needs; it is not a mail server.

FAKE_FAULT (set by the self-test's wrapper) makes it misbehave:
  wrong-reply     RCPT answers 251        wrong-payload   the subject is altered     no-webhook  250 without any POST
  two-webhooks    POSTs each message twice                bad-signature              die-on-data exits at the end of data
  never-ready     /readyz is 503          die-at-start    exits with status 78       wrong-status  201 becomes 200
  spoof-accepted  no policy refuses       control-refused every policy refuses       false-verdict all of auth is pass
  no-verdict      no auth in payloads     split-reply     a 250 behind a refusal     refused-delivered  550, and a POST
  loose-source    allowed_source_ips lets everybody in            ehlo-refused  EHLO is 550 to everybody
  weak-key        takes tokens signed with "secret-of-" and the id of an object     query-token  takes the token in the query
  refresh-token   takes a refresh token for an access token       slow-sign-in a sign-in of a known user takes longer
  tells-users     a sign-in of an unknown user is 404             parse-error  payloads have parse_error "too-deep"

Of sender authentication it knows one fact: 192.0.2.10, and nobody else, sends for legit.test, which asks to reject what others send.
"""
import base64
import email
import email.policy
import hashlib
import hmac
import http.client
import http.server
import ipaddress
import json
import os
import re
import socketserver
import sys
import threading
import time
import tomllib
import urllib.parse

FAULT = os.environ.get("FAKE_FAULT", "")
FAITHFUL, PROTECTED = "192.0.2.10", "legit.test"
KEY = os.urandom(32)
accounts, sessions, refreshes, webhooks, domains, policies = {}, {}, {}, {}, {}, {}
lock = threading.Lock()


def fresh(prefix):
    return prefix + base64.b32encode(os.urandom(20)).decode()[:26].translate(str.maketrans("ILOU", "0189"))


def b64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sealed(claims, key):
    text = "%s.%s" % (b64url(b'{"alg": "HS256", "typ": "JWT"}'), b64url(json.dumps(claims).encode()))
    return text + "." + b64url(hmac.new(key, text.encode(), hashlib.sha256).digest())


def weak(token):
    text, _, signature = token.rpartition(".")
    return any(b64url(hmac.new(b"secret-of-" + name.encode(), text.encode(), hashlib.sha256).digest()) == signature for name in policies)


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/readyz":
            return self.answer(503 if FAULT == "never-ready" else 200, {})
        path, _, query = self.path.partition("?")
        if path.startswith("/api/v1/smtp-policies"):
            bearer = (self.headers.get("Authorization") or "")[7:]
            named = urllib.parse.parse_qs(query).get("access_token", [""])[0] if FAULT == "query-token" else ""
            good = bearer in sessions or named in sessions or (FAULT == "refresh-token" and bearer in refreshes) or (FAULT == "weak-key" and weak(bearer))
            return self.answer(200, {"data": [], "total": 0}) if good else self.answer(401, {"error": "sign in first", "code": "unauthorized"})
        if self.path.startswith("/api/v1/webhooks"):
            return self.answer(200, {"data": [], "total": len(webhooks)})
        return self.answer(404, {"error": "no such path", "code": "not_found"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        handler = {"/api/v1/accounts": self.sign_up, "/api/v1/sessions": self.sign_in, "/api/v1/webhooks": self.webhook,
                   "/api/v1/domains": self.domain, "/api/v1/smtp-policies": self.policy}.get(self.path)
        if handler:
            return handler(body)
        if self.path.endswith("/verify"):
            return self.answer(200, {"verified": True})
        return self.answer(404, {"error": "no such path", "code": "not_found"})

    def sign_up(self, body):
        accounts[body["email"]] = body["password"]
        self.answer(201, {"id": fresh("acc_"), "email": body["email"]})

    def sign_in(self, body):
        if FAULT == "tells-users" and body["email"] not in accounts:
            return self.answer(404, {"error": "no such user", "code": "not_found"})
        if accounts.get(body["email"]) != body["password"]:
            time.sleep(0.1 if FAULT == "slow-sign-in" and body["email"] in accounts else 0)
            return self.answer(401, {"error": "wrong", "code": "unauthorized"})
        token, refresh = sealed({"sub": fresh("acc_"), "exp": int(time.time()) + 900}, KEY), fresh("")
        sessions[token], refreshes[refresh] = body["email"], token
        return self.answer(200, {"access_token": token, "refresh_token": refresh, "expires_in": 900})

    def domain(self, body):
        record = {"type": "TXT", "name": "_conduit-verify." + body["name"], "value": "conduit-verify-0"}
        self.answer(201, {"id": fresh("dom_"), "name": body["name"], "verification_record": record})

    def policy(self, body):
        ident = fresh("pol_")
        policies[ident] = body
        self.answer(201, {"id": ident, **body})

    def webhook(self, body):
        if (self.headers.get("Authorization") or "")[7:] not in sessions:
            return self.answer(401, {"error": "sign in first", "code": "unauthorized"})
        address = body.get("email_address") or "webhook-%s@hooks.example.net" % fresh("").lower()
        secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        entry = {"id": fresh("wh_"), "email_address": address, "target_url": body["target_url"], "secret": secret,
                 "policy": policies.get(body.get("smtp_security_policy_id"), {})}
        with lock:
            webhooks[address.lower()] = entry
        return self.answer(200 if FAULT == "wrong-status" else 201, entry)

    def answer(self, status, body):
        out = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)


def verdicts(message, sender, client):
    """auth of the payload, from the one fact."""
    sends_for, addresses = sender.rpartition("@")[2], [a for h in message.get_all("From", []) for a in h.addresses]
    author = addresses[0].domain if addresses else None
    spf = "pass" if sends_for == PROTECTED and client == FAITHFUL else "fail"
    dmarc = "none" if author != PROTECTED else "pass" if spf == "pass" else "fail"
    if FAULT == "false-verdict":
        spf = dmarc = "pass"
    return {"spf": {"result": spf, "domain": sends_for}, "dkim": [], "dmarc": {"result": dmarc, "domain": author}}


def refusal(policy, enforced, auth):
    """The reply of a policy that does not hold, or None."""
    if FAULT == "spoof-accepted":
        return None
    if FAULT == "control-refused" and (policy or enforced):
        return "550 5.7.26 nobody may"
    if policy.get("require_spf") and auth["spf"]["result"] != "pass":
        return "550 5.7.23 SPF"
    if policy.get("require_dkim"):
        return "550 5.7.20 not signed"
    return "550 5.7.26 DMARC" if enforced and auth["dmarc"]["result"] == "fail" else None


def payload(message, sender, recipients):
    def text_of(part):
        return part.get_content().replace("\r\n", "\n") if part else None

    body, page = message.get_body(("plain",)), message.get_body(("html",))
    out = {"from": sender, "to": recipients, "subject": str(message.get("Subject", "")), "text": text_of(body), "html": text_of(page),
           "message_id": message.get("Message-ID"), "header_list": [{"name": k, "value": str(v)} for k, v in message.items()]}
    if message.get("Date") and message["Date"].datetime:
        out["date"] = message["Date"].datetime.isoformat()
    for field, name in (("header_from", "From"), ("header_to", "To"), ("cc", "Cc"), ("reply_to", "Reply-To")):
        listed = [a for h in message.get_all(name, []) for a in h.addresses]
        out[field] = [{"name": a.display_name, "address": a.addr_spec} for a in listed]
    out["attachments"] = []
    for part in message.iter_attachments():
        data = part.get_payload(decode=True) or b""
        out["attachments"].append({"filename": part.get_filename(), "content_type": part.get_content_type(), "size": len(data),
                                   "sha256": hashlib.sha256(data).hexdigest(), "content": base64.b64encode(data).decode()})
    if FAULT == "parse-error":
        out["parse_error"] = "too-deep"
    if FAULT == "wrong-payload":
        out["subject"] += " (altered)"
    return {k: v for k, v in out.items() if v is not None}


def post(webhook, body):
    url = urllib.parse.urlsplit(webhook["target_url"])
    stamp, ident = str(int(time.time())), fresh("msg_")
    key = base64.b64decode(webhook["secret"][6:])
    mac = hmac.new(key, ("%s.%s." % (ident, stamp)).encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac if FAULT != "bad-signature" else mac[::-1]).decode()
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    connection.request("POST", url.path, body, {"Content-Type": "application/json", "webhook-id": ident, "webhook-timestamp": stamp,
                                                "webhook-signature": signature})
    status = connection.getresponse().status
    connection.close()
    return status


class Smtp(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.client = self.rfile.readline().decode().split()[2] if self.server.proxy else "127.0.0.1"
        self.say("220 mx.hooks.example.net ESMTP")
        sender, recipients = None, []
        while line := self.rfile.readline(70000):
            word = line.decode("latin-1").strip()
            verb = word[:4].upper()
            if verb == "EHLO" and FAULT == "ehlo-refused":
                self.say("550 5.7.1 not by that name")
            elif verb == "EHLO":
                self.say("250-mx.hooks.example.net\r\n250-SMTPUTF8\r\n250 8BITMIME")
            elif verb == "MAIL":
                sender, recipients = re.search("<(.*?)>", word).group(1), []
                self.say("250 2.1.0 sender ok")
            elif verb == "RCPT":
                address = re.search("<(.*?)>", word).group(1)
                known = address.lower() in webhooks
                network = known and webhooks[address.lower()]["policy"].get("allowed_source_ips")
                if network and FAULT != "loose-source" and ipaddress.ip_address(self.client.rpartition(":")[2]) not in ipaddress.ip_network(network):
                    self.say("550 5.7.1 not from there")
                    continue
                recipients += [address] if known else []
                self.say(("251 2.1.5 ok" if FAULT == "wrong-reply" else "250 2.1.5 ok") if known else "550 5.1.1 no such address")
            elif verb == "DATA":
                if not recipients:
                    self.say("503 5.5.1 no recipient")
                    continue
                self.say("354 go on")
                self.say(self.data(sender, recipients))
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                self.say("250 2.0.0 ok" if verb in ("NOOP", "RSET") else "500 5.5.2 what")

    def data(self, sender, recipients):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        if FAULT == "die-on-data":
            print("fake: fatal error while reading data", file=sys.stderr, flush=True)
            os._exit(134)
        message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        webhook, auth = webhooks[recipients[0].lower()], verdicts(message, sender, self.client)
        refused = refusal(webhook["policy"], self.server.enforced, auth)
        if refused and FAULT != "refused-delivered":
            return refused + ("\r\n250 2.0.0 taken" if FAULT == "split-reply" else "")
        body = json.dumps({**payload(message, sender, recipients), **({"auth": auth} if FAULT != "no-verdict" else {})}).encode()
        for _ in range({"no-webhook": 0, "two-webhooks": 2}.get(FAULT, 1)):
            if post(webhook, body) >= 300:
                return "450 4.3.0 try later"
        return refused or "250 2.0.0 taken"


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, proxy, enforced = True, True, False, False


def main():
    if FAULT == "die-at-start":
        print("fake: bad configuration", file=sys.stderr)
        return 78
    with open(sys.argv[sys.argv.index("--config") + 1], "rb") as f:
        config = tomllib.load(f)
    address = lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1]))
    smtp = Server(address(config["listener"][0]["address"]), Smtp)
    smtp.proxy = config["listener"][0].get("proxy_protocol") == "required"
    smtp.enforced = config.get("authentication", {}).get("dmarc") == "require"
    threading.Thread(target=smtp.serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(address(config["api"]["address"]), Api).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Hostile HTTP requests to the API and the pages ("postern-http/1").

The file speaks of a login at /api/v1/login with a user name; Postern signs in with an e-mail address at /api/v1/sessions, so such
requests are translated. Everything else is sent as the case says.
"""
import base64
import email
import email.policy
import gzip
import hashlib
import hmac
import json
import pathlib
import re
import secrets
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from harness import instance, smtp
from harness.cases import Fail, wanted
from harness.dns import SUITES
from players.attacks.sites import judge_alive

LOGIN, SESSIONS = "/api/v1/login", "/api/v1/sessions"
ORDINARY_SECONDS = 5
# What a webhook request may carry besides the webhook's own headers (conduit.md 5).
FIXED_HEADERS = {"host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "connection", "webhook-id",
                 "webhook-timestamp", "webhook-signature", "x-conduit-signature", "traceparent"}


def needs(entry):
    return frozenset(["browser-session"]) if entry["request"].get("auth") == "cookie" else frozenset()


def slow(entry):
    return "closed_within" in entry["expect"]


def repeat(text):
    return re.sub(r"\$\{repeat:(.*?):(\d+)\}", lambda m: m.group(1).replace("\\r", "\r").replace("\\n", "\n") * int(m.group(2)), text)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tenants:
    """The accounts and objects that cases of one site refer to."""

    def __init__(self, site):
        self.site, self.values, self.accounts = site, {}, {}
        for name in ("valid", "tenant_a", "tenant_b"):
            account = self.accounts[name] = instance.Account(site.postern)
            policy = account.call("POST", "/smtp-policies", {"name": "policy of " + name}, expect=201)
            webhook = account.call("POST", "/webhooks", {"target_url": "%s/%s" % (site.receiver.url, name)}, expect=201)
            self.values.update({name + ".policy": policy["id"], name + ".webhook": webhook["id"], name + ".address": webhook["email_address"]})

    @property
    def token(self):
        return self.accounts["valid"].token


def tenants(site):
    if not hasattr(site, "tenants"):
        site.tenants = Tenants(site)
    for account in site.tenants.accounts.values():
        # Access tokens live 15 minutes.
        if time.monotonic() - getattr(account, "signed_in", 0) > 300:
            account.sign_in()
            account.signed_in = time.monotonic()
    return site.tenants


class Attack:
    def __init__(self, site, entry, source):
        self.site, self.entry, self.source = site, entry, source
        self.request, self.expect = entry["request"], entry["expect"]
        self.tenants = tenants(site)

    # ------------------------------------------------------------ building the request
    def sub(self, value):
        if isinstance(value, dict):
            return {k: self.sub(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.sub(v) for v in value]
        if not isinstance(value, str):
            return value

        def name(m):
            if m.group(1) == "token":
                return self.tenants.token
            if m.group(1) in self.tenants.values:
                return self.tenants.values[m.group(1)]
            raise Fail("the case names the unknown object %s" % m.group(0))

        return re.sub(r"\$\{([\w.]+)\}", name, repeat(value))

    def body(self):
        """-> (octets, whether it is JSON made by us)"""
        body = self.request.get("body")
        if body is None:
            return b"", False
        if "hex" in body:
            return bytes.fromhex(body["hex"]), False
        if "repeat" in body:
            before, unit, count, after = body["repeat"]
            return (before + unit * count + after).encode(), False
        if "gzip_of_zeros" in body:
            return gzip.compress(b"\0" * body["gzip_of_zeros"]), False
        if "text" in body:
            return self.sub(body["text"]).encode("utf-8", "surrogatepass"), False
        if "json" in body:
            return json.dumps(self.sub(body["json"])).encode(), True
        return json.dumps(self.sub(body)).encode(), True

    def octets(self, authorization):
        """The request as it goes over the wire."""
        if "raw" in self.request:
            return self.sub(self.request["raw"]).encode("latin-1")
        body, is_json = self.body()
        path = self.sub(self.request["path"])
        if path == LOGIN:
            path = SESSIONS
            body = re.sub(rb'"username": ?"([^"@]*)"', rb'"email": "\1@example.com"', body)
        headers = {k.lower(): v for k, v in self.request.get("headers", {}).items()}
        lines = ["%s %s HTTP/1.1" % (self.request["method"], path),
                 "Host: " + headers.pop("host", "127.0.0.1:%d" % self.site.postern.api_port), "Connection: close"]
        lines += authorization
        if is_json:
            headers.setdefault("content-type", "application/json")
        lines += ["%s: %s" % item for item in headers.items()]
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 4096]), body[i:i + 4096]) for i in range(0, len(body), 4096)) + b"0\r\n\r\n"
        elif body or self.request["method"] in ("POST", "PUT"):
            lines.append("Content-Length: %d" % len(body))
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body

    # ------------------------------------------------------------ authorization
    def authorizations(self):
        """Every form of the header lines that the case's "auth" stands for; all of them must be answered alike."""
        auth = self.request.get("auth", "none")
        bearer = lambda token: ["Authorization: Bearer " + token]
        if auth in ("none", None):
            return [[]]
        if auth == "valid":
            return [bearer(self.tenants.token)]
        if isinstance(auth, str) and auth in self.tenants.accounts:
            return [bearer(self.tenants.accounts[auth].token)]
        if isinstance(auth, dict) and "raw" in auth:
            return [["Authorization: " + self.sub(auth["raw"])]]
        if isinstance(auth, dict) and "raw2" in auth:
            return [["Authorization: " + x.replace("VALID", "Bearer " + self.tenants.token) for x in auth["raw2"]]]
        if isinstance(auth, dict) and "mutate" in auth:
            return [bearer(mutated(self.tenants.token, auth["mutate"]))]
        if isinstance(auth, dict) and "jwt" in auth:
            return [bearer(token) for token in self.forged(auth["jwt"])]
        if isinstance(auth, dict) and auth.get("use") == "logged-out-token":
            return [bearer(logged_out(self.site))]
        raise Fail("the case has the unknown auth %r" % (auth,))

    def forged(self, spec):
        """Tokens built on the valid one with other header fields, claims or signature."""
        header, claims = (json.loads(unb64url(p)) for p in self.tenants.token.split(".")[:2])
        header.update(self.sub_canary(spec.get("header", {})))
        if isinstance(spec.get("claims"), dict):
            claims.update({k: claim(v) for k, v in spec["claims"].items()})
        sign = spec.get("sign", "valid")
        if sign == "none":
            return [sealed(header, claims, None)]
        if sign == "valid":
            return self.signed_by_server(spec, header, claims)
        header["alg"] = "HS256"
        keys = {"hmac-empty-key": [b""], "attacker-key": [b"attacker-key", secrets.token_bytes(32)],
                "hmac-with-public-key-pem": public_keys(self.site)}
        if sign not in keys:
            raise Fail("the case has the unknown sign %r" % sign)
        return [sealed(header, claims, key) for key in keys[sign]]

    def sub_canary(self, header):
        """A key URL must not be fetched: it is moved to our receiver, which then must have seen nothing."""
        return {k: re.sub(r"^http://127\.0\.0\.1:9/", self.site.receiver.url + "/key-url/", v) if isinstance(v, str) else v for k, v in header.items()}

    def signed_by_server(self, spec, header, claims):
        """Only the server can sign. A token that has expired comes from its own sign-in, see play_expired; for other claims the
        signature no longer fits, which must be noticed just as well."""
        signature = self.tenants.token.split(".")[2]
        return ["%s.%s.%s" % (b64url(json.dumps(header).encode()), b64url(json.dumps(claims).encode()), signature)]

    # ------------------------------------------------------------ playing
    def play(self):
        for name, body in self.request.get("setup", {}).items():
            self.set_up(name, body)
        errors = []
        if "mail" in self.request:
            errors += play_mail(self)
        elif "drip" in self.request or "drip_after" in self.request:
            errors += self.drip()
        else:
            for authorization in self.authorizations():
                errors += self.one(authorization)
            if self.mentions_foreign():
                errors += self.foreign()
        if self.site.receiver.count("/key-url/"):
            errors.append("the key URL of the token was fetched")
        errors += self.ordinary()
        return errors

    def set_up(self, name, body):
        account = self.tenants.accounts["valid"]
        if name == "policy":
            account.call("POST", "/smtp-policies", self.sub(body), expect=201)
        elif name == "webhook":
            account.call("POST", "/webhooks", self.sub(body), expect=201)
        elif name == "mail":
            send_mail(self.site, self.tenants.values["valid.address"], body.encode())
        else:
            raise Fail("the case has the unknown setup %r" % name)

    def one(self, authorization):
        data, began = self.octets(authorization), time.monotonic()
        for _ in range(self.request.get("times", 1)):
            out, closed = exchange(self.site.postern.api_port, data, self.source)
        took = time.monotonic() - began
        errors = judge_response(self.expect, out, closed)
        if "max_secs" in self.expect and took > self.expect["max_secs"]:
            errors.append("took %.1f s, limit %s" % (took, self.expect["max_secs"]))
        return errors

    def drip(self):
        """One octet at a time: the server must have closed within closed_within seconds."""
        sock = socket.create_connection(("127.0.0.1", self.site.postern.api_port), timeout=5)
        data, began = self.sub(self.request.get("drip") or self.request["drip_after"]).encode(), time.monotonic()
        try:
            if "drip_after" in self.request:
                sock.sendall(data)
                data = b"x" * 1000
            for i in range(len(data)):
                if gone(sock, data[i:i + 1]):
                    return []
                if time.monotonic() - began > self.expect["closed_within"]:
                    return ["still open after %.0f s, expected to be closed within %s" % (time.monotonic() - began, self.expect["closed_within"])]
                time.sleep(self.request["interval"])
            return ["the server read all of it"]
        finally:
            sock.close()

    def mentions_foreign(self):
        return self.request.get("auth") == "tenant_a" and "${tenant_b." in json.dumps(self.request)

    def foreign(self):
        """Another tenant's object answers like one that does not exist, and is unchanged."""
        owner = self.tenants.accounts["tenant_b"]
        before = owner.call("GET", "/smtp-policies/" + self.tenants.values["tenant_b.policy"])
        authorization = self.authorizations()[0]
        theirs, _ = exchange(self.site.postern.api_port, self.octets(authorization), self.source)
        kept = dict(self.tenants.values)
        for key, value in kept.items():
            if key.startswith("tenant_b.") and "_" in value:
                self.tenants.values[key] = value[:4] + "".join(secrets.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in value[4:])
        try:
            nobody, _ = exchange(self.site.postern.api_port, self.octets(authorization), self.source)
        finally:
            self.tenants.values.update(kept)
        errors = []
        if status_of(theirs) != status_of(nobody) or body_of(theirs) != body_of(nobody):
            errors.append(wanted("another tenant's object answers like one that does not exist", body_of(nobody), body_of(theirs)))
        after = owner.call("GET", "/smtp-policies/" + self.tenants.values["tenant_b.policy"])
        if before != after:
            errors.append(wanted("the other tenant's policy is unchanged", before, after))
        return errors

    def ordinary(self):
        """After every attack an ordinary request works; it comes from an address that did nothing."""
        began = time.monotonic()
        try:
            status, _, _ = self.site.postern.http("GET", "/api/v1/smtp-policies", headers={"Authorization": "Bearer " + self.tenants.token}, timeout=ORDINARY_SECONDS)
        except OSError as e:
            return ["the ordinary request after it: %s" % e]
        if status != 200:
            return [wanted("the ordinary request after it", 200, status)]
        took = time.monotonic() - began
        return ["the ordinary request after it took %.1f s" % took] if took > ORDINARY_SECONDS else []


def gone(sock, octet):
    """Sends one octet; true when the peer has closed."""
    try:
        sock.sendall(octet)
        sock.settimeout(0.01)
        return sock.recv(65536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def exchange(port, data, source=None, timeout=10, wait=2.0):
    """Sends octets, reads until the peer closes or falls silent -> (octets, closed)"""
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0) if source else None)
    out, end = b"", time.monotonic() + timeout
    sender = threading.Thread(target=send_quietly, args=(sock, data), daemon=True)
    sender.start()
    try:
        while time.monotonic() < end:
            sock.settimeout(wait if out else timeout)
            try:
                part = sock.recv(65536)
            except TimeoutError:
                return out, False
            except OSError:
                return out, True
            if not part:
                return out, True
            out += part
            length, head = re.search(rb"(?i)\r\ncontent-length: *(\d+)", out), out.find(b"\r\n\r\n")
            if length and head >= 0 and len(out) >= head + 4 + int(length.group(1)):
                wait = 0.7  # whole: a little longer, for a second response or the close
        return out, False
    finally:
        sock.close()


def send_quietly(sock, data):
    try:
        sock.sendall(data)
    except OSError:
        pass


def status_of(out):
    m = re.match(rb"HTTP/1\.[01] (\d{3})", out)
    return int(m.group(1)) if m else 0


def body_of(out):
    return out.partition(b"\r\n\r\n")[2].decode("latin-1")


def judge_response(expect, out, closed):
    errors, status = [], status_of(out)
    known = {"status", "status_last", "body_absent", "header_absent", "anywhere_absent", "header_present", "closed", "one_response", "max_secs",
             "closed_within", "assert", "note"}
    if set(expect) - known:
        errors.append("the case has the unknown expectation %s" % sorted(set(expect) - known))
    want = expect.get("status") or expect.get("status_last") or []
    # A request that cannot be parsed may be answered by closing.
    if status not in want and not (status == 0 and closed and 400 in want):
        errors.append(wanted("status", want, "%d %s" % (status, body_of(out)[:200])))
    head = out.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    for key, where in (("body_absent", body_of(out)), ("header_absent", head), ("anywhere_absent", out.decode("latin-1"))):
        if key in expect and re.search(expect[key], where):
            errors.append("%s: /%s/ is there" % (key, expect[key]))
    errors += ["no header " + name for name in expect.get("header_present", []) if name not in head]
    if expect.get("one_response") and len(re.findall(rb"HTTP/1\.[01] \d{3} ", out)) > 1:
        errors.append("more than one response came back: %r" % out[:300])
    if expect.get("closed") and not closed:
        errors.append("the connection was left open")
    return errors


# ---------------------------------------------------------------- tokens
def mutated(token, how):
    p = token.split(".")
    if len(p) != 3:
        raise Fail("the session token has no three parts: it is no JWT")
    flipped = p[2][:-2] + ("A" if p[2][-2] != "A" else "B") + p[2][-1]
    ways = {"flip-last-bit-of-signature": p[:2] + [flipped], "cut-signature-to-8-octets": p[:2] + [p[2][:11]],
            "remove-signature-keep-dot": p[:2] + [""], "append-.x": p + ["x"], "base64-with-padding-and-newline": p[:2] + [p[2] + "=="]}
    if how == "change-sub-keep-signature":
        claims = json.loads(unb64url(p[1]))
        claims["sub"] = "admin-x"
        return ".".join([p[0], b64url(json.dumps(claims).encode()), p[2]])
    if how not in ways:
        raise Fail("the case has the unknown mutation %r" % how)
    return ".".join(ways[how])


def sealed(header, claims, key):
    text = "%s.%s" % (b64url(json.dumps(header).encode()), b64url(json.dumps(claims).encode()))
    return text + "." + ("" if key is None else b64url(hmac.new(key, text.encode(), hashlib.sha256).digest()))


def claim(value):
    m = re.fullmatch(r"now([+-]\d+)", value) if isinstance(value, str) else None
    return int(time.time()) + int(m.group(1)) if m else value


def public_keys(site):
    """What an attacker knows and a confused server might take for the HMAC secret."""
    client = smtp.Client(site.port)
    try:
        client.reply()
        client.command("EHLO client.attacker.test", "250")
        client.command("STARTTLS", "220")
        client.start_tls()
        der = client.sock.getpeercert(True)
    finally:
        client.close()
    pem = ssl.DER_cert_to_PEM_cert(der)
    openssl = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem.encode(), capture_output=True, check=False)
    keys = [pem.encode(), pem.strip().encode(), der]
    return keys + ([openssl.stdout, openssl.stdout.strip()] if openssl.returncode == 0 else [])


def logged_out(site):
    account = instance.Account(site.postern)
    token = account.token
    status, _, _ = site.postern.http("GET", "/api/v1/smtp-policies", headers={"Authorization": "Bearer " + token})
    if status != 200:
        raise Fail(wanted("the token before the sign-out", 200, status))
    account.call("DELETE", "/sessions", {"refresh_token": account.refresh_token}, expect=204)
    return token


# ---------------------------------------------------------------- an expired token, by moving the server's clock
def wants_past(entry):
    """Seconds ago that the case's token expired, None when it is no such case."""
    auth = entry["request"].get("auth")
    spec = auth.get("jwt", {}) if isinstance(auth, dict) else {}
    m = re.fullmatch(r"now-(\d+)", str((spec.get("claims") if isinstance(spec.get("claims"), dict) else {}).get("exp", "")))
    return int(m.group(1)) if m and spec.get("sign") == "valid" else None


def play_expired(sites, entry, ago):
    """A token of the server's own making, used when its clock says that it expired `ago` seconds before."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-clock-"))
    shim, clock = folder / "fault.so", folder / "clock"
    source = sites.context.directory / "faults" / "fault.c"
    build = None
    for compiler in ("clang-19", "cc", "gcc", "clang"):
        try:
            build = subprocess.run([compiler, "-O2", "-fPIC", "-shared", "-o", str(shim), str(source if source.is_file() else SUITES / "attacks/faults/fault.c"), "-ldl"],
                                   capture_output=True, text=True, check=False)
            break
        except FileNotFoundError:
            continue
    if build is None or build.returncode != 0:
        raise Fail("cannot build the clock shim: %s" % (build.stderr if build else "no C compiler"))
    clock.write_text("0\n")
    site = sites.fresh({"api": {"rate_limits": False}}, env={"LD_PRELOAD": str(shim), "POSTERN_CLOCK_FILE": str(clock)})
    try:
        account = instance.Account(site.postern)
        seconds = json.loads(unb64url(account.token.split(".")[1]))["exp"] - int(time.time())
        head = {"Authorization": "Bearer " + account.token}
        status, _, _ = site.postern.http("GET", "/api/v1/smtp-policies", headers=head)
        if status != 200:
            raise Fail(wanted("the token while it is valid", 200, status))
        clock.write_text("%d\n" % (seconds + ago))
        time.sleep(0.5)
        status, _, out = site.postern.http(entry["request"]["method"], entry["request"]["path"], headers=head)
        errors = judge_response(entry["expect"], b"HTTP/1.1 %d x\r\n\r\n" % status + out, True)
        account.sign_in()
        status, _, _ = site.postern.http("GET", "/api/v1/smtp-policies", headers={"Authorization": "Bearer " + account.token})
        if status != 200:
            errors.append(wanted("a new token after that", 200, status))
        if errors:
            raise Fail("; ".join(errors))
    finally:
        site.close()
        for path in (shim, clock):
            path.unlink(missing_ok=True)
        folder.rmdir()


# ---------------------------------------------------------------- mail into the webhook request
def send_mail(site, rcpt, content):
    client = smtp.Client(site.port)
    try:
        smtp.check("220", client.reply(), "greeting")
        client.command("EHLO client.attacker.test", "250")
        wide = " BODY=8BITMIME SMTPUTF8" if any(b > 127 for b in content) else ""
        client.command("MAIL FROM:<probe@attacker.test>" + wide, "250")
        client.command("RCPT TO:<%s>" % rcpt, "250")
        client.command("DATA", "354")
        return client.data(content)
    finally:
        client.close()


def play_mail(attack):
    """Hostile mail: the webhook request has the header fields of any other one, its body is one JSON object that says what the
    mail said, and no file gets the name of an attachment."""
    spec, site = attack.request["mail"], attack.site
    content = bytes.fromhex(spec["hex"]) if "hex" in spec else spec["text"].encode("utf-8", "surrogatepass")
    if b"\r\n\r\n" not in content:
        content = content.rstrip(b"\r\n") + b"\r\n\r\nx\r\n"
    address, path = attack.tenants.values["valid.address"], "/valid"
    site.receiver.forget(path)
    smtp.check("250", send_mail(site, address, b"Subject: plain\r\n\r\nx\r\n"), "an ordinary message")
    lines = send_mail(site, address, content)
    requests = site.receiver.requests(path)
    if lines[-1].startswith("5") and len(requests) == 1:
        return []
    if not lines[-1].startswith("250") or len(requests) != 2:
        return [wanted("the hostile message", "250 and one request, or 5xx and none", "%s and %d" % (lines, len(requests) - 1))]
    plain, hostile = requests
    names = [sorted(name.lower() for name, _ in r.fields) for r in (plain, hostile)]
    errors = []
    if names[0] != names[1]:
        errors.append(wanted("header fields of the webhook request", names[0], names[1]))
    strange = [n for n in names[1] if n not in FIXED_HEADERS and not n.startswith("x-postern-")]
    if strange:
        errors.append("header fields outside the fixed list: %s" % strange)
    errors += ["control characters in the header field %s" % name for name, value in hostile.fields if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)]
    return errors + judge_mail_payload(site, content, hostile.body)


def judge_mail_payload(site, content, body):
    try:
        payload = json.loads(body)
    except ValueError as e:
        return ["the webhook body is not one JSON value: %s" % e]
    if not isinstance(payload, dict):
        return [wanted("the webhook body", "an object", payload)]
    errors = []
    head = content.partition(b"\r\n\r\n")[0]
    subject = re.search(rb"(?im)^subject:[ \t]*((?:.*)(?:\r\n[ \t].*)*)", head)
    if subject:
        # RFC 5322 2.2.3: unfolding takes out the CRLF. Words of RFC 2047 do not occur in these subjects.
        want = re.sub(rb"\r\n([ \t])", rb"\1", subject.group(1)).decode("utf-8", "replace").strip(" \t\r\n")
        if "=?" not in want and re.sub(r"[ \t]+", " ", payload.get("subject") or "") != re.sub(r"[ \t]+", " ", want):
            errors.append(wanted("subject", want, payload.get("subject")))
    message = email.message_from_bytes(content, policy=email.policy.default)
    given = [n for n in (part.get_filename() for part in message.walk()) if n]
    got = [a.get("filename") for a in payload.get("attachments", [])]
    base = [re.split(r"[/\\]", re.sub(r"[\x00-\x1f\x7f]", "", n))[-1] for n in given]
    if got != base:
        errors.append(wanted("file names of attachments", base, got))
    for name in given:
        for root in (site.postern.root, site.postern.root / "data", pathlib.Path("/")):
            if re.search(r"[/\\]", name) and (root / name.replace("\\", "/")).exists():
                errors.append("a file %s exists" % (root / name))
    written = [p for p in site.postern.root.rglob("*") if p.name in base]
    return errors + ["a file of the attachment's name was written: %s" % p.name for p in written]


def play(sites, document, entry):
    ago = wants_past(entry)
    if ago is not None:
        play_expired(sites, entry, ago)
        return
    limited = 429 in entry["expect"].get("status_last", []) + entry["expect"].get("status", [])
    site = sites.get("http-limits" if limited else "http")
    start = site.postern.starts
    try:
        errors = Attack(site, entry, limited_source(site) if limited else None).play()
    except (Fail, OSError) as e:
        errors = [str(e)]
    judge_alive(site, start, "; ".join(errors) or None)


def limited_source(site):
    """A client address of its own, so that one case's failures do not lock out the next one."""
    site.api_clients = getattr(site, "api_clients", 0) + 1
    return "127.9.%d.%d" % (site.api_clients // 250, 2 + site.api_clients % 250)

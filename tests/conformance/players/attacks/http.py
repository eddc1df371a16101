"""Hostile HTTP requests to the API and the pages ("postern-http/1").

The file speaks of a login at /api/v1/login with a user name; Postern signs in with an e-mail address at /api/v1/sessions, so such
requests are translated. Everything else is sent as the case says.
"""
import gzip
import json
import re
import secrets
import socket
import threading
import time
import urllib.parse

from harness import instance
from harness.cases import Fail, FormatError, known, wanted
from harness.waiting import PATIENCE, SLOWNESS, is_too_long
from players.attacks import http_compare
from players.attacks.http_judge import EXPECT, as_list, body_of, judge_response, status_of
from players.attacks.http_mail import play_mail, send_mail
from players.attacks.http_tokens import (HASHES, b64url, claim, logged_out, mutated, play_expired, public_keys, sealed, server_key, unb64url,
                                          wants_past)
from players.attacks.sites import judge_alive

LOGIN, SESSIONS = "/api/v1/login", "/api/v1/sessions"
ORDINARY_SECONDS = 5
ANY_ID = re.compile(r"\b(?:pol|wh)_[0-9A-Z]{26}\b")


MEMBERS = frozenset("id kind title request expect refs note why".split())
REQUEST = frozenset("method path headers auth body setup times raw mail drip drip_after interval compare".split())
BODY = ("json", "text", "hex", "repeat", "gzip_of_zeros")
JWT = frozenset(["header", "claims", "sign"])
SETUP = frozenset(["policy", "webhook", "mail"])
# Members that are judged for mail and for dripped requests; any other would be ignored silently.
OF_MAIL, OF_DRIP = frozenset(["assert", "note"]), frozenset(["closed_within", "assert", "note"])
OF_COMPARE = frozenset(["compare", "status", "assert", "note", *http_compare.LIMITS])


def check(entry):
    """What the player does not know must not pass unnoticed."""
    name, request, expect = entry["id"], entry["request"], entry["expect"]
    known(entry, MEMBERS, name, FormatError)
    check_request(request, name)
    if not {"raw", "mail", "drip", "drip_after", "path", "compare"} & set(request):
        raise FormatError("%s: the request has no path" % name)
    if not (http_compare.wants(entry) or "mail" in request or set(expect) - {"assert", "note"}):
        raise FormatError("%s: expect says nothing that this runner can judge" % name)
    dripped = "drip" in request or "drip_after" in request
    judged = OF_MAIL if "mail" in request else OF_DRIP if dripped else OF_COMPARE if http_compare.wants(entry) else EXPECT
    known(expect, judged, name + ": expect", FormatError)


def check_request(request, name):
    known(request, REQUEST, name + ": request", FormatError)
    known(request.get("setup", {}), SETUP, name + ": setup", FormatError)
    auth = request.get("auth")
    alone = [word for word in ("raw", "raw2", "mutate", "jwt") if isinstance(auth, dict) and word in auth]
    if alone:
        known(auth, alone[:1], name + ": auth", FormatError)
    if alone == ["jwt"]:
        known(auth["jwt"], JWT, name + ": jwt", FormatError)


def needs(entry):
    return frozenset()


def slow(entry):
    return "closed_within" in entry["expect"]


def repeat(text):
    return re.sub(r"\$\{repeat:(.*?):(\d+)\}", lambda m: m.group(1).replace("\\r", "\r").replace("\\n", "\n") * int(m.group(2)), text)


class Tenants:
    """The accounts and objects that cases of one site refer to."""

    def __init__(self, site):
        self.site, self.values, self.accounts = site, {}, {}
        for name in ("valid", "tenant_a", "tenant_b"):
            account = self.accounts[name] = instance.Account(site.postern)
            policy = account.call("POST", "/smtp-policies", {"name": "policy of " + name}, expect=201)
            webhook = account.call("POST", "/webhooks", {"target_url": "%s/%s" % (site.receiver.url, name)}, expect=201)
            self.values.update({name + ".policy": policy["id"], name + ".webhook": webhook["id"], name + ".address": webhook["email_address"],
                                name + ".email": account.email})

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
    def __init__(self, site, entry, source, document=None):
        self.site, self.entry, self.source, self.document = site, entry, source, document or {}
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
            account, dot, word = m.group(1).rpartition(".")
            if dot and account in self.tenants.accounts and word in ("token", "refresh_token"):
                return getattr(self.tenants.accounts[account], word)
            if m.group(1) in self.tenants.values:
                return self.tenants.values[m.group(1)]
            raise Fail("the case names the unknown object %s" % m.group(0))

        return re.sub(r"\$\{([\w.]+)\}", name, repeat(value))

    def body(self):
        """-> (octets, whether it is JSON made by us)"""
        body = self.request.get("body")
        if body is None:
            return b"", False
        if isinstance(body, str):
            return self.sub(body).encode("utf-8", "surrogatepass"), False
        if isinstance(body, dict) and len(body) > 1 and set(body) & set(BODY):
            raise Fail("the case's body is of several kinds: %s" % ", ".join(sorted(body)))
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
        """The request as it goes over the wire; `authorization` is its header lines, and a query where the token stands in one."""
        if "raw" in self.request:
            return self.sub(self.request["raw"]).encode("latin-1")
        body, is_json = self.body()
        path = self.sub(self.request["path"])
        query = "".join(line[len(QUERY):] for line in authorization if line.startswith(QUERY))
        if query:
            path += ("&" if "?" in path else "?") + query
        if path == LOGIN:
            path = SESSIONS
            body = re.sub(rb'"username": ?"([^"@]*)"', rb'"email": "\1@example.com"', body)
        headers = {k.lower(): self.sub(v) for k, v in self.request.get("headers", {}).items()}
        lines = ["%s %s HTTP/1.1" % (self.request["method"], path),
                 "Host: " + headers.pop("host", "127.0.0.1:%d" % self.site.postern.api_port), "Connection: close"]
        lines += [line for line in authorization if not line.startswith(QUERY)]
        if is_json:
            headers.setdefault("content-type", "application/json")
        lines += ["%s: %s" % (name, each) for name, value in headers.items() for each in (value if isinstance(value, list) else [value])]
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
        if auth == "cookie":
            return [["Cookie: " + browser_session(self.site, self.tenants.accounts["valid"])]]
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
        word = way_of(auth)
        if word in REFRESH:
            return [bearer(self.tenants.accounts["valid"].refresh_token)]
        if word in QUERIES:
            name, token = query_of(auth)
            if "=" in name:  # the query is written out
                return [[QUERY + self.sub(name)]]
            token = self.tenants.token if token in (None, "valid") else self.sub(token)
            return [[QUERY + urllib.parse.urlencode({name: token})]]
        raise Fail("the case has the unknown auth %r" % (auth,))

    def forged(self, spec):
        """Tokens built on the valid one with other header fields, claims or signature."""
        header, claims = (json.loads(unb64url(p)) for p in self.tenants.token.split(".")[:2])
        header.update(self.sub_canary(self.sub(spec.get("header", {}))))
        if isinstance(spec.get("claims"), dict):
            claims.update({k: claim(self.sub(v)) for k, v in spec["claims"].items()})
        elif spec.get("claims", "valid") != "valid":
            raise Fail("the case has the unknown claims %r" % (spec["claims"],))
        sign = spec.get("sign", "valid")
        if sign == "none":
            return [sealed(header, claims, None)]
        if sign == "valid":
            return self.signed_by_server(header, claims)
        literal = sign.get("hmac") if isinstance(sign, dict) else sign[len(HMAC):] if str(sign).startswith(HMAC) else None
        if isinstance(literal, str):
            header["alg"] = spec.get("header", {}).get("alg", "HS256")
            return [sealed(header, claims, self.sub(literal).encode("utf-8", "surrogatepass"), HASHES.get(str(header["alg"]), "sha256"))]
        header["alg"] = "HS256"
        keys = {"hmac-empty-key": lambda: [b""], "attacker-key": lambda: [b"attacker-key", secrets.token_bytes(32)],
                "hmac-with-public-key-pem": lambda: public_keys(self.site)}
        if not isinstance(sign, str) or sign not in keys:
            raise Fail("the case has the unknown sign %r" % sign)
        return [sealed(header, claims, key) for key in keys[sign]()]

    def sub_canary(self, header):
        """A key URL must not be fetched: it is moved to our receiver, which then must have seen nothing."""
        ours = self.site.receiver.url + "/key-url/"
        move = lambda v: re.sub(r"^http://127\.0\.0\.1:9/", ours, v) if isinstance(v, str) else v
        return {k: move(v) for k, v in header.items()}

    def signed_by_server(self, header, claims):
        """Signed with the server's own key. Without it the old signature stays, which no longer fits: that must be noticed as well."""
        key = server_key(self.site, self.tenants.token)
        if key is not None:
            return [sealed(header, claims, key)]
        return ["%s.%s.%s" % (b64url(json.dumps(header).encode()), b64url(json.dumps(claims).encode()), self.tenants.token.split(".")[2])]

    # ------------------------------------------------------------ playing
    def play(self):
        for name, body in self.request.get("setup", {}).items():
            self.set_up(name, body)
        errors = []
        if "mail" in self.request:
            errors += play_mail(self)
        elif "drip" in self.request or "drip_after" in self.request:
            errors += self.drip()
        elif http_compare.wants(self.entry):
            errors += http_compare.compare(self, self.make_user)
        else:
            for authorization in self.authorizations():
                errors += self.one(authorization)
            if self.mentions_foreign():
                errors += self.foreign()
        if self.site.receiver.count("/key-url/"):
            errors.append("the key URL of the token was fetched")
        errors += self.ordinary()
        return errors

    def make_user(self, email):
        self.site.postern.http("POST", "/api/v1/accounts", json.dumps({"email": email, "password": instance.Account.PASSWORD}).encode(),
                               {"Content-Type": "application/json"})

    def set_up(self, name, body):
        account = self.tenants.accounts["valid"]
        if isinstance(body, list):
            for one in body:
                self.set_up(name, one)
            return
        if name == "policy":
            account.call("POST", "/smtp-policies", self.sub(body), expect=201)
        elif name == "webhook":
            account.call("POST", "/webhooks", self.sub(body), expect=201)
        elif name == "mail":
            send_mail(self.site, self.tenants.values["valid.address"], body.encode())
        else:
            raise Fail("the case has the unknown setup %r" % name)

    def one(self, authorization):
        data, began, computed = self.octets(authorization), time.monotonic(), self.site.postern.cpu_seconds()
        limit = self.expect.get("closed_within")
        for _ in range(self.request.get("times", 1)):
            out, closed = self.ask(data) if limit is None else exchange(self.site.postern.api_port, data, self.source, SLOWNESS * limit, SLOWNESS * limit)
        took, computed = time.monotonic() - began, self.site.postern.cpu_seconds() - computed
        errors = judge_response(self.expect, out, closed)
        if limit is not None and not closed:
            errors.append("still open after %.0f s, expected to be closed within %s" % (took, limit))
        if "max_secs" in self.expect and is_too_long(self.expect["max_secs"], took, computed):
            errors.append("took %.1f s, limit %s" % (took, self.expect["max_secs"]))
        return errors

    def ask(self, data):
        return exchange(self.site.postern.api_port, data, self.source, closes=self.expect.get("closed"))

    def first_octet(self, data):
        """Sends a request and waits for the first octet of the answer; true when it came."""
        with socket.create_connection(("127.0.0.1", self.site.postern.api_port), timeout=PATIENCE, source_address=(self.source, 0) if self.source else None) as sock:
            sock.sendall(data)
            return bool(sock.recv(1))

    def drip(self):
        """One octet at a time: the server must have closed within closed_within seconds."""
        sock = socket.create_connection(("127.0.0.1", self.site.postern.api_port), timeout=PATIENCE)
        data, began = self.sub(self.request.get("drip") or self.request["drip_after"]).encode(), time.monotonic()
        try:
            if "drip_after" in self.request:
                sock.sendall(data)
                data = b"x" * 1000
            for i in range(len(data)):
                if gone(sock, data[i:i + 1]):
                    return []
                if is_too_long(self.expect["closed_within"], time.monotonic() - began):
                    return ["still open after %.0f s, expected to be closed within %s" % (time.monotonic() - began, self.expect["closed_within"])]
                time.sleep(self.request.get("interval", 1))
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
        theirs, _ = self.ask(self.octets(authorization))
        kept = dict(self.tenants.values)
        for key, value in kept.items():
            if key.startswith("tenant_b.") and "_" in value:
                self.tenants.values[key] = value[:4] + "".join(secrets.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in value[4:])
        try:
            nobody, _ = self.ask(self.octets(authorization))
        finally:
            self.tenants.values.update(kept)
        errors = []
        # The id from the request may be in the response; otherwise the responses must be equal.
        said = [(status_of(out), ANY_ID.sub("ID", body_of(out))) for out in (nobody, theirs)]
        if said[0] != said[1]:
            errors.append(wanted("another tenant's object answers like one that does not exist", *said))
        after = owner.call("GET", "/smtp-policies/" + self.tenants.values["tenant_b.policy"])
        if before != after:
            errors.append(wanted("the other tenant's policy is unchanged", before, after))
        return errors

    def ordinary(self):
        """After every attack an ordinary request works; it comes from an address that did nothing."""
        began = time.monotonic()
        try:
            head = {"Authorization": "Bearer " + self.tenants.token}
            status, _, _ = self.site.postern.http("GET", "/api/v1/smtp-policies", headers=head)
        except OSError as e:
            return ["the ordinary request after it: %s" % e]
        if status != 200:
            return [wanted("the ordinary request after it", 200, status)]
        took = time.monotonic() - began
        return ["the ordinary request after it took %.1f s" % took] if is_too_long(ORDINARY_SECONDS, took) else []


HMAC = "hmac:"  # before a literal key
QUERY = "?"  # before a query that takes the place of header lines
REFRESH = frozenset(["refresh", "refresh-token"])
QUERIES = frozenset(["query", "query-token", "token-in-query", "query-string", "in-query", "access-token-in-query"])


def way_of(auth):
    """The word of an auth that is no token of its own making: "query", "refresh" and their spellings; None when there is none."""
    word = auth
    if isinstance(auth, dict):
        word = auth.get("use", auth.get("in"))
        if "query" in auth and set(auth) <= {"query", "name", "param", "token"}:
            word = "query"
        elif "refresh" in auth and set(auth) == {"refresh"}:
            word = "refresh"
        elif not set(auth) <= {"use", "in", "name", "param", "token"}:
            return None
    return word.lower().replace("_", "-").replace(" ", "-") if isinstance(word, str) else None


def query_of(auth):
    """-> (name of the parameter, its token or None for the valid one)"""
    inner = auth.get("query") if isinstance(auth, dict) else None
    parts = {**(auth if isinstance(auth, dict) else {}), **(inner if isinstance(inner, dict) else {})}
    name = inner if isinstance(inner, str) and inner != "valid" else parts.get("name", parts.get("param", "access_token"))
    return name, parts.get("token")


def browser_session(site, account):
    """Signs in as the pages do -> the cookie, as a browser sends it back."""
    body = json.dumps({"email": account.email, "password": account.PASSWORD}).encode()
    status, headers, out = site.postern.http("POST", "/app/session", body, {"Content-Type": "application/json"})
    cookie = headers.get("set-cookie", "")
    if status != 200 or "HttpOnly" not in cookie:
        raise Fail(wanted("the sign-in of the pages", "200 and a cookie", "%d %r %r" % (status, cookie, out[:200])))
    return cookie.partition(";")[0]


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


def exchange(port, data, source=None, timeout=60, wait=20.0, closes=False):
    """Sends octets, reads until the peer closes or falls silent, or until it `closes` -> (octets, closed)"""
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
                wait = PATIENCE if closes else 0.7  # complete: waits a little longer for a second response or the close
        return out, False
    finally:
        sock.close()


def send_quietly(sock, data):
    try:
        sock.sendall(data)
    except OSError:
        pass


def play(sites, document, entry):
    ago = wants_past(entry)
    if ago is not None:
        play_expired(sites, entry, ago)
        return
    limited = any(429 in as_list(entry["expect"].get(word)) for word in ("status_last", "status"))
    site = sites.get("http-limits" if limited else "http")
    start = site.postern.starts
    try:
        errors = Attack(site, entry, limited_source(site) if limited else None, document).play()
    except (Fail, OSError) as e:
        errors = [str(e)]
    judge_alive(site, start, "; ".join(errors) or None)


def limited_source(site):
    """A client address of its own, so that one case's failures do not lock out the next one."""
    site.api_clients = getattr(site, "api_clients", 0) + 1
    return "127.9.%d.%d" % (site.api_clients // 250, 2 + site.api_clients % 250)

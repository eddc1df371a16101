"""Session tokens as an attacker makes them, and one that has really expired."""
import base64
import contextlib
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import sqlite3
import ssl
import subprocess
import tempfile
import time

from harness import instance, shim, smtp
from harness.cases import Fail, wanted
from harness.waiting import until
from players.attacks.http_judge import judge_response


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


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


HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def sealed(header, claims, key, digest="sha256"):
    text = "%s.%s" % (b64url(json.dumps(header).encode()), b64url(json.dumps(claims).encode()))
    return text + "." + ("" if key is None else b64url(hmac.new(key, text.encode(), digest).digest()))


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
    keys = [pem.encode(), pem.strip().encode(), der]
    if shutil.which("openssl"):
        extracted = subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=pem.encode(), capture_output=True, check=True).stdout
        keys += [extracted, extracted.strip()]
    return keys


def logged_out(site):
    account = instance.Account(site.postern)
    token = account.token
    status, _, _ = site.postern.http("GET", "/api/v1/smtp-policies", headers={"Authorization": "Bearer " + token})
    if status != 200:
        raise Fail(wanted("the token before the sign-out", 200, status))
    account.call("DELETE", "/sessions", {"refresh_token": account.refresh_token}, expect=204)
    return token


def server_key(site, token):
    """The key that signs the server's session tokens, found by trying what its database holds; None when nothing fits.

    An attacker does not have it. The cases with sign = "valid" ask what a token that is signed well but says nonsense is worth.
    """
    text, _, signature = token.rpartition(".")
    want = unb64url(signature)
    for path in (site.postern.root / "data").rglob("*"):
        if not path.is_file() or path.read_bytes()[:15] != b"SQLite format 3":
            continue
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True)) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%key%'").fetchall():
                for row in database.execute('SELECT * FROM "%s"' % table):
                    for key in filter(None, map(as_octets, row)):
                        if hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).digest(), want):
                            return key
    return None


def as_octets(value):
    return value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else None


def wants_past(entry):
    """Seconds ago that the case's token expired, None when it is no such case."""
    auth = entry["request"].get("auth")
    spec = auth.get("jwt", {}) if isinstance(auth, dict) else {}
    m = re.fullmatch(r"now-(\d+)", str((spec.get("claims") if isinstance(spec.get("claims"), dict) else {}).get("exp", "")))
    return int(m.group(1)) if m and spec.get("sign") == "valid" else None


def play_expired(sites, entry, ago):
    """A token of the server's own making, used when its clock says that it expired `ago` seconds before."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-clock-"))
    try:
        clock = folder / "clock"
        clock.write_text("0\n")
        env = {"LD_PRELOAD": str(shim.build(folder)), "POSTERN_CLOCK_FILE": str(clock)}
        site = sites.fresh({"api": {"rate_limits": False}}, env=env)
        try:
            errors = let_expire(site, entry, ago, clock)
        finally:
            site.close()
    finally:
        shutil.rmtree(folder)
    if errors:
        raise Fail("; ".join(errors))


def let_expire(site, entry, ago, clock):
    account = instance.Account(site.postern)
    seconds = json.loads(unb64url(account.token.split(".")[1]))["exp"] - int(time.time())
    head = {"Authorization": "Bearer " + account.token}
    errors = use(site, account.token, "the token while it is valid")
    clock.write_text("%d\n" % (seconds + ago))
    wrong = []

    def is_right():
        status, _, out = site.postern.http(entry["request"]["method"], entry["request"]["path"], headers=head)
        wrong[:] = judge_response(entry["expect"], b"HTTP/1.1 %d x\r\n\r\n" % status + out, True)
        return not wrong
    with contextlib.suppress(Fail):
        until("the token is expired", is_right)  # the server's clock goes on behind the write
    errors += wrong
    account.sign_in()
    return errors + use(site, account.token, "a new token after that")


def use(site, token, what):
    status, _, _ = site.postern.http("GET", "/api/v1/smtp-policies", headers={"Authorization": "Bearer " + token})
    return [] if status == 200 else [wanted(what, 200, status)]

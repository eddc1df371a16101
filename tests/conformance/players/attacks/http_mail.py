"""Hostile mail and what it may do to the webhook's HTTP request."""
import email
import email.policy
import json
import pathlib
import re

from harness import smtp
from harness.cases import wanted

# Headers that a webhook request may have besides the webhook's own (docs/delivery.md).
FIXED_HEADERS = {"host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "connection", "webhook-id",
                 "webhook-timestamp", "webhook-signature", "x-conduit-signature", "traceparent"}


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
    subject = re.search(rb"(?im)^subject:[ \t]*([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", head)
    if subject:
        # RFC 5322 2.2.3: unfolding removes the CRLF. No subject has encoded words (RFC 2047).
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

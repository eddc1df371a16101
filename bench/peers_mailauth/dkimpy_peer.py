"""dkimpy. DNS goes in by its `dnsfunc`. It raises DKIMException for what it refuses: that is an answer, another exception not."""
import base64

import talk  # first: it replaces the clock

import dkim


def txt(name, timeout=5):
    answer = talk.ask(name.decode("utf-8"), "TXT")
    if answer["status"] not in ("NOERROR", "NODATA", "NXDOMAIN"):
        raise dkim.DnsTimeoutError(answer["status"])
    records = talk.texts(answer)
    return b"".join(records[0]) if records else None


def verify(request):
    message = base64.b64decode(request["message_b64"])
    count = sum(1 for name, _ in dkim.DKIM(message).headers if name.lower() == b"dkim-signature")
    words = []
    for i in range(count):
        try:
            words.append("pass" if dkim.DKIM(message).verify(idx=i, dnsfunc=txt) else "fail")
        except dkim.DnsTimeoutError:
            words.append("temperror")
        except dkim.DKIMException:
            words.append("permerror")
    return {"signatures": words}


def sign(request):
    message = base64.b64decode(request["message_b64"])
    header_form, body_form = request["canonicalization"].encode().split(b"/")
    if request.get("body_length"):
        return {"absent": "it signs l= for the whole body only"}
    fields = b""
    for key in request["keys"]:
        pem, algorithm = key["pem"].encode(), b"rsa-sha256"
        if len(pem) < 300:  # Ed25519: it takes the bare seed, in base64
            pem, algorithm = base64.b64encode(base64.b64decode(b"".join(pem.splitlines()[1:-1]))[-32:]), b"ed25519-sha256"
        signer = dkim.DKIM(message, signature_algorithm=algorithm)
        fields += signer.sign(key["selector"].encode(), key["domain"].encode(), pem, canonicalize=(header_form, body_form),
                              include_headers=[h.encode() for h in request["headers"]])
    return {"fields": fields.decode("utf-8")}


def validate(request):
    try:
        result, _, _ = dkim.arc_verify(base64.b64decode(request["message_b64"]), dnsfunc=txt)
    except dkim.DKIMException:
        return {"result": "fail"}
    return {"result": (result or b"fail").decode().lower()}  # None: the newest set itself says cv=fail


def seal(request):
    try:
        added = dkim.arc_sign(base64.b64decode(request["message_b64"]), request["selector"].encode(), request["domain"].encode(),
                              request["private_key"].encode(), request["authserv_id"].encode(),
                              include_headers=[h.encode() for h in request["headers"]],
                              timestamp=str(request["timestamp"]), standardize=True)
    except dkim.DKIMException:
        added = []
    fields = dict.fromkeys(("arc_seal", "arc_message_signature", "arc_authentication_results"), "")
    for field in added:
        name, value = field.decode("utf-8").split(":", 1)
        fields[name.strip().lower().replace("-", "_")] = value
    return fields


talk.serve({"dkim": verify, "dkim-sign": sign, "arc-validate": validate, "arc-sign": seal})

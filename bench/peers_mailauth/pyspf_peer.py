"""pyspf. Its DNS goes through `spf.DNSLookup`, as in the library's own test driver."""
import socket

import talk  # first: it replaces the clock

import spf


def lookup(name, qtype, strict=True, timeout=None):
    # As in py3dns: empty labels are dropped, invalid names are errors.
    answer = talk.ask(".".join(label for label in name.split(".") if label), qtype)
    if answer["status"] not in ("NOERROR", "NODATA", "NXDOMAIN"):
        raise spf.TempError("DNS " + answer["status"])
    out = []
    for owner, kind, data in answer["answers"]:
        if kind == "AAAA":
            data = socket.inet_pton(socket.AF_INET6, data)
        elif kind in ("TXT", "SPF"):
            data = tuple(bytes.fromhex(chunk) for chunk in data)
        elif kind == "MX":
            data = tuple(data)
        out.append(((owner, kind), data))
    return out


def check(request):
    query = spf.query(i=request["ip"], s=request["mailfrom"], h=request["helo"], strict=True)
    result, _, _ = query.check()
    return {"result": result}


spf.DNSLookup = lookup
talk.serve({"spf": check})

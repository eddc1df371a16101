"""authheaders: DMARC by RFC 7489, and by the tree walk as a draft of RFC 9989 had it.

Its questions go through dnspython's `query`, with the records and exceptions of dnspython. The suffix list is that of the
case."""
import tempfile

import talk

import authheaders
import authres
import dns.exception
import dns.rdatatype
import dns.resolver
from authheaders import dmarc_lookup
from dns.rdata import from_wire
from dns.rdataclass import IN


def query(name, kind="TXT"):
    answer = talk.ask(name, kind)
    status = answer["status"]
    if status == "NXDOMAIN":
        raise dns.resolver.NXDOMAIN
    if status == "TIMEOUT":
        raise dns.exception.Timeout
    if status not in ("NOERROR", "NODATA"):
        raise dns.resolver.NoNameservers
    if not any(found == kind.upper() for _, found, _ in answer["answers"]):
        raise dns.resolver.NoAnswer
    if kind != "TXT":
        return answer["answers"]  # only whether there is one matters
    packed = [b"".join(bytes([len(part)]) + part for part in pieces(record)) for record in talk.texts(answer)]
    return [from_wire(IN, dns.rdatatype.TXT, octets, 0, len(octets)) for octets in packed]


def pieces(record):
    return [chunk[at:at + 255] for chunk in record for at in range(0, max(len(chunk), 1), 255)]


def check(request):
    # It takes one SPF and one DKIM result, so it gets the first signature.
    spf, signatures = request["spf"], request["dkim"][:1]
    said_spf = said_dkim = None
    if spf["identity"] == "mailfrom":
        said_spf = authres.SPFAuthenticationResult(result=spf["result"], smtp_mailfrom="a@" + spf["domain"])
    for one in signatures:
        said_dkim = authres.DKIMAuthenticationResult(result=one["result"], header_d=one["domain"])
    with tempfile.NamedTemporaryFile("w", suffix=".dat") as suffixes:
        suffixes.write("\n".join(request["public_suffix_rules"]) + "\n")
        suffixes.flush()
        dmarc_lookup.get_suffix_list_file_name = lambda: suffixes.name
        try:
            result, _, _, policy = authheaders.dmarc_per_from(request["from_domain"], said_spf, said_dkim,
                                                              dmarcbis=request["mode"] == "rfc9989")
        except dns.exception.Timeout:  # nothing in the library catches this exception
            return {"result": "temperror"}
    return {"result": result, "policy": policy}


dmarc_lookup.query = query
talk.serve({"dmarc": check})

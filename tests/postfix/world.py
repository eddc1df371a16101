"""The names that random cases are made of: clients, HELO names, addresses, DNS data, DNS lists."""

BASE_USERS = {"bob": "pw"}

CLIENTS = {
    "192.0.2.10": 8,        # a name verified in both directions, listed in bl1.test
    "192.0.2.11": 3,        # a name with another address
    "192.0.2.12": 3,        # no name
    "192.0.2.13": 1,        # the look-up of its name fails temporarily
    "198.51.100.7": 3,      # a verified name, not listed
    "10.1.2.3": 3,          # mynetworks
    "127.0.0.1": 1,
    "2001:db8::10": 2,      # IPv6, listed in bl2.test
}

HELO_NAMES = {
    "client.example.net": 6, "c.example": 4, "mx.postern.test": 1, "localhost": 2, "unknown.invalid": 2, "192.0.2.10": 1, "[192.0.2.10]": 2, "[192.0.2.300]": 1,
    "[IPv6:2001:db8::10]": 1, "a..b": 1, "-x.example": 1, "under_score.example": 1, "friend.example.": 1, "sub.friend.example": 2, "friend.example": 2, "nullmx.example": 1,
    "tempfail.example": 1, "12345": 1, "listed.example": 1,
    "198.51.100.9.": 1, "[198.51.100.9].": 1, "[1.2.3]": 1, "[2001:db8::1]": 1, "256.1.1.1": 1, "1.2.3": 1, "a": 1, "a.": 1, "a.b.": 1, "a b": 1, ".": 1, "ex!mple.test": 1,
}

SENDERS = {
    "u@sender.example": 8, "": 3, "u@nomx.example": 2, "u@nodns.example": 3, "u@nullmx.example": 2, "u@tempfail.example": 2, "u@host": 2, "u": 1, "u@local.test": 2,
    "nobody@local.test": 1, "u@relay.test": 1, "u@sub.sender.example": 2, "U@Sender.Example": 1, "u+tag@sender.example": 1, "u@[192.0.2.10]": 1, "u@listed.example": 2,
    "u@under_score.example": 1, "other@sender.example": 2, "u-request@sender.example": 1, "u-tag@sender.example": 1, "b@alias.test": 1, "w@virtual.test": 1,
}

RECIPIENTS = {
    "user@relay.test": 8, "u@sub.relay.test": 3, "a@local.test": 4, "nobody@local.test": 2, "x@other.test": 6, "x@nodns.test": 2, "x@nullmx.example": 1,
    "x@tempfail.example": 1, "a@host": 1, "a": 1, "postmaster": 1, "user+tag@relay.test": 1, "x%other.test@relay.test": 1, "x%other.test@local.test": 1,
    "x@[127.0.0.1]": 1, "x@[192.0.2.10]": 1, "b@mx.postern.test": 1, "v@virtual.test": 2, "w@virtual.test": 1, "al@alias.test": 1, "User@Relay.Test": 1,
    "@hop.test:x@relay.test": 1, "other@listed.example": 1, "postmaster@relay.test": 1, '"x@other.test"@relay.test': 1,
    "user-request@relay.test": 1, "user-tag@relay.test": 1, "owner-user@relay.test": 1, "++a@relay.test": 1,
}

# Addresses that only a probe can judge: what the mail host of each domain says is in HOPS, its address in DNS.
PROBED = {
    "ann@good.verify.test": 4, "ann@bad.verify.test": 4, "ann@later.verify.test": 2, "ann@gone.verify.test": 2, "ann@nodata.verify.test": 1, "ann@null.verify.test": 1, "ann@trouble.verify.test": 1,
    "ann@two.verify.test": 1, "joe@some.verify.test": 1, "ann@some.verify.test": 1, "ann@full.verify.test": 1, "ann@busy.verify.test": 1, "ann@gruff.verify.test": 1, "Ann@Bad.Verify.Test": 1,
}
HOPS = {
    "198.51.100.50": {}, "198.51.100.51": {"rcpt": {"*": "550 5.1.1 no such user"}}, "198.51.100.52": {"rcpt": {"*": "450 4.2.0 later"}},
    "198.51.100.54": {"rcpt": {"joe@some.verify.test": "250 2.1.5 ok", "*": "553 5.1.3 no"}}, "198.51.100.55": {"mail": "552 5.2.2 full"}, "198.51.100.56": {"greeting": "421 4.3.2 busy"},
    "198.51.100.57": {"greeting": "554 5.7.1 go away"},
}
# What is written behind "MAIL FROM:" and "RCPT TO:" beside an address in brackets; {D} is a domain.
FORMS = [
    "<eve..x@{D}>", "<.eve@{D}>", "<eve.@{D}>", "<eve.>", "<@{D}>", "<\"\"@{D}>", "<eve@{D}.>", "<eve@{D}..>", "<Eve <eve@{D}>>", "<\"Eve X\" <eve@{D}>>", "<@hop.test,@other.test:.eve@{D}>", "eve@{D}", "eve@{D}>",
    " <eve@{D}>", "\"eve x\"@{D}", "<\"eve x\"@{D}>", "<eve@>", "<postmaster@>", "<postmaster>", "<eve@.{D}>", "<eve@x..{D}>", "<eve@-x.{D}>", "<eve@192.0.2.5>", "<eve@[::1]>", "<eve@[IPv6:::1]>",
    "<eve@[192.0.2.9]>", "<-eve@{D}>", "<\"-eve\"@{D}>", "<eve,x@{D}>", "<eve;x@{D}>", "<\"eve\"x@{D}>", "<eve@{D}>x>", "<eve\tx@{D}>", "<eve!x@{D}>", "<x%other.test@{D}>", "<eve@other.test@{D}>", "<eve@{D}",
    "<eve@{D}>NOTIFY=NEVER", "<eve@{D}> FOO=BAR", "", "<eve %{D}>",
    # Rows of docs/postfix-differences.md, "Addresses".
    "<eve%{D}>", "<{D}!eve>", "<eve @{D}>", "<eve\\ x@{D}>", "<eve:x@{D}>", "<<eve@{D}>>", "<eve(comment)@{D}>", "<eve@{D} (comment)>", "<eve@[192.0.2.5>", "<eve@@{D}>", "<eve@{D}@{D}>", "<a@b:eve@{D}>",
]
FORM_DOMAINS = ["relay.test", "relay.test", "local.test", "sub.relay.test", "other.test"]
ETRN = {"relay.test": 4, "sub.relay.test": 1, "elsewhere.test": 2, "#relay.test": 1, "@relay.test": 1, "": 1, "relay.test x": 1, "-x.relay.test": 1, "[192.0.2.1]": 1}
# Commands behind which a client must wait (RFC 2920 section 3.1).
WAITING = ["EHLO c.example", "HELO c.example", "NOOP", "VRFY user@relay.test"]

DNS = {
    "10.2.0.192.in-addr.arpa": {"PTR": ["client.example.net"]}, "client.example.net": {"A": ["192.0.2.10"]},
    "11.2.0.192.in-addr.arpa": {"PTR": ["liar.example.net"]}, "liar.example.net": {"A": ["192.0.2.99"]},
    "13.2.0.192.in-addr.arpa": {"rcode": "SERVFAIL"},
    "7.100.51.198.in-addr.arpa": {"PTR": ["mail.friend.example"]}, "mail.friend.example": {"A": ["198.51.100.7"]},
    "3.2.1.10.in-addr.arpa": {"PTR": ["inside.postern.test"]}, "inside.postern.test": {"A": ["10.1.2.3"]},
    "1.0.0.127.in-addr.arpa": {"PTR": ["localhost"]},
    "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa": {"PTR": ["six.example.net"]}, "six.example.net": {"AAAA": ["2001:db8::10"]},
    "c.example": {"A": ["192.0.2.10"]}, "friend.example": {"A": ["198.51.100.7"], "MX": ["10 mail.friend.example"]}, "sub.friend.example": {"AAAA": ["2001:db8::20"]},
    "under_score.example": {"A": ["192.0.2.20"]},
    "sender.example": {"MX": ["10 mail.sender.example"]}, "mail.sender.example": {"A": ["192.0.2.40"]}, "sub.sender.example": {"A": ["192.0.2.41"]},
    "nomx.example": {"A": ["192.0.2.42"]}, "nullmx.example": {"MX": ["0 ."]}, "tempfail.example": {"rcode": "SERVFAIL"}, "listed.example": {"A": ["192.0.2.43"]},
    "relay.test": {"MX": ["10 mx.postern.test"]}, "sub.relay.test": {"MX": ["10 mx.postern.test"]}, "mx.postern.test": {"A": ["192.0.2.1"]},
    **{"%s.verify.test" % name: {"MX": ["10 mx.%s.verify.test" % name]} for name in ("good", "bad", "later", "gone", "some", "full", "busy", "gruff")},
    **{"mx.%s.verify.test" % name: {"A": ["198.51.100.%d" % last]}
       for name, last in (("good", 50), ("bad", 51), ("later", 52), ("gone", 53), ("some", 54), ("full", 55), ("busy", 56), ("gruff", 57))},
    "null.verify.test": {"MX": ["0 ."]}, "trouble.verify.test": {"rcode": "SERVFAIL"}, "two.verify.test": {"MX": ["10 mx.gone.verify.test", "20 mx.bad.verify.test"]},
    "other.test": {"MX": ["10 mail.other.test"]}, "mail.other.test": {"A": ["192.0.2.50"]}, "local.test": {"MX": ["10 mx.postern.test"]},
    "10.2.0.192.bl1.test": {"A": ["127.0.0.4"], "TXT": ["see https://bl1.test/"]}, "11.2.0.192.bl1.test": {"A": ["127.0.0.2", "127.0.0.10"]},
    "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl2.test": {"A": ["127.0.0.3"]}, "7.100.51.198.bl2.test": {"rcode": "SERVFAIL"},
    "listed.example.rhs.test": {"A": ["127.0.0.2"], "TXT": ["spam", "more spam"]}, "client.example.net.rhs.test": {"A": ["127.0.0.5"]},
    "liar.example.net.rhs.test": {"A": ["127.0.0.6"]}, "tempfail.example.rhs.test": {"rcode": "SERVFAIL"},
    "10.2.0.192.wl.test": {"A": ["127.0.0.2"]}, "7.100.51.198.wl.test": {"rcode": "SERVFAIL"},
}

RBL_ZONES = ["bl1.test", "bl2.test", "bl1.test=127.0.0.4", "bl1.test=127.0.0.[2..3]", "bl1.test=127.0.0.[2;10]", "bl2.test=127.0.[0;1].[1..9]", "nothing.test"]
RHSBL_ZONES = ["rhs.test", "rhs.test=127.0.0.2", "rhs.test=127.0.0.[4..9]", "nothing.test"]
WHITE_ZONES = ["wl.test", "wl.test=127.0.0.2", "nothing.test"]

# Keys of access tables, by what is looked up.
KEYS = {
    "client": ["client.example.net", "example.net", ".example.net", "friend.example", "192.0.2.10", "192.0.2", "192.0", "10.1.2.3", "10", "2001:db8::10", "2001:db8", "net", "unknown", "198.51.100"],
    "helo": ["client.example.net", "c.example", "friend.example", ".friend.example", "localhost", "example", "[192.0.2.10]", "192.0.2.10", "a..b", "unknown.invalid"],
    "sender": ["u@sender.example", "sender.example", ".sender.example", "example", "u@", "<>", "other@sender.example", "local.test", "u@host", "listed.example", "u+tag@sender.example"],
    "recipient": ["user@relay.test", "relay.test", ".relay.test", "sub.relay.test", "other.test", "x@", "x@other.test", "local.test", "a@local.test", "test", "virtual.test", "user+tag@relay.test", "owner@relay.test", "+@relay.test"],
}
SERVER_KEYS = ["mail.sender.example", "sender.example", "mx.postern.test", "test", "192.0.2.40", "192.0.2", "192.0.2.1", "mail.friend.example", "198.51.100.7", "2001:db8::20", "mail.other.test", "c.example"]
# Certificates of tests/suites/restrictions: "fp" of the certificate, "pk" of its public key.
PRINTS = ["@fp:alice", "@fp:bob", "@pk:alice", "@pk:bob", "@fp:carol", "@fp:mallory", "@fp.sha1:bob", "@fp.md5:bob", "@fp.sha256.lower:alice", "@fp:expired"]
NETWORKS = ["192.0.2.0/24", "192.0.2.10", "10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "198.51.100.0/24", "!192.0.2.0/28", "::ffff:192.0.2.0/120"]
PATTERNS = {
    "client": ["/^192\\.0\\.2\\./", "/example\\.net$/", "/^unknown$/", "/friend/", "!/^10\\./"],
    "helo": ["/^\\[/", "/\\.example\\.?$/", "/^[0-9.]+$/", "/LOCALHOST/", "!/\\./"],
    "sender": ["/@sender\\.example$/", "/^$/", "/^u@/", "/HOST$/", "/^(.*)@listed\\.example$/"],
    "recipient": ["/@relay\\.test$/", "/%/", "/^x@/", "/^(.*)@other\\.test$/", "/TEST$/"],
}

#!/usr/bin/env python3
"""A name server with the signed root of this folder, which validates and passes DNSSEC records (python3 standard library only).

usage: serve.py [--port N] [--passes FILE]

Over UDP and TCP on one port of 127.0.0.1, which is the first line printed. Who asks with DO gets signatures and proofs of absence (RFC 4035 §3).
The word in FILE, read anew for each question, changes that: all; no-absence leaves those proofs out; unsigned knows nothing of DNSSEC; forged
spoils the signatures, as somebody on the way would who makes answers up. AD is set for who asks for it (RFC 6840 §5.8) where the answer is signed; what was tampered with is SERVFAIL
but for who asks with CD. plain.zone is not signed.
"""
import argparse
import base64
import calendar
import ipaddress
import pathlib
import shlex
import socket
import struct
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "suites"))
from dns_stub import encode_name, read_name  # noqa: E402

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "TLSA": 52}
TAMPERED = "tampered.example.com"


def moment(text):
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%S")) & 0xffffffff


def bitmap(words):
    numbers = sorted(TYPES[word] for word in words)
    octets = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        octets[number // 8] |= 0x80 >> number % 8
    return bytes([0, len(octets)]) + bytes(octets)


def rdata(kind, words):
    name = lambda text: encode_name(text.rstrip("."))
    if kind == "A":
        return ipaddress.ip_address(words[0]).packed
    if kind in ("NS", "CNAME"):
        return name(words[0])
    if kind == "MX":
        return struct.pack("!H", int(words[0])) + name(words[1])
    if kind == "SOA":
        return name(words[0]) + name(words[1]) + struct.pack("!5I", *map(int, words[2:7]))
    if kind == "TXT":
        return b"".join(bytes([len(word)]) + word.encode() for word in words)
    if kind == "TLSA":
        return bytes(map(int, words[:3])) + bytes.fromhex(words[3])
    if kind == "DNSKEY":
        return struct.pack("!HBB", *map(int, words[:3])) + base64.b64decode("".join(words[3:]))
    if kind == "NSEC":
        return name(words[0]) + bitmap(words[1:])
    if kind == "RRSIG":
        return (struct.pack("!HBBIIIH", TYPES[words[0]], int(words[1]), int(words[2]), int(words[3]), moment(words[4]), moment(words[5]), int(words[6]))
                + name(words[7]) + base64.b64decode("".join(words[8:])))
    raise SystemExit("unknown type " + kind)


class Zone:
    """{(name, type): [(TTL, rdata)]}, signatures below (name, -type covered)"""

    def __init__(self):
        self.records = {}
        for file in ("root.zone.signed", "plain.zone"):
            for line in (HERE / file).read_text().splitlines():
                words = shlex.split(line.split(";")[0])
                if not words or words[0].startswith("$"):
                    continue
                owner = words.pop(0).rstrip(".").lower()
                ttl = int(words.pop(0)) if words[0].isdigit() else 3600
                if words[0] == "IN":
                    words.pop(0)
                kind = words.pop(0)
                number = -TYPES[words[0]] if kind == "RRSIG" else TYPES[kind]
                self.records.setdefault((owner, number), []).append((ttl, rdata(kind, words)))
        self.names = {name for name, _ in self.records}
        self.chain = sorted((name for name, number in self.records if number == 47), key=self.order)

    @staticmethod
    def order(name):  # RFC 4034 §6.1
        return [label.encode() for label in reversed(name.split("."))] if name else []

    def exists(self, name):
        return name in self.names or any(other.endswith("." + name) for other in self.names)

    def signed(self, name):
        return not (name == "plain.example" or name.endswith(".plain.example"))

    def nsec(self, name):
        """The owner of the NSEC record that is at the name or covers it."""
        return max((owner for owner in self.chain if self.order(owner) <= self.order(name)), key=self.order)

    def absence(self, name):
        found = [self.nsec(name)]
        if not self.exists(name):
            above = name
            while above and not self.exists(above):
                above = above.partition(".")[2]
            found.append(self.nsec("*." + above if above else "*"))
        return sorted(set(found))


class Server:
    def __init__(self, zone, passes):
        self.zone, self.passes = zone, passes

    def answer(self, query, limit):
        ident, flags, _, _, _, more = struct.unpack_from("!6H", query)
        labels, at = read_name(query, 12)
        name = ".".join(label.decode("ascii", "replace") for label in labels).lower()
        number, _ = struct.unpack_from("!2H", query, at)
        question, at = query[12:at + 4], at + 4
        dnssec_ok = False
        if more:
            _, after = read_name(query, at)
            kind, size, bits = struct.unpack_from("!HHI", query, after)
            dnssec_ok = kind == 41 and bool(bits & 0x8000)
            limit = limit and max(limit, size)
        passes = self.passes.read_text() if self.passes else "all"
        dnssec_ok = dnssec_ok and passes != "unsigned"
        checking_disabled = bool(flags & 0x10)
        answers, authority, code, secure = [], [], 0, True

        def add(section, owner, kind):
            section.extend((owner, kind, ttl, data) for ttl, data in self.zone.records.get((owner, kind), []))
            if dnssec_ok:
                section.extend((owner, 46, ttl, data[:-1] + bytes([data[-1] ^ 1]) if passes == "forged" else data)
                               for ttl, data in self.zone.records.get((owner, -kind), []))

        while (name, 5) in self.zone.records and number != 5:
            add(answers, name, 5)
            data = self.zone.records[name, 5][0][1]
            name = ".".join(label.decode() for label in read_name(data, 0)[0]).lower()
        # The parent has the DS records of a zone, or proves that there are none.
        below = not self.zone.signed(name) and not (number == 43 and name == "plain.example")
        secure = not below
        if (name, number) in self.zone.records:
            add(answers, name, number)
        else:
            code = 0 if self.zone.exists(name) else 3
            add(authority, "plain.example" if below else "", 6)
            if dnssec_ok and not below and passes != "no-absence":
                for owner in self.zone.absence(name):
                    add(authority, owner, 47)
        if name == TAMPERED and number == 1 and not checking_disabled:
            answers, authority, code, secure = [], [], 2, False
        out = 0x8180 | code | (flags & 0x10)
        if secure and name != TAMPERED and passes != "unsigned" and (flags & 0x20 or dnssec_ok):
            out |= 0x20
        body = b"".join(encode_name(owner) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data for owner, kind, ttl, data in answers + authority)
        extra = b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000 if dnssec_ok else 0, 0) if more else b""
        whole = struct.pack("!6H", ident, out, 1, len(answers), len(authority), 1 if extra else 0) + question + body + extra
        if limit and len(whole) > limit:
            whole = struct.pack("!6H", ident, out | 0x200, 1, 0, 0, 1 if extra else 0) + question + extra
        return whole

    def tcp(self, connection):
        with connection:
            while True:
                head = connection.recv(2, socket.MSG_WAITALL)
                if len(head) < 2:
                    return
                reply = self.answer(connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL), 0)
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    def listen(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.tcp, args=(connection,), daemon=True).start()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--passes", type=pathlib.Path)
    options = parser.parse_args()
    server = Server(Zone(), options.passes)
    for _ in range(50):
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", options.port))
        try:
            udp.bind(tcp.getsockname())
            break
        except OSError:
            udp.close()
            tcp.close()
    tcp.listen(64)
    print(tcp.getsockname()[1], flush=True)
    threading.Thread(target=server.listen, args=(tcp,), daemon=True).start()
    while True:
        query, peer = udp.recvfrom(65535)
        udp.sendto(server.answer(query, 512), peer)


if __name__ == "__main__":
    main()

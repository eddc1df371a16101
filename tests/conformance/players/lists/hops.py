"""The next hops of a case: scripted SMTP servers on loopback, and what they were asked.

Postern sends nothing to a loopback address that DNS alone names, and only to port 25 of MX hosts. So a route leads the domains in and below verify.test to
their mail hosts by name, in the order of the MX records, each at an address and port of this run; addresses without a server refuse connections. Domains
whose DNS data names no host with an address have no such route: what Postern makes of them is what it makes of MX records.
"""
import contextlib
import itertools
import json
import os
import re
import socket
import threading
import time

from harness.cases import Fail, wanted
from harness.waiting import PATIENCE, until

PROBED = "verify.test"
# The stub domains of the first measurement, and what their hosts say to RCPT.
STANDING = {"undeliverable.test": "550 5.1.1 no such user", "deferred.test": "450 4.2.0 not now"}
NOBODY = 1  # a port on which nothing listens
_numbers, _lock = itertools.count(os.getpid() * 64), threading.Lock()


def is_probed(name):
    return name == PROBED or name.endswith("." + PROBED)


def fresh_address():
    """An address that no other case of this run has."""
    with _lock:
        n = next(_numbers)
    return "127.%d.%d.%d" % (64 + (n >> 14) % 128, 1 + (n >> 7) % 127, 1 + n % 127)


class Hops:
    """The servers of a case. `dns` is its DNS data with their addresses, `settings` what leads Postern to them: mail that goes elsewhere is deliverable."""

    def __init__(self, case):
        self.seen, self.servers, self.lock = [], [], threading.Lock()
        self.dns, self.places, self.settings = dict(case.get("dns") or {}), {}, {}
        for address, script in (case.get("next_hop") or {}).items():
            self.places[address] = self.serve(script)
        if "unverified" in json.dumps(case):
            self.settings = {"relay": {"families": "v4"}, "route": [*self.routes(case), {"match": ["*"], "to": ["discard"]}]}

    def serve(self, script):
        self.servers.append(Hop(fresh_address(), script, self.note))
        return self.servers[-1].address, self.servers[-1].port

    def routes(self, case):
        routes = [{"match": [PROBED, "." + PROBED], "to": ["mx"]}]
        for domain in [name for name in self.dns if is_probed(name)]:
            to = ["%s:%d" % (host, port) for host, port in self.hosts(domain, case["dns"])]
            if to:
                routes.append({"match": [domain], "to": to})
        for domain, reply in STANDING.items():
            if domain in json.dumps(case):
                routes.append({"match": [domain], "to": ["[%s]:%d" % self.serve({"rcpt": {"*": reply}})]})
        return routes

    def hosts(self, domain, names):
        """(host, port) of the domain's mail hosts that have an address, in order; their DNS data then has those of this run."""
        records = names[domain].get("MX")
        if records is None:
            is_host = any(domain in str(entry.get("MX")) for entry in names.values())
            order = [] if is_host else [domain]
        elif isinstance(records, list):
            order = [record.split()[1] for record in sorted(records, key=lambda record: int(record.split()[0]))]
        else:
            order = []
        for host in order:
            address = (names.get(host, {}).get("A") or [None])[0]
            if address is None or not isinstance(names[host]["A"], list):
                continue
            place = self.places.setdefault(address, (fresh_address(), NOBODY))
            self.dns[host] = {**names[host], "A": [place[0]]}
            yield host, place[1]

    def note(self, reverse_path, recipient):
        with self.lock:
            self.seen.append([reverse_path, recipient])

    def forget(self):
        with self.lock:
            self.seen.clear()

    def judge(self, probes, seconds=PATIENCE):
        """`probes` of the case against every RCPT that was seen, also behind the dialogue."""
        if probes is None:
            return
        with contextlib.suppress(Fail):
            until("the probes", lambda: len(self.seen) >= len(probes), seconds)
        time.sleep(0.5)  # one too many would come soon
        with self.lock:
            seen = list(self.seen)
        if len(seen) != len(probes) or not all(is_same(want, got) for want, got in zip(probes, seen)):
            raise Fail(wanted("the probes", probes, seen))

    def stop(self):
        for server in self.servers:
            server.stop()


def is_same(want, got):
    path = want[0]
    fits = re.fullmatch(path[3:], got[0]) is not None if path.startswith("re:") else path == got[0]
    return fits and want[1] == got[1]


class Hop:
    """One scripted server (members of `next_hop`: the suite's README)."""

    def __init__(self, address, script, note):
        self.script, self.note, self.open = script, note, []
        self.socket = socket.create_server((address, 0), backlog=16)
        self.address, self.port = self.socket.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rwb") as stream:
                self.converse(stream)
        except OSError:
            pass  # the other side went away

    def converse(self, stream):
        if not self.say(stream, self.script.get("greeting", "220 hop.verify.test ESMTP")):
            return
        reverse_path = None
        for line in stream:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            verb = text.upper()
            if verb.startswith("EHLO"):
                reply = self.script.get("ehlo", "250 hop.verify.test")
            elif verb.startswith("MAIL FROM:"):
                reverse_path = path_of(text)
                reply = self.script.get("mail", "250 2.1.0 Ok")
            elif verb.startswith("RCPT TO:"):
                recipient = path_of(text)
                self.note(reverse_path, recipient)
                replies = self.script.get("rcpt") or {}
                reply = replies.get(recipient, replies.get("*", "250 2.1.5 Ok"))
            elif verb.startswith(("DATA", "BDAT")):
                self.note("DATA", text)  # a probe never sends one
                reply = "554 5.5.1 no"
            else:
                reply = "221 2.0.0 Bye" if verb == "QUIT" else "250 2.0.0 Ok"
            if not self.say(stream, reply) or verb == "QUIT":
                return

    @staticmethod
    def say(stream, reply):
        """False: the connection ends."""
        if reply == "CLOSE":
            return False
        if reply == "SILENT":
            while stream.readline():
                pass
            return False
        lines = reply.split("\n")
        for line in lines[:-1]:
            stream.write((line[:3] + "-" + line[4:] + "\r\n").encode())
        stream.write((lines[-1] + "\r\n").encode())
        stream.flush()
        return True

    def stop(self):
        for end in (self.socket, *self.open):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


def path_of(text):
    """What stands between < and >."""
    return text[text.index("<") + 1:text.rindex(">")]

"""A lock-step SMTP client that reads whole replies and judges them by the conduit suite's reply patterns."""
import base64
import re
import socket
import ssl
import time

from harness.cases import Fail, wanted
from harness.waiting import PATIENCE

REPLY_SECONDS = PATIENCE


class Client:
    def __init__(self, port, address="127.0.0.1", source=None):
        self.sock = socket.create_connection((address, port), timeout=REPLY_SECONDS, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.closed = b"", False

    def close(self):
        self.sock.close()

    def proxy(self, client_ip):
        """A PROXY v1 header; TCP6 for every address with a colon, mapped ones included."""
        if ":" in client_ip:
            self.send(("PROXY TCP6 %s ::1 40000 25\r\n" % client_ip).encode())
        else:
            self.send(("PROXY TCP4 %s 127.0.0.1 40000 25\r\n" % client_ip).encode())

    def send(self, data):
        try:
            self.sock.settimeout(REPLY_SECONDS)
            self.sock.sendall(data)
        except OSError:
            pass  # the next read shows that the peer closed

    def receive(self, seconds=REPLY_SECONDS):
        self.sock.settimeout(seconds)
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            raise Fail("no answer within %d s" % seconds) from None
        except (OSError, ValueError):
            data = b""
        if not data:
            self.closed = True
        self.buffer += data

    def reply(self):
        """The lines of one reply, without CRLF."""
        lines = []
        while True:
            while b"\n" not in self.buffer:
                if self.closed:
                    raise Fail("connection closed, reply expected (so far %s)" % lines)
                self.receive()
            line, self.buffer = self.buffer.split(b"\n", 1)
            lines.append(line.rstrip(b"\r").decode("utf-8", "replace"))
            if not re.match(r"\d{3}[ -]|\d{3}$", lines[-1]):
                raise Fail("no SMTP reply: %r" % lines[-1])
            if lines[-1][3:4] != "-":
                return lines

    def wait_closed(self, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while not self.closed:
            left = end - time.monotonic()
            if left <= 0:
                raise Fail("connection still open after %d s" % seconds)
            try:
                self.receive(left)
            except Fail:
                raise Fail("connection still open after %d s" % seconds) from None

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock.settimeout(REPLY_SECONDS)
        self.sock = context.wrap_socket(self.sock)

    def command(self, line, pattern=None):
        """Sends a line, reads one reply, checks it against `pattern` when there is one."""
        self.send(line.encode() + b"\r\n")
        lines = self.reply()
        if pattern is not None:
            check(pattern, lines, line)
        return lines

    def data(self, content):
        """The content of a message after a 354, dot-stuffed, with its end; returns the reply."""
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        self.send(re.sub(rb"(^|\r\n)\.", rb"\1..", content) + b".\r\n")
        return self.reply()

    def auth_plain(self, username, password, authzid=""):
        word = base64.b64encode(("%s\0%s\0%s" % (authzid, username, password)).encode())
        self.send(b"AUTH PLAIN " + word + b"\r\n")
        return self.reply()


def parse(lines):
    """-> (code, enhanced code or None, text behind it with the lines joined by blanks)"""
    m = re.match(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)", lines[-1][4:])
    text = " ".join(re.sub(r"^[245]\.\d{1,3}\.\d{1,3}( |$)", "", line[4:]) for line in lines)
    return int(lines[-1][:3]), m.group(1) if m else None, text


def check(pattern, lines, what):
    """Raises Fail when a reply does not match the pattern."""
    if isinstance(pattern, str):
        parts = pattern.split(" ")
        want = {"code": int(parts[0])}
        if len(parts) > 1:
            want["enhanced"] = parts[1]
    else:
        want = pattern
    code, enhanced, text = parse(lines)
    as_list = lambda x: x if isinstance(x, list) else [x]
    # A regex that begins with the code is matched against whole lines, any other against the text
    # after "250-".
    pick = lambda rx: lines if re.match(r"\^\d", rx) else [line[4:] for line in lines]
    rules = {
        "code": lambda v: code in as_list(v),
        "enhanced": lambda v: enhanced in as_list(v),
        "text_re": lambda v: re.search(v, text) is not None,
        "line_re": lambda v: any(re.search(v, line) for line in pick(v)),
        "no_line_re": lambda v: not any(re.search(v, line) for line in pick(v)),
        "lines": lambda v: len(lines) == v,
        "max_line": lambda v: max(len(line.encode()) + 2 for line in lines) <= v,
    }
    for key, value in want.items():
        if key not in rules:
            raise Fail("%s: the case uses the unknown reply key %r" % (what, key))
        if not rules[key](value):
            raise Fail(wanted(what, pattern, " / ".join(lines)))

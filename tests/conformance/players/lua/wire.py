"""The client's end of one SMTP connection: octets, replies as they came, TLS, and the end of the connection."""
import re
import ssl
import time

from harness import smtp
from harness.cases import Fail
from players.lua.match import Reply

NO_TLS = b"this is not TLS, whatever was said before, and neither is this.."  # 64 octets
TLS_ALERT = b"\x15\x03"
LINE = re.compile(rb"\d{3}(?:[ -][^\r\n]*)?\r\n")


class Closed(Fail):
    """The server ended the connection."""


class Wire(smtp.Client):
    def __init__(self, port, source=None, computed=lambda: 0.0):
        """`computed`: seconds of computing of the server so far."""
        self.sent_garbage, self.computed = False, computed
        self.start()
        super().__init__(port, source=source)

    def start(self):
        """The time of the next reply counts from now."""
        self.since, self.computed_before = time.monotonic(), self.computed()

    def whole_reply(self):
        """One reply, multi-line or not."""
        octets = b""
        while True:
            while b"\n" not in self.buffer:
                if self.closed:
                    raise Closed("the connection was closed, a reply was expected%s" % (" behind %r" % (octets + self.buffer) if octets + self.buffer else ""))
                self.receive()
            line, _, self.buffer = self.buffer.partition(b"\n")
            line += b"\n"
            if not LINE.fullmatch(line):
                raise Fail("no line of an SMTP reply: %r" % line)
            octets += line
            if line[3:4] != b"-":
                return Reply(octets, time.monotonic() - self.since, self.computed() - self.computed_before)

    def say(self, octets):
        """Sends; what arrived unasked since the last reply fails."""
        if self.buffer:
            raise Fail("the server spoke unasked: %r" % self.buffer[:200])
        self.start()
        self.send(octets)

    def handshake(self):
        """TLS. Raises Closed when the server ended the connection instead."""
        if self.buffer:
            raise Fail("the server spoke in front of the TLS handshake: %r" % self.buffer[:200])
        if self.closed:
            raise Closed("the connection was closed before the TLS handshake")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock.settimeout(smtp.REPLY_SECONDS)
        try:
            self.sock = context.wrap_socket(self.sock)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError) as e:
            self.closed = True
            raise Closed("the connection was closed during the TLS handshake: %s" % e) from None
        except OSError as e:
            raise Fail("TLS handshake: %s" % e) from None

    def garbage(self):
        self.say(NO_TLS)
        self.sent_garbage = True

    def ends(self):
        """The server closes, or has closed, and says nothing more. A TLS alert is no word of SMTP."""
        self.wait_closed()
        if self.buffer and not (self.sent_garbage and self.buffer.startswith(TLS_ALERT)):
            raise Fail("the server spoke before it closed: %r" % self.buffer[:200])

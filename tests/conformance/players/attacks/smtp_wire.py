"""A raw SMTP connection for the attack cases."""
import re
import select
import socket
import ssl
import time

from harness.waiting import PATIENCE, Calm


class Connection:
    """Sends octets as they are and collects replies; a peer that closed or reset is an observation, not an error."""

    def __init__(self, port, source=None, implicit_tls=False, computed=lambda: 0.0):
        """`computed`: seconds of computing of the server so far."""
        self.port, self.source, self.computed = port, source, computed
        self.buffer, self.replies, self.raw_in = b"", [], b""
        self.eof = self.reset = self.tls = False
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if implicit_tls:
            self.start_tls()

    def start_tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock.settimeout(PATIENCE)
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.tls, self.buffer = True, b""

    def send(self, data):
        if self.sock.fileno() < 0:
            return
        if self.tls:
            try:
                self.sock.settimeout(PATIENCE)
                self.sock.sendall(data)
            except OSError:
                self.reset = True
            return
        # Reads while it writes: otherwise both sides would wait if a server answers early.
        view, end = memoryview(data), time.monotonic() + PATIENCE
        self.sock.setblocking(False)
        while view and time.monotonic() < end:
            readable, writable, _ = select.select([] if self.eof else [self.sock], [self.sock], [], 0.5)
            if readable:
                self.receive()
                if self.eof and self.reset:
                    return
            if writable:
                try:
                    view = view[self.sock.send(view[:65536]):]
                except BlockingIOError:
                    pass
                except OSError:
                    self.reset = True
                    return

    def receive(self):
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, TimeoutError):
            return
        except OSError:
            self.eof = self.reset = True
            return
        if not data:
            self.eof = True
        if len(self.raw_in) < 1 << 20:
            self.raw_in += data
        self.buffer += data

    def buffered(self):
        """One complete reply out of the buffer, or None."""
        at, lines = 0, []
        while True:
            i = self.buffer.find(b"\n", at)
            if i < 0:
                return None
            line, at = self.buffer[at:i].rstrip(b"\r"), i + 1
            lines.append(line.decode("latin-1"))
            if not re.match(rb"\d{3}-", line):
                break
        self.buffer = self.buffer[at:]
        return lines[-1][:3], lines

    def reply(self, timeout):
        """(code, lines); the code is "closed" at the end of the stream, "none" when nothing came in that time of calm."""
        calm = Calm(timeout, self.computed)
        while True:
            found = self.buffered()
            if found:
                self.replies.append(found)
                return found
            if self.eof or self.sock.fileno() < 0:
                self.eof = True
                return "closed", []
            left = calm.piece()
            if not left:
                return "none", []
            if self.tls and self.sock.pending():
                self.receive()
                continue
            if select.select([self.sock], [], [], left)[0]:
                if self.tls:
                    self.sock.settimeout(0.5)
                self.receive()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

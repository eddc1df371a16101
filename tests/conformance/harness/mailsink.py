"""A mail host in this process, where mail that was handed on ends."""
import contextlib
import socket
import threading
import time

from harness.waiting import PATIENCE, until


class Sink:
    """Without TLS; takes whatever comes. It notes what arrives in one piece, how many come at once, and can be slow or refuse."""

    def __init__(self, port=None, slow=0.0, replies=None):
        self.slow, self.replies, self.lock = slow, replies or {}, threading.Lock()
        self.pieces, self.messages, self.times, self.envelopes, self.at_once, self.most_at_once = [], [], [], [], 0, 0
        self.listener = socket.create_server(("127.0.0.1", port or 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        with contextlib.suppress(OSError), connection:
            self.talk(connection)
        with self.lock:
            self.at_once -= 1

    def talk(self, connection):
        connection.sendall(b"220 sink.example ESMTP\r\n")
        buffer, text, envelope = b"", None, []
        while True:
            while b"\r\n" not in buffer:
                piece = connection.recv(65536)
                if not piece:
                    return
                if text is None:
                    self.pieces.append(piece)
                buffer += piece
            line, _, buffer = buffer.partition(b"\r\n")
            if text is not None:
                if line != b".":
                    text.append(line[1:] if line.startswith(b".") else line)
                    continue
                time.sleep(self.slow)
                self.envelopes.append(envelope)
                self.times.append(time.monotonic())
                self.messages.append(b"\r\n".join(text) + b"\r\n")
                text, envelope, verb = None, [], "."
            else:
                verb = line.split(b" ")[0].decode("ascii", "replace").upper()
                if verb in ("MAIL", "RCPT"):
                    envelope.append(line.decode())
            answer = self.replies.get(verb, {"EHLO": "250-sink.example\r\n250-8BITMIME\r\n250 PIPELINING", "DATA": "354 go", "QUIT": "221 bye"}.get(verb, "250 2.0.0 ok"))
            if verb == "DATA" and answer.startswith("354"):
                text = []
            connection.sendall(answer.encode() + b"\r\n")
            if verb == "QUIT":
                return

    def wait(self, count, seconds=PATIENCE):
        until(lambda: "%d messages at the host, which has %d" % (count, len(self.messages)), lambda: len(self.messages) >= count, seconds)
        return self.messages

    def close(self):
        # Closing alone does not wake the thread that waits in accept().
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

"""Where mail ends: a webhook and a mail server that sometimes refuse, and sometimes die between their work and their answer."""
import http.server
import json
import random
import socket
import socketserver
import struct
import time

from harness.receiver import read_body
from ledger import RELAY, WEBHOOK


def reset(connection):
    """RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass


class Moods:
    """Whether the next delivery is taken, refused, or taken without an answer."""

    def __init__(self, seed, refuse=0.0, die=0.0, delay=0.0):
        self.random, self.refuse, self.die, self.delay = random.Random(seed), refuse, die, delay

    def calm(self):
        self.refuse, self.die, self.delay = 0.0, 0.0, 0.0

    def next(self):
        if self.delay and self.random.random() < 0.05:
            time.sleep(self.delay)  # so that deliveries are under way when a stop begins
        draw = self.random.random()
        return "refuse" if draw < self.refuse else "die" if draw < self.refuse + self.die else "take"


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads, allow_reuse_address, request_queue_size = True, True, 256

    def handle_error(self, *args):
        pass


def webhook_text(body):
    """The message's text in a payload of ours; None when the payload is none, then it is the message itself."""
    try:
        return json.loads(body)["text"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return body.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


def webhook_sink(ledger, moods):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def setup(self):
            self.epoch = ledger.epoch
            super().setup()

        def log_message(self, *args):
            pass

        def do_POST(self):
            body = read_body(self)
            length = self.headers.get("Content-Length")
            if length is not None and len(body) != int(length):
                return  # the gateway died while it was sending
            mood = moods.next()
            key = self.headers.get("webhook-id") or self.headers.get("Idempotency-Key")
            if mood != "refuse":
                ledger.arrived(WEBHOOK, body, webhook_text(body), key, self.epoch, mood == "take")
            if mood == "die":
                self.close_connection = True
                reset(self.connection)
                return
            self.send_response(503 if mood == "refuse" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Server(("127.0.0.1", 0), Handler)


def mail_sink(ledger, moods):
    class Handler(socketserver.StreamRequestHandler):
        timeout = 60

        def say(self, text):
            self.wfile.write(text.encode() + b"\r\n")

        def handle(self):
            epoch = ledger.epoch
            try:
                self.session(epoch)
            except OSError:
                pass

        def session(self, epoch):
            self.say("220 sink.example.net ESMTP")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self.say("250-sink.example.net\r\n250-8BITMIME\r\n250 SIZE")
                elif verb == b"DATA":
                    self.say("354 go on")
                    if not self.data(epoch):
                        return
                elif verb == b"QUIT":
                    return self.say("221 bye")
                else:
                    self.say("250 2.0.0 ok")

        def data(self, epoch):
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                if not line:
                    return False  # the gateway died while it was sending: no message
                lines.append(line[1:] if line.startswith(b".") else line)
            raw = b"".join(lines)
            mood = moods.next()
            if mood != "refuse":
                ledger.arrived(RELAY, raw, raw.partition(b"\r\n\r\n")[2], None, epoch, mood == "take")
            if mood == "die":
                reset(self.connection)
                return False
            self.say("451 4.3.0 later" if mood == "refuse" else "250 2.0.0 taken")
            return True

    return Server(("127.0.0.1", 0), Handler)

"""A proxy before PostgreSQL whose answers do not fit the questions."""
import contextlib
import random
import socket
import struct
import threading

# Requests for encryption, which the server answers with one octet (PostgreSQL's protocol 3.0).
ENCRYPTION = (80877103, 80877104)


class WrongAnswers:
    """On a loopback port of its own. `kind`: "": all is passed on; "drop", "repeat": so do one in 50 ends of a statement's answer."""

    def __init__(self, port, seed=1):
        self.to, self.kind, self.random, self.count, self.ended = port, "", random.Random(seed), 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.ended = True
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while not self.ended:
                threading.Thread(target=self.session, args=(self.listener.accept()[0],), daemon=True).start()

    def session(self, client):
        with contextlib.suppress(OSError, EOFError), client, socket.create_connection(("127.0.0.1", self.to)) as server:
            for one in (client, server):  # a message is sent at once, as the server does
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            told, heard = client.makefile("rb"), server.makefile("rb")
            while True:
                head = self.exactly(told, 8)
                server.sendall(head)
                if struct.unpack(">II", head)[1] not in ENCRYPTION:
                    break
                client.sendall(self.exactly(heard, 1))
            server.sendall(self.exactly(told, struct.unpack(">I", head[:4])[0] - 8))
            threading.Thread(target=self.pass_on, args=(told, server), daemon=True).start()
            ready = False
            while True:
                head = self.exactly(heard, 5)
                message = head + self.exactly(heard, struct.unpack(">I", head[1:])[0] - 4)
                ready = ready or head[:1] == b"Z"
                if ready and self.kind and head[:1] == b"C" and self.random.random() < 0.02:
                    self.count += 1
                    message = b"" if self.kind == "drop" else message * 2
                client.sendall(message)

    @staticmethod
    def pass_on(told, server):
        with contextlib.suppress(OSError):
            while octets := told.read1(65536):
                server.sendall(octets)
            server.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def exactly(stream, count):
        octets = stream.read(count)
        if len(octets) < count:
            raise EOFError
        return octets

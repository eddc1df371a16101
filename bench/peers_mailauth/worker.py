"""Our end of the pipe: one process for each library, which gets one case after the other and asks here for DNS."""
import collections
import json
import os
import pathlib
import select
import signal
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "suites"))
import dns_stub  # noqa: E402


class Zone:
    """What the zone of a case answers, for all libraries alike."""

    def __init__(self, names):
        self.zone = dns_stub.Zone(names)

    @staticmethod
    def is_name(name):
        return all(0 < len(label.encode("utf-8", "surrogateescape")) < 64 for label in name.rstrip(".").split("."))

    def answer(self, name, kind):
        if not self.is_name(name):
            return {"status": "BADNAME", "answers": []}
        status, answers, _ = self.zone.lookup(name, kind)
        return {"status": status, "answers": [[owner, found, self.data(found, record)] for owner, found, record in answers]}

    @staticmethod
    def data(kind, record):
        if kind not in ("TXT", "SPF"):
            return record
        return [dns_stub.octets(chunk).hex() for chunk in (record if isinstance(record, list) else [record])]

    def packet(self, name, kind):
        """The same as octets, or None: no answer, or a name that no packet can hold."""
        if not self.is_name(name):
            return None
        question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + dns_stub.encode_name(name)
        question += struct.pack("!2H", dns_stub.TYPES[kind], 1)
        stub = dns_stub.DnsStub.__new__(dns_stub.DnsStub)  # without sockets
        stub.zone, stub.ttl, stub.log, stub.queries = self.zone, 60, None, []
        _, reply = stub._answer(question, "tcp")
        return reply and reply.hex()


class Worker:
    def __init__(self, command, seconds):
        self.command, self.seconds, self.process = command, seconds, None

    def _start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        self.buffer, self.lines = b"", collections.deque()

    def greet(self):
        """A library that cannot even start gives no column of wrong answers."""
        self.ask({"kind": "hello"}, {})  # without a known kind: the answer is an error
        if self.process is None:
            raise OSError("its process does not start: " + " ".join(str(word) for word in self.command))

    def end(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own: its helper ends too
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
        self.process = None

    def _line(self, deadline):
        while not self.lines:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([self.process.stdout], [], [], wait)[0]:
                raise TimeoutError(f"no answer within {self.seconds} seconds")
            octets = os.read(self.process.stdout.fileno(), 1 << 16)
            if not octets:
                raise EOFError(f"the process ended, status {self.process.wait()}")
            *whole, self.buffer = (self.buffer + octets).split(b"\n")
            self.lines.extend(whole)
        return json.loads(self.lines.popleft())

    def _say(self, line):
        self.process.stdin.write(json.dumps(line).encode("utf-8") + b"\n")
        self.process.stdin.flush()

    def ask(self, request, names):
        """The answer to a request; {"error": text} when the library threw, ended or did not answer in time."""
        if self.process is None or self.process.poll() is not None:
            self.end()
            self._start()
        zone, deadline = Zone(names), time.monotonic() + self.seconds
        try:
            self._say(request)
            while True:
                line = self._line(deadline)
                if "question" not in line:
                    return line
                name, kind = line["question"]
                self._say({"wire": zone.packet(name, kind)} if line.get("wire") else zone.answer(name, kind))
        except (TimeoutError, EOFError, OSError) as trouble:
            self.end()
            return {"error": f"{trouble}"}

"""A library written in C, behind the small program that pipe.h is for."""
import subprocess

import talk


class Helper:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, *words):
        """The words of its answer; its questions are passed on."""
        self._say(" ".join(str(word) for word in words))
        while line := self.process.stdout.readline():
            mark, *words = line.split()
            if mark == "=":
                return words
            kind, name = words
            packet = talk.ask(bytes.fromhex(name).decode("utf-8", "surrogateescape"), kind, wire=True)["wire"]
            self._say(packet or "-")
        raise RuntimeError(f"the library ended its process, status {self.process.wait()}")

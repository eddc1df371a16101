"""Clients that send mail as fast as it is taken and write down every 250."""
import random
import threading

from harness import smtp
from harness.cases import Fail
from harness.waiting import PATIENCE
from ledger import RELAY, WEBHOOK

SENDER = "probe@sender.example.org"
RELAYED = "someone@relayed.example.org"
# Octets of text: in a row of the queue, in a row with its payload built elsewhere, in a file of its own.
SIZES = (1_000, 1_000, 1_000, 100_000, 300_000)


class Message:
    def __init__(self, rnd, targets, size=None):
        self.token = "%032x" % rnd.getrandbits(128)
        self.recipients = [address for _, address in targets]
        self.routes = [route for route, _ in targets]
        size = size if size is not None else rnd.choice(SIZES)
        filler = rnd.randbytes(max(1, size // 2)).hex()
        lines = [filler[i:i + 72] for i in range(0, len(filler), 72)]
        self.text = ("\r\n".join([*lines, "END-%s-DNE" % self.token]) + "\r\n").encode()
        self.octets = ("From: <%s>\r\nTo: <%s>\r\nSubject: ID-%s-DI\r\nDate: Mon, 15 Jan 2024 10:00:00 +0000\r\n"
                       "Message-ID: <%s@sender.example.org>\r\n\r\n" % (SENDER, self.recipients[0], self.token, self.token)).encode() + self.text


def good(lines):
    return lines[-1][:1] in "23"


def send(client, message, ledger, bdat=0):
    """One message; whether it was acknowledged. `bdat`: in so many chunks, 0 by DATA."""
    for line in ("MAIL FROM:<%s>" % SENDER, *("RCPT TO:<%s>" % r for r in message.recipients)):
        lines = client.command(line)
        if not good(lines):
            ledger.refused(lines)
            client.command("RSET")
            return False
    if bdat:
        step = -(-len(message.octets) // bdat)
        pieces = [message.octets[i:i + step] for i in range(0, len(message.octets), step)]
        for i, piece in enumerate(pieces):
            last = i == len(pieces) - 1
            if last:
                ledger.sending(message.token, message.routes, message.text)
            client.send(b"BDAT %d%s\r\n" % (len(piece), b" LAST" if last else b"") + piece)
            lines = client.reply()
            if not good(lines):
                break
    else:
        lines = client.command("DATA")
        if good(lines):
            ledger.sending(message.token, message.routes, message.text)
            lines = client.data(message.octets)
    if not good(lines):
        ledger.refused(lines)
        return False
    ledger.acknowledged(message.token)
    return True


def greeted(port):
    client = smtp.Client(port)
    try:
        lines = client.reply()
        if not good(lines):
            raise Fail("greeting: " + lines[-1])
        client.command("EHLO client.sender.example.org", "250")
        return client
    except Exception:
        client.close()
        raise


class Load:
    """So many clients, until stop(). What a broken connection leaves without a reply is sent again, as mail servers do: the same octets
    under the same Message-ID. `plain`: no BDAT, nothing twice, for a server that knows neither."""

    def __init__(self, port, ledger, targets, clients, seed, again=(), plain=False, size=None, pace=0.0, most=None):
        """`size`: of each message; `pace`: seconds after each; `most`: so many by each client, then it ends."""
        self.port, self.ledger, self.targets, self.plain = port, ledger, targets, plain
        self.size, self.pace, self.most = size, pace, most
        self.over = threading.Event()
        self.again = list(again)  # messages without a reply
        self.threads = [threading.Thread(target=self.run, args=(random.Random("%s %d" % (seed, i)),), daemon=True) for i in range(clients)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """-> messages without a reply, for the next load"""
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        return self.again

    def pick(self, rnd):
        if self.again and not self.plain and rnd.random() < 0.5:
            return self.again.pop()
        return Message(rnd, [rnd.choice(self.targets)], self.size)  # a webhook and others together are 452 4.5.3

    def run(self, rnd):
        sent = 0
        while not self.over.is_set() and sent != self.most:
            message = None
            client = None
            try:
                client = greeted(self.port)
                for _ in range(rnd.randint(1, 20)):
                    if self.over.is_set() or sent == self.most:
                        client.command("QUIT")
                        return
                    sent += 1
                    message = self.pick(rnd)
                    send(client, message, self.ledger, rnd.randint(1, 4) if not self.plain and rnd.random() < 0.3 else 0)
                    message = None
                    self.over.wait(self.pace)
                client.command("QUIT")
            except (OSError, Fail, IndexError):
                if message is not None and message.token in self.ledger.sent:
                    self.again.append(message)
                self.over.wait(0.02)
            finally:
                if client is not None:
                    client.close()


def targets_of(webhook=None, relay=True):
    return ([(WEBHOOK, webhook)] if webhook else []) + ([(RELAY, RELAYED)] if relay else [])

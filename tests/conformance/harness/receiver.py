"""The webhook receiver: answers as scripted and keeps every request."""
import collections
import http.server
import socket
import socketserver
import struct
import threading
import time

Request = collections.namedtuple("Request", "path headers fields body time")
Request.__doc__ = "headers: {lower-case name: value}; fields: [(name, value)] as they came"


class Receiver:
    def __init__(self, address="127.0.0.1", port=0):
        self.lock, self.scripts, self.seen = threading.Lock(), {}, {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 120

            def log_message(self, *args):
                pass

            def do_POST(self):
                receiver.handle(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *args):
                pass

        self.server = Server((address, port), Handler)
        self.address, self.port = self.server.server_address[:2]
        self.url = "http://%s:%d" % (self.address, self.port)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def handle(self, handler):
        body = read_body(handler)
        fields = handler.headers.items()
        request = Request(handler.path, {k.lower(): v for k, v in fields}, fields, body, time.time())
        with self.lock:
            self.seen.setdefault(handler.path, []).append(request)
            script = self.scripts.get(handler.path) or [{"status": 200}]
            answer = script.pop(0) if len(script) > 1 else script[0]
        time.sleep(answer.get("delay_ms", 0) / 1000)
        handler.close_connection = True
        if answer.get("reset"):
            # RST instead of FIN: no lingering, then close.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            return
        try:
            if "raw" in answer:
                handler.wfile.write(octets(answer["raw"], "latin-1"))
                handler.wfile.flush()
                time.sleep(answer.get("hold_ms", 0) / 1000)
                return
            out = octets(answer.get("body", ""), "utf-8")
            head = "HTTP/1.1 %d Scripted\r\n" % answer["status"]
            head += "".join("%s: %s\r\n" % item for item in answer.get("headers", {}).items())
            if answer.get("keep_alive"):
                handler.close_connection = False
            else:
                head += "Connection: close\r\n"
            handler.wfile.write(head.encode("latin-1") + b"Content-Length: %d\r\n\r\n" % len(out) + out)
        except OSError:
            pass

    def script(self, path, answers):
        with self.lock:
            self.scripts[path] = list(answers)

    def requests(self, path):
        with self.lock:
            return list(self.seen.get(path, []))

    def count(self, prefix=""):
        """Requests at all paths that begin with `prefix`."""
        with self.lock:
            return sum(len(v) for k, v in self.seen.items() if k.startswith(prefix))

    def forget(self, path):
        with self.lock:
            self.seen.pop(path, None)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def octets(value, charset):
    return value if isinstance(value, bytes) else value.encode(charset)


def read_body(handler):
    if (handler.headers.get("Transfer-Encoding") or "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    body = b""
    while True:
        size = int(handler.rfile.readline().split(b";")[0], 16)
        body += handler.rfile.read(size)
        handler.rfile.readline()
        if size == 0:
            return body

"""The DNS stub of the suites, in this process."""
import importlib.util
import json
import pathlib
import re

from harness.ports import free_port, give_back

SUITES = pathlib.Path(__file__).resolve().parent.parent.parent / "suites"


def _load():
    spec = importlib.util.spec_from_file_location("dns_stub", SUITES / "dns_stub.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUB = _load()


class Stub(STUB.DnsStub):
    @property
    def settings(self):
        """The gateway's [dns]. It waits long for an answer, and briefly where some answer never comes."""
        never = re.search("TIMEOUT|GARBAGE|DELAY_MS", json.dumps(self.zone.names).upper())
        return {"servers": ["127.0.0.1:%d" % self.port], "timeout": "2s" if never else "60s"}

    def stop(self):
        super().stop()
        give_back(self.port)


def start(zones=(), ttl=60):
    """Starts a stub that serves the zone files (and dicts) of `zones`; more can be added to `.zone` later."""
    zone = STUB.Zone()
    for entry in zones:
        zone.add(entry if isinstance(entry, dict) else json.loads(pathlib.Path(entry).read_text(encoding="utf-8")))
    while True:
        port = free_port()  # of TCP; the same one of UDP may be somebody else's
        try:
            return Stub(zone, port=port, ttl=ttl).start()
        except OSError:
            give_back(port)

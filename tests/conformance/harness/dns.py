"""The DNS stub of the suites, in this process."""
import importlib.util
import json
import pathlib

SUITES = pathlib.Path(__file__).resolve().parent.parent.parent / "suites"


def _load():
    spec = importlib.util.spec_from_file_location("dns_stub", SUITES / "dns_stub.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUB = _load()


def start(zones=(), ttl=60):
    """Starts a stub that serves the zone files (and dicts) of `zones`; more can be added to `.zone` later."""
    zone = STUB.Zone()
    for entry in zones:
        zone.add(entry if isinstance(entry, dict) else json.loads(pathlib.Path(entry).read_text(encoding="utf-8")))
    return STUB.DnsStub(zone, ttl=ttl).start()

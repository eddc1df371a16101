"""The DNS stub of the suites, in this process."""
import importlib.util
import json
import pathlib
import sys

SUITES = pathlib.Path(__file__).resolve().parent.parent.parent / "suites"


def _module():
    if "dns_stub" not in sys.modules:
        spec = importlib.util.spec_from_file_location("dns_stub", SUITES / "dns_stub.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["dns_stub"] = module
        spec.loader.exec_module(module)
    return sys.modules["dns_stub"]


def start(zones=(), ttl=60):
    """Starts a stub that serves the zone files (and dicts) of `zones`; more can be added to `.zone` later."""
    module = _module()
    zone = module.Zone()
    for entry in zones:
        zone.add(entry if isinstance(entry, dict) else json.loads(pathlib.Path(entry).read_text(encoding="utf-8")))
    return module.DnsStub(zone, ttl=ttl).start()

"""Lua policies: what a case becomes (site.py, zone.py), loading (loading.py), the dialogues (dialogue.py, wire.py, match.py), what is asserted
afterwards (accepted.py, leaks.py)."""

"""Restriction lists: what a case becomes (site.py), how its dialogue is played (dialogue.py), static findings (findings.py), import (imports.py)."""

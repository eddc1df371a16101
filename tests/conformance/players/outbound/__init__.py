"""Outbound relay: dialogues with scripted servers (dialogue.py, log.py), the schedule (schedule.py)."""

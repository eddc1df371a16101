"""The parts of the player of `.vsl` scripts."""

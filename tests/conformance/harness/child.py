"""Programs that are talked to over their standard input."""
import subprocess

from harness.waiting import PATIENCE


def end(process):
    """Closes its input; ends it when it does not end by itself."""
    process.stdin.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

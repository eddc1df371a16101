"""Programs that are talked to over their standard input."""
import subprocess


def end(process):
    """Closes its input; ends it when it does not end by itself."""
    process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

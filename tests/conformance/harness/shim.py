"""Builds the fault shim of the attack suite: LD_PRELOAD code that fails chosen system calls or shifts the clock."""
import shutil
import subprocess

from harness.cases import Fail
from harness.dns import SUITES

SOURCE = SUITES / "attacks" / "faults" / "fault.c"


def build(folder, source=SOURCE):
    """-> path of the shared object, made in `folder`"""
    compiler = next((c for c in ("clang-19", "cc", "gcc", "clang") if shutil.which(c)), None)
    if compiler is None:
        raise Fail("no C compiler to build the fault shim with")
    out = folder / "fault.so"
    command = [compiler, "-O2", "-fPIC", "-shared", "-o", str(out), str(source), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise Fail("cannot build the fault shim: " + built.stderr)
    return out

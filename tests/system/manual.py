"""System check of the manual pages: mandoc has no remark on any, and what they refer to is there."""
import re
import shutil
import subprocess

from bench import NotRun, expect
from harness.cases import Fail
from harness.waiting import PATIENCE


def manual_pages(bench):
    """`mandoc -T lint -W warning` is silent about each page of `postern help --man`, and each `.Xr` names one of them."""
    status, out, err = bench.run("help", "--man")
    expect("exit status of help --man: " + err, 0, status)
    files = out.split()
    text = {}
    for file in files:
        status, text[file], err = bench.run("help", "--man", file.rsplit(".", 1)[0])
        expect("exit status of %s: %s" % (file, err), 0, status)
        (bench.root / file).write_text(text[file])
    for file, page in text.items():
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", page, re.M):
            if "%s.%s" % (name.replace("\\", ""), section) not in text:
                raise Fail("%s refers to %s(%s), which is not there" % (file, name, section))
    if not shutil.which("mandoc"):
        raise NotRun("mandoc of tools/packages-test.txt is not installed")
    said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *files], cwd=bench.root, capture_output=True, text=True, timeout=PATIENCE, check=False)
    # Without a date, so that the same source gives the same octets.
    remarks = [line for line in (said.stdout + said.stderr).splitlines() if "missing date" not in line]
    expect("mandoc", [], remarks)


CHECKS = [manual_pages]

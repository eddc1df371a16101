#!/usr/bin/env python3
"""System checks of the completions: bash, zsh and fish themselves complete a line, with the messages in the queue of a running gateway.

  completions.py [--binary PATH] [--filter GLOB]

A shell that is not installed is left out, and said. Interactive bash and zsh on a terminal of their own get the line and a tab; then the line is printed instead of run.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "conformance"), str(ROOT / "tests" / "system")]
sys.dont_write_bytecode = True

import smoke  # noqa: E402
from bench import LOCAL, send  # noqa: E402
from harness.cases import Fail  # noqa: E402
from harness.waiting import PATIENCE  # noqa: E402


class Terminal:
    """An interactive shell."""

    def __init__(self, bench, *command):
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.chdir(bench.root)
            os.execve(command[0], command, {**os.environ, "PS1": "", "TERM": "dumb", "HOME": str(bench.root), "PATH": str(bench.root / "bin") + ":" + os.environ["PATH"]})
        bench.stack.callback(self.close)

    def close(self):
        os.close(self.end)
        os.waitpid(self.pid, 0)

    def write(self, text):
        os.write(self.end, text.encode())

    def until(self, pattern, seconds=PATIENCE):
        """What the shell prints up to a pattern; its match."""
        seen, last = "", time.monotonic() + seconds
        while time.monotonic() < last:
            if select.select([self.end], [], [], 0.1)[0]:
                seen += os.read(self.end, 65536).decode(errors="replace")
            if found := re.search(pattern, seen):
                return found
        raise Fail("the terminal shows %r, and not %s" % (seen[-400:], pattern))

    def complete(self, line):
        """The line after a tab."""
        self.write(line + "\t")
        self.write("\x01print_line \x05\r")  # to its start, to its end
        return self.until(r"<<(.*?)>>").group(1).strip()


def bash(bench):
    shell = Terminal(bench, shutil.which("bash"), "--norc", "--noprofile", "-i")
    shell.write("bind 'set enable-bracketed-paste off'; stty -echo; print_line() { printf '<%s%s>%s' '<' \"$*\" '>'; }; source bash.sh; echo rea'dy'\r")
    shell.until("ready")
    return shell.complete


def zsh(bench):
    shell = Terminal(bench, shutil.which("zsh"), "-f", "-i")
    shell.write("unsetopt zle_bracketed_paste prompt_sp; unset zle_bracketed_paste; bindkey -e; zstyle ':completion:*' insert-tab false; fpath=($PWD/zsh $fpath); autoload -U compinit; compinit -u -D; "
                "print_line() { printf '<%s%s>%s' '<' \"$*\" '>'; }; echo rea'dy'\r")
    shell.until("ready")
    return shell.complete


def fish(bench):
    def complete(line):
        """The line with what all that fish offers begins with."""
        done = subprocess.run([shutil.which("fish"), "--no-config", "-c", "source fish.fish; complete -C $argv[1]", "--", line], cwd=bench.root, capture_output=True, text=True,
                              timeout=PATIENCE, env={**os.environ, "HOME": str(bench.root), "PATH": str(bench.root / "bin") + ":" + os.environ["PATH"]})
        offered = [each.split("\t")[0] for each in done.stdout.splitlines()]
        if done.stderr:
            raise Fail(done.stderr)
        head, last = line.rsplit(" ", 1)
        common = os.path.commonprefix(offered)
        return ("%s %s" % (head, common) if common.startswith(last) else line).strip()
    return complete


def lines_are_completed(bench):
    """Commands, options, arguments, codes, keys, files, and what waits in the queue of the gateway whose data directory or configuration the line has."""
    (bench.root / "bin").mkdir()
    (bench.root / "bin" / "postern").symlink_to(bench.binary)
    (bench.root / "zsh").mkdir()
    for shell, file in (("bash", "bash.sh"), ("zsh", "zsh/_postern"), ("fish", "fish.fish")):
        (bench.root / file).write_text(bench.run("completion", shell)[1])
    (bench.root / "tests and more").mkdir()
    (bench.root / "tests and more" / "one.ptest").write_text("")
    (bench.root / "draft.toml").write_text("")
    server = bench.server({**LOCAL, "restrictions": {"mynetworks": "127.0.0.0/8"}, "route": [{"match": ["far.example"], "to": ["[127.0.0.1]:9"]}]})
    first, second = (send(server, "ann@far.example")[-1].split()[-1] for _ in range(2))
    data = server.root / "data"
    same = len(os.path.commonprefix([first, second]))
    queue = "--data-dir %s" % data
    lines = {
        "postern che": "postern check",
        "postern queue destin": "postern queue destinations",
        "postern dkim ver": "postern dkim verify",
        "postern check --cred": "postern check --credentials",
        "postern check --config draf": "postern check --config draft.toml",
        "postern check --strict draf": "postern check --strict draf",  # it takes no argument
        "postern check --against ": "postern check --against",
        "postern completion fi": "postern completion fish",
        "postern config exa": "postern config example",
        "postern help C01": None,
        "postern help R11": None,
        "postern help C012": "postern help C012",
        "postern help server.sandbox_w": "postern help server.sandbox_write",
        "postern help 55": None,
        "postern help queu": "postern help queue",
        "postern plan draf": "postern plan draft.toml",
        "postern plan runn": "postern plan running",
        "postern import postfix draf": "postern import postfix draft.toml",
        "postern test tes": "postern test tests and more/",
        "postern queue show %s %s" % (queue, first[:same + 1]): "postern queue show %s %s" % (queue, first),
        "postern queue retry %s %s %s" % (queue, first, second[:same + 1]): "postern queue retry %s %s %s" % (queue, first, second),
        "postern queue show --config %s/postern.toml %s" % (server.root, second[:same + 1]): "postern queue show --config %s/postern.toml %s" % (server.root, second),
        "postern queue drop --data-dir=%s %s" % (data, first[:same + 1]): "postern queue drop --data-dir=%s %s" % (data, first),
        "postern queue show --data-dir /nonexistent draf": "postern queue show --data-dir /nonexistent draf",
    }
    wrong = []
    for shell in (bash, zsh, fish):
        if shutil.which(shell.__name__) is None:
            print("     without %s, which is not installed" % shell.__name__)
            continue
        complete = shell(bench)
        for line, want in lines.items():
            got = complete(line)
            got = got.replace("\\ ", " ")
            if want is not None and got.rstrip("/") != want.rstrip("/"):
                wrong.append("%s: %r became %r, not %r" % (shell.__name__, line, got, want))
            if want is None and not (got.startswith(line) and " " not in got[len(line):]):
                wrong.append("%s: %r became %r" % (shell.__name__, line, got))
    if wrong:
        raise Fail("\n      ".join(wrong))


CHECKS = [lines_are_completed]

if __name__ == "__main__":
    sys.exit(smoke.main(CHECKS, __doc__))

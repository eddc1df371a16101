"""The libraries: what each offers, how its process is started, what it needs on this machine.

Debian packages (apt-get install): python3-spf python3-dkim python3-nacl python3-authres python3-authheaders
libopendkim-dev libopendmarc-dev gcc nodejs npm. The npm package is installed below $POSTERN_PEERS_DIR, or build/peers,
when it is not there yet."""
import dataclasses
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PYTHON = "/usr/bin/python3"  # Debian's: its packages do not work with another
DMARC = frozenset({"dmarc:rfc7489", "dmarc:rfc9989"})


class Missing(Exception):
    """What has to be installed, as a command."""


def debian(*packages):
    """The version of the first, without Debian's own part; all must be there."""
    absent = [p for p in packages if not version_of(p)]
    if absent:
        raise Missing("apt-get install " + " ".join(absent))
    return version_of(packages[0]).partition(":")[2].rpartition("-")[0]


def version_of(package):
    command = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}\n", package]
    try:
        said = subprocess.run(command, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise Missing("dpkg-query: the libraries beside Postern are those of Debian") from None
    found = re.search(r"^ii +(\S+)", said, re.M)
    return found and (found[1] if ":" in found[1] else "0:" + found[1])


def home():
    return pathlib.Path(os.environ.get("POSTERN_PEERS_DIR") or ROOT / "build" / "peers")


def compiled(source, library):
    program = home() / source.removesuffix(".c")
    newest = max((HERE / name).stat().st_mtime for name in (source, "pipe.h"))
    if not program.is_file() or program.stat().st_mtime < newest:
        home().mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O1", "-Wall", "-o", program, HERE / source, "-l" + library], check=True)
    return str(program)


def node_major(node):
    try:
        return int(subprocess.run([node, "--version"], capture_output=True, text=True).stdout[1:].split(".")[0])
    except (FileNotFoundError, ValueError):
        return 0


def installed(version, needs_node):
    """-> (node, the directory with node_modules), from npm when it is not there yet."""
    directory = home() / f"mailauth-{version}"
    architecture = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    own = directory / "node_modules" / f"node-linux-{architecture}" / "bin" / "node"
    wanted = [f"mailauth@{version}"]
    if node_major("node") < needs_node:  # Debian's is older: use a package of npm that contains one
        wanted.append(f"node-linux-{architecture}@{needs_node}")
    if not (directory / "node_modules" / "mailauth").is_dir() or (len(wanted) > 1 and not own.is_file()):
        if not shutil.which("npm"):
            raise Missing("apt-get install nodejs npm")
        directory.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", directory, "--no-audit", "--no-fund", "--omit=dev", "--omit=optional", *wanted]
        print("peers-mailauth: npm install " + " ".join(wanted), file=sys.stderr)
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Missing(f"npm install --prefix {directory} {' '.join(wanted)}\n{done.stderr.strip()}")
    return (str(own) if len(wanted) > 1 else "node"), directory


def postern():
    named = os.environ.get("POSTERN_MAILAUTH_FACE")
    found = [pathlib.Path(named)] if named else sorted(ROOT.glob("build/*/tests/tools/mailauth_face"))
    for face in found:
        if face.is_file():
            return [str(face)], ""
    raise Missing("cmake --preset dev && ninja -C build/dev mailauth_face, or name it with POSTERN_MAILAUTH_FACE")


def python(script, *packages):
    return lambda: ([PYTHON, str(HERE / script)], debian(*packages))


def c_library(name, package):
    def start():
        version = debian(package, "gcc")
        return [PYTHON, str(HERE / f"{name}_peer.py"), compiled(f"{name}_peer.c", name)], version
    return start


def node(version, needs_node, *mode):
    def start():
        program, directory = installed(version, needs_node)
        return [program, str(HERE / "mailauth_peer.mjs"), str(directory), *mode], version
    return start


@dataclasses.dataclass
class Peer:
    name: str          # as --peers takes it
    title: str         # of its column, with the version in it
    offers: frozenset  # the capabilities of cases.py that it has
    start: object      # -> (command, version); raises Missing


MAILAUTH = frozenset({"spf", "dkim", "dkim:word", "dkim-sign", "arc-validate", "from"})
ALL = (
    Peer("pyspf", "pyspf {}", frozenset({"spf"}), python("pyspf_peer.py", "python3-spf")),
    Peer("dkimpy", "dkimpy {}", frozenset({"dkim", "dkim-sign", "arc-validate", "arc-sign"}),
         python("dkimpy_peer.py", "python3-dkim", "python3-nacl", "python3-authres")),
    Peer("opendkim", "libopendkim {}", frozenset({"dkim", "dkim:word", "dkim-sign"}), c_library("opendkim", "libopendkim-dev")),
    Peer("opendmarc", "libopendmarc {}", frozenset({"dmarc:rfc7489"}), c_library("opendmarc", "libopendmarc-dev")),
    Peer("authheaders", "authheaders {}", DMARC, python("authheaders_peer.py", "python3-authheaders")),
    Peer("authres", "authres {}", frozenset({"ar-parse", "ar-write"}), python("authres_peer.py", "python3-authres")),
    # 4.13.3 has no tree walk. 7.1.0 has only the tree walk, and is also tested with the cases of
    # RFC 7489.
    Peer("mailauth4", "mailauth {}", MAILAUTH | {"dmarc:rfc7489"}, node("4.13.3", 20)),
    Peer("mailauth7", "mailauth {}", MAILAUTH | DMARC, node("7.1.0", 22)),
    Peer("mailauth7-strict", "mailauth {} strict", MAILAUTH | DMARC, node("7.1.0", 22, "strict")),
)

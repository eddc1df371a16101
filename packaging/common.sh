# Shared by the scripts of this folder. Source it; it sets nothing but functions and defaults.
#
# The mirror is never written down: it is what apt on this machine already uses. RELEASE_MIRROR overrides it.

PACKAGING_TMP=${PACKAGING_TMP:-/run/postern-packaging}  # root's alone: these scripts write there by names that others could guess

say() { printf '%s\n' "$*" >&2; }
die() { say "$0: $*"; exit 2; }
need() { for tool in "$@"; do command -v "$tool" > /dev/null || die "needs $tool (apt-get install ${tool%%_*})"; done; }
as_root() { [ "$(id -u)" -eq 0 ] || die "needs root (chroot)"; }

# install_shared SOURCE TO: what operators and editors take over, below TO: data for editors, what watches a gateway (docs/monitoring.md),
# and what verifies a download (docs/release.md).
install_shared() {
  install -d "$2"
  cp -r "$1/share/lua" "$1/share/editors" "$1/share/fail2ban" "$1/examples/prometheus" "$1/examples/grafana" "$2/"
  install -m 755 "$1/packaging/verify" "$2/verify-release"
}

# write_man DIR COMMAND...: the manual pages that a program writes itself, in folders by section.
write_man() {
  local to=$1 page; shift
  for page in $("$@" help --man); do
    install -d "$to/man${page##*.}"
    "$@" help --man "${page%.*}" > "$to/man${page##*.}/$page"
  done
}

# number: the version in CMakeLists.txt of the current folder.
number() { sed -n 's/^project(postern VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt; }

# next_number V: the patch version after V. What follows the numbers (+dirty, ~rc1) is left out, so that the next one is above it.
next_number() { local base=${1%%[+~]*}; echo "${base%.*}.$((${base##*.} + 1))"; }

# debian_version V RELEASE: below a package of Debian itself (V-1), and Debian 12 below 13, so that an upgrade of the system takes the newer build.
debian_version() { echo "$1-1~deb$2u1"; }

# mirror: the first archive site of apt's own sources that has a release named like a Debian suite.
mirror() {
  if [ -n "${RELEASE_MIRROR:-}" ]; then echo "$RELEASE_MIRROR"; return; fi
  local site
  site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
    awk '$2 !~ /-(security|updates|backports)$/ { print $1; exit }')
  [ -n "$site" ] || die 'apt has no Debian source; set RELEASE_MIRROR'
  echo "${site%/}"
}

# security_mirror: the same for SUITE-security; empty when apt has none.
security_mirror() {
  apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
    awk '$2 ~ /-security$/ { sub("/$", "", $1); print $1; exit }'
}

# arch_of FILE: Debian's name of the architecture of a program.
arch_of() {
  case $(readelf -h "$1" | sed -n 's/^ *Machine: *//p') in
    *X86-64*) echo amd64 ;;
    AArch64) echo arm64 ;;
    *) die "$1 is for no architecture that is packed" ;;
  esac
}

# in_chroot DIR COMMAND...: with /proc and /dev, in a mount name space of its own, so that nothing stays mounted whatever happens.
in_chroot() {
  local root=$1; shift
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive TERM=dumb \
    ${SOURCE_DATE_EPOCH:+SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH} \
    unshare --mount --propagation private sh -c '
      mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' "$root" "$@"
}

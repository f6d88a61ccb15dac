# shellcheck shell=bash
# Functions of scripts/engine and scripts/images. Sourced, not run.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() { say "$*"; exit 1; }

# macOS has no `timeout`; there a Docker client does not hang on a dead socket.
within() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }

# shellcheck disable=SC1091
os_release() { (. /etc/os-release 2>/dev/null && printf '%s' "${!1:-}"); }

# Scripts that run side by side take turns.
apt() { DEBIAN_FRONTEND=noninteractive flock /run/lock/sidecar-apt apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" >&2; }

# A broken third-party source is no error here: the following install reports missing packages.
update_lists() { apt update || say "apt-get update was not complete; going on"; }

configured_mirror() {
  # shellcheck disable=SC2016  # the names are apt's
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk -v codename="$(os_release VERSION_CODENAME)" '$2 == codename && $3 == "main" && !found {print $1; found = 1}'
}

# apt knows its sources only after an update.
mirror_of_this_machine() {
  local mirror
  mirror=$(configured_mirror)
  [[ -n $mirror ]] || { update_lists; mirror=$(configured_mirror); }
  [[ -n $mirror ]] || fail "no apt source for $(os_release VERSION_CODENAME) main is configured"
  printf '%s' "$mirror"
}

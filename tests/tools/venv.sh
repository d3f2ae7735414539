#!/usr/bin/env bash
# Make a virtual environment hold what the given requirements files ask for; quick when it already does.
#   venv.sh DIRECTORY REQUIREMENTS...
# A stamp per set of files remembers their hash and the place, so that a moved checkout gets an environment that works.
set -euo pipefail

readonly OLDEST=11  # python 3.x: what ansible 12 and its ansible-core 2.19 need
readonly NEWEST=13  # the newest that ansible-core 2.19 knows

say() { printf '%s: %s\n' "$venv" "$*"; }
die() { printf '%s: %s\n' "$venv" "$*" >&2; exit 1; }

minor_of() { "$1" -c 'import sys; print(sys.version_info.minor if sys.version_info.major == 3 else 0)' 2>/dev/null || echo 0; }

find_python() {  # $PYTHON, else the first python3* of a version that ansible-core knows, else a newer one
  local candidate minor newest
  for newest in "$NEWEST" 99; do
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
      minor=$(minor_of "$candidate")
      if ((minor >= OLDEST && minor <= newest)); then
        ((minor <= NEWEST)) || say "only a Python newer than 3.$NEWEST here, which ansible-test does not know" >&2
        echo "$candidate"
        return
      fi
    done
  done
  die "needs Python 3.$OLDEST or newer (ansible 12 asks for it); found $("${PYTHON:-python3}" --version 2>&1 | head -n1)." \
    "Install one (Debian 12 and 13 and Ubuntu 24.04 bring it: apt install python3 python3-venv) and run again," \
    "or name it: make PYTHON=/path/to/python3.12 ..."
}

ensure_venv_module() {  # Debian keeps ensurepip in a package of its own
  "$1" -c 'import ensurepip, venv' 2>/dev/null && return
  local package
  package=python3.$(minor_of "$1")-venv
  if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    say "$1 has no venv module: installing Debian's $package"
    apt-get install -qq -y "$package" >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y "$package" >/dev/null; }
  else
    die "$1 has no venv module. On Debian and Ubuntu: sudo apt install $package"
  fi
}

make_venv() {
  local python
  grep -qs "^#!.*$PWD/$venv/bin" "$venv/bin/pip" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 &&
    [[ $(minor_of "$venv/bin/python") -ge $OLDEST ]] && return
  python=$(find_python)
  ensure_venv_module "$python"
  say "making it with $("$python" --version)"
  "$python" -m venv --clear "$venv"
}

install() {  # pip retries a broken connection by itself, but not a broken download
  local try
  for try in 1 2 3; do
    "$venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-input "$@" >"$log" 2>&1 && return
    say "pip failed (attempt $try of 3): $(grep -E '^ERROR' "$log" | tail -n1 || true)"
    sleep $((try * 3))
  done
  cat "$log" >&2
  die "pip could not install ${*}: see above. Behind a mirror? pip's own settings (pip config, PIP_INDEX_URL) are honoured."
}

venv=$1
shift
cd "$(dirname "$0")/../.."
[[ ! -L $venv ]] || die "it is a link: making an environment here would clear the one that it leads to. Remove the link."
mkdir -p .cache
log=.cache/pip-$(basename "$venv").log
stamp=$venv/.holds-$(IFS=+; echo "${*##*/}")
wanted=$( (pwd; cat "$0" "$@") | sha256sum)
up_to_date() { [[ -e $stamp && $(<"$stamp") == "$wanted" ]]; }
up_to_date && exit 0

exec 9>".cache/$(basename "$venv").lock"
if command -v flock >/dev/null; then flock 9; fi
up_to_date && exit 0  # another make did it while this one waited

started=$SECONDS
make_venv
say "installing ${*} (about half a minute the first time)"
install "${@/#/--requirement=}"
echo "$wanted" >"$stamp"
say "ready after $((SECONDS - started)) s"

#!/usr/bin/env bash
# Make sure of programs that tests call: system_tools.sh PROGRAM=PACKAGE...
# Debian as root: install what is missing, and say so. Elsewhere the tests that need it skip, with the reason.
set -euo pipefail

missing=()
for pair in "$@"; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "missing for some of the tests (Debian: apt install ${missing[*]})"
  exit 0
fi
echo "installing Debian's ${missing[*]}, which some of the tests call"
install=(apt-get install -qq -y --no-install-recommends "${missing[@]}")
"${install[@]}" >/dev/null 2>&1 || { apt-get update -qq && "${install[@]}" >/dev/null; } ||
  echo "that did not work: some tests will be skipped"

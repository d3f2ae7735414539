#!/usr/bin/env bash
# The tests in network namespaces use ip and arping. Debian as root: install what is missing, and say so; elsewhere the tests say why they skip.
set -euo pipefail

command -v ip >/dev/null && command -v arping >/dev/null && exit 0
if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "netns: ip or arping is missing (Debian: apt install iproute2 iputils-arping)"
  exit 0
fi
echo "netns: installing Debian's iproute2 and iputils-arping"
apt-get install -qq -y iproute2 iputils-arping >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y iproute2 iputils-arping >/dev/null; }

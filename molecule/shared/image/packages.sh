#!/bin/sh
# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs as root in a container of the bare image, and adds what the roles would install, so that scenarios which are
# not about installing start sooner. No PostgreSQL cluster is made, and neither Pgpool-II nor keepalived is running or enabled.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/postgresql-common/createcluster.d
printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/lab.conf

apt-get update -q
apt-get install -qy --no-install-recommends \
  postgresql postgresql-client postgresql-common pgpool2 python3-psycopg2 \
  iputils-arping iputils-ping acl rsync openssl ssl-cert keepalived nftables procps

systemctl disable pgpool2.service keepalived.service
# From here on Debian's default holds again: a PostgreSQL package installed later makes its cluster.
rm -f /etc/postgresql-common/createcluster.d/lab.conf
if [ -n "$(pg_lsclusters -h)" ]; then
  echo 'the image must not hold a PostgreSQL cluster' >&2
  exit 1
fi

rm -f /usr/sbin/policy-rc.d
apt-get clean
rm -f "$0"

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why pgops_query_cache is refused with two pgpools (docs/routing.md): a write through one leaves the other stale.

Not only in shared memory. With memcached both have the same answers, but each knows only by itself of which table they
are. When this test fails because nothing is stale any more, the refusal can go.
"""

from __future__ import annotations

import pytest
from guarded import Pair
from pair_faults import Pgpools
from proof import eventually

pytestmark = pytest.mark.matrix

CONF = "/etc/pgpool2/pgpool.conf"
PORT = 11299
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends memcached"


def restart(lab):
    for proxy in lab.pgpools:
        lab.run(proxy, "systemctl restart pgpool2")
    pgpools = Pgpools(lab)
    eventually(pgpools.whole, timeout=150, interval=1)


@pytest.fixture(params=["shmem", "memcached"])
def cache(lab, request):
    """Both pgpools cache; the file is written as the role does not, and put back."""
    server = lab.pgpools[0]
    eventually(lambda: Pair(lab).healthy(), timeout=120)
    if request.param == "memcached":
        lab.run(server, f"test -x /usr/bin/memcached || {{ apt-get -qq update && {INSTALL}; }}")
        lab.run(server, f"systemd-run -q --unit=cache memcached -u nobody -l {lab.address(server)} -p {PORT}")
    settings = {
        "memory_cache_enabled": "on",
        "memqcache_method": f"'{request.param}'",
        "memqcache_memcached_host": f"'{lab.address(server)}'",
        "memqcache_memcached_port": PORT,
        "memqcache_oiddir": "'/var/lib/pgpool/oiddir'",
    }
    lines = "".join(rf"{name} = {value}\n" for name, value in settings.items())
    for proxy in lab.pgpools:
        lab.run(proxy, f"cp -a {CONF} {CONF}.kept; sed -i '/^memory_cache_enabled/d' {CONF}")
        lab.run(proxy, f'printf "{lines}" >>{CONF}; install -d -o postgres /var/lib/pgpool/oiddir')
    try:
        restart(lab)
        yield request.param
    finally:
        for proxy in lab.pgpools:
            lab.run(proxy, f"mv {CONF}.kept {CONF}; rm -rf /var/lib/pgpool/oiddir")
        lab.ssh(server, "systemctl stop cache")
        restart(lab)


def test_a_write_through_one_pgpool_leaves_the_cache_of_the_other_stale(lab, cache):
    first, second = (lab.address(proxy) for proxy in lab.pgpools[:2])
    primary = next(name for name in lab.databases if not lab.in_recovery(name))
    client = {"user": "someuser", "database": "appdb"}
    lab.sql(primary, "DROP TABLE IF EXISTS cached", database="appdb")
    lab.sql(first, "CREATE TABLE cached (said text)", **client)
    lab.sql(first, "INSERT INTO cached VALUES ('old')", **client)

    def ask(door):
        return lab.sql(door, "SELECT said FROM cached", **client)

    eventually(lambda: ask(first) == [("old",)])  # the standby has it
    assert ask(first) == [("old",)]
    lab.sql(second, "UPDATE cached SET said = 'new'", **client)
    eventually(lambda: all(lab.sql(name, "SELECT said FROM cached", database="appdb") == [("new",)]
                           for name in lab.databases))  # fmt: skip
    assert ask(first) == [("old",)], f"with {cache} a write through another pgpool is seen: no reason to refuse it"

    lab.sql(first, "UPDATE cached SET said = 'newer'", **client)
    eventually(lambda: ask(first) == [("newer",)])
    lab.sql(first, "DROP TABLE cached", **client)

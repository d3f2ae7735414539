# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peak memory of our modules on a host whose data directory holds very many files.

The files are relations: a template database with empty tables, copied as often as needed, so that PostgreSQL,
pg_rewind, pg_basebackup and our own code all have to walk them. Last of all, since they stay.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from . import host
from .cluster import DATA, Cluster, eventually
from .failure import CannotMeasure
from .figures import Figure

NAMES = ("memory_rewind", "memory_basebackup")
PER_DATABASE = 15000
NO_FSYNC = "/etc/postgresql/15/main/conf.d/zz-bench.conf"
OURS = "pgops.pgpool."
LOG = "/var/tmp/pgops-bench-rss.jsonl"
HOOK = Path(__file__).with_name("rss_hook.py")
MANY = """
DO $$ BEGIN
  FOR i IN 1..{tables} LOOP
    EXECUTE format('CREATE TABLE t%s ()', i);
    IF i % 1000 = 0 THEN COMMIT; END IF;
  END LOOP;
END $$
"""


def measure(cluster: Cluster) -> list[Figure]:
    """A rewind and a new copy of the node, each with the hook in place."""
    cluster.say(f"memory: making {cluster.settings.files} files")
    make_files(cluster)
    old, _new = cluster.diverge()
    files = int(host.run(cluster.lab, old, f"find {DATA} -type f | wc -l"))
    ping = _ping(cluster, old)
    figures = [_of(cluster, "rewind", old, files, ping, recover_standby_salvage_skip="true")]
    cluster.wait_healthy()
    _primary, standby = cluster.roles()
    host.run(cluster.lab, standby, "systemctl stop 'postgresql@*'", limit=300)
    return [*figures, _of(cluster, "basebackup", standby, files, ping)]


def _ping(cluster, name):
    """What Python and Ansible take without us."""
    install(cluster, name)
    try:
        cluster.playbook("memory-ping", name, "-m", "ping", "--become", program="ansible")
        lines = host.run(cluster.lab, name, f"cat {LOG}").splitlines()
    finally:
        remove(cluster, name)
    return highest(lines, "ping")[0] / 1024


def _of(cluster, method, name, files, ping, **variables):
    cluster.say(f"memory: {method} with {files} files")
    install(cluster, name)
    try:
        run = cluster.recover(f"memory-{method}", name, recover_standby_method=method, **variables)
        lines = host.run(cluster.lab, name, f"cat {LOG}").splitlines()
    finally:
        remove(cluster, name)
    cluster.clean(name)
    if run.module.get("method") != method:
        raise CannotMeasure(f"the method was {run.module.get('method')}")
    peak, module = highest(lines)
    note = f"peak of {module}, {files} files; module took {run.module['seconds']:.0f} s; baseline: Ansible's ping"
    return Figure(f"memory_{method}", peak / 1024, "MiB", ping, [peak / 1024], note)


def highest(lines: list[str], expected: str = "pg_basebackup_sync") -> tuple[int, str]:
    """The largest peak in kB among our modules (of ``ping``: its own), and whose it is."""
    told = [json.loads(line) for line in lines]
    if not any(each["module"].endswith(expected) for each in told):
        raise CannotMeasure(f"the hook saw no {expected}")
    ours = [each for each in told if each["module"].startswith(OURS) or each["module"].endswith(expected)]
    most = max(ours, key=lambda each: each["kb"])
    return most["kb"], most["module"]


def make_files(cluster: Cluster) -> None:
    """Very many empty relations; without fsync, which would only cost time here."""
    primary, standby = cluster.roles()
    lab, wanted = cluster.lab, cluster.settings.files
    tables = min(PER_DATABASE, wanted)
    for name in (primary, standby):
        host.run(lab, name, f"echo 'fsync = off' >{NO_FSYNC}; systemctl reload 'postgresql@*'")
    host.psql(lab, primary, "CREATE DATABASE many_0")
    host.psql(lab, primary, MANY.format(tables=tables), database="many_0")
    for number in range(1, -(-wanted // tables)):  # rounded up
        host.psql(lab, primary, f"CREATE DATABASE many_{number} TEMPLATE many_0 STRATEGY file_copy")
    cluster.wait_healthy(limit=900)
    for name in (primary, standby):
        host.psql(lab, name, "CHECKPOINT")
        host.run(lab, name, f"rm {NO_FSYNC}; systemctl reload 'postgresql@*'")
    eventually(lambda: host.psql(lab, standby, "SHOW fsync") == "on")


SITE = 'site=$(python3 -c "import site; print(site.getsitepackages()[0])")'


def install(cluster: Cluster, name: str) -> None:
    """From now on every Python process of the host tells its peak."""
    code = base64.b64encode(HOOK.read_bytes()).decode()
    command = (
        f"{SITE}; mkdir -p $site; echo {code} | base64 -d >$site/pgops_bench_rss.py; "
        f"echo 'import pgops_bench_rss' >$site/pgops_bench_rss.pth; rm -f {LOG}; install -m 666 /dev/null {LOG}"
    )
    host.run(cluster.lab, name, command)


def remove(cluster: Cluster, name: str) -> None:
    """Take the hook away again."""
    host.run(cluster.lab, name, f"{SITE}; rm -f $site/pgops_bench_rss.* {LOG}")

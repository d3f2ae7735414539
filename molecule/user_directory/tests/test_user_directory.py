# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data directories as users have them, and every rung of the ladder on them. Each test leaves what the next one needs.

postgres-db1 stays the primary; the module is called on postgres-db2 directly, as the role standby does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from proof import CHECKOUT, eventually

DB1, DB2 = "postgres-db1", "postgres-db2"
REAL = "/srv/pg/real"
PSQL = "runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1"


class Node:
    """postgres-db2, the node that is rebuilt."""

    def __init__(self, lab):
        self.lab = lab
        self.version = lab.run(DB2, "ls /etc/postgresql").strip()
        self.data = f"/var/lib/postgresql/{self.version}/main"
        self.unit = f"postgresql@{self.version}-main"
        # It is promoted by hand here, beside the primary; neither guard may put an end to that.
        for host in (DB1, DB2):
            lab.run(host, "touch /var/lib/pgops/paused")

    def run(self, command):
        return self.lab.run(DB2, command)

    def stop(self):
        self.run(f"systemctl stop {self.unit}")

    def sql(self, statement, database="appdb"):
        return self.run(f'{PSQL} -c "{statement}" {database}').strip()

    def rejoin(self, check=True, **options):
        """Run the module as the role does; returns its result."""
        words = {
            "primary_host": self.lab.address(DB1),
            "slot_name": "pgops_1",
            "sslmode": self.lab.vars.get("pgops_ssl_mode", "prefer"),
            **options,
        }
        argv = [str(Path(sys.executable).parent / "ansible"), "-i", "inventories/lab/hosts", DB2, "-b"]
        argv += ["-m", "pgops.pgpool.pg_basebackup_sync", "-a", json.dumps(words)]
        environment = {k: v for k, v in self.lab.environment.items() if not k.startswith(("MOLECULE", "ANSIBLE_"))}
        environment.update(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", ANSIBLE_LOAD_CALLBACK_PLUGINS="1")
        done = subprocess.run(
            argv, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, timeout=300, check=False
        )
        text = done.stdout[done.stdout.index("{\n") :]
        result = json.loads(text)["plays"][0]["tasks"][0]["hosts"][DB2]
        shown = ("method", "reasons", "timings", "salvage", "lost", "diverged", "msg")
        print(json.dumps({key: result.get(key) for key in shown}, indent=1))
        assert bool(result.get("failed")) is not check, result.get("msg")
        return result

    def streams_all(self):
        """It is a standby that streams, and has what the primary has, in every tablespace."""
        assert self.lab.in_recovery(DB2) is True
        rows = self.lab.sql(DB1, "SELECT state FROM pg_stat_replication WHERE application_name = 'pgops_1'")
        assert rows == [("streaming",)]
        sums = "SELECT (SELECT sum(n) FROM outside), (SELECT sum(n) FROM inside), (SELECT count(*) FROM plain)"
        mine = self.lab.run(DB1, f'{PSQL} -c "{sums}" appdb').strip()
        eventually(lambda: self.sql(sums) == mine)

    def leftovers(self):
        """What runs of ours would leave behind, wherever a part of the directory lies."""
        found = self.run("find /srv /var/lib/postgresql -name '*pgops-new*' -o -name '*pgops-old*' -o -name pgops.json")
        return found.split()

    def layout(self):
        """Links and mount points as the administrator made them."""
        return self.run(
            f"readlink {self.data}; readlink {self.data}/pg_wal; grep -c ' {REAL} ' /proc/self/mountinfo || true;"
            f"find {self.data}/pg_tblspc -type l -printf '%f %l %u\\n' | sort;"
            f"stat -c '%U %a' {self.data}/ /srv/fastwal"
        )


@pytest.fixture(scope="module")
def node(lab):
    return Node(lab)


def taken(result):
    """The rung that really ran; each one before it has a reason."""
    assert [reason["method"] for reason in result["reasons"] if reason["taken"]] == [result["method"]]
    assert all(reason["reason"] for reason in result["reasons"])
    return result["method"]


def rewrite(lab):
    """Change some of each table on the primary: part of it differs, most of it does not."""
    for table in ("outside", "inside", "plain"):
        lab.run(DB1, f'{PSQL} -c "UPDATE {table} SET n = n + 1 WHERE n % 100 = 0" appdb')


# --- links, and parts that lie elsewhere


def test_a_directory_behind_a_link_with_pg_wal_and_a_tablespace_elsewhere(lab, node):
    for host in (DB1, DB2):
        lab.run(host, f"mkdir -p /srv/space {node.data}/inside; chown postgres: /srv/space {node.data}/inside")
    lab.run(DB1, f"{PSQL} -c \"CREATE TABLESPACE outside LOCATION '/srv/space'\" postgres")
    lab.run(DB1, f"{PSQL} -c \"CREATE TABLESPACE inside LOCATION '{node.data}/inside'\" postgres 2>&1")
    for table, space in (("outside", "outside"), ("inside", "inside"), ("plain", "pg_default")):
        lab.run(
            DB1, f'{PSQL} -c "CREATE TABLE {table} TABLESPACE {space} AS SELECT generate_series(1, 200000) n" appdb'
        )
    eventually(lambda: node.sql("SELECT count(*) FROM plain") == "200000")
    node.stop()
    node.run(
        f"mkdir -p /srv/pg /srv/fastwal && chown postgres: /srv/fastwal"
        f" && mv {node.data} {REAL} && ln -s {REAL} {node.data}"
        f" && mv {REAL}/pg_wal/* /srv/fastwal/ && rmdir {REAL}/pg_wal && ln -s /srv/fastwal {REAL}/pg_wal"
        f" && chmod 700 /srv/fastwal && chown -h postgres: {REAL}/pg_wal"
    )
    assert taken(node.rejoin()) == "start"
    node.streams_all()


@pytest.mark.parametrize("method", ["delta", "basebackup"])
def test_a_new_copy_comes_to_the_places_where_the_old_one_was(lab, node, method):
    before = node.layout()
    rewrite(lab)
    assert taken(node.rejoin(method=method)) == method
    node.streams_all()
    assert node.layout() == before
    assert node.leftovers() == []


def test_a_start_that_fails_falls_to_delta(lab, node):
    """A tablespace was made while the node was down, at a path that it does not have: replay can't go on."""
    node.stop()
    lab.run(DB1, "mkdir -p /srv/later && chown postgres: /srv/later")
    lab.run(DB1, f"{PSQL} -c \"CREATE TABLESPACE later LOCATION '/srv/later'\" postgres")
    lab.run(DB1, f'{PSQL} -c "CREATE TABLE late TABLESPACE later AS SELECT 1 n" appdb')
    result = node.rejoin()
    assert taken(result) == "delta"
    reasons = {reason["method"]: reason["reason"] for reason in result["reasons"]}
    assert reasons["start"].startswith("tried and failed: ") and "/srv/later" in reasons["start"]
    assert "nothing to rewind" in reasons["rewind"]
    node.streams_all()
    assert node.sql("SELECT n FROM late") == "1"


def test_delta_moves_what_differs_and_not_more(lab, node):
    node.sql("SELECT pg_switch_wal() WHERE NOT pg_is_in_recovery()")
    lab.run(DB1, f"{PSQL} -c CHECKPOINT postgres")
    node.rejoin(method="delta")
    lab.run(DB1, f'{PSQL} -c "UPDATE outside SET n = n WHERE n < 50" appdb')
    result = node.rejoin(method="delta")
    size = int(lab.run(DB1, f'{PSQL} -c "SELECT sum(pg_database_size(oid)) FROM pg_database" postgres'))
    assert result["bytes_moved"] < size / 5
    node.streams_all()


# --- each rung falls to the next


def diverge(lab, node):
    """Somebody promoted the standby by hand and wrote into it: two commits that the primary will never have."""
    node.run(f"{PSQL} -c 'SELECT pg_promote()' postgres")
    eventually(lambda: lab.in_recovery(DB2) is False)
    node.sql("INSERT INTO outside VALUES (-1)")
    node.sql("INSERT INTO inside VALUES (-2)")
    node.stop()


def test_a_rewind_that_fails_falls_to_delta_and_that_to_a_full_copy(lab, node):
    diverge(lab, node)
    # Files of WAL that were only prepared, as there often are: which of all files a tool opens first is chance.
    node.run(f"for i in $(seq 10 60); do truncate -s 16M {node.data}/pg_wal/00000002000000F0000000$i; done")
    broken = f"/usr/lib/postgresql/{node.version}/bin/pg_rewind"
    script = "#!/bin/sh\\necho pg_rewind: error: a forced failure >&2\\nexit 1\\n"
    node.run(f"mv {broken} {broken}.real && printf '{script}' > {broken} && chmod 755 {broken}")
    node.run("mv /usr/bin/rsync /usr/bin/rsync.real")
    rsync = '#!/bin/sh\\ncase "$*" in *--archive*) echo rsync error: a forced failure >&2; exit 12;; esac\\n'
    node.run(f"printf '{rsync}' > /usr/bin/rsync && chmod 755 /usr/bin/rsync")
    try:
        result = node.rejoin(allow_older_primary=True)
    finally:
        node.run(f"mv {broken}.real {broken} && mv /usr/bin/rsync.real /usr/bin/rsync")
    assert taken(result) == "basebackup"
    reasons = {reason["method"]: reason["reason"] for reason in result["reasons"]}
    assert reasons["rewind"].startswith("tried and failed: ") and "a forced failure" in reasons["rewind"]
    assert reasons["delta"].startswith("tried and failed: ") and "a forced failure" in reasons["delta"]
    assert result["salvage"]["commits_past_fork"] == 2
    wrote = {table["name"]: (table["database"], table["inserts"]) for table in result["lost"]["tables"]}
    assert wrote == {"outside": ("appdb", 1), "inside": ("appdb", 1)}
    assert (result["lost"]["commits"], result["lost"]["complete"]) == (2, True)
    node.streams_all()
    assert node.leftovers() == []
    assert len(node.run("ls -d /srv/pg/real.pgops-salvage-*").split()) == 1, "one state is kept once"


def test_a_full_salvage_starts_by_itself_and_has_what_only_the_old_node_had(node):
    place = node.run("ls -d /srv/pg/real.pgops-salvage-*").strip()
    manifest = json.loads(node.run(f"cat {place}/manifest.json"))
    assert (manifest["kind"], manifest["starts_standalone"], manifest["commits_past_fork"]) == ("full", True, 2)
    server = f"runuser -u postgres -- /usr/lib/postgresql/{node.version}/bin/pg_ctl -D {place}/data -w -l /tmp/kept"
    options = f"-c config_file=/etc/postgresql/{node.version}/main/postgresql.conf -c data_directory={place}/data"
    options += " -c port=5499 -c external_pid_file= -c listen_addresses="
    node.run(f"{server} -o '{options}' start")
    try:
        asked = f"{PSQL} -p 5499 appdb -c "
        assert node.run(f"{asked} 'SELECT pg_is_in_recovery()'").strip() == "f"
        assert (
            node.run(f"{asked} 'SELECT (SELECT min(n) FROM outside), (SELECT min(n) FROM inside)'").strip() == "-1|-2"
        )
        assert node.run(f"{asked} 'SELECT count(*) FROM plain'").strip() == "200000"
    finally:
        node.run(f"{server} -m fast stop")
    node.streams_all()


def test_salvages_are_limited_in_number(lab, node):
    node.rejoin(method="delta", salvage_keep=1)
    assert len(node.run("ls -d /srv/pg/real.pgops-salvage-*").split()) == 1
    diverge(lab, node)
    result = node.rejoin(allow_older_primary=True, salvage_keep=1)
    assert taken(result) == "rewind"
    assert len(result["salvages_removed"]) == 1
    assert node.run("ls -d /srv/pg/real.pgops-salvage-*").split() == [result["salvage"]["path"]]
    node.streams_all()


# --- a mount point, which can't be moved itself


def test_on_a_mount_point_the_entries_are_exchanged(lab, node):
    node.stop()
    node.run(
        f"mkdir /srv/disk && cp -a {REAL}/. /srv/disk/ && rm -rf {REAL} && mkdir {REAL}"
        f" && mount --bind /srv/disk {REAL}"
    )
    node.run("chown postgres: /srv/disk && chmod 700 /srv/disk")
    before = node.layout()
    for method in ("delta", "basebackup"):
        rewrite(lab)
        assert taken(node.rejoin(method=method)) == method
        node.streams_all()
        assert node.layout() == before
        assert node.leftovers() == []


def test_what_only_the_old_node_had_is_copied_away_from_a_mount_point(lab, node):
    diverge(lab, node)
    result = node.rejoin(allow_older_primary=True, method="delta")
    assert (result["salvage"]["kind"], result["salvage"]["commits_past_fork"]) == ("full", 2)
    kept = node.run(f"ls {result['salvage']['path']}/data {result['salvage']['path']}/tablespaces")
    assert "PG_VERSION" in kept
    node.streams_all()
    assert node.leftovers() == []


# --- no room, and limits


@pytest.fixture
def small_disk(node):
    """The data directory on a file system of its own that is just big enough for two of it."""
    node.stop()
    used = int(node.run("du -sm /srv/disk").split()[0])
    size = used * 2 + 260
    node.run(f"umount {REAL} && mount -t tmpfs -o size={size}m,mode=700,uid=postgres,gid=postgres tmpfs {REAL}")
    node.run(f"cp -a /srv/disk/. {REAL}/")
    yield node
    node.stop()
    node.run(f"umount {REAL} && mount --bind /srv/disk {REAL}")


def test_a_disk_that_fills_up_during_the_copy_is_a_clear_error_and_nothing_is_lost(small_disk, node):
    digest = f"cd {REAL} && find base global -type f -exec sha256sum {{}} + | sort | sha256sum"
    before = node.run(digest)
    filler = (
        f"for i in $(seq 600); do test -d {REAL}/pgops-new/data/base && break; sleep 0.1; done;"
        f" dd if=/dev/zero of={REAL}/pgops-new/filler bs=1M 2>/dev/null"
    )
    node.run(f"nohup bash -c '{filler}' >/dev/null 2>&1 & disown")
    failed = node.rejoin(check=False, method="basebackup", max_rate="4M")
    assert "No space left on device" in failed["error"]["seen"]
    assert failed["error"]["server"] == DB2
    assert failed["error"]["next_step"]
    assert node.run(digest) == before
    assert taken(node.rejoin()) == "start"
    node.streams_all()
    assert node.leftovers() == []


def test_no_room_is_refused_with_the_variable_that_allows_it(small_disk, node):
    free = int(node.run(f"df -BM --output=avail {REAL} | tail -n1").strip(" M\n"))
    node.run(f"fallocate -l {free - 40}M {REAL}/filler")
    refused = node.rejoin(check=False, method="basebackup")
    assert "no room for a copy" in refused["msg"]
    assert "recover_standby_salvage_skip" in refused["error"]["next_step"]
    node.run(f"rm {REAL}/filler")


@pytest.mark.parametrize("method", ["basebackup", "delta"])
def test_a_limit_on_the_size_of_files_is_told(node, method):
    node.run("printf 'root hard fsize 6000\\nroot soft fsize 6000\\n' > /etc/security/limits.d/pgops-test.conf")
    node.run(
        "grep -q pam_limits /etc/pam.d/sudo || echo 'session required pam_limits.so' >> /etc/pam.d/sudo"
    )  # Debian 11
    try:
        failed = node.rejoin(check=False, method=method)
    finally:
        node.run("rm /etc/security/limits.d/pgops-test.conf")
    assert "no file of more than 6144000 bytes" in failed["error"]["seen"]
    assert taken(node.rejoin()) in ("none", "start")
    node.streams_all()


def test_the_playbook_finds_nothing_left_to_do(lab, node):
    lab.playbook("recover_standby.yml", "-l", DB2)
    done = lab.playbook("recover_standby.yml", "-l", DB2)
    assert "already is a healthy standby" in done.stdout

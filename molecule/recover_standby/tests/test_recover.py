# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, in the order in which it happens. Each test leaves what the next one needs."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest
import secret_search
from proof import CHECKOUT, changed, dump_digest, eventually, recap
from writer import Writer, missing_rows

from tests.awx.runner import run
from tests.awx.test_runner import assert_recovered_as_a_job

DB1, DB2 = "postgres-db1", "postgres-db2"


def recover(lab, node, *arguments, **options):
    """The user's literal command, inside playbooks/."""
    return lab.playbook("recover_standby.yml", "-l", node, *arguments, **options)


def kill_postmaster(lab, name):
    lab.run(name, "kill -9 $(head -n1 /var/lib/postgresql/*/main/postmaster.pid)")


def iter_until(lines, words):
    """The lines of a running command up to the one that holds the words."""
    for line in lines:
        yield line
        if words in line:
            return
    raise AssertionError(f"it ended without: {words}")


def is_primary(lab, name):
    return lab.in_recovery(name) is False


def assert_healthy_standby(lab, node, primary):
    assert lab.in_recovery(node) is True
    slot = f"pgops_{lab.hostvars[node]['pgops_backend_id']}"
    rows = lab.sql(primary, f"SELECT state FROM pg_stat_replication WHERE application_name = '{slot}'")
    assert rows == [("streaming",)]
    assert lab.sql(primary, f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'") == [(True,)]
    for proxy in lab.pgpools:
        host, status, role = lab.pool_nodes(proxy)[lab.hostvars[node]["pgops_backend_id"]]
        assert (host, role) == (lab.address(node), "standby")
        assert status in ("up", "waiting")


def same_rows_on_both(lab):
    eventually(lambda: dump_digest(lab, DB1) == dump_digest(lab, DB2), timeout=20)


SERVICE = "systemctl show --property=ActiveState,MainPID 'postgresql@*'"


def files_of(lab, name):
    """What a host whose server is down holds, and the state of the service: unchanged means that nobody touched it."""
    listing = "find /var/lib/postgresql /etc/postgresql /var/lib/pgops -printf '%p %s %T@ %m\n' | sort"
    return (lab.run(name, listing) + lab.run(name, SERVICE)).splitlines()


def settings_of(lab, name):
    """The same of a host whose server runs and writes whenever it likes: its settings, its process, its directory."""
    listing = "find /etc/postgresql -printf '%p %s %T@ %m\n' | sort"
    listing += "; stat -c '%n %i %Z' /var/lib/postgresql/*/main/PG_VERSION"
    return (lab.run(name, listing) + lab.run(name, SERVICE)).splitlines()


@pytest.fixture(scope="module")
def writer(lab):
    options = {"host": lab.vip, "user": "someuser", "password": lab.secrets["pgops_app_password"], "dbname": "appdb"}
    client = Writer(options)
    client.create_table()
    client.start()
    yield client
    client.stop()


# --- refusals, on a healthy cluster


def test_without_a_limit_it_refuses_and_says_how_to_call_it(lab):
    done = lab.playbook("recover_standby.yml", check=False)
    assert done.returncode == 2
    assert "recover_standby.yml -l postgres-db1" in done.stdout
    assert changed(done.stdout) == 0


def test_two_hosts_are_refused(lab):
    done = lab.playbook("recover_standby.yml", "-l", f"{DB1},{DB2}", check=False)
    assert done.returncode == 2
    assert f"{DB1}, {DB2}" in done.stdout


def test_an_unknown_host_is_refused(lab):
    done = lab.playbook("recover_standby.yml", "-l", "postgres-db9", check=False)
    assert done.returncode != 0
    assert "postgres-db9" in done.stdout


def test_a_host_that_is_no_database_is_refused(lab):
    done = lab.playbook("recover_standby.yml", "-l", "app-server1", check=False)
    assert done.returncode == 2
    assert "app-server1 is not a database host" in done.stdout


def test_the_live_primary_is_refused(lab):
    ours = "find /var/lib/pgops -printf '%p %s %T@ %m\n' | sort"
    before = {name: settings_of(lab, name) for name in (DB1, DB2)}, lab.run(DB2, ours)
    done = lab.playbook("recover_standby.yml", "-l", DB1, check=False)
    assert done.returncode == 2
    assert "postgres-db1: it is the live primary" in done.stdout
    assert ({name: settings_of(lab, name) for name in (DB1, DB2)}, lab.run(DB2, ours)) == before
    assert is_primary(lab, DB1)


def test_a_healthy_standby_is_left_alone(lab):
    done = recover(lab, DB2)
    assert changed(done.stdout) == 0
    assert "already is a healthy standby of postgres-db1" in done.stdout


# --- the primary is killed under load


def test_a_killed_primary_is_replaced_and_no_acknowledged_row_is_lost(lab, writer):
    eventually(lambda: len(writer.acknowledged) > 40)
    # What a client is told after the WAL sender has died is the dangerous row: here there are some, not one by luck.
    sender = lab.sql(DB1, "SELECT pid FROM pg_stat_replication")[0][0]
    lab.run(DB1, f"kill -STOP {sender}")
    unsent = len(writer.acknowledged)
    eventually(lambda: len(writer.acknowledged) > unsent + 5)
    killed = time.monotonic()
    kill_postmaster(lab, DB1)
    eventually(lambda: is_primary(lab, DB2), timeout=60)
    eventually(lambda: writer.acknowledged_after(killed + 1) > 20, timeout=60)
    connection = lab.connect(lab.address(DB2))
    with connection.cursor() as cursor:
        assert missing_rows(cursor, writer) == []
    connection.close()


def test_the_event_record_says_what_was_done(lab):
    lines = lab.run("app-server1", "cat /var/log/pgops/failover.jsonl; true")
    lines += lab.run("app-server2", "cat /var/log/pgops/failover.jsonl; true")
    events = [json.loads(line) for line in lines.splitlines()]
    event = next(e for e in events if e["event"] == "failover" and e["result"] == "promoted")
    assert (event["old_primary_id"], event["new_primary_id"]) == (0, 1)
    assert event["wal_tail"].startswith("taken: WAL from")


def test_every_pgpool_has_it_down(lab):
    for proxy in lab.pgpools:
        eventually(lambda p=proxy: lab.pool_nodes(p)[0][1] == "down" and lab.pool_nodes(p)[1][2] == "primary")


def test_a_deployment_after_the_failover_changes_nothing_and_leaks_nothing(lab):
    before = {name: files_of(lab, name) for name in (DB1,)}
    start = "systemctl show --property=ActiveEnterTimestampMonotonic,MainPID 'postgresql@*' pgpool2"
    started = {name: lab.run(name, start) for name in (DB2, *lab.pgpools)}
    with secret_search.ProcessSampler(lab) as sampler:
        done = lab.playbook("deploy_cluster.yml", "-vvv", "--diff")
    assert changed(done.stdout) == 0
    assert "recover_standby.yml -l postgres-db1" in done.stdout
    assert {name: files_of(lab, name) for name in (DB1,)} == before
    assert {name: lab.run(name, start) for name in (DB2, *lab.pgpools)} == started
    assert is_primary(lab, DB2)
    assert secret_search.in_text(lab, done.stdout) == []
    assert sampler.found() == {}


def test_the_plan_is_shown_and_check_mode_changes_nothing(lab):
    before = files_of(lab, DB1)
    slots = lab.sql(DB2, "SELECT slot_name FROM pg_replication_slots ORDER BY 1")
    done = recover(lab, DB1, "--check")
    for words in (
        "postgres-db1 will follow postgres-db2", "system identifier", "timeline             1", "oldest WAL kept",
        "histories", "only on this host", "WAL needed from", "page protection      data checksums on", "free there",
        "none: this node is not a running standby", "-> ", "steps:", "hosts changed:", "app-server2: postgres-db1 is",
    ):  # fmt: skip
        assert words in done.stdout
    assert "Nothing was changed" in done.stdout
    assert files_of(lab, DB1) == before
    assert lab.sql(DB2, "SELECT slot_name FROM pg_replication_slots ORDER BY 1") == slots
    assert lab.pool_nodes("app-server1")[0][1] == "down"


def test_a_rebooted_old_primary_does_not_start_writable(lab):
    lab.fault("restart", DB1)
    lab.run(DB1, "systemctl start postgresql@$(ls /etc/postgresql)-main || true")
    with pytest.raises(AssertionError):
        eventually(lambda: is_primary(lab, DB1), timeout=8)
    said = lab.run(DB1, "journalctl -b --no-pager -u 'postgresql@*'")
    assert "recover_standby.yml -l postgres-db1" in said, said


def test_one_command_brings_it_back(lab, writer):
    with secret_search.ProcessSampler(lab) as sampler:
        done = recover(lab, DB1, "-vvv", "--diff")
    assert_healthy_standby(lab, DB1, DB2)
    assert "is a standby of postgres-db2 again" in done.stdout
    assert secret_search.in_text(lab, done.stdout) == []
    assert sampler.found() == {}


def test_again_changes_nothing(lab):
    done = recover(lab, DB1)
    assert changed(done.stdout) == 0
    assert "already is a healthy standby of postgres-db2" in done.stdout


def test_every_acknowledged_row_is_on_both_nodes_and_the_dumps_are_equal(lab, writer):
    writer.stop()
    for name in (DB1, DB2):
        connection = lab.connect(lab.address(name))
        with connection.cursor() as cursor:
            eventually(lambda c=cursor: missing_rows(c, writer) == [], timeout=20)
        connection.close()
    same_rows_on_both(lab)


@pytest.mark.parametrize("name", ["app-server1", "app-server2", DB1, DB2])
def test_no_password_is_in_a_file_that_everybody_can_read(lab, name):
    assert secret_search.in_world_readable_files(lab, name) == []


# --- and back again: the old primary has rows that the standby never received


def test_a_diverged_primary_is_rewound_and_what_only_it_had_is_kept(lab):
    lab.run(DB2, f"ip route add blackhole {lab.address(DB1)}/32")
    try:
        for number in range(3):
            lab.sql(DB2, f"INSERT INTO pgops_rows (n) VALUES ({-1 - number})", user="someuser", database="appdb")
        kill_postmaster(lab, DB2)
        eventually(lambda: is_primary(lab, DB1), timeout=60)
        eventually(lambda: lab.pool_nodes("app-server1")[1][1] == "down")
    finally:
        lab.run(DB2, f"ip route del blackhole {lab.address(DB1)}/32")
    done = recover(lab, DB2)
    assert "method: rewind" in done.stdout
    assert "3 commits on the old node never reached the primary" in done.stdout
    kept = re.search(r"kept: full in (\S+)", done.stdout).group(1)
    assert "manifest.json" in lab.run(DB2, f"ls {kept}")
    assert_healthy_standby(lab, DB2, DB1)
    assert lab.sql(DB2, "SELECT count(*) FROM pgops_rows WHERE n < 0", user="someuser", database="appdb") == [(0,)]
    same_rows_on_both(lab)


def test_two_primaries_need_a_person_who_names_one_and_stops_the_other(lab):
    """Somebody promoted the standby by hand: both take writes, and the newer timeline is on the one nobody uses.

    (With the guards paused: else the one nobody uses is ended within seconds.)
    """
    for name in (DB1, DB2):
        lab.run(name, "touch /var/lib/pgops/paused")
    lab.run(DB2, "runuser -u postgres -- psql -c 'SELECT pg_promote()' postgres")
    eventually(lambda: is_primary(lab, DB2))
    refused = lab.playbook("recover_standby.yml", "-l", DB2, check=False)
    assert refused.returncode == 2
    assert "2 servers run as a primary" in refused.stdout
    named = ["-e", f"recover_standby_primary={DB1}"]
    refused = recover(lab, DB2, *named, check=False)
    assert refused.returncode == 2
    assert "may be the live primary" in refused.stdout
    lab.run(DB2, "systemctl stop 'postgresql@*'")
    recover(lab, DB2, *named)
    for name in (DB1, DB2):
        lab.run(name, "rm /var/lib/pgops/paused")
    assert_healthy_standby(lab, DB2, DB1)
    same_rows_on_both(lab)


# --- as an AWX job; interrupted in the middle of a copy; with a pgpool down


def test_awx_recovers_a_stopped_standby(lab, tmp_path):
    lab.run(DB2, "systemctl stop 'postgresql@*'")
    eventually(lambda: lab.pool_nodes("app-server1")[1][1] == "down")
    job = run("playbooks/recover_standby.yml", str(CHECKOUT / "inventories" / "lab" / "hosts"), DB2, tmp_path)
    assert_recovered_as_a_job(job, DB2)
    assert job.artifacts["recover_standby"]["method"] == "start"
    assert_healthy_standby(lab, DB2, DB1)


def test_a_killed_run_leaves_the_node_out_of_the_pool_and_the_next_one_completes(lab):
    lab.run(DB2, "systemctl stop 'postgresql@*'")
    eventually(lambda: lab.pool_nodes("app-server1")[1][1] == "down")
    slow = ["-e", "recover_standby_method=basebackup", "-e", "recover_standby_max_rate=1M"]
    run = recover(lab, DB2, *slow, background=True)
    try:
        eventually(lambda: lab.ssh(DB2, "pgrep -x pg_basebackup").returncode == 0, timeout=60)
    finally:
        run.send_signal(signal.SIGKILL)
        run.communicate()
    assert lab.pool_nodes("app-server1")[1][1] == "down"
    done = recover(lab, DB2, "-e", "recover_standby_lock_timeout=120")
    assert_healthy_standby(lab, DB2, DB1)
    assert recap(done.stdout)[DB2]["changed"] > 0
    same_rows_on_both(lab)


def test_a_pgpool_that_refuses_in_between_has_the_node_taken_out_everywhere(lab):
    """The rebuild is held up by its own lock while PCP on one pgpool stops to know the password."""
    lab.run(DB2, "systemctl stop 'postgresql@*'")
    eventually(lambda: lab.pool_nodes("app-server1")[1][1] == "down")
    lab.run(DB2, "systemd-run --quiet --unit=held flock /var/lib/pgops/recover.lock sleep 300")
    run = recover(lab, DB2, "-e", "recover_standby_lock_timeout=120", background=True)
    try:
        shown = "".join(iter_until(run.stdout, "TASK [Make this host a standby"))
        lab.run("app-server2", "cp -a /etc/pgpool2/pcp.conf /root/ && sed -i 's/:.*/:none/' /etc/pgpool2/pcp.conf")
        lab.run(DB2, "systemctl stop held")
        shown += run.communicate(timeout=180)[0]
    finally:
        run.kill()
        lab.ssh(DB2, "systemctl stop held")
        lab.run("app-server2", "mv /root/pcp.conf /etc/pgpool2/pcp.conf")
    assert run.returncode == 2, shown
    assert f"{DB2} is not a healthy standby everywhere (attaching): app-server2:" in shown
    assert "It was taken out of the pool, except where that failed, too (app-server2:" in " ".join(shown.split())
    for proxy in lab.pgpools:
        eventually(lambda p=proxy: lab.pool_nodes(p)[1][1] == "down")
    assert lab.in_recovery(DB2) is True
    checked = lab.playbook("check_cluster.yml", check=False)
    for proxy in lab.pgpools:
        assert f"[warning] {DB2}: is down on {proxy}" in checked.stdout
    done = recover(lab, DB2)
    assert "it only has to be attached again" in done.stdout
    assert_healthy_standby(lab, DB2, DB1)


@pytest.mark.matrix
def test_a_node_that_lags_is_not_attached_and_one_in_use_is_left_there(lab):
    limit = ["-e", "recover_standby_max_lag=1000", "-e", "recover_standby_catch_up_timeout=4"]
    lab.run(DB2, "runuser -u postgres -- psql -qc 'SELECT pg_wal_replay_pause()' postgres")
    try:
        lab.sql(DB1, "CREATE TABLE lag AS SELECT generate_series(1, 10000)", user="someuser", database="appdb")
        done = recover(lab, DB2, *limit, check=False)
        assert done.returncode == 2
        assert f"behind {DB1}, more than the 1000 bytes of recover_standby_max_lag" in " ".join(done.stdout.split())
        assert changed(done.stdout) == 0
        assert [lab.pool_nodes(p)[1][1] in ("up", "waiting") for p in lab.pgpools] == [True, True]
        lab.run("app-server1", "runuser -u postgres -- pcp_detach_node -h localhost -U pgpoolad -w -n 1")
        for proxy in lab.pgpools:
            eventually(lambda p=proxy: lab.pool_nodes(p)[1][1] == "down")
        done = recover(lab, DB2, *limit, check=False)
        assert done.returncode == 2
        assert "but lags behind:" in done.stdout
        assert [lab.pool_nodes(p)[1][1] for p in lab.pgpools] == ["down", "down"]
    finally:
        lab.run(DB2, "runuser -u postgres -- psql -qc 'SELECT pg_wal_replay_resume()' postgres")
    recover(lab, DB2)
    assert_healthy_standby(lab, DB2, DB1)


def test_it_works_while_a_pgpool_is_down_and_names_it(lab):
    lab.run(DB2, "systemctl stop 'postgresql@*'")
    eventually(lambda: lab.pool_nodes("app-server1")[1][1] == "down")
    lab.fault("kill", "app-server2")
    try:
        done = recover(lab, DB2)
        assert "app-server2" in done.stdout.split("Not asked", 1)[1]
        assert lab.in_recovery(DB2) is True
        assert lab.pool_nodes("app-server1")[1][1] in ("up", "waiting")
        checked = lab.playbook("check_cluster.yml", check=False)
        assert checked.returncode == 2
        assert "verdict: degraded" in checked.stdout
        assert "[warning] app-server2: does not answer" in checked.stdout
    finally:
        lab.fault("start", "app-server2")
    eventually(lambda: lab.pool_nodes("app-server2")[1][1] in ("up", "waiting"), timeout=60)
    assert_healthy_standby(lab, DB2, DB1)

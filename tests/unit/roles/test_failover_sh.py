# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""failover.sh runs for real here; psql, ssh, sudo and sendmail are replaced by scripts that note what they get."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from .rendering import cluster, render

# SQL from here: the answers of host H are in H.sql_wal and H.sql_promote; without them it does not answer.
FAKE_PSQL = r"""#!/bin/bash
while getopts XAtqwv:h:p:U:d:c: option; do
  case $option in h) host=$OPTARG;; c) statements+="$OPTARG; ";; esac
done
printf '%s|%s|%s\n' "$host" "$PGCONNECT_TIMEOUT" "$statements" >>"$FAKES/psql.log"
[ ! -e "$FAKES/$host.hangs" ] || sleep 20
case $statements in
  *pg_promote*) file=sql_promote;;
  *slot*) exit 0;;
  *wal*) file=sql_wal;;
  *) file=sql_role;;
esac
[ -e "$FAKES/$host.$file" ] || { echo "no way to $host" >&2; exit 2; }
cat "$FAKES/$host.$file"
"""
# Answers by SSH come from the files H.wal (position, or nothing for "does not answer") and H.promote; those of the
# scripts that run there from H.ahead and H.tail.
FAKE_SSH = r"""#!/bin/bash
command=${*: -1}
for word; do case $word in postgres@*) host=${word#postgres@};; esac; done
printf '%s|%s\n' "$host" "$*" >>"$FAKES/ssh.log"
case $* in
  *"bash -s"*)
    script=$(sed '/^exit$/q')
    printf '%s|%s\n' "$host" "${script%%$'\n'*}" >>"$FAKES/asked.log"
    case $script in
      *"wal_ahead POSITION"*) cat "$FAKES/$host.ahead" 2>/dev/null; exit;;
      *) [ ! -e "$FAKES/$host.lost" ] || exit 255; cat "$FAKES/$host.tail"; exit;;
    esac;;
esac
case $command in
  *guard-state*) cat "$FAKES/$host.heard"; exit;;
  *pg_promote*|*pg_ctl*) [ -e "$FAKES/$host.promote" ] || exit 255; cat "$FAKES/$host.promote";;
  *pg_last_wal*) [ -e "$FAKES/$host.wal" ] || { echo "no route to $host" >&2; exit 255; }; cat "$FAKES/$host.wal";;
  *systemctl*) [ -e "$FAKES/$host.slow" ] && sleep 3; [ -e "$FAKES/$host.fence" ];;
esac
"""
# Whether a host answers on a port: only when the file ``reachable`` is there.
FAKE_TIMEOUT = r"""#!/bin/bash
[[ $* != *"</dev/tcp/"* ]] || { [ -e "$FAKES/reachable" ]; exit; }
exec /usr/bin/timeout "$@"
"""
FAKE_SUDO = '#!/bin/bash\nprintf "%s\\n" "$*" >>"$FAKES/sudo.log"\n'
# The first answers of pgpool are the lines of the file pcp.says, without success.
FAKE_PCP = r"""#!/bin/bash
printf "%s\n" "$*" >>"$FAKES/pcp.log"
said=$(sed -n "$(wc -l <"$FAKES/pcp.log")p" "$FAKES/pcp.says" 2>/dev/null)
[ "$said" != hangs ] || sleep 3
[ -z "$said" ] || { echo "ERROR: $said" >&2; exit 1; }
"""
FAKE_TAKE_BACK = '#!/bin/bash\nprintf "%s\\n" "$*" >>"$FAKES/take_back.log"\n'
FAKE_SENDMAIL = '#!/bin/bash\ncat >"$FAKES/mail.tmp"; mv "$FAKES/mail.tmp" "$FAKES/mail"\n'


class Stage:
    """A pgpool host with a cluster of three around it."""

    def __init__(self, folder, **more):
        self.folder = folder
        fakes = {
            "psql": FAKE_PSQL, "ssh": FAKE_SSH, "sudo": FAKE_SUDO, "sendmail": FAKE_SENDMAIL, "timeout": FAKE_TIMEOUT,
            "pcp_promote_node": FAKE_PCP,
        }  # fmt: skip
        for name, text in fakes.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        places = {
            "pgpool_state_directory": str(folder),
            "__pgpool_state_of_ours": str(folder),
            "__pgpool_events": str(folder),
            "pgpool_config_directory": str(folder),
            "__pgpool_pid_file": str(folder / "pgpool.pid"),
        }
        self.script = folder / "failover.sh"
        for name in ("failover.sh", "wal_ahead.sh", "take_wal_tail.sh"):
            (folder / name).write_text(render("pgpool", f"{name}.j2", cluster(3, 2, **{**places, **more})))
        self.script.chmod(0o755)

    def file(self, name, text=""):
        (self.folder / name).write_text(text)

    def text(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def words(self, failed=0, new_main=1, old_primary=0):
        words = [failed, f"10.1.7.{106 + failed}", 5432, "/d", new_main, "x", 0, old_primary, 5432, "/d", "y", 5432]
        return [str(word) for word in words]

    def environment(self, **more):
        return {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "FAKES": str(self.folder), **more}

    def run(self, failed=0, new_main=1, old_primary=0, **more):
        argv = ["bash", str(self.script), *self.words(failed, new_main, old_primary)]
        options = {"env": self.environment(**more), "capture_output": True, "text": True}
        return subprocess.run(argv, check=False, timeout=30, **options)

    def events(self):
        return [json.loads(line) for line in self.text("failover.jsonl").splitlines()]

    def eventually(self, name, text, seconds=5):
        deadline = time.monotonic() + seconds
        while text not in self.text(name) and time.monotonic() < deadline:
            time.sleep(0.02)
        return text in self.text(name)


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


PROMOTED = "t\nf\n"
PROMOTE_ANYWAY = "have a standby promoted all the same: ansible-playbook failover_primary.yml -l postgres-db1"


def test_the_standby_with_the_most_wal_is_promoted(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.108.wal", "300\n")
    stage.file("10.1.7.108.promote", PROMOTED)
    done = stage.run()
    (event,) = [event for event in stage.events() if event["event"] == "failover"]
    assert (done.returncode, event["result"]) == (0, "promoted")
    assert (event["new_primary_id"], event["new_primary_host"]) == (2, "10.1.7.108")
    assert event["candidates"] == {"1": 200, "2": 300}
    assert event["schema"] == 1
    assert 0 <= event["seconds"] < 20
    assert not any("10.1.7.107" in line and "pg_promote" in line for line in stage.text("ssh.log").splitlines())


def test_sql_comes_before_ssh(stage):
    stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
    stage.file("10.1.7.108.sql_wal", "300|0/12C|16777216\n")
    stage.file("10.1.7.108.sql_promote", PROMOTED)
    assert stage.run().returncode == 0
    event = stage.events()[0]
    assert (event["result"], event["new_primary_id"], event["by"]) == ("promoted", 2, "sql")
    assert event["candidates"] == {"1": 200, "2": 300}
    assert "pg_promote" not in stage.text("ssh.log")
    assert all(line.split("|")[1] == "2" for line in stage.text("psql.log").splitlines())


def test_ssh_goes_on_where_sql_ends(stage):
    stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    assert stage.run().returncode == 0
    assert (stage.events()[0]["result"], stage.events()[0]["by"]) == ("promoted", "ssh")
    assert "no way to" not in stage.events()[0]["message"]


def test_a_promotion_that_sql_leaves_in_doubt_is_asked_again_by_ssh(stage):
    stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
    stage.file("10.1.7.107.sql_promote", "f\nt\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    assert stage.run().returncode == 0
    assert stage.events()[0]["by"] == "ssh"


def test_the_other_standbys_get_their_slots_on_the_new_primary(stage):
    stage.file("10.1.7.107.sql_wal", "400|0/190|16777216\n")
    stage.file("10.1.7.108.sql_wal", "300|0/12C|16777216\n")
    stage.file("10.1.7.107.sql_promote", PROMOTED)
    stage.run()
    assert stage.eventually("psql.log", "pg_create_physical_replication_slot('pgops_2', true)")
    lines = [line for line in stage.text("psql.log").splitlines() if "slot" in line]
    assert [line.split("|")[0] for line in lines] == ["10.1.7.107"]
    assert "pgops_0" not in lines[0], "the failed one gets its slot when it is recovered"


class TestTheLag:
    """The standby that would be promoted lacks WAL of the dead primary, as the guards have heard of it."""

    @pytest.fixture
    def behind(self, stage):
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        stage.file("10.1.7.108.sql_wal", "100|0/64|16777216\n")
        return stage

    def heard(self, stage, position, host="postgres-db1", by="10.1.7.107"):
        stage.file(f"{by}.heard", f"{host} {position}\n")

    def test_too_much_promotes_nobody_and_says_how_to(self, behind):
        self.heard(behind, 200 + 64 * 1024 * 1024 + 1)
        assert behind.run().returncode == 4
        (event,) = behind.events()
        assert (event["result"], event["lag"]) == ("too_far_behind", 64 * 1024 * 1024 + 1)
        assert (event["new_primary_id"], event["new_primary_host"]) == (None, None)
        command = f"runuser -u postgres -- env PGOPS_ACCEPT_LOSS=yes {behind.script} 0 10.1.7.106 5432 /d 1"
        assert command in event["message"]
        assert "pg_promote" not in behind.text("psql.log")
        assert behind.eventually("mail", "too_far_behind")

    def test_a_person_may_give_it_up_and_pgpool_is_told(self, behind):
        self.heard(behind, 10**9)
        assert behind.run(PGOPS_ACCEPT_LOSS="yes").returncode == 0
        assert (behind.events()[0]["result"], behind.events()[0]["lag"]) == ("promoted", 10**9 - 200)
        assert behind.text("pcp.log") == "-h localhost -p 9898 -U pgpoolad -w -n 1\n"

    def test_a_person_may_have_it_run_within_the_limit_and_pgpool_is_told(self, behind):
        assert behind.run(PGOPS_BY_HAND="yes", PGOPS_ACCEPT_LOSS="no").returncode == 0
        assert behind.text("pcp.log") == "-h localhost -p 9898 -U pgpoolad -w -n 1\n"

    def test_a_pgpool_that_has_just_started_is_told_again(self, behind):
        behind.file("pcp.says", "connection refused\nconnection refused\n")
        assert "pgpool was told: done" in behind.run(PGOPS_BY_HAND="yes").stdout
        assert behind.text("pcp.log").count("-n 1\n") == 3

    def test_a_pgpool_that_knows_it_already_is_not_told_again(self, behind):
        behind.file("pcp.says", "node is already primary node\n" * 9)
        assert "pgpool was told: " in behind.run(PGOPS_BY_HAND="yes").stdout
        assert behind.text("pcp.log").count("\n") == 1

    def test_a_pgpool_that_cannot_be_told_is_an_event_with_the_command(self, behind):
        behind.file("pcp.says", "connection refused\n" * 99)
        behind.script.write_text(behind.script.read_text().replace("tell_within=40", "tell_within=1"))
        assert behind.run(PGOPS_BY_HAND="yes").returncode == 0
        (event,) = [event for event in behind.events() if event["event"] == "told"]
        assert (event["result"], event["failed_id"]) == ("not_told", 0)
        assert "connection refused" in event["message"]
        assert event["message"].endswith("as postgres there: pcp_promote_node -h localhost -p 9898 -U pgpoolad -w -n 1")

    def test_slots_and_fence_do_not_wait_for_a_pgpool_that_hangs(self, behind):
        behind.file("pcp.says", "hangs\n")
        words = ["bash", str(behind.script), *behind.words()]
        with subprocess.Popen(words, env=behind.environment(PGOPS_BY_HAND="yes"), stdout=subprocess.DEVNULL) as process:
            assert behind.eventually("psql.log", "'pgops_2'") and behind.eventually("ssh.log", "systemctl")
            assert process.poll() is None and behind.text("pcp.log").count("\n") <= 1
        assert 'told=$(timeout -k 1 10 "${words[@]}"' in behind.script.read_text()

    def test_a_person_who_does_not_give_it_up_gets_nothing(self, behind):
        self.heard(behind, 10**9)
        assert behind.run(PGOPS_BY_HAND="yes", PGOPS_ACCEPT_LOSS="no").returncode == 4
        assert behind.text("pcp.log") == ""

    @pytest.mark.parametrize(
        ("position", "host", "lag"),
        [
            (64 * 1024 * 1024, "postgres-db1", 64 * 1024 * 1024 - 200),
            (150, "postgres-db1", 0),
            (10**9, "postgres-db3", None),
        ],
    )
    def test_within_the_limit_or_of_another_primary_it_is_promoted(self, behind, position, host, lag):
        self.heard(behind, position, host)
        assert behind.run().returncode == 0
        assert (behind.events()[0]["result"], behind.events()[0]["lag"]) == ("promoted", lag)
        assert behind.text("pcp.log") == ""

    def test_the_furthest_that_anybody_heard_of_counts(self, behind):
        self.heard(behind, 300)
        self.heard(behind, 10**9, by="10.1.7.108")
        assert behind.run().returncode == 4

    def test_nobody_knows(self, behind):
        behind.file("10.1.7.107.heard", "no such file\n")
        assert behind.run().returncode == 0
        assert behind.events()[0]["lag"] is None

    def test_what_was_left_behind_and_taken_is_not_lacking(self, behind):
        self.heard(behind, 10**9)
        behind.file("reachable")
        behind.file("10.1.7.106.ahead", "")
        assert behind.run().returncode == 0
        assert behind.events()[0]["lag"] == 0

    def test_no_limit(self, tmp_path):
        stage = Stage(tmp_path, pgops_failover_max_lag="none")
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        self.heard(stage, 10**12)
        assert stage.run().returncode == 0


class TestSynchronous:
    """Only a standby that provably has every acknowledged commit is promoted. Backend 2 is up and does not answer."""

    BOTH = "10.1.7.108.sql_wal", "100|0/64|16777216\n"

    def stage(self, folder, mode):
        stage = Stage(folder, pgops_synchronous=mode)
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        return stage

    def heard(self, stage, waits, ago=2, host="postgres-db1", by="10.1.7.107"):
        stage.file(f"{by}.heard", f"{host} 200 {waits} {int(time.time()) - ago}\n")

    def refused(self, stage, words):
        done, (event,) = stage.run(), stage.events()
        assert (done.returncode, event["result"], words in event["message"]) == (5, "may_lack_commits", True), event
        assert "pg_promote" not in stage.text("psql.log") + stage.text("ssh.log")
        assert f"env PGOPS_ACCEPT_LOSS=yes {stage.script} 0 10.1.7.106 5432 /d 1" in event["message"]
        assert stage.eventually("mail", "may_lack_commits")

    @pytest.mark.parametrize("mode", ["block", True, "fallback"])
    def test_one_that_does_not_answer_may_have_them(self, tmp_path, mode):
        stage = self.stage(tmp_path, mode)
        self.heard(stage, True)
        self.refused(stage, "backend 2 (10.1.7.108) does not answer")

    @pytest.mark.parametrize("mode", ["off", False])
    def test_without_synchronous_mode_it_is_passed_over(self, tmp_path, mode):
        assert self.stage(tmp_path, mode).run().returncode == 0

    def test_a_person_may_give_them_up(self, tmp_path):
        stage = self.stage(tmp_path, "block")
        assert stage.run(PGOPS_ACCEPT_LOSS="yes").returncode == 0
        assert stage.events()[0]["result"] == "promoted" and stage.text("pcp.log")

    def test_what_was_left_behind_and_taken_proves_it(self, tmp_path):
        stage = self.stage(tmp_path, "fallback")
        stage.file("reachable")
        stage.file("10.1.7.106.ahead", "")
        assert stage.run().returncode == 0

    def test_all_answer(self, tmp_path):
        stage = self.stage(tmp_path, "block")
        stage.file(*self.BOTH)
        assert stage.run().returncode == 0

    def test_one_that_is_out_of_the_pool_and_gone_has_not_acknowledged(self, tmp_path):
        stage = self.stage(tmp_path, "block")
        stage.file("pgpool_status", "up\nup\ndown\n")
        assert stage.run().returncode == 0
        assert "10.1.7.108" not in stage.text("ssh.log").replace("guard-state", "")

    def test_one_that_is_out_of_the_pool_and_ahead_has_them(self, tmp_path):
        stage = self.stage(tmp_path, "block")
        stage.file("pgpool_status", "up\nup\ndown\n")
        stage.file("10.1.7.108.sql_wal", "300|0/12C|16777216\n")
        self.refused(stage, "backend 2 (10.1.7.108), which is out of the pool, has more WAL")

    def test_fallback_was_not_in_effect(self, tmp_path):
        stage = self.stage(tmp_path, "fallback")
        stage.file(*self.BOTH)
        self.heard(stage, True)
        assert stage.run().returncode == 0
        assert "pg_promote" in stage.text("psql.log")

    @pytest.mark.parametrize(
        ("waits", "ago", "host", "words"),
        [
            (False, 2, "postgres-db1", "waited for no standby, or for one that lacked those before"),
            (None, 2, "postgres-db1", "waited for no standby"),
            (True, 60, "postgres-db1", "nobody has heard of postgres-db1 lately"),
            (True, 2, "postgres-db3", "nobody has heard of postgres-db1 lately"),
        ],
    )
    def test_fallback_was_in_effect_or_nobody_knows(self, tmp_path, waits, ago, host, words):
        stage = self.stage(tmp_path, "fallback")
        stage.file(*self.BOTH)
        self.heard(stage, waits, ago, host)
        self.refused(stage, words)

    def test_a_cautious_profile_waits_longer_before_it_knows_nothing(self, tmp_path):
        stage = Stage(tmp_path, pgops_synchronous="fallback", pgops_timing_profile="conservative")
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        stage.file(*self.BOTH)
        self.heard(stage, True, ago=160)
        assert stage.run().returncode == 0

    @pytest.mark.parametrize(("first", "second", "status"), [((False, 9), (True, 2), 0), ((True, 9), (False, 2), 5)])
    def test_who_has_heard_of_it_last_knows(self, tmp_path, first, second, status):
        stage = self.stage(tmp_path, "fallback")
        stage.file(*self.BOTH)
        self.heard(stage, *first)
        self.heard(stage, *second, by="10.1.7.108")
        assert stage.run().returncode == status

    def test_the_guard_writes_what_is_read(self, tmp_path):
        """The line that runs on a database host, with a file as the guard writes it."""
        from .guard_package import memory, seen, tell

        told = tmp_path / "guard-state.json"
        heard = memory.Heard("postgres-db1", 1, 200, tell.utc(), True)
        look = seen.Look("postgres-db2", 1, seen.Own("standby"))
        tell.save(str(told), tell.running_state(look, seen.Decision("go_on", ""), heard))
        stage = self.stage(tmp_path, "fallback")
        command = stage.script.read_text().split("\"python3 -c '")[1].split("'\"\n")[0]
        command = command.replace("\\\n", "").replace('\\"', '"').replace("/run/pgops/guard-state.json", str(told))
        done = subprocess.run(["python3", "-c", command], capture_output=True, text=True, check=True)
        host, position, waits, at = done.stdout.split()
        assert (host, position, waits) == ("postgres-db1", "200", "True") and abs(int(at) - time.time()) < 30


class TestTheTail:
    """What the dead server wrote and the standby has not: looked for on its host, taken by the standby."""

    @pytest.fixture
    def reachable(self, stage):
        stage.file("reachable")
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        stage.file("pgpool_status", "down\nup\ndown\n")
        return stage

    def told(self, stage):
        assert stage.run().returncode == 0
        return stage.events()[0]["wal_tail"]

    def test_a_host_that_does_not_answer_is_not_waited_for(self, stage):
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        assert self.told(stage) == "the failed host does not answer"
        assert stage.text("asked.log").removeprefix("10.1.7.106|").strip() == ""

    def test_nothing_was_left_behind(self, reachable):
        reachable.file("10.1.7.106.ahead", "")
        assert self.told(reachable) == "nothing was left behind: the standby has it all up to 0/C8"
        (line,) = reachable.text("asked.log").splitlines()
        assert line == "10.1.7.106|set -- 0/C8 16777216 /var/lib/postgresql/15/main /usr/lib/postgresql/15/bin"
        assert "guard-state" not in reachable.text("ssh.log")  # what the guards have heard can't tell more

    def test_the_server_still_runs(self, reachable):
        assert self.told(reachable) == "the failed server still runs, or its WAL cannot be read"

    def test_the_standby_takes_it(self, reachable):
        reachable.file("10.1.7.106.ahead", "00000001 0/300 54\n")
        reachable.file("10.1.7.107.tail", "taken: WAL\n")
        assert self.told(reachable) == "taken: WAL"
        line = [line for line in reachable.text("ssh.log").splitlines() if "bash -s" in line][1]
        assert line.startswith("10.1.7.107|")
        assert line.endswith("/usr/lib/postgresql/15/bin 5432 00000001\\ 0/300\\ 54  || exit 3")
        assert reachable.events()[0]["lag"] == 0

    def test_a_part_of_it_proves_nothing(self, reachable):
        reachable.file("10.1.7.106.ahead", "00000001 0/300 54\n")
        reachable.file("10.1.7.107.tail", "taken in part: WAL\n")
        reachable.file("10.1.7.107.heard", "postgres-db1 10200\n")
        assert self.told(reachable) == "taken in part: WAL"
        assert reachable.events()[0]["lag"] == 10000

    def test_wal_that_cannot_be_read_proves_nothing(self, reachable):
        reachable.file("10.1.7.107.heard", "postgres-db1 10200\n")
        assert self.told(reachable) == "the failed server still runs, or its WAL cannot be read"
        assert reachable.events()[0]["lag"] == 10000

    def test_nobody_writes_into_the_wal_of_a_server_that_is_promoted(self, reachable):
        """Our connection to the standby ended, and what it was doing there may go on for a while."""
        reachable.file("10.1.7.106.ahead", "00000001 0/300 54\n")
        reachable.file("10.1.7.107.lost")
        began = time.monotonic()
        assert self.told(reachable) == "no answer in time"
        assert time.monotonic() - began > 2.5 + 0.3


def test_a_standby_that_pgpool_holds_for_down_is_not_asked(stage):
    stage.file("pgpool_status", "down\nup\ndown\n")
    stage.file("10.1.7.107.wal", "300|0/12C|16777216\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.file("10.1.7.108.wal", "900\n")
    assert stage.run().returncode == 0
    assert stage.events()[0]["new_primary_id"] == 1
    assert stage.events()[0]["candidates"] == {"1": 300}
    assert "pg_last_wal_receive_lsn" in stage.text("ssh.log")
    assert "postgres@10.1.7.108" not in stage.text("ssh.log")


def test_a_standby_that_does_not_answer_is_passed_over(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run()
    assert stage.events()[0]["candidates"] == {"1": 200, "2": None}
    assert stage.events()[0]["new_primary_id"] == 1


def test_nobody_answers(stage):
    done = stage.run()
    assert done.returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"
    assert "no route to 10.1.7.107; no route to 10.1.7.108" in stage.events()[0]["message"].replace(";no", "; no")
    assert PROMOTE_ANYWAY in stage.events()[0]["message"]
    assert "systemctl" not in stage.text("ssh.log")


@pytest.mark.parametrize("found", ["", "200|0/C8|16777216\n"])
def test_where_nobody_is_promoted_the_old_primary_is_looked_after(stage, found):
    """No standby answers, or the one that did is gone when it is to be promoted."""
    stage.file("take_back.sh", FAKE_TAKE_BACK)
    (stage.folder / "take_back.sh").chmod(0o755)
    if found:
        stage.file("10.1.7.107.sql_wal", found)
    assert stage.run().returncode in (1, 2)
    assert stage.events()[0]["result"] == ("promotion_failed" if found else "no_candidate")
    assert stage.eventually("take_back.log", "0\n")


def test_after_a_promotion_it_is_not(stage):
    stage.file("take_back.sh", FAKE_TAKE_BACK)
    (stage.folder / "take_back.sh").chmod(0o755)
    stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
    stage.file("10.1.7.107.sql_promote", PROMOTED)
    assert stage.run().returncode == 0
    assert stage.run(failed=1, new_main=0, old_primary=0).returncode == 0
    assert stage.text("take_back.log") == ""


class TestAFalseAlarm:
    """Before Pgpool-II 4.3 one session that an administrator ended makes pgpool take its server out."""

    def alarmed(self, folder, version, role="f\n"):
        stage = Stage(folder, __pgpool_version=version)
        stage.file("take_back.sh", FAKE_TAKE_BACK)
        (stage.folder / "take_back.sh").chmod(0o755)
        stage.file("10.1.7.107.sql_wal", "200|0/C8|16777216\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        if role:
            stage.file("10.1.7.106.sql_role", role)
        return stage

    @pytest.mark.parametrize("version", ["4.1.4", "4.2.22"])
    def test_nobody_is_promoted_beside_a_primary_that_is_well(self, tmp_path, version):
        stage = self.alarmed(tmp_path, version)
        assert stage.run().returncode == 0
        (event,) = stage.events()
        assert (event["result"], event["new_primary_id"]) == ("false_alarm", None)
        assert f"runuser -u postgres -- env PGOPS_ACCEPT_LOSS=yes {stage.script} 0" in event["message"]
        assert "pg_promote" not in stage.text("psql.log")
        assert stage.eventually("take_back.log", "0\n")
        assert stage.text("failover_begun") == ""

    @pytest.mark.parametrize("role", [None, "t\n"])
    def test_a_server_that_does_not_answer_as_a_primary_is_replaced(self, tmp_path, role):
        stage = self.alarmed(tmp_path, "4.1.4", role)
        assert stage.run().returncode == 0
        assert stage.events()[0]["result"] == "promoted"

    def test_a_person_can_have_the_standby_promoted_all_the_same(self, tmp_path):
        stage = self.alarmed(tmp_path, "4.1.4")
        assert stage.run(PGOPS_ACCEPT_LOSS="yes").returncode == 0
        assert stage.events()[0]["result"] == "promoted"

    def test_later_versions_raise_no_such_alarm(self, tmp_path):
        stage = self.alarmed(tmp_path, "4.3.5")
        assert stage.run().returncode == 0
        assert stage.events()[0]["result"] == "promoted"


def test_the_failure_of_a_standby_promotes_nobody(stage):
    done = stage.run(failed=1, new_main=0, old_primary=0)
    assert done.returncode == 0
    assert stage.events()[0]["result"] == "nothing_to_do"
    assert "psql" not in stage.text("ssh.log")
    assert not stage.text("mail")


def test_no_backend_left(stage):
    assert stage.run(new_main=-1).returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"
    assert PROMOTE_ANYWAY in stage.events()[0]["message"]
    assert "psql" not in stage.text("ssh.log")


def test_all_others_are_down_in_the_status_file(stage):
    stage.file("pgpool_status", "down\ndown\nunused\n")
    assert stage.run().returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"
    assert PROMOTE_ANYWAY in stage.events()[0]["message"]


def test_without_room_for_a_file_somebody_is_told(tmp_path):
    stage = Stage(tmp_path, __pgpool_pid_file="/nowhere/pgpool.pid")
    stage.file("take_back.sh", FAKE_TAKE_BACK)
    (stage.folder / "take_back.sh").chmod(0o755)
    stage.file("10.1.7.107.wal", "200\n")
    assert stage.run(TMPDIR="/nowhere").returncode == 2
    (event,) = stage.events()
    assert (event["result"], event["new_primary_id"]) == ("no_room", None)
    assert "no room for a file in /nowhere" in event["message"] and PROMOTE_ANYWAY in event["message"]
    assert stage.eventually("mail", "no_room") and stage.eventually("take_back.log", "0\n")


def test_a_full_disk_is_no_reason_to_promote_nobody(stage):
    """Answers are noted in memory, beside pgpool's pid file."""
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    assert stage.run(TMPDIR="/nowhere").returncode == 0
    assert stage.events()[0]["result"] == "promoted"
    assert not list(stage.folder.glob("failover.??????"))


def test_paused(stage):
    stage.file("paused")
    stage.file("10.1.7.107.wal", "200\n")
    assert stage.run().returncode == 3
    assert stage.events()[0]["result"] == "paused"
    assert PROMOTE_ANYWAY in stage.events()[0]["message"]
    assert "psql" not in stage.text("ssh.log")


class TestCutOff:
    """Pgpool ends in the middle of a failover, and systemd ends this script with it."""

    @pytest.fixture
    def cut_off(self, stage):
        """It was killed while a standby did not answer."""
        stage.file("10.1.7.107.hangs")
        argv = ["bash", str(stage.script), *stage.words()]
        process = subprocess.Popen(argv, env=stage.environment(), start_new_session=True)
        assert stage.eventually("failover_begun", "10.1.7.106")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert stage.events() == []
        (stage.folder / "10.1.7.107.hangs").unlink()
        return stage

    def resume(self, stage):
        argv = ["bash", str(stage.script), "--resume"]
        done = subprocess.run(argv, env=stage.environment(), capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr

    def test_the_next_pgpool_takes_it_up_and_is_told(self, cut_off):
        cut_off.file("10.1.7.107.sql_wal", "300|0/12C|16\n")
        cut_off.file("10.1.7.107.sql_promote", PROMOTED)
        self.resume(cut_off)
        assert cut_off.eventually("pcp.log", "-n 1")
        event = cut_off.events()[0]
        assert (event["result"], event["failed_id"], event["new_primary_id"]) == ("promoted", 0, 1)
        assert cut_off.text("failover_begun") == ""

    def test_nobody_is_promoted_beside_a_server_that_is_back(self, cut_off):
        cut_off.file("10.1.7.106.sql_role", "f\n")
        cut_off.file("10.1.7.107.sql_wal", "300|0/12C|16\n")
        self.resume(cut_off)
        assert cut_off.eventually("failover.jsonl", "nothing_to_do")
        assert "pg_promote" not in cut_off.text("psql.log")

    def test_after_a_while_it_is_history(self, cut_off):
        os.utime(cut_off.folder / "failover_begun", (time.time() - 601,) * 2)
        self.resume(cut_off)
        assert cut_off.events() == []

    @pytest.mark.parametrize("promoted", [PROMOTED, "t\n"])
    def test_one_that_came_to_its_end_is_not_taken_up(self, stage, promoted):
        stage.file("10.1.7.107.sql_wal", "300|0/12C|16\n")
        stage.file("10.1.7.107.sql_promote", promoted)
        stage.run()
        self.resume(stage)
        assert len([event for event in stage.events() if event["event"] == "failover"]) == 1
        assert not (stage.folder / "failover_begun").exists()


class TestASwitch:
    """switch_primary.yml promotes; failover.sh only waits for it."""

    def test_it_is_waited_for_and_the_other_standbys_get_their_slots(self, stage):
        stage.file("switch", "0 to 2 60 300\n")
        stage.file("10.1.7.108.sql_role", "t\n")
        stage.file("10.1.7.107.sql_wal", "300|0/12C|16\n")
        waiting = threading.Timer(0.5, stage.file, ("10.1.7.108.sql_role", "f\n"))
        waiting.start()
        assert stage.run().returncode == 0
        event = stage.events()[0]
        assert (event["result"], event["new_primary_id"], event["new_primary_host"]) == ("switched", 2, "10.1.7.108")
        assert event["seconds"] > 0.4
        assert stage.eventually("psql.log", "'pgops_1'")
        assert "pg_promote" not in stage.text("psql.log") + stage.text("ssh.log")
        assert "systemctl" not in stage.text("ssh.log")

    def test_one_that_was_given_up_promotes_nobody(self, stage):
        stage.file("switch", "0 to 1\n")
        stage.file("10.1.7.107.sql_role", "t\n")
        stage.file("10.1.7.107.sql_wal", "300|0/12C|16\n")
        giving_up = threading.Timer(0.5, stage.file, ("switch", "0 given up\n"))
        giving_up.start()
        assert stage.run().returncode == 0
        assert [event["result"] for event in stage.events()] == ["given_up"]
        assert "pg_promote" not in stage.text("psql.log") + stage.text("ssh.log")

    @pytest.mark.parametrize("note", ["0 to 1 2 300\n", "0 to 1 60 300\n"])
    def test_one_that_does_not_come_to_its_end_is_not_waited_for_longer_than_it_may_take(self, stage, note):
        stage.file("switch", note)
        stage.file("10.1.7.107.sql_role", "t\n")
        if "60" in note:  # or when its note goes
            threading.Timer(1, os.unlink, (stage.folder / "switch",)).start()
        began = time.monotonic()
        self.assert_an_ordinary_failover(stage)
        assert 0.5 < time.monotonic() - began < 15

    @pytest.mark.parametrize("note", ["1 to 2\n", "0 to 7\n", "", "1 given up\n"])
    def test_one_of_others_does_not_matter(self, stage, note):
        stage.file("switch", note)
        self.assert_an_ordinary_failover(stage)

    @pytest.mark.parametrize("note", ["0 to 1\n", "0 given up\n", "0 to 1 60 300\n"])
    def test_an_old_note_of_a_killed_run_does_not_matter(self, stage, note):
        stage.file("switch", note)
        os.utime(stage.folder / "switch", (time.time() - 301,) * 2)
        self.assert_an_ordinary_failover(stage)

    def assert_an_ordinary_failover(self, stage):
        stage.file("10.1.7.107.sql_wal", "300|0/12C|16\n")
        stage.file("10.1.7.107.sql_promote", PROMOTED)
        assert stage.run().returncode == 0
        assert stage.events()[0]["result"] == "promoted"


def test_an_unknown_primary_counts_as_lost(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run(failed=2, old_primary=-1)
    assert stage.events()[0]["result"] == "promoted"


@pytest.mark.parametrize("status", ["", "down\nup\ndown\n"])
def test_somebody_else_has_promoted(stage, status):
    stage.file("pgpool_status", status)
    stage.file("10.1.7.107.wal", "-1\n")
    assert stage.run().returncode == 0
    assert [event["result"] for event in stage.events()] == ["already_promoted"]
    assert "systemctl" not in stage.text("ssh.log")


@pytest.mark.parametrize("answer", ["f\nt\n", "t\n", "", None])
def test_a_promotion_that_is_not_confirmed_is_a_failure_and_nobody_is_fenced(stage, answer):
    stage.file("10.1.7.107.wal", "300\n")
    if answer is not None:
        stage.file("10.1.7.107.promote", answer)
    assert stage.run().returncode == 2
    event = stage.events()[0]
    assert (event["result"], event["new_primary_id"], event["new_primary_host"]) == ("promotion_failed", None, None)
    assert event["message"].endswith("Next: see who is one: ansible-playbook check_cluster.yml")
    assert "systemctl" not in stage.text("ssh.log")


def test_the_old_primary_is_fenced_without_anybody_waiting(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.file("10.1.7.106.fence")
    stage.file("10.1.7.106.slow")
    began = time.monotonic()
    stage.run()
    assert time.monotonic() - began < 3
    assert stage.eventually("failover.jsonl", '"fenced"')
    assert "sudo -n /bin/systemctl kill -s SIGKILL postgresql@15-main.service" in stage.text("ssh.log")


def test_an_old_primary_that_cannot_be_reached_is_said(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run()
    assert stage.eventually("failover.jsonl", '"not_reached"')
    assert [event["event"] for event in stage.events()] == ["failover", "fence"]


@pytest.mark.parametrize("failed, old_primary", [(0, 0), (1, 0)])
def test_connections_to_the_failed_node_are_cut_here_and_on_the_other_pgpools(stage, failed, old_primary):
    cut = f"-n /bin/ss -K -t state connected dst 10.1.7.{106 + failed} dport = 5432"
    stage.run(failed=failed, old_primary=old_primary)
    assert stage.eventually("sudo.log", cut)
    assert stage.eventually("ssh.log", f"postgres@10.1.7.105 sudo {cut}")


# Sleeps as the replication check does after an error, and notes whether that was cut short.
WORKER = """
import os, select, signal, sys, time
signal.signal(signal.SIGHUP, lambda *_: sys.exit(0))
print("ready", flush=True)
{before}
time.sleep(20)
"""


@pytest.fixture
def worker(stage):
    """Start a child of "pgpool", which is this process, with a title."""
    started = []

    def start(title, before=""):
        words = ["bash", "-c", 'exec -a "$0" "$@"', title, sys.executable, "-c", WORKER.format(before=before)]
        one = subprocess.Popen(words, stdout=subprocess.PIPE)
        started.append(one)
        assert one.stdout.readline() == b"ready\n"
        return one

    stage.file("pgpool.pid", f"{os.getpid()}\0")  # as pgpool writes it
    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize("failed, old_primary", [(0, 0), (1, 0)])
def test_a_replication_check_that_sleeps_with_the_lock_of_the_failover_is_woken(stage, worker, failed, old_primary):
    check, other = worker("pgpool: worker process"), worker("pgpool: health check process(0)")
    stage.run(failed=failed, old_primary=old_primary)
    assert check.wait(5) == 0
    assert other.poll() is None


def test_it_is_not_woken_in_the_middle_of_its_look_but_right_after_it(stage, worker):
    """Else it would only begin to wait anew."""
    events = stage.folder / "failover.jsonl"
    check = worker("pgpool: worker process", f"""
while not os.path.exists({str(events)!r}):
    select.select([], [], [], 0.05)
until = time.monotonic() + 0.5
while time.monotonic() < until:
    select.select([], [], [], 0.05)
print("looked", flush=True)
""")  # fmt: skip
    stage.run()
    assert check.wait(5) == 0
    assert check.stdout.read() == b"looked\n"


def test_a_pgpool_without_a_replication_check_is_none_of_its_business(stage, worker):
    assert stage.run().returncode == 1
    assert "pgpool.pid" not in stage.run().stderr


def test_root_gets_a_mail(stage):
    stage.run()
    assert stage.eventually("mail", "Events:")
    assert stage.text("mail").startswith("To: root\nSubject: pgpool failover on ")
    assert "no_candidate" in stage.text("mail")


def test_root_gets_a_mail_by_mail_where_there_is_no_sendmail(stage):
    (stage.folder / "sendmail").unlink()
    stage.file("mail.txt")
    program = stage.folder / "bin" / "mail"
    program.parent.mkdir()
    program.write_text('#!/bin/bash\n{ echo "$*"; cat; } >"$FAKES/mail.tmp"; mv "$FAKES/mail.tmp" "$FAKES/mail.txt"\n')
    program.chmod(0o755)
    stage.script.write_text(stage.script.read_text().replace("PATH=$PATH:/usr/sbin:/usr/lib", "PATH=/nowhere"))
    stage.run(PATH=f"{stage.folder}:{program.parent}:/usr/bin:/bin")
    assert stage.eventually("mail.txt", "Events:")
    assert re.match(r"-s pgpool failover on .*: no_candidate root\nno standby answers", stage.text("mail.txt"))


def test_nobody_waits_for_a_mail_that_cannot_be_sent(stage):
    (stage.folder / "sendmail").unlink()
    text = stage.script.read_text().replace("PATH=$PATH:/usr/sbin:/usr/lib", "PATH=/nowhere")
    stage.script.write_text(text.replace("command -v mail)", "command -v no-mail)"))
    assert stage.run().returncode == 1
    assert stage.events()[0]["result"] == "no_candidate"


def test_host_keys_are_verified_and_every_remote_step_is_bounded(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", PROMOTED)
    stage.run()
    for line in stage.text("ssh.log").splitlines():
        assert "-o StrictHostKeyChecking=yes" in line
        assert "-o ConnectTimeout=2" in line
        assert "-o BatchMode=yes" in line
    body = stage.script.read_text()
    assert body.count('  timeout -k 1 "$1" ssh ') == body.count("ssh -n")
    assert body.count("  timeout -k 1 4 ssh -T ") == body.count("ssh -T")
    assert body.count('timeout -k 1 "$1" psql ') == body.count(" psql -XAtqw ")


def test_before_postgresql_12_pg_ctl_promotes(tmp_path):
    stage = Stage(tmp_path, pgops_postgresql_version="11")
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", "f\n")
    assert stage.run().returncode == 0
    promote = "/usr/lib/postgresql/11/bin/pg_ctl -D /var/lib/postgresql/11/main -s -w -t 10 promote"
    assert promote in stage.text("ssh.log")
    assert "pg_promote" not in stage.text("ssh.log")


def test_a_backend_that_was_added_later_is_an_event_too(stage):
    assert stage.run(failed=7).returncode == 1
    assert stage.events()[0]["result"] == "unknown_backend"


def test_words_from_servers_do_not_break_the_event(stage):
    stage.file("10.1.7.107.wal", "200\n")
    stage.file("10.1.7.107.promote", 'a "quoted" \\ text\twith\na second line\n')
    stage.run()
    assert '"quoted" \\ text with a second line' in stage.events()[0]["message"]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
@pytest.mark.parametrize(
    "template", ["failover.sh.j2", "record.sh.j2", "wal_ahead.sh.j2", "take_wal_tail.sh.j2", "take_back.sh.j2"]
)
def test_shellcheck_has_nothing_to_say(template):
    text = render("pgpool", template, cluster(3))
    done = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == ""

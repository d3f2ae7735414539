# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard's service: what it asks, ends, starts and leaves alone; psql and systemctl are stand-ins."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import types

import pytest

from .guard_package import CONTROL, FILES, Systemd, acts, here, host, main, program, reach, tell, watch
from .guard_package import seen as things
from .guard_package import systemd as units
from .rendering import cluster, value_of

US = "7000000000000000001"
PRIMARY = f"f|{US}|1|100||pgops_1|||"
STANDBY = f"t|{US}|1|90|stopping||||user=r passfile=/p host=10.1.7.99 port=5432"
NODES = "node_id|hostname|port|status|pg_status|lb_weight|role|pg_role|select_cnt|load_balance_node"
STARTS, WAITS = "start postgresql@15-main.service", "start pgops-guard-wait.service"
ENDS_WAIT = "stop pgops-guard-wait.service"

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a permit")


@pytest.fixture
def config(tmp_path):
    found = host(tmp_path)
    program(found, "pg_controldata", f"cat <<'END'\n{CONTROL}END")
    return found


@pytest.fixture
def systemd(monkeypatch):
    fake = Systemd("failed")
    monkeypatch.setattr(units, "systemctl", fake)
    return fake


class Clock:
    """Moved by the test, so that nobody sleeps."""

    now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(watch, "clock", found)
    return found


@pytest.fixture
def postgres(config, tmp_path):
    """A process that looks like the server of the data directory."""
    program_file = tmp_path / "postgres"
    shutil.copy(shutil.which("sleep"), program_file)
    # A shell starts what runs in its background with SIGQUIT ignored, which is inherited; a handler is not.
    before = signal.signal(signal.SIGQUIT, signal.default_int_handler)
    process = subprocess.Popen([program_file, "60"])
    signal.signal(signal.SIGQUIT, before)
    pathlib.Path(config["data_directory"], "postmaster.pid").write_text(f"{process.pid}\n/data\n")
    yield process
    process.kill()
    process.wait()


def servers(config, *, own=PRIMARY, peer=f"t|{US}|1|90|f", nodes="", refused="Connection refused"):
    """What everybody answers; an empty answer is a refused connection. Who asked whom is in the file ``asked``."""
    said = config["state_file"] + ".said"
    for name, text in (("own", own), ("peer", peer), ("nodes", f"{NODES}\n{nodes}" if nodes else "")):
        pathlib.Path(f"{said}.{name}").write_text(text + "\n" if text else "")
    program(config, "psql", f"""case "$*" in
*POOL_NODES*) file={said}.nodes;;
*10.1.7.107*) file={said}.peer;;
*) file={said}.own;;
esac
echo "${{file##*.}} $*" >>{said}
[ -s $file ] || {{ echo 'psql: error: {refused}' >&2; exit 2; }}
cat $file""")  # fmt: skip


def asked(config):
    lines = pathlib.Path(config["state_file"] + ".said").read_text().splitlines()
    return [line.split()[0] for line in lines if line.startswith(("own ", "peer ", "nodes "))]


def state(config):
    return json.loads(pathlib.Path(config["running_file"]).read_text())


def events(config):
    path = pathlib.Path(config["events_file"])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def step(config, service=None):
    service = service or watch.Watch(config)
    return service, service.step(watch.clock())


def test_a_healthy_primary(config, systemd, postgres):
    servers(config)
    _service, pause = step(config)
    found = state(config)
    assert pause == watch.PERIOD
    assert (found["schema"], found["role"], found["timeline"], found["lsn"]) == (1, "primary", 1, 100)
    assert (found["decision"], found["code"], found["paused"], found["isolated_for"]) == ("go_on", "primary", False, 0)
    assert found["primary"]["host"] == "db1" and found["primary"]["lsn"] == 100
    assert stat.S_IMODE(os.stat(config["running_file"]).st_mode) == 0o644
    assert events(config) == [] and postgres.poll() is None


def test_a_standby_hears_the_primary_and_remembers_it(config, systemd, postgres):
    servers(config, own=STANDBY.replace("stopping", "streaming").replace(".99", ".107"), peer=f"f|{US}|1|120|f")
    service, _pause = step(config)
    servers(config, own=STANDBY.replace(".99", ".107"), peer="")
    step(config, service)
    step(config)  # another run of the service
    found = state(config)
    assert (found["role"], found["upstream"], found["streaming"]) == ("standby", "10.1.7.107:5432", False)
    assert (found["primary"]["host"], found["primary"]["lsn"], found["primary"]["timeline"]) == ("db2", 120, 1)


def test_no_connection_string_is_shown(config, systemd, postgres):
    servers(config, own=STANDBY + " password=secret")
    step(config)
    assert "secret" not in pathlib.Path(config["running_file"]).read_text()


def test_pgpools_are_asked_now_and_then_in_calm_and_each_time_in_trouble(config, systemd, postgres):
    servers(config, nodes="0|h0|5432|up|up|1|primary|primary|0|true\n1|h1|5432|up|up|1|standby|standby|0|false")
    service, _pause = step(config)
    for _again in range(3):
        step(config, service)
    assert asked(config).count("nodes") == 1
    service.pgpools_asked -= config["pgpool_every"]
    step(config, service)
    assert asked(config).count("nodes") == 2
    servers(config, peer="", nodes="0|h0|5432|up|up|1|primary|primary|0|true")
    for _again in range(3):
        step(config, service)
    assert asked(config).count("nodes") == 4


def test_commits_wait_for_nobody_when_all_pgpools_have_the_standby_down(config, systemd, postgres, tmp_path):
    config.update(synchronous="fallback", synchronous_file=str(tmp_path / "pgops_synchronous.conf"))
    nodes = "0|h0|5432|up|up|1|primary|primary|0|true\n1|h1|5432|down|up|1|standby|standby|0|false"
    servers(config, own=PRIMARY.replace("pgops_1||", "pgops_1:90:quorum||ANY 1 (pgops_1)"), nodes=nodes)
    service, _pause = step(config)
    assert state(config)["synchronous"]["state"] == "kept"
    for _again in range(2):
        service.pgpools_asked -= config["pgpool_every"] if not _again else 0
        step(config, service)
    assert state(config)["synchronous"] == {
        "mode": "fallback",
        "state": "suspended",
        "reason": "every standby is down on app1 (1 of 1 pgpools), and none acknowledges",
        "next_step": "",
    }
    assert [(one["event"], one["result"]) for one in events(config)] == [("synchronous", "suspended")]
    assert os.path.exists(config["synchronous_file"]) and asked(config).count("nodes") == 3


def test_an_old_primary_does_nothing_about_its_commits(config, systemd, postgres, tmp_path):
    config.update(synchronous="fallback", synchronous_file=str(tmp_path / "pgops_synchronous.conf"))
    own = PRIMARY.replace("pgops_1||", "||ANY 1 (pgops_1)")
    nodes = "0|h0|5432|up|up|1|primary|standby|0|true\n1|h1|5432|down|up|1|standby|primary|0|false"
    servers(config, own=own, peer=f"f|{US}|2|300|t", nodes=nodes)
    service = watch.Watch(config)
    for _again in range(3):
        step(config, service)
    assert not os.path.exists(config["synchronous_file"]) and postgres.wait(timeout=5) == -3


@pytest.mark.parametrize(
    ("peer", "level", "lines"),
    [
        (f"f|{US}|1|300|f", 4, 2),  # two primaries of one timeline
        (f"t|{US}|1|90|f", 6, 1),
    ],
)
def test_what_is_loud_is_a_warning_and_told_again_after_a_minute(
    config, systemd, postgres, clock, monkeypatch, capsys, peer, level, lines
):
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    servers(config, peer=peer)
    service = watch.Watch(config)
    for seconds in (0, 1, 58, 2):
        clock.now += seconds
        step(config, service)
    said = capsys.readouterr().out.splitlines()
    assert [line[:3] for line in said] == [f"<{level}>"] * lines


def test_a_newer_primary_ends_us_in_the_second_look(config, systemd, postgres):
    servers(config, peer=f"f|{US}|2|300|f")
    service, pause = step(config)
    assert pause == 0.0 and postgres.poll() is None
    step(config, service)
    assert postgres.wait(timeout=5) == -3  # SIGQUIT
    assert systemd.done[-2:] == ["stop postgresql@15-main.service", WAITS]
    assert "kill --kill-who=main --signal=SIGQUIT postgresql@15-main.service" in systemd.done
    fenced = json.loads(pathlib.Path(config["fenced_file"]).read_text())
    assert (fenced["code"], fenced["evidence"]["peers"][0]["timeline"]) == ("newer_primary", 2)
    assert stat.S_IMODE(os.stat(config["fenced_file"]).st_mode) == 0o640
    assert [(one["event"], one["result"]) for one in events(config)] == [("fence", "fenced")]
    assert events(config)[0]["seconds"] < 2 and "recover_standby.yml -l db1" in fenced["next_step"]


def test_pgpools_that_keep_silent_count_for_four_seconds_with_what_they_said_last(config, systemd, postgres, clock):
    """They had this host for the primary; a busy host keeps their answer back, while a peer has the newer timeline."""
    config["pgpools"].append({"name": "app2", "address": "10.1.7.105", "port": 5432})
    newer = f"f|{US}|2|300|f"
    servers(
        config, peer=newer, nodes="0|h0|5432|up|up|1|primary|primary|0|true\n1|h1|5432|up|up|1|standby|primary|0|false"
    )
    service, _pause = step(config)
    assert (state(config)["code"], "have this one" in state(config)["reason"]) == ("two_primaries", True)
    servers(config, peer=newer)  # the peer answers, no pgpool does
    for _second in range(4):
        clock.now += 1
        assert step(config, service)[1] == watch.PERIOD
        assert (state(config)["code"], "say nothing now" in state(config)["reason"]) == ("two_primaries", True)
    assert asked(config).count("nodes") == 2 * 5 and postgres.poll() is None
    clock.now += 0.5
    assert step(config, service)[1] == 0.0 and state(config)["code"] == "suspicion" and postgres.poll() is None
    step(config, service)
    assert postgres.wait(timeout=5) == -3 and [one["code"] for one in events(config)] == ["newer_primary"]


def test_one_that_ignores_the_signal_is_killed(config, systemd, tmp_path):
    stubborn = tmp_path / "postgres"
    shutil.copy(shutil.which("bash"), stubborn)
    process = subprocess.Popen([stubborn, "-c", "trap '' QUIT; echo ready; while :; do sleep 1; done"], stdout=-1)
    assert process.stdout.readline() == b"ready\n"
    pathlib.Path(config["data_directory"], "postmaster.pid").write_text(f"{process.pid}\n")
    how = units.end_server(config["unit"], config["data_directory"])
    assert process.wait(timeout=5) == -9 and "killed" in how
    assert "kill --signal=SIGKILL postgresql@15-main.service" in systemd.done
    process.stdout.close()


def test_one_that_survives_all_signals_is_told_with_what_to_do_and_tried_again(
    config, systemd, postgres, monkeypatch, capsys
):
    patience = Clock()
    monkeypatch.setattr(units, "time", types.SimpleNamespace(monotonic=patience, sleep=patience.sleep))
    monkeypatch.setattr(units, "_signal", lambda pid, number: None)
    servers(config, peer=f"f|{US}|2|300|f")
    service = watch.Watch(config)
    for _again in range(3):
        step(config, service)
    assert postgres.poll() is None and WAITS not in systemd.done
    assert [(one["event"], one["result"], one["how"]) for one in events(config)] == [("fence", "failed", None)] * 2
    todo = (
        "on db1: systemctl kill --signal=SIGKILL postgresql@15-main.service; if the server is there all the same, "
        "power db1 off; then ansible-playbook recover_standby.yml -l db1"
    )
    assert json.loads(pathlib.Path(config["fenced_file"]).read_text())["next_step"] == todo
    assert re.search(rf"COULD NOT FENCE: db2 is a primary on timeline 2.* Next: {todo}\n", capsys.readouterr().out)


@pytest.mark.parametrize("obstacle", ["paused", "recover_standby"])
def test_told_but_not_done(config, systemd, postgres, obstacle, capsys):
    servers(config, peer=f"f|{US}|2|300|f")
    service = watch.Watch(config)
    with open(config["recover_lock"], "w", encoding="utf-8") as lock:
        if obstacle == "paused":
            pathlib.Path(config["paused_file"]).touch()
        else:
            fcntl.flock(lock, fcntl.LOCK_EX)
        for _again in range(3):
            step(config, service)
    assert postgres.poll() is None and events(config) == []
    assert obstacle in capsys.readouterr().out and state(config)["code"] == "newer_primary"


def test_cut_off(config, systemd, postgres, monkeypatch):
    servers(config)
    service, _pause = step(config)
    servers(config, peer="", refused="No route to host")
    monkeypatch.setattr(reach.Reach, "anybody", lambda self, limit: False)
    now = watch.clock()
    pauses = [service.step(now + seconds) for seconds in (0, 0.1)]
    assert pauses == [watch.SHORT] * 2 and postgres.poll() is None
    service.memory = service.memory._replace(contact_at=now - 3.0)
    step(config, service)
    assert postgres.wait(timeout=5) == -3 and events(config)[0]["code"] == "isolated"


def test_a_bare_connection_is_contact(config, systemd, postgres, monkeypatch):
    servers(config)
    service, _pause = step(config)
    servers(config, peer="", refused="timeout expired")
    tries = []
    monkeypatch.setattr(reach.Reach, "anybody", lambda self, limit: tries.append(limit) or True)
    for _again in range(3):
        step(config, service)
        assert (state(config)["isolated_for"], state(config)["code"]) == (0, "primary")
    assert len(tries) == 3


def test_a_look_with_a_freeze_in_it_does_not_count(config, systemd, postgres, monkeypatch):
    servers(config, peer=f"f|{US}|2|300|f")
    service = watch.Watch(config)
    for _again in range(3):
        assert service.step(watch.clock() - 6) == 0.0
    assert service.memory.against == 0 and postgres.poll() is None


def test_a_server_that_does_not_answer_is_known_by_its_files(config, systemd, postgres):
    servers(config, own="", peer=f"t|{US}|2|90|f")
    step(config)
    assert (state(config)["role"], state(config)["timeline"]) == ("primary", 2)
    pathlib.Path(config["data_directory"], "standby.signal").touch()
    step(config)
    assert state(config)["role"] == "standby"


def test_a_start_by_anybody_ends_the_waiting_once(config, systemd, postgres):
    servers(config)
    service, _pause = step(config)
    step(config, service)
    assert systemd.done == [ENDS_WAIT]


def test_who_runs_again_is_not_fenced_any_more(config, systemd, postgres):
    servers(config)
    pathlib.Path(config["fenced_file"]).write_text("{}")
    service, _pause = step(config)
    step(config, service)
    assert not os.path.exists(config["fenced_file"]) and [one["event"] for one in events(config)] == ["unfenced"]


# ---- PostgreSQL does not run


@pytest.mark.parametrize("fenced", [False, True])
def test_what_an_admin_stopped_stays_stopped(config, systemd, fenced):
    servers(config)
    if fenced:
        pathlib.Path(config["fenced_file"]).write_text('{"reason": "why", "next_step": "what"}')
    service = watch.Watch(config)
    for _again in range(3):
        step(config, service)
    assert systemd.done == [] and state(config)["code"] == ("fenced" if fenced else "stopped")
    assert state(config)["next_step"] == ("what" if fenced else "")


@root_only
def test_who_waits_is_started_when_it_is_confirmed(config, systemd):
    config["settle"] = 0
    systemd.waiting = "active"
    servers(config, peer="")
    service, _pause = step(config)
    assert systemd.done == [] and state(config)["decision"] == "wait"
    servers(config, peer=f"t|{US}|2|90|f")
    step(config, service)
    step(config, service)
    assert systemd.done[:2] == [ENDS_WAIT, STARTS] and os.path.exists(config["permit_file"])


@root_only
def test_a_permit_that_a_person_gives_meanwhile_is_not_given_twice(config, systemd):
    systemd.waiting = "active"
    servers(config, peer="", refused="No route to host")
    service, _pause = step(config)
    assert (state(config)["code"], state(config)["decision"]) == ("waiting", "wait")
    here.give_permit(config)
    given = os.stat(config["permit_file"])
    step(config, service)
    assert systemd.done == [ENDS_WAIT, STARTS] and os.stat(config["permit_file"]) == given


@pytest.mark.parametrize(
    ("states", "standby", "peer", "done", "said"),
    [
        (["failed"], False, f"f|{US}|3|9|f", [ENDS_WAIT], "REFUSED"),
        (["activating"], False, f"t|{US}|2|9|f", [], ""),
        (["deactivating"], False, f"t|{US}|2|9|f", [], ""),
        (["inactive"], True, "", [ENDS_WAIT], "whoever changed that"),
    ],
)
def test_who_waits_is_not_started(config, systemd, capsys, states, standby, peer, done, said):
    config["settle"] = 0
    systemd.states, systemd.waiting = states, "active"
    servers(config, peer=peer)
    pathlib.Path(config["fenced_file"]).write_text('{"reason": "cut off", "next_step": "see to the network"}')
    if standby:
        pathlib.Path(config["data_directory"], "standby.signal").touch()
    step(config)
    assert systemd.done == done and not os.path.exists(config["permit_file"])
    assert said in capsys.readouterr().out
    refused = "recover_standby" in json.loads(pathlib.Path(config["fenced_file"]).read_text())["next_step"]
    assert refused is (said == "REFUSED")


def test_a_fenced_host_does_not_start_alone(config):
    config["lone_start"] = "30"
    assert watch.observe(config).promote_after == 30
    pathlib.Path(config["fenced_file"]).touch()
    assert watch.observe(config).promote_after is None


# ---- Following

TARGET = things.Peer("db2", "primary", 2, US, lsn=300, backend_id=1, address="10.1.7.107", port=5432)
LOOK = things.Look("db3", 2, things.Own("standby", True, 1, US, upstream_host="10.1.7.99"), (TARGET,), idle_looks=2)


@pytest.fixture
def recorded(config, tmp_path, monkeypatch):
    """psql notes its words, its input and its password file, and tells the slot and the connection string."""
    notes = tmp_path / "psql.log"
    restarts = []
    monkeypatch.setattr(units, "restart", restarts.append)
    conninfo = r"host=10.1.7.99 port=5432 user=replication password='it\'s' application_name=db3 passfile=/p"
    program(config, "psql", f"""{{ echo "words: $*"; echo "passfile: $PGPASSFILE"; cat; }} >{notes}.$$
cat {notes}.$$ >>{notes}
case "$(cat {notes}.$$)" in *primary_slot_name*) echo pgops_2; cat <<'END'
{conninfo}
END
esac""")  # fmt: skip
    return notes, restarts


def set_version(config, version):
    pathlib.Path(config["data_directory"], "PG_VERSION").write_text(f"{version}\n")


@pytest.mark.parametrize(("version", "reloads", "restarted"), [("15", True, 0), ("13", True, 0), ("12", False, 1)])
def test_follow(config, recorded, version, reloads, restarted):
    notes, restarts = recorded
    set_version(config, version)
    assert acts.follow(config, LOOK, TARGET)
    text = notes.read_text()
    wanted = r"host=10.1.7.107 port=5432 user=replication password=''it\''s'' application_name=db3 passfile=/p"
    assert f"alter system set primary_conninfo = '{wanted}';" in text
    assert "pg_create_physical_replication_slot(:'slot', true)" in text and "slot=pgops_2" in text
    assert re.search(r"words: .*-h 10.1.7.107 -p 5432 -U replication .*\npassfile: /p\n", text)
    assert ("pg_reload_conf" in text, len(restarts)) == (reloads, restarted)
    assert not [line for line in text.splitlines() if line.startswith("words:") and "it" in line.split()]
    assert not re.search(r"^words:.*password", text, re.MULTILINE)
    assert [(one["event"], one["result"], one["primary"]) for one in events(config)] == [("follow", "following", "db2")]


def test_follow_before_twelve(config, recorded):
    _notes, restarts = recorded
    set_version(config, "11")
    path = pathlib.Path(config["data_directory"], "recovery.conf")
    path.write_text("standby_mode = 'on'\nprimary_conninfo = 'host=10.1.7.99 user=r'\nprimary_slot_name = 'pgops_2'\n")
    path.chmod(0o600)
    assert acts.follow(config, LOOK, TARGET)
    text = path.read_text()
    assert "primary_conninfo = 'host=10.1.7.107 user=r port=5432'" in text and "standby_mode = 'on'" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and restarts == [config["unit"]]
    assert sorted(os.listdir(config["data_directory"])) == ["PG_VERSION", "pg_wal", "recovery.conf"]


@pytest.mark.parametrize(
    "broken", ["exit 2", "echo; echo postgresql://h0/x", "case $* in *slot=*) exit 1;; esac; echo s; echo host=a"]
)
def test_a_failed_follow_says_so_and_changes_nothing(config, recorded, broken):
    program(config, "psql", f"cat >>{config['state_file']}.said; {broken}")
    assert not acts.follow(config, LOOK, TARGET)
    assert events(config)[0]["result"] == "failed" and "cannot follow db2" in events(config)[0]["message"]
    assert "alter system" not in pathlib.Path(config["state_file"] + ".said").read_text()


def test_one_try_in_five_seconds(config, systemd, postgres, monkeypatch):
    tries = []
    monkeypatch.setattr(acts, "follow", lambda _config, _look, target: tries.append(target.name))
    servers(config, own=STANDBY, peer=f"f|{US}|2|300|f")
    service = watch.Watch(config)
    for _again in range(4):
        step(config, service)
    assert tries == ["db2"]
    service.followed_at -= watch.FOLLOW_EVERY
    step(config, service)
    assert tries == ["db2", "db2"]


# ---- Around it


def test_reach(config):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = {"address": "127.0.0.1", "port": listening.getsockname()[1]}
        silent = {"address": "no-such-host.invalid", "port": 1}
        assert reach.Reach([silent, address]).anybody(2)  # refused
        listening.listen()
        assert reach.Reach([address]).anybody(2)
        assert not reach.Reach([silent]).anybody(2) and not reach.Reach([]).anybody(2)
        names = reach.Reach([{"address": "localhost", "port": address["port"]}])
        assert not names.anybody(2)
        names.look_up()
        assert names.anybody(2)


def test_events_do_not_follow_links(config, tmp_path, capsys):
    (tmp_path / "other").touch()
    os.symlink(tmp_path / "other", config["events_file"])
    tell.event(config["events_file"], "fence", "fenced", "why")
    assert (tmp_path / "other").read_text() == "" and "cannot write" in capsys.readouterr().out


def test_explain_shows_the_running_server_too(config, systemd, postgres, tmp_path, capsys):
    servers(config, peer=f"f|{US}|3|300|f")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    assert main.main(["--config", str(path), "--explain"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["decision"], shown["running"]["decision"]) == ("refuse", "fence")
    assert postgres.poll() is None and not os.path.exists(config["running_file"])


def test_the_entry_is_a_program():
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-B", str(FILES / "guard.py"), "--config", "/nonexistent"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "deploy_cluster.yml" in done.stdout


def test_every_part_is_installed_and_watched():
    parts = sorted(path.stem for path in (FILES / "guard").glob("*.py"))
    variables = {**cluster(), "inventory_hostname": "postgres-db1", "pgops_backend_id": 0}
    assert sorted(value_of("guard", "{{ __guard_parts }}", variables)) == parts
    watched = value_of("guard", "{{ __guard_watched }}", variables)
    assert "/usr/local/lib/pgops/guard/watch.py" in watched and len(watched) == len(parts) + 3


def test_the_configuration_has_all_that_is_read():
    variables = {**cluster(), "inventory_hostname": "postgres-db1", "pgops_backend_id": 0}
    config = value_of("guard", "{{ __guard_config }}", variables)
    text = "".join(path.read_text(encoding="utf-8") for path in (FILES / "guard").glob("*.py"))
    assert set(re.findall(r"config\[\"(\w+)\"\]", text)) - set(config) == set()
    assert set(main.DEFAULTS) <= set(config)
    assert [peer["backend_id"] for peer in config["peers"]] == [1] and config["address"] == "10.1.7.106"


def test_files_can_be_read_without_scrolling_about():
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in (FILES / "guard").glob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard before a start: the decision as a table, then everything around it. (Running: test_guard_running.py.)"""

from __future__ import annotations

import json
import os
import pathlib
import stat

import pytest

from .guard_package import CONTROL, Systemd, ask, boot, decision, here, host, main, program, tell
from .guard_package import seen as things
from .guard_package import systemd as units

Peer, Node, Pgpool = things.Peer, things.Node, things.Pgpool

US, THEM = "7000000000000000001", "7000000000000000002"

DEAD = Peer("db2", "silent", detail="Connection refused")
DEAD3 = Peer("db3", "silent", detail="Connection refused")
UNCLEAR = Peer("db2", "unclear", detail="FATAL: the database system is starting up")
FOLLOWS = Peer("db2", "standby", 1, US)
FOLLOWS3 = Peer("db3", "standby", 1, US)
LEADS = Peer("db2", "primary", 2, US)
# Their hosts said so by SSH: nothing runs there.
STOPPED_OLD = Peer("db2", "stopped", 0, US, data="primary", detail="does not run")
STOPPED_STANDBY = STOPPED_OLD._replace(data="standby", timeline=1)
STOPPED_SAME = STOPPED_OLD._replace(timeline=1)
STOPPED_BARE = STOPPED_OLD._replace(data="none")
STOPPED3 = STOPPED_STANDBY._replace(name="db3")
NOBODY = Pgpool("app1", detail="Connection refused")


def pool(us="up", them="up", primary=0, pg_primary=None, name="app1"):
    """A pgpool's view: the state of node 0 (this host) and of node 1, and who is the primary."""
    roles = ["primary" if number == primary else "standby" for number in (0, 1)]
    real = [None, None] if pg_primary is None else ["primary" if n == pg_primary else "standby" for n in (0, 1)]
    return Pgpool(name, (Node(0, "h0", us, roles[0], real[0]), Node(1, "h1", them, roles[1], real[1])))


def seen(**more):
    """An old primary on timeline 1 that has watched long enough."""
    base = things.Observed("db1", 0, "primary", timeline=1, system_identifier=US, settle=5.0, confirmed_for=9.0)
    return base._replace(**more)


DECISIONS = [
    # What cannot write, or has nothing: whatever the others say.
    ("a standby", seen(data="standby", peers=(LEADS,)), "allow", "cannot write"),
    ("a standby whose peers are dead", seen(data="standby", peers=(DEAD,)), "allow", "cannot write"),
    ("no data directory", seen(data="none", peers=(LEADS,)), "allow", "no data directory"),
    ("permitted beside a primary", seen(permitted=True, peers=(LEADS,)), "allow", "permitted"),
    # Another primary.
    ("peer is a primary", seen(peers=(LEADS,)), "refuse", "db2 is a primary on timeline 2"),
    ("peer is a primary, paused", seen(peers=(LEADS,), paused=True), "refuse", "db2 is a primary"),
    ("peer is a primary, pgpool names us", seen(peers=(LEADS,), pgpools=(pool(),)), "refuse", "db2 is a primary"),
    ("peer is a primary, same timeline", seen(peers=(LEADS._replace(timeline=1),)), "refuse", "timeline 1"),
    ("peer is an older primary", seen(timeline=3, peers=(LEADS,)), "refuse", "there would be two primaries"),
    ("peer is a stranger", seen(peers=(LEADS._replace(system_identifier=THEM),)), "refuse", "another cluster"),
    ("peer is a primary we know little of", seen(peers=(Peer("db2", "primary"),)), "refuse", "timeline unknown"),
    ("one follows, one leads", seen(peers=(FOLLOWS3, LEADS)), "refuse", "db2 is a primary"),
    ("a standby of a newer primary", seen(peers=(DEAD, FOLLOWS3._replace(timeline=2))), "refuse", "db3 is a standby"),
    ("pgpool names another", seen(peers=(DEAD,), pgpools=(pool(primary=1),)), "refuse", "node 1 (h1, up)"),
    ("pgpool names another, waiting", seen(peers=(DEAD,), pgpools=(pool("up", "waiting", 1),)), "refuse", "h1"),
    ("one of two names another", seen(peers=(FOLLOWS,), pgpools=(pool(), pool(primary=1, name="a2"))), "refuse", "a2"),
    ("it names another, we are down", seen(peers=(DEAD,), pgpools=(pool("down", "down", 1),)), "refuse", "h1, down"),
    ("pgpool is late, its node says primary", seen(peers=(DEAD,), pgpools=(pool(pg_primary=1),)), "refuse", "node 1"),
    ("pgpool names another, paused", seen(peers=(DEAD,), pgpools=(pool(primary=1),), paused=True), "refuse", "node 1"),
    ("a standby of a newer one, paused", seen(peers=(FOLLOWS._replace(timeline=2),), paused=True), "refuse", "db2"),
    ("pgpool names another to a lone database", seen(pgpools=(pool(primary=1),)), "refuse", "node 1"),
    # Confirmed.
    ("the peer follows", seen(peers=(FOLLOWS,)), "allow", "db2 is a standby"),
    ("the peer follows, pgpools are dead", seen(peers=(FOLLOWS,), pgpools=(NOBODY,)), "allow", "db2 is a standby"),
    ("peer follows, pgpool has us down", seen(peers=(FOLLOWS,), pgpools=(pool("down", "up", None),)), "allow", "db2"),
    ("all peers follow", seen(peers=(FOLLOWS, FOLLOWS3)), "allow", "db3 is a standby"),
    ("one follows, one dead, pgpool speaks", seen(peers=(FOLLOWS, DEAD3), pgpools=(pool(),)), "allow", "db2 is"),
    ("pgpool names us", seen(peers=(DEAD,), pgpools=(pool(),)), "allow", "app1 (pgpool) says that this host"),
    ("standby whose timeline is unknown", seen(peers=(FOLLOWS._replace(timeline=None),)), "allow", "db2"),
    ("own timeline is unknown", seen(timeline=None, system_identifier=None, peers=(FOLLOWS,)), "allow", "db2"),
    ("not watched long enough", seen(peers=(FOLLOWS,), confirmed_for=4.9), "wait", "watching for 5 s"),
    ("pgpool names us, not long enough", seen(peers=(DEAD,), pgpools=(pool(),), confirmed_for=0.0), "wait", "watching"),
    # Alone in the inventory.
    ("no peers, no pgpools", seen(), "allow", "no other database"),
    ("no peers, dead pgpool", seen(pgpools=(NOBODY,)), "allow", "no other database"),
    ("no peers, pgpool names us", seen(pgpools=(pool(),), confirmed_for=0.0), "allow", "no other database"),
    # Nobody to ask.
    ("dead peer", seen(peers=(DEAD,), pgpools=(NOBODY,), waited=1e6), "wait", "db2: Connection refused; app1"),
    ("peer starts up", seen(peers=(UNCLEAR,), waited=1e6), "wait", "starting up"),
    ("stranger follows somebody", seen(peers=(FOLLOWS._replace(system_identifier=THEM),)), "wait", "cannot tell"),
    ("one follows, one dead, no pgpool", seen(peers=(FOLLOWS, DEAD3), pgpools=(NOBODY,)), "wait", "db3: Connection"),
    ("pgpool names nobody", seen(peers=(DEAD,), pgpools=(pool("down", "up", None),)), "wait", "not name us"),
    # Nobody runs, and their hosts say as what they would start.
    ("stopped, of an older timeline", seen(peers=(STOPPED_OLD,), pgpools=(NOBODY,)), "allow", "db2 does not run"),
    ("the same, not watched long enough", seen(peers=(STOPPED_OLD,), confirmed_for=1.0), "wait", "watching for 5 s"),
    ("a stopped standby", seen(peers=(STOPPED_STANDBY,)), "allow", "db2 does not run"),
    ("an older stopped standby", seen(peers=(STOPPED_STANDBY._replace(timeline=0),)), "allow", "db2 does not run"),
    ("a stopped standby of a newer primary", seen(peers=(STOPPED_STANDBY._replace(timeline=2),)), "refuse", "db2 is a"),
    ("stopped, of a newer timeline", seen(peers=(STOPPED_OLD._replace(timeline=2),)), "wait", "cannot tell"),
    ("stopped, of the same timeline", seen(peers=(STOPPED_SAME,)), "wait", "cannot tell"),
    ("stopped, of another cluster", seen(peers=(STOPPED_OLD._replace(system_identifier=THEM),)), "wait", "cannot tell"),
    ("stopped, nobody knows of which", seen(peers=(STOPPED_OLD._replace(system_identifier=None),)), "wait", "cannot"),
    ("stopped, its timeline is unknown", seen(peers=(STOPPED_OLD._replace(timeline=None),)), "wait", "cannot tell"),
    ("stopped, ours is unknown", seen(timeline=None, peers=(STOPPED_OLD,)), "wait", "cannot tell"),
    ("stopped, it has no data", seen(peers=(STOPPED_BARE,)), "wait", "cannot tell"),
    ("one stopped, one dead", seen(peers=(STOPPED_OLD, DEAD3), pgpools=(NOBODY,)), "wait", "db3: Connection refused"),
    ("one stopped, one follows", seen(peers=(STOPPED_OLD, FOLLOWS3)), "allow", "db3 is a standby"),
    ("two stopped", seen(peers=(STOPPED_OLD, STOPPED3)), "allow", "db3 does not run"),
    ("one stopped, pgpool names another", seen(peers=(STOPPED_OLD,), pgpools=(pool(primary=1),)), "refuse", "node 1"),
    ("late, but a stopped one may be it", seen(peers=(STOPPED_SAME,), promote_after=1.0, waited=9.0), "wait", "cannot"),
    ("late, the other has no data", seen(peers=(STOPPED_BARE,), promote_after=1.0, waited=9.0), "allow", "after 1 s"),
    ("paused", seen(peers=(DEAD,), paused=True), "allow", "paused"),
    ("too early to start alone", seen(peers=(DEAD,), promote_after=60.0, waited=59.0), "wait", "cannot tell"),
    ("late enough", seen(peers=(DEAD,), promote_after=60.0, waited=60.0), "allow", "after 60 s"),
    ("late, but somebody is alive", seen(peers=(UNCLEAR,), promote_after=60.0, waited=99.0), "wait", "cannot tell"),
    ("late, but pgpool names another", seen(pgpools=(pool(primary=1),), promote_after=1.0, waited=9.0), "refuse", "h1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "observed", "verdict", "words"), DECISIONS, ids=[row[0] for row in DECISIONS])
def test_decision(name, observed, verdict, words):
    decided = decision.decide(observed)
    assert (decided.verdict, words in decided.reason) == (verdict, True), decided
    if verdict == "refuse":
        assert "recover_standby.yml -l db1" in decided.next_step or "guard.py --permit" in decided.next_step


def test_two_primaries_are_never_solved_by_recovering_the_newer_one():
    for other in (seen(timeline=3, peers=(LEADS,)), seen(peers=(LEADS._replace(system_identifier=THEM),))):
        told = decision.decide(other).next_step
        assert "recover_standby" not in told and told.startswith("compare them (ansible-playbook check_cluster.yml)")
    assert "recover_standby" in decision.decide(seen(timeline=1, peers=(LEADS,))).next_step


def test_one_that_waits_for_a_newer_one_says_where_to_start_first():
    told = decision.decide(seen(peers=(STOPPED_OLD._replace(timeline=2),))).next_step
    assert told.startswith("db2 was promoted after this host: start PostgreSQL there first")
    assert "--permit" in decision.decide(seen(peers=(STOPPED_OLD._replace(timeline=1),))).next_step


ALL_THE_SAME = (
    "if you know that no other server was promoted, on db1: "
    "/usr/local/lib/pgops/guard.py --permit && systemctl start postgresql.service"
)


@pytest.mark.parametrize(
    ("lonely", "until"),
    [
        (seen(peers=(DEAD,)), "and never without"),
        (seen(peers=(DEAD,), promote_after=60.0, waited=9.0), "or after 60 s (guard_lone_start)"),
        (seen(peers=(UNCLEAR,), promote_after=60.0, waited=99.0), "and never without"),
        (seen(peers=(STOPPED_SAME,), promote_after=60.0, waited=99.0), "and never without"),
    ],
)
def test_one_that_waits_says_until_when_and_how_to_start_it_all_the_same(lonely, until):
    told = decision.decide(lonely).next_step
    assert told == f"starts by itself once they can tell that none was, {until}; {ALL_THE_SAME}"


def test_one_whose_peers_stay_dead_says_all_that_a_person_needs(config, capsys):
    """The hosts of its peers do not come back, and the pgpools do not have it for the primary."""
    dead = Peer("db2", "silent", detail='connection to server at "10.1.7.107", port 5432 failed: No route to host')
    looks = [seen(peers=(dead,), pgpools=(pool("down", "down", None), NOBODY._replace(name="app2")))]
    _decision, _now, said = run_guard(config, looks, capsys, patience=10)
    state = json.loads(pathlib.Path(config["state_file"]).read_text())
    assert (state["host"], state["decision"]) == ("db1", "wait")
    assert state["reason"] == (
        f"cannot tell whether another server was promoted: db2: {dead.detail}; app1 (pgpool): "
        "does not name us (node 0: down, node 1: down); app2 (pgpool): Connection refused"
    )
    assert said[-1] == f"pgops-guard: WAITING: {state['reason']}. Next: {state['next_step']}"
    assert state["next_step"].endswith(ALL_THE_SAME)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "none"),
        ({"PG_VERSION": "15\n"}, "primary"),
        ({"PG_VERSION": "15\n", "standby.signal": ""}, "standby"),
        ({"PG_VERSION": "15\n", "recovery.signal": ""}, "primary"),
        ({"PG_VERSION": "12\n", "recovery.conf": "standby_mode = on"}, "primary"),
        ({"PG_VERSION": "11\n", "standby.signal": ""}, "primary"),
        ({"PG_VERSION": "11\n", "recovery.conf": "# note\nstandby_mode = 'on'\n"}, "standby"),
        ({"PG_VERSION": "10\n", "recovery.conf": "standby_mode=TRUE\n"}, "standby"),
        ({"PG_VERSION": "10\n", "recovery.conf": "standby_mode = off\n"}, "primary"),
        ({"PG_VERSION": "10\n", "recovery.conf": "#standby_mode = on\nrestore_command = 'x'\n"}, "primary"),
    ],
)
def test_as_what_it_would_start(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert here.start_role(tmp_path) == expected
    assert here.start_role(tmp_path / "not-there") == "none"


@pytest.mark.parametrize(
    ("controlled", "files", "expected"),
    [
        (2, [], 2),
        (2, ["00000003.history"], 3),
        (11, ["0000000A.history", "00000002.history"], 11),
        (None, ["0000000A.history"], 10),
        (2, ["00000009.history.ready", "x.history"], 2),
        (None, [], None),
    ],
)
def test_own_timeline(tmp_path, controlled, files, expected):
    (tmp_path / "pg_wal").mkdir()
    for name in files:
        (tmp_path / "pg_wal" / name).write_text("")
    assert here.own_timeline(controlled, tmp_path) == expected


def test_controldata():
    assert here.parse_controldata(CONTROL) == (2, US)
    assert here.parse_controldata("") == (None, None)


@pytest.mark.parametrize(
    ("rc", "stdout", "stderr", "expected"),
    [
        (0, f"f|{US}|2|4096|t\n", "", Peer("db2", "primary", 2, US, lsn=4096, waits=True)),
        (0, f"t|{US}|1|4000|f\n", "", Peer("db2", "standby", 1, US, lsn=4000, waits=False)),
        (0, "t||||f\n", "", Peer("db2", "standby", waits=False)),
        (None, "", "", Peer("db2", "silent", detail="no answer in time")),
        (2, "", "psql: error: connection to server at x failed: Connection refused", "silent"),
        (2, "", "psql: error: x: timeout expired", "silent"),
        (2, "", "psql: error: could not translate host name", "silent"),
        (2, "", "psql: error: FATAL:  the database system is starting up", "unclear"),
        (2, "", 'psql: error: FATAL:  password authentication failed for user "healthcheck"', "unclear"),
        (2, "", "psql: error: FATAL:  no pg_hba.conf entry for host", "unclear"),
        (1, "", "ERROR:  permission denied for function pg_control_system", "unclear"),
        (127, "", "/usr/lib/postgresql/15/bin/psql: No such file or directory", "unclear"),
        (0, "", "", "unclear"),
        (0, "f\n", "", "unclear"),
    ],
)
def test_reading_a_peer(rc, stdout, stderr, expected):
    peer = ask.read_peer("db2", ask.Answer(rc, stdout, stderr))
    if isinstance(expected, Peer):
        assert peer == expected
    else:
        assert peer.answer == expected and peer.detail


NODES_43 = """node_id|hostname|port|status|pg_status|lb_weight|role|pg_role|select_cnt|load_balance_node
0|10.1.7.106|5432|down|down|0.500000|standby|unknown|0|false
1|10.1.7.107|5432|up|up|0.500000|primary|primary|0|true
"""
NODES_41 = """node_id|hostname|port|status|lb_weight|role|select_cnt|load_balance_node
0|10.1.7.106|5432|up|0.500000|primary|0|false
"""


def test_only_the_gist_of_an_error_is_told():
    error = """psql: error: connection to server at "10.1.7.107", port 5432 failed: Connection refused
\tIs the server running on that host and accepting TCP/IP connections?\n"""
    gist = 'connection to server at "10.1.7.107", port 5432 failed: Connection refused'
    assert ask.read_peer("db2", ask.Answer(2, "", error)).detail == gist


@pytest.mark.parametrize(
    ("rc", "text", "nodes", "detail"),
    [
        (
            0,
            NODES_43,
            (Node(0, "10.1.7.106", "down", "standby", "unknown"), Node(1, "10.1.7.107", "up", "primary", "primary")),
            "",
        ),
        (0, NODES_41, (Node(0, "10.1.7.106", "up", "primary", None),), ""),
        (0, "", (), "lists no nodes"),
        (0, "a|b\n1|2\n", (), "not understood"),
        (0, "node_id|hostname|status|role\nx|h|up|primary\n", (), "not understood"),
        (2, "Connection refused", (), "Connection refused"),
        (None, "", (), "no answer in time"),
    ],
)
def test_reading_a_pgpool(rc, text, nodes, detail):
    pgpool = ask.read_pgpool("app1", ask.Answer(rc, text, "" if rc == 0 else text))
    assert pgpool.nodes == nodes and detail in pgpool.detail


@pytest.fixture
def config(tmp_path):
    return host(tmp_path)


def test_asks_everybody_at_once(config):
    program(config, "pg_controldata", f"cat <<'END'\n{CONTROL}END")
    program(
        config,
        "psql",
        f'case "$*" in *POOL_NODES*) cat <<"END"\n{NODES_43}END\n;; *) echo "f|{US}|$PGCONNECT_TIMEOUT|77|f";; esac',
    )
    found = boot.observe(config)
    assert (found.timeline, found.system_identifier) == (2, US)
    assert found.peers == (Peer("db2", "primary", 2, US, lsn=77, waits=False),)
    assert [node.status for node in found.pgpools[0].nodes] == ["down", "up"]


def test_a_frozen_peer_costs_only_the_limit(config):
    config["timeout"] = 0.3
    program(config, "pg_controldata", "exit 1")
    program(config, "psql", "exec sleep 30")
    found = boot.observe(config)
    assert found.peers[0].detail == found.pgpools[0].detail == "no answer in time"


def test_nobody_is_asked_when_it_does_not_matter(config):
    program(config, "psql", f"touch {config['state_file']}.asked")
    pathlib.Path(config["data_directory"], "standby.signal").touch()
    assert boot.observe(config).data == "standby"
    assert not os.path.exists(config["state_file"] + ".asked")


def test_missing_programs_are_no_permission(config):
    found = boot.observe(config)
    assert found.peers[0].answer == "unclear" and decision.decide(found).verdict == "wait"


def test_passwords_are_not_among_the_words(config):
    argv = ask.Asker(config).psql(config["peers"][0], query="select 1", options=("-t",))
    assert "-w" in argv and not any("assword" in word for word in argv[1:])


class Time:
    """A clock on which every look takes a while."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class NothingMore:
    """No host of a silent peer can be asked."""

    def fill(self, seen):
        return seen


def run_guard(config, looks, capsys, patience=None, stopped=None):
    """Let the guard see these things one after the other (the last for ever); return decision, time and words."""
    clock, queue = Time(), list(looks)

    def look(_config):
        clock.now += 0.25
        return queue.pop(0) if len(queue) > 1 else queue[0]

    told = NothingMore() if stopped is None else stopped
    decision = boot.deliberate(config, patience=patience, look=look, clock=clock, sleep=clock.sleep, stopped=told)
    return decision, clock.now, capsys.readouterr().out.splitlines()


def test_waits_until_it_stays_confirmed(config, capsys):
    decision, now, said = run_guard(config, [seen(peers=(FOLLOWS,))], capsys)
    assert decision.verdict == "allow" and 5 <= now <= 7 and len(said) == 2


def test_a_failover_under_way_is_noticed(config, capsys):
    decision, _now, said = run_guard(config, [seen(peers=(FOLLOWS,))] * 4 + [seen(peers=(LEADS,))], capsys)
    assert decision.verdict == "refuse" and "REFUSED" in said[-1] and "recover_standby.yml -l db1" in said[-1]


def test_watching_starts_again_after_a_doubt(config, capsys):
    looks = [seen(peers=(FOLLOWS,))] * 4 + [seen(peers=(DEAD,))] + [seen(peers=(FOLLOWS,))]
    decision, now, _said = run_guard(config, looks, capsys)
    assert decision.verdict == "allow" and now >= 10


def test_holds_and_says_so_once_per_minute(config, capsys):
    looks = [seen(peers=(DEAD,))] * 290 + [seen(permitted=True)]
    decision, now, said = run_guard(config, looks, capsys)
    assert decision.verdict == "allow" and 285 < now < 300
    assert len([line for line in said if "WAITING" in line]) == 5
    assert all("guard.py --permit" in line for line in said[:-1])


def test_another_error_is_not_news_but_another_situation_is(config, capsys):
    looks = [seen(peers=(DEAD._replace(detail=f"error {number}"),)) for number in range(50)]
    _decision, _now, said = run_guard(config, [*looks, seen(permitted=True)], capsys)
    assert len(said) == 2
    _decision, _now, said = run_guard(config, [*looks, *[seen(peers=(UNCLEAR,))] * 5, seen(permitted=True)], capsys)
    assert len(said) == 3 and "starting up" in said[1]


def test_what_stopped_peers_say_has_to_stay_so_too(config, capsys):
    class Told:
        def fill(self, seen):
            return seen._replace(peers=(STOPPED_OLD,))

    decision, now, said = run_guard(config, [seen(peers=(DEAD,))], capsys, stopped=Told())
    assert decision.verdict == "allow" and 5 <= now <= 7 and "db2 does not run" in said[-1]


def test_flapping_does_not_flood_the_journal(config, capsys):
    looks = [seen(peers=((DEAD, UNCLEAR)[number % 2],)) for number in range(60)] + [seen(permitted=True)]
    assert len(run_guard(config, looks, capsys)[2]) <= 14


def test_starts_alone_when_told_to(config, capsys):
    decision, now, _said = run_guard(config, [seen(peers=(DEAD,), promote_after=30.0)], capsys)
    assert decision.verdict == "allow" and 30 <= now <= 32


def test_state_file(config, capsys):
    run_guard(config, [seen(peers=(LEADS,), pgpools=(pool(primary=1),))], capsys)
    state = json.loads(pathlib.Path(config["state_file"]).read_text())
    assert (state["schema"], state["decision"], state["host"]) == (1, "refuse", "db1")
    assert state["evidence"]["peers"][0]["answer"] == "primary"
    assert state["evidence"]["pgpools"][0]["nodes"][1]["role"] == "primary"
    assert state["time"].endswith("+00:00") and "recover_standby" in state["next_step"]


def test_a_full_disk_keeps_no_database_down(config, capsys):
    config["state_file"] = "/proc/pgops/guard.json"
    decision, _now, said = run_guard(config, [seen(data="standby")], capsys)
    assert decision.verdict == "allow" and any("cannot write" in line for line in said)


def test_journal_priorities(monkeypatch, capsys):
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    for verdict, level in (("allow", 6), ("wait", 4), ("refuse", 3)):
        tell.tell(things.Decision(verdict, "x"))
        assert capsys.readouterr().out.startswith(f"<{level}>")


root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a permit")


@root_only
@pytest.mark.parametrize(
    ("age", "mode", "folder_mode", "owner", "problem"),
    [
        (0, 0o600, 0o755, 0, None),
        (299, 0o644, 0o755, 0, None),
        (301, 0o600, 0o755, 0, "301 s old"),
        (-60, 0o600, 0o755, 0, "-60 s old"),
        (0, 0o666, 0o755, 0, "others than root"),
        (0, 0o600, 0o777, 0, "others than root"),
        (0, 0o600, 0o755, 65534, "others than root"),
    ],
)
def test_permit(config, age, mode, folder_mode, owner, problem):
    permit = pathlib.Path(config["permit_file"])
    permit.touch()
    permit.chmod(mode)
    permit.parent.chmod(folder_mode)
    os.chown(permit, owner, 0)
    now = permit.stat().st_mtime + age
    told = here.permit_problem(str(permit), now=now, max_age=300)
    assert told is None if problem is None else problem in told


def test_no_permit_and_a_link_as_permit(config):
    assert here.permit_problem(config["permit_file"], now=0, max_age=300) == "there is none"
    os.symlink("/etc/hostname", config["permit_file"])
    assert "others" in here.permit_problem(config["permit_file"], now=0, max_age=300)


def run_main(config, tmp_path, *words):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return main.main(["--config", str(path), *words])


@pytest.fixture
def systemd(monkeypatch):
    fake = Systemd("failed")
    monkeypatch.setattr(units, "systemctl", fake)
    return fake


def let_peer_say(config, words):
    program(config, "pg_controldata", f"cat <<'END'\n{CONTROL}END")
    program(config, "psql", f'case "$*" in *POOL_NODES*) exit 2;; *) {words};; esac')


def test_patience_ends_only_without_confirmation(config, capsys):
    decision, now, said = run_guard(config, [seen(peers=(DEAD,))], capsys, patience=10)
    assert decision.verdict == "wait" and 10 <= now <= 12 and "WAITING" in said[-1]
    late = [seen(peers=(DEAD,))] * 8 + [seen(peers=(FOLLOWS,))]
    assert run_guard(config, late, capsys, patience=10)[0].verdict == "allow"


def test_a_start_that_cannot_be_decided_is_handed_over(config, tmp_path, systemd, capsys):
    config["patience"] = 0
    assert run_main(config, tmp_path) == 75
    assert systemd.done == ["start pgops-guard-wait.service"] and "goes on asking" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "status"), [(f"echo 'f|{US}|3|9|f'", 1), (f"echo 't|{US}|2|9|f'", 0)])
def test_a_decided_start_hands_nothing_over(config, tmp_path, systemd, words, status):
    config["settle"] = 0
    let_peer_say(config, words)
    assert run_main(config, tmp_path) == status and systemd.done == []


@root_only
def test_a_permit_is_for_one_start(config, tmp_path):
    assert run_main(config, tmp_path, "--permit") == 0
    assert stat.S_IMODE(os.stat(config["permit_file"]).st_mode) == 0o600
    assert run_main(config, tmp_path) == 0
    assert not os.path.exists(config["permit_file"])


@root_only
def test_a_standby_uses_it_up_as_well(config, tmp_path):
    pathlib.Path(config["data_directory"], "standby.signal").touch()
    run_main(config, tmp_path, "--permit")
    assert run_main(config, tmp_path) == 0 and not os.path.exists(config["permit_file"])


def test_refusal_is_the_exit_status(config, tmp_path, capsys):
    let_peer_say(config, f"echo 'f|{US}|3|9|f'")
    assert run_main(config, tmp_path) == 1
    assert "db2 is a primary on timeline 3" in capsys.readouterr().out


def test_explain_decides_nothing(config, tmp_path, capsys):
    let_peer_say(config, f"echo 't|{US}|2|9|f'")
    assert run_main(config, tmp_path, "--explain") == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "allow"
    assert not os.path.exists(config["state_file"])


@pytest.mark.parametrize("text", ["", "{", '{"schema": 2}'])
def test_broken_configuration_is_no_permission(tmp_path, capsys, text):
    path = tmp_path / "config.json"
    path.write_text(text)
    assert main.main(["--config", str(path)]) == 1 and main.main(["--config", str(path) + ".no"]) == 1
    assert "deploy_cluster.yml" in capsys.readouterr().out

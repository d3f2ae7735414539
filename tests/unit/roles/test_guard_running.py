# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard of a running server: what each look means, as tables, and what one look leaves for the next."""

from __future__ import annotations

import pytest

from .guard_package import ask, conninfo, memory, running
from .guard_package import seen as things

Peer, Node, Pgpool, Own, Look = things.Peer, things.Node, things.Pgpool, things.Own, things.Look
US, THEM = "7000000000000000001", "7000000000000000002"

FOLLOWS = Peer("db2", "standby", 1, US, lsn=90, backend_id=1, address="h1")
FOLLOWS3 = Peer("db3", "standby", 1, US, lsn=80, backend_id=2, address="h2")
LEADS = Peer("db2", "primary", 2, US, lsn=120, backend_id=1, address="h1")
LEADS3 = Peer("db3", "primary", 2, US, lsn=130, backend_id=2, address="h2")
EQUAL = LEADS._replace(timeline=1)
DEAD = Peer("db2", "silent", detail="Connection refused", backend_id=1, address="h1")
STRANGER = LEADS._replace(system_identifier=THEM)


def pool(primary=0, asked=0, us="up", them="up", name="app1"):
    """A pgpool's view of node 0 (this host) and node 1: its primary, and who says so itself (None: before 4.3)."""
    real = [None, None] if asked is None else ["primary" if number == asked else "standby" for number in (0, 1)]
    roles = ["primary" if number == primary else "standby" for number in (0, 1)]
    return Pgpool(name, (Node(0, "h0", us, roles[0], real[0]), Node(1, "h1", them, roles[1], real[1])))


def primary(*peers, **more):
    """A primary on timeline 1 with a standby, as seen again and again."""
    own = more.pop("own", Own("primary", True, 1, US, lsn=100, standbys=("db2",)))
    return Look("db1", 0, own, peers, **{"against": 2, **more})


def standby(*peers, **more):
    """A standby on timeline 1 whose primary h0 is gone."""
    own = more.pop("own", Own("standby", True, 1, US, lsn=90, upstream_host="h0"))
    return Look("db3", 2, own, peers, **{"idle_looks": 2, **more})


def alone(**more):
    """A primary that reaches nobody for long enough, and had a standby."""
    kept = {"contact": False, "silent_looks": 3, "isolated_for": 3.1, "attached": "app1 had node 1 up as a standby"}
    return primary(DEAD, against=0, **{**kept, **more})


# What the README calls "goes on, and warns" is "warn" here.
STREAMS = Own("standby", True, 1, US, streaming=True, upstream_host="h0")
THERE = Own("standby", True, 1, US, upstream_host="h1")
PRIMARY_ROWS = [
    ("its standby follows", primary(FOLLOWS), "go_on", "primary", ""),
    # (a) and (b)
    ("a newer primary", primary(LEADS), "fence", "newer_primary", "db2 is a primary on timeline 2, newer than 1"),
    ("a newer primary, pgpool has us", primary(LEADS, pgpools=(pool(),)), "warn", "two_primaries", "have this one"),
    ("a newer primary, pgpool has us, 4.1", primary(LEADS, pgpools=(pool(asked=None),)), "warn", "two_primaries", ""),
    ("a newer primary, pgpool has us down", primary(LEADS, pgpools=(pool(us="down"),)), "fence", "newer_primary", ""),
    ("a newer primary, we are none to it", primary(LEADS, pgpools=(pool(asked=1),)), "fence", "newer_primary", ""),
    ("a newer primary, pgpools disagree", primary(LEADS, pgpools=(pool(), pool(1, 1, name="app2"))), "fence",
     "newer_primary", ""),
    ("a newer primary, pgpools are silent", primary(LEADS, pgpools=(Pgpool("app1"),)), "fence", "newer_primary", ""),
    ("a newer primary, pgpools are silent, had us", primary(LEADS, pgpools=(Pgpool("app1"),), vouched_lately=True),
     "warn", "two_primaries", "moments ago, and say nothing now"),
    ("a standby of a newer one, pgpool has us", primary(FOLLOWS3._replace(timeline=2), pgpools=(pool(),)), "warn",
     "two_primaries", "db3 is a standby on timeline 2"),
    ("a newer primary, once", primary(LEADS, against=1), "warn", "suspicion", "looking once more"),
    ("a newer primary of another system", primary(STRANGER), "go_on", "primary", ""),
    ("a standby of a newer one", primary(DEAD, FOLLOWS3._replace(timeline=2)), "fence", "newer_standby", "db3 is a"),
    ("a standby, timeline unknown", primary(FOLLOWS._replace(timeline=None)), "go_on", "primary", ""),
    ("own timeline unknown", primary(LEADS, own=Own("primary")), "warn", "two_primaries", "unknown"),
    ("it does not answer, its files say", primary(LEADS, own=Own("primary", timeline=1)), "fence", "newer_primary", ""),
    ("paused", primary(LEADS, paused=True), "warn", "newer_primary", "failover is paused on this host"),
    ("recovering", primary(LEADS, recovering=True), "warn", "newer_primary", "recover_standby is at work"),
    # (c)
    ("the pgpool has another", primary(DEAD, pgpools=(pool(1, 1),)), "fence", "pgpool", "the primary of app1 (pgpool)"),
    ("both have", primary(DEAD, pgpools=(pool(1, 1), pool(1, 1, name="app2"))), "fence", "pgpool", "app1 and app2"),
    ("one of two has us", primary(DEAD, pgpools=(pool(1, 1), pool(0, 0, name="app2"))), "go_on", "primary", ""),
    ("one has nobody", primary(DEAD, pgpools=(pool(1, 1), pool(None, None, name="app2"))), "go_on", "primary", ""),
    ("the other is silent", primary(DEAD, pgpools=(pool(1, 1), Pgpool("app2"))), "fence", "pgpool", "app1"),
    ("they disagree", primary(DEAD, pgpools=(
        pool(1, 1), Pgpool("app2", (Node(2, "h2", "up", "primary", "primary"),)))), "go_on", "primary", ""),
    ("it has, but its server does not say so", primary(DEAD, pgpools=(pool(1, 0),)), "go_on", "primary", ""),
    ("it has us, the other says so too", primary(DEAD, pgpools=(pool(0, 1),)), "go_on", "primary", ""),
    ("pgpool 4.1: other up, we are down", primary(DEAD, pgpools=(pool(1, None, "down"),)), "fence", "pgpool", "h1"),
    ("pgpool 4.1: we are up", primary(DEAD, pgpools=(pool(1, None),)), "go_on", "primary", ""),
    ("pgpool 4.1: the other is down", primary(DEAD, pgpools=(pool(1, None, "down", "down"),)), "go_on", "primary", ""),
    ("pgpool has another, once", primary(DEAD, pgpools=(pool(1, 1),), against=1), "warn", "suspicion", "once more"),
    # (d)
    ("two of one timeline", primary(EQUAL), "warn", "two_primaries", "this host (timeline 1) and db2"),
    ("two of one timeline, settled", primary(EQUAL, pgpools=(pool(1, 1),)), "fence", "pgpool", ""),
    ("two of one timeline, ours", primary(EQUAL, pgpools=(pool(0, 0),)), "warn", "two_primaries", "this host"),
    ("an older one", primary(EQUAL, own=Own("primary", True, 3, US)), "warn", "two_primaries", "timeline 3"),
    ("an older one that the pgpool has", primary(EQUAL, own=Own("primary", True, 3, US), pgpools=(pool(1, 1),)),
     "fence", "pgpool", ""),
    # (e)
    ("cut off", alone(), "fence", "isolated", "app1 had node 1 up as a standby"),
    ("cut off, not yet for long", alone(isolated_for=2.9), "warn", "isolating", "fenced after 3 s"),
    ("cut off, seen once", alone(silent_looks=1), "go_on", "isolating", ""),
    ("cut off, nobody to promote", alone(attached=""), "warn", "alone", "this primary goes on"),
    ("cut off, nobody to promote, seen once", alone(attached="", silent_looks=1), "go_on", "alone", ""),
    ("cut off, paused", alone(paused=True), "warn", "isolated", "paused"),
    ("cut off, the only database", alone()._replace(peers=()), "go_on", "primary", ""),
    ("cut off, but a host is there", alone(contact=True), "go_on", "primary", ""),
]  # fmt: skip
STANDBY_ROWS = [
    ("it receives", standby(EQUAL, idle_looks=0, own=STREAMS), "go_on", "standby", "receives from h0"),
    ("a new primary", standby(LEADS), "follow", "follow", "db2 is the primary on timeline 2"),
    ("a new primary, once", standby(LEADS, idle_looks=1), "go_on", "astray", "looking once more"),
    ("it hangs on one that is gone", standby(LEADS, own=STREAMS), "follow", "follow", "pointed at h0:5432"),
    ("a primary on our timeline", standby(EQUAL), "follow", "follow", ""),
    ("an older primary", standby(EQUAL._replace(timeline=0)), "go_on", "no_primary", ""),
    ("a new primary of another system", standby(STRANGER), "go_on", "no_primary", ""),
    ("two new ones", standby(LEADS, LEADS3), "warn", "two_primaries", "db2 and db3"),
    ("nobody", standby(DEAD), "go_on", "no_primary", ""),
    ("nobody, for nine looks", standby(DEAD, idle_looks=9), "go_on", "no_primary", ""),
    ("nobody, for ten looks", standby(DEAD, idle_looks=10), "warn", "no_primary", "no primary answers"),
    ("a stranger, for ten looks", standby(STRANGER, idle_looks=10), "warn", "no_primary", ""),
    ("pointed at it", standby(LEADS, own=THERE), "go_on", "connecting", "not received from yet"),
    ("pointed at its name", standby(LEADS, own=THERE._replace(upstream_host="db2")), "go_on", "connecting", ""),
    ("pointed at another port", standby(LEADS, own=THERE._replace(upstream_port=5433)), "follow", "follow", "h1:5433"),
    ("pointed at it, for nine looks", standby(LEADS, own=THERE, idle_looks=9), "go_on", "connecting", ""),
    ("pointed at it, for long", standby(LEADS, own=THERE, idle_looks=10), "warn", "not_streaming", "for 10 looks"),
    ("paused", standby(LEADS, paused=True), "warn", "follow", "paused"),
    ("recovering", standby(LEADS, recovering=True), "warn", "follow", "recover_standby is at work"),
    ("it does not answer", standby(LEADS, own=Own("standby")), "go_on", "starting", "does not answer"),
    ("stopped", standby(LEADS, own=Own("stopped")), "go_on", "stopped", "does not run"),
]  # fmt: skip


def said(decision):
    """The verdict; of one that goes on also whether the journal gets a warning, again and again."""
    return "warn" if decision.verdict == "go_on" and decision.loud else decision.verdict


@pytest.mark.parametrize(
    ("name", "look", "verdict", "code", "words"),
    PRIMARY_ROWS + STANDBY_ROWS,
    ids=[row[0] for row in PRIMARY_ROWS + STANDBY_ROWS],
)
def test_decision(name, look, verdict, code, words):
    decision = running.decide_running(look)
    assert (said(decision), decision.code, words in decision.reason) == (verdict, code, True), decision


def test_whom_to_follow_and_what_to_do_next():
    assert running.decide_running(standby(LEADS)).target == LEADS
    assert running.decide_running(primary(LEADS)).next_step == "ansible-playbook recover_standby.yml -l db1"
    assert "recover_standby.yml -l db3" in running.decide_running(standby(LEADS, own=THERE, idle_looks=10)).next_step
    assert "check_cluster" in running.decide_running(primary(EQUAL)).next_step


def test_what_a_server_says_is_looked_at_again_at_once_and_what_a_pgpool_says_after_a_second():
    assert running.decide_running(primary(LEADS, against=1)).confirming
    assert not running.decide_running(primary(DEAD, against=1, pgpools=(pool(1, 1),))).confirming


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (standby(LEADS), True),
        (standby(LEADS, own=STREAMS), True),  # it still hangs on the old one
        (standby(EQUAL, own=STREAMS), False),
        (standby(LEADS, LEADS3, own=STREAMS), False),
        (standby(LEADS, FOLLOWS3._replace(address="h0"), own=STREAMS), False),  # it receives through another standby
        (standby(LEADS, own=STREAMS._replace(upstream_host="h1")), False),
        (standby(LEADS, own=Own("standby")), False),
        (primary(LEADS), False),
    ],
)
def test_whether_a_standby_hangs_on_nobody(look, expected):
    assert running.idle(look) is expected


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (primary(FOLLOWS), "db2 streamed from this host"),
        (primary(FOLLOWS, pgpools=(pool(),)), "app1 had node 1 up as a standby"),
        (primary(FOLLOWS, pgpools=(pool(them="down"),)), ""),  # streams, and no pgpool would promote it
        (primary(FOLLOWS, pgpools=(pool(them="down"), pool(them="waiting", name="app2"))), "app2 had node 1"),
        (primary(FOLLOWS, pgpools=(Pgpool("app1"),)), "db2 streamed"),
        (primary(DEAD, own=Own("primary", True, 1, US)), ""),
    ],
)
def test_who_could_be_promoted(look, words):
    assert words in running.promotable(look) and bool(words) is bool(running.promotable(look))


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (primary(FOLLOWS, against=0), False),
        (primary(FOLLOWS, against=1), True),
        (primary(FOLLOWS._replace(timeline=2), against=0), True),
        (primary(FOLLOWS, DEAD, against=0), True),
        (primary(FOLLOWS._replace(system_identifier=THEM), against=0), True),
        (primary(FOLLOWS, against=0, own=Own("primary", True, 1, US)), True),
        (primary(against=0), False),
        (standby(LEADS, idle_looks=0), False),
        (standby(LEADS, idle_looks=1), False),
        (standby(own=Own("stopped")), False),
    ],
)
def test_when_the_pgpools_are_asked_each_second(look, expected):
    assert running.troubled(look) is expected


class Looks:
    """Looks one after the other, each with its time."""

    def __init__(self, **kept):
        self.memory, self.look = memory.Memory(**kept), None

    def see(self, at, look, took=0.1):
        bare = look._replace(against=0, silent_looks=0, isolated_for=0.0, attached="", idle_looks=0)
        self.look, self.memory = memory.remember(self.memory, bare, started=at, now=at + took, time=f"t{at}")
        return running.decide_running(self.look)


def gone(**more):
    return primary(DEAD, contact=False, **more)


def test_evidence_counts_when_it_is_seen_twice_in_a_row():
    looks = Looks()
    assert looks.see(1, primary(LEADS)).code == "suspicion"
    assert looks.see(2, primary(FOLLOWS)).code == "primary"
    assert looks.see(3, primary(LEADS)).code == "suspicion"
    assert looks.see(3.2, primary(LEADS)).verdict == "fence"


def test_what_the_pgpools_said_last_counts_for_four_seconds_when_they_say_nothing():
    silent = primary(LEADS, pgpools=(Pgpool("app1"), Pgpool("app2")))
    looks = Looks()
    assert looks.see(1, primary(LEADS, pgpools=(pool(), Pgpool("app2")))).code == "two_primaries"
    assert {looks.see(at, silent).code for at in (2, 3, 4, 5)} == {"two_primaries"}
    assert looks.see(6, silent).code == "suspicion"
    assert looks.see(6.2, silent).verdict == "fence"


def test_what_the_pgpools_said_is_forgotten_when_one_says_otherwise():
    looks = Looks()
    looks.see(1, primary(LEADS, pgpools=(pool(),)))
    assert looks.see(2, primary(LEADS, pgpools=(pool(1, 1),))).code == "suspicion"
    assert looks.see(2.2, primary(LEADS, pgpools=(Pgpool("app1"),))).verdict == "fence"


@pytest.mark.parametrize("meantime", [4.1, 20])
def test_nobody_thaws_with_what_the_pgpools_said(meantime):
    looks = Looks()
    looks.see(0, primary(FOLLOWS, pgpools=(pool(),)))
    assert looks.see(meantime, primary(LEADS)).code == "suspicion"


def test_a_cut_primary_is_fenced_three_seconds_after_the_last_contact():
    looks = Looks()
    looks.see(0, primary(FOLLOWS))
    assert [looks.see(at, gone(), took=0.5).verdict for at in (1, 1.5, 2, 2.5)] == ["go_on"] * 3 + ["fence"]
    assert looks.look.isolated_for == 3.0 and looks.look.attached == "db2 streamed from this host"


def test_a_moment_of_contact_starts_the_count_again():
    looks = Looks()
    looks.see(0, primary(FOLLOWS))
    for at in (1, 2, 2.4):
        looks.see(at, gone())
    looks.see(2.8, primary(FOLLOWS))
    assert looks.see(4, gone()).code == "isolating" and looks.look.silent_looks == 1


def test_a_lone_primary_goes_on_when_the_network_goes_too():
    looks = Looks()
    looks.see(0, primary(FOLLOWS))
    looks.see(1, primary(DEAD, pgpools=(pool(them="down"),)))
    assert {looks.see(at, gone()).verdict for at in range(2, 20)} == {"go_on"}


def test_who_starts_without_contact_had_nobody_attached():
    looks = Looks()
    assert {looks.see(at, gone()).verdict for at in range(20)} == {"go_on"}


def test_an_earlier_run_of_the_service_knew_who_was_attached():
    looks = Looks(attached="db2 streamed from this host")
    assert [looks.see(at, gone()).verdict for at in range(4)] == ["go_on"] * 3 + ["fence"]


def test_after_a_freeze_isolation_counts_anew_and_evidence_does_not_wait():
    looks = Looks()
    looks.see(0, primary(FOLLOWS))
    looks.see(1, gone())
    assert looks.see(20, gone()).code == "isolating" and looks.look.isolated_for < 1
    looks = Looks()
    looks.see(0, primary(FOLLOWS))
    assert looks.see(20, primary(LEADS)).confirming
    assert looks.see(20.1, primary(LEADS)).verdict == "fence"


def test_a_look_before_the_freeze_is_no_first_look():
    looks = Looks()
    looks.see(0, primary(LEADS))
    assert looks.see(20, primary(LEADS)).code == "suspicion"


def test_who_is_promoted_forgets_that_it_was_idle():
    looks = Looks()
    looks.see(0, standby(DEAD))
    looks.see(1, standby(DEAD))
    looks.see(2, standby(LEADS, own=Own("primary", True, 2, US)))
    assert looks.look.idle_looks == 0


def test_a_standby_follows_in_the_second_look():
    looks = Looks()
    assert looks.see(0, standby(EQUAL, own=STREAMS)).code == "standby"
    assert [looks.see(at, standby(LEADS)).verdict for at in (1, 2)] == ["go_on", "follow"]


@pytest.mark.parametrize(
    ("before", "look", "expected"),
    [
        (None, standby(LEADS), ("db2", 2, 120)),
        (None, standby(DEAD), None),
        (None, standby(STRANGER), None),
        (None, primary(FOLLOWS), ("db1", 1, 100)),
        (("db2", 2, 119), standby(LEADS), ("db2", 2, 120)),
        (("db2", 2, 500), standby(LEADS), ("db2", 2, 500)),  # a late answer
        (("db1", 1, 500), standby(LEADS), ("db2", 2, 120)),  # another primary
        (("db1", 1, 500), standby(DEAD), ("db1", 1, 500)),  # silence
        (("db3", 3, 500), standby(LEADS), ("db2", 2, 120)),  # promoted by mistake, and gone again
        (None, standby(LEADS, LEADS3._replace(timeline=3), own=THERE), ("db2", 2, 120)),  # the one that we follow
        (None, primary(LEADS), ("db1", 1, 100)),
        (None, standby(EQUAL, LEADS3), ("db3", 2, 130)),
        (None, standby(LEADS._replace(lsn=None)), None),
    ],
)
def test_the_last_position_of_the_primary(before, look, expected):
    heard = memory.hear(memory.Heard(*before, "t0") if before else None, look, "t1")
    assert (heard and tuple(heard)[:3]) == expected


def answer(text, rc=0):
    return ask.Answer(rc, text, "")


@pytest.mark.parametrize(
    ("text", "recovery_conf", "expected"),
    [
        (f"f|{US}|3|5000||pgops_1:4990:quorum,x::async|restoring|ANY 1 (pgops_1)|host=h1 port=5433", "",
         Own("primary", True, 3, US, 5000, standbys=("pgops_1", "x"), upstream_port=5433, names="ANY 1 (pgops_1)",
             requirement="restoring",
             senders=(things.Sender("pgops_1", 4990, "quorum"), things.Sender("x", None, "async")))),
        (f"t|{US}|3|5000|streaming||||user=x host=h1 port=5433 password='a|b'", "",
         Own("standby", True, 3, US, 5000, True, "h1", 5433)),
        (f"t|{US}|||stopping||||", "primary_conninfo = 'host=h2'", Own("standby", True, None, US, upstream_host="h2")),
    ],
)  # fmt: skip
def test_our_own_server(text, recovery_conf, expected):
    assert ask.read_own(answer(text + "\n"), recovery_conf) == expected


def test_our_own_server_does_not_answer():
    assert ask.read_own(answer("", rc=2)) is None and ask.read_own(answer("x\n")) is None


@pytest.mark.parametrize(
    ("rc", "stderr", "expected"),
    [
        (0, "", True),
        (2, "psql: error: Connection refused", True),
        (2, 'FATAL:  password authentication failed for user "x"', True),
        (2, "server closed the connection unexpectedly", True),
        (2, "psql: error: timeout expired", False),
        (2, "No route to host", False),
        (2, "Network is unreachable", False),
        (2, "connection to server failed: Invalid argument", False),  # a blackhole route
        (1, "ERROR:  permission denied", True),
        (2, "could not translate host name", False),
        (127, "psql: No such file or directory", False),
        (None, "", False),
    ],
)
def test_whether_a_host_was_there(rc, stderr, expected):
    assert ask.was_there(ask.Answer(rc, "", stderr)) is expected


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("host=h0 port=5432 user=r passfile=/x", "h1", "host=h1 port=5433 user=r passfile=/x"),
        ("user=r host=h0", "h1", "user=r host=h1 port=5433"),
        (r"host=h0 password='a b\'c\\d'", "h1", r"host=h1 password='a b\'c\\d' port=5433"),
        ("host=h0,h9 port=1,2 hostaddr=10.0.0.1", "h1", "host=h1 port=5433"),
        ("host=h0 application_name=''", "fe80::1", "host=fe80::1 application_name='' port=5433"),
        ("postgresql://h0/x", "h1", None),
        ("host=h0 oops", "h1", None),
    ],
)
def test_only_host_and_port_change(text, host, expected):
    assert conninfo.pointed_at(text, host, 5433) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host=h0 port=5433", ("h0", 5433)),
        ("hostaddr=10.0.0.1", ("10.0.0.1", 5432)),
        ("host=h0,h1 port=1,2", ("h0", 1)),
        ("", ("", 5432)),
        ("postgresql://h0", ("", 5432)),
    ],
)
def test_where_a_connection_string_leads(text, expected):
    assert conninfo.upstream(text) == expected


def test_recovery_conf_keeps_all_else():
    text = "# ours\nstandby_mode = 'on'\nprimary_conninfo = 'host=h0 password=''a''''b'''\nrestore_command='cp x'\n"
    assert conninfo.setting(text, "primary_conninfo") == "host=h0 password='a''b'"
    changed = conninfo.with_setting(text, "primary_conninfo", r"host=h1 password='a\'b'")
    assert changed.startswith("# ours\nstandby_mode = 'on'\nrestore_command='cp x'\n")
    assert conninfo.setting(changed, "primary_conninfo") == r"host=h1 password='a\'b'"
    assert conninfo.setting("", "primary_conninfo") == ""


def test_literals():
    assert conninfo.literal("it's") == "'it''s'"
    with pytest.raises(ValueError, match="line break"):
        conninfo.literal("a\nb")


def test_of_two_primaries_exactly_one_goes_on_when_the_pgpools_agree():
    """A standby was promoted by mistake; db1 is where the clients are. Both hosts look, each from its side."""
    for older_is_used in (True, False):
        view = (pool(0, 0) if older_is_used else pool(1, 1),)
        older = primary(LEADS, pgpools=view)
        newer_one = Look("db2", 1, Own("primary", True, 2, US), (Peer("db1", "primary", 1, US),), view, against=2)
        verdicts = [running.decide_running(look).verdict for look in (older, newer_one)]
        assert verdicts == (["go_on", "fence"] if older_is_used else ["fence", "go_on"])

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each state of the virtual IP with both managers: the finding, and the command that mends it."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.view import build_view
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_findings import vip_findings
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_seen import (
    holders_of,
    leaders,
    right_holder,
    with_vip,
)

from tests.unit import cluster_answers as c

MACS = {"app-server1": "02:42:0a:01:07:68", "app-server2": "02:42:0a:01:07:69", "postgres-db2": "02:42:0a:01:07:6b"}
ADDRESSES = {one["name"]: one["address"] for one in c.DATABASES + c.PGPOOLS}
STRANGER = {"mac": "02:42:0a:01:07:ee", "member": None}
WATCHDOG, KEEPALIVED = "watchdog", "keepalived"

RELEASE = 'ansible {} -b -m pgops.pgpool.vip_bind -a "address=10.1.7.100 state=absent"'
BIND = 'ansible {} -b -m pgops.pgpool.vip_bind -a "address=10.1.7.100 prefix=24 interface=eth0 announce_again=true"'
SHOUT = BIND.replace("announce_again", "force")
RESTART = 'ansible {} -b -m ansible.builtin.systemd_service -a "name=pgpool2 state=restarted"'
KRESTART = RESTART.replace("pgpool2", "keepalived")
BY_HAND = "ip address del 10.1.7.100/24 dev INTERFACE; until then: "
ONE, TWO, DB = "app-server1", "app-server2", "postgres-db2"


def said(base, host=None):
    """An answer of pgpool_info; with a host, that one has the address."""
    vip = {"address": "10.1.7.100", "held": host is not None}
    if host:
        vip.update(interface="eth0", mac=MACS[host])
    return {"pgpool": dict(base["pgpool"], vip=vip)}


def seen(one, two, others=(), manager=WATCHDOG, asker=ONE, primary=0, reason=None):
    """The view after the network was asked from app-server1; ``others`` are names, or answers of strangers."""
    postgres = dict(c.healthy()[0])
    view = build_view(c.DATABASES, c.PGPOOLS, postgres, {ONE: one, TWO: two}, "10.1.7.100")
    held = bool((one.get("pgpool") or {}).get("vip", {}).get("held"))
    bindings = [{"interface": "eth0", "mac": MACS[ONE], "prefix": 24, "label": None}] if held else []
    told = [one if isinstance(one, dict) else {"mac": MACS[one], "member": ADDRESSES[one]} for one in others]
    vip = {"held": held, "bindings": bindings, "asked": reason is None, "reason": reason, "others": told}
    settings = {"manager": manager, "prefix": 24, "interfaces": {ONE: "eth0", TWO: "eth0"}}
    return with_vip(view, {"vip": vip} if asker else None, asker=asker, settings=settings)


UP1, UP2 = said(c.pgpool(), ONE), said(c.pgpool(), TWO)
FREE, STOPPED = said(c.pgpool()), said(c.no_pgpool())
LEAD2 = said(c.pgpool(leader="10.1.7.105"))
LEAD2_UP1, LEAD2_UP2 = said(c.pgpool(leader="10.1.7.105"), ONE), said(c.pgpool(leader="10.1.7.105"), TWO)
BLIND_UP1 = said(c.pgpool(primary_id=1), ONE)
NO_LEADER = said(c.pgpool(leader=None))

CASES = {
    "two, the leader is right": (
        (UP1, UP2, [TWO]), "vip_second_holder", TWO, f"{RELEASE.format(TWO)} && {BIND.format(ONE)}"),
    "two, the leader is the other": (
        (LEAD2_UP1, LEAD2_UP2, [TWO]), "vip_second_holder", ONE, f"{RELEASE.format(ONE)} && {BIND.format(TWO)}"),
    "two, and both lead": (
        (UP1, LEAD2_UP2, [TWO]), "vip_second_holder", TWO,
        f"{RESTART.format(TWO)} && {RELEASE.format(TWO)} && {BIND.format(ONE)}"),
    "two, one of them stopped": (
        (said(c.no_pgpool(), ONE), LEAD2_UP2, [TWO]), "vip_second_holder", ONE,
        f"{RELEASE.format(ONE)} && {BIND.format(TWO)}"),
    "two, the leader knows another primary": (
        (BLIND_UP1, LEAD2_UP2, [TWO]), "vip_second_holder", ONE,
        f"{RESTART.format(ONE)} && {RELEASE.format(ONE)} && {BIND.format(TWO)}"),
    "two, and no pgpool runs": (
        (said(c.no_pgpool(), ONE), said(c.no_pgpool(), TWO), [TWO]), "vip_second_holder", ONE,
        RESTART.format(f"{ONE}:{TWO}")),
    "two, by keepalived: the lower id": (
        (LEAD2_UP1, LEAD2_UP2, [TWO], KEEPALIVED), "vip_second_holder", TWO,
        f"{KRESTART.format(TWO)} && {RELEASE.format(TWO)} && {BIND.format(ONE)}"),
    "two, by keepalived: the one that serves": (
        (said(c.no_pgpool(), ONE), LEAD2_UP2, [TWO], KEEPALIVED), "vip_second_holder", ONE,
        f"{KRESTART.format(ONE)} && {RELEASE.format(ONE)} && {BIND.format(TWO)}"),
    "the other cannot be reached": (
        (UP1, c.DEAD, [TWO]), "vip_second_holder", TWO, f"on {TWO} itself: {BY_HAND}{SHOUT.format(ONE)}"),
    "a database host too": (
        (UP1, FREE, [DB]), "vip_stranger", DB, f"{RELEASE.format(DB)} && {BIND.format(ONE)}"),
    "a stranger too": (
        (UP1, FREE, [STRANGER]), "vip_stranger", None,
        f"on the machine with {STRANGER['mac']}: {BY_HAND}{SHOUT.format(ONE)}"),
    "only a stranger": (
        (FREE, FREE, [STRANGER]), "vip_stranger", None,
        f"on the machine with {STRANGER['mac']}: {BY_HAND}{SHOUT.format(ONE)}"),
    "only a stranger, and no pgpool runs": (
        (STOPPED, STOPPED, [STRANGER]), "vip_stranger", None,
        f"on the machine with {STRANGER['mac']}: {BY_HAND}".removesuffix("; until then: ")),
    "only a database host": (
        (FREE, FREE, [DB]), "vip_stranger", DB, f"{RELEASE.format(DB)} && {BIND.format(ONE)}"),
    "only a database host, and no pgpool runs": (
        (STOPPED, STOPPED, [DB]), "vip_stranger", DB, f"{RELEASE.format(DB)} && {RESTART.format(f'{ONE}:{TWO}')}"),
    "only a database host, by keepalived": (
        (FREE, FREE, [DB], KEEPALIVED), "vip_stranger", DB, f"{RELEASE.format(DB)} && {KRESTART.format(ONE)}"),
    "a holder that is stopped": (
        (said(c.no_pgpool(), ONE), LEAD2), "vip_dead", ONE,
        f"{RELEASE.format(ONE)} && {BIND.format(TWO)} && {RESTART.format(ONE)}"),
    "a holder that is stopped, by keepalived": (
        (said(c.no_pgpool(), ONE), LEAD2, [], KEEPALIVED), "vip_dead", ONE,
        f"{KRESTART.format(ONE)} && {RESTART.format(ONE)}"),
    "a holder that is stopped like all": (
        (said(c.no_pgpool(), ONE), STOPPED), "vip_dead", ONE, RESTART.format(ONE)),
    "not on the leader": (
        (FREE, said(c.pgpool(), TWO), [TWO]), "vip_not_on_leader", TWO, f"{RELEASE.format(TWO)} && {BIND.format(ONE)}"),
    "not on the leader, and out of reach": (
        (FREE, c.DEAD, [TWO]), "vip_not_on_leader", TWO, f"on {TWO} itself: {BY_HAND}{SHOUT.format(ONE)}"),
    "nobody, the leader has lost it": ((FREE, FREE), "vip_nobody", None, BIND.format(ONE)),
    "nobody, no leader": ((NO_LEADER, NO_LEADER), "vip_nobody", None, RESTART.format(f"{ONE}:{TWO}")),
    "nobody, one stopped": ((NO_LEADER, STOPPED), "vip_nobody", None, RESTART.format(TWO)),
    "nobody, all stopped": ((STOPPED, STOPPED), "vip_nobody", None, RESTART.format(f"{ONE}:{TWO}")),
    "nobody, by keepalived": ((FREE, FREE, [], KEEPALIVED), "vip_nobody", None, KRESTART.format(f"{ONE}:{TWO}")),
    "nobody, by keepalived, all stopped": (
        (STOPPED, STOPPED, [], KEEPALIVED), "vip_nobody", None, RESTART.format(f"{ONE}:{TWO}")),
    "nobody can be asked": (
        (c.DEAD, c.DEAD, [], WATCHDOG, None), "vip_nobody", None, f"look at {ONE} and {TWO} itself"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_each_state_has_its_finding_and_the_command_that_mends_it(case):
    view, code, host, command = CASES[case]
    item, *more = vip_findings(seen(*view))
    assert (item["code"], item["host"], item["command"]) == (code, host, command)
    assert [one["command"] for one in more] == ([command] if case == "two, and no pgpool runs" else [])
    assert item["severity"] == ("warning" if case == "not on the leader" else "critical")


@pytest.mark.parametrize(
    "view",
    [
        (UP1, FREE),
        (UP1, c.DEAD),
        (UP1, STOPPED),
        (LEAD2, LEAD2_UP2, [TWO]),
        (FREE, said(c.pgpool(), TWO), [TWO], KEEPALIVED),
        (NO_LEADER, c.DEAD, [TWO]),
        (UP1, FREE, [], WATCHDOG, None),
        (FREE, UP2, [], WATCHDOG, None),
    ],
)
def test_one_holder_that_is_right_is_no_finding(view):
    codes = [item["code"] for item in vip_findings(seen(*view))]
    assert codes == (["vip_not_on_leader"] if view == (FREE, UP2, [], WATCHDOG, None) else [])


def test_where_nobody_says_who_moves_it_a_holder_that_serves_is_left_alone():
    """A deployment looks without asking the network."""
    view = build_view(c.DATABASES, c.PGPOOLS, dict(c.healthy()[0]), {ONE: FREE, TWO: UP2}, "10.1.7.100")
    assert vip_findings(view) == []


def test_a_holder_whose_password_is_wrong_is_not_called_dead():
    answer = said(c.no_pgpool(), ONE)
    answer["pgpool"]["error"] = {"code": "authentication_failed", "message": "no"}
    assert vip_findings(seen(answer, NO_LEADER)) == []


def test_two_strangers_are_two_findings_beside_the_right_holder():
    second = dict(STRANGER, mac="02:42:0a:01:07:ef")
    items = vip_findings(seen(UP1, FREE, [STRANGER, second]))
    assert [item["host"] for item in items] == [None, None]
    assert (
        "(02:42:0a:01:07:ee), as do app-server1 (eth0, 02:42:0a:01:07:68) and a stranger (02:42:0a:01:07:ef)"
        in (items[0]["message"])
    )


def test_each_holder_is_named_with_interface_and_mac():
    (item,) = vip_findings(seen(UP1, UP2, [TWO]))
    assert item["message"] == (
        "has the virtual IP 10.1.7.100 (eth0, 02:42:0a:01:07:69), as does app-server1 (eth0, 02:42:0a:01:07:68); "
        "app-server1 is to have it: it leads the watchdog, and its pgpool serves"
    )


def test_nobody_says_who_was_asked():
    assert "(asked from app-server1)" in vip_findings(seen(FREE, FREE))[0]["message"]
    assert "eth0 is down" in vip_findings(seen(FREE, FREE, reason="eth0 is down"))[0]["message"]
    assert "could not reach app-server2" in vip_findings(seen(FREE, c.DEAD))[0]["message"]


def test_without_a_virtual_ip_there_is_nothing_to_find():
    assert vip_findings(dict(seen(FREE, FREE), vip="")) == []


def test_without_the_network_what_the_hosts_said_counts():
    view = build_view(c.DATABASES, c.PGPOOLS, c.healthy()[0], {ONE: UP1, TWO: UP2}, "10.1.7.100")
    assert [one.host for one in holders_of(view)] == [ONE, TWO]
    (item,) = vip_findings(view)
    assert (item["code"], item["host"]) == ("vip_second_holder", TWO) and "prefix=PREFIX" in item["command"]


def test_one_pgpool_has_no_leader_and_gets_it_back():
    alone = c.pgpool(leader=None)
    view = build_view(c.DATABASES, c.PGPOOLS[:1], c.healthy()[0], {ONE: said(alone)}, "10.1.7.100")
    settings = {"manager": WATCHDOG, "prefix": 24, "interfaces": {ONE: "eth0"}}
    (item,) = vip_findings(with_vip(view, None, asker="", settings=settings))
    assert item["command"] == BIND.format(ONE)


ALONE = [dict(c.PGPOOLS[0]), dict(c.PGPOOLS[1], witness=True)]  # the second one only votes
LED_BY_WITNESS, WITNESS_UP = said(c.pgpool(leader="10.1.7.105")), said(c.pgpool(leader="10.1.7.105"), TWO)
DEAD_UP1 = said(c.no_pgpool(), ONE)


@pytest.mark.parametrize("pgpools", [c.PGPOOLS[:1], ALONE], ids=["a single pgpool", "one beside a witness"])
@pytest.mark.parametrize(
    ("answer", "code", "command"),
    [
        (said(c.pgpool(leader=None)), "vip_nobody", BIND.format(ONE)),
        (LED_BY_WITNESS, "vip_nobody", BIND.format(ONE)),
        (STOPPED, "vip_nobody", RESTART.format(ONE)),
        (c.DEAD, "vip_nobody", f"look at {ONE} itself"),
        (DEAD_UP1, "vip_dead", RESTART.format(ONE)),
    ],
)
def test_the_only_one_that_may_have_it_has_nothing_of_keepalived(pgpools, answer, code, command):
    """Systemd binds the address there, whatever pgops_vip_manager says, and a witness does not serve in its place."""
    answers = {ONE: answer, TWO: LED_BY_WITNESS}
    view = build_view(c.DATABASES, pgpools, dict(c.healthy()[0]), answers, "10.1.7.100")
    settings = {"manager": "systemd", "prefix": 24, "interfaces": {ONE: "eth0", TWO: "eth0"}}
    (item,) = vip_findings(with_vip(view, None, asker="", settings=settings))
    assert (item["code"], item["command"]) == (code, command)


THREE = "app-server3"
VOTES = dict(c.PGPOOLS[1], name=THREE, pgpool_id=2, address="10.1.7.108", witness=True)
LEADS, LEADS_UP = said(c.pgpool(leader="10.1.7.108")), said(c.pgpool(leader="10.1.7.108"))
LEADS_UP["pgpool"]["vip"] = {"address": "10.1.7.100", "held": True, "interface": "eth0", "mac": "02:42:0a:01:07:6c"}


@pytest.mark.parametrize(
    ("answers", "code", "host", "command"),
    [
        ((LEADS, LEADS, LEADS), "vip_nobody", None, KRESTART.format(f"{ONE}:{TWO}")),
        ((STOPPED, STOPPED, LEADS), "vip_nobody", None, RESTART.format(f"{ONE}:{TWO}")),
        ((STOPPED, STOPPED, STOPPED), "vip_nobody", None, RESTART.format(f"{ONE}:{TWO}")),
        ((c.DEAD, c.DEAD, LEADS), "vip_nobody", None, f"look at {ONE} and {TWO} itself"),
        ((LEADS, LEADS, LEADS_UP), "vip_stranger", THREE, f"{RELEASE.format(THREE)} && {KRESTART.format(ONE)}"),
        ((LEAD2_UP1, LEADS, LEADS_UP), "vip_stranger", THREE, f"{RELEASE.format(THREE)} && {BIND.format(ONE)}"),
        ((STOPPED, STOPPED, LEADS_UP), "vip_stranger", THREE,
         f"{RELEASE.format(THREE)} && {RESTART.format(f'{ONE}:{TWO}')}"),
        ((c.DEAD, c.DEAD, LEADS_UP), "vip_stranger", THREE, RELEASE.format(THREE)),
        ((DEAD_UP1, STOPPED, LEADS), "vip_dead", ONE, RESTART.format(ONE)),
    ],
)  # fmt: skip
def test_a_witness_never_is_to_have_it_and_has_no_keepalived(answers, code, host, command):
    view = build_view(
        c.DATABASES, [*c.PGPOOLS, VOTES], dict(c.healthy()[0]), dict(zip((ONE, TWO, THREE), answers)), "10.1.7.100"
    )
    settings = {"manager": KEEPALIVED, "prefix": 24, "interfaces": dict.fromkeys((ONE, TWO, THREE), "eth0")}
    (item,) = vip_findings(with_vip(view, None, asker="", settings=settings))
    assert (item["code"], item["host"], item["command"]) == (code, host, command)
    assert code != "vip_stranger" or "is a witness" in item["message"] or "as does app-server1" in item["message"]


def test_a_witness_that_the_network_shows_is_one():
    view = build_view(c.DATABASES, [*c.PGPOOLS, VOTES], c.healthy()[0], {ONE: FREE, TWO: FREE}, "10.1.7.100")
    told = {"mac": "02:42:0a:01:07:6c", "member": "10.1.7.108"}
    answer = {"vip": {"held": False, "bindings": [], "asked": True, "reason": None, "others": [told]}}
    found = with_vip(view, answer, asker=ONE, settings={"manager": KEEPALIVED})
    assert [(one.host, one.kind, one.reachable) for one in holders_of(found)] == [(THREE, "witness", False)]
    itself = {"vip": {"held": True, "bindings": [{"interface": "eth0", "mac": "x"}], "others": []}}
    (holder,) = holders_of(with_vip(view, itself, asker=THREE, settings={"manager": KEEPALIVED}))
    assert (holder.host, holder.kind) == (THREE, "witness")


def test_who_looked_again_is_believed():
    """Between the two questions the address moved: the host that asked the network knows better what it has."""
    moved = seen(UP1, FREE, [TWO])
    answer = {"vip": {"held": False, "bindings": [], "asked": True, "reason": None,
                      "others": [{"mac": MACS[TWO], "member": ADDRESSES[TWO]}]}}  # fmt: skip
    view = build_view(c.DATABASES, c.PGPOOLS, c.healthy()[0], {ONE: UP1, TWO: FREE}, "10.1.7.100")
    again = with_vip(view, answer, asker=ONE, settings=moved["vip_seen"])
    assert [(one.host, one.mac) for one in holders_of(again)] == [(TWO, MACS[TWO])]
    taken = {"vip": {"held": True, "bindings": [{"interface": "eth1", "mac": MACS[ONE]}], "others": []}}
    (holder,) = holders_of(with_vip(seen(FREE, FREE), taken, asker=ONE, settings={"manager": WATCHDOG}))
    assert str(holder) == "app-server1 (eth1, 02:42:0a:01:07:68)"


def test_leaders_and_right_holder_agree_with_names_and_addresses():
    view = seen(UP1, FREE)
    assert leaders(view) == {ONE: ONE, TWO: ONE} and right_holder(view)[0] == ONE
    assert right_holder(seen(STOPPED, STOPPED)) == (None, "no pgpool serves")
    assert right_holder(seen(UP1, UP2, [TWO], KEEPALIVED))[1] == "its pgpool serves, and it has the lowest id of those"

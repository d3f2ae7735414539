# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who moves the virtual address when nothing is said, and how a host gives it up."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.vip_manager import default_manager

from .rendering import ROLES, cluster, render, value_of

FAKE_SS = """#!/bin/bash
echo "ss $* (pgpool_down: $(cat {run}/pgpool_down))" >>{run}/log
"""
FAKE_NFT = """#!/bin/bash
echo "nft $*" >>{run}/log
"""
FAKE_IP = """#!/bin/bash
echo "ip $*" >>{run}/log
[ "$1" != -o ] || cat {run}/address
"""


@pytest.mark.parametrize("role", ["vip", "pgpool", "sudoers", "observe"])
@pytest.mark.parametrize(
    "said, manager",
    [
        ({}, "keepalived"),
        ({"pgops_timing_profile": "fast"}, "keepalived"),
        ({"pgops_timing_profile": "conservative"}, "watchdog"),
        ({"pgops_timing_profile": "conservative", "pgops_vip_manager": "keepalived"}, "keepalived"),
        ({"pgops_vip_manager": "watchdog"}, "watchdog"),
    ],
)
def test_all_roles_have_the_same_manager_when_nothing_is_said(role, said, manager):
    assert value_of(role, f"{{{{ {role}_vip_manager | default(vip_manager) }}}}", cluster(**said)) == manager
    if "pgops_vip_manager" not in said:
        assert default_manager(said.get("pgops_timing_profile")) == manager


def test_a_host_takes_over_within_milliseconds_and_the_first_one_wins():
    """RFC 5798, 6.1: the skew is (256 - priority) / 256 of advert_int, and 255 is for an owner."""
    texts = [render("vip", "keepalived.conf.j2", {**cluster(pgpools=4), "inventory_hostname": f"app-server{n}"})
             for n in (1, 2, 3, 4)]  # fmt: skip
    priorities = [int(re.search(r"^    priority (\d+)$", text, re.M)[1]) for text in texts]
    assert sorted(set(priorities), reverse=True) == priorities
    assert all(0.010 <= (256 - priority) / 256 * 0.2 <= 0.020 for priority in priorities)


@pytest.fixture
def down(tmp_path):
    """vip_down.sh with an ss and an ip that note what they get, and what keepalived has been told by then."""
    text = render("vip", "vip_down.sh.j2", {**cluster(), "__vip_run": str(tmp_path)})
    for name, fake in (("/bin/ss", FAKE_SS), ("/bin/ip", FAKE_IP), ("/usr/sbin/nft", FAKE_NFT)):
        path = tmp_path / name.rpartition("/")[2]
        path.write_text(fake.format(run=tmp_path), encoding="utf-8")
        path.chmod(0o755)
        assert f"{name} " in text
        text = text.replace(f"{name} ", f"{path} ")
    (tmp_path / "pgpool_down").write_text("0\n", encoding="utf-8")
    (tmp_path / "address").write_text("", encoding="utf-8")

    def run(*words):
        done = subprocess.run(["bash", "-c", text, "vip_down.sh", *words], check=False)
        log = tmp_path / "log"
        return done.returncode, log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    run.folder = tmp_path
    return run


ENDED = "ss -K state connected src 10.1.7.100 (pgpool_down: 0)"


def test_before_pgpool_stops_its_clients_are_told_and_then_keepalived(down):
    """Nobody gets in behind those who are told: the address may be gone before the next word."""
    which = "iifname eth0 meta pkttype host ip daddr 10.1.7.100 tcp dport 5432"
    closed = f"nft insert rule inet pgops_vip refuse {which} reject with tcp reset"
    assert down("--stopping") == (0, [closed, ENDED])
    assert (down.folder / "pgpool_down").read_text(encoding="utf-8") == "1\n"


def test_the_address_goes_and_the_sessions_with_it(down):
    assert down() == (0, ["ip addr del 10.1.7.100/24 dev eth0", ENDED])


def test_sessions_are_left_where_the_address_is_again(down):
    (down.folder / "address").write_text("2: eth0    inet 10.1.7.100/24\n", encoding="utf-8")
    assert down("--sessions") == (0, ["ip -o addr show to 10.1.7.100"])
    (down.folder / "address").write_text("", encoding="utf-8")
    assert down("--sessions")[1][-1] == ENDED


def tasks(name):
    return yaml.safe_load((ROLES / "vip" / "tasks" / f"{name}.yml").read_text(encoding="utf-8"))


class TestAStranger:
    """Who answers for the address and is no pgpool, beside a pgpool or not; the question itself is in tests/netns."""

    FRIEND = {"mac": "02:42:0a:01:07:69", "member": "10.1.7.105"}
    STRANGERS = ({"mac": "02:42:0a:01:07:ee", "member": None}, {"mac": "02:42:0a:01:07:ef", "member": None})

    def look(self):
        return next(task for task in tasks("vip") if "pgops.pgpool.vip_info" in task)

    def refuse(self, answer):
        """Whether it goes on, and what it says if not."""
        task = tasks("vip")[-1]
        variables = {**cluster(), "__vip_missing_packages": [], self.look()["register"]: answer, **task["vars"]}
        that = f"{{{{ {task['ansible.builtin.assert']['that']} }}}}"
        return value_of("vip", that, variables), value_of("vip", task["ansible.builtin.assert"]["fail_msg"], variables)

    @pytest.mark.parametrize("answer", [{"skipped": True}, {"vip": {"others": []}}, {"vip": {"others": [FRIEND]}}])
    def test_nobody_who_is_asked_and_the_other_pgpools_are_fine(self, answer):
        assert self.refuse(answer)[0] is True

    def test_each_is_named_by_its_mac_with_what_to_do(self):
        goes_on, said = self.refuse({"vip": {"others": [self.FRIEND, *self.STRANGERS]}})
        assert goes_on is False
        assert "by 02:42:0a:01:07:ee, 02:42:0a:01:07:ef, which is not one of app-server1, app-server2." in said
        assert self.FRIEND["mac"] not in said and "ip address del 10.1.7.100/24 dev INTERFACE" in said
        assert said.endswith("or set another pgops_vip. Nothing was changed.")

    @pytest.mark.parametrize(("check", "rc", "asks"), [(True, 0, True), (False, 0, False), (True, 2, False)])
    def test_it_is_asked_on_the_holder_too_and_never_without_its_tools(self, check, rc, asks):
        """In check mode on a bare host there may be no ip yet."""
        variables = {**cluster(), "vip_check_duplicate": check, "__vip_addresses": {"rc": rc, "stdout": "10.1.7.100"}}
        assert value_of("vip", f"{{{{ {self.look()['when']} }}}}", variables) is asks
        members = value_of("vip", self.look()["pgops.pgpool.vip_info"]["members"], variables)
        assert list(members) == ["10.1.7.104", "10.1.7.105"]


class TestSettingsOfSomebodyElse:
    """A keepalived.conf that we did not make: the tasks' own words, on real files."""

    def accepted(self, path, **more):
        look, refuse = tasks("foreign")
        variables = {**cluster(**more), "__vip_keepalived_conf": str(path)}
        argv = [value_of("vip", word, variables) for word in look["ansible.builtin.command"]["argv"]]
        marked = subprocess.run(argv, check=False, capture_output=True)
        that = f"{{{{ {refuse['ansible.builtin.assert']['that']} }}}}"
        return value_of("vip", that, {**variables, look["register"]: {"rc": marked.returncode}})

    def test_none_and_ours_are_fine(self, tmp_path):
        path = tmp_path / "keepalived.conf"
        assert self.accepted(path) is True
        path.write_text(render("vip", "keepalived.conf.j2", cluster()), encoding="utf-8")
        assert self.accepted(path) is True

    @pytest.mark.parametrize("text", ["vrrp_instance theirs {\n}\n", ""])
    def test_anything_else_is_refused_unless_it_is_to_be_adopted(self, tmp_path, text):
        path = tmp_path / "keepalived.conf"
        path.write_text(text, encoding="utf-8")
        assert self.accepted(path) is False
        assert self.accepted(path, pgops_adopt_existing=False) is False
        assert self.accepted(path, pgops_adopt_existing=True) is True

    def test_the_refusal_names_the_way_out(self):
        said = tasks("foreign")[1]["ansible.builtin.assert"]["fail_msg"]
        assert "__vip_keepalived_conf" in said
        assert all(word in said for word in ("pgops_adopt_existing=true", "pgops_vip_manager: watchdog"))

    def test_it_comes_before_anything_is_changed(self):
        """To install the package beside such a file would start keepalived with it."""
        assert tasks("main")[0]["ansible.builtin.include_tasks"]["file"] == "foreign.yml"
        assert tasks("main")[0]["when"] == "__vip_keepalived"

    def test_what_is_adopted_is_kept_beside_it(self):
        (write,) = [task for task in tasks("keepalived") if task["name"].endswith("Write its settings")]
        assert write["ansible.builtin.template"]["backup"] == "{{ __vip_marked.rc == 1 }}"

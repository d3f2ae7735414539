# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from lab.cgroup import cgroup_options, has_unified_mount, security_options
from lab.errors import LabError

V2 = ["--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
HYBRID = ["-v", "/sys/fs/cgroup/unified:/sys/fs/cgroup:rw"]
V1 = ["-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro"]


@pytest.mark.parametrize(
    ("version", "unified", "suite", "options"),
    [
        ("2", False, "bookworm", V2),
        ("2", False, "forky", V2),
        ("1", True, "bookworm", HYBRID),
        ("1", True, "forky", HYBRID),
        ("1", False, "bookworm", V1),
        ("", True, "trixie", HYBRID),
    ],
)
def test_the_tree_follows_the_machine(version, unified, suite, options):
    assert cgroup_options(version, unified, suite) == options


def test_testing_on_plain_v1_is_refused_with_a_remedy():
    with pytest.raises(LabError, match=r"systemd of forky does not boot.*another LAB_SUITE"):
        cgroup_options("1", False, "forky")


@pytest.mark.parametrize(
    ("mounts", "answer"),
    [
        ("cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n", True),
        ("tmpfs / tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", False),
        ("cgroup /sys/fs/cgroup/unified cgroup rw 0 0\n", False),
        ("", False),
    ],
)
def test_a_hybrid_machine_is_told_by_its_mounts(mounts, answer):
    assert has_unified_mount(mounts) is answer


def test_profiles_that_refuse_mounts_are_lifted_only_where_they_are():
    seccomp = ["--security-opt", "seccomp=unconfined"]
    assert security_options([]) == seccomp
    assert security_options(["name=apparmor", "name=seccomp,profile=default"])[2:] == [
        "--security-opt",
        "apparmor=unconfined",
    ]
    assert security_options(["name=selinux"])[2:] == ["--security-opt", "label=disable"]

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a container gets the cgroup tree its systemd needs, decided by what the engine's machine has."""

from __future__ import annotations

from .errors import LabError

# systemd 258 and later no longer boots on cgroup v1.
NEEDS_V2 = ("forky",)


def cgroup_options(version, unified_mount, suite):
    """Options for ``docker run``.

    ``version`` is CgroupVersion of ``docker info``; ``unified_mount`` tells that cgroup v2 is mounted beside v1
    (a hybrid host), where the v2 tree is what the container gets.
    """
    if version == "2":
        return ["--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    if unified_mount:
        return ["-v", "/sys/fs/cgroup/unified:/sys/fs/cgroup:rw"]
    if suite in NEEDS_V2:
        raise LabError(
            f"This machine has cgroup v1 only, and the systemd of {suite} does not boot on it. Use another LAB_SUITE "
            "(bookworm, trixie), or boot the machine with systemd.unified_cgroup_hierarchy=1."
        )
    return ["-v", "/sys/fs/cgroup:/sys/fs/cgroup:ro"]


def has_unified_mount(mounts):
    """Whether the text of /proc/mounts has cgroup v2 at /sys/fs/cgroup/unified."""
    return any(line.split()[1:3] == ["/sys/fs/cgroup/unified", "cgroup2"] for line in mounts.splitlines())


def security_options(reported):
    """``--security-opt`` options; ``reported`` is SecurityOptions of ``docker info``.

    systemd mounts inside the container, which the default profiles of seccomp and AppArmor refuse.
    """
    options = ["--security-opt", "seccomp=unconfined"]
    if any("apparmor" in entry for entry in reported):
        options += ["--security-opt", "apparmor=unconfined"]
    if any("selinux" in entry for entry in reported):
        options += ["--security-opt", "label=disable"]
    return options

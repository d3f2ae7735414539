# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from lab.engine import why_not

SILENT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
DENIED = "permission denied while trying to connect to the Docker daemon socket"


@pytest.mark.parametrize(
    ("said", "docker_host", "root", "ids", "may", "words"),
    [
        (SILENT, "", True, ["debian"], False, "LAB_INSTALL_DOCKER=no forbids"),
        (SILENT, "", False, ["debian"], True, "sudo apt-get install docker.io"),
        (SILENT, "", True, ["fedora"], True, "docs.docker.com"),
        (SILENT, "", True, [], True, "docs.docker.com"),
        (SILENT, "tcp://10.0.0.9:2375", True, ["debian"], True, "DOCKER_HOST is tcp://10.0.0.9:2375"),
        (DENIED, "", False, ["ubuntu", "debian"], True, "group docker"),
        (DENIED, "", False, ["fedora"], False, "group docker"),
    ],
)
def test_a_refusal_says_what_to_do(said, docker_host, root, ids, may, words):
    assert words in why_not(said, docker_host, root, ids, may)


@pytest.mark.parametrize("ids", [["debian"], ["ubuntu", "debian"], ["linuxmint", "ubuntu", "debian"]])
def test_root_on_debian_and_its_kin_gets_an_engine(ids):
    assert why_not(SILENT, "", True, ids, True) is None
    assert why_not("", "unix:///var/run/docker.sock", True, ids, True) is None

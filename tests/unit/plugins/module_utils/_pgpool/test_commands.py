# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import commands

VIP = {"address": "10.1.7.100", "prefix": 24, "interface": "eth0"}
DATABASES = [{"address": "10.1.7.106", "port": 5432}, {"address": "10.1.7.107", "port": 5433}]


def test_vip_commands():
    assert commands.vip_commands(**VIP) == {
        "up": "/bin/ip addr add 10.1.7.100/24 dev eth0 label eth0:1",
        "down": "/usr/local/lib/pgops/vip_down.sh",
        "announce": "/usr/bin/arping -U 10.1.7.100 -c 2 -w 1 -I eth0",
    }


def test_a_long_interface_name_has_no_room_for_a_label():
    assert "label" not in commands.vip_commands(**{**VIP, "interface": "enx0123456789ab"})["up"]


def test_a_pgpool_host_may_move_the_address_and_cut_the_connections_to_each_database():
    assert commands.pgpool_host_commands(VIP, DATABASES) == [
        *commands.vip_commands(**VIP).values(),
        "/bin/ss -K -t state established dst 10.1.7.106 dport = 5432",
        "/bin/ss -K -t state connected dst 10.1.7.106 dport = 5432",
        "/bin/ss -K -t state established dst 10.1.7.107 dport = 5433",
        "/bin/ss -K -t state connected dst 10.1.7.107 dport = 5433",
    ]
    assert len(commands.pgpool_host_commands({}, DATABASES)) == 4


@pytest.mark.parametrize(
    "command, escaped",
    [
        ("/bin/ss -K dport = 5432", r"/bin/ss -K dport \= 5432"),
        ("/bin/ip addr add a label eth0:1", r"/bin/ip addr add a label eth0\:1"),
        ("/bin/systemctl kill x@15-main.service", "/bin/systemctl kill x@15-main.service"),
    ],
)
def test_for_sudoers(command, escaped):
    assert commands.for_sudoers(command) == escaped


@pytest.mark.parametrize("word", ["*", "a*", "$(x)", "a;b", "", "a,b", "a\nb", "'", "!x", "\\"])
def test_words_that_could_mean_more_are_refused(word):
    with pytest.raises(ValueError):
        commands.fence(service=word)

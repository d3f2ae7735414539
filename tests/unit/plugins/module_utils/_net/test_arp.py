# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed
from ansible_collections.pgops.pgpool.plugins.module_utils._net import arp
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult

TAKEN = """ARPING 10.1.7.100 from 0.0.0.0 eth0
Unicast reply from 10.1.7.100 [02:42:0A:01:07:69]  0.581ms
Sent 1 probes (1 broadcast(s))
Received 1 response(s)
"""
FREE = """ARPING 10.1.7.100 from 0.0.0.0 eth0
Sent 2 probes (2 broadcast(s))
Received 0 response(s)
"""
TWO = TAKEN.replace("Sent", "Unicast reply from 10.1.7.100 [02:42:0A:01:07:6A]  0.7ms\nSent")


class Arping:
    """A runner with one scripted arping."""

    def __init__(self, rc=0, stdout="", stderr="", installed=True):
        self.answer, self.installed, self.asked = (rc, stdout, stderr), installed, []

    def which(self, name):
        return f"/usr/bin/{name}" if self.installed else None

    def run(self, argv, **_options):
        self.asked.append(" ".join(argv))
        return CommandResult(tuple(argv), *self.answer)


@pytest.mark.parametrize(
    ("stdout", "holders"),
    [
        (TAKEN, ("02:42:0a:01:07:69",)),
        (TAKEN + TAKEN, ("02:42:0a:01:07:69",)),
        (TWO, ("02:42:0a:01:07:69", "02:42:0a:01:07:6a")),
        (TAKEN.replace("Unicast reply", "Broadcast request"), ("02:42:0a:01:07:69",)),
        (FREE, ()),
    ],
)
@pytest.mark.parametrize("rc", [0, 1])
def test_holders_are_read_from_the_answers_not_from_the_status(stdout, holders, rc):
    runner = Arping(rc, stdout)
    assert arp.holders_of(runner, "10.1.7.100", interface="eth0") == holders
    assert runner.asked == ["/usr/bin/arping -D -c 2 -w 2 -I eth0 10.1.7.100"]


@pytest.mark.parametrize(
    ("rc", "stdout", "stderr"),
    [
        (2, "", "arping: Device eth9 not available."),
        (0, "", 'Interface "lo" is not ARPable'),
        (2, "", "arping: socket: Operation not permitted"),
        (None, "", ""),
    ],
)
def test_silence_is_not_proof_when_nothing_was_sent(rc, stdout, stderr):
    with pytest.raises(CommandFailed) as caught:
        arp.holders_of(Arping(rc, stdout, stderr), "10.1.7.100", interface="eth0")
    assert (stderr or "ended with None") in str(caught.value)


@pytest.mark.parametrize("call", [arp.holders_of, arp.announce])
def test_missing_program_names_its_package(call):
    with pytest.raises(CommandFailed, match="iputils-arping"):
        call(Arping(installed=False), "10.1.7.100", interface="eth0")


def test_announces():
    runner = Arping(0, FREE)
    arp.announce(runner, "10.1.7.100", interface="eth0")
    assert runner.asked == ["/usr/bin/arping -U -c 2 -w 1 -I eth0 10.1.7.100"]
    with pytest.raises(CommandFailed, match="Cannot assign"):
        arp.announce(Arping(2, "", "bind: Cannot assign requested address"), "10.1.7.100", interface="eth0")

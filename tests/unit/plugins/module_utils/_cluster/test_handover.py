# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._cluster.handover import Handover, Wanted
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import CommandFailed, NotVerified
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import Clock, CommandResult

VIP = "10.1.7.100"
BUSY = "pgpool: someuser appdb 10.1.7.9(40001) SELECT"
IDLE = "pgpool: someuser appdb 10.1.7.9(40002) idle"
OURS = "pgpool: healthcheck postgres 10.1.7.106(40003) SELECT"
SS = f"0 0 {VIP}:5432 10.1.7.9:40001\n0 0 {VIP}:5432 10.1.7.9:40002\n"


class Ticks(Clock):
    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


class Host:
    """A pgpool host: what its commands say, and what was done. ``obeys``: the address goes and comes as it should."""

    def __init__(self, tmp_path, manager="keepalived", held=True, obeys=True):
        self.held, self.obeys, self.active = held, obeys, {"pgpool2.service", "keepalived.service"}
        self.commands, self.titles, self.clock = [], [BUSY, IDLE, OURS], Ticks()
        self.last = {}  # when a program was run last
        folder = tmp_path / "pgops-vip"
        if manager == "keepalived":
            folder.mkdir()
            for name, word in (("pgpool_down", "0"), ("moved_away", "0"), ("state", "MASTER" if held else "BACKUP")):
                (folder / name).write_text(word + "\n")
        self.flag = folder / "moved_away"
        self.wanted = Wanted(
            manager=manager, address=VIP, port=5432, target="app-server2", folder=str(folder),
            claim=str(tmp_path / "claim.json"), note=str(tmp_path / "switch"), ignored_users=("healthcheck",),
        )  # fmt: skip
        self.handover = Handover(self.wanted, runner=self, clock=self.clock, titles=lambda: self.titles)

    def run(self, argv, **_options):
        self.commands.append(" ".join(argv))
        self.last[argv[0]] = self.clock.now()
        if argv[0] == "ip":
            return CommandResult(argv, 0, self._addresses(), "")
        if argv[:2] == ("systemctl", "is-active"):
            return CommandResult(argv, 0 if argv[-1] in self.active else 3, "", "")
        if argv[:2] == ("systemctl", "stop"):
            self.active.discard(argv[2])
            self.held = self.held and not (self.obeys and argv[2] == "pgpool2.service")
        if argv[:2] == ("systemctl", "start"):
            self.active.add(argv[2])
        if argv[0] == "systemd-run":
            self.active.add("pgops-move-vip.timer")
        return CommandResult(argv, 0, SS if argv[0] == "ss" and "-K" not in argv else "", "")

    def _addresses(self):
        if self.flag.exists() and self.flag.read_text() == "1\n" and self.obeys:
            self.held = False
        bound = [{"family": "inet", "local": VIP, "prefixlen": 24}] if self.held else []
        return json.dumps([{"ifname": "eth0", "flags": ["UP"], "addr_info": bound}])

    def did(self, word):
        return [command for command in self.commands if word in command]


def test_keepalived_gives_it_up_and_the_sessions_are_ended(tmp_path):
    host = Host(tmp_path)
    host.titles = [IDLE, OURS]
    answer = host.handover.away(drain=2)
    assert answer == {"changed": True, "drained": {"seconds": 0.0, "sessions": 1, "busy_at_first": 0, "busy": 0}}
    assert host.flag.read_text() == "1\n"
    assert len(host.did("ss -K")) == 2 and host.did("ss -K")[0].endswith(f"src {VIP} sport = :5432")
    assert not host.did("systemctl stop")
    assert host.handover.away(drain=2) == {"changed": False, "drained": None}


def test_a_quiet_moment_is_waited_for_and_not_longer_than_asked(tmp_path):
    host = Host(tmp_path)
    told = host.handover.away(drain=0.5)["drained"]
    assert told["busy"] == 1 and told["sessions"] == 2 and 0.5 <= told["seconds"] < 0.6


def test_drain_0_does_not_wait(tmp_path):
    host = Host(tmp_path)
    assert host.handover.away(drain=0)["drained"]["seconds"] == 0


def test_keepalived_that_does_not_obey_is_told_to_keep_it(tmp_path):
    host = Host(tmp_path, obeys=False)
    with pytest.raises(NotVerified, match="still has the address"):
        host.handover.away(drain=0)
    assert host.flag.read_text() == "0\n" and host.held


def test_a_host_without_the_address_only_stays_away(tmp_path):
    host = Host(tmp_path, held=False)
    assert host.handover.away(drain=2) == {"changed": True, "drained": None}
    assert host.flag.read_text() == "1\n" and not host.did("ss -K")


def test_without_keepalived_there_is_no_file(tmp_path):
    host = Host(tmp_path)
    host.flag.unlink()
    with pytest.raises(CommandFailed, match="deploy_cluster.yml"):
        host.handover.away(drain=0)


def test_the_watchdog_gives_it_up_by_a_stop_that_a_timer_undoes(tmp_path):
    host = Host(tmp_path, "watchdog")
    told = host.handover.away(drain=0)
    assert told["changed"] and told["drained"]["sessions"] == 2  # all of this pgpool's, not only through the address
    done = [command for command in host.commands if command.startswith(("systemd-run", "systemctl stop pgpool2"))]
    assert [command.split()[0] for command in done] == ["systemd-run", "systemctl"]  # the timer first
    assert "--on-active=60" in done[0] and done[0].endswith("systemctl start pgpool2.service")
    assert host.handover.away(drain=0) == {"changed": False, "drained": None}
    assert host.handover.describe()["return_due"]
    assert host.handover.back() == {"changed": True}
    assert {"pgpool2.service"} < host.active and "pgops-move-vip.timer" not in host.active
    assert host.handover.back() == {"changed": False}


def test_the_timer_does_not_run_while_a_quiet_moment_is_waited_for(tmp_path):
    """It would start pgpool in the middle of the election."""
    host = Host(tmp_path, "watchdog")
    assert host.handover.away(drain=45)["drained"]["seconds"] >= 45
    assert host.last["systemd-run"] >= 45


def test_a_pgpool_that_somebody_else_has_stopped_stays_so(tmp_path):
    """Only what the move has stopped is started: that has a timer."""
    host = Host(tmp_path, "watchdog", held=False)
    host.active.discard("pgpool2.service")
    host.handover.claim.take()
    assert not host.handover.would_change("back")
    assert host.handover.back() == {"changed": False}
    assert not host.did("systemctl start") and "pgpool2.service" not in host.active
    assert host.handover.describe()["claim"] is None


def test_a_pgpool_that_runs_again_only_loses_its_timer(tmp_path):
    host = Host(tmp_path, "watchdog")
    host.handover.away(drain=0)
    host.active.add("pgpool2.service")
    assert host.handover.would_change("back") and host.handover.back() == {"changed": True}
    assert [done.split()[0] for done in host.did("systemctl start")] == ["systemd-run"]  # the timer's own
    assert "pgops-move-vip.timer" not in host.active


def test_an_address_that_outlives_its_pgpool(tmp_path):
    host = Host(tmp_path, "watchdog", obeys=False)
    with pytest.raises(NotVerified, match="still here after pgpool was stopped"):
        host.handover.away(drain=0)
    assert "pgpool2.service" in host.active


def test_it_is_waited_for(tmp_path):
    host = Host(tmp_path, held=False)
    with pytest.raises(NotVerified, match="within 5 s"):
        host.handover.taken(5)
    assert 5 <= host.clock.now() < 5.2
    host.held = True
    assert host.handover.taken(5) == {"changed": False, "waited": 0.0}


def test_back_with_keepalived(tmp_path):
    host = Host(tmp_path)
    host.handover.claim.take()
    host.handover.away(drain=0)
    assert host.handover.describe()["claim"]["target"] == "app-server2"
    assert host.handover.back() == {"changed": True} and host.flag.read_text() == "0\n"
    assert host.handover.back() == {"changed": False}
    assert host.handover.describe()["claim"] is None


@pytest.mark.parametrize("manager", ["watchdog", "keepalived"])
def test_what_is_told(tmp_path, manager):
    told = Host(tmp_path, manager).handover.describe()
    assert told["held"] and told["service_active"] and not told["return_due"] and not told["switching"]
    assert (told["sessions"], told["busy"]) == (2, 1)  # our own are no clients
    files = {"active": True, "state": "MASTER", "pgpool_down": False, "moved_away": False}  # keepalived's own word
    assert told["keepalived"] == (files if manager == "keepalived" else None)


def test_which_manager_it_is_can_be_seen(tmp_path):
    host = Host(tmp_path)
    auto = Handover(host.wanted._replace(manager="auto"), runner=host, clock=host.clock)
    assert auto.manager == "keepalived"
    host.active.discard("keepalived.service")
    assert auto.manager == "watchdog"


def test_a_planned_switch_is_noticed(tmp_path):
    host = Host(tmp_path)
    (tmp_path / "switch").write_text("0 to 1\n")
    assert host.handover.describe()["switching"]


@pytest.mark.parametrize("manager", ["watchdog", "keepalived"])
def test_check_mode_knows_what_would_change(tmp_path, manager):
    host = Host(tmp_path, manager)
    assert host.handover.would_change("away") and not host.handover.would_change("back")
    assert not host.handover.would_change("taken")
    host.handover.away(drain=0)
    assert not host.handover.would_change("away") and host.handover.would_change("back")

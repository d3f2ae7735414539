# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from lab import hosts
from lab.errors import LabError
from lab.plan import hosts_of
from lab.settings import read_settings


class Machines:
    """Stands for Docker: each host has a state, and boots as often as its list says."""

    def __init__(self, monkeypatch, states, boots):
        self.states, self.boots, self.made, self.revived = states, boots, [], []
        monkeypatch.setattr(hosts, "state", lambda _project, host: self.states.get(host.name, "missing"))
        monkeypatch.setattr(hosts, "create", self.create)
        monkeypatch.setattr(hosts, "_revive", self.revive)
        monkeypatch.setattr(hosts, "wait_booted", self.wait_booted)

    def create(self, _settings, host, _image, _options):
        self.made.append(host.name)

    def revive(self, _settings, host):
        self.revived.append(host.name)
        return self.states.get(host.name, "missing") != "missing"

    def wait_booted(self, _project, waiting):
        return [host for host in waiting if not self.boots.get(host.name, [True]).pop(0)]


def boot():
    settings = read_settings({})
    return [host.name for host in hosts.boot(settings, hosts_of(settings), "image", [])]


def test_a_running_lab_stays(monkeypatch):
    machines = Machines(monkeypatch, dict.fromkeys((h.name for h in hosts_of(read_settings({}))), "running"), {})
    assert boot() == []
    assert machines.made == machines.revived == []


def test_a_stopped_host_is_started_and_not_made_anew(monkeypatch):
    states = dict.fromkeys((h.name for h in hosts_of(read_settings({}))), "degraded")
    machines = Machines(monkeypatch, {**states, "postgres-db1": "exited"}, {})
    assert boot() == ["postgres-db1"]
    assert (machines.made, machines.revived) == ([], ["postgres-db1"])


def test_a_boot_that_hangs_is_repeated_and_said(monkeypatch, capsys):
    machines = Machines(monkeypatch, {}, {"app-server2": [False, False, True]})
    boot()
    assert machines.made.count("app-server2") == 3
    assert machines.made.count("app-server1") == 1
    assert "app-server2: its systemd did not finish booting, making it again (3 of 3)" in capsys.readouterr().err


def test_three_hanging_boots_are_an_error_that_names_the_container(monkeypatch):
    Machines(monkeypatch, {}, {"app-server2": [False, False, False]})
    with pytest.raises(LabError, match=r"pgops-app-server2: systemd did not finish booting in 3 attempts"):
        boot()


def test_a_small_inotify_limit_is_mentioned(monkeypatch, tmp_path):
    limit = tmp_path / "max_user_instances"
    monkeypatch.setattr(hosts, "INOTIFY", limit)
    Machines(monkeypatch, {}, {"app-server2": [False] * 6})
    limit.write_text("128\n")
    with pytest.raises(LabError, match="max_user_instances is 128, try sysctl -w"):
        boot()
    limit.write_text("8192\n")
    with pytest.raises(LabError, match="list-jobs$"):
        boot()


@pytest.mark.parametrize(("power_on", "first"), [(hosts.start, "start"), (hosts.reboot, "restart")])
@pytest.mark.parametrize("hangs", range(4))
def test_a_host_that_hangs_when_it_is_switched_on_is_killed_and_started_again(monkeypatch, power_on, first, hangs):
    done = []
    Machines(monkeypatch, {}, {"postgres-db1": [False] * hangs + [True]})
    monkeypatch.setattr(hosts, "docker", lambda word, *_words, **_options: done.append(word))
    monkeypatch.setattr(hosts, "attempt", lambda word, *_words, **_options: done.append(word))
    host = next(one for one in hosts_of(read_settings({})) if one.name == "postgres-db1")
    if hangs < hosts.ATTEMPTS:
        power_on("pgops", host)
    else:
        with pytest.raises(LabError, match="postgres-db1 did not boot in 3 attempts"):
            power_on("pgops", host)
    assert done == [first, *["kill", "start"] * min(hangs, hosts.ATTEMPTS - 1)]

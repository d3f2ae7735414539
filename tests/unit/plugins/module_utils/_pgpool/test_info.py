# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._errors import AuthenticationFailed, PgopsError
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import info
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.observe import Pgpool
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.wire import Login
from ansible_collections.pgops.pgpool.plugins.module_utils._ports import CommandResult

from tests.unit.fake_pcp import SILENCE, Backends, FakePcp, QuickClock, error

ADDRESSES = [
    {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
    {
        "ifname": "eth0",
        "address": "02:42:0a:01:07:68",
        "addr_info": [{"family": "inet", "local": "10.1.7.100", "prefixlen": 24}],
    },
]


class Runner:
    """A host with the address 10.1.7.100 and a pgpool program."""

    def __init__(self, **answers):
        self.answers = dict({"ip": (0, json.dumps(ADDRESSES), ""), "pgpool": (0, "", "pgpool-II version 4.3.5 (x)\n")})
        self.answers.update(answers)

    def run(self, argv, **_options):
        return CommandResult(argv, *self.answers[argv[0]])


def described(server, *, vip=None, runner=None, password="secret"):
    login = Login(server.host, server.port, "pgpoolad", password)
    pgpool = Pgpool(login, "pgpool of app-server1", 0.4, QuickClock())
    return info.describe(lambda: pgpool, runner=runner or Runner(), vip=vip)


def test_everything_there(monkeypatch):
    monkeypatch.setattr(info, "paused", lambda: True)
    monkeypatch.setattr(info, "last_failover", lambda: {"result": "promoted"})
    with FakePcp(Backends(13)) as server:
        seen = described(server, vip="10.1.7.100")
    assert seen["reachable"] is True and seen["error"] is None and seen["version"] == "4.3.5"
    assert [node["status_name"] for node in seen["nodes"]] == ["up", "up"]
    assert seen["watchdog"]["enabled"] is False
    assert (seen["paused"], seen["last_failover"]) == (True, {"result": "promoted"})
    assert (seen["vip"]["address"], seen["vip"]["held"], seen["vip"]["error"]) == ("10.1.7.100", True, None)
    assert (seen["vip"]["interface"], seen["vip"]["mac"]) == ("eth0", "02:42:0a:01:07:68")
    assert json.dumps(seen)


def test_a_wrong_password_is_an_answer_and_the_vip_is_told_all_the_same():
    with FakePcp(Backends()) as server:
        seen = described(server, vip="10.1.7.101", password="topsecret")
    assert (seen["reachable"], seen["error"]["code"], seen["nodes"]) == (False, "authentication_failed", [])
    assert seen["vip"]["held"] is False and seen["watchdog"] is None
    assert "topsecret" not in json.dumps(seen)


def test_no_password_to_use_is_an_answer():
    def fail():
        raise AuthenticationFailed("read a file", server="s", seen="nothing", next_step="do")

    seen = info.describe(fail, runner=Runner(), vip=None)
    assert (seen["error"]["code"], seen["vip"]) == ("authentication_failed", None)


def test_garbage_is_an_answer():
    with FakePcp(lambda _kind, _payload: b"HTTP/1.1 400 no") as server:
        assert described(server)["error"]["code"] == "parse_error"


@pytest.mark.parametrize("reply", [error("ERROR", "informing watchdog info failed", "invalid watchdog index"), SILENCE])
def test_a_mute_watchdog_does_not_hide_the_nodes(reply):
    backends = Backends()
    backends.watch = lambda _kind, _text: reply
    with FakePcp(backends) as server:
        seen = described(server)
    assert seen["reachable"] and len(seen["nodes"]) == 2
    assert seen["watchdog"]["enabled"] is True and seen["watchdog"]["error"]


@pytest.mark.parametrize("answer", [(127, "", "no ip"), (0, "broken", ""), (None, "", "")])
def test_a_vip_that_cannot_be_looked_for(answer):
    seen = info.describe_vip("10.1.7.100", runner=Runner(ip=answer))
    assert seen["held"] is None and seen["error"]


def test_a_vip_in_another_spelling():
    addresses = [{"ifname": "eth0", "addr_info": [{"family": "inet6", "local": "fd00::5", "prefixlen": 64}]}]
    assert info.describe_vip("FD00:0::5", runner=Runner(ip=(0, json.dumps(addresses), "")))["held"] is True
    with pytest.raises(PgopsError):
        info.describe_vip("not an address", runner=Runner())


@pytest.mark.parametrize(
    ("answer", "version"),
    [((0, "pgpool-II version 4.7.3 (kyukouboshi)\n", ""), "4.7.3"), ((127, "", "missing"), None), ((0, "?", ""), None)],
)
def test_installed_version(answer, version):
    assert info.installed_version(Runner(pgpool=answer)) == version

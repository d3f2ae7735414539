# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.pgops.pgpool.plugins.filter.pgpool_conf import FilterModule

F = FilterModule().filters()


def test_a_setting():
    assert F["pgpool_setting"]("delegate_ip", "10.1.7.100", "4.3.5") == "delegate_IP = '10.1.7.100'"
    assert F["pgpool_major"]("4.6.1-1") == "4.6"


@pytest.mark.parametrize(
    "name, value, version", [("no_such", 1, "4.3"), ("wd_authkey", "it's", "4.3"), ("port", 1, "3.7"), ("port", 1, "")]
)
def test_what_cannot_be_written_is_an_error_of_the_filter(name, value, version):
    with pytest.raises(AnsibleFilterError):
        F["pgpool_setting"](name, value, version)


def test_extra_settings_are_taken_by_the_names_of_the_installed_version():
    assert F["pgpool_extra_settings"]({"socket_dir": "/x", "log_connections": True}, "4.3.5") == [
        "log_connections = on",
        "socket_dir = '/x'",
    ]


@pytest.mark.parametrize(
    "name, value, version, said",
    [
        ("socket_dir", "/x", "4.6.1", "socket_dir is not called that in 4.6.*write unix_socket_directories"),
        ("unix_socket_directories", "/x", "4.3.5", ""),
        ("log_conections", True, "4.6.1", "log_conections is no setting of 4.6.*did you mean log_connections"),
        ("log_backend_messages", "none", "4.3.5", "known from 4.6 on only"),
        ("ssl", "nope", "4.3.5", "neither on nor off"),
        ("health_check_period", "ten", "4.3.5", "not a number"),
        ("backend_weight", 1, "4.3.5", "lacks the number of a node"),
        ("delegate_IP", "10.1.7.100", "4.6.1", ""),
        ("wd_authkey", "it's", "4.3.5", "cannot hold that"),
    ],
)
def test_extra_settings_that_are_refused(name, value, version, said):
    if not said:
        assert F["pgpool_extra_settings"]({name: value}, version)
        return
    with pytest.raises(AnsibleFilterError, match=said):
        F["pgpool_extra_settings"]({name: value}, version)


def test_an_extra_setting_takes_the_place_of_ours():
    for extra in ({"delegate_IP": "x"}, {"delegate_ip": "x"}):
        assert F["pgpool_setting"]("delegate_ip", "10.1.7.100", "4.3.5", extra).startswith("# delegate_ip: given by")
    assert F["pgpool_setting"]("port", 5432, "4.3.5", {"pcp_port": 1}) == "port = 5432"


def test_commands():
    member = {"address": "10.1.7.106", "port": 5432}
    assert F["kill_sockets_command"](member) in F["pgpool_host_commands"]([member], {})
    vip = {"address": "10.1.7.100", "prefix": 24, "interface": "eth0"}
    assert F["vip_commands"](vip)["up"].endswith("label eth0:1")
    assert F["fence_command"]("postgresql@15-main.service").startswith("/bin/systemctl kill -s SIGKILL ")
    assert F["for_sudoers"]("/bin/ss dport = 5432") == r"/bin/ss dport \= 5432"
    with pytest.raises(AnsibleFilterError, match="cannot be part"):
        F["fence_command"]("a b*")


def test_the_query_cache():
    assert F["query_cache_mode"](False) == "off"
    assert "2 pgpools" in F["query_cache_problem"]("shmem", 2, "")


def test_the_fit_of_an_address():
    text = '[{"ifname": "eth0", "addr_info": [{"family": "inet", "local": "10.1.7.104", "prefixlen": 24}]}]'
    vip = {"address": "10.1.7.100", "prefix": 24, "interface": "eth0"}
    assert F["vip_fit_problem"](text, vip) == ""
    assert "too narrow" in F["vip_fit_problem"](text, {**vip, "prefix": 29})
    assert F["holds_address"](text, "10.1.7.104")


def test_files_of_others():
    counts = "/etc/pgpool2/pgpool.conf:2\n/etc/pgpool2/pcp.conf:0\n"
    md5sums = f"{'a' * 32}  /etc/pgpool2/pcp.conf\n"
    assert F["files_with_mark"](counts) == ["/etc/pgpool2/pgpool.conf"]
    assert F["files_without_mark"](counts) == ["/etc/pgpool2/pcp.conf"]
    assert F["foreign_files"](md5sums, "", "") == ["/etc/pgpool2/pcp.conf"]
    assert F["foreign_files"](md5sums, f" /etc/pgpool2/pcp.conf {'a' * 32}", "") == []

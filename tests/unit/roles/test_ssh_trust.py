# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from .rendering import render

MEMBERS = [{"name": "db1", "address": "10.0.0.1"}, {"name": "app-1", "address": "10.0.0.2"}]
DB1 = "ssh /var/lib/postgresql/.ssh\nhost_key ssh-ed25519 HOST1 root@db1\nkey ssh-ed25519 KEY1 postgres@db1"
APP1 = "ssh /home/pg/.ssh\nhost_key ssh-ed25519 HOST2 root@app\nkey ssh-ed25519 KEY2 postgres@app-1"


def lines(template, answers, old=()):
    given = {
        "groups": {},
        "hostvars": {},
        "__ssh_trust_members": MEMBERS,
        "__ssh_trust_sources": ["10.0.0.1", "10.0.0.2"],
        "__ssh_trust_answers": answers,
        "__ssh_trust_old": list(old),
    }
    return render("ssh_trust", template, given).splitlines()


def test_every_member_that_answered_is_known_by_name_and_address():
    assert lines("known_hosts.j2", {"db1": DB1, "app-1": APP1}) == [
        "db1,10.0.0.1 ssh-ed25519 HOST1 pgops:postgres:db1",
        "app-1,10.0.0.2 ssh-ed25519 HOST2 pgops:postgres:app-1",
    ]


def test_keys_are_accepted_from_the_members_addresses_only():
    (line,) = [line for line in lines("authorized_keys.j2", {"db1": DB1}) if "KEY1" in line]
    assert line.startswith('from="10.0.0.1,10.0.0.2",no-agent-forwarding,')
    assert line.endswith(" ssh-ed25519 KEY1 pgops:postgres:db1")


def test_foreign_lines_and_lines_of_a_silent_member_stay_those_of_a_former_member_go():
    old = [
        "# a comment",
        "ssh-ed25519 OLD1 pgops:postgres:db1",
        "ssh-ed25519 OLD2 pgops:postgres:app-1",
        "ssh-ed25519 GONE pgops:postgres:app-2",
        "ssh-ed25519 OTHER pgops:other_cluster:app-1",
        "ssh-ed25519 FOREIGN someone@example",
    ]
    found = lines("authorized_keys.j2", {"db1": DB1}, old)
    assert [line.split()[-2] for line in found if not line.startswith("#")] == ["OTHER", "FOREIGN", "KEY1", "OLD2"]
    assert found[0] == "# a comment"


def test_a_second_rendering_changes_nothing():
    answers = {"db1": DB1, "app-1": APP1}
    first = lines("known_hosts.j2", answers, ["foreign ssh-rsa X"])
    assert lines("known_hosts.j2", answers, first) == first

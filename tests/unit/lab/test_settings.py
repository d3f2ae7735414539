# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from lab.errors import LabError
from lab.settings import project_name, read_settings


def test_nothing_given_means_two_pgpools_and_one_standby_on_bare_bookworm():
    chosen = read_settings({})
    assert (chosen.project, str(chosen.subnet), chosen.suite) == ("pgops", "10.1.7.0/24", "bookworm")
    assert (chosen.standbys, chosen.pgpools, chosen.image, chosen.install_docker) == (1, 2, "bare", True)


def test_a_flag_wins_over_the_environment_and_that_over_the_running_lab():
    stored = read_settings({"LAB_SUITE": "trixie", "LAB_SUBNET": "10.9.9.0/24"}).stored()
    assert read_settings({}, {}, stored).suite == "trixie"
    assert str(read_settings({}, {}, stored).subnet) == "10.9.9.0/24"
    assert read_settings({"LAB_IMAGE": "bare"}, {"image": "packages"}).image == "packages"
    assert project_name({"LAB_PROJECT": "one"}, "two") == "two"


def test_an_empty_variable_is_as_good_as_none():
    assert read_settings({"LAB_SUITE": "", "LAB_STANDBYS": ""}).suite == "bookworm"


@pytest.mark.parametrize(
    ("text", "suite"),
    [("11", "bullseye"), ("12", "bookworm"), ("13", "trixie"), ("testing", "forky"), ("forky", "forky")],
)
def test_suites_by_number_and_name(text, suite):
    assert read_settings({"LAB_SUITE": text}).suite == suite


def test_a_lab_does_not_change_under_way():
    stored = read_settings({"LAB_SUITE": "trixie"}).stored()
    with pytest.raises(LabError, match=r"LAB_SUITE=trixie \(you ask for bookworm\).*LAB_PROJECT=pgops lab.py down"):
        read_settings({"LAB_SUITE": "bookworm"}, {}, stored)


def test_a_witness_is_one_of_several():
    stored = read_settings({"LAB_WITNESS": "yes"}).stored()
    assert stored["witness"] == "yes" and read_settings({}, {}, stored).witness
    with pytest.raises(LabError, match="LAB_PGPOOLS has to be 2 or more"):
        read_settings({"LAB_WITNESS": "yes", "LAB_PGPOOLS": "1"})


def test_installing_docker_is_no_property_of_a_lab():
    stored = read_settings({}).stored()
    assert not read_settings({"LAB_INSTALL_DOCKER": "no"}, {}, stored).install_docker


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("LAB_PROJECT", "My Lab", "must start with a small letter"),
        ("LAB_PROJECT", "-x", "must start with a small letter"),
        ("LAB_PROJECT", "../x", "must start with a small letter"),
        ("LAB_PROJECT", "a" * 32, "31 characters"),
        ("LAB_SUBNET", "10.1.7.5/24", "has host bits set"),
        ("LAB_SUBNET", "rubbish", "Give a network such as 10.1.7.0/24"),
        ("LAB_SUBNET", "10.1.7.0/25", "prefix from /16 to /24"),
        ("LAB_SUBNET", "8.8.8.0/24", "only a private network"),
        ("LAB_SUITE", "jammy", "known are bookworm, bullseye, forky, trixie"),
        ("LAB_STANDBYS", "0", "a number from 1 to 8"),
        ("LAB_STANDBYS", "two", "a number from 1 to 8"),
        ("LAB_PGPOOLS", "5", "a number from 1 to 4"),
        ("LAB_VIP_MANAGER", "heartbeat", "default or watchdog or keepalived"),
        ("LAB_WITNESS", "1", "yes or no"),
        ("LAB_IMAGE", "full", "bare or packages"),
        ("LAB_INSTALL_DOCKER", "maybe", "yes or no"),
    ],
)
def test_a_bad_value_is_named_with_its_variable(variable, value, message):
    with pytest.raises(LabError) as caught:
        read_settings({variable: value})
    assert str(caught.value).startswith(f"{variable} is '{value}': ")
    assert message in str(caught.value)

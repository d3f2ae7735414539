# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's parameters: flags win over the environment, that over what a running lab was made with."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import asdict, dataclass

from .errors import LabError

SUITES = {"11": "bullseye", "12": "bookworm", "13": "trixie", "testing": "forky", "14": "forky"}
DEFAULTS = {
    "project": "pgops",
    "subnet": "10.1.7.0/24",
    "suite": "bookworm",
    "standbys": "1",
    "pgpools": "2",
    "vip_manager": "default",
    "witness": "no",
    "image": "bare",
    "install_docker": "yes",
}
# What `up` fixes when it makes the containers. The rest may differ from one call to the next.
FIXED = ("subnet", "suite", "standbys", "pgpools", "vip_manager", "witness", "image")
MAX_STANDBYS = 8
MAX_PGPOOLS = 4


@dataclass(frozen=True)
class Settings:
    """Validated parameters."""

    project: str
    subnet: ipaddress.IPv4Network
    suite: str
    standbys: int
    pgpools: int
    vip_manager: str
    witness: bool
    image: str
    install_docker: bool

    def stored(self):
        """The part that is kept beside a lab, as JSON types."""
        fixed = {name: value for name, value in asdict(self).items() if name in FIXED}
        return {name: _yes_or_no(value) if isinstance(value, bool) else str(value) for name, value in fixed.items()}


def variable(name):
    """The environment variable of a parameter."""
    return f"LAB_{name.upper()}"


def project_name(environ, flag=None):
    """The project alone: needed to find what was stored before the rest can be read."""
    return _project(flag or environ.get(variable("project")) or DEFAULTS["project"])


def read_settings(environ, flags=None, stored=None):
    """Merge and validate. ``stored`` is what the lab of this project was made with, if there is one."""
    given = {name: (flags or {}).get(name) or environ.get(variable(name)) or None for name in DEFAULTS}
    stored = stored or {}
    raw = {name: given[name] or stored.get(name) or DEFAULTS[name] for name in DEFAULTS}
    settings = Settings(
        project=_project(raw["project"]),
        subnet=_subnet(raw["subnet"]),
        suite=_suite(raw["suite"]),
        standbys=_count("standbys", raw["standbys"], MAX_STANDBYS),
        pgpools=_count("pgpools", raw["pgpools"], MAX_PGPOOLS),
        vip_manager=_choice("vip_manager", raw["vip_manager"], ("default", "watchdog", "keepalived")),
        witness=_choice("witness", raw["witness"], ("yes", "no")) == "yes",
        image=_choice("image", raw["image"], ("bare", "packages")),
        install_docker=_choice("install_docker", raw["install_docker"], ("yes", "no")) == "yes",
    )
    _refuse_changes(settings, stored)
    if settings.witness and settings.pgpools < 2:
        raise LabError("LAB_WITNESS=yes makes the last pgpool a witness: LAB_PGPOOLS has to be 2 or more.")
    return settings


def _refuse_changes(settings, stored):
    changed = [name for name, value in settings.stored().items() if stored.get(name, value) != value]
    if changed:
        wanted = settings.stored()
        said = ", ".join(f"{variable(name)}={stored[name]} (you ask for {wanted[name]})" for name in changed)
        raise LabError(
            f"The lab '{settings.project}' exists and was made with {said}. Take it down first "
            f"(LAB_PROJECT={settings.project} lab.py down), or use another LAB_PROJECT and LAB_SUBNET beside it."
        )


def _project(text):
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", text):
        raise LabError(
            f"LAB_PROJECT is '{text}': it must start with a small letter and hold only small letters, "
            "digits and '-', 31 characters at most."
        )
    return text


def _subnet(text):
    try:
        net = ipaddress.IPv4Network(text)
    except ValueError as exc:
        raise LabError(f"LAB_SUBNET is '{text}': {exc}. Give a network such as 10.1.7.0/24.") from None
    if not 16 <= net.prefixlen <= 24:
        raise LabError(f"LAB_SUBNET is '{text}': the lab's addresses (.1 to .123) need a prefix from /16 to /24.")
    if not net.is_private:
        raise LabError(f"LAB_SUBNET is '{text}': only a private network is accepted, such as 10.1.7.0/24.")
    return net


def _suite(text):
    suite = SUITES.get(text, text)
    known = sorted(set(SUITES.values()))
    if suite not in known:
        raise LabError(f"LAB_SUITE is '{text}': known are {', '.join(known)} (also 11, 12, 13, testing).")
    return suite


def _count(name, text, most):
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= most:
        raise LabError(f"{variable(name)} is '{text}': it must be a number from 1 to {most}.")
    return int(text)


def _choice(name, text, allowed):
    if text not in allowed:
        raise LabError(f"{variable(name)} is '{text}': it must be {' or '.join(allowed)}.")
    return text


def _yes_or_no(value):
    return "yes" if value else "no"

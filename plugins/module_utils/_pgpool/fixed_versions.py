# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Security holes of Pgpool-II by version. Distributions mend them without a new number: the changelog is asked too."""

from __future__ import annotations

import re
import typing as t

from . import settings
from .lint_texts import ERROR, TEXTS
from .lint_view import Problem

CHANGELOG = "/usr/share/doc/pgpool2/changelog.Debian.gz"


class Hole(t.NamedTuple):
    """A hole: what kind, the first version of each line without it, packages known to hold the fix, when it is open."""

    cve: str
    kind: str
    fixed: t.Mapping[str, str]
    packages: str
    needs: str
    open_in: t.Callable
    named_always: bool = False


class Finding(t.NamedTuple):
    """A hole of this version: "fixed" (by the version), "fixed in the package" or "open"; fits: the file opens it."""

    cve: str
    kind: str
    state: str
    because: str
    fits: bool


def _bypass(view, methods):
    clear = not view.value("allow_clear_text_frontend_auth")
    if not view.value("enable_pool_hba"):
        return True
    raw = view.value("backend_clustering_mode") == "raw"
    return clear and ("password" in methods or (raw and "md5" in methods))


HOLES = (
    Hole(
        "CVE-2025-46801",
        "authentication bypass: a client can log in as any user",
        {"4.2": "4.2.22", "4.3": "4.3.15", "4.4": "4.4.12", "4.5": "4.5.7", "4.6": "4.6.1", "4.7": "4.7.0"},
        r"4\.3\.5-1\+deb12u[1-9]",
        "enable_pool_hba off before servers that ask for password, pam or ldap; or the method password in "
        "pool_hba.conf; or md5 there in raw mode",
        _bypass,
        named_always=True,
    ),
    Hole(
        "CVE-2024-45624",
        "the query cache gives rows to users who may not read them",
        {
            "4.1": "4.1.22",
            "4.2": "4.2.19",
            "4.3": "4.3.12",
            "4.4": "4.4.9",
            "4.5": "4.5.4",
            "4.6": "4.6.0",
            "4.7": "4.7.0",
        },
        r"4\.3\.5-1\+deb12u[1-9]",
        "memory_cache_enabled on",
        lambda view, _methods: bool(view.value("memory_cache_enabled")),
    ),
    Hole(
        "CVE-2023-22332",
        "any user who can log in sees the password of the watchdog's life check",
        {
            "4.1": "4.1.15",
            "4.2": "4.2.12",
            "4.3": "4.3.5",
            "4.4": "4.4.2",
            "4.5": "4.5.0",
            "4.6": "4.6.0",
            "4.7": "4.7.0",
        },
        r"(?!)",
        "use_watchdog on, wd_lifecheck_method query, and a wd_lifecheck_password",
        lambda view, _methods: bool(
            view.value("use_watchdog")
            and view.value("wd_lifecheck_method") == "query"
            and view.value("wd_lifecheck_password")
        ),
    ),
)


def look(view, *, package="", changelog="", methods=()):
    """Return a ``Finding`` for each hole. ``package``: its whole version; ``methods``: words of pool_hba.conf."""
    return tuple(
        Finding(hole.cve, hole.kind, *_state(hole, view.version, package, changelog), hole.open_in(view, methods))
        for hole in HOLES
    )


def _state(hole, version, package, changelog):
    fixed = hole.fixed.get(settings.major(version))
    whole = re.match(r"\d+\.\d+\.\d+", str(version))
    if fixed and whole and settings.at_least(whole.group(0), fixed):
        return "fixed", f"fixed since {fixed}"
    if hole.cve in changelog:
        return "fixed in the package", "the package's changelog names it"
    if re.match(hole.packages, package or ""):
        return "fixed in the package", f"{package} is known to hold the fix"
    return "open", f"fixed in {fixed}" if fixed else f"no {settings.major(version)} will ever have the fix"


def problems(findings, version, *, require_fixed=False):
    """Return what to say about them: the worst hole always, others when the file opens them or a fix is required."""
    by_name = {hole.cve: hole for hole in HOLES}
    told = []
    for one in findings:
        hole = by_name[one.cve]
        if one.state == "open" and (one.fits or hole.named_always or require_fixed):
            told.append(_problem(hole, one, version, require_fixed))
    return tuple(told)


def _problem(hole, finding, version, require_fixed):
    text = TEXTS["hole"]
    upgrade = finding.because if "fixed in" in finding.because else "to a newer line"
    then = (
        f"upgrade ({upgrade}), or see whether the package holds the fix: its changelog names the CVE "
        f"({CHANGELOG}, or apt changelog pgpool2)"
    )
    return Problem(
        ERROR if require_fixed else text.level,
        "hole",
        hole.cve,
        None,
        "",
        f"is open in Pgpool-II {version}: {hole.kind}; {finding.because}",
        text.why.format(needs=hole.needs, does="does" if finding.fits else "does not do"),
        text.next.format(then=then),
    )


def methods_of(pool_hba):
    """The authentication methods that a pool_hba.conf names."""
    words = [word for line in pool_hba.splitlines() for word in line.partition("#")[0].split()]
    known = ("trust", "reject", "md5", "scram-sha-256", "cert", "pam", "ldap", "password")
    return tuple(method for method in known if method in words)


__all__ = ("CHANGELOG", "HOLES", "Finding", "look", "methods_of", "problems")

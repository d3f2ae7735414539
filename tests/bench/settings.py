# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the environment says about a benchmark run. Pure."""

from __future__ import annotations

import typing as t

MEASUREMENTS = ("noop", "rewind", "basebackup", "delta", "memory", "faults", "vip", "guard", "false_alarms", "peers")
MIB_PER_SCALE = 15.5  # of a fresh pgbench database
COPIES = 7  # two servers, a copy, a kept old directory, WAL, and what the measurements make beside them
FALSE = ("", "0", "no", "false")
PROFILES = ("fast", "conservative")
MANAGERS = ("keepalived", "watchdog")
OUTAGES = ("switched", "postmaster_killed", "service_stopped", "host_killed", "host_frozen", "primary_cut_off")
FAULTS = (*OUTAGES, "moved", "parent_killed", "host_frozen_and_cut")  # those of the pgpools, too; some happen to both
PGPOOLS = (2, 4)  # with one there is nobody to take over; the lab has four at most


class BadSetting(Exception):
    """A variable that can't be used."""


class Settings(t.NamedTuple):
    """Validated parameters."""

    scale: int
    runs: int
    only: tuple[str, ...]
    files: int
    false_minutes: int
    profile: str
    pgpools: int
    managers: tuple[str, ...]
    faults: tuple[str, ...]
    keep: bool
    project: str
    subnet: str
    peers_subnet: str

    @property
    def long_runs(self) -> int:
        """How often the long measurements are repeated."""
        return min(self.runs, 2)

    @property
    def needed_bytes(self) -> int:
        """Room on the disk that all of it takes."""
        return int(self.scale * MIB_PER_SCALE * COPIES + 8192) * 1048576


def read(environ: t.Mapping[str, str]) -> Settings:
    """Parse and check the variables."""
    only = _names(environ, "BENCH_ONLY", MEASUREMENTS)
    profile = environ.get("BENCH_PROFILE") or PROFILES[0]
    if profile not in PROFILES:
        raise BadSetting(f"BENCH_PROFILE is '{profile}'; known are {', '.join(PROFILES)}")
    pgpools = _number(environ, "BENCH_PGPOOLS", PGPOOLS[0])
    if not PGPOOLS[0] <= pgpools <= PGPOOLS[1]:
        raise BadSetting(f"BENCH_PGPOOLS is '{pgpools}': it must be a number from {PGPOOLS[0]} to {PGPOOLS[1]}")
    manager = environ.get("BENCH_VIP_MANAGER") or ""
    if manager not in ("", *MANAGERS):
        raise BadSetting(f"BENCH_VIP_MANAGER is '{manager}'; known are {', '.join(MANAGERS)}")
    return Settings(
        faults=_names(environ, "BENCH_FAULTS", FAULTS),
        scale=_number(environ, "BENCH_SCALE", 270),
        runs=_number(environ, "BENCH_RUNS", 3),
        only=only,
        files=_number(environ, "BENCH_FILES", 200000),
        false_minutes=_number(environ, "BENCH_FALSE_MINUTES", 30),
        profile=profile,
        pgpools=pgpools,
        managers=(manager,) if manager else MANAGERS,
        keep=environ.get("LAB_KEEP", "").lower() not in FALSE,
        project=environ.get("LAB_PROJECT") or "bench",
        subnet=environ.get("LAB_SUBNET") or "10.1.53.0/24",
        peers_subnet=environ.get("BENCH_PEERS_SUBNET") or "10.1.54.0/24",
    )


def _names(environ, variable, known):
    """The names of a list with commas; all that are known when there is none."""
    names = tuple(name for name in environ.get(variable, "").replace(" ", "").split(",") if name)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadSetting(f"{variable} names {', '.join(unknown)}; known are {', '.join(known)}")
    return names or known


def _number(environ, name, default):
    text = environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise BadSetting(f"{name} is '{text}': it must be a number from 1 on")
    return int(text)

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard's own package, imported from the role's files as it is on a database host, and a host of a test."""

from __future__ import annotations

import os
import pathlib
import pwd
import sys

FILES = pathlib.Path(__file__).resolve().parents[3] / "roles" / "guard" / "files"
sys.path.insert(0, str(FILES))

from guard import (  # noqa: E402  (it is found by the line above)
    acts,
    ask,
    boot,
    conninfo,
    decision,
    here,
    main,
    memory,
    reach,
    requirement,
    running,
    seen,
    statusfile,
    stopped,
    synchronous,
    systemd,
    tell,
    watch,
)

sys.path.remove(str(FILES))

CONTROL = """pg_control version number:            1300
Database system identifier:           7000000000000000001
Latest checkpoint's TimeLineID:       2
Latest checkpoint's PrevTimeLineID:   2
"""


def host(tmp_path):
    """The settings of a host whose database would start as a primary; its programs are scripts of the test."""
    data, programs, run = tmp_path / "data", tmp_path / "bin", tmp_path / "run"
    for folder in (data / "pg_wal", programs):
        folder.mkdir(parents=True)
    run.mkdir(mode=0o755)
    (data / "PG_VERSION").write_text("15\n")
    return {
        **main.DEFAULTS,
        "schema": 1,
        "name": "db1",
        "backend_id": 0,
        "address": "10.1.7.106",
        "data_directory": str(data),
        "bin_directory": str(programs),
        "os_user": pwd.getpwuid(os.geteuid()).pw_name,
        "user": "healthcheck",
        "database": "postgres",
        "ssl_mode": "prefer",
        "timeout": 2,
        "settle": 5,
        "lone_start": "hold",
        "permit_file": str(run / "start-permitted"),
        "permit_max_age": 300,
        "paused_file": str(tmp_path / "paused"),
        "state_file": str(tmp_path / "guard.json"),
        "running_file": str(run / "guard-state.json"),
        "fenced_file": str(tmp_path / "fenced.json"),
        "events_file": str(tmp_path / "guard.jsonl"),
        "recover_lock": str(tmp_path / "recover.lock"),
        "patience": 10,
        "unit": "postgresql@15-main.service",
        "peers": [{"name": "db2", "backend_id": 1, "address": "10.1.7.107", "port": 5432}],
        "pgpools": [{"name": "app1", "address": "10.1.7.104", "port": 5432}],
    }


def program(config, name, script):
    """Put a program of the test in the place of a real one."""
    path = pathlib.Path(config["bin_directory"], name)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class Systemd:
    """systemctl: tells the states of PostgreSQL one after the other (the last for ever), and remembers what it did."""

    def __init__(self, *states, waiting="inactive"):
        self.states, self.waiting, self.done = list(states), waiting, []

    def __call__(self, *words, limit=10.0):
        if words[0] == "show":
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return 0, f"ActiveState={state}\n\nActiveState={self.waiting}"
        self.done.append(" ".join(word for word in words if word != "--no-block"))
        return 0, ""


__all__ = (
    "CONTROL",
    "FILES",
    "Systemd",
    "acts",
    "ask",
    "boot",
    "conninfo",
    "decision",
    "here",
    "host",
    "main",
    "memory",
    "program",
    "reach",
    "requirement",
    "running",
    "seen",
    "statusfile",
    "stopped",
    "synchronous",
    "systemd",
    "tell",
    "watch",
)

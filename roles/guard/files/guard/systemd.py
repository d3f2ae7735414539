# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd: what it says about units, and what it is asked to do. Each call is bounded: a fence cannot wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from .here import server_process


def systemctl(*words, limit=10.0):
    """Run systemctl; return (its exit status or None, what it printed)."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        done = subprocess.run(("systemctl", *words), timeout=limit, check=False, **pipes)
    except (subprocess.TimeoutExpired, OSError):
        return None, ""
    return done.returncode, done.stdout.decode(errors="replace").strip()


def states(*units):
    """Return the ActiveState of each unit, "unknown" where systemd does not say."""
    _rc, said = systemctl("show", "--property=ActiveState", *units)
    found = [line.partition("=")[2] for line in said.splitlines() if line.startswith("ActiveState=")]
    return found if len(found) == len(units) else ["unknown"] * len(units)


def start(unit):
    systemctl("start", "--no-block", unit)


def stop(unit, *, limit=10.0):
    systemctl("stop", unit, limit=limit)


def restart(unit):
    systemctl("restart", "--no-block", unit)


def end_server(unit, data_directory, *, patience=0.7):
    """End the server at once; its data are safe. Return what it took, in words, or None: it runs still.

    The signal goes by way of systemd, which knows the unit's processes; where that fails, straight to the process.
    """
    pid = server_process(data_directory)
    if pid is None:
        return "it had ended"
    rc, _said = systemctl("kill", "--kill-who=main", "--signal=SIGQUIT", unit, limit=1.0)
    if rc != 0 or not _gone(data_directory, patience / 2):
        _signal(pid, signal.SIGQUIT)
    if _gone(data_directory, patience / 2 if rc == 0 else patience):
        return "immediate shutdown"
    systemctl("kill", "--signal=SIGKILL", unit, limit=2.0)
    _signal(pid, signal.SIGKILL)
    return "killed: it did not end by itself" if _gone(data_directory, 2.0) else None


def _gone(data_directory, limit):
    deadline = time.monotonic() + limit
    while server_process(data_directory) is not None:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

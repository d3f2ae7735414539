# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook as a user does, with a stop-watch on each task."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from .failure import CannotMeasure

ROOT = Path(__file__).resolve().parents[2]
EVIDENCE = ROOT / ".lab" / "bench-runs"
LIMIT = 1800


class Run(t.NamedTuple):
    """One finished run. ``began`` is a time of day, as all hosts of the lab tell it."""

    began: float
    seconds: float
    tasks: list
    modules: list
    output: str

    @property
    def module(self) -> dict:
        """What pg_basebackup_sync returned when it really ran (not in the plan)."""
        real = [each for each in self.modules if not each["check"] and each["timings"] is not None]
        return real[-1] if real else {}


def environment(project: str, record: Path) -> dict[str, str]:
    """The user's environment without settings of Ansible, plus our callback."""
    words = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE"))}
    words.update(
        LAB_PROJECT=project,
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_CALLBACK_PLUGINS=str(Path(__file__).parent / "callback"),
        ANSIBLE_CALLBACKS_ENABLED="bench_record",
        BENCH_RECORD=str(record),
    )
    return words


def run(project: str, label: str, *words: str, program: str = "ansible-playbook") -> Run:
    """Run it to the end, inside playbooks/; what it printed is kept as evidence under the label."""
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    record = EVIDENCE / f"{label}.json"
    command = [str(Path(sys.executable).parent / program), "-i", "../inventories/lab/hosts", *words]
    began, ticks = time.time(), time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=ROOT / "playbooks", env=environment(project, record), timeout=LIMIT, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"{' '.join(words)} did not end within {LIMIT} s") from None
    seconds = time.monotonic() - ticks
    (EVIDENCE / f"{label}.log").write_text(done.stdout, encoding="utf-8")
    if done.returncode != 0:
        tail = " / ".join(line.strip() for line in done.stdout.splitlines() if "msg:" in line or "fatal" in line)
        raise CannotMeasure(f"{' '.join(words)} ended with {done.returncode}: {tail[-600:]} (see {record.stem}.log)")
    facts = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    return Run(began, seconds, facts.get("tasks", []), facts.get("modules", []), done.stdout)

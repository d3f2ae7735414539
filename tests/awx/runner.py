# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a playbook of the checkout as AWX runs a job template: ansible-runner, at the project's root, with a limit."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import NamedTuple
from unittest import mock

import ansible_runner

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Job(NamedTuple):
    """What AWX keeps of a job."""

    rc: int
    status: str
    output: str
    events: list[dict]
    artifacts: dict  # what set_stats left: AWX shows it, and hands it on in workflows

    def counters(self, kind: str) -> dict[str, int]:
        """One column of the recap (ok, changed, failures, dark, skipped ...) by host."""
        stats = [event for event in self.events if event["event"] == "playbook_on_stats"]
        return stats[-1]["event_data"].get(kind, {}) if stats else {}


def run(playbook: str, inventory: str, limit: str, folder: pathlib.Path, *arguments: str) -> Job:
    """With AWX's settings, not those of a shell or of molecule: root ansible.cfg, path relative to the root."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
    clean["PATH"] = os.pathsep.join([str(pathlib.Path(sys.executable).parent), clean.get("PATH", os.defpath)])
    with mock.patch.dict(os.environ, clean, clear=True):
        result = ansible_runner.run(
            private_data_dir=str(folder),
            project_dir=str(ROOT),
            playbook=playbook,
            inventory=str(pathlib.Path(inventory).resolve()),
            limit=limit,
            cmdline=" ".join(arguments) or None,
            quiet=True,
            rotate_artifacts=0,
        )
    events = list(result.events)
    artifacts: dict = {}
    for event in events:
        artifacts.update(event.get("event_data", {}).get("artifact_data") or {})
    return Job(result.rc, result.status, result.stdout.read(), events, artifacts)

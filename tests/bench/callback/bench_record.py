# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Ansible callback that writes down how long each task took, and what pg_basebackup_sync told."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: bench_record
type: notification
short_description: Seconds of each task, and the results of pg_basebackup_sync, as JSON
description:
  - Writes to the file that the variable BENCH_RECORD names. For tests/bench only.
requirements:
  - enable in configuration
"""

MODULE = "pg_basebackup_sync"
KEPT = ("method", "seconds", "timings", "bytes_moved", "salvage", "changed")


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "bench_record"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.tasks = []
        self.modules = []
        self.began = time.time()

    def _next(self, name):
        now = time.time()
        if self.tasks:
            self.tasks[-1]["seconds"] = round(now - self.tasks[-1]["at"], 3)
        if name is not None:
            self.tasks.append({"name": name, "at": now, "seconds": None})

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._next(task.get_name())

    def v2_runner_on_ok(self, result):
        task = getattr(result, "task", None) or result._task
        answer = getattr(result, "result", None) or result._result
        if task.action.endswith(MODULE):
            kept = {key: answer.get(key) for key in KEPT}
            self.modules.append(dict(kept, check=bool(task.check_mode), at=time.time()))

    def v2_playbook_on_stats(self, stats):
        self._next(None)
        record = {"began": self.began, "ended": time.time(), "tasks": self.tasks, "modules": self.modules}
        path = os.environ.get("BENCH_RECORD")
        if path:
            with open(path, "w", encoding="utf-8") as stream:
                json.dump(record, stream, default=str)

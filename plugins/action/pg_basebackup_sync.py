# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name as it is, and shows meanwhile how far its long copies are."""

from __future__ import annotations

import contextlib
import copy
import threading
import time

from ansible import constants as C
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.progress_report import COMMAND, Listener, render

display = Display()

PATIENCE = 5.0  # seconds for a line that is just being handed over when the module is through


class ActionModule(NormalAction):
    def run(self, tmp=None, task_vars=None):
        silent = self._task.check_mode or self._task.no_log or self._task.async_val
        with contextlib.nullcontext() if silent else Teller(self._connection, self._label(task_vars or {})):
            return super().run(tmp, task_vars)

    def _label(self, task_vars):
        host = task_vars.get("inventory_hostname", "")
        return f"{host} -> {self._task.delegate_to}" if self._task.delegate_to else host


class Teller:
    """Reads the progress over a second session of the task's connection, as the login user, in a thread.

    It is a courtesy: whatever goes wrong here is never seen, and never holds up the module.
    """

    def __init__(self, connection, label, *, listener=None, clock=time.monotonic):
        self._connection, self._label, self._clock = connection, label, clock
        self._listener = listener or Listener()
        self._over, self._speaking = threading.Event(), threading.Lock()

    def __enter__(self):
        threading.Thread(target=self._tell, name="pgops-progress", daemon=True).start()
        return self

    def __exit__(self, *_exception):
        """Let no line be cut off: a worker that ends while it holds the queue's lock would hold up all the others."""
        self._over.set()
        if self._speaking.acquire(timeout=PATIENCE):
            self._speaking.release()

    def _tell(self):
        with contextlib.suppress(Exception):
            while not self._over.wait(self._listener.wait(self._clock())):
                entry = self._listener.hear(self._read(), self._clock())
                if entry:
                    self._say(render(self._label, entry))

    def _read(self):
        # A copy, since a connection keeps what belongs to the session that runs; made late, when it is connected.
        _status, out, _err = copy.copy(self._connection).exec_command(COMMAND, sudoable=False)
        return out.decode("utf-8", "replace")

    def _say(self, line):
        with self._speaking:
            if not self._over.is_set():
                display.display(line, stderr=C.DEFAULT_STDOUT_CALLBACK.endswith(("json", "jsonl")))


__all__ = ("ActionModule", "Teller")

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The last work of a run in a process of its own: a node that is proven does not wait until an old tree is unlinked.

The process holds the lock of the run until it is through, and the journal stays until then: a run that comes meanwhile
waits, and one that comes after a killed process finds in the journal that something is left to do.
"""

from __future__ import annotations

import os

from . import lock

SMALL = 256 * 1024 * 1024  # bytes: such a directory is gone sooner than anybody could look


def detach(task, *, descriptor, what):
    """Run ``task()`` in a new process that outlives this one and holds the lock ``descriptor``; returns its id."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        _in_between(task, descriptor, send)
    os.close(send)
    with os.fdopen(receive, "rb") as stream:
        number = int(stream.read() or 0)
    os.waitpid(child, 0)
    if not number:
        raise OSError(f"no process could be started for {what}")
    lock.hand_over(descriptor, number, what)
    return number


def _in_between(task, descriptor, send):
    """Leave the terminal and the session, so that the last process belongs to nobody but the init process."""
    try:
        os.setsid()
        number = os.fork()
        if number == 0:
            _last(task, descriptor)
        os.write(send, str(number).encode())
    finally:  # never back into the run, which goes on in the parent
        os._exit(0)


def _last(task, descriptor):
    """Nothing of the run stays open but the lock: neither its connections nor the pipes that Ansible reads."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nothing, standard)
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
        os.chdir("/")
        task()
    finally:  # what failed stays where it is, and so does the journal
        os._exit(0)


__all__ = ("SMALL", "detach")

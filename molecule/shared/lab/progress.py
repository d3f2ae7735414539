# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines with the seconds since the start."""

from __future__ import annotations

import sys
import time

_START = time.monotonic()


def say(text):
    """Print one progress line to standard error; standard output is kept for answers."""
    print(f"lab {time.monotonic() - _START:6.1f}s  {text}", file=sys.stderr, flush=True)


def wait_for(probe, timeout, interval=0.25, clock=time.monotonic, sleep=time.sleep):
    """Call ``probe()`` until its answer is true or the time is over; return the last answer."""
    deadline = clock() + timeout
    while True:
        answer = probe()
        if answer or clock() >= deadline:
            return answer
        sleep(interval)

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What the controller makes of the progress files of a host: now and then a line for people. Pure."""

from __future__ import annotations

import json
import math
import re

from .progress import RUN_DIRECTORY, SCHEMA

COMMAND = f"/bin/sh -c 'cat {RUN_DIRECTORY}/progress-*.json 2>/dev/null'"

FIRST_READ = 1.5
READ_EVERY = 3.0
SAY_EVERY = 8.0  # a promise of 10 seconds has to bear a slow answer
APART = 5.0  # a new step is told sooner, but not at once after another line
WORTH_IT = 2.5  # what is over before is not told at all

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_MOST = 100000  # characters that are looked at, whatever a host sends


class Listener:
    """Decides when there is something to say. A file that does not change is left from a run that was killed."""

    def __init__(self):
        self._known = None
        self._said = self._at = None

    def wait(self, now):
        """Return the seconds until the next look."""
        if self._known is None:
            return FIRST_READ
        if self._at is None:
            return READ_EVERY
        due = max(self._at + SAY_EVERY - now, 0.5)
        return due if due < READ_EVERY * 1.5 else READ_EVERY  # a look just before it is due would only put it off

    def hear(self, text, now):
        """Take what the files hold now; return the entry to tell about, or None."""
        entries = read(text)
        first, known = self._known is None, self._known or {}
        self._known = {entry["run"]: entry["updated"] for entry in entries}
        news = [entry for entry in entries if not first and known.get(entry["run"]) != entry["updated"]]
        if not news:
            return None
        entry = max(news, key=lambda one: one["updated"])
        if not self._due(entry, now):
            return None
        self._said, self._at = (entry["run"], entry["step"]), now
        return entry

    def _due(self, entry, now):
        if self._at is None:
            return entry["seconds"] >= WORTH_IT
        new = self._said != (entry["run"], entry["step"])
        return now - self._at >= (APART if new else SAY_EVERY)


def read(text):
    """Return the entries of some files one after the other; what is not one of ours is passed over."""
    entries = []
    for line in text[:_MOST].splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("schema") == SCHEMA and _sound(entry):
            entries.append(entry)
    return entries


def _sound(entry):
    """What comes from a host may be anything."""
    numbers = [entry.get(name) for name in ("done", "seconds", "updated")]
    numbers += [entry[name] for name in ("total", "rate", "eta") if entry.get(name) is not None]
    words = [entry.get("run"), entry.get("step")]
    return all(map(_is_number, numbers)) and all(isinstance(word, str) for word in words)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def render(host, entry):
    """Return the line for people."""
    step = re.sub(r"[^ -~]", "?", entry["step"])[:60]
    done, total, rate, eta = (entry.get(name) for name in ("done", "total", "rate", "eta"))
    words = size(done)
    if total:
        words += f" of {size(total)} ({min(100, int(done * 100 // total))}%)"
    if rate is not None:
        words += f", {size(rate)}/s"
    if eta is not None:
        words += f", {duration(eta)} left"
    return f"[{host}] {step}: {words}"


def size(count):
    """Return a number of bytes as people read it."""
    value, unit = float(max(0, count)), 0
    while value >= 1023.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 99.95 else f"{value:.0f} {_UNITS[unit]}"


def duration(seconds):
    """Return seconds as people read them."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


__all__ = ("COMMAND", "Listener", "duration", "read", "render", "size")

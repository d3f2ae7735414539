# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What our runs leave on the host for the runs after them, in /var/lib/pgops: small JSON files with a schema number.

*Intent* says that a directory is ours although it is empty or half made. The *journal* says how far a run came with a
data directory; it counts only for the directory it was written for (a later one in the same place is another).
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import time

STATE_DIRECTORY = "/var/lib/pgops"
SCHEMA = 1
TEMPORARY = ".pgops-tmp"
REWINDING = "rewinding"  # pg_rewind runs: the directory is neither the old node nor the new one
DISCARDING = "discarding"  # the old directory is removed, what it was is kept or given up
SWAPPING = "swapping"  # directories are being renamed
READY = "ready"  # all data is in place; only settings and the start are missing
STARTED = "started"  # nothing was overwritten: a server was started, and is not verified yet
CUT_OFF = (REWINDING, DISCARDING)


class Marks:
    """The files of one cluster on this host."""

    def __init__(self, layout, *, state_directory=STATE_DIRECTORY):
        name = f"{layout.version}-{layout.cluster_name}.json"
        self.directory = state_directory
        self.group = layout.postgres_user
        self.data_directory = layout.data_directory
        self.intent_path = os.path.join(state_directory, f"intent-{name}")
        self.journal_path = os.path.join(state_directory, f"rejoin-{name}")
        self.files_path = os.path.join(state_directory, f"files-{name}")
        self.lock_path = os.path.join(state_directory, "recover.lock")

    def prepare(self):
        """Make the state directory: root's, readable by the database's group."""
        if not os.path.isdir(self.directory):
            os.makedirs(self.directory, mode=0o750, exist_ok=True)
            os.chmod(self.directory, 0o750)
            _give_to_group(self.directory, self.group)

    def intended(self):
        """Tell whether a mark of intent names this data directory."""
        mark = read_json(self.intent_path)
        return bool(mark) and mark.get("data_directory", self.data_directory) == self.data_directory

    def intend(self, **more):
        """Leave the mark, unless it is there already."""
        if not self.intended():
            self._write(self.intent_path, dict(more, data_directory=self.data_directory))

    def journal(self):
        """Return what an interrupted run wrote about the directory that is there now, or ``{}``."""
        entry = read_json(self.journal_path) or {}
        if entry.get("data_directory") != self.data_directory:
            return {}
        if entry.get("inode") not in (None, inode_of(self.data_directory)) and entry.get("stage") != SWAPPING:
            return {}
        return entry

    def note(self, stage, **more):
        """Write how far this run is."""
        entry = dict(more, stage=stage, data_directory=self.data_directory, inode=inode_of(self.data_directory))
        self._write(self.journal_path, entry)
        if stage == READY:  # what the node has from here on is its own again
            self._remove(self.files_path)

    def keep_files(self, files):
        """Keep the node's own configuration files for the time of a run: root's alone, they may hold secrets."""
        self.prepare()
        content = dict(files, schema=SCHEMA, written=utc(), data_directory=self.data_directory)
        write_json(self.files_path, content, mode=0o600)

    def kept_files(self):
        """Return what ``keep_files`` kept for this data directory, or ``{}``."""
        kept = read_json(self.files_path) or {}
        return kept if kept.get("data_directory") == self.data_directory else {}

    def forget(self):
        """The run is complete."""
        self._remove(self.journal_path, self.files_path)

    @staticmethod
    def _remove(*paths):
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _write(self, path, content):
        self.prepare()
        write_json(path, dict(content, schema=SCHEMA, written=utc()), mode=0o640)
        _give_to_group(path, self.group)


def inode_of(path):
    """Return the inode that a path leads to, or None."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


def read_json(path):
    """Return the object in a file; None when there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path, content, *, mode):
    """Write a file so that it is there completely or not at all, also after a power loss."""
    temporary = path + TEMPORARY
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        os.fchmod(descriptor, mode)
        json.dump(content, stream, indent=2, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
    sync_directory(os.path.dirname(path))


def sync_directory(path):
    """Make renames in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def utc(seconds=None):
    """Return a moment as text for people and machines."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def stamp(seconds=None):
    """Return a moment as a part of a file name."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _give_to_group(path, group):
    if os.geteuid() == 0:
        with contextlib.suppress(KeyError):
            os.chown(path, 0, grp.getgrnam(group).gr_gid)


__all__ = (
    "CUT_OFF",
    "DISCARDING",
    "READY",
    "REWINDING",
    "STARTED",
    "STATE_DIRECTORY",
    "SWAPPING",
    "TEMPORARY",
    "Marks",
    "inode_of",
    "read_json",
    "stamp",
    "sync_directory",
    "utc",
    "write_json",
)

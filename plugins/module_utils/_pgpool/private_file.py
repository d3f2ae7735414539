# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Files with secrets: never readable by others, not even for the moment of their creation."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import tempfile


def read_text(path):
    """Return the text of a file, or None when it does not exist."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def owner_ids(user):
    """Return (uid, gid) of a user."""
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def private_file_is(path, *, mode, uid, gid):
    """True if the file exists with exactly these attributes."""
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        return False
    return (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid) == (mode, uid, gid)


def write_private_file(path, text, *, mode, uid, gid):
    """Write the whole file beside its place, then move it there: a reader sees the old text or the new one."""
    handle, temporary = tempfile.mkstemp(prefix=".pgops-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


__all__ = ("owner_ids", "private_file_is", "read_text", "write_private_file")

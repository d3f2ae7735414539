# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Whose configuration files are these: ours, the package's as delivered, or somebody's?"""

from __future__ import annotations

import re


def recorded_checksums(conffiles, ucf_hashfile):
    """Return {path: md5 as delivered} from dpkg's ``${Conffiles}`` and from /var/lib/ucf/hashfile.

    Debian lets dpkg look after pool_hba.conf, pcp.conf and pool_passwd, and ucf after pgpool.conf.
    """
    checksums = {}
    for line in conffiles.splitlines():
        found = re.match(r"\s*(/\S+)\s+([0-9a-f]{32})\b", line)
        if found:
            checksums[found.group(1)] = found.group(2)
    for line in ucf_hashfile.splitlines():
        found = re.match(r"([0-9a-f]{32})\s+(/\S+)", line)
        if found:
            checksums[found.group(2)] = found.group(1)
    return checksums


def files_by_mark(counts):
    """Return ([ours], [without our mark]) from ``grep -c MARK FILES``; it says nothing of files that are not there."""
    ours, unmarked = [], []
    for line in counts.splitlines():
        path, _colon, count = line.rpartition(":")
        (unmarked if count == "0" else ours).append(path)
    return ours, unmarked


def foreign_files(md5sums, checksums):
    """Return the paths that are not as delivered, from the lines of ``md5sum``."""
    seen = (line.split(None, 1) for line in md5sums.splitlines() if line.strip())
    return [path for md5, path in seen if checksums.get(path) != md5]


__all__ = ("files_by_mark", "foreign_files", "recorded_checksums")

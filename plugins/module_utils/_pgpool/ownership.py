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


def foreign_files(files, checksums):
    """Return the paths that are neither ours nor as delivered.

    ``files`` are dicts of path, md5 (None: no such file) and ours (carries our marker).
    """
    return [
        file["path"]
        for file in files
        if file["md5"] is not None and not file["ours"] and checksums.get(file["path"]) != file["md5"]
    ]


__all__ = ("foreign_files", "recorded_checksums")

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Passwords from a file of the pcppass format: a line ``host:port:user:password``, * for any, a backslash escapes."""

from __future__ import annotations

import os
import stat

from .._errors import AuthenticationFailed


def password_from_file(path, *, host, port, user, server):
    """Return the password of the first line that fits; raise AuthenticationFailed when there is none to use.

    As Pgpool's own programs do, a file that others may read is not used; they do so silently, we say it.
    """

    def unusable(seen, next_step):
        return AuthenticationFailed(
            f"read the PCP password of {user} from {path}", server=server, seen=seen, next_step=next_step
        )

    try:
        with open(path, "rb") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            lines = handle.read().decode("utf-8", "surrogateescape").split("\n")
    except OSError as exc:
        raise unusable(exc.strerror or str(exc), "create the file with mode 0600, or give login_password") from exc
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise unusable(f"its mode is {stat.S_IMODE(mode):04o}, so others can read it", f"chmod 0600 {path}")
    hosts = (host, "localhost") if host.startswith("/") else (host,)
    wanted = (hosts, (str(port),), (user,))
    for line in lines:
        fields = _split(line)
        if len(fields) >= 4 and all(_fits(pattern, values) for pattern, values in zip(fields, wanted)):
            return _unescape(fields[3])
    raise unusable(
        f"no line fits {host}:{port}:{user} (the host is compared as text)",
        f"add the line {host}:{port}:{user}:PASSWORD, or give login_password",
    )


def _split(line):
    """Split at colons that no backslash stands before; escapes stay in."""
    if line.startswith("#"):
        return []
    fields, start, position = [], 0, 0
    while position < len(line):
        if line[position] == "\\":
            position += 1
        elif line[position] == ":":
            fields.append(line[start:position])
            start = position + 1
        position += 1
    return [*fields, line[start:]]


def _fits(pattern, values):
    return pattern == "*" or _unescape(pattern) in values


def _unescape(text):
    result, position = [], 0
    while position < len(text):
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        result.append(text[position])
        position += 1
    return "".join(result)


__all__ = ("password_from_file",)

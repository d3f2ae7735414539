# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The files that make a data directory a standby's: standby.signal and postgresql.auto.conf, or recovery.conf."""

from __future__ import annotations

import contextlib
import os
import re
import shutil

from .._errors import PgopsError
from . import conffile, marks
from .ladder import wanted_conninfo
from .overrides import here
from .recovery import RECOVERY_CONF, STANDBY_SIGNAL, standby_mode

AUTO_CONF = "postgresql.auto.conf"
RECOVERY_SIGNAL = "recovery.signal"
FIRST_WITH_SIGNAL = 12
# Ours, and what an old point-in-time recovery may have left: each would end or misdirect the recovery of a standby.
REPLACED = (
    "primary_conninfo",
    "primary_slot_name",
    "recovery_target_timeline",
    "recovery_target",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_xid",
    "recovery_target_lsn",
    "recovery_target_inclusive",
    "recovery_target_action",
)
BARRED = "# pgops: this server must not start before it is a standby; the next run removes these lines"
# More than max_connections can ever be: the postmaster refuses that, a single-user server does not look.
# (No socket to listen on would do as well, but Debian's pg_ctlcluster gives one on the command line.)
_BARS = (BARRED, "superuser_reserved_connections = 262143")
_NAME = re.compile(r"^\s*([A-Za-z_][\w.]*)")


def settings(desired):
    """Return what a standby of the primary needs, by name."""
    return {
        "primary_conninfo": conffile.render_conninfo(wanted_conninfo(desired)),
        "primary_slot_name": desired.slot_name,
        "recovery_target_timeline": "latest",
    }


def quote(value):
    """Return a value as the configuration files want it (like ALTER SYSTEM, no line breaks)."""
    if any(character in value for character in "\n\r\0"):
        raise PgopsError(
            "write a setting of PostgreSQL",
            server=here(),
            seen="a value holds a line break, which no configuration file can hold",
            next_step="correct the options of the connection to the primary",
            code="invalid_option",
        )
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def edit(text, wanted):
    """Return the text of postgresql.auto.conf with these settings instead of all that ``REPLACED`` names."""
    lines = [line for line in unbar(text).splitlines() if _name(line) not in REPLACED]
    lines += [f"{name} = {quote(value)}" for name, value in wanted.items()]
    return "\n".join(lines) + "\n"


def bar_start(text):
    """Return the text with lines that keep a server from starting; ``postgres --single`` and the tools still work."""
    return "\n".join(unbar(text).splitlines() + list(_BARS)) + "\n"


def unbar(text):
    """Return the text without those lines."""
    lines = text.splitlines()
    while BARRED in lines:
        at = lines.index(BARRED)
        rest = lines[at + 1 : at + len(_BARS)]
        own = sum(1 for line, expected in zip(rest, _BARS[1:]) if line == expected)
        del lines[at : at + 1 + own]
    return "".join(f"{line}\n" for line in lines)


def recovery_conf(wanted, before=""):
    """Return recovery.conf, where PostgreSQL before 12 has it all; what else it holds (restore_command ...) stays."""
    kept = [line for line in before.splitlines() if _name(line) not in (*REPLACED, "standby_mode")]
    lines = ["standby_mode = 'on'"] + [f"{name} = {quote(value)}" for name, value in wanted.items()]
    return "\n".join(kept + lines) + "\n"


def write(folder, major, desired):
    """Make the directory the one of a standby of the wanted primary."""
    wanted = settings(desired)
    if major < FIRST_WITH_SIGNAL:
        write_file(folder, RECOVERY_CONF, recovery_conf(wanted, read_file(folder, RECOVERY_CONF)))
        return
    write_file(folder, STANDBY_SIGNAL, "")
    write_file(folder, AUTO_CONF, edit(read_file(folder, AUTO_CONF), wanted))
    for name in (RECOVERY_SIGNAL, RECOVERY_CONF):
        remove_file(folder, name)


def mark_standby(folder, major):
    """From here on the directory can't come up writable. What it would follow is not settled yet."""
    if major >= FIRST_WITH_SIGNAL:
        write_file(folder, STANDBY_SIGNAL, "")
        return
    text = read_file(folder, RECOVERY_CONF)
    if not standby_mode(conffile.parse(text)):  # its recovery targets would end the recovery, so they go as well
        write_file(folder, RECOVERY_CONF, recovery_conf({}, text))


@contextlib.contextmanager
def barred(folder, major):
    """For a block that needs a data directory without the mark of a standby: bar the way to a start by other means.

    ``postgres --single`` refuses standby mode. Killed in the middle, the bar stays and the next run removes it.
    """
    if major < FIRST_WITH_SIGNAL:
        yield
        return
    write_file(folder, AUTO_CONF, bar_start(read_file(folder, AUTO_CONF)))
    remove_file(folder, STANDBY_SIGNAL)
    try:
        yield
    finally:
        write_file(folder, STANDBY_SIGNAL, "")
        write_file(folder, AUTO_CONF, unbar(read_file(folder, AUTO_CONF)))


def close(folder):
    """Bar the way to any start, by a mode that PostgreSQL refuses and its tools do not look at.

    For the time of pg_rewind, which removes standby.signal. The bit gives nobody access: group write without search,
    or where the group may read anyway, search for others (all below is closed to them).
    """
    mode = os.stat(folder).st_mode & 0o777
    os.chmod(folder, mode | (0o001 if mode & 0o050 == 0o050 else 0o020))
    marks.sync_directory(folder)


def reopen(folder):
    """Undo ``close``: 0750 where the group may read, else 0700."""
    mode = os.stat(folder).st_mode & 0o777
    os.chmod(folder, 0o750 if mode & 0o050 == 0o050 else 0o700)
    marks.sync_directory(folder)


def drop_slots(folder, keep=lambda name: False):
    """Remove replication slots that came with the data: nobody uses them here, and each pins WAL. Server stopped."""
    base = os.path.join(folder, "pg_replslot")
    dropped = []
    with contextlib.suppress(FileNotFoundError):
        dropped = [name for name in sorted(os.listdir(base)) if not keep(name)]
    for name in dropped:
        shutil.rmtree(os.path.join(base, name))
    return dropped


def read_file(folder, name):
    """Return the text of a file in the data directory (bytes that are no UTF-8 survive), empty when missing."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def write_file(folder, name, text):
    """Write a file of the data directory, complete or not at all, with the directory's owner and mode 0600."""
    owner, path = os.stat(folder), os.path.join(folder, name)
    temporary = f"{path}.pgops-tmp"
    content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, 0o600)
        if os.geteuid() == 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
    marks.sync_directory(folder)


def remove_file(folder, name):
    """Remove a file of the data directory, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(folder, name))
        marks.sync_directory(folder)


def _name(line):
    match = _NAME.match(line)
    return match.group(1).lower() if match else None


__all__ = (
    "AUTO_CONF",
    "BARRED",
    "REPLACED",
    "bar_start",
    "barred",
    "close",
    "drop_slots",
    "edit",
    "mark_standby",
    "quote",
    "read_file",
    "recovery_conf",
    "reopen",
    "settings",
    "unbar",
    "write",
    "write_file",
)

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Has the running Pgpool-II taken what is in its files? Decided from records that its unit writes.

The unit copies the files when it starts (``started``) and when it starts or reloads (``loaded``). Comparing these
with the files of now, rather than remembering "a task changed something", survives a deploy that was killed between
writing a file and restarting.
"""

from __future__ import annotations

import typing as t

from . import conf_file, setting_values, settings

RELOADABLE_FILES = ("pool_hba.conf", "pool_passwd")
FILES_READ_AT_START = ("pgpool_node_id", ".pgpoolkey")


class Record(t.NamedTuple):
    """The files at one moment: text of pgpool.conf (None: no record) and {file name: sha256}."""

    conf: str | None
    digests: dict


class Pending(t.NamedTuple):
    """What has to be done, and because of which parameters or files (names only: values may be secret)."""

    action: str
    because: tuple


def plan(*, running, started, loaded, wanted, version):
    """Return the ``Pending`` of a Pgpool-II: action is start, restart, reload or none."""
    if not running:
        return Pending("start", ("pgpool is not running",))
    if started.conf is None or loaded.conf is None:
        return Pending("restart", ("it was not started with this configuration",))
    restart = _settings_for("restart", started, wanted, version) + _files(FILES_READ_AT_START, started, wanted)
    restart += [name for name in _left_out(loaded, wanted, version) if name not in restart]
    if restart:
        return Pending("restart", tuple(restart))
    reload = _settings_for("reload", loaded, wanted, version) + _files(RELOADABLE_FILES, loaded, wanted)
    return Pending("reload", tuple(reload)) if reload else Pending("none", ())


def _settings_for(apply, before, after, version):
    old, new = settings.parse(before.conf), settings.parse(after.conf)
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [name for name in changed if applies_by(name, name in old, version) == apply]


def _left_out(loaded, wanted, version):
    """What it took and the file no longer has. A reload only reads what is there: the rest stays as it was."""
    there = {entry.name for entry in conf_file.read(wanted.conf).entries}
    gone = {entry.name: entry.value for entry in conf_file.read(loaded.conf).entries if entry.name not in there}
    return sorted(name for name, value in gone.items() if not _is_default(name, value, version))


def _is_default(name, value, version):
    known = settings.lookup(name, version)
    try:
        return known is None or setting_values.understand(known, value) == setting_values.default_of(known)
    except setting_values.WrongValue:
        return False


def applies_by(name, was_there, version):
    """Return what applies a change of a setting: restart, reload, or None for a name that this version ignores."""
    known = settings.lookup(name, version)
    if known is None:
        return None
    if name.startswith(("backend_hostname", "backend_port")):
        # A backend can be added by a reload; only an existing one cannot be moved or taken away.
        return "restart" if was_there else "reload"
    return known.apply


def _files(names, before, after):
    return [name for name in names if before.digests.get(name) != after.digests.get(name)]


__all__ = ("FILES_READ_AT_START", "RELOADABLE_FILES", "Pending", "Record", "applies_by", "plan")

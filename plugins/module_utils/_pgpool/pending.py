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
from .applies import WHERE_A_NODE_IS, applies_by, keeps_a_flag

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
    conf = settings.parse(wanted.conf)
    restart = _settings_for("restart", _running(started, loaded), conf, version)
    restart += _files(FILES_READ_AT_START, started, wanted)
    restart += [name for name in _left_out(loaded, wanted, version) if name not in restart]
    if restart:
        return Pending("restart", tuple(restart))
    reload = _settings_for("reload", settings.parse(loaded.conf), conf, version)
    reload += _files(RELOADABLE_FILES, loaded, wanted)
    return Pending("reload", tuple(reload)) if reload else Pending("none", ())


def _running(started, loaded):
    """What it was started with, and the nodes that a reload has added since: they are where they were added."""
    first, later = settings.parse(started.conf), settings.parse(loaded.conf)
    return {**{name: later[name] for name in later if settings.bare(name) in WHERE_A_NODE_IS}, **first}


def _settings_for(apply, old, new, version):
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [name for name in changed if applies_by(name, old.get(name), new.get(name), version) == apply]


def _left_out(loaded, wanted, version):
    """What it took and the file no longer has. A reload only reads what is there: the rest stays as it was."""
    there = {entry.name: entry.value for entry in conf_file.read(wanted.conf).entries}
    taken = {entry.name: entry.value for entry in conf_file.read(loaded.conf).entries}
    gone = [name for name, value in taken.items() if name not in there and not _is_default(name, value, version)]
    return sorted([*gone, *_flags_left_out(taken, there, version)])


def _flags_left_out(taken, there, version):
    flags = [name for name in taken if settings.bare(name) == "backend_flag" and name in there]
    return [name for name in flags if keeps_a_flag(taken[name], there[name], version)]


def _is_default(name, value, version):
    known = settings.lookup(name, version)
    try:
        return known is None or setting_values.understand(known, value) == setting_values.default_of(known)
    except setting_values.WrongValue:
        return False


def _files(names, before, after):
    return [name for name in names if before.digests.get(name) != after.digests.get(name)]


__all__ = ("FILES_READ_AT_START", "RELOADABLE_FILES", "Pending", "Record", "plan")

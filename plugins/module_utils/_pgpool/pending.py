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

from . import settings

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
    if restart:
        return Pending("restart", tuple(restart))
    reload = _settings_for("reload", loaded, wanted, version) + _files(RELOADABLE_FILES, loaded, wanted)
    return Pending("reload", tuple(reload)) if reload else Pending("none", ())


def _settings_for(apply, before, after, version):
    old, new = settings.parse(before.conf), settings.parse(after.conf)
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [name for name in changed if _applies_by(name, old, new, version) == apply]


def _applies_by(name, old, new, version):
    if name.startswith(("backend_hostname", "backend_port")) and (name not in old or name not in new):
        # A backend can be added by a reload; only an existing one cannot be moved or taken away.
        return "reload" if name not in old else "restart"
    if name.startswith(("backend_hostname", "backend_port")):
        return "restart"
    known = settings.lookup(name, version)
    # A name that this version does not know is ignored by it: nothing to apply.
    return known.apply if known else None


def _files(names, before, after):
    return [name for name in names if before.digests.get(name) != after.digests.get(name)]


__all__ = ("FILES_READ_AT_START", "RELOADABLE_FILES", "Pending", "Record", "plan")

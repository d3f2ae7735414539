# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What another pgpool.conf would change: by meaning (units, spelling, defaults), with what applies it. No secrets."""

from __future__ import annotations

import re
import typing as t

from . import settings
from .applies import applies_by


class Change(t.NamedTuple):
    """A setting that would be another: as it is and as it would be, for people; restart, reload or nothing."""

    name: str
    old: str
    new: str
    apply: str


def changes(old, new):
    """Return the ``Change``s from one ``View`` to another, in the order of their names."""
    names = {view.todays_name(entry.name) for view in (old, new) for entry in view.entries}
    found = [_change(name, old, new) for name in sorted(names)]
    return tuple(one for one in found if one)


def _change(name, old, new):
    here = old.name_here(name)
    setting = settings.lookup(here, old.version)
    if setting is None:
        return _ignored(name, old)
    before, after = _meaning(setting, old.value(name)), _meaning(setting, new.value(name))
    if before == after:
        return None
    return Change(here, _shown(old, name), _shown(new, name), _apply(here, name, old, new))


def _ignored(name, old):
    entry = old.entry(name)
    return Change(entry.name, "written, and ignored", "left out", "nothing") if entry else None


def _meaning(setting, value):
    return re.sub(r"\s*([,;|])\s*", r"\1", value.strip()) if setting.kind in ("list", "flags") else value


def _shown(view, name):
    entry = view.entry(name)
    if entry is not None:
        return view.shown(entry)
    return (
        f"{view.value(name)!r} (default)"
        if isinstance(view.value(name), str)
        else f"{_plain(view.value(name))} (default)"
    )


def _plain(value):
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


def _apply(here, name, old, new):
    # A reload reads what is in the file: what is no longer there stays as it was.
    if new.entry(name) is None:
        return "restart"
    before = old.entry(name)
    return applies_by(here, before.written if before else None, new.entry(name).written, old.version)


__all__ = ("Change", "changes")

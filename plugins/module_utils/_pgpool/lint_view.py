# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""A pgpool.conf as the rules of the linter look at it: today's names, understood values, defaults of the version."""

from __future__ import annotations

import typing as t

from . import setting_values, settings
from .lint_texts import TEXTS


class Problem(t.NamedTuple):
    """What is wrong, where, why that matters, and the way out. ``rule`` is a stable word."""

    level: str
    rule: str
    name: str
    line: int | None
    file: str
    what: str
    why: str
    next: str


class Facts(t.NamedTuple):
    """What a pgpool.conf does not say about itself. None: not known, and the rule that needs it keeps silent."""

    pgpools: int | None = None
    max_connections: int | None = None
    superuser_reserved_connections: int = 3
    application_names: t.Mapping[int, str] = {}
    failover_drops_slots: bool | None = None
    our_failover: bool = False
    missing_paths: t.Collection[str] = ()


class View:
    """Answers what a setting is, whether written or not."""

    def __init__(self, entries, version, *, defaults=None):
        self.entries = tuple(entries)
        self.version = version
        self._defaults = defaults or {}
        self._units = settings.at_least(settings.major(version), setting_values.UNITS_SINCE)
        self._by_name = {self.todays_name(entry.name): entry for entry in self.entries}

    @staticmethod
    def todays_name(name):
        """The newest name of a setting, with its number."""
        bare = settings.bare(name)
        old = {before: today for today, (_since, before) in settings.RENAMED.items()}
        today = settings.STILL_TAKEN[bare][1] if bare in settings.STILL_TAKEN else old.get(bare, bare)
        return today + name[len(bare) :]

    def entry(self, name):
        """The entry that counts for a name, or None."""
        return self._by_name.get(name)

    def value(self, name):
        """What the setting is; its default when it is not written or not understood; None when there is no such one."""
        setting = self._setting(name)
        if setting is None:
            return None
        entry = self.entry(name)
        if entry is not None and self.wrong_value(entry) is None:
            return self._understood(setting, entry.value)
        node = settings.node_of(name)
        if node is not None and setting.numbered == "may be":
            return self.value(settings.bare(name))
        return self._defaults.get(name, setting_values.default_of(setting))

    def nodes(self, name):
        """{number: value} of what is written with a number behind it."""
        numbered = {settings.node_of(one): one for one in self._by_name if settings.bare(one) == name}
        return {number: self.value(one) for number, one in sorted(numbered.items(), key=str) if number is not None}

    def backends(self):
        """The numbers of the backends."""
        return sorted(self.nodes("backend_hostname") or self.nodes("backend_port"))

    def says(self, name):
        """The setting for people: "x = 1", and whether that is only the default."""
        entry = self.entry(name)
        if entry is not None:
            return f"= {self.shown(entry)}"
        setting = self._setting(name)
        number = settings.node_of(name)
        if number is not None and self.entry(settings.bare(name)):
            return self.says(settings.bare(name))
        default = f"'{self._defaults[name]}'" if name in self._defaults else setting.default
        return f"is not written, and {default} is the default of {settings.release(self.version)}"

    @staticmethod
    def shown(entry):
        """A value as people may see it."""
        return "(hidden)" if settings.SECRET.search(entry.name) else entry.written or "(nothing)"

    def wrong_value(self, entry):
        """Why the value of an entry is not one for it, or None."""
        setting = settings.lookup(entry.name, self.version)
        if setting is None:
            return None
        if entry.word == "end":
            return "has nothing behind it, and takes the end of the line for its value"
        if entry.word == "other" and entry.value != "*":
            return "needs quotes, at both ends: only its first character is taken for the value"
        try:
            self._understood(setting, entry.value)
        except setting_values.WrongValue as exc:
            return str(exc)
        return None

    def same_value(self, one, other):
        """Whether two entries of a name mean the same."""
        setting = settings.lookup(one.name, self.version)
        if setting is None or self.wrong_value(one) or self.wrong_value(other):
            return one.value == other.value
        return self._understood(setting, one.value) == self._understood(setting, other.value)

    def problem(self, rule, where, what=None, **words):
        """The ``Problem`` of a rule, with an entry or a name (whether written or not); ``words`` go into its texts."""
        text = TEXTS[rule]
        entry = self.entry(where) if isinstance(where, str) else where
        name = entry.name if entry else self.name_here(where)
        line, file = (entry.line, entry.file) if entry else (None, "")
        what = self.says(where) if what is None else what
        return Problem(text.level, rule, name, line, file, what, text.why.format(**words), text.next.format(**words))

    def name_here(self, name):
        """How this version calls a setting."""
        try:
            return settings.name_in(name, self.version) or name
        except settings.UnknownSetting:
            return name

    def _setting(self, name):
        return settings.lookup(self.name_here(name), self.version)

    def _understood(self, setting, value):
        return setting_values.understand(setting, value, units=self._units)


__all__ = ("Facts", "Problem", "View")

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What is wrong with a pgpool.conf: names and values that Pgpool-II would not take (or not for what they say), and
settings that are known to hurt. Pure: what is not in the file is given as ``Facts``."""

from __future__ import annotations

import difflib
import typing as t

from . import conf_file, lint_failover, lint_watchdog, setting_values, settings
from .lint_texts import ABOUT_THE_FILE, ERROR, TEXTS, WARNING
from .lint_view import Facts, Problem, View

# What became of names that have no single successor.
GONE = {
    "heartbeat_destination": "heartbeat_hostnameN, for every pgpool with this one among them",
    "heartbeat_destination_port": "heartbeat_portN",
    "master_slave_mode": "backend_clustering_mode = 'streaming_replication'",
    "master_slave_sub_mode": "backend_clustering_mode = 'streaming_replication'",
    "other_pgpool_hostname": "hostnameN, for every pgpool with this one among them, and the file pgpool_node_id",
    "other_pgpool_port": "pgpool_portN",
    "other_wd_port": "wd_portN",
    "wd_heartbeat_port": "heartbeat_portN",
    "wd_hostname": "hostnameN, for every pgpool with this one among them, and the file pgpool_node_id",
}


class Result(t.NamedTuple):
    """All problems, worst first and then as they stand in the file; and the file as it was understood."""

    problems: tuple
    view: View


def lint(text, version, facts=None, *, file="pgpool.conf", include=None, accept=(), defaults=None):
    """Return the ``Result``.

    ``accept``: rules whose errors are to be warnings, because their author wants it so. ``defaults``: {today's name:
    value} of a package that was built with other ones.
    """
    if settings.at_least(settings.major(version), setting_values.INCLUDE_SINCE) and include is None:
        include = _no_include
    contents = conf_file.read(text, file=file, include=include)
    view = View(contents.entries, version, defaults=defaults)
    problems = list(_names(view)) + list(_values(view)) + list(_twice(view))
    if contents.broken:
        problems.append(_broken(contents.broken))
    for rule in (*lint_failover.RULES, *lint_watchdog.RULES):
        problems.extend(rule(view, facts or Facts()))
    return Result(in_order(_accepted(problem, accept) for problem in problems), view)


def in_order(problems):
    """Errors first, each kind as it stands in the file."""
    return tuple(sorted(problems, key=lambda one: (one.level != ERROR, one.line or 0, one.rule)))


def _no_include(_name, _file):
    raise OSError(0, "only one file was given", None)


def _accepted(problem, accept):
    if problem.level == ERROR and problem.rule in accept and problem.rule not in ABOUT_THE_FILE:
        return problem._replace(level=WARNING, what=problem.what + " (accepted)")
    return problem


def _broken(broken):
    text = TEXTS["broken_file"]
    return Problem(text.level, "broken_file", "", broken.line, broken.file, broken.why, text.why, text.next)


def _names(view):
    for entry in view.entries:
        name = settings.bare(entry.name)
        if not settings.lookup(entry.name, view.version):
            yield _unknown(view, entry)
        elif name in settings.STILL_TAKEN:
            since, today = settings.STILL_TAKEN[name]
            if settings.at_least(view.version, since):
                yield view.problem("old_name", entry, f"is called {today} since {since}", today=today)


def _unknown(view, entry):
    name, version = settings.bare(entry.name), settings.release(view.version)
    today = _name_instead(name, version)
    if today:
        return view.problem("renamed", entry, f"is not called that in {version}", today=today)
    ranges = settings.SETTINGS.get(name)
    if ranges and any(settings.lookup(name + number, version) for number in ("", "0")):
        bare = settings.node_of(entry.name) is None
        what = "lacks the number of a node" if bare else "has a number behind it and takes none"
        return view.problem("number", entry, what, with_or_without="with" if bare else "without")
    since = settings.since(name, version)
    if ranges and since and ranges[-1].last == settings.LAST:
        what = f"is known from {since} on only, this is {version}"
        return view.problem("unknown_name", entry, what, then="leave it out")
    if ranges:
        what = f"is known from {ranges[0].first} to {ranges[-1].last} only, this is {version}"
        return view.problem("unknown_name", entry, what, then="leave it out")
    near = difflib.get_close_matches(name, settings.known_names(version), n=1)
    then = f"did you mean {near[0]}? Else leave it out" if near else "leave it out"
    return view.problem("unknown_name", entry, f"is no setting of {version}", then=then)


def _name_instead(name, version):
    """How this version calls what another version calls that; empty when it has nothing like it."""
    before = {old: new for new, (_since, old) in settings.RENAMED.items()}
    for other in (before.get(name), settings.RENAMED.get(name, (None, None))[1]):
        if other and settings.lookup(other, version):
            return other
    return GONE.get(name, "")


def _values(view):
    for entry in view.entries:
        wrong = view.wrong_value(entry)
        if wrong:
            taken = "the setting becomes on, whatever was meant" if "for on" in wrong else "Pgpool-II does not start"
            yield view.problem("wrong_value", entry, f"= {view.shown(entry)}: this {wrong}", taken=taken)


def _twice(view):
    first = {}
    for entry in view.entries:
        name = view.todays_name(entry.name)
        earlier = first.setdefault(name, entry)
        if not view.same_value(earlier, entry):
            what = f"= {view.shown(entry)}, and = {view.shown(earlier)} in line {earlier.line}"
            yield view.problem("said_twice", entry, what)
            first[name] = entry


__all__ = ("GONE", "Result", "in_order", "lint")

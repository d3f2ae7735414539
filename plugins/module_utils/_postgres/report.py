# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""What the module returns: the decision, what was done, what was kept. Pure but for reading a manifest."""

from __future__ import annotations

import os
import typing as t

from . import lsn as wal
from . import marks
from .comparison import comparison
from .disk import SALVAGE_SUFFIX, size_of
from .keep import MANIFEST


class Outcome(t.NamedTuple):
    """What a method did."""

    bytes_moved: int = 0
    place: str = ""
    bytes_kept: int = 0
    lost: dict | None = None
    removed: tuple = ()  # older salvages beyond the number to keep
    removing: tuple = ()  # directories that a process of its own goes on to remove


def result(*, decision, first, last, evidence, after, outcome, changed, seconds, apart, work, bytes_expected):
    """Return the module's result.

    ``first``: what was observed at the beginning; ``last``: before the method that worked; ``apart``: what the node
    had alone.
    """
    before = _before(first, evidence)
    return {
        "changed": changed,
        "method": decision.method,
        "reasons": [verdict.to_result() for verdict in decision.reasons],
        "plan": dict(decision.plan.to_result(), replaces=list(decision.replaces)),
        "bytes_moved": outcome.bytes_moved,
        "bytes_expected": bytes_expected,
        "seconds": round(seconds, 2),
        "fork_lsn": (apart or {}).get("fork_lsn"),
        "diverged": apart,
        "comparison": comparison(first, evidence, decision.keeping),
        "salvage": _salvage(decision, last, apart, outcome, done=after is not None),
        "lost": outcome.lost,
        "salvages_removed": list(outcome.removed),
        "removing": list(outcome.removing),
        "observed": before,
        "postgres": after or evidence,
        "executed_commands": work.commands,
        "timings": work.timings,
        "diff": {"before": _brief(evidence), "after": _brief(after) if after else _wanted(decision, first)},
    }


def _before(first, evidence):
    primary = first.primary
    return {
        "target": evidence,
        "primary": {
            "server": primary.server,
            "timeline": primary.timeline,
            "lsn": wal.render(primary.lsn),
            "system_identifier": primary.system_identifier,
            "version": primary.major,
            "history": list(primary.history),
            "slot": primary.slot,
            "sender": primary.sender,
        },
        "relation": first.fork.relation,
    }


def _salvage(decision, last, apart, outcome, *, done):
    keeping = decision.keeping
    path = outcome.place or last.target.kept_before
    if not path and not done and keeping.how:
        parent, name = last.disk.salvage_parent, os.path.basename(last.disk.real_path)
        path = os.path.join(parent, f"{name}{SALVAGE_SUFFIX}<UTC time>")
    if not path:
        return _nothing_kept(apart)
    manifest = marks.read_json(os.path.join(path, MANIFEST)) or {}
    return {
        "path": path,
        "kind": manifest.get("kind") or keeping.kind,
        "bytes": outcome.bytes_kept or keeping.expected_bytes or _size(path, last),
        "commits_past_fork": manifest.get("commits_past_fork", (apart or {}).get("commits_past_fork")),
        "wal_bytes_past_fork": manifest.get("wal_bytes_past_fork", (apart or {}).get("wal_bytes_past_fork")),
    }


def _size(path, last):
    """What is moved takes no new room; it is as big as it was."""
    return size_of(path) if os.path.isdir(path) else last.disk.data_bytes


def _nothing_kept(apart):
    if apart is None:
        return None
    return {
        "path": None,
        "kind": None,
        "bytes": 0,
        "commits_past_fork": apart["commits_past_fork"],
        "wal_bytes_past_fork": apart["wal_bytes_past_fork"],
    }


def _brief(evidence):
    receiver = evidence["receiver"] or {}
    return {
        "role": evidence["role"],
        "timeline": evidence["timeline"],
        "receiver": receiver.get("status"),
        "slot": evidence["primary_slot_name"],
        "primary_conninfo": evidence["primary_conninfo"],
    }


def _wanted(decision, first):
    if not decision.changes:
        return {}
    return {"role": "standby", "timeline": first.primary.timeline, "receiver": "streaming", "by": decision.method}


__all__ = ("Outcome", "result")

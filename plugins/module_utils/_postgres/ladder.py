# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The rungs of the ladder: may this node be brought back in this way, and why (not). Pure.

A new rung is one more ``judge`` and its place in ``LADDER``.
"""

from __future__ import annotations

import typing as t

from . import conffile, forks, salvage
from . import lsn as wal
from .facts import STANDBY

NONE, START, REWIND, DELTA, BASEBACKUP = "none", "start", "rewind", "delta", "basebackup"
COPIES = (DELTA, BASEBACKUP)  # asked for by name, they are made in any case


LITTLE = 10  # an old directory of less than a tenth of the primary's size is not worth comparing
_FINISHED = "an interrupted run left a complete copy that only has to be moved into place"


class Verdict(t.NamedTuple):
    """What was found about one rung. ``way_out`` is for a person, where the rung can't be taken."""

    method: str
    usable: bool
    reason: str
    way_out: str = ""
    taken: bool = False

    def to_result(self):
        return {"method": self.method, "taken": self.taken, "reason": self.reason}


def judge_none(observed, desired):
    """Nothing to do: it streams from this primary as it should."""
    missing = missing_for_none(observed, desired)
    if missing:
        return Verdict(NONE, False, "; ".join(missing))
    return Verdict(NONE, True, f"it already streams from {desired.primary} on timeline {observed.primary.timeline}")


def missing_for_none(observed, desired):
    """Return in words what the wanted state lacks; one look at both sides."""
    target, primary = observed.target, observed.primary
    if target.state != STANDBY:
        return [f"this node is not a running standby ({target.state})"]
    receiver = target.receiver or {}
    if receiver.get("status") != "streaming":
        return [f"its WAL receiver is {receiver.get('status') or 'not running'}"]
    missing = _missing_settings(target, desired)
    if receiver.get("timeline") != primary.timeline:
        missing.append(f"it receives timeline {receiver.get('timeline')}, the primary writes {primary.timeline}")
    if not target.standby_signal:
        missing.append("it has no standby.signal (or recovery.conf): its next start would be as a primary")
    if not primary.sender or primary.sender.get("state") != "streaming":
        missing.append(f"the primary lists no streaming sender {desired.application_name}")
    if not primary.slot or not primary.slot.get("active"):
        missing.append(f"the slot {desired.slot_name} on the primary is not active")
    return missing


def _missing_settings(target, desired):
    missing = []
    if not same_conninfo(target.conninfo, wanted_conninfo(desired)):
        missing.append(f"its primary_conninfo is not the one wanted for {desired.primary}")
    if target.slot_name != desired.slot_name:
        missing.append(f"its primary_slot_name is {target.slot_name or 'not set'}, not {desired.slot_name}")
    return missing


def wanted_conninfo(desired):
    """Return the keywords of primary_conninfo; the password stays in the pass file."""
    keywords = {
        "host": desired.primary_host,
        "port": str(desired.primary_port),
        "user": desired.replication_user,
        "application_name": desired.application_name,
        "sslmode": desired.sslmode,
        "passfile": desired.pass_file,
    }
    return {key: value for key, value in keywords.items() if value}


def tool_conninfo(desired, major, **more):
    """Return the keywords for a tool that copies from the primary: by default it would wait for hours for a server
    that has vanished from the network.
    """
    keywords = dict(wanted_conninfo(desired), **more)
    keywords.update(connect_timeout="10", keepalives_idle="10", keepalives_interval="5", keepalives_count="3")
    if major >= 12:
        keywords["tcp_user_timeout"] = "25000"
    return keywords


def same_conninfo(configured, wanted):
    """Compare the keywords that are ours; what an administrator added (keepalives_idle ...) may stay."""
    if configured is None or conffile.HIDDEN in configured.values():
        return False
    return all(configured.get(key) == value for key, value in wanted.items())


def judge_start(observed, desired):
    """Its data is a part of the primary's history: configure it as a standby and let it stream the rest."""
    target, primary, fork = observed.target, observed.primary, observed.fork
    problem = _unusable_directory(target)
    if problem:
        return Verdict(START, False, problem)
    if fork.relation != forks.PREFIX:
        return Verdict(START, False, describe(observed))
    needed = _segment_start(observed.tail.end_lsn or target.lsn, primary)
    if not _has_wal(primary, needed):
        return Verdict(
            START,
            False,
            f"it needs WAL from {wal.render(needed)} on, and the oldest that the primary still has begins at "
            f"{wal.render(primary.oldest_wal)}",
        )
    what = "runs" if target.running else "is stopped"
    return Verdict(
        START, True, f"it {what}, {describe(observed)}, and the primary still has the WAL from {wal.render(needed)} on"
    )


def judge_rewind(observed, desired):
    """It wrote past the fork: take back what it wrote, copy only the blocks that differ."""
    target, primary, fork = observed.target, observed.primary, observed.fork
    problem = _unusable_directory(target) or _not_for_rewind(target, primary, fork)
    if problem:
        return Verdict(REWIND, False, problem)
    kept = salvage.decide(REWIND, observed, desired)
    if kept.refusal:
        return Verdict(REWIND, False, kept.refusal, kept.way_out)
    return Verdict(REWIND, True, f"{describe(observed)}; pg_rewind can take it back to there")


def _not_for_rewind(target, primary, fork):
    if target.resumable:
        return "the directory was rewound (or copied) already and no server has opened it since"
    if fork.relation == forks.PREFIX:
        return "there is nothing to rewind: it holds nothing that the primary lacks"
    if fork.relation != forks.DIVERGED or fork.lsn is None:
        return f"pg_rewind needs a proven point where two timelines part; here {fork.relation}"
    if "pg_rewind" in target.missing_tools:
        return "pg_rewind is not installed with this PostgreSQL"
    if not target.page_safe:
        return "pg_rewind needs data checksums or wal_log_hints = on, and this node has neither"
    if primary.settings["full_page_writes"] != "on":
        return "pg_rewind needs full_page_writes = on on the primary"
    if primary.missing_rights:
        return "the replication role may not read files on the primary: " + ", ".join(primary.missing_rights)
    segment = _segment_start(fork.lsn, primary)
    if target.oldest_wal is not None and target.oldest_wal > segment:
        return f"the WAL of the fork ({wal.render(fork.lsn)}) is no longer on this node"
    if not _has_wal(primary, segment):
        return f"the WAL of the fork ({wal.render(fork.lsn)}) is no longer on the primary"
    return ""


def delta_matters(observed, desired, failed=()):
    """Tell whether it has to be known if the primary's files can be read: no cheaper way is open."""
    if desired.method == DELTA:
        return True
    if desired.method != "auto" or not observed.target.exists:
        return False
    cheaper = ((START, judge_start), (REWIND, judge_rewind))
    return not any(method not in failed and judge(observed, desired).usable for method, judge in cheaper)


def judge_delta(observed, desired):
    """A new copy that takes unchanged files from the old directory and only the rest from the primary."""
    target, primary, disk = observed.target, observed.primary, observed.disk
    if disk.finished_copy == DELTA:
        return Verdict(DELTA, True, _FINISHED)
    if not target.exists:
        return Verdict(DELTA, False, "there is no data directory to take unchanged files from")
    if disk.old_bytes * LITTLE < (primary.data_bytes or 0):
        return Verdict(DELTA, False, "the old directory holds too little of the primary's data to be worth comparing")
    if primary.files_problem != "":
        return Verdict(DELTA, False, primary.files_problem or "the primary's files were not looked at")
    problem, way_out = _no_copy(DELTA, observed, desired)
    if problem:
        return Verdict(DELTA, False, problem, way_out)
    return Verdict(
        DELTA, True, f"only what differs has to come from the primary, compared by content ({describe(observed)})"
    )


def judge_basebackup(observed, desired):
    """A new copy of everything, moved into place when it is complete."""
    problem, way_out = _no_copy(BASEBACKUP, observed, desired)
    if problem:
        return Verdict(BASEBACKUP, False, problem, way_out)
    if observed.disk.finished_copy == BASEBACKUP:
        return Verdict(BASEBACKUP, True, _FINISHED)
    if "pg_basebackup" in observed.target.missing_tools:
        problem = "pg_basebackup is not installed with this PostgreSQL, nor is a newer one"
        return Verdict(BASEBACKUP, False, problem, "install PostgreSQL's client programs on this host")
    if not observed.target.exists:
        return Verdict(BASEBACKUP, True, "there is no data directory yet: it is copied from the primary")
    return Verdict(BASEBACKUP, True, f"a new copy works whatever happened to the old directory ({describe(observed)})")


def _no_copy(method, observed, desired):
    """Return what stands in the way of a new copy, and the way out."""
    problem = next((part.problem for part in observed.disk.parts if part.problem), "")
    if problem:
        return problem, "move what is there away, or take the copy yourself with pg_basebackup --tablespace-mapping"
    kept = salvage.decide(method, observed, desired)
    return kept.refusal, kept.way_out


def describe(observed):
    """Say in words how the histories lie to each other."""
    target, primary, fork = observed.target, observed.primary, observed.fork
    line, note = f"timeline {target.timeline}", observed.tail.note
    where = wal.render(fork.lsn) if fork.lsn is not None else "an unknown point"
    end = observed.tail.end_lsn or target.lsn
    ends = wal.render(end) if end is not None else "an unknown point"
    if fork.relation == forks.PREFIX and fork.lsn is None:
        return f"it ends at {ends} on {line}, which the primary still writes"
    texts = {
        forks.PREFIX: f"it ends at {ends}, not past {where} where the primary left timeline {fork.timeline}",
        forks.DIVERGED: f"it parts from the primary's history at {where} (timeline {fork.timeline}) and ends at {ends}",
        forks.TWIN: f"it wrote by itself on {line}, which the primary writes too",
        forks.AHEAD: f"it ends at {ends} on {line}, past the primary's {wal.render(primary.lsn)}",
        forks.UNRELATED: "no timeline is common to both",
        forks.UNKNOWN: "it can't be told how far its WAL goes" + (f" ({note})" if note else ""),
    }
    return texts[fork.relation]


def _unusable_directory(target):
    if not target.exists:
        return "there is no data directory to start from"
    if target.interrupted:
        return f"an earlier run was cut off in this directory (at: {target.interrupted}), so its files can't be trusted"
    if target.never_started:
        return "the directory is a copy that no server has opened yet and that may be incomplete"
    return ""


def _segment_start(position, primary):
    size = primary.settings["segment_size"]
    return position // size * size


def _has_wal(primary, position):
    return primary.oldest_wal is None or primary.oldest_wal <= position


LADDER = (
    (NONE, judge_none),
    (START, judge_start),
    (REWIND, judge_rewind),
    (DELTA, judge_delta),
    (BASEBACKUP, judge_basebackup),
)

__all__ = (
    "BASEBACKUP",
    "COPIES",
    "DELTA",
    "LADDER",
    "NONE",
    "REWIND",
    "START",
    "Verdict",
    "delta_matters",
    "describe",
    "judge_basebackup",
    "judge_delta",
    "judge_none",
    "judge_rewind",
    "judge_start",
    "missing_for_none",
    "same_conninfo",
    "tool_conninfo",
    "wanted_conninfo",
)

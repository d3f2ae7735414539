# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling people (the journal) and machines (state files, a line of JSON for each act)."""

from __future__ import annotations

import contextlib
import datetime
import json
import os

from .seen import ALLOW, REFUSE, WAIT

SCHEMA = 1


def utc():
    """Now, for people and machines."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")


def say(text, *, level=6):
    """One line for the journal (with its priority) or the terminal."""
    prefix = f"<{level}>" if "JOURNAL_STREAM" in os.environ else ""
    print(f"{prefix}pgops-guard: {text}", flush=True)


def tell(decision):
    """Say what was decided about a start."""
    words = {ALLOW: "PostgreSQL may start", REFUSE: "REFUSED to start PostgreSQL as a primary", WAIT: "WAITING"}
    level = {ALLOW: 6, REFUSE: 3, WAIT: 4}[decision.verdict]
    say(f"{words[decision.verdict]}: {with_next(decision)}", level=level)


def with_next(decision):
    return decision.reason + (f". Next: {decision.next_step}" if decision.next_step else "")


def others(seen):
    """What peers and pgpools said, for JSON."""
    return {
        "peers": [peer._asdict() for peer in seen.peers],
        "pgpools": [dict(one._asdict(), nodes=[node._asdict() for node in one.nodes]) for one in seen.pgpools],
    }


def report(seen, decision):
    """The decision about a start and its evidence, for machines."""
    return {
        "schema": SCHEMA,
        "time": utc(),
        "host": seen.name,
        "decision": decision.verdict,
        "reason": decision.reason,
        "next_step": decision.next_step,
        "evidence": {**seen._asdict(), **others(seen)},
    }


def running_state(look, decision, heard):
    """How a running server stands. Anybody on the host may read it: no connection string is in it."""
    own = look.own
    return {
        "schema": SCHEMA,
        "time": utc(),
        "host": look.name,
        "role": own.role,
        "timeline": own.timeline,
        "lsn": own.lsn,
        "upstream": f"{own.upstream_host}:{own.upstream_port}" if own.upstream_host else None,
        "streaming": own.streaming,
        "primary": heard._asdict() if heard else None,
        "attached": look.attached,
        "decision": decision.verdict,
        "code": decision.code,
        "reason": decision.reason,
        "next_step": decision.next_step,
        "paused": look.paused,
        "isolated_for": round(look.isolated_for, 1),
        "peers": {one.name: {"answer": one.answer, "timeline": one.timeline, "lsn": one.lsn} for one in look.peers},
    }


def save(path, document, *, mode=0o644, indent=2):
    """Replace a state file in one step; a full disk is no reason to keep a database down."""
    temporary = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            json.dump(document, file, indent=indent)
            file.write("\n")
        os.replace(temporary, path)
    except OSError as exc:
        say(f"cannot write {path}: {exc.strerror}", level=4)


def load(path):
    """Return what was saved, ``{}`` when there is nothing that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def event(path, kind, result, message, **more):
    """Add one line to the record of what the guard did. The directory is another user's: links are not followed."""
    line = {"schema": SCHEMA, "time": utc(), "event": kind, "result": result, "message": message, **more}
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o640)
        try:
            os.write(descriptor, (json.dumps(line) + "\n").encode())
        finally:
            os.close(descriptor)
    except OSError as exc:
        say(f"cannot write {path}: {exc.strerror}", level=4)


def forget(path):
    with contextlib.suppress(OSError):
        os.unlink(path)

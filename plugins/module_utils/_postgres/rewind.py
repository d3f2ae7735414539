# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The rung ``rewind``: pg_rewind over SQL, after a crash recovery where it is needed and a rehearsal."""

from __future__ import annotations

import os
import re

from .._ports import Watch
from . import (
    conffile,
    controldata,
    keep,
    last_look,
    marks,
    own_files,
    primary_work,
    progress,
    salvage,
    staging,
    standby_config,
)
from . import layout as layouts
from .ladder import tool_conninfo
from .work import MethodFailed, failed

RECOVERY_LIMIT = 3600.0
_DONE = re.compile(r"(\d+)/(\d+) kB \(\s*\d+%\) copied")
_WAL = re.compile(r"([0-9A-F]{8})(?:[0-9A-F]{16}(?:\.partial)?|\.history)$")
_NEEDS = re.compile(r"need to copy (\d+) MB")


def run(work, observed, decision):
    """Take the stopped node back to the fork and bring it to the primary's state; returns ``(bytes, place, kept)``."""
    with work.timed("checkpoint"):
        primary_work.fresh_control_file(work, observed.primary.timeline)
    with work.timed("crash_recovery"):
        _recover_from_crash(work)
    if decision.keeping.how == salvage.COPY:  # a failure is better met before a long copy than after it
        with work.timed("rehearsal"):
            _rewind(work, rehearse=True)
    last_look.require_safe(work, observed)
    own_files.note(work, observed)
    with work.timed("salvage"):
        place, kept = keep.keep(work, observed, decision)
    work.marks.note(marks.REWINDING, salvage=place)
    standby_config.close(work.data_directory)
    with work.timed("rewind"):
        answer = _overwrite(work, place)
    finish(work, observed, place)
    return moved_bytes(answer.stdout + answer.stderr), place, kept


def _overwrite(work, place):
    """Run pg_rewind. It tells how much it needs to copy when its checks are through, just before its first write."""
    meter = work.meter("rewind", progress.pg_rewind)
    try:
        return _rewind(work, rehearse=False, watch=meter)
    except MethodFailed as exc:
        began = meter.done is not None or _NEEDS.search(exc.evidence["output"])
        if not began:  # nothing was overwritten: the old directory is what it was
            standby_config.reopen(work.data_directory)
            work.marks.forget()
            if place:
                staging.remove(place)
        raise


def finish(work, observed, place):
    """Make what pg_rewind left the directory of a standby, before a server can open it."""
    _discard_foreign_wal(work, observed.primary)
    own_files.restore(work, work.data_directory)
    standby_config.write(work.data_directory, _major(work), work.desired)
    standby_config.drop_slots(work.data_directory)
    work.marks.note(marks.READY, salvage=place)
    standby_config.reopen(work.data_directory)


def resume(work, observed):
    """Finish what a killed run of pg_rewind left complete, perhaps not yet on disk."""
    os.sync()
    finish(work, observed, observed.target.kept_before)


def _discard_foreign_wal(work, primary):
    """Remove WAL of timelines that the primary was never on; the salvage has it.

    pg_rewind leaves the segment in which the fork lies. The next promotion may give its number to another timeline,
    and a standby replays what lies in pg_wal before it asks the primary for it.
    """
    known = {primary.timeline, *(entry["timeline"] for entry in primary.history)}
    folder = os.path.join(work.data_directory, "pg_wal")
    for name in os.listdir(folder):
        found = _WAL.match(name)
        if found and int(found.group(1), 16) not in known:
            os.unlink(os.path.join(folder, name))


def expected_bytes(work):
    """Ask pg_rewind what it would copy from a cleanly stopped node (it changes nothing); None when it can't tell."""
    try:
        answer = _rewind(work, rehearse=True)
    except MethodFailed:
        return None
    found = _NEEDS.search(answer.stdout + answer.stderr)
    return int(found.group(1)) * 1048576 if found else None


def moved_bytes(output):
    """Return the bytes that pg_rewind's last progress line tells."""
    lines = _DONE.findall(output)
    return int(lines[-1][0]) * 1024 if lines else 0


def source(desired, major):
    """Return the connection string for pg_rewind; the password comes from the pass file."""
    keywords = tool_conninfo(desired, major, application_name="pgops_rewind", dbname="postgres")
    return conffile.render_conninfo(keywords)


def _rewind(work, *, rehearse, watch=None):
    argv = [work.layout.tool("pg_rewind"), "--target-pgdata", work.data_directory]
    argv += ["--source-server", source(work.desired, _major(work)), "--progress"]
    if _major(work) >= 13:
        argv.append("--write-recovery-conf")  # should we not live to write it
    if rehearse:
        checked = _Checked()
        answer = work.runner.run([*argv, "--dry-run"], user=work.user, timeout=RECOVERY_LIMIT, watch=checked)
        good = answer.rc == 0 or checked.enough
    else:
        answer = work.change(argv, long=True, user=work.user, timeout=None, watch=watch)
        good = answer.rc == 0
    if not good:
        raise failed("rehearse pg_rewind" if rehearse else "rewind", answer, kind=MethodFailed)
    return answer


class _Checked(Watch):
    """A rehearsal is over when it has told how much it needs: pg_rewind would fetch all of it even then."""

    def line(self, text):
        self.enough = self.enough or bool(_NEEDS.search(text))

    def tick(self, _pid):
        """Nothing happens by time alone."""


def _recover_from_crash(work):
    """pg_rewind wants a clean stop. It would do this itself, but finds no configuration outside the data directory
    before PostgreSQL 14, and refuses where standby.signal is: so it is done here, for all versions alike.
    """
    control = controldata.read(runner=work.runner, layout=work.layout)
    if control is None or controldata.clean(control):
        return
    layout = work.layout
    argv = [layout.tool("postgres"), "--single", "-D", work.data_directory, "-c", f"config_file={layout.config_file}"]
    argv += ["-c", "log_destination=stderr", "-c", "logging_collector=off", "-c", "exit_on_error=true", "template1"]
    with standby_config.barred(work.data_directory, _major(work)):
        answer = work.change(argv, long=True, user=work.user, stdin="", timeout=RECOVERY_LIMIT)
    if answer.rc != 0 or not controldata.clean(controldata.read(runner=work.runner, layout=layout)):
        raise failed("end the crash recovery", answer, kind=MethodFailed)


def _major(work):
    return layouts.major(work.layout.version)


__all__ = ("expected_bytes", "finish", "moved_bytes", "resume", "run", "source")

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifting the requirement that commits wait for a standby, and putting it back: a file of ours and a reload.

The file is read after the one that deploy_cluster.yml writes and survives a restart; without it all is as deployed.
"""

from __future__ import annotations

import contextlib
import os

from . import tell
from .ask import one_line
from .seen import PRIMARY
from .statusfile import StatusFiles
from .synchronous import FALLBACK, OFF, RELEASE, RESTORE, RESTORING, SUSPEND, Past, Situation, Verdict, advance, decide

TEXTS = {
    SUSPEND: "pgops.synchronous = 'suspended'\nsynchronous_standby_names = ''\n",
    RESTORE: "pgops.synchronous = 'restoring'\n",
}
HEAD = "# Written and removed by pgops-guard, which says why in {events}: every standby was down (pgops_synchronous).\n"
RESULTS = {SUSPEND: ("suspended", 4), RESTORE: ("restoring", 5), RELEASE: ("restored", 5)}
STEP = 3.0
PATIENCE = 5  # looks


class Requirement:
    """The requirement on this host: what was seen of it, and what is done about it."""

    def __init__(self, config, asker):
        self.config, self.asker = config, asker
        self.path = config["synchronous_file"]
        self.past = Past()
        self.state, self.blocked_looks = "", 0
        self.files = StatusFiles(config, asker)

    def decide(self, look):
        """The verdict of one look; remembers it for the next one."""
        if not look.own.answers:
            self.past = Past()
            return Verdict(None, "", "our own server does not answer")
        seen = self.situation(look)
        self.past = advance(seen) if seen.role == PRIMARY else Past()
        return decide(seen)

    def situation(self, look):
        """Put together what the verdict depends on."""
        pgpools = look.pgpools
        if self.config["synchronous"] == FALLBACK and look.own.role == PRIMARY and self.state in ("blocked", RESTORING):
            pgpools = self.files.fill(pgpools)
        return Situation(
            mode=self.config["synchronous"],
            role=look.own.role,
            backend_id=look.backend_id,
            others=tuple(peer["backend_id"] for peer in self.config["peers"]),
            lsn=look.own.lsn,
            names=look.own.names,
            state=look.own.requirement,
            filed=bool(self.path) and os.path.exists(self.path),
            senders=look.own.senders,
            pgpools=pgpools,
            pgpools_in_all=len(self.config["pgpools"]),
            past=self.past,
        )

    def act(self, look, verdict):
        """Write or remove the file, have it read, and say so."""
        self._tell(verdict)
        if verdict.act is None:
            return
        try:
            self._write(verdict.act)
        except OSError as exc:
            tell.say(f"cannot write {self.path}: {exc.strerror}", level=3)
            return
        answer = self.asker.run(self.asker.local_psql("-t", "-c", "select pg_reload_conf()"), limit=STEP)
        if answer.rc != 0:
            words = "no answer in time" if answer.rc is None else one_line(answer.stderr)
            tell.say(f"cannot have {self.path} read: {words}", level=3)
            return  # what is in effect is seen in the next look
        if look.own.role != PRIMARY:
            return
        result, level = RESULTS[verdict.act]
        tell.say(f"SYNCHRONOUS {result}: {verdict.reason}", level=level)
        evidence = {"timeline": look.own.timeline, "lsn": look.own.lsn, "mode": self.config["synchronous"]}
        tell.event(self.config["events_file"], "synchronous", result, verdict.reason, host=look.name, **evidence)

    def _tell(self, verdict):
        """That commits are held up is news once, and no news while a standby is only slow."""
        self.state = verdict.state
        self.blocked_looks = self.blocked_looks + 1 if verdict.state == "blocked" else 0
        if self.blocked_looks == PATIENCE:
            tell.say(f"SYNCHRONOUS blocked: {tell.with_next(verdict)}", level=4)

    def _write(self, act):
        if act == RELEASE:
            remove(self.path)
            return
        owner = self.asker.owner
        descriptor = os.open(f"{self.path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o640)
            if os.geteuid() == 0:
                os.fchown(descriptor, 0, owner.pw_gid)
            file.write(HEAD.format(events=self.config["events_file"]) + TEXTS[act])
            file.flush()
            os.fsync(descriptor)
        os.replace(f"{self.path}.new", self.path)


def remove(path):
    """A standby, and a server that starts as one, has no use for it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def told(config, verdict):
    """For the state file."""
    if config["synchronous"] == OFF and verdict.act is None:
        return {"mode": OFF}
    found = {"mode": config["synchronous"], "state": verdict.state, "reason": verdict.reason}
    return {**found, "next_step": verdict.next_step}

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What one Pgpool host does when the virtual address moves: give it up, take it, be as before.

Two managers: keepalived watches a file of this host, in which a 1 means "stay away"; the watchdog's address goes when
its Pgpool stops. Whatever is done here ends by itself when nobody comes back to undo it: keepalived's file is reset by
the host, and a timer of systemd starts the Pgpool again.
"""

from __future__ import annotations

import os
import socket
import time
import typing as t

from .._errors import CommandFailed, NotVerified
from .._net.iproute import IpRoute
from .._pgpool import sessions
from .._ports import wait_for
from .claim import LIMIT, SCHEMA, Claim

TIMER = "pgops-move-vip"
GONE_WITHIN = 3.0  # seconds in which keepalived obeys; it takes milliseconds
STOP_LIMIT = 60.0
SWITCH_COUNTS = 300  # seconds for which the note of a planned switch counts, as in failover.sh


ARGUMENTS = {
    "manager": {"type": "str", "default": "auto", "choices": ["auto", "watchdog", "keepalived"]},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 5432},
    "target": {"type": "str", "required": True},
    "ignored_users": {"type": "list", "elements": "str", "default": []},
    "service": {"type": "str", "default": "pgpool2.service"},
}


class Wanted(t.NamedTuple):
    """What is moved, and how this host takes part."""

    manager: str
    address: str
    port: int
    target: str
    service: str = "pgpool2.service"
    folder: str = "/run/pgops-vip"
    claim: str = "/run/pgops-move-vip.json"
    note: str = "/var/lib/pgops/switch"
    claim_limit: int = LIMIT
    return_after: int = 60
    ignored_users: tuple = ()


def of_parameters(parameters):
    """Wanted, from the parameters of a module."""
    known = {name: parameters[name] for name in Wanted._fields if name in parameters}
    return Wanted(**dict(known, ignored_users=tuple(parameters["ignored_users"])))


class Handover:
    """This host's part in a move. ``titles`` returns those of Pgpool's processes, ``epoch`` the time of the day."""

    def __init__(self, wanted, *, runner, clock, titles=sessions.read_titles, epoch=time.time):
        self.wanted, self._runner, self._clock, self._titles, self._epoch = wanted, runner, clock, titles, epoch
        self.claim = Claim(wanted.claim, target=wanted.target, limit=wanted.claim_limit, server=_here(), epoch=epoch)

    @property
    def manager(self):
        """Who moves the address here: what runs counts, unless it was said."""
        if self.wanted.manager != "auto":
            return self.wanted.manager
        there = os.path.isdir(self.wanted.folder) and self._active("keepalived.service")
        return "keepalived" if there else "watchdog"

    # --- what is ---

    def describe(self):
        """Return all that decides whether the address may move, and what an interrupted move has left."""
        clients = self._clients()
        return {
            "schema": SCHEMA,
            "held": self.holds(),
            "service_active": self._active(self.wanted.service),
            "return_due": self._active(TIMER + ".timer"),
            "keepalived": self._keepalived(),
            "claim": self.claim.read(),
            "switching": self._switching(),
            "sessions": len(clients),
            "busy": sum(one.busy for one in clients),
        }

    def holds(self):
        """Does this host have the address?"""
        return any(interface.bindings_of(self.wanted.address) for interface in IpRoute(self._runner).interfaces())

    def _keepalived(self):
        if not os.path.isdir(self.wanted.folder):
            return None
        return {
            "active": self._active("keepalived.service"),
            "state": self._read("state") or None,
            "pgpool_down": self._read("pgpool_down") == "1",
            "moved_away": self._read("moved_away") == "1",
        }

    def _read(self, name):
        try:
            with open(os.path.join(self.wanted.folder, name), encoding="utf-8") as stream:
                return stream.read(64).strip()
        except OSError:
            return ""

    def _active(self, unit):
        return self._runner.run(("systemctl", "is-active", "--quiet", unit), timeout=15).rc == 0

    def _switching(self):
        try:
            return self._epoch() - os.stat(self.wanted.note).st_mtime < SWITCH_COUNTS
        except OSError:
            return False

    def _clients(self):
        """With the watchdog the whole Pgpool stops; with keepalived only who came through the address is touched."""
        peers = None
        if self.manager == "keepalived":
            words = ("ss", "-Htn", "state", "established", *self._through_address())
            peers = sessions.parse_peers(self._runner.run(words, timeout=10).stdout)
        return sessions.chosen(sessions.parse_titles(self._titles()), peers=peers, ignored=self.wanted.ignored_users)

    def _through_address(self):
        return ("src", self.wanted.address, "sport", "=", f":{self.wanted.port}")

    # --- the three acts ---

    def away(self, drain):
        """Give the address up, at a quiet moment if there is one within ``drain`` seconds."""
        if self.manager == "keepalived":
            return self._away_from_keepalived(drain)
        return self._away_from_watchdog(drain)

    def _away_from_keepalived(self, drain):
        held = self.holds()
        if not held and self._read("moved_away") == "1":
            return {"changed": False, "drained": None}
        drained = self._drain(drain) if held else None
        if held:
            self._end_sessions()  # who waits for an answer is told now; later on no word reaches him
        self._write("1")
        if held and not wait_for(lambda: not self.holds(), clock=self._clock, timeout=GONE_WITHIN, interval=0.05):
            self._write("0")
            raise NotVerified(
                f"have keepalived give up {self.wanted.address}",
                server=_here(),
                seen=f"it still has the address after {GONE_WITHIN:g} s; it was told to keep it",
                next_step="see journalctl -u keepalived there",
            )
        if held:
            self._end_sessions()  # their transactions hold locks, and nobody could end them any more
        return {"changed": True, "drained": drained}

    def _away_from_watchdog(self, drain):
        if not self._active(self.wanted.service) and not self.holds():
            self._return_later()
            return {"changed": False, "drained": None}
        drained = self._drain(drain)
        self._return_later()
        self._systemctl("stop")
        if self.holds():
            self._systemctl("start")
            raise NotVerified(
                f"have the watchdog give up {self.wanted.address}",
                server=_here(),
                seen="the address is still here after pgpool was stopped; it was started again",
                next_step="ansible-playbook deploy_cluster.yml makes its unit remove the address",
            )
        return {"changed": True, "drained": drained}

    def taken(self, timeout):
        """Wait until this host has the address."""
        begun = self._clock.now()
        if not wait_for(self.holds, clock=self._clock, timeout=timeout, interval=0.05):
            raise NotVerified(
                f"take over {self.wanted.address}",
                server=_here(),
                seen=f"the address did not come here within {timeout:g} s",
                next_step="see journalctl -u keepalived -u pgpool2 there",
            )
        return {"changed": False, "waited": round(self._clock.now() - begun, 2)}

    def back(self):
        """Be as before the move: free to take the address, without taking it.

        A Pgpool that the move has stopped has a timer; one without it was stopped by somebody who may want it so.
        """
        changed = self.would_change("back")
        self.claim.drop()
        if changed and self.manager == "keepalived":
            self._write("0")
        elif changed:
            if not self._active(self.wanted.service):
                self._systemctl("start")
            self._runner.run(("systemctl", "stop", TIMER + ".timer"), timeout=15)
        return {"changed": changed}

    def would_change(self, state):
        """Would this act change anything?"""
        keepalived = self.manager == "keepalived"
        if state == "away":
            there = self._read("moved_away") != "1" if keepalived else self._active(self.wanted.service)
            return there or self.holds()
        if state == "back" and keepalived:
            return self._read("moved_away") == "1"
        if state == "back":
            return self._active(TIMER + ".timer")
        return False

    # --- the small steps ---

    def _write(self, word):
        """In place: keepalived watches the file itself."""
        path = os.path.join(self.wanted.folder, "moved_away")
        try:
            with open(path, "r+", encoding="utf-8") as stream:
                stream.write(word + "\n")
                stream.truncate()
        except OSError as exc:
            raise CommandFailed(
                f"write {word} into {path}",
                server=_here(),
                seen=str(exc),
                next_step="ansible-playbook deploy_cluster.yml sets keepalived up",
            ) from exc

    def _drain(self, seconds):
        """Wait for a moment in which no client is in the middle of anything."""
        began = self._clock.now()
        first = clients = self._clients()
        while any(one.busy for one in clients) and self._clock.now() - began < seconds:
            self._clock.sleep(0.01)
            clients = self._clients()
        return {
            "seconds": round(self._clock.now() - began, 2),
            "sessions": len(clients),
            "busy_at_first": sum(one.busy for one in first),
            "busy": sum(one.busy for one in clients),
        }

    def _end_sessions(self):
        """Best effort: kernels without INET_DIAG_DESTROY do not do it, and TCP's own timers have to."""
        self._runner.run(("ss", "-K", "-tn", "state", "established", *self._through_address()), timeout=10)

    def _return_later(self):
        """A run that is killed must not leave this Pgpool stopped."""
        self._runner.run(("systemctl", "stop", TIMER + ".timer"), timeout=15)
        words = ("systemd-run", "--quiet", "--collect", f"--unit={TIMER}", f"--on-active={self.wanted.return_after}")
        self._must(
            (*words, "--timer-property=AccuracySec=1s", "systemctl", "start", self.wanted.service),
            "have systemd start pgpool again later",
        )

    def _systemctl(self, verb):
        self._must(("systemctl", verb, self.wanted.service), f"{verb} {self.wanted.service}")

    def _must(self, words, attempted):
        done = self._runner.run(words, timeout=STOP_LIMIT)
        if done.rc != 0:
            seen = "no end within a minute" if done.rc is None else (done.stderr or done.stdout).strip()[-400:]
            raise CommandFailed(
                attempted,
                server=_here(),
                seen=seen or f"exit status {done.rc}",
                next_step=f"see systemctl status {self.wanted.service} there, then run this again",
            )


def _here():
    return socket.gethostname()


__all__ = ("ARGUMENTS", "Handover", "Wanted", "of_parameters")

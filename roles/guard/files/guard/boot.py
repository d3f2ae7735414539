# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a start: look and decide, again and again while only time can tell."""

from __future__ import annotations

import time

from . import requirement, systemd
from .ask import PEER_QUERY, Asker, read_peer, read_pgpool
from .decision import decide
from .here import control_file, observe_here, own_timeline, parse_controldata, start_role, use_up_permit
from .seen import ALLOW, PRIMARY, REFUSE, WAIT
from .stopped import StoppedPeers
from .tell import report, save, say, tell

SPEAK_EVERY = 60.0
SPEAK_AGAIN = 5.0  # a changed situation is told at once, but not more often than this


def observe_others(seen, config):
    """Add what the control file, the peers and the pgpools say."""
    asker = Asker(config)
    peers, pgpools = config["peers"], config["pgpools"]
    commands = [control_file(config)]
    commands += [asker.psql(peer, query=PEER_QUERY, options=("-t",)) for peer in peers]
    commands += [asker.psql(one, query="SHOW POOL_NODES", options=("-P", "footer=off")) for one in pgpools]
    control, *answers = asker.run_all(commands)
    timeline, identifier = parse_controldata(control.stdout)
    return seen._replace(
        timeline=own_timeline(timeline, config["data_directory"]),
        system_identifier=identifier,
        peers=tuple(read_peer(peer["name"], answer) for peer, answer in zip(peers, answers)),
        pgpools=tuple(read_pgpool(one["name"], answer) for one, answer in zip(pgpools, answers[len(peers) :])),
    )


def observe(config):
    """Ask others only when it matters."""
    seen = observe_here(config)
    return observe_others(seen, config) if seen.data == PRIMARY and not seen.permitted else seen


class Deliberation:
    """One start: what was decided about it so far, since when, and what of it was told."""

    def __init__(self, config, *, clock=time.monotonic, stopped=None):
        self.config, self.clock = config, clock
        self.stopped = stopped or StoppedPeers(config, clock=clock)
        self.started = clock()
        self.confirmed_since = self.spoke_at = self.spoke_of = None

    def consider(self, seen, *, round_started, patience=None):
        """Return (the decision, whether it is the last one), after telling what is new."""
        confirmed_for = 0.0 if self.confirmed_since is None else round_started - self.confirmed_since
        seen = seen._replace(waited=round_started - self.started, confirmed_for=confirmed_for)
        seen, decision = decide_with(self.stopped, seen)
        if not decision.confirming:
            self.confirmed_since = None
        elif self.confirmed_since is None:
            self.confirmed_since = round_started
        tired = patience is not None and not decision.confirming and self.clock() - self.started >= patience
        is_last = decision.verdict != WAIT or tired
        quiet_for = float("inf") if self.spoke_at is None else self.clock() - self.spoke_at
        now_of = situation(seen, decision)
        if is_last or quiet_for >= (SPEAK_EVERY if now_of == self.spoke_of else SPEAK_AGAIN):
            tell(decision)
            save(self.config["state_file"], report(seen, decision))
            self.spoke_at, self.spoke_of = self.clock(), now_of
        return decision, is_last


def decide_with(stopped, seen):
    """Decide; where nobody who runs can tell, with what those say that do not run. Return what was seen as well."""
    decision = decide(seen)
    if decision.verdict != WAIT or decision.confirming:
        return seen, decision
    seen = stopped.fill(seen)
    return seen, decide(seen)


def situation(seen, decision):
    """What is worth a new line: not that "no route" has become "time-out" again."""
    answers = tuple(peer.answer for peer in seen.peers)
    return decision.confirming, answers, tuple(bool(pgpool.nodes) for pgpool in seen.pgpools)


def deliberate(config, *, patience, look=observe, clock=time.monotonic, sleep=time.sleep, stopped=None):
    """Look and decide until the decision is not to wait, or patience is over; return the decision."""
    deliberation = Deliberation(config, clock=clock, stopped=stopped)
    while True:
        round_started = clock()
        decision, is_last = deliberation.consider(look(config), round_started=round_started, patience=patience)
        if is_last:
            return decision
        sleep(max(0.0, 1.0 - (clock() - round_started)))


def before_start(config):
    """May PostgreSQL be started now? Where only time can tell, the service goes on waiting: a boot must not."""
    if start_role(config["data_directory"]) != PRIMARY and config["synchronous_file"]:
        requirement.remove(config["synchronous_file"])
    decision = deliberate(config, patience=config["patience"])
    use_up_permit(config)
    if decision.verdict == WAIT:
        say("pgops-guard.service goes on asking and starts PostgreSQL when it may", level=4)
        systemd.start(config["wait_unit"])
    return {ALLOW: 0, REFUSE: 1, WAIT: 75}[decision.verdict]

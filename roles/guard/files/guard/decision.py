# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May PostgreSQL be started? A pure function of what was seen.

A standby may always start: it cannot write. A data directory that would start as a primary may start only when somebody
else confirms that nobody was promoted in the meantime.
"""

from __future__ import annotations

from .seen import (
    ALLOW,
    NO_DATA,
    PRIMARY,
    REFUSE,
    STANDBY,
    STOPPED,
    UNCLEAR,
    WAIT,
    Decision,
    is_up,
    newer,
    recover,
    same_system,
)


def decide(seen):
    """Allow, refuse or wait."""
    if seen.data == NO_DATA:
        return Decision(ALLOW, "there is no data directory yet")
    if seen.data == STANDBY:
        return Decision(ALLOW, "it starts as a standby, which cannot write")
    if seen.permitted:
        return Decision(ALLOW, "this start was permitted beforehand")
    refusal = _find_other_primary(seen)
    if refusal is not None:
        return refusal
    if seen.paused:
        return Decision(ALLOW, "automatic failover is paused on this host, and nobody else is seen to be the primary")
    if not seen.peers:
        return Decision(ALLOW, "the cluster has no other database, and no pgpool says otherwise")
    confirmation = _find_confirmation(seen)
    if confirmation is None:
        return _alone(seen)
    if seen.confirmed_for < seen.settle:
        return Decision(WAIT, f"{confirmation}; watching for {seen.settle:g} s whether it stays so", confirming=True)
    return Decision(ALLOW, confirmation, confirming=True)


def _find_other_primary(seen):
    for peer in seen.peers:
        if peer.answer == PRIMARY:
            return _refuse_beside(seen, peer)
    for peer in seen.peers:
        standby = peer.answer == STANDBY or (peer.answer == STOPPED and peer.data == STANDBY)
        if standby and same_system(seen, peer) and newer(peer.timeline, seen.timeline):
            seen_there = (
                f"{peer.name} is a standby on timeline {peer.timeline}, newer than {seen.timeline} of this host"
            )
            return Decision(REFUSE, f"{seen_there}: another server was promoted", recover(seen.name))
    for pgpool in seen.pgpools:
        for node in pgpool.nodes:
            if _contradicts(node, pgpool.nodes, seen.backend_id):
                what = (
                    f"{pgpool.name} (pgpool) says that node {node.id} ({node.hostname}, {node.status}) is the primary"
                )
                return Decision(REFUSE, what, recover(seen.name))
    return None


def _refuse_beside(seen, peer):
    there = f"{peer.name} is a primary on timeline {peer.timeline or 'unknown'}"
    by_hand = (
        "compare them (ansible-playbook check_cluster.yml) and decide which one keeps its data; to start this one all "
        f"the same, stop the other, then {_start_all_the_same(seen)}"
    )
    if not same_system(seen, peer):
        return Decision(
            REFUSE, f"{there}, of another cluster (its system identifier is not that of this host)", by_hand
        )
    if newer(seen.timeline, peer.timeline):
        reason = f"{there}, older than {seen.timeline} of this host: there would be two primaries"
        return Decision(REFUSE, reason, by_hand)
    return Decision(REFUSE, there, recover(seen.name))


def _contradicts(node, nodes, backend_id):
    if node.id == backend_id:
        return False
    if node.pg_role == PRIMARY:
        return True
    we_are_down = any(own.id == backend_id and not is_up(own) for own in nodes)
    return node.role == PRIMARY and (is_up(node) or we_are_down)


def _find_confirmation(seen):
    """Who confirms that nobody else was promoted: all peers, or some of them together with a pgpool, or a pgpool alone.

    A peer that is known to be stopped does so too when its data is a standby's, or a primary's of an older timeline.
    """
    stopped = [peer for peer in seen.peers if _stopped_behind(seen, peer)]
    standbys = [peer for peer in seen.peers if peer.answer == STANDBY and same_system(seen, peer)]
    words = [f"{peer.name} is a standby" for peer in standbys]
    words += [f"{peer.name} {peer.detail}" for peer in stopped]
    speaking = [pgpool for pgpool in seen.pgpools if pgpool.nodes]
    naming_us = [
        pgpool
        for pgpool in speaking
        if any(node.id == seen.backend_id and node.role == PRIMARY and is_up(node) for node in pgpool.nodes)
    ]
    words += [f"{pgpool.name} (pgpool) says that this host is the primary" for pgpool in naming_us]
    enough = naming_us or len(standbys) + len(stopped) == len(seen.peers) or (standbys and speaking)
    return ", ".join(words) if enough else None


def _stopped_behind(seen, peer):
    if peer.answer != STOPPED or None in (seen.timeline, peer.timeline, seen.system_identifier):
        return False
    if seen.system_identifier != peer.system_identifier or peer.data not in (PRIMARY, STANDBY):
        return False
    return peer.timeline < seen.timeline or (peer.data == STANDBY and peer.timeline == seen.timeline)


def _alone(seen):
    reason = "cannot tell whether another server was promoted: " + "; ".join(
        [f"{peer.name}: {peer.detail or peer.answer}" for peer in seen.peers]
        + [f"{pgpool.name} (pgpool): {pgpool.detail or _shown(pgpool)}" for pgpool in seen.pgpools]
    )
    alone_after = None if _may_be_the_primary(seen.peers) else seen.promote_after
    if alone_after is not None and seen.waited >= alone_after:
        return Decision(ALLOW, f"{reason}; starting all the same after {alone_after:g} s (guard_lone_start)")
    ahead = [peer.name for peer in seen.peers if peer.answer == STOPPED and newer(peer.timeline, seen.timeline)]
    if ahead:
        was_promoted = f"{', '.join(ahead)} was promoted after this host: start PostgreSQL there first, then "
        return Decision(WAIT, reason, was_promoted + recover(seen.name))
    latest = "and never without" if alone_after is None else f"or after {alone_after:g} s (guard_lone_start)"
    by_itself = f"starts by itself once they can tell that none was, {latest}"
    by_hand = f"if you know that no other server was promoted, {_start_all_the_same(seen)}"
    return Decision(WAIT, reason, f"{by_itself}; {by_hand}")


def _shown(pgpool):
    return f"does not name us ({', '.join(f'node {node.id}: {node.status}' for node in pgpool.nodes)})"


def _may_be_the_primary(peers):
    """Is there one that runs and does not tell, or that does not run and would start as a primary?"""
    return any(peer.answer == UNCLEAR or (peer.answer == STOPPED and peer.data == PRIMARY) for peer in peers)


def _start_all_the_same(seen):
    """For a person who knows more than the guard."""
    return f"on {seen.name}: /usr/local/lib/pgops/guard.py --permit && systemctl start {seen.unit}"

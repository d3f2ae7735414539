# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May a running PostgreSQL go on as it is? Pure functions of a look.

A primary is fenced when another one was promoted, or when it may have been and nobody can be asked. A standby that
receives nothing follows the new primary.
"""

from __future__ import annotations

import typing as t

from .seen import FENCE, FOLLOW, GO_ON, PRIMARY, STANDBY, Decision, is_up, newer, recover, same_system

LOOKS = 2  # what one look shows can be a moment in between
PATIENCE = 10  # looks after which a standby that should stream and does not needs help
CHECK = "ansible-playbook check_cluster.yml"


class Evidence(t.NamedTuple):
    """Somebody else is the primary."""

    code: str
    words: str
    sure: bool  # a server said so itself; a pgpool's word is worth a second before it counts


def decide_running(look):
    """Go on, fence ourselves, or follow somebody."""
    if look.own.role == PRIMARY:
        decision = _primary(look)
    elif look.own.role == STANDBY:
        decision = _standby(look)
    else:
        return Decision(GO_ON, "PostgreSQL does not run", code="stopped")
    if decision.verdict == GO_ON or not (look.paused or look.recovering):
        return decision
    obstacle = "automatic failover is paused" if look.paused else "recover_standby is at work"
    reason = f"{obstacle} on this host, so nothing is done about this: {decision.reason}"
    return decision._replace(verdict=GO_ON, reason=reason, loud=True)


def contradiction(look):
    """Return the ``Evidence`` that somebody else is the primary, or None. Only a primary has to fear it.

    What all pgpools say decides, because clients are where they send them: a standby that was promoted by mistake has
    the newer timeline and no clients. Where they do not agree, or say nothing for longer than a busy host keeps its
    answer back, the newer timeline decides.
    """
    if look.own.role != PRIMARY or vouched(look) or look.vouched_lately:
        return None
    return newer_server(look) or _pgpools_verdict(look)


def newer_server(look):
    """A peer that is, or follows, a primary on a newer timeline."""
    for answer, words in ((PRIMARY, "is a primary"), (STANDBY, "is a standby")):
        for peer in look.peers:
            if peer.answer == answer and same_system(look.own, peer) and newer(peer.timeline, look.own.timeline):
                told = f"{peer.name} {words} on timeline {peer.timeline}, newer than {look.own.timeline} of this host"
                return Evidence(f"newer_{answer}", f"{told}: another server was promoted", True)
    return None


def vouched(look):
    """Every pgpool that answers has this host as its primary, and up."""
    speaking = speaks(look)
    return bool(speaking) and all(any(_is_us(node, look.backend_id) for node in pgpool.nodes) for pgpool in speaking)


def speaks(look):
    """The pgpools that answered in this look."""
    return [pgpool for pgpool in look.pgpools if pgpool.nodes]


def _is_us(node, backend_id):
    return node.id == backend_id and node.role == PRIMARY and is_up(node) and node.pg_role in (PRIMARY, None)


def _pgpools_verdict(look):
    """All pgpools that answer have the same other primary, and it is one: then this host is nobody's primary."""
    speaking = speaks(look)
    named = [_verified_other(pgpool, look.backend_id) for pgpool in speaking]
    if not speaking or None in named or len({node.id for node in named}) != 1:
        return None
    says = f"{' and '.join(pgpool.name for pgpool in speaking)} (pgpool)"
    other = f"node {named[0].id} ({named[0].hostname})"
    return Evidence("pgpool", f"the primary of {says} is {other}, not this host", False)


def _verified_other(pgpool, backend_id):
    """The other node that a pgpool has for the primary, if it has seen that it is one, and does not have us as well."""
    we_are_down = any(node.id == backend_id and not is_up(node) for node in pgpool.nodes)
    for node in pgpool.nodes:
        if node.role == PRIMARY:
            asked = node.pg_role == PRIMARY or (node.pg_role is None and is_up(node) and we_are_down)
            return node if asked and node.id != backend_id else None
    return None


def _primary(look):
    found = contradiction(look)
    if found is not None:
        if look.against >= LOOKS:
            return Decision(FENCE, found.words, recover(look.name), code=found.code)
        return Decision(GO_ON, f"{found.words}; looking once more", confirming=found.sure, code="suspicion", loud=True)
    beside = _beside(look)
    if beside:
        return Decision(GO_ON, beside, CHECK, code="two_primaries", loud=True)
    if look.contact or not look.peers:
        return Decision(GO_ON, "primary, and nobody says otherwise", code="primary")
    return _isolated(look)


def _beside(look):
    """What is wrong although nothing says that this host is the old primary."""
    other, why = newer_server(look), "nobody settles it"
    if vouched(look):
        why = "the pgpools have this one for the primary"
    elif look.vouched_lately:
        why = "the pgpools had this one for the primary moments ago, and say nothing now"
    if other is not None:
        return f"{other.words}; {why}"
    others = [peer for peer in look.peers if peer.answer == PRIMARY and same_system(look.own, peer)]
    there = ", ".join(f"{peer.name} (timeline {peer.timeline or 'unknown'})" for peer in others)
    here = f"this host (timeline {look.own.timeline or 'unknown'})"
    return f"two primaries: {here} and {there}; {why}" if others else ""


def _isolated(look):
    alone = f"no other host of the cluster can be reached for {look.isolated_for:.1f} s"
    if not look.attached:
        reason = f"{alone}; no standby was attached that could have been promoted: this primary goes on"
        return Decision(GO_ON, reason, "see to the network", code="alone", loud=look.silent_looks >= LOOKS)
    if look.silent_looks < LOOKS or look.isolated_for < look.isolation:
        loud = look.silent_looks >= LOOKS
        reason = f"{alone}; fenced after {look.isolation:g} s"
        return Decision(GO_ON, reason, code="isolating", confirming=True, loud=loud)
    reason = f"{alone}, and a standby could have been promoted meanwhile ({look.attached})"
    return Decision(FENCE, reason, "see to the network; this host starts again when others confirm", code="isolated")


def _standby(look):
    if not look.own.answers:
        return Decision(GO_ON, "standby, does not answer (yet)", code="starting")
    if look.idle_looks == 0:
        return Decision(GO_ON, f"standby, receives from {look.own.upstream_host or 'its primary'}", code="standby")
    candidates = primaries_ahead(look)
    if len(candidates) != 1:
        return _nobody_to_follow(look, candidates)
    target = candidates[0]
    there = f"{target.name} is the primary on timeline {target.timeline or 'unknown'}"
    if follows(look.own, target):
        if look.idle_looks < PATIENCE:
            return Decision(GO_ON, f"standby of {target.name}, which is not received from yet", code="connecting")
        reason = f"{there}, this standby is pointed at it and does not receive for {look.idle_looks} looks"
        why = f": {look.own.detail}" if look.own.detail else ""
        return Decision(GO_ON, f"{reason}{why}", recover(look.name), code="not_streaming", loud=True)
    if look.idle_looks < LOOKS:
        return Decision(GO_ON, f"{there}, and not the one this standby follows; looking once more", code="astray")
    where = f"{look.own.upstream_host or 'nobody'}:{look.own.upstream_port}"
    reason = f"{there}; this standby is pointed at {where} and receives nothing of it"
    return Decision(FOLLOW, reason, code="follow", target=target)


def _nobody_to_follow(look, candidates):
    if candidates:
        names = " and ".join(peer.name for peer in candidates)
        reason = f"standby; several primaries to choose from: {names}"
        return Decision(GO_ON, reason, CHECK, code="two_primaries", loud=True)
    reason, loud = "standby, receives nothing; no primary answers", look.idle_looks >= PATIENCE
    return Decision(GO_ON, reason, CHECK if loud else "", code="no_primary", loud=loud)


def primaries_ahead(look):
    """The primaries of our system that a standby with our history can look up to."""
    return [
        peer
        for peer in look.peers
        if peer.answer == PRIMARY and same_system(look.own, peer) and not newer(look.own.timeline, peer.timeline)
    ]


def follows(own, peer):
    return own.upstream_host in (peer.address, peer.name) and own.upstream_port == peer.port


def idle(look):
    """Does this standby receive from no primary? Also while it still hangs on a dead or deposed one.

    (The receiver notices after wal_receiver_timeout only that its primary has vanished from the network.)
    """
    if look.own.role != STANDBY or not look.own.answers:
        return False
    if not look.own.streaming:
        return True
    ahead = [peer for peer in primaries_ahead(look) if newer(peer.timeline, look.own.timeline)]
    cascade = any(peer.answer == STANDBY and follows(look.own, peer) for peer in look.peers)
    return len(ahead) == 1 and not follows(look.own, ahead[0]) and not cascade


def promotable(look):
    """Who could be promoted if we vanished now, in words; empty: nobody."""
    speaking = speaks(look)
    if speaking:
        for pgpool in speaking:
            for node in pgpool.nodes:
                if node.id != look.backend_id and is_up(node) and node.role == STANDBY:
                    return f"{pgpool.name} had node {node.id} up as a standby"
        return ""
    return f"{', '.join(look.own.standbys)} streamed from this host" if look.own.standbys else ""


def troubled(look):
    """Is something not as it should be around this primary, so that the pgpools are worth asking in each look?"""
    if look.own.role != PRIMARY:
        return False
    confirmed = all(peer.answer == STANDBY and same_system(look.own, peer) for peer in look.peers)
    return (
        not confirmed
        or newer_server(look) is not None
        or look.against > 0
        or (bool(look.peers) and not look.own.standbys)
    )

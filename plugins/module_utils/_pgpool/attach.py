# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Attach, detach or promote one backend on one Pgpool: observe, plan, apply, verify."""

from __future__ import annotations

from .._errors import NotVerified, Unreachable
from .._ports import wait_for
from .node_plan import ATTACHED, DETACHED, PROMOTED, VERBS, locate, plan, reached
from .observe import postgres_answers, read_node, read_nodes
from .wire import PcpRejected

POLL_SECONDS = 0.5


class Watch:
    """What has been seen of a node since the order was given."""

    def __init__(self, pgpool, desired, before):
        self._pgpool = pgpool
        self._desired = desired
        self.node = before
        self.silence = None
        self.mute = False

    def look(self):
        """Tell whether the state is there. Pgpool restarts its PCP process after each change: silence is no failure."""
        try:
            self.node, self.silence = read_node(self._pgpool, self._desired.node_id), None
        except Unreachable as exc:
            self.silence = exc
            return False
        return reached(self.node, self._desired.state) and (self._desired.state != ATTACHED or self._alive())

    def _alive(self):
        """Tell whether the node's PostgreSQL answers. If not, the next health check takes the node down again."""
        if self.node.pg_status in ("up", "down"):
            return self.node.pg_status == "up"
        self.mute = not postgres_answers(self.node, timeout=self._pgpool.timeout)
        return not self.mute


def ensure(pgpool, desired, *, wait_timeout, check_mode):
    """Bring the node into the state and return the module's result."""
    nodes = read_nodes(pgpool)
    before = after = locate(nodes, desired, server=pgpool.server)
    decision = plan(nodes, desired, server=pgpool.server)
    decision.require_allowed()
    if decision.changes:
        after = _predict(before, desired) if check_mode else _carry_out(pgpool, desired, before, wait_timeout)
    return {
        "changed": decision.changes,
        "diff": {"before": _essence(before), "after": _essence(after)},
        "node": (before if check_mode else after).to_result(),
        "plan": decision.to_result(),
    }


def _carry_out(pgpool, desired, before, wait_timeout):
    """Give the order and return the node as it is seen afterwards.

    Pgpool's answer to the order is not the proof. It may come late, and where another Pgpool of the same watchdog was
    quicker the order is rejected although all is well: in both cases the state decides.
    """
    watch = Watch(pgpool, desired, before)
    started, patience = pgpool.clock.now(), wait_timeout
    complaint = _order(pgpool, desired, wait_timeout)
    if isinstance(complaint, PcpRejected):
        patience = min(wait_timeout, pgpool.timeout)
    left = max(0, started + patience - pgpool.clock.now())
    if wait_for(watch.look, clock=pgpool.clock, timeout=left, interval=POLL_SECONDS):
        return watch.node
    if isinstance(complaint, PcpRejected):
        raise complaint
    raise _not_verified(pgpool, desired, watch, watch.silence or complaint, wait_timeout)


def _order(pgpool, desired, wait_timeout):
    """Send the order in a session of its own; return what went wrong, if anything did."""
    try:
        with pgpool.session() as session:
            order = getattr(session, VERBS[desired.state])
            order(desired.node_id, timeout=max(wait_timeout, pgpool.timeout))
    except (PcpRejected, Unreachable) as exc:
        return exc
    return None


def _not_verified(pgpool, desired, watch, silence, wait_timeout):
    node = watch.node
    seen = f"{wait_timeout:g} s after the order the node is {node.status_name}, role {node.role}"
    next_step = "read Pgpool's log there, mend the cause and run this again"
    if silence is not None:
        seen = f"{seen} as far as is known; {silence.seen}"
    elif node.pg_status == "down" or watch.mute:
        seen = f"{seen}; its PostgreSQL does not answer"
        next_step = "start PostgreSQL on that host, check that Pgpool can reach it, and run this again"
    elif desired.state == DETACHED and not node.attached:
        next_step = "the watchdog has no quorum, so only this Pgpool left the node aside: restore the quorum first"
    return NotVerified(
        desired.attempted, server=pgpool.server, seen=seen, next_step=next_step, evidence={"node": node.to_result()}
    )


def _predict(node, desired):
    if desired.state == PROMOTED:
        return node._replace(role="primary")
    return node._replace(status_name="down" if desired.state == DETACHED else "waiting")


def _essence(node):
    names = ("id", "hostname", "port", "status_name", "role")
    return {name: getattr(node, name) for name in names}


__all__ = ("ensure",)

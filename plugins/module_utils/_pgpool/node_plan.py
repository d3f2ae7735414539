# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Decide what to do with one backend of one Pgpool. Pure: nothing here reads or changes anything."""

from __future__ import annotations

import typing as t

from .._errors import PgopsError
from .._plan import Plan, Refusal, Step
from .nodes import UNUSED

ATTACHED, DETACHED, PROMOTED = "attached", "detached", "promoted"
VERBS = {ATTACHED: "attach", DETACHED: "detach", PROMOTED: "promote"}


class NoSuchNode(PgopsError):
    """Pgpool has no backend of this id (and would say "success" if asked to attach it)."""

    code = "no_such_node"


class WrongBackend(PgopsError):
    """The id belongs to another host than the caller thinks."""

    code = "wrong_backend"


class Desired(t.NamedTuple):
    """What the caller wants, and which PostgreSQL the id must stand for."""

    node_id: int
    backend_host: str
    backend_port: int
    state: str
    allow_failover: bool = False  # to detach the primary is one

    @property
    def attempted(self):
        return f"{VERBS[self.state]} node {self.node_id} ({self.backend_host}:{self.backend_port})"


def locate(nodes, desired, *, server):
    """Return the node that is meant; raise when the id is unknown or stands for another backend."""
    known = ", ".join(f"{node.id} = {node.hostname}:{node.port}" for node in nodes)
    if not 0 <= desired.node_id < len(nodes):
        raise NoSuchNode(
            desired.attempted,
            server=server,
            seen=f"it has {len(nodes)} nodes ({known}), none with id {desired.node_id}",
            next_step=f"correct the id, or add backend_hostname{desired.node_id} to pgpool.conf and restart Pgpool",
        )
    node = nodes[desired.node_id]
    if (node.hostname.lower(), node.port) != (desired.backend_host.lower(), desired.backend_port):
        raise WrongBackend(
            desired.attempted,
            server=server,
            seen=f"there node {node.id} is {node.hostname}:{node.port} (all: {known})",
            next_step="make node id, backend_host and backend_port agree with backend_hostname and backend_port in "
            "pgpool.conf; names are compared as they are written",
        )
    return node


def plan(nodes, desired, *, server):
    """Decide, without touching anything, what to do with the node that ``desired`` names among ``nodes``."""
    node = nodes[desired.node_id]
    if reached(node, desired.state):
        return Plan(f"Node {node.id} is {desired.state} already ({node.status_name}).")
    objection = OBJECTIONS[desired.state](node, [other for other in nodes if other.id != node.id])
    if objection is not None and not _wanted_failover(node, desired):
        seen, next_step = objection
        evidence = {"nodes": [item.to_result() for item in nodes]}
        refusal = Refusal(desired.attempted, server, seen, next_step, evidence)
        return Plan(f"Refused to {desired.attempted}: {seen}.", refusal=refusal)
    return Plan(
        f"{VERBS[desired.state].capitalize()} node {node.id}, then wait until it is seen to be {desired.state}.",
        steps=(Step(VERBS[desired.state], f"node {node.id} is {node.status_name} with the role {node.role}"),),
    )


def _wanted_failover(node, desired):
    """The caller knows that it is the primary, and that is why."""
    return desired.state == DETACHED and desired.allow_failover and node.status != UNUSED


def reached(node, state):
    """Tell whether Pgpool's view of the node is the one wanted."""
    if state == DETACHED:
        return node.detached
    return node.attached and (state == ATTACHED or node.role == "primary")


def _acts_as_primary(node):
    """What PostgreSQL says counts; Pgpool's belief only where PostgreSQL was not asked or did not answer."""
    if node.pg_role in ("primary", "standby"):
        return node.pg_role == "primary"
    return node.role == "primary" and node.attached


def _against_attaching(node, others):
    primaries = [other for other in others if _acts_as_primary(other)]
    if node.pg_role == "primary" and primaries:
        return (
            f"PostgreSQL on {node.hostname}:{node.port} runs as a primary while node {primaries[0].id} "
            f"({primaries[0].hostname}) is the primary; Pgpool might send writes to the wrong one",
            "make it a standby first (recover_standby.yml), then attach it",
        )
    return None


def _against_detaching(node, others):
    if node.status == UNUSED:
        return (
            "Pgpool regards the node as unused and rejects to detach it",
            "attach it first, or remove it from pgpool.conf",
        )
    lone_primary = node.pg_role == "primary" and not any(_acts_as_primary(other) for other in others)
    if node.role == "primary" or lone_primary:
        return (
            "it is the primary: to detach it is a failover",
            "move the primary first (switch_primary.yml), or depose it on purpose (failover_primary.yml)",
        )
    return None


def _against_promoting(node, others):
    if node.pg_role is None:
        return (
            "this version of Pgpool-II does not tell what role PostgreSQL has, and a promotion through PCP changes "
            "Pgpool's view only",
            "use switch_primary.yml, or restart Pgpool, which looks for the primary when it starts",
        )
    if node.pg_role != "primary":
        return (
            f"PostgreSQL there is no primary (it says {node.pg_role}), and a promotion through PCP changes "
            "Pgpool's view only",
            "promote PostgreSQL itself (switch_primary.yml); Pgpool's view follows",
        )
    rivals = [other for other in others if other.pg_role == "primary"]
    if rivals:
        return (
            f"PostgreSQL of node {rivals[0].id} ({rivals[0].hostname}) runs as a primary, too",
            "stop one of the two first (check_cluster.yml shows which is which)",
        )
    if not node.attached:
        return (f"it is {node.status_name}, and Pgpool promotes only attached nodes", "attach it first")
    return None


OBJECTIONS = {ATTACHED: _against_attaching, DETACHED: _against_detaching, PROMOTED: _against_promoting}


__all__ = (
    "ATTACHED",
    "DETACHED",
    "PROMOTED",
    "VERBS",
    "Desired",
    "NoSuchNode",
    "WrongBackend",
    "locate",
    "plan",
    "reached",
)

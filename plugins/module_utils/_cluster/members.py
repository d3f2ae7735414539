# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Who belongs to the cluster, read from the inventory. Says nothing about roles: those are observed."""

from __future__ import annotations

import ipaddress
import typing as t

from .vip_manager import default_manager, manager_problems

REQUIRED_SECRETS = (
    "pgops_replication_password",
    "pgops_dbadmin_password",
    "pgops_app_password",
    "pgops_healthcheck_password",
    "pgops_pcp_password",
    "pgops_watchdog_authkey",
)
HEAVIEST = 1000000  # far more than anybody needs, and far less than what Pgpool-II cannot add up


def slot_name(backend_id):
    """The physical slot and application_name of a node: valid as both, and never derived from a host name."""
    return f"pgops_{backend_id}"


def address_of(name, variables):
    """The address that the members use for a host."""
    return str(variables.get("pgops_address") or variables.get("ansible_host") or name)


def weight_of(variables):
    """The share of the SELECTs that a host gets, as a number; None: it is none, or below 0."""
    try:
        weight = float(variables.get("pgops_backend_weight", 1))
    except (TypeError, ValueError):
        return None
    if not 0 <= weight <= HEAVIEST:
        return None
    return int(weight) if weight == int(weight) else weight


def database_members(names, hostvars):
    """Return the database hosts, in the order of their backend ids.

    Each is a dict of name, backend_id (int, or None when it is not declared), address, port, slot and weight.
    """
    members = []
    for name in names:
        variables = hostvars[name]
        backend_id = variables.get("pgops_backend_id")
        members.append(
            {
                "name": str(name),
                "backend_id": None if backend_id is None else int(backend_id),
                "address": address_of(name, variables),
                "port": int(variables.get("pgops_postgresql_port") or 5432),
                "slot": slot_name(backend_id),
                "weight": weight_of(variables),
            }
        )
    return sorted(members, key=lambda m: (m["backend_id"] is None, m["backend_id"] or 0, m["name"]))


def pgpool_members(names, hostvars):
    """Return the pgpool hosts, in the order of their ids: dicts of name, pgpool_id, address, port,
    pcp_port, pcp_user and witness (it votes, and never holds the virtual address)."""
    members = []
    for name in names:
        variables = hostvars[name]
        pgpool_id = variables.get("pgops_pgpool_id")
        members.append(
            {
                "name": str(name),
                "pgpool_id": None if pgpool_id is None else int(pgpool_id),
                "address": address_of(name, variables),
                "port": int(variables.get("pgops_pgpool_port") or 5432),
                "pcp_port": int(variables.get("pgops_pcp_port") or 9898),
                "pcp_user": str(variables.get("pgops_pcp_user") or "pgpoolad"),
                "witness": _is_true(variables.get("pgops_pgpool_witness")),
            }
        )
    return sorted(members, key=lambda m: (m["pgpool_id"] is None, m["pgpool_id"] or 0, m["name"]))


def topology_problems(databases, pgpools, variables):
    """Return what is wrong with the inventory, as sentences that name the host or the variable.

    ``variables`` are the variables of any one host of the cluster.
    """
    problems = []
    if not databases:
        problems.append("no database host: the group named by pgops_postgres_group (default 'postgres') is empty")
    if not pgpools:
        problems.append("no pgpool host: the group named by pgops_pgpool_group (default 'pgpool') is empty")
    problems += _id_problems(databases, "backend_id", "pgops_backend_id")
    problems += _id_problems(pgpools, "pgpool_id", "pgops_pgpool_id")
    problems += _address_problems(databases + pgpools)
    problems += _weight_problems(databases)
    problems += _vip_problems(variables)
    manager = variables.get("pgops_vip_manager") or default_manager(variables.get("pgops_timing_profile"))
    problems += manager_problems(str(manager), pgpools)
    problems += [
        f"{name} is not set: there are no default passwords (ansible-vault keeps it out of sight)"
        for name in REQUIRED_SECRETS
        if not variables.get(name)
    ]
    return problems


def _is_true(value):
    """An inventory may spell it as a word."""
    return str(value).lower() in ("true", "yes", "on", "1")


def _id_problems(members: list[dict[str, t.Any]], key, variable):
    problems = [f"{m['name']}: {variable} is not set; ids are declared per host" for m in members if m[key] is None]
    ids = [m[key] for m in members if m[key] is not None]
    for value in sorted(set(ids)):
        if ids.count(value) > 1:
            names = ", ".join(m["name"] for m in members if m[key] == value)
            problems.append(f"{variable} {value} is given to more than one host: {names}")
    if not problems and sorted(ids) != list(range(len(ids))):
        problems.append(f"{variable} must count from 0 without a gap, found {sorted(ids)}")
    return problems


def _address_problems(members):
    seen = {}
    problems = []
    for member in members:
        other = seen.setdefault((member["address"], member["port"]), member["name"])
        if other != member["name"]:
            problems.append(f"{other} and {member['name']} have the same address {member['address']}:{member['port']}")
    return problems


def _weight_problems(databases):
    problems = [
        f"{m['name']}: pgops_backend_weight is a number from 0 (no SELECTs) to {HEAVIEST}"
        for m in databases
        if m["weight"] is None
    ]
    if databases and all(m["weight"] == 0 for m in databases):
        problems.append("pgops_backend_weight is 0 on every database host: nobody is left for the SELECTs")
    return problems


def _vip_problems(variables):
    required = ("pgops_vip", "pgops_vip_prefix", "pgops_vip_interface", "pgops_cluster_network")
    problems = [f"{name} is not set" for name in required if not variables.get(name)]
    if problems:
        return problems
    vip, prefix, network = (str(variables[k]) for k in ("pgops_vip", "pgops_vip_prefix", "pgops_cluster_network"))
    try:
        if ipaddress.ip_interface(f"{vip}/{prefix}").version != 4:
            problems.append(f"pgops_vip has to be an IPv4 address, and is {vip}; the module vip_bind alone can do IPv6")
        ipaddress.ip_network(network)
    except ValueError as exc:
        problems.append(f"pgops_vip/pgops_vip_prefix or pgops_cluster_network is not valid: {exc}")
    return problems


__all__ = (
    "REQUIRED_SECRETS",
    "address_of",
    "database_members",
    "pgpool_members",
    "slot_name",
    "topology_problems",
    "weight_of",
)

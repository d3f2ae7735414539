# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a role's templates from its own defaults and vars, without a host and without a run of Ansible."""

from __future__ import annotations

import functools
import pathlib

import jinja2
import jinja2.nativetypes
import jinja2.runtime
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as SetFilters
from ansible.plugins.test.core import TestModule as CoreTests
from ansible_collections.pgops.pgpool.plugins.filter.cluster import FilterModule as ClusterFilters
from ansible_collections.pgops.pgpool.plugins.filter.pgpool_conf import FilterModule as PgpoolFilters

ROLES = pathlib.Path(__file__).parents[3] / "roles"


class _LazyContext(jinja2.runtime.Context):
    """Variables that are templates themselves are rendered when they are looked at, as Ansible does."""

    def resolve_or_missing(self, key):
        return _rendered(super().resolve_or_missing(key), self)


def _rendered(value, context):
    if isinstance(value, dict):
        return {key: _rendered(item, context) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, context) for item in value]
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        return _native(value.strip()).render(context.parent)
    return value


@functools.lru_cache(maxsize=None)
def _native(text):
    return _environment(jinja2.nativetypes.NativeEnvironment).from_string(text)


def _environment(kind, **options):
    environment = kind(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"], **options)
    environment.context_class = _LazyContext
    environment.filters = {**SetFilters().filters(), **CoreFilters().filters(), **environment.filters}
    for filters in (ClusterFilters().filters(), PgpoolFilters().filters()):
        environment.filters.update({f"pgops.pgpool.{name}": function for name, function in filters.items()})
    environment.tests.update(CoreTests().tests())
    return environment


@functools.lru_cache(maxsize=None)
def variables_of(role):
    """Return the raw defaults and vars of a role."""
    merged = {}
    for part in ("defaults", "vars"):
        path = ROLES / role / part / "main.yml"
        merged.update(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    return merged


def render(role, template, variables):
    """Return a template of a role as text."""
    environment = _environment(
        jinja2.Environment,
        loader=jinja2.FileSystemLoader(ROLES / role / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    merged = {**variables_of(role), "ansible_managed": "Ansible managed", **variables}
    return environment.get_template(template).render(merged)


def value_of(role, expression, variables):
    """Return what an expression yields within a role."""
    return _native(expression).render({**variables_of(role), **variables})


def task_of(role, file, words):
    """Return the task of a role whose name has these words."""
    tasks = yaml.safe_load((ROLES / role / "tasks" / f"{file}.yml").read_text(encoding="utf-8"))
    (task,) = [one for one in tasks if words in one["name"]]
    return task


def cluster(databases=2, pgpools=2, **more):
    """Inventory variables of a cluster, as seen on its first pgpool."""
    hostvars = {}
    for number in range(databases):
        name = f"postgres-db{number + 1}"
        hostvars[name] = {"pgops_backend_id": number, "pgops_address": f"10.1.7.{106 + number}", **more}
    for number in range(pgpools):
        name = f"app-server{number + 1}"
        hostvars[name] = {"pgops_pgpool_id": number, "pgops_address": f"10.1.7.{104 - 2 * (number // 2) + number % 2}"}
    groups = {
        "postgres": [name for name in hostvars if name.startswith("postgres")],
        "pgpool": [name for name in hostvars if name.startswith("app")],
    }
    return {
        "inventory_hostname": "app-server1",
        "ansible_facts": {"distribution_release": "bookworm"},
        "hostvars": hostvars,
        "groups": groups,
        "ansible_play_hosts": groups["pgpool"],
        "pgops_pgpool_id": 0,
        "pgops_vip": "10.1.7.100",
        "pgops_vip_prefix": 24,
        "pgops_vip_interface": "eth0",
        "pgops_cluster_network": "10.1.7.0/24",
        "pgops_watchdog_authkey": "wd'secret",
        "pgops_pcp_password": "pcp:se\\cret",
        "__pgpool_version": "4.3.5",
        "__pgpool_passwords": {"encrypted": {}},
        **more,
    }

#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_switchover
short_description: Let a standby take over from its primary, losing nothing
version_added: 0.1.0
author: pgops contributors (@pgops)
description:
  - Runs on the standby that is to become the primary.
  - Shuts the primary down cleanly, waits until this server has replayed its very last record, and only then promotes
    this server. Where any of this is not proven, nobody is promoted.
  - The line to the primary's host (SSH, as the user that owns PostgreSQL) is opened before anything happens.
  - The old primary is left stopped; M(pgops.pgpool.pg_basebackup_sync) makes it a standby.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._postgres
attributes:
  check_mode:
    support: full
    details:
      - Asks both servers, and refuses what a real run would refuse. Changes nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - On the primary it does nothing.
options:
  primary_host:
    description:
      - Address of today's primary.
      - The user of PostgreSQL has to reach the one of that host by SSH, with a key and a known host key.
    type: str
    required: true
  primary_port:
    description:
      - Port of today's primary.
    type: int
    default: 5432
  max_lag:
    description:
      - How many bytes of WAL this standby may be behind at the beginning.
    type: int
    default: 16777216
  checkpoint_timeout:
    description:
      - Seconds for the checkpoints on the primary before it is stopped. Clients work on meanwhile.
    type: int
    default: 120
  stop_timeout:
    description:
      - Seconds for the shutdown of the primary.
    type: int
    default: 15
  replay_timeout:
    description:
      - Seconds to wait for the primary's last record, and again for the promotion.
    type: int
    default: 15
requirements:
  - psycopg2
notes:
  - Run it as root (C(become=true)), or as the user that owns PostgreSQL.
  - Works with PostgreSQL 10 and later. The two servers have to use the same directory for their Unix sockets.
  - A failure tells in C(error.evidence.stage) how far it came. V(before), or an error without a stage, means that
    nothing was done; V(stopping) that the primary may be down and nobody was promoted; V(promoting) that the primary is
    down and this server has all of its data.
seealso:
  - module: pgops.pgpool.pg_basebackup_sync
"""

EXAMPLES = r"""
- name: See what stands in the way of a switch
  pgops.pgpool.pg_switchover:
    primary_host: 10.1.7.106
  become: true
  check_mode: true

- name: Take over
  pgops.pgpool.pg_switchover:
    primary_host: 10.1.7.106
  become: true
"""

RETURN = r"""
plan:
  description: C(summary) and C(steps), each with C(action) and C(reason); no steps when it is the primary already.
  returned: success
  type: dict
lag_bytes:
  description: How far this standby was behind when it was asked first; null when it is the primary already.
  returned: success
  type: int
lsn:
  description: Position of the primary's last record, its shutdown checkpoint.
  returned: when it took over
  type: str
  sample: 0/3000060
seconds:
  description: >-
    What each part took, C(checkpoint), C(last_look), C(stop), C(replay) and C(promote); nobody could write during the
    last three.
  returned: when it took over
  type: dict
error:
  description: C(code), C(attempted), C(server), C(seen), C(next_step) and C(evidence).
  returned: failure
  type: dict
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner, SystemClock
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import connect, other_end, overrides, takeover
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.layout import discover, major


def argument_spec():
    return dict(
        overrides.ARGUMENTS,
        primary_host={"type": "str", "required": True},
        primary_port={"type": "int", "default": 5432},
        max_lag={"type": "int", "default": 16777216},
        checkpoint_timeout={"type": "int", "default": 120},
        stop_timeout={"type": "int", "default": 15},
        replay_timeout={"type": "int", "default": 15},
    )


def take_over(module, runner=None, clock=None):
    runner, clock, wanted = runner or LocalRunner(), clock or SystemClock(), module.params
    layout = discover(runner=runner, overrides=overrides.of_parameters(wanted))
    if layout is None:
        raise overrides.invalid("version", wanted["version"], "a PostgreSQL that is on this host")
    primary = f"{wanted['primary_host']}:{wanted['primary_port']}"
    limits = takeover.Limits(
        max_lag=wanted["max_lag"],
        checkpoint=wanted["checkpoint_timeout"],
        stop=wanted["stop_timeout"],
        replay=wanted["replay_timeout"],
    )
    with contextlib.closing(connect.connect_local(layout)) as conn:
        if takeover.is_primary(conn):
            return {"changed": False, "plan": takeover.nothing_to_do().to_result(), "lag_bytes": None}
        line = other_end.open_line(
            runner,
            wanted["primary_host"],
            wanted["primary_port"],
            layout.socket_directory,
            user=layout.postgres_user,
            stop_limit=limits.stop,
        )
        with contextlib.closing(line):
            observed = takeover.observe(conn, line)
            plan = takeover.plan(observed, primary=primary, limits=limits)
            plan.require_allowed()
            result = {"changed": True, "plan": plan.to_result(), "lag_bytes": takeover.lag_of(observed)}
            if not module.check_mode:
                promote = _promotion(conn, layout, runner)
                done = takeover.switch(conn, line, primary=primary, limits=limits, clock=clock, promote=promote)
                result.update(done)
    return result


def _promotion(conn, layout, runner):
    """pg_promote() came with PostgreSQL 12."""
    if major(layout.version) >= 12:
        return lambda: connect.query(conn, "SELECT pg_promote(false)")
    argv = [layout.tool("pg_ctl"), "-D", layout.data_directory, "-W", "promote"]
    return lambda: runner.run(argv, user=layout.postgres_user, timeout=20)


def main():
    run_use_case(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), take_over)


if __name__ == "__main__":
    main()

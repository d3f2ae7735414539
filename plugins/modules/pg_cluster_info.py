#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_cluster_info
short_description: Evidence about the PostgreSQL of a host
version_added: 0.1.0
author: pgops contributors (@pgops)
description:
  - Tells what one PostgreSQL is and does, from the server itself while it runs and from its files while it does not.
  - A server that is absent, stopped, starting, frozen or refusing sessions is an answer, not a failure.
  - Which PostgreSQL is meant is discovered from Debian's layout or the RPM one; several and none named is a failure.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
  - pgops.pgpool._postgres
options:
  timeout:
    description:
      - Seconds to wait for each answer of the server. A frozen one takes this long.
    type: int
    default: 5
requirements:
  - psycopg2 (only where PostgreSQL runs)
notes:
  - Run it as root (C(become=true)), or as the user that owns PostgreSQL.
  - Works with PostgreSQL 10 and later.
seealso:
  - module: pgops.pgpool.pg_basebackup_sync
"""

EXAMPLES = r"""
- name: Ask PostgreSQL what it is
  pgops.pgpool.pg_cluster_info:
  become: true
  register: evidence

- name: Show the role and how far it is
  ansible.builtin.debug:
    msg: "{{ evidence.postgres.role }} on timeline {{ evidence.postgres.timeline }} at {{ evidence.postgres.lsn }}"

- name: Name one of several clusters
  pgops.pgpool.pg_cluster_info:
    version: "15"
    cluster_name: main
  become: true
"""

RETURN = r"""
postgres:
  description: What is known. A key that does not apply, or that nobody could answer, is null (or an empty list).
  returned: success
  type: dict
  contains:
    installed:
      description: Whether the server programs are there.
      type: bool
    version:
      description: Version of the running server, else of the programs.
      type: str
      sample: "15.14"
    major:
      description: Major version.
      type: int
      sample: 15
    layout:
      description: Where it lives (the options of this module, with what was discovered).
      type: dict
    data_directory_exists:
      description: Whether the data directory is there and not empty.
      type: bool
    data_version:
      description: Major version that wrote the data directory; null when no database is in it.
      type: str
    service:
      description: C(name), C(active), C(state) and C(enabled) of the systemd unit.
      type: dict
    running:
      description: Whether a server process holds the data directory.
      type: bool
    accepting:
      description: Whether it answered our questions.
      type: bool
    error:
      description: Why it did not.
      type: str
    error_code:
      description: The same for machines, such as V(not_accepting), V(unreachable) or V(authentication_failed).
      type: str
    role:
      description:
        - V(primary) or V(standby) as the server itself says; V(down) when there is a database and no answer;
          V(absent) when there is no database.
        - A server that is C(down) may be C(running) all the same.
      type: str
      sample: standby
    last_role:
      description: The role of a server that does not answer as its files tell it, V(primary) or V(standby).
      type: str
    in_recovery:
      description: Whether it replays WAL.
      type: bool
    timeline:
      description:
        - Timeline, from the running server; null when it runs and does not answer.
        - Of a stopped one, the timeline that it would go on with.
      type: int
    system_identifier:
      description: Identifier of the database system, equal on a primary and its standbys.
      type: str
    lsn:
      description: >-
        Position in the WAL: the current one of a primary, the greater of received and replayed of a standby,
        and what the control file knows (a lower bound) of a stopped server.
      type: str
      sample: 0/3000148
    received_lsn:
      description: What a standby received since it started.
      type: str
    replayed_lsn:
      description: What a standby replayed.
      type: str
    control:
      description:
        - The control file, with C(state), C(timeline), C(checkpoint_lsn), C(redo_lsn), C(min_recovery_end),
          C(min_recovery_timeline), C(system_identifier), C(data_checksums), C(wal_log_hints) and C(segment_size).
        - Its timeline is the one of the last checkpoint, so it is stale for a while after a promotion.
      type: dict
    history:
      description: Switches that led to the timeline, oldest first (C(timeline), C(switch_lsn), C(reason)).
      type: list
      elements: dict
    slots:
      description: >-
        Replication slots (C(name), C(slot_type), C(active), C(restart_lsn), C(wal_status), C(retained_bytes)).
        C(wal_status) is known from PostgreSQL 13 on.
      type: list
      elements: dict
    senders:
      description: >-
        WAL senders (C(application_name), C(client_addr), C(state), C(sent_lsn), C(write_lsn), C(flush_lsn),
        C(replay_lsn), C(sync_state), C(lag_bytes)).
      type: list
      elements: dict
    receiver:
      description: >-
        WAL receiver of a standby (C(status), C(timeline), C(received_lsn), C(sender_host), C(sender_port),
        C(slot_name), C(latest_end_lsn)). The sender is known from PostgreSQL 11 on.
      type: dict
    synchronous:
      description: >-
        Whom the commits of a primary wait for (C(names), as C(synchronous_standby_names)), what its guard has made
        of that (C(state) is V(suspended) or V(restoring), else empty) and how many sessions wait now (C(waiting)).
      type: dict
    primary_conninfo:
      description: Connection string to the primary, without its password.
      type: str
    primary_slot_name:
      description: Slot that the standby uses on the primary.
      type: str
    standby_signal:
      description: Whether the server would start as a standby (C(standby.signal), or C(recovery.conf) before 12).
      type: bool
    lag_bytes:
      description: Bytes from the newest WAL that the sender told of to what is replayed; null while nobody sends.
      type: int
    lag_seconds:
      description: 0 when all of that is replayed, else the age of the last replayed commit.
      type: float
    start_time:
      description: When the server started, in UTC.
      type: str
      sample: "2026-11-22T22:11:50Z"
    fenced:
      description: >-
        Why the guard of this host ended the server (C(time), C(code), C(reason), C(next_step)); null when it did not.
      type: dict
    held:
      description: >-
        What the guard of this host waits for before it starts the server (C(time), C(reason), C(next_step)); null
        when it does not wait.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import overrides
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.inspect import inspect_local
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.layout import discover


def argument_spec():
    return dict(overrides.ARGUMENTS, timeout={"type": "int", "default": 5})


def read_cluster(module, runner=None):
    runner = runner or LocalRunner()
    timeout = module.params["timeout"]
    if timeout < 1:
        raise overrides.invalid("timeout", timeout, "at least 1 second")
    layout = discover(runner=runner, overrides=overrides.of_parameters(module.params))
    return {"changed": False, "postgres": inspect_local(runner=runner, layout=layout, timeout=timeout)}


def main():
    run_use_case(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), read_cluster)


if __name__ == "__main__":
    main()

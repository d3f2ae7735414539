#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_basebackup_sync
short_description: Make this host a streaming standby of a given primary by the cheapest safe method
version_added: 0.1.0
description:
  - Compares the data directory of this host with the primary, chooses the cheapest method that is provably safe, and
    says why that one and not the others.
  - V(none) when it streams already; V(start) when its data is a part of the primary's history; V(rewind)
    (C(pg_rewind)) when it wrote past the point where the histories part; V(delta) (a new copy that takes unchanged
    files from the old directory and the rest from the primary by C(rsync), within a backup held open on the primary)
    when C(pg_rewind) can't; V(basebackup) (a new copy of everything) whenever that does not do.
  - A new copy is made beside the old directory and moved into place when it is complete and checked. Tablespaces,
    C(pg_wal) behind a link and a data directory that is a mount point are exchanged inside the places where they lie.
  - What the old node has and the primary has not is kept before anything is overwritten, never by hard link.
  - Configuration inside the data directory (RPM layout) stays the node's own in every method. That is
    C(postgresql.conf) with its includes, C(pg_hba.conf), C(pg_ident.conf) and the TLS files. Only a first copy brings
    the primary's. C(postgresql.auto.conf) is the primary's, with the settings of this standby.
  - Before PostgreSQL 12 the settings go to C(recovery.conf), of which only other lines stay. Where C(pg_controldata) or
    C(pg_waldump) are missing, those of 10 and 11 are read without; a newer C(pg_basebackup) may stand in for a missing
    one, C(pg_rewind) must be the server's own.
  - Success means that the node is in recovery, receives the primary's timeline, and that the primary lists it as
    streaming with an active slot; seen twice when something was changed. After a failure it is stopped or streaming.
  - May be killed at any point and run again.
  - A long copy is reported while it runs, at least every 10 seconds, with bytes done and expected, rate and time left;
    on the host in C(/run/pgops/progress-VERSION-CLUSTER.json). Not with C(no_log) or C(async).
  - Talks to the primary over libpq as O(replication_user); only V(delta) also reads its files over SSH, as
    O(postgres_user) on both sides, with verified host keys. The role needs C(REPLICATION) and
    C(pg_monitor), for V(rewind) also C(EXECUTE) on C(pg_ls_dir), C(pg_stat_file) and C(pg_read_binary_file), and
    C(pg_checkpoint) (PostgreSQL 15 and later) or C(EXECUTE) on the backup functions for a checkpoint at once.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._postgres
requirements:
  - psycopg2 on the host
attributes:
  check_mode:
    support: full
    details:
      - Returns the plan with its reasons, and refuses what a real run would refuse. Nothing is written anywhere.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A standby that streams as wanted is left alone, except with O(method=delta) and O(method=basebackup), which
        always copy.
author:
  - pgops contributors (@pgops)
options:
  primary_host:
    description: Address of the primary, as the standby shall use it in C(primary_conninfo).
    type: str
    required: true
  primary_port:
    description: Port of the primary.
    type: int
    default: 5432
  replication_user:
    description: Role for replication, for questions to the primary and for C(pg_rewind).
    type: str
    default: replication
  pass_file:
    description:
      - Password file of libpq that holds the password of O(replication_user).
      - C(.pgpass) in the home of O(postgres_user) by default. The standby reads it as well; passwords go nowhere else.
    type: path
  sslmode:
    description: How libpq shall use TLS towards the primary.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
    default: prefer
  slot_name:
    description: Physical replication slot of this standby on the primary. Made when it is missing.
    type: str
    required: true
  application_name:
    description: Name under which the primary lists this standby. O(slot_name) by default.
    type: str
  method:
    description:
      - V(auto) takes the cheapest method that is safe. Where that fails on the way, the next is taken, with the reason.
      - A named method is taken or the module fails; there is no silent change to another one.
      - V(none) fails unless the node streams already.
    type: str
    choices: [auto, none, start, rewind, delta, basebackup]
    default: auto
  salvage_directory:
    description:
      - Where to keep what the old node has and the primary has not.
      - Beside the data directory by default (C(DIRECTORY.pgops-salvage-TIME)).
    type: path
  salvage_skip:
    description:
      - Give up what the old node has and the primary has not.
      - Needed where there is no room to keep it; the module says so.
    type: bool
    default: false
  salvage_keep:
    description:
      - How many salvages of this data directory to keep. After a success the oldest ones beyond that are removed, never
        the one that this run made.
      - V(0) removes nothing.
    type: int
    default: 0
  max_rate:
    description: Limit for V(delta) and V(basebackup) in kB per second, or with V(k) or V(M) behind the number.
    type: str
  lock_timeout:
    description: Seconds to wait for another run on this host.
    type: int
    default: 30
  start_timeout:
    description: Seconds without any progress in WAL after which a start counts as failed.
    type: int
    default: 120
  allow_initial:
    description: Whether the first copy may be made where there is no data directory yet.
    type: bool
    default: true
  allow_older_primary:
    description:
      - Go on although the stopped data here is on a newer timeline than O(primary_host).
      - Normally refused, since the data here may be the better copy. It is kept like any other.
    type: bool
    default: false
seealso:
  - module: pgops.pgpool.pg_cluster_info
  - module: pgops.pgpool.pgpool_node
"""

EXAMPLES = r"""
- name: See what would be done, and why
  pgops.pgpool.pg_basebackup_sync:
    primary_host: 10.1.7.107
    slot_name: pgops_0
  check_mode: true
  become: true
  register: plan

- name: Make this host a standby of today's primary
  pgops.pgpool.pg_basebackup_sync:
    primary_host: 10.1.7.107
    slot_name: pgops_0
    sslmode: require
  become: true

- name: Copy everything anew, at no more than 50 MB per second
  pgops.pgpool.pg_basebackup_sync:
    primary_host: 10.1.7.107
    slot_name: pgops_0
    method: basebackup
    max_rate: 50M
  become: true
"""

RETURN = r"""
method:
  description: The method that was (or in check mode would be) used.
  returned: success
  type: str
  sample: rewind
reasons:
  description: Each method that was considered, from the cheapest on, with what spoke for or against it.
  returned: success
  type: list
  elements: dict
  contains:
    method:
      description: The method.
      type: str
    taken:
      description: Whether it was taken.
      type: bool
    reason:
      description: Why, or why not; for one that failed on the way, what went wrong.
      type: str
plan:
  description: What was (or would be) done.
  returned: success
  type: dict
  contains:
    summary:
      description: The plan in one sentence.
      type: str
    steps:
      description: The steps in order, each with C(action) and C(reason).
      type: list
      elements: dict
    refused:
      description: Whether the plan is a refusal (then the module fails).
      type: bool
    replaces:
      description: Directories whose content is replaced or changed in place.
      type: list
      elements: str
bytes_moved:
  description: >-
    Bytes that came from the primary, what C(pg_rewind) told, the size of the copy, or the WAL for V(start) as expected.
  returned: success
  type: int
bytes_expected:
  description: Bytes expected to come from the primary. Null where it can't be told beforehand.
  returned: success
  type: int
seconds:
  description: Seconds that the module took.
  returned: success
  type: float
timings:
  description: Seconds of the steps, such as C(observe), C(stop), C(salvage), C(rewind), C(copy), C(verify).
  returned: success
  type: dict
  sample: {"observe": 0.4, "rewind": 2.1, "salvage": 1.7, "verify": 2.3}
fork_lsn:
  description: WAL position at which the histories of both nodes part. Null when they do not.
  returned: success
  type: str
  sample: 0/3012360
diverged:
  description: What this node had and the primary has not. Null when there was nothing.
  returned: success
  type: dict
  contains:
    relation:
      description: How the histories lie (V(diverged), V(twin), V(ahead), V(unrelated), V(unknown)).
      type: str
    fork_timeline:
      description: Timeline that both have in common.
      type: int
    fork_lsn:
      description: Where it was left.
      type: str
    target_timeline:
      description: Timeline of this node.
      type: int
    target_lsn:
      description: Where the WAL of this node ended.
      type: str
    wal_bytes_past_fork:
      description: Bytes of WAL after the fork. Null when unknown.
      type: int
    commits_past_fork:
      description: Transactions committed after the fork. Null when unknown.
      type: int
    note:
      description: Why something is unknown. Empty when nothing is.
      type: str
comparison:
  description:
    - Both sides next to each other as they were at the beginning. What was not needed, and so not read, is null.
    - C(system_identifier), C(timeline), C(lsn) and C(oldest_wal) each hold C(target) and C(primary).
  returned: success
  type: dict
  contains:
    wal_needed_from:
      description: Position from which the chosen way needs WAL. Null where WAL can't help.
      type: str
    fork:
      description: C(relation), C(timeline) and C(lsn) of the point where the histories part.
      type: dict
    past_fork:
      description: C(wal_bytes) and C(commits) that only this node has.
      type: dict
    pages:
      description: C(data_checksums) and C(wal_log_hints) of this node.
      type: dict
    disk:
      description: >-
        C(data_directory), C(data_bytes), C(free_bytes), C(salvage_directory), C(salvage_free_bytes), C(salvage_bytes).
      type: dict
salvage:
  description: What was (or would be) kept of the old node. Null when there was nothing to keep.
  returned: success
  type: dict
  contains:
    path:
      description: Directory that holds it, with a C(manifest.json). Null when it was given up or there was no need.
      type: str
    kind:
      description: V(full) is a whole data directory that starts by itself, V(wal) is C(pg_wal) and the control file.
      type: str
    bytes:
      description: Its size.
      type: int
    commits_past_fork:
      description: Transactions committed after the fork.
      type: int
    wal_bytes_past_fork:
      description: Bytes of WAL after the fork.
      type: int
lost:
  description:
    - What this node had written that the primary does not have, read from its own WAL before anything was overwritten.
    - Null when there was nothing, in check mode, and where C(pg_waldump) is missing.
  returned: success
  type: dict
  contains:
    commits:
      description: Transactions committed after the fork.
      type: int
    first_commit:
      description: When the first of them was committed, as the server wrote it.
      type: str
    last_commit:
      description: When the last of them was committed.
      type: str
    tables:
      description:
        - The tables that were written to after the fork, the busiest first, at most 50. Rows of transactions that were
          not committed count too.
        - C(name) is null for a table that the primary does not have.
      type: list
      elements: dict
    tables_not_listed:
      description: How many more tables there were.
      type: int
    system_changes:
      description: Changes of the system's own tables, as by C(CREATE) or C(ALTER).
      type: int
    complete:
      description: Whether all of the WAL was read within the time for it.
      type: bool
salvages_removed:
  description: Older salvages of this data directory that were removed, beyond O(salvage_keep).
  returned: success
  type: list
  elements: str
removing:
  description: >-
    Directories of the old tree that a process of its own on the host goes on to remove (only when they are large). It
    holds the lock of the run until it is through.
  returned: success
  type: list
  elements: str
observed:
  description: >-
    Both sides as they were at the beginning, C(target) as M(pgops.pgpool.pg_cluster_info) tells it, C(primary), and
    C(relation) of the histories.
  returned: success
  type: dict
postgres:
  description: This node at the end, as M(pgops.pgpool.pg_cluster_info) tells it.
  returned: success
  type: dict
executed_commands:
  description: Commands and statements that changed something. They never hold a password.
  returned: success
  type: list
  elements: str
error:
  description: What failed or was refused.
  returned: failure
  type: dict
  contains:
    code:
      description: Stable word for machines (V(refused), V(locked), V(unreachable), V(method_failed), V(not_verified)).
      type: str
    attempted:
      description: What was attempted.
      type: str
    server:
      description: On which server.
      type: str
    seen:
      description: What was seen.
      type: str
    next_step:
      description: What to do next.
      type: str
    evidence:
      description: The facts behind it.
      type: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import LocalRunner, SystemClock
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import overrides, sync, sync_options
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.layout import discover
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.marks import Marks
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.progress import Progress
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.rejoin import METHODS
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres.work import Work

SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


def argument_spec():
    return dict(
        overrides.ARGUMENTS,
        primary_host={"type": "str", "required": True},
        primary_port={"type": "int", "default": 5432},
        replication_user={"type": "str", "default": "replication"},
        pass_file={"type": "path", "no_log": False},
        sslmode={"type": "str", "choices": SSL_MODES, "default": "prefer"},
        slot_name={"type": "str", "required": True},
        application_name={"type": "str"},
        method={"type": "str", "choices": list(METHODS), "default": "auto"},
        salvage_directory={"type": "path"},
        salvage_skip={"type": "bool", "default": False},
        salvage_keep={"type": "int", "default": 0},
        max_rate={"type": "str"},
        lock_timeout={"type": "int", "default": 30},
        start_timeout={"type": "int", "default": 120},
        allow_initial={"type": "bool", "default": True},
        allow_older_primary={"type": "bool", "default": False},
    )


def synchronise(module, runner=None, clock=None):
    runner = runner or LocalRunner()
    layout = discover(runner=runner, overrides=overrides.of_parameters(module.params))
    layout = sync_options.require_installed(layout)
    if module.params["service"] == "":  # said on purpose: no unit runs it
        layout = layout._replace(service=None)
    work = Work(
        runner=runner,
        jobs=runner,
        clock=clock or SystemClock(),
        layout=layout,
        desired=sync_options.desired(module.params, layout),
        marks=Marks(layout),
        commands=[],
        timings={},
        progress=Progress.of(layout),
    )
    try:
        return sync.run(work, check_mode=module.check_mode)
    finally:
        work.progress.remove()


def main():
    run_use_case(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), synchronise)


if __name__ == "__main__":
    main()

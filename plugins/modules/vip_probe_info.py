#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vip_probe_info
short_description: Measure as a client for how long nobody answers through an address
version_added: 0.1.0
author: pgops contributors (@pgops)
description:
  - Opens a fresh session O(interval) seconds after the last one was begun, and asks whether the primary is at its other
    end. One at a time as long as they are answered; beside those that wait, another one is begun every tenth of a
    second. Sessions that are late are cut loose and hold nobody up.
  - Ends when O(limit) seconds are over, after O(enough) answers, or as soon as the file O(while_exists) is gone.
  - Nobody answering is an answer, not a failure.
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
options:
  address:
    description:
      - The address to ask.
    type: str
    required: true
  port:
    description:
      - Its port.
    type: int
    default: 5432
  login_user:
    description:
      - The database user.
    type: str
    required: true
  login_db:
    description:
      - The database.
    type: str
    default: postgres
  ssl_mode:
    description:
      - The C(sslmode) of libpq.
    type: str
    default: prefer
  os_user:
    description:
      - The module runs as root and acts as this user.
    type: str
    default: postgres
  pass_file:
    description:
      - The file with the database user's password, in the form of C(.pgpass).
      - That of O(os_user) by default.
    type: path
  interval:
    description:
      - Seconds between two sessions, while they are answered.
    type: float
    default: 0.02
  attempt_limit:
    description:
      - Seconds after which a session is cut loose.
    type: float
    default: 1
  limit:
    description:
      - Seconds after which all is over.
    type: float
    default: 60
  enough:
    description:
      - End after so many answers. V(0) means never.
    type: int
    default: 0
  while_exists:
    description:
      - End as soon as this file is not there.
    type: path
requirements:
  - psycopg2
"""

EXAMPLES = r"""
- name: See whether a client gets a session and the primary
  pgops.pgpool.vip_probe_info:
    address: 10.1.7.100
    login_user: healthcheck
    enough: 1
    limit: 5
  become: true
  register: asked
"""

RETURN = r"""
probe:
  description: What a client saw.
  returned: success
  type: dict
  contains:
    answers:
      description: How many sessions reached the primary.
      type: int
    failures:
      description: How many did not.
      type: int
    error:
      description: What the last of those saw.
      type: str
    gap:
      description: The longest time between two answers, in seconds. V(null) without any answer.
      type: float
    gap_began:
      description: When that began, in seconds since 1970.
      type: float
    gap_ended:
      description: When it ended.
      type: float
    usual_gap:
      description: The median of all those times.
      type: float
    in_time:
      description: Whether it ended before O(limit). If not, it missed what came later.
      type: bool
"""

import os
import pwd
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.pgops.pgpool.plugins.module_utils._ansible import run_use_case
from ansible_collections.pgops.pgpool.plugins.module_utils._local import acting_as
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import probe

try:
    import psycopg2
    import psycopg2.extensions
except ImportError:
    psycopg2 = None

NO_DRIVER = "psycopg2 is missing on this host: install the package python3-psycopg2"


def argument_spec():
    return {
        "address": {"type": "str", "required": True},
        "port": {"type": "int", "default": 5432},
        "login_user": {"type": "str", "required": True},
        "login_db": {"type": "str", "default": "postgres"},
        "ssl_mode": {"type": "str", "default": "prefer"},
        "os_user": {"type": "str", "default": "postgres"},
        "pass_file": {"type": "path", "no_log": False},
        "interval": {"type": "float", "default": 0.02},
        "attempt_limit": {"type": "float", "default": 1},
        "limit": {"type": "float", "default": 60},
        "enough": {"type": "int", "default": 0},
        "while_exists": {"type": "path"},
    }


def options(wanted, home):
    """The parameters of libpq."""
    return {
        "host": wanted["address"],
        "port": wanted["port"],
        "user": wanted["login_user"],
        "dbname": wanted["login_db"],
        "sslmode": wanted["ssl_mode"],
        "passfile": wanted["pass_file"] or os.path.join(home, ".pgpass"),
        "application_name": "pgops",
        "gssencmode": "disable",
    }


def measure(module):
    wanted = module.params
    if psycopg2 is None:
        return {"changed": False, "probe": dict(probe.summary(probe.Seen([], [NO_DRIVER], 0.0)))}
    asked = probe.Wanted(
        options=options(wanted, pwd.getpwnam(wanted["os_user"]).pw_dir),
        limit=wanted["limit"],
        interval=wanted["interval"],
        attempt_limit=wanted["attempt_limit"],
        enough=wanted["enough"],
        while_exists=wanted["while_exists"] or "",
    )
    since = time.time() - time.monotonic()
    with acting_as(wanted["os_user"]):
        seen = probe.Probe(asked, psycopg2).run()
    return {"changed": False, "probe": probe.summary(seen, lambda moment: moment + since)}


def main():
    run_use_case(AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True), measure)


if __name__ == "__main__":
    main()

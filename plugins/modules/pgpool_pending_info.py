#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgpool_pending_info
short_description: Tell whether Pgpool-II still has to be started, restarted or reloaded to use its files
version_added: 0.1.0
description:
  - Compares the configuration files with the records that the service (as set up by the role
    P(pgops.pgpool.pgpool#role)) keeps of what it was started with and of what it loaded last.
  - Says C(restart) only if a parameter differs that Pgpool-II reads at its start; everything else needs a reload.
  - The answer does not depend on which tasks ran, so a deployment that was killed half way is completed by the
    next one.
author: pgops contributors (@pgops)
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
options:
  version:
    description: Version of Pgpool-II, as C(4.3.5).
    type: str
    required: true
  service:
    description: Its systemd unit.
    type: str
    default: pgpool2
  config_directory:
    description: Where C(pgpool.conf), C(pool_hba.conf), C(pool_passwd) and C(pgpool_node_id) are.
    type: path
    default: /etc/pgpool2
  state_directory:
    description: Where the service keeps its records.
    type: path
    default: /var/lib/pgpool
  key_file:
    description: The key of C(pool_passwd).
    type: path
    default: /var/lib/postgresql/.pgpoolkey
"""

EXAMPLES = r"""
- name: Ask whether pgpool has taken its configuration
  pgops.pgpool.pgpool_pending_info:
    version: 4.3.5
  register: pending
"""

RETURN = r"""
action:
  description: What has to be done; one of C(start), C(restart), C(reload) and C(none).
  returned: success
  type: str
  sample: reload
because:
  description: Parameters and files that differ (names only), or the reason in words.
  returned: success
  type: list
  elements: str
  sample: [health_check_period]
"""

import hashlib
import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ansible import run_use_case
from ..module_utils._local import LocalRunner
from ..module_utils._pgpool import pending
from ..module_utils._pgpool.private_file import read_text


def observe(params, *, runner):
    """Read records and files, return what is pending."""
    active = runner.run(["systemctl", "is-active", params["service"]], timeout=20)
    wanted = pending.plan(
        running=active.stdout.strip() == "active",
        started=_recorded(params["state_directory"], "started"),
        loaded=_recorded(params["state_directory"], "loaded"),
        wanted=_present(params),
        version=params["version"],
    )
    return {"changed": False, "action": wanted.action, "because": list(wanted.because)}


def _recorded(directory, moment):
    sums = read_text(os.path.join(directory, moment + ".sha256")) or ""
    digests = {}
    for line in sums.splitlines():
        digest, _gap, path = line.partition("  ")
        digests[os.path.basename(path)] = digest
    return pending.Record(read_text(os.path.join(directory, moment + ".conf")), digests)


def _present(params):
    paths = [
        os.path.join(params["config_directory"], name) for name in ("pool_hba.conf", "pool_passwd", "pgpool_node_id")
    ]
    paths.append(params["key_file"])
    digests = {os.path.basename(path): _digest(path) for path in paths if os.path.exists(path)}
    return pending.Record(read_text(os.path.join(params["config_directory"], "pgpool.conf")) or "", digests)


def _digest(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def main():
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "service": {"type": "str", "default": "pgpool2"},
            "config_directory": {"type": "path", "default": "/etc/pgpool2"},
            "state_directory": {"type": "path", "default": "/var/lib/pgpool"},
            "key_file": {"type": "path", "default": "/var/lib/postgresql/.pgpoolkey", "no_log": False},
        },
        supports_check_mode=True,
    )
    run_use_case(module, lambda m: observe(m.params, runner=LocalRunner()))


if __name__ == "__main__":
    main()

#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pool_passwd
short_description: Keep AES-encrypted passwords in Pgpool-II's pool_passwd
version_added: 0.1.0
description:
  - Writes one line for each given user into C(pool_passwd), encrypted as C(pg_enc) does, and keeps the lines of all
    other users.
  - Creates the key file (random, readable by its owner only) when it does not exist; an existing key is never replaced.
  - Runs on the Pgpool-II host as root. Passwords reach C(openssl) through its standard input, never as an argument.
  - A password of more than 79 bytes (in UTF-8), with a line break, or with characters that SASLprep replaces is
    refused; C(pool_passwd) cannot hold the first two, and Pgpool-II would derive another SCRAM secret than PostgreSQL
    from the last.
author: pgops contributors (@pgops)
extends_documentation_fragment:
  - pgops.pgpool._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: partial
    details:
      - Shows whose lines change, never the lines.
  idempotent:
    support: full
options:
  entries:
    description: Users and their passwords.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: Name of the PostgreSQL role.
        type: str
        required: true
      password:
        description: Its password in clear.
        type: str
        required: true
  path:
    description: The file.
    type: path
    default: /etc/pgpool2/pool_passwd
  key_file:
    description:
      - File with the encryption key in its first line; C(.pgpoolkey) in the home of the user that runs Pgpool-II.
    type: path
    default: /var/lib/postgresql/.pgpoolkey
  owner:
    description:
      - The user that runs Pgpool-II. It owns the key file (mode 0600); its group may read O(path) (mode 0640, owned
        by root).
    type: str
    default: postgres
  return_encrypted:
    description:
      - Return the encrypted passwords, for settings of C(pgpool.conf) such as C(health_check_password). Whoever can
        read the key file can decrypt them, so set C(no_log).
    type: bool
    default: false
seealso:
  - name: pg_enc
    description: The tool of Pgpool-II that writes the same lines.
    link: https://www.pgpool.net/docs/latest/en/html/pg-enc.html
"""

EXAMPLES = r"""
- name: Let the application log in through Pgpool-II
  pgops.pgpool.pool_passwd:
    entries:
      - user: someuser
        password: "{{ pgops_app_password }}"
  no_log: true
"""

RETURN = r"""
users:
  description: All users that have a line in the file (after the change).
  returned: success
  type: list
  elements: str
  sample: [someuser, healthcheck]
changed_users:
  description: Users whose line was added or replaced.
  returned: success
  type: list
  elements: str
  sample: [someuser]
key_created:
  description: Whether the key file was created.
  returned: success
  type: bool
encrypted:
  description: User to encrypted password, as C(pgpool.conf) takes it. Empty in check mode while there is no key.
  returned: when O(return_encrypted) is set
  type: dict
  sample: {healthcheck: AESRqHtLkBzFQbyOQnrTsxYzg==}
"""

import os
import secrets
import socket

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ansible import run_use_case
from ..module_utils._errors import Refused
from ..module_utils._local import LocalRunner
from ..module_utils._pgpool import pool_passwd
from ..module_utils._pgpool.private_file import owner_ids, private_file_is, read_text, write_private_file


def ensure(params, *, runner, check_mode, server):
    """Observe, refuse what can't be stored, write what differs; return the module's result."""
    entries = [pool_passwd.Entry(entry["user"], entry["password"]) for entry in params["entries"]]
    pool_passwd.refuse_what_does_not_fit(entries, server=server)
    before = read_text(params["path"]) or ""
    key_exists = os.path.exists(params["key_file"])
    if not key_exists and check_mode:
        return _result(before, before, key_created=True, repaired=False, **_asked(params, {}))
    if not key_exists:
        uid, gid = owner_ids(params["owner"])
        write_private_file(params["key_file"], secrets.token_hex(32) + "\n", mode=0o600, uid=uid, gid=gid)
    _check_key(params["key_file"], server)
    encrypted = {
        entry.user: pool_passwd.encrypt(entry, runner=runner, key_file=params["key_file"], server=server)
        for entry in entries
    }
    after = pool_passwd.merge(before, encrypted)
    repaired = not _attributes_are_right(params)
    if not check_mode and (after != before or repaired):
        uid, gid = owner_ids(params["owner"])
        write_private_file(params["path"], after, mode=0o640, uid=0, gid=gid)
        os.chown(params["key_file"], uid, gid)
        os.chmod(params["key_file"], 0o600)
    return _result(before, after, key_created=not key_exists, repaired=repaired, **_asked(params, encrypted))


def _attributes_are_right(params):
    uid, gid = owner_ids(params["owner"])
    return private_file_is(params["path"], mode=0o640, uid=0, gid=gid) and private_file_is(
        params["key_file"], mode=0o600, uid=uid, gid=gid
    )


def _check_key(key_file, server):
    problem = pool_passwd.key_problem((read_text(key_file) or "").split("\n", 1)[0])
    if problem:
        raise Refused(
            f"use the key file {key_file}",
            server=server,
            seen=problem,
            next_step="restore the key that pool_passwd was written with, or remove the file to have a new one made",
        )


def _asked(params, encrypted):
    return {"encrypted": encrypted} if params["return_encrypted"] else {}


def _result(before, after, *, key_created, repaired, **more):
    changed_users = pool_passwd.changed_users(before, after)
    shown = "".join(f"{user}: (encrypted)\n" for user in changed_users)
    return {
        "changed": after != before or key_created or repaired,
        "users": pool_passwd.users_of(after),
        "changed_users": changed_users,
        "key_created": key_created,
        "diff": {"before": "", "after": shown},
        **more,
    }


def main():
    module = AnsibleModule(
        argument_spec={
            "entries": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "no_log": False,
                "options": {
                    "user": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                },
            },
            "path": {"type": "path", "default": "/etc/pgpool2/pool_passwd"},
            "key_file": {"type": "path", "default": "/var/lib/postgresql/.pgpoolkey", "no_log": False},
            "owner": {"type": "str", "default": "postgres"},
            "return_encrypted": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run_use_case(
        module,
        lambda m: ensure(m.params, runner=LocalRunner(), check_mode=m.check_mode, server=socket.gethostname()),
    )


if __name__ == "__main__":
    main()

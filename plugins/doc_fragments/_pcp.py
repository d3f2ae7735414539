# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """How a module reaches and logs in to PCP, written once."""

    DOCUMENTATION = r"""
options:
  login_host:
    description:
      - Address of Pgpool's PCP, seen from the host the module runs on.
      - A value that starts with C(/) is the directory of its Unix socket (C(pcp_socket_dir)).
      - PCP is neither encrypted nor protected against guessing.
        Run the module on the Pgpool host and use the loopback address.
    type: str
    default: 127.0.0.1
  login_port:
    description: Port of PCP (C(pcp_port)); it also names the Unix socket.
    type: int
    default: 9898
  login_user:
    description: A user of Pgpool's C(pcp.conf).
    type: str
    default: pgpoolad
  login_password:
    description:
      - The user's password.
      - Exactly one of O(login_password) and O(login_pass_file) is required.
    type: str
  login_pass_file:
    description:
      - File on the host the module runs on, of the format of C(.pcppass), with the password.
      - Each line is C(host:port:user:password). C(*) fits anything, and a backslash goes before a colon or a
        backslash that is meant literally.
      - The host is compared as text. For a Unix socket its directory and C(localhost) both fit.
      - It must not be readable by group or others.
    type: path
  timeout:
    description: Seconds that connecting and each request may take.
    type: float
    default: 5
"""

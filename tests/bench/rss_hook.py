# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed on a database host for the time of one measurement: each Python process tells its peak memory at its end.

VmHWM belongs to the process alone; unlike ru_maxrss it holds nothing of the programs that the process ran.
Runs on the host's Python, imported by a .pth file. Failing here must never make the process fail.
"""

import atexit
import json
import os
import re
import sys

LOG = "/var/tmp/pgops-bench-rss.jsonl"  # a fixed name: the harness reads it


def module_name():
    """The Ansible module that runs in this process, as its parameters name it."""
    basic = sys.modules.get("ansible.module_utils.basic")
    found = re.search(rb'"_ansible_module_name": "([^"]+)"', getattr(basic, "_ANSIBLE_ARGS", None) or b"")
    return found.group(1).decode() if found else ""


def tell():
    """Append one line to the log."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", stream.read()).group(1))
        line = json.dumps({"pid": os.getpid(), "kb": peak, "module": module_name(), "argv": sys.argv[:2]})
        with open(LOG, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except Exception:  # see above
        pass


atexit.register(tell)

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for passwords where none may be: output, process listings, files that everybody can read."""

from __future__ import annotations

import json
import threading

SECRETS = (
    "pgops_replication_password", "pgops_dbadmin_password", "pgops_app_password", "pgops_healthcheck_password",
    "pgops_pcp_password", "pgops_watchdog_authkey",
)  # fmt: skip
SAMPLER = """
timeout {seconds} bash -c 'while :; do
  for d in /proc/[0-9]*; do cat $d/cmdline $d/environ 2>/dev/null | tr "\\0" " "; echo; done
  sleep 0.2
done' > /root/ps-samples 2>/dev/null; true
"""


def spellings(lab):
    """Each password as it is, and as JSON or YAML would write it."""
    found = {}
    for name in SECRETS:
        value = lab.secrets[name]
        forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], value.replace("'", "''")}
        found.update({form: name for form in forms if len(form) >= 8})
    return found


def in_text(lab, text):
    """Names of the passwords that a text contains."""
    return sorted({name for form, name in spellings(lab).items() if form in text})


class ProcessSampler:
    """Samples argv and environment of every process of a host, five times a second, while a block runs."""

    def __init__(self, lab, seconds=180):
        self.lab = lab
        self.seconds = seconds
        self.names = lab.databases + lab.pgpools

    def __enter__(self):
        command = SAMPLER.format(seconds=self.seconds)
        self.threads = [threading.Thread(target=self.lab.ssh, args=(n, command, self.seconds + 60)) for n in self.names]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        for name in self.names:
            self.lab.ssh(name, "pkill -x timeout")
        for thread in self.threads:
            thread.join(30)

    def found(self):
        """host to names of passwords seen; fails when a host was not sampled."""
        seen = {}
        for name in self.names:
            sample = self.lab.run(name, "cat /root/ps-samples")
            assert "systemd" in sample, f"no samples on {name}"
            seen[name] = in_text(self.lab, sample)
            self.lab.run(name, "rm -f /root/ps-samples")
        return {name: found for name, found in seen.items() if found}


def in_world_readable_files(lab, name):
    """Paths on a host that everybody can read and that contain a password."""
    patterns = "\n".join(spellings(lab))
    lab.run(name, f"umask 077; cat > /root/patterns <<'END-OF-PATTERNS'\n{patterns}\nEND-OF-PATTERNS")
    search = (
        "find / -xdev -type f -perm -o=r -size -20M -not -path '/proc/*' -not -path '/sys/*' -print0"
        " | xargs -0 -r grep -l -F -f /root/patterns --; rm -f /root/patterns; true"
    )
    return lab.run(name, search).split()

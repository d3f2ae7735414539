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
LOOKS = 20  # at one process: after 2 s it has become what it is, and to look on would only keep the host busy
SAMPLER = """
import os, time
until, seen, looks = time.monotonic() + {seconds}, set(), {{}}
with open("/root/ps-samples", "wb") as samples:
    while time.monotonic() < until and not os.path.exists("/root/ps-enough"):
        there = [name for name in os.listdir("/proc") if name.isdigit()]
        looks = {{name: looks.get(name, 0) + 1 for name in there}}
        for process in (name for name in there if looks[name] <= {LOOKS}):
            for part in ("cmdline", "environ"):
                try:
                    with open(f"/proc/{{process}}/{{part}}", "rb") as stream:
                        text = stream.read()
                except OSError:
                    continue
                if text not in seen:
                    seen.add(text)
                    samples.write(text.replace(bytes(1), b" ") + b"\\n")
        time.sleep(0.1)
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
    """Samples argv and environment of every process of a host, nearly ten times a second, while a block runs."""

    def __init__(self, lab, seconds=180):
        self.lab = lab
        self.seconds = seconds
        self.names = lab.databases + lab.pgpools

    def __enter__(self):
        script = SAMPLER.format(seconds=self.seconds, LOOKS=LOOKS)
        command = f"umask 077; rm -f /root/ps-enough; python3 - <<'END'\n{script}\nEND"
        self.threads = [threading.Thread(target=self.lab.ssh, args=(n, command, self.seconds + 60)) for n in self.names]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        for name in self.names:
            self.lab.run(name, "touch /root/ps-enough")
        for thread in self.threads:
            thread.join(30)

    def found(self):
        """host to names of passwords seen; fails when a host was not sampled."""
        seen = {}
        for name in self.names:
            sample = self.lab.run(name, "cat /root/ps-samples")
            assert "systemd" in sample, f"no samples on {name}"
            seen[name] = in_text(self.lab, sample)
            self.lab.run(name, "rm -f /root/ps-samples /root/ps-enough")
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

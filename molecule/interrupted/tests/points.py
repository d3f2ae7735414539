# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The points at which a run can be held: the tools that the module calls on the node, each behind a stand-in."""

from __future__ import annotations

import shlex
from pathlib import Path

from proof import eventually

# Through env, its process would be called bash and not as the tool.
STAND_IN = (
    Path(__file__).with_name("stand_in.sh").read_text(encoding="utf-8").replace("/usr/bin/env bash", "/bin/bash", 1)
)
WALK = "/run/pgops-walk"
MIB = 1 << 20

# name of a step: (tool, words that tell this call from others; "!" before: must not be there, bytes that are "during")
STEPS = {
    "crash recovery": ("postgres", "--single", 0),
    "rehearsal": ("pg_rewind", "--dry-run", 0),
    "salvage": ("cp", "--reflink=auto", MIB),
    "rewind": ("pg_rewind", "!--dry-run", MIB),
    "rsync": ("rsync", "--archive", MIB),
    "basebackup": ("pg_basebackup", "-X stream", 4 * MIB),
    "start": ("systemctl", "start --no-block postgresql@", 0),
}


class Points:
    """The stand-ins of one host."""

    def __init__(self, lab, host, version):
        self.lab, self.host = lab, host
        folder = f"/usr/lib/postgresql/{version}/bin"
        self.tools = {name: folder for name in ("postgres", "pg_rewind", "pg_basebackup")}
        self.tools.update(cp="/usr/bin", rsync="/usr/bin", systemctl="/usr/bin")
        self.real = {folder: f"{folder}.real", "/usr/bin": "/usr/bin/pgops-real"}

    def install(self):
        """Put them in place. The tools keep their names: by these a run finds what an earlier one left running."""
        postgres = self.tools["postgres"]
        script = f"cp -a {postgres} {self.real[postgres]}; mkdir /usr/bin/pgops-real;"
        for name, folder in self.tools.items():
            real = f"{self.real[folder]}/{name}"
            if folder == "/usr/bin":
                script += f"/usr/bin/cp -a {folder}/{name} {real};"
            text = STAND_IN.replace("@REAL@", real)
            script += f"printf %s {shlex.quote(text)} > /root/{name}.new; chmod 755 /root/{name}.new;"
        script += "".join(f"mv /root/{name}.new {folder}/{name};" for name, folder in self.tools.items())
        self.lab.run(self.host, f"set -e; {script}")

    def remove(self):
        script = "".join(f"mv -f {self.real[folder]}/{name} {folder}/{name};" for name, folder in self.tools.items())
        self.lab.run(self.host, f"{script} rm -rf {' '.join(self.real.values())} {WALK}")

    def arm(self, step, when):
        """The next call of this step's tool stops there. A reboot disarms."""
        tool, pattern, least = STEPS[step]
        words = shlex.quote(f"{when} {tool} {least} {pattern}")
        make = f"rm -rf {WALK}; mkdir {WALK}; chmod 777 {WALK}"
        self.lab.run(self.host, f"{make}; echo {words} > {WALK}/armed; chmod 666 {WALK}/armed")

    def wait_reached(self, run, timeout=120):
        """Wait until the run is held there."""

        def look():
            found = self.lab.run(self.host, f"ls {WALK}").split()
            assert "missed" not in found, "the tool was through before it could be stopped in the middle"
            ended = run.process.poll() is not None
            if ended and "reached" not in found:
                raise RuntimeError(f"it ended and never came there: {run.output()}")
            return "reached" in found

        eventually(look, timeout=timeout, interval=0.2)

    def release(self):
        self.lab.run(self.host, f"mkdir -p {WALK}; : > {WALK}/released")

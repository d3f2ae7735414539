# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker command, every call with a limit."""

from __future__ import annotations

import json
import subprocess

from .errors import LabError


class Result:
    """What a command said."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def ok(self):
        """Whether it ended with 0."""
        return self.code == 0


def run(argv, timeout=60, stdin=None):
    """Run a command; ``stdin`` is bytes. Never raises: code None means that its time was up, 127 that it is missing."""
    try:
        done = subprocess.run(argv, input=stdin or b"", capture_output=True, timeout=timeout, check=False)
    except FileNotFoundError as exc:
        return Result(127, "", str(exc))
    except subprocess.TimeoutExpired:
        return Result(None, "", f"no answer within {timeout} s")
    return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def docker(*words, timeout=60, stdin=None):
    """Run docker and return its output; a LabError quotes what it said otherwise."""
    done = attempt(*words, timeout=timeout, stdin=stdin)
    if not done.ok:
        raise LabError(f"docker {' '.join(words[:3])} failed: {(done.err or done.out).strip()[-1500:]}")
    return done.out


def attempt(*words, timeout=60, stdin=None):
    """Run docker and return the ``Result``, whatever it is."""
    return run(["docker", *words], timeout=timeout, stdin=stdin)


def inspect(kind, name):
    """The inspected object, or None when there is no such thing."""
    done = attempt(kind, "inspect", name)
    if not done.ok:
        return None
    return json.loads(done.out)[0]


def labelled(kind, label):
    """Names of the containers, networks or volumes that carry a label."""
    words = {
        "container": ("ps", "-a", "--format", "{{.Names}}"),
        "network": ("network", "ls", "--format", "{{.Name}}"),
        "volume": ("volume", "ls", "--format", "{{.Name}}"),
    }[kind]
    return sorted(docker(*words, "--filter", f"label={label}").split())

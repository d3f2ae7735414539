# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads this machine's apt configuration and packs it as files for a container."""

from __future__ import annotations

import functools
import io
import os
import tarfile
from pathlib import Path

from . import aptconf
from .docker import run

CA_FOLDER = Path("/usr/local/share/ca-certificates")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@functools.lru_cache(maxsize=None)
def mirrors():
    """Where this machine gets Debian from."""
    os_release = dict(line.split("=", 1) for line in _text("/etc/os-release").splitlines() if "=" in line)
    if os_release.get("ID", "").strip('"') != "debian":
        return aptconf.Mirrors()
    sources = aptconf.parse_one_line(_text("/etc/apt/sources.list"))
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*")):
        if path.suffix == ".list":
            sources += aptconf.parse_one_line(_text(path))
        elif path.suffix == ".sources":
            sources += aptconf.parse_deb822(_text(path))
    return aptconf.pick_mirrors(sources, os_release.get("VERSION_CODENAME", "").strip('"'))


@functools.lru_cache(maxsize=None)
def options():
    """Lines of apt.conf that say how this machine reaches a mirror."""
    return tuple(aptconf.options_of(run(["apt-config", "dump"]).out, os.environ))


def files(suite, gateway):
    """path -> (content, mode) of all that apt in a container needs."""
    seen = functools.partial(aptconf.seen_from_container, gateway=gateway)
    lines = [seen(line) for line in aptconf.source_lines(mirrors(), suite)]
    packed = {
        "etc/apt/sources.list": ("\n".join(lines).encode() + b"\n", 0o644),
        "etc/apt/apt.conf.d/90lab-host": ("".join(f"{seen(line)}\n" for line in options()).encode(), 0o644),
    }
    for path in mirrors().keyrings:
        if path != aptconf.KEYRING and Path(path).is_file():
            packed[path.lstrip("/")] = (Path(path).read_bytes(), 0o644)
    for path in [Path("/etc/apt/auth.conf"), *sorted(Path("/etc/apt/auth.conf.d").glob("*.conf"))]:
        if os.access(path, os.R_OK):
            packed[str(path).lstrip("/")] = (path.read_bytes(), 0o600)
    return {**packed, **certificates()}


def certificates():
    """The certificates this machine trusts beside the public ones (a company's own proxy, say)."""
    return {str(path).lstrip("/"): (path.read_bytes(), 0o644) for path in sorted(CA_FOLDER.glob("*.crt"))}


def ca_bundle():
    """This machine's certificates, for the time until ca-certificates is installed in a container."""
    return {str(CA_BUNDLE).lstrip("/"): (CA_BUNDLE.read_bytes(), 0o644)} if CA_BUNDLE.is_file() else {}


def tar_of(packed):
    """A tar archive, owned by root, of path -> (content, mode)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, (content, mode) in packed.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""

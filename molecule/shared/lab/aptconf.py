# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The apt configuration of this machine, as its containers need it.

Containers reach Debian's packages the way the machine does: the same mirror, proxy and certificates. Nothing of it
is written into the project; where the machine is not Debian, Debian's own servers are used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAIN = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Options of reaching and trusting a mirror. Everything else of apt.conf is the machine's own business.
HANDED_ON = re.compile(
    r"^Acquire::(?:(?:http|https)::(?!Proxy-Auto-Detect).+|Check-Valid-Until|Check-Date|Max-FutureTime|Retries"
    r"|ForceIPv4|ForceIPv6)$",
    re.IGNORECASE,
)
LOCAL_ADDRESS = re.compile(r"//(?:localhost|127\.\d+\.\d+\.\d+)(?=[:/])")


@dataclass(frozen=True)
class Source:
    """One line of sources: where a suite comes from."""

    uri: str
    suite: str
    components: tuple
    trusted: bool = False
    signed_by: str = ""


@dataclass(frozen=True)
class Mirrors:
    """Where the machine gets Debian from."""

    main: Source = Source(MAIN, "", ("main",))
    security: Source = Source(SECURITY, "", ("main",))
    keyrings: tuple = field(default=())


def parse_one_line(text):
    """Sources of a ``sources.list``."""
    found = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if match:
            options = dict(item.split("=", 1) for item in (match[1] or "").split() if "=" in item)
            found.append(_source(match[2], match[3], match[4], options))
    return found


def parse_deb822(text):
    """Sources of a ``*.sources`` file."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        fields = {}
        for key, value in re.findall(r"^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)", "\n".join(lines), re.MULTILINE):
            fields[key.lower()] = value
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").strip().lower() == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found.append(_source(uri, suite, fields.get("components", ""), fields))
    return found


def _source(uri, suite, components, options):
    signed_by = options.get("signed-by", "").strip()
    return Source(
        uri=uri.rstrip("/"),
        suite=suite.rstrip("/"),
        components=tuple(components.split()),
        trusted=options.get("trusted", "no").strip().lower() == "yes",
        signed_by=signed_by if signed_by.startswith("/") and "\n" not in signed_by else "",
    )


def pick_mirrors(sources, codename):
    """Of all sources, the ones of Debian itself; Debian's servers for what is not found."""
    usable = [src for src in sources if "main" in src.components and src.uri.startswith(("http://", "https://"))]
    main = next((src for src in usable if src.suite == codename), Mirrors.main)
    security = next((src for src in usable if src.suite in (f"{codename}-security", f"{codename}/updates")), None)
    if security is None:
        security = Mirrors.security
    keyrings = sorted({src.signed_by for src in (main, security) if src.signed_by})
    return Mirrors(main, security, tuple(keyrings))


def source_lines(mirrors, suite):
    """Lines for ``sources.list`` of a suite. Testing has no updates of its own, and is not security-supported."""
    wanted = [(mirrors.main, suite)]
    if suite != "forky":
        wanted += [(mirrors.main, f"{suite}-updates"), (mirrors.security, f"{suite}-security")]
    return [_line(source, name) for source, name in wanted]


def _line(source, suite):
    options = []
    if source.trusted:
        options.append("trusted=yes")
    if source.signed_by and source.signed_by != KEYRING:
        options.append(f"signed-by={source.signed_by}")
    shown = f"[{' '.join(options)}] " if options else ""
    return f"deb {shown}{source.uri} {suite} main"


def options_of(dump, environ):
    """Lines of apt.conf to hand on, from ``apt-config dump`` and the proxies of the environment."""
    lines = []
    for line in dump.splitlines():
        match = re.match(r'^(\S+) "(.*)";$', line)
        if match and match[2] and HANDED_ON.match(match[1]):
            lines.append(line)
    for scheme in ("http", "https"):
        name = f"Acquire::{scheme}::Proxy"
        proxy = environ.get(f"{scheme}_proxy", "")
        if proxy and not any(line.lower().startswith(f"{name} ".lower()) for line in lines):
            lines.append(f'{name} "{proxy}";')
    return lines


def seen_from_container(line, gateway):
    """A service of the machine itself (a proxy on localhost, say) is at the network's gateway for a container."""
    return LOCAL_ADDRESS.sub(f"//{gateway}", line)

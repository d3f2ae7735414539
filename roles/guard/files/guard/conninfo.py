# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection strings and recovery.conf as text: only host and port of the primary are ever changed. Pure."""

from __future__ import annotations

import re

_KEYWORD = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))", re.DOTALL)
_SETTING = re.compile(r"^\s*(\w+)\s*(?:=\s*|\s+)(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))")


def parse(text):
    """Return the keywords of a connection string (``key=value`` form); None when it has another shape."""
    text, position, keywords = text.strip(), 0, {}
    while position < len(text):
        match = _KEYWORD.match(text, position)
        if match is None or match.end() == position:
            return None
        quoted, plain = match.group(2), match.group(3)
        keywords[match.group(1)] = re.sub(r"\\(.)", r"\1", quoted if quoted is not None else plain, flags=re.DOTALL)
        position = match.end()
        if position < len(text) and not text[position].isspace():
            return None
    return keywords


def render(keywords):
    return " ".join(f"{name}={_quoted(value)}" for name, value in keywords.items())


def _quoted(value):
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    escaped = re.sub(r"(['\\])", r"\\\1", value)
    return f"'{escaped}'"


def upstream(text):
    """Return (host, port) of a connection string, of the first host where it names several; ("", 5432) if unknown."""
    keywords = parse(text) or {}
    host = keywords.get("host") or keywords.get("hostaddr") or ""
    port = keywords.get("port", "").split(",")[0]
    return host.split(",")[0], int(port) if port.isdigit() else 5432


def pointed_at(text, host, port):
    """Return the connection string with another host and port, all else as it was; None when it is not understood."""
    keywords = parse(text)
    if keywords is None:
        return None
    keywords.pop("hostaddr", None)
    return render({**keywords, "host": host, "port": str(port)})


def literal(value):
    """Return a value as SQL and the configuration files want it (standard_conforming_strings is on)."""
    if re.search(r"[\n\r\0]", value):
        raise ValueError("a connection string with a line break cannot be written")
    return "'" + value.replace("'", "''") + "'"


def setting(text, name):
    """Return a setting of recovery.conf, the last one counts; empty when it is not there."""
    found = ""
    for line in text.splitlines():
        match = _SETTING.match(line)
        if match and match.group(1).lower() == name:
            quoted, plain = match.group(2), match.group(3)
            found = plain if quoted is None else re.sub(r"''|\\(.)", lambda m: m.group(1) or "'", quoted)
    return found


def with_setting(text, name, value):
    """Return recovery.conf with one setting replaced. A backslash counts as an escape there, unlike in SQL."""
    names = [(line, _SETTING.match(line)) for line in text.splitlines()]
    kept = [line for line, found in names if not found or found.group(1).lower() != name]
    written = literal(value.replace("\\", "\\\\"))
    return "\n".join([*kept, f"{name} = {written}"]) + "\n"

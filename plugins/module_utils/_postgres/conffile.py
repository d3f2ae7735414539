# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import os
import re

MAX_DEPTH = 10
HIDDEN = "********"

_SETTING = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*(?:=\s*|\s+)(?:'((?:[^'\\]|''|\\.)*)'|([^\s#']+))")
_ESCAPE = re.compile(r"''|\\([0-7]{1,3}|.)")
_CONNINFO = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))")
_SECRET_WORDS = ("password", "sslpassword", "oauth_client_secret")
_URI = re.compile(r"^postgres(?:ql)?://", re.IGNORECASE)


def parse(text):
    """Return the ``(name, value)`` pairs of a PostgreSQL configuration file in order; lines not understood are skipped.

    It reads what a server accepts (the server is the judge of the rest), include directives come as pairs too.
    """
    pairs = []
    for line in text.splitlines():
        match = _SETTING.match(line)
        if match:
            quoted, plain = match.group(2), match.group(3)
            pairs.append((match.group(1).lower(), _unquote(quoted) if quoted is not None else plain))
    return pairs


def load(path, *, root="/"):
    """Return the settings of a configuration file (last one wins) with its includes; ``{}`` when it is missing."""
    settings = {}
    _load_into(settings, path, root=root, depth=0)
    return settings


def sources(path, *, root="/"):
    """Return ``(files, directories)`` that a configuration file is made of: itself and its includes, where they are."""
    files, folders = [], []
    _load_into({}, path, root=root, depth=0, seen=(files, folders))
    return files, folders


def parse_conninfo(text):
    """Return the keywords of a libpq connection string (``key=value`` form); None when it has another shape."""
    text = text.strip()
    position, keywords = 0, {}
    while position < len(text):
        match = _CONNINFO.match(text, position)
        if match is None or match.end() == position:
            return None
        value = match.group(2) if match.group(2) is not None else match.group(3)
        keywords[match.group(1)] = re.sub(r"\\(.)", r"\1", value)
        position = match.end()
        if position < len(text) and not text[position].isspace():
            return None
    return keywords


def render_conninfo(keywords):
    """Return a libpq connection string, quoted where it must be."""
    return " ".join(f"{key}={_quote_conninfo(str(value))}" for key, value in keywords.items())


def redact_conninfo(text):
    """Return a connection string without its passwords; one that is not understood is not shown at all."""
    if not text:
        return None
    if _URI.match(text):
        text = re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", rf"\g<1>{HIDDEN}", text)
        return re.sub(r"^([^:]+://[^:/@?]*):.*@", rf"\g<1>:{HIDDEN}@", text)
    keywords = parse_conninfo(text)
    if keywords is None:
        return HIDDEN
    return render_conninfo({key: HIDDEN if key in _SECRET_WORDS else value for key, value in keywords.items()})


def _load_into(settings, path, *, root, depth, seen=None):
    if depth > MAX_DEPTH:
        return
    try:
        with open(at_root(root, path), encoding="utf-8", errors="replace") as stream:
            pairs = parse(stream.read())
    except (FileNotFoundError, NotADirectoryError):
        return
    files, folders = seen = seen or ([], [])
    files.append(path)
    folder = os.path.dirname(path)
    for name, value in pairs:
        if name in ("include", "include_if_exists"):
            _load_into(settings, os.path.join(folder, value), root=root, depth=depth + 1, seen=seen)
        elif name == "include_dir":
            folders.append(os.path.join(folder, value))
            for each in _conf_files(os.path.join(folder, value), root=root):
                _load_into(settings, each, root=root, depth=depth + 1, seen=seen)
        else:
            settings[name] = value


def _conf_files(folder, *, root):
    """As the server does: names that end in .conf and do not begin with a dot, in C order."""
    try:
        names = sorted(os.listdir(at_root(root, folder)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [os.path.join(folder, name) for name in names if name.endswith(".conf") and not name.startswith(".")]


def at_root(root, path):
    """Return ``path`` of the host below ``root`` (``/`` on a real host, a scratch directory in tests)."""
    return path if root == "/" else os.path.join(root, path.lstrip("/"))


def _unquote(text):
    def character(match):
        word = match.group(1)
        if word is None:
            return "'"
        if word[0] in "01234567":
            return chr(int(word, 8))
        return {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}.get(word, word)

    return _ESCAPE.sub(character, text)


def _quote_conninfo(value):
    if value and re.match(r"^[^\s'\\]+$", value):
        return value
    escaped = re.sub(r"(['\\])", r"\\\1", value)
    return f"'{escaped}'"


__all__ = ("HIDDEN", "at_root", "load", "parse", "parse_conninfo", "redact_conninfo", "render_conninfo", "sources")

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the structure tests (test_house*.py) share: the files of the checkout, read as text or YAML."""

from __future__ import annotations

import functools
import pathlib
import re
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = "playbooks/collections/ansible_collections/pgops/pgpool"


@functools.lru_cache(maxsize=None)
def tracked() -> tuple[str, ...]:
    """The checkout's files: new ones too, ignored ones and the link to itself not."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(sorted({name for name in names if name and name != LINK and (ROOT / name).is_file()}))


def matching(*patterns: str) -> list[str]:
    """Tracked files whose path matches one of the patterns (a star does not cross a slash, two do)."""
    return [name for name in tracked() if any(re.fullmatch(_regex(one), name) for one in patterns)]


def _regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")


@functools.lru_cache(maxsize=None)
def text(name: str) -> str:
    """A file's text; empty for what is not text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def load(name: str):
    return yaml.safe_load(text(name))


def found(pattern: str, names: list[str]) -> list[str]:
    """Where a pattern is found, as file:line: text."""
    wanted = re.compile(pattern)
    return [
        f"{name}:{number}: {line.strip()}"
        for name in names
        for number, line in enumerate(text(name).splitlines(), start=1)
        if wanted.search(line)
    ]


def children(folder: str) -> list[str]:
    """Names of the folders right under one, as far as they hold tracked files."""
    depth = folder.count("/") + 1
    return sorted(
        {name.split("/")[depth] for name in tracked() if name.startswith(folder + "/") and name.count("/") > depth}
    )

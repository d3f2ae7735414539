"""Copy the checkout's files to where Ansible's tools want a collection: <folder>/ansible_collections/pgops/pgpool.

Without playbooks/collections, the link by which a checkout finds itself: ansible-test refuses a link to a directory.
"""

from __future__ import annotations

import pathlib
import shutil

from checks import ROOT, tracked_files

LINK = "playbooks/collections/"


def export(folder: pathlib.Path) -> pathlib.Path:
    """A fresh copy; its path."""
    shutil.rmtree(folder, ignore_errors=True)
    target = folder / "ansible_collections" / "pgops" / "pgpool"
    for name in tracked_files():
        if not name.startswith(LINK):
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy, follow_symlinks=False)
    return target

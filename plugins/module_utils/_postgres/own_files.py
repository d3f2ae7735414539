# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
"""The node's own configuration, where it lies inside the data directory (RPM layout): it stays the node's own.

A copy and pg_rewind bring the primary's files. So they are noted beside the journal before anything is overwritten, and
put back before a server opens the directory; a run that comes after a killed one finds them there.
"""

from __future__ import annotations

import base64
import os
import stat

from . import conffile, standby_config
from .recovery import RECOVERY_CONF

_BY_DEFAULT = {"hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
_TLS = {
    "ssl_cert_file": "server.crt",
    "ssl_key_file": "server.key",
    "ssl_ca_file": "",
    "ssl_crl_file": "",
    "ssl_dh_params_file": "",
}


def note(work, observed):
    """Remember the files as they are, unless an earlier run began to overwrite them: then what it noted counts."""
    target = observed.target
    if not target.exists or target.interrupted or (work.marks.kept_files() and (target.resumable or target.swapping)):
        return
    work.marks.keep_files(_read(work))


def restore(work, folder):
    """Put the node's files into a data directory that is to become its own."""
    kept = work.marks.kept_files()
    for place in kept.get("directories", ()):
        _empty(folder, place, kept["files"])
    for name, entry in kept.get("files", {}).items():
        _put(folder, name, entry)


def _read(work):
    """Return the files and include directories inside the data directory, by their names relative to it."""
    layout = work.layout
    base = os.path.realpath(layout.data_directory)
    files, folders = conffile.sources(layout.config_file)
    settings = conffile.load(layout.config_file)
    named = {**_BY_DEFAULT, **_TLS, **{key: settings[key] for key in (*_BY_DEFAULT, *_TLS) if settings.get(key)}}
    files += [os.path.join(layout.data_directory, name) for name in (*named.values(), RECOVERY_CONF) if name]
    inside = {_inside(base, path): path for path in files if os.path.lexists(path)}
    inside.pop("", None)
    inside.pop(standby_config.AUTO_CONF, None)
    return {
        "files": {name: _entry(path) for name, path in sorted(inside.items())},
        "directories": sorted({_inside(base, path) for path in folders} - {""}),
    }


def _inside(base, path):
    """Return the name below the data directory, empty for what lies elsewhere (a link inside counts as inside)."""
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    return os.path.relpath(path, base) if path.startswith(base + os.sep) else ""


def _entry(path):
    found = os.lstat(path)
    entry = {"uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
    if stat.S_ISLNK(found.st_mode):
        return dict(entry, link=os.readlink(path))
    with open(path, "rb") as stream:
        return dict(entry, content=base64.b64encode(stream.read()).decode("ascii"))


def _empty(folder, place, files):
    """What only the primary has in an include directory of the node would be read by the node."""
    path = os.path.join(folder, place)
    names = os.listdir(path) if os.path.isdir(path) else []
    for name in names:
        if name.endswith(".conf") and os.path.join(place, name) not in files:
            standby_config.remove_file(path, name)


def _put(folder, name, entry):
    path = os.path.join(folder, name)
    _make_folders(folder, os.path.dirname(name))
    if "link" in entry:
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(entry["link"], path)
        return
    place, last = os.path.split(path)
    content = base64.b64decode(entry["content"]).decode("utf-8", "surrogateescape")
    standby_config.write_file(place, last, content)
    os.chmod(path, entry["mode"])
    if os.geteuid() == 0:
        os.chown(path, entry["uid"], entry["gid"])


def _make_folders(folder, name):
    """Make the directories of an include, as the data directory's owner has them."""
    owner, path = os.stat(folder), folder
    for part in filter(None, name.split(os.sep)):
        path = os.path.join(path, part)
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            if os.geteuid() == 0:
                os.chown(path, owner.st_uid, owner.st_gid)


__all__ = ("note", "restore")

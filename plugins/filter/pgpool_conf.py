# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pgpool_conf
author: pgops contributors (@pgops)
version_added: 0.1.0
short_description: Render and check settings of Pgpool-II
description:
  - The filters that the roles pgpool, vip and sudoers share.
  - They are private to the collection and can change at any time.
options:
  _input:
    description: What the filter works on.
    type: raw
    required: true
"""

EXAMPLES = r"""
# Used by the roles and playbooks of this collection; not meant to be called from outside.
"""

RETURN = r"""
_value:
  description: What the filter made of it.
  type: raw
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.pgops.pgpool.plugins.module_utils._net import vip_fit
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import (
    commands,
    conf_report,
    lint,
    lint_view,
    ownership,
    query_cache,
    settings,
)
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_texts import ABOUT_THE_FILE, ERROR


def pgpool_setting(name, value, version, extra=()):
    """The line of pgpool.conf for a parameter (by its newest name) in that version; extra settings take its place."""
    if name in {lint_view.View.todays_name(str(one)) for one in extra}:
        return f"# {name}: given by pgpool_extra_settings, see below"
    return _told(settings.render, str(name), value, version)


def pgpool_extra_settings(extra, version):
    """Lines for parameters given by the user. What that version does not know, or not like that, is an error."""
    lines = [_told(_extra_line, str(name), value, version) for name, value in sorted(extra.items())]
    result = _told(lint.lint, "\n".join(lines), version)
    wrong = [one for one in result.problems if one.rule in ABOUT_THE_FILE and one.level == ERROR]
    if wrong:
        said = " ".join(conf_report.lines_of(one._replace(line=None) for one in wrong))
        raise AnsibleFilterError(f"pgpool_extra_settings cannot be written for Pgpool-II {version}. {said}")
    return lines


def _extra_line(name, value, version):
    return f"{lint_view.View((), version).name_here(name)} = {settings.quote(value, name)}"


def pgpool_major(version):
    """4.3 for 4.3.5-1+deb12u1."""
    return _told(settings.major, version)


def vip_commands(vip):
    """The commands up, down and announce for a mapping of address, prefix and interface."""
    return _told(lambda: commands.vip_commands(**vip))


def kill_sockets_command(member, opening=False):
    """The command that destroys the connections to a database host, also those that are being opened."""
    return _told(lambda: commands.kill_sockets(address=member["address"], port=member["port"], opening=opening))


def fence_command(service):
    """The command that ends a PostgreSQL at once."""
    return _told(lambda: commands.fence(service=service))


def pgpool_host_commands(databases, vip):
    """All commands that pgpool's user may run as root on a pgpool host."""
    return _told(commands.pgpool_host_commands, vip, databases)


def for_sudoers(command):
    """A command, escaped for sudoers."""
    return _told(commands.for_sudoers, command)


def files_without_mark(counts):
    """The files that do not carry our mark, from the output of grep -c."""
    return ownership.files_by_mark(counts)[1]


def files_with_mark(counts):
    """The files that are ours, from the output of grep -c."""
    return ownership.files_by_mark(counts)[0]


def foreign_files(md5sums, conffiles, ucf_hashfile):
    """The files that are not as the package delivered them."""
    return ownership.foreign_files(md5sums, ownership.recorded_checksums(conffiles, ucf_hashfile))


def vip_fit_problem(ip_json, vip):
    """Why the virtual address does not fit its interface; an empty text when it does."""
    return _told(lambda: vip_fit.vip_fit_problem(ip_json, **vip)) or ""


def holds_address(ip_json, address):
    """Whether any interface carries the address."""
    return vip_fit.holds(ip_json, address)


def _told(function, *args):
    try:
        return function(*args)
    except ValueError as exc:
        raise AnsibleFilterError(str(exc)) from exc


class FilterModule:
    """What the roles pgpool, vip and sudoers share."""

    def filters(self):
        return {
            "fence_command": fence_command,
            "files_with_mark": files_with_mark,
            "files_without_mark": files_without_mark,
            "for_sudoers": for_sudoers,
            "foreign_files": foreign_files,
            "holds_address": holds_address,
            "kill_sockets_command": kill_sockets_command,
            "pgpool_extra_settings": pgpool_extra_settings,
            "pgpool_host_commands": pgpool_host_commands,
            "pgpool_major": pgpool_major,
            "pgpool_setting": pgpool_setting,
            "query_cache_mode": query_cache.mode,
            "query_cache_problem": query_cache.problem,
            "vip_commands": vip_commands,
            "vip_fit_problem": vip_fit_problem,
        }

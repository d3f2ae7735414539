#!/usr/bin/python

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgpool_conf_info
short_description: Find what is wrong or dangerous in a pgpool.conf, and what another one would change
version_added: 0.1.0
description:
  - Pgpool-II hides an unknown or renamed setting (a line at level INFO) and takes a misspelled V(on) or V(off)
    for V(on). Here each is an error, with its line and the way out.
  - Settings that are known to hurt are errors or warnings, each with its reason; the rules are in
    C(docs/pgpool_conf.md).
  - Tells which security holes the installed version has, and whether the distribution's package holds the fix.
  - With O(compare_with), tells what that file would change, and whether it takes a reload or a restart.
  - Values of passwords and keys are never shown.
author: pgops contributors (@pgops)
extends_documentation_fragment:
  - pgops.pgpool._attributes
  - pgops.pgpool._attributes.info_module
options:
  path:
    description: The file on the host. Files that it includes are read too.
    type: path
    default: /etc/pgpool2/pgpool.conf
  content:
    description: The text to look at, in place of the file at O(path).
    type: str
  version:
    description: Version of Pgpool-II, as C(4.3.5). Left out, the host's C(pgpool --version) is asked.
    type: str
  package_version:
    description: Version of the package, as C(4.3.5-1+deb12u1). Left out, C(dpkg-query) is asked.
    type: str
  compare_with:
    description: The text of another pgpool.conf, usually the one that would be written.
    type: str
  accept:
    description: Rules whose errors become warnings, because it is meant that way.
    type: list
    elements: str
    default: []
  require_fixed:
    description: Make a known security hole that is not known to be fixed an error.
    type: bool
    default: false
  check_paths:
    description: Look whether the programs that Pgpool-II would run are there.
    type: bool
    default: true
  paths_to_come:
    description: Programs that are not there yet and will be.
    type: list
    elements: path
    default: []
  facts:
    description: What a pgpool.conf does not say about itself; what is left out is not judged.
    type: dict
    default: {}
    suboptions:
      pgpools:
        description: How many pgpools there are. Left out, the file's own count is taken.
        type: int
      max_connections:
        description: The smallest C(max_connections) of the databases.
        type: int
      superuser_reserved_connections:
        description: How many of them are kept for superusers.
        type: int
        default: 3
      application_names:
        description: Number of each backend, and the C(application_name) with which that server streams as a standby.
        type: dict
        default: {}
      failover_drops_slots:
        description: Whether C(failover_command) drops the slot of a standby that failed.
        type: bool
      our_failover:
        description: Whether C(failover_command) is the one of this collection.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Look at the pgpool.conf of a host
  pgops.pgpool.pgpool_conf_info:
    facts:
      max_connections: 100
  register: conf

- name: Show what is wrong with it
  ansible.builtin.debug:
    var: conf.lines
"""

RETURN = r"""
version:
  description: The version for which the file was judged.
  returned: success
  type: str
  sample: 4.3.5
problems:
  description: What is wrong, errors first.
  returned: success
  type: list
  elements: dict
  sample:
    - level: error
      rule: no_health_check
      name: health_check_period
      line: 12
      file: /etc/pgpool2/pgpool.conf
      what: "= 0"
      why: 0 looks at no server
      next: set it to some seconds
errors:
  description: How many of them are errors.
  returned: success
  type: int
changes:
  description: What O(compare_with) would change (secrets are hidden), and what applies it.
  returned: when O(compare_with) is given
  type: list
  elements: dict
  sample:
    - {name: health_check_period, old: "0 (default)", new: "1", apply: reload}
holes:
  description: Known security holes, whether they are fixed here, and whether the file does what opens them.
  returned: success
  type: list
  elements: dict
  sample:
    - {cve: CVE-2025-46801, state: fixed in the package, because: the package's changelog names it, fits: false}
detection_seconds:
  description: Seconds until a host that fell silent is taken out of the pool, at the worst.
  returned: success
  type: float
  sample: 10
lines:
  description: Problems and changes as lines for people, a verdict at the end.
  returned: success
  type: list
  elements: str
"""

import gzip
import os
import re

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._ansible import run_use_case
from ..module_utils._errors import Refused
from ..module_utils._local import LocalRunner
from ..module_utils._pgpool import (
    conf_changes,
    conf_report,
    fixed_versions,
    lint,
    lint_failover,
    lint_watchdog,
    settings,
)
from ..module_utils._pgpool.lint_texts import ERROR
from ..module_utils._pgpool.lint_view import Facts


def look(params, *, runner):
    """Judge the file, return what is wrong and what would change."""
    text = _read(params["path"]) if params["content"] is None else params["content"]
    version = params["version"] or _version(runner)
    package = _package(params, runner)
    judge = _judge(params, version, settings.DEBIAN_DEFAULTS if package else {})
    result = judge(text, Facts())
    missing = _missing(params, result.view)
    result = judge(text, _facts(params["facts"], missing))
    holes = _holes(params, result.view, package)
    found = fixed_versions.problems(holes, version, require_fixed=params["require_fixed"])
    problems = lint.in_order((*result.problems, *found))
    answer = {
        "changed": False,
        "version": version,
        "problems": [problem._asdict() for problem in problems],
        "errors": sum(problem.level == ERROR for problem in problems),
        "holes": [hole._asdict() for hole in holes],
        "detection_seconds": lint_failover.detection_seconds(result.view),
    }
    changes = None
    if params["compare_with"] is not None:
        changes = conf_changes.changes(result.view, judge(params["compare_with"], Facts()).view)
        answer["changes"] = [change._asdict() for change in changes]
    answer["lines"] = [
        *conf_report.lines_of(problems),
        *conf_report.change_lines(changes or ()),
        conf_report.verdict(problems, changes),
    ]
    return answer


def _judge(params, version, defaults):
    options = {"file": params["path"], "include": _include(params["path"]), "accept": params["accept"]}

    def judge(text, facts):
        try:
            return lint.lint(text, version, facts, defaults=defaults, **options)
        except ValueError as exc:
            raise Refused(
                f"judge {params['path']}",
                server="this host",
                seen=str(exc),
                next_step="give the version of Pgpool-II that this file is for",
            ) from exc

    return judge


def _include(top):
    def include(name, file):
        path = os.path.join(os.path.dirname(file or top), name)
        with open(path, encoding="utf-8", errors="replace") as stream:
            return path, stream.read()

    return include


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError as exc:
        raise Refused(
            f"judge {path}", server="this host", seen=exc.strerror, next_step="give its path, or run this as root"
        ) from exc


def _version(runner):
    said = runner.run(["pgpool", "--version"], timeout=20)
    found = re.search(r"version (\d+\.\d+(\.\d+)?)", said.stdout + said.stderr)
    if not found:
        raise Refused(
            "learn the version of Pgpool-II",
            server="this host",
            seen=f"pgpool --version ended with {said.rc}: {(said.stderr or said.stdout).strip() or 'nothing'}",
            next_step="give the option version",
        )
    return found.group(1)


def _missing(params, view):
    if not params["check_paths"]:
        return ()
    there = set(params["paths_to_come"])
    return [path for path in lint_watchdog.all_programs(view) if path not in there and not os.path.exists(path)]


def _facts(given, missing):
    names = {int(number): name for number, name in (given.get("application_names") or {}).items()}
    known = {name: value for name, value in given.items() if value is not None}
    return Facts(**{**known, "application_names": names, "missing_paths": tuple(missing)})


def _package(params, runner):
    if params["package_version"] is not None:
        return params["package_version"]
    return runner.run(["dpkg-query", "-W", "-f=${Version}", "pgpool2"], timeout=20).stdout


def _holes(params, view, package):
    beside = os.path.join(os.path.dirname(params["path"]), "pool_hba.conf")
    hba = _read(beside) if params["content"] is None and os.path.exists(beside) else ""
    methods = fixed_versions.methods_of(hba)
    return fixed_versions.look(view, package=package, changelog=_changelog(package, view.version), methods=methods)


def _changelog(package, version):
    """Only that of the package that is installed says something about it."""
    try:
        with gzip.open(fixed_versions.CHANGELOG, "rt", encoding="utf-8", errors="replace") as stream:
            return stream.read() if package.startswith(version) else ""
    except (OSError, EOFError):
        return ""


FACTS = {
    "pgpools": {"type": "int"},
    "max_connections": {"type": "int"},
    "superuser_reserved_connections": {"type": "int", "default": 3},
    "application_names": {"type": "dict", "default": {}},
    "failover_drops_slots": {"type": "bool"},
    "our_failover": {"type": "bool", "default": False},
}


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/pgpool2/pgpool.conf"},
            "content": {"type": "str", "no_log": True},
            "version": {"type": "str"},
            "package_version": {"type": "str"},
            "compare_with": {"type": "str", "no_log": True},
            "accept": {"type": "list", "elements": "str", "default": []},
            "require_fixed": {"type": "bool", "default": False},
            "check_paths": {"type": "bool", "default": True},
            "paths_to_come": {"type": "list", "elements": "path", "default": []},
            "facts": {"type": "dict", "default": {}, "options": FACTS},
        },
        supports_check_mode=True,
    )
    run_use_case(module, lambda m: look(m.params, runner=LocalRunner()))


if __name__ == "__main__":
    main()

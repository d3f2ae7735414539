# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a database host.

guard.py            before a start; exit 0: start, 1: refused, 75: cannot tell yet, pgops-guard.service goes on asking
guard.py --watch    what pgops-guard.service does: watch the running server; start it when it may start at last
guard.py --explain  print what is seen now and what would be decided, as JSON; changes nothing
guard.py --permit   allow the next start, whatever is seen (valid for some minutes, for one start)
guard.py --standing print as what this host's data would start, as JSON, for a peer that waits; changes nothing
"""

from __future__ import annotations

import argparse
import json

from .boot import before_start, decide_with, observe
from .here import give_permit
from .stopped import StoppedPeers, describe
from .tell import SCHEMA, report, say
from .watch import Watch, explain_running

CONFIG = "/etc/pgops/guard.json"
# What an older configuration file does not have.
DEFAULTS = {
    "port": 5432,
    "socket_directory": "/var/run/postgresql",
    "isolation": 3,
    "pgpool_every": 10,
    "wait_unit": "pgops-guard-wait.service",
    "fenced_file": "/var/lib/pgops/fenced.json",
    "running_file": "/run/pgops/guard-state.json",
    "events_file": "/var/log/pgops/guard.jsonl",
    "recover_lock": "/var/lib/pgops/recover.lock",
    "script": "/usr/local/lib/pgops/guard.py",
    "synchronous": "off",
    "synchronous_file": "",
    "pgpool_unit": "pgpool2.service",
    "pgpool_status_file": "/var/lib/pgpool/pgpool_status",
}


def load(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    if config.get("schema") != SCHEMA:
        raise ValueError(f"schema {config.get('schema')!r} is not {SCHEMA}")
    return {**DEFAULTS, **config}


def watch(config):
    Watch(config).run()


def explain(config):
    seen = observe(config)
    seen, decision = decide_with(StoppedPeers(config), seen._replace(confirmed_for=seen.settle))
    print(json.dumps({**report(seen, decision), "running": explain_running(config)}, indent=2))


def permit(config):
    give_permit(config)
    say(f"the next start of {config['unit']} is permitted, within {config['permit_max_age']} s")


def main(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=CONFIG)
    what = parser.add_mutually_exclusive_group()
    for name in ("watch", "explain", "permit", "standing"):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name)
    options = parser.parse_args(words)
    try:
        config = load(options.config)
    except (OSError, ValueError) as exc:
        say(f"cannot read {options.config}: {exc}. Next: ansible-playbook deploy_cluster.yml writes it anew", level=3)
        return 1
    jobs = {None: before_start, "watch": watch, "explain": explain, "permit": permit, "standing": describe}
    return jobs[options.what](config) or 0

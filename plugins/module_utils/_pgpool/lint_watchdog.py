# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Rules of the linter about the pgpools: their votes, heartbeat, the virtual address, PCP, the cache, their memory."""

from __future__ import annotations

from . import settings
from .lint_texts import WARNING

LOOPBACK = ("", "localhost", "::1")
VIP_COMMANDS = ("if_up_cmd", "if_down_cmd", "arping_cmd")
FAILOVER_COMMANDS = ("failover_command", "follow_primary_command", "failback_command")


def pgpools_of(view, facts):
    """How many pgpools there are: as told, else as the file names them."""
    if facts.pgpools is not None:
        return facts.pgpools
    if settings.at_least(settings.major(view.version), "4.2"):
        return max(1, len([host for host in view.nodes("hostname").values() if host]))
    return 1 + len(view.nodes("other_pgpool_hostname"))


def votes(view, facts):
    """Who may decide that a server is dead."""
    if not view.value("use_watchdog"):
        return
    count, half = pgpools_of(view, facts), "enable_consensus_with_half_votes"
    if count == 1:
        yield view.problem("watchdog_alone", "use_watchdog", "is on, with one pgpool")
        return
    if count % 2 == 0 and not view.value(half):
        yield view.problem("even_votes", half, f"{view.says(half)}, with {count} pgpools")
    if count % 2 == 0 and view.value(half):
        yield from _blind(view)
    if not view.value("failover_when_quorum_exists"):
        yield view.problem("no_quorum", "failover_when_quorum_exists")
    elif not view.value("failover_require_consensus"):
        yield view.problem("no_consensus", "failover_require_consensus")
    elif view.value("allow_multiple_failover_requests_from_node"):
        yield view.problem("one_voice_twice", "allow_multiple_failover_requests_from_node")


def _blind(view):
    """Pgpool-II is content with one trusted server that answers: only a database tells whether it sees one."""
    trusted = [one.strip() for one in view.value("trusted_servers").split(",") if one.strip()]
    databases = view.nodes("backend_hostname").values()
    others = [one for one in trusted if databases and one not in databases]
    if trusted and not others:
        return
    what = f"{view.says('trusted_servers')}, with half votes"
    if others:
        what += f", and no database is {', '.join(others)}"
    yield view.problem("half_votes_blind", "trusted_servers", what)


def heartbeat(view, _facts):
    """When a pgpool is taken for dead, and by whom."""
    if not view.value("use_watchdog"):
        return
    if not view.value("wd_authkey"):
        yield view.problem("no_authkey", "wd_authkey", "is empty")
    if view.value("wd_lifecheck_method") != "heartbeat":
        return
    beat, dead = view.value("wd_heartbeat_keepalive"), view.value("wd_heartbeat_deadtime")
    if dead < 2 * beat:
        what = f"is {dead} s, with a beat every {beat} s"
        problem = view.problem("hasty_heartbeat", "wd_heartbeat_deadtime", what)
        yield problem if dead <= beat else problem._replace(level=WARNING)
    interval = view.value("wd_interval")
    if interval > dead:
        what = f"is {interval} s, longer than wd_heartbeat_deadtime ({dead} s)"
        yield view.problem("slow_life_check", "wd_interval", what, interval=interval, armed=10 * interval)


def commands(view, facts):
    """Commands that are not there."""
    names = [*FAILOVER_COMMANDS]
    if view.value("use_watchdog") and view.value("delegate_ip"):
        names += VIP_COMMANDS
    for name in names:
        for path in programs(view, name):
            if path in facts.missing_paths:
                yield view.problem("no_such_command", name, f"runs {path}, which is not there")


def programs(view, name):
    """The absolute paths of what a command runs: itself, and what it has sudo run."""
    words = (view.value(name) or "").split()
    if words and not words[0].startswith("/") and name in VIP_COMMANDS:
        words[0] = f"{view.value('arping_path' if name == 'arping_cmd' else 'if_cmd_path')}/{words[0]}"
    found = words[:1]
    if words and words[0].endswith("/sudo"):
        found += [word for word in words[1:] if not word.startswith("-")][:1]
    return [word for word in found if word.startswith("/")]


def all_programs(view):
    """Every program that pgpool would run on this host."""
    return sorted({path for name in (*VIP_COMMANDS, *FAILOVER_COMMANDS) for path in programs(view, name)})


def pcp(view, _facts):
    """PCP is md5 in the clear."""
    addresses = [one.strip() for one in view.value("pcp_listen_addresses").split(",")]
    if [one for one in addresses if one not in LOOPBACK and not one.startswith("127.")]:
        yield view.problem("pcp_in_the_open", "pcp_listen_addresses")


def cache(view, facts):
    """What one pgpool has cached is not removed by a write through another, wherever it is kept."""
    count = pgpools_of(view, facts)
    if view.value("memory_cache_enabled") and count > 1:
        method = view.value("memqcache_method")
        yield view.problem("stale_cache", "memory_cache_enabled", f"is on ({method}), with {count} pgpools")


def memory_of_nodes(view, _facts):
    """pgpool_status says which server is out of the pool."""
    folder = view.value("work_dir") + "/"
    if folder.startswith(("/tmp/", "/var/tmp/", "/run/", "/var/run/", "/var/log/")):
        yield view.problem("state_cleaned_up", "work_dir")


RULES = (votes, heartbeat, commands, pcp, cache, memory_of_nodes)

__all__ = ("RULES", "all_programs", "pgpools_of")

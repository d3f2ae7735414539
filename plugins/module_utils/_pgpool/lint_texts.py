# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What the linter says: for each rule its level, why it matters, the way out. Words in braces come from the file."""

from __future__ import annotations

import typing as t

ERROR, WARNING = "error", "warning"

_UNSEEN = "Pgpool-II logs that at a level that nobody sees (INFO) and goes on with the default"


class Text(t.NamedTuple):
    """What a rule says."""

    level: str
    why: str
    next: str


# These say that the file is not what its author thinks. They can't be accepted, only mended.
ABOUT_THE_FILE = {
    "broken_file": Text(
        ERROR,
        "Pgpool-II ends its reading there: it does not start, or keeps its old settings when it is told to reload",
        "put values in single quotes, one setting on a line",
    ),
    "unknown_name": Text(ERROR, _UNSEEN, "{then}"),
    "renamed": Text(ERROR, _UNSEEN, "write {today}"),
    "old_name": Text(WARNING, "it is still taken, with a line in the log", "write {today}"),
    "number": Text(ERROR, "Pgpool-II does not start with it, or ignores it", "write it {with_or_without} a number"),
    "wrong_value": Text(ERROR, "{taken}", "write a value that it takes"),
    "said_twice": Text(ERROR, "the last one wins, without a word", "leave one of them"),
    "does_not_start": Text(ERROR, "Pgpool-II refuses that when it starts", "{then}"),
}

ABOUT_DATABASES = {
    "no_health_check": Text(
        ERROR,
        "0 looks at no server: one that hangs, or dies while no client talks to it, stays in the pool",
        "set it to some seconds",
    ),
    "endless_health_check": Text(
        ERROR, "0 waits without a limit: a server that hangs is never noticed", "set it to some seconds"
    ),
    "slow_detection": Text(
        WARNING,
        "that long a host that fell silent stays in the pool: period + (retries + 1) x timeout + retries x delay",
        "shorten the period, the timeout or the retries",
    ),
    "endless_ping": Text(
        ERROR,
        "for whoever asks for the nodes (PCP, SHOW POOL_NODES) pgpool pings each of them for as many whole seconds "
        "of it; 0 of them are no limit, and a failover waits meanwhile: more than a minute was seen",
        "set it to 1000 (milliseconds) or more",
    ),
    "backend_shutdown": Text(
        ERROR,
        "one pg_terminate_backend() is taken for the end of the server: a good primary was detached for it and a "
        "second one promoted",
        "set it to off; the health check notices a server that ends",
    ),
    "backend_error": Text(
        WARNING,
        "a broken connection of one client can start a failover, without the retries of the health check",
        "set it to off, with a health check that is quick enough",
    ),
    "false_primary_of_two": Text(
        ERROR,
        "two servers cannot outvote each other about who is the true primary: it was seen to detach the good one",
        "set it to off",
    ),
    "no_promotion": Text(
        WARNING, "pgpool takes a dead primary out, and nobody promotes a standby", "give the command that promotes one"
    ),
    "follow_primary": Text(
        ERROR,
        "pgpool marks all other standbys down first; with this collection's failover.sh they follow by themselves",
        "leave it empty",
    ),
    "endless_search": Text(
        WARNING,
        "0 looks for a primary for ever when there is none, and no client is served meanwhile",
        "set it to some seconds",
    ),
    "auto_failback": Text(
        WARNING,
        "a standby is back in the pool as soon as it streams, before anybody looked whether it holds what it should",
        "set it to off, and bring a server back by recover_standby",
    ),
    "failback_without_slot": Text(
        ERROR,
        "failover_command drops the slot of a standby that failed, so it cannot stream and never comes back by itself",
        "set it to off, and bring a server back by recover_standby",
    ),
    "shared_pool_passwd": Text(
        WARNING,
        "before {fixed} the processes that look at the servers share one open pool_passwd, disturb each other's "
        "reading, and fail over from a healthy server",
        "write the password here, as pg_enc gives it",
    ),
    "clear_text": Text(
        WARNING, "without ssl, passwords of clients cross the network as they are", "set ssl to on, or this to off"
    ),
    "stale_reads": Text(
        WARNING,
        "a standby gets reads however far it is behind",
        "set sr_check_period to some seconds and delay_threshold to some bytes",
    ),
    "bare_function_names": Text(
        WARNING,
        "a call that gives the schema, as app.book(), is compared with the schema: {names} will not match it, so it is "
        "taken for a read, and fails on a standby",
        "write '{mended}'",
    ),
    "blanks_in_list": Text(
        WARNING,
        "this version takes a blank beside a comma or a colon for a part of the name: {names} will not match, so {so}",
        "write '{mended}'",
    ),
    "too_many_connections": Text(
        ERROR,
        "PostgreSQL has {free} connections for them (max_connections {most}): clients are refused at the time of "
        "most load",
        "lower num_init_children or max_pool, or raise max_connections of every server",
    ),
    "dead_sessions": Text(
        WARNING,
        "PostgreSQL keeps the sessions of a pgpool host that lost power until its tcp_keepalives_* are over (by "
        "default two hours), and has {free} connections (max_connections {most}): when that host is back, none is left "
        "for the health check, and a server that is well is taken out",
        "set tcp_keepalives_idle of PostgreSQL to some seconds, and lower num_init_children or raise max_connections",
    ),
    "application_name": Text(
        WARNING,
        "that server streams as '{streams_as}': pgpool shows no replication state of it, and auto_failback "
        "never takes it back",
        "write '{streams_as}'",
    ),
}

ABOUT_PGPOOLS = {
    "watchdog_alone": Text(
        ERROR, "the watchdog of a single pgpool does not start", "set it to off, or name the other pgpools"
    ),
    "even_votes": Text(
        WARNING,
        "an even number has no majority once half of them is lost: nobody fails over, nobody holds the virtual address",
        "add a pgpool, or set it to on together with trusted_servers",
    ),
    "half_votes_blind": Text(
        ERROR,
        "one trusted server that answers keeps a vote, and half of the votes decide: a pgpool that reaches no database "
        "takes all of them out for all, and a network that is cut in two has two virtual addresses and two primaries",
        "name the databases as backend_hostname does, and nobody else",
    ),
    "no_quorum": Text(
        ERROR, "a pgpool that is cut off from the others fails over all the same: two primaries", "set it to on"
    ),
    "no_consensus": Text(WARNING, "what one pgpool cannot reach is taken out for all of them", "set it to on"),
    "one_voice_twice": Text(
        WARNING, "a pgpool that says twice what it sees makes a consensus of its own", "set it to off"
    ),
    "hasty_heartbeat": Text(
        ERROR,
        "one beat that is late or lost makes a pgpool dead",
        "make it three times wd_heartbeat_keepalive or more",
    ),
    "slow_life_check": Text(
        WARNING,
        "the beats are only looked at every {interval} s, for the first time {armed} s after the start",
        "make it no longer than wd_heartbeat_deadtime",
    ),
    "no_authkey": Text(
        WARNING, "whoever reaches the watchdog's port can join, and vote", "write the same key on every pgpool"
    ),
    "no_such_command": Text(
        ERROR,
        "pgpool goes on as if it had succeeded: nobody is promoted, or no host has the virtual address",
        "give the path that this host has",
    ),
    "pcp_in_the_open": Text(
        ERROR,
        "PCP authenticates with md5 and is not encrypted; who gets in can detach every server",
        "write '127.0.0.1', and ask from this host",
    ),
    "stale_cache": Text(
        ERROR,
        "a write through one pgpool does not remove what another has cached, which goes on giving the old rows; with "
        "memcached too, since each pgpool knows only by itself which answers a table is part of",
        "set it to off",
    ),
    "state_cleaned_up": Text(
        WARNING,
        "pgpool_status, the memory of which server is out of the pool, lies there: a clean-up or a boot deletes it, "
        "and that server gets clients again",
        "give a directory of its own, as /var/lib/pgpool",
    ),
    "hole": Text(WARNING, "it needs {needs}; this file {does} that", "{then}"),
}

TEXTS = {**ABOUT_THE_FILE, **ABOUT_DATABASES, **ABOUT_PGPOOLS}

__all__ = ("ABOUT_THE_FILE", "ERROR", "TEXTS", "WARNING", "Text")

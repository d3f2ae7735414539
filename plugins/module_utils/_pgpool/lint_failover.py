# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""Rules of the linter about databases: when one is taken for dead, what follows, and what clients get."""

from __future__ import annotations

from . import comma_lists, function_list, settings
from .comma_lists import BOTH, LEFT, WHOLE

# Until these, the processes that look at a database share one open pool_passwd.
OWN_POOL_PASSWD = {"4.1": "4.1.23", "4.2": "4.2.20", "4.3": "4.3.13", "4.4": "4.4.10", "4.5": "4.5.5"}

SLOW_SECONDS = 180

BLANKS_TRIMMED_SINCE = "4.6"

# Lists with commas: what of an entry is compared, and what comes of a name that does not match.
LISTS = {
    "write_function_list": (WHOLE, "such a call is taken for a read, and fails on a standby"),
    "read_only_function_list": (WHOLE, "such a call goes to the primary"),
    "cache_unsafe_memqcache_table_list": (WHOLE, "what is read from there is cached"),
    "cache_safe_memqcache_table_list": (WHOLE, "what is read from there is not cached"),
    "app_name_redirect_preference_list": (LEFT, "such a session reads from any server"),
    "database_redirect_preference_list": (LEFT, "such a session reads from any server"),
    "user_redirect_preference_list": (LEFT, "such a session reads from any server"),
    "dml_adaptive_object_relationship_list": (BOTH, "what hangs on a write is read from a standby before its commit"),
}


def health_check(view, _facts):
    """A server that is dead, or hangs, must be noticed."""
    if not view.backends():
        return
    for name in _each(view, "health_check_period"):
        beside = _beside(name, "health_check_timeout")
        if view.value(name) == 0:
            yield view.problem("no_health_check", name)
        elif view.value(beside) == 0:
            yield view.problem("endless_health_check", beside)
        elif detection_seconds(view, name) > SLOW_SECONDS:
            what = f"with timeout, retries and delay makes {detection_seconds(view, name)} s"
            yield view.problem("slow_detection", name, what)


def detection_seconds(view, name="health_check_period"):
    """Seconds until a host that fell silent is taken out, at the worst. The period begins when a check has ended."""
    parts = ("health_check_timeout", "health_check_max_retries", "health_check_retry_delay")
    timeout, retries, delay = (view.value(_beside(name, part)) for part in parts)
    return view.value(name) + (retries + 1) * timeout + retries * delay


def connect_timeout(view, _facts):
    """Whoever asks for the nodes has pgpool ping them."""
    for name in _each(view, "connect_timeout"):
        if settings.at_least(view.version, "4.3") and view.value(name) < 1000:
            yield view.problem("endless_ping", name)


def backend_errors(view, _facts):
    """What a client meets must not be taken for the end of a server."""
    if view.value("failover_on_backend_shutdown"):
        yield view.problem("backend_shutdown", "failover_on_backend_shutdown")
    if view.value("failover_on_backend_error") and len(view.backends()) > 1:
        yield view.problem("backend_error", "failover_on_backend_error")
    if view.value("detach_false_primary") and len(view.backends()) == 2:
        yield view.problem("false_primary_of_two", "detach_false_primary")


def what_a_failover_does(view, facts):
    """Commands of a failover, and the return of a server."""
    if len(view.backends()) > 1 and not view.value("failover_command"):
        yield view.problem("no_promotion", "failover_command")
    if facts.our_failover and view.value("follow_primary_command"):
        yield view.problem("follow_primary", "follow_primary_command", "is set")
    if view.value("search_primary_node_timeout") == 0:
        yield view.problem("endless_search", "search_primary_node_timeout")
    if view.value("auto_failback"):
        yield view.problem("failback_without_slot" if facts.failover_drops_slots else "auto_failback", "auto_failback")


def passwords(view, _facts):
    """A bug of older versions, and passwords that anybody on the wire can read."""
    fixed = OWN_POOL_PASSWD.get(settings.major(view.version))
    if fixed and not settings.at_least(view.version, fixed):
        for kind in ("health_check", "sr_check"):
            if view.value(kind + "_period") and view.value(kind + "_user") and not view.value(kind + "_password"):
                yield view.problem("shared_pool_passwd", kind + "_password", "is empty", fixed=fixed)
    if view.value("allow_clear_text_frontend_auth") and not view.value("ssl"):
        yield view.problem("clear_text", "allow_clear_text_frontend_auth")


def balance(view, _facts):
    """A read that is old."""
    if not _balances(view):
        return
    if view.value("sr_check_period") == 0:
        yield view.problem("stale_reads", "sr_check_period")
    elif not view.value("delay_threshold") and not view.value("delay_threshold_by_time"):
        yield view.problem("stale_reads", "delay_threshold")


def write_functions(view, _facts):
    """A function that writes must be known however it is called. With a list of those that only read, that decides."""
    name = "write_function_list"
    if not _is_read(view, name) or not settings.at_least(view.version, "4.2"):
        return
    missed = function_list.missed(view.value(name))
    if missed:
        mended = function_list.mended(view.value(name))
        yield view.problem("bare_function_names", name, names=", ".join(missed), mended=mended)


def blanks(view, _facts):
    """A blank that belongs to a name keeps it from matching."""
    for name, (compared, so) in LISTS.items():
        value = view.value(name) if _is_read(view, name) else None
        trims = compared != LEFT and settings.at_least(view.version, BLANKS_TRIMMED_SINCE)
        lost = comma_lists.lost(value or "", compared, trims=trims)
        if lost:
            schemas = name == "write_function_list" and settings.at_least(view.version, "4.2")
            mended = function_list.mended(value) if schemas else comma_lists.without_blanks(value, compared)
            yield view.problem("blanks_in_list", name, names=", ".join(lost), so=so, mended=mended)


def pools(view, facts):
    """Every child of every pgpool may hold max_pool connections to each server."""
    if facts.max_connections is None:
        return
    children, pool, pgpools = view.value("num_init_children"), view.value("max_pool"), facts.pgpools or 1
    wanted, free = children * pool * pgpools, facts.max_connections - facts.superuser_reserved_connections
    if wanted > free:
        what = f"x max_pool x pgpools = {children} x {pool} x {pgpools} = {wanted}"
        yield view.problem("too_many_connections", "num_init_children", what, free=free, most=facts.max_connections)
    elif pgpools > 1 and (beside := children * pool * (pgpools + 1)) > free:
        what = f"x max_pool x (pgpools + 1) = {children} x {pool} x {pgpools + 1} = {beside}"
        yield view.problem("dead_sessions", "num_init_children", what, free=free, most=facts.max_connections)


def application_names(view, facts):
    """pgpool finds a standby in pg_stat_replication by this."""
    for number, wanted in sorted(facts.application_names.items()):
        name = f"backend_application_name{number}"
        if number in view.backends() and view.value(name) != wanted:
            yield view.problem("application_name", name, streams_as=wanted)


def does_not_start(view, _facts):
    """What Pgpool-II itself refuses, with a line in a log."""
    if view.value("process_management_mode") == "dynamic":
        low, high, most = (view.value(f"{one}_children") for one in ("min_spare", "max_spare", "num_init"))
        if not low < high <= most:
            what = f"is dynamic, with {low} to {high} spare children of {most}"
            then = "make min_spare_children smaller than max_spare_children, and that no larger than num_init_children"
            yield view.problem("does_not_start", "process_management_mode", what, then=then)
    if view.value("replication_mode") and view.value("failover_when_quorum_exists"):
        what = "is on, as failover_when_quorum_exists is"
        yield view.problem("does_not_start", "replication_mode", what, then="set one of them to off")
    for name in ("recovery_1st_stage_command", "recovery_2nd_stage_command"):
        without = [n for n in view.backends() if not view.value(f"backend_data_directory{n}")]
        if view.value(name) and without:
            what = f"is set, and backend_data_directory{without[0]} is not"
            yield view.problem("does_not_start", name, what, then="write the data directory of every backend")


def _balances(view):
    return view.value("load_balance_mode") and len(view.backends()) > 1


def _is_read(view, name):
    """Whether a list has a say."""
    if "memqcache" in name:
        return view.value("memory_cache_enabled")
    if not _balances(view):
        return False
    if name.startswith("dml_adaptive"):
        return view.value("disable_load_balance_on_write") == "dml_adaptive"
    return not (name == "write_function_list" and view.value("read_only_function_list"))


def _each(view, name):
    """The setting that holds for all, and those of single nodes; only the latter when every node has its own."""
    numbered = [f"{name}{number}" for number in view.nodes(name) if number in view.backends()]
    return numbered if numbered and len(numbered) == len(view.backends()) else [name, *numbered]


def _beside(name, other):
    return other + name[len(settings.bare(name)) :]


RULES = (
    health_check,
    connect_timeout,
    backend_errors,
    what_a_failover_does,
    passwords,
    balance,
    write_functions,
    blanks,
    pools,
    application_names,
    does_not_start,
)

__all__ = ("RULES", "detection_seconds")

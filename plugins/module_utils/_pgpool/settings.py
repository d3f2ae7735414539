# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The one table of pgpool.conf parameters: which Pgpool-II knows which name, and what it takes to apply a change.

Pgpool-II only logs an INFO line for a name that it does not know and carries on with the default, so a renamed
parameter is never noticed on the host. Here it is an error, before the file is written.

Read from src/config/pool_config_variables.c of 4.1.4, 4.2.5, 4.3.5, 4.4.5, 4.5.5, 4.6.1 and 4.7.2: CFGCXT_INIT is
"restart" below, everything else "reload". Names that end in a node number are listed without it.
"""

from __future__ import annotations

import re
import typing as t

FIRST, LAST = "4.1", "4.7"

# what applies a change, first and last version that knows the names, the names
_TABLE = (
    (
        "restart",
        "4.1",
        "4.7",
        "allow_multiple_failover_requests_from_node arping_cmd arping_path authentication_timeout child_life_time"
        " child_max_connections connection_cache connection_life_time delegate_IP enable_consensus_with_half_votes"
        " enable_shared_relcache failover_require_consensus failover_when_quorum_exists if_cmd_path if_down_cmd"
        " if_up_cmd listen_addresses listen_backlog_multiplier load_balance_mode logdir max_pool memory_cache_enabled"
        " memqcache_cache_block_size memqcache_expire memqcache_max_num_cache memqcache_maxcache"
        " memqcache_memcached_host memqcache_memcached_port memqcache_method memqcache_oiddir memqcache_total_size"
        " num_init_children pcp_listen_addresses pcp_port pcp_socket_dir pid_file_name ping_path pool_passwd port"
        " relcache_expire relcache_size replication_mode reserved_connections serialize_accept ssl ssl_ca_cert"
        " ssl_ca_cert_dir ssl_cert ssl_ciphers ssl_dh_params_file ssl_ecdh_curve ssl_key ssl_prefer_server_ciphers"
        " trusted_servers use_watchdog wd_heartbeat_deadtime wd_heartbeat_keepalive wd_interval wd_ipc_socket_dir"
        " wd_life_point wd_lifecheck_method wd_lifecheck_query wd_monitoring_interfaces_list wd_port wd_priority",
    ),
    ("restart", "4.1", "4.1", "master_slave_mode master_slave_sub_mode wd_heartbeat_port wd_hostname"),
    ("restart", "4.1", "4.3", "socket_dir"),
    (
        "restart",
        "4.2",
        "4.7",
        "backend_clustering_mode log_directory log_file_mode log_filename log_rotation_age log_rotation_size"
        " log_truncate_on_rotation logging_collector ssl_crl_file ssl_passphrase_command",
    ),
    ("restart", "4.3", "4.7", "health_check_test"),
    ("restart", "4.4", "4.7", "delegate_ip unix_socket_directories unix_socket_group unix_socket_permissions"),
    ("restart", "4.7", "4.7", "wd_heartbeat_listen_addresses wd_heartbeat_listen_port wd_listen_address"),
    ("restart", "4.7", "4.7", "wd_listen_port work_dir"),
    (
        "reload",
        "4.1",
        "4.7",
        "allow_clear_text_frontend_auth allow_sql_comments app_name_redirect_preference_list auto_failback"
        " auto_failback_interval backend_application_name backend_data_directory backend_flag backend_hostname"
        " backend_port backend_weight check_temp_table check_unlogged_table clear_memqcache_on_escalation"
        " client_idle_limit client_idle_limit_in_recovery client_min_messages connect_timeout"
        " database_redirect_preference_list delay_threshold detach_false_primary disable_load_balance_on_write"
        " enable_pool_hba failback_command failover_command failover_if_affected_tuples_mismatch"
        " failover_on_backend_error health_check_database health_check_max_retries health_check_password"
        " health_check_period health_check_retry_delay health_check_timeout health_check_user heartbeat_device"
        " ignore_leading_white_space insert_lock lobj_lock_table log_client_messages log_connections log_destination"
        " log_error_verbosity log_hostname log_line_prefix log_min_messages log_per_node_statement"
        " log_standby_delay log_statement memqcache_auto_cache_invalidation recovery_1st_stage_command"
        " recovery_2nd_stage_command recovery_password recovery_timeout recovery_user relcache_query_target"
        " replicate_select replication_stop_on_mismatch reset_query_list search_primary_node_timeout"
        " sr_check_database sr_check_password sr_check_period sr_check_user statement_level_load_balance"
        " syslog_facility syslog_ident wd_authkey wd_de_escalation_command wd_escalation_command wd_lifecheck_dbname"
        " wd_lifecheck_password wd_lifecheck_user",
    ),
    (
        "reload",
        "4.1",
        "4.1",
        "black_function_list black_memqcache_table_list black_query_pattern_list follow_master_command"
        " heartbeat_destination heartbeat_destination_port other_pgpool_hostname other_pgpool_port other_wd_port"
        " white_function_list white_memqcache_table_list",
    ),
    (
        "reload",
        "4.2",
        "4.7",
        "cache_safe_memqcache_table_list cache_unsafe_memqcache_table_list dml_adaptive_object_relationship_list"
        " follow_primary_command heartbeat_hostname heartbeat_port hostname log_disconnections pgpool_port"
        " primary_routing_query_pattern_list read_only_function_list write_function_list",
    ),
    (
        "reload",
        "4.3",
        "4.7",
        "failover_on_backend_shutdown prefer_lower_delay_standby wd_lost_node_removal_timeout"
        " wd_no_show_node_removal_timeout wd_remove_shutdown_nodes",
    ),
    (
        "reload",
        "4.4",
        "4.7",
        "delay_threshold_by_time max_spare_children min_spare_children process_management_mode"
        " process_management_strategy trusted_server_command",
    ),
    ("reload", "4.5", "4.7", "log_pcp_processes notice_per_node_statement user_redirect_preference_list"),
    ("reload", "4.6", "4.7", "log_backend_messages"),
    ("reload", "4.7", "4.7", "recovery_database"),
)

# today's name -> (the version that brought it, its name before)
_RENAMED = {
    "cache_safe_memqcache_table_list": ("4.2", "white_memqcache_table_list"),
    "cache_unsafe_memqcache_table_list": ("4.2", "black_memqcache_table_list"),
    "delegate_ip": ("4.4", "delegate_IP"),
    "follow_primary_command": ("4.2", "follow_master_command"),
    "primary_routing_query_pattern_list": ("4.2", "black_query_pattern_list"),
    "read_only_function_list": ("4.2", "white_function_list"),
    "unix_socket_directories": ("4.4", "socket_dir"),
    "work_dir": ("4.7", "logdir"),
    "write_function_list": ("4.2", "black_function_list"),
}

# The watchdog and the life check look at these only when they start, whatever their context says.
_READ_AT_START = (
    "heartbeat_destination",
    "heartbeat_destination_port",
    "heartbeat_device",
    "heartbeat_hostname",
    "heartbeat_port",
    "hostname",
    "other_pgpool_hostname",
    "other_pgpool_port",
    "other_wd_port",
    "pgpool_port",
    "wd_authkey",
    "wd_port",
)

_NODE_NUMBER = re.compile(r"\d+$")


class Setting(t.NamedTuple):
    """A name of the table."""

    apply: str
    first: str
    last: str


SETTINGS = {
    name: Setting("restart" if name in _READ_AT_START else apply, first, last)
    for apply, first, last, names in _TABLE
    for name in names.split()
}


class UnknownSetting(ValueError):
    """Neither this version nor any other knows the name (or only another one does)."""


def major(version):
    """Return "4.3" for "4.3.5-1+deb12u1"; raise ValueError outside the table."""
    found = re.match(r"(\d+)\.(\d+)", str(version))
    if not found:
        raise ValueError(f"'{version}' is not a Pgpool-II version")
    short = found.group(0)
    if not _key(FIRST) <= _key(short) <= _key(LAST):
        raise ValueError(f"Pgpool-II {version} is outside of what this collection knows ({FIRST} to {LAST})")
    return short


def lookup(name, version):
    """Return the ``Setting`` of a name as it stands in a file of that version, or None."""
    bare = name if name in SETTINGS else _NODE_NUMBER.sub("", name)
    setting = SETTINGS.get(bare)
    if setting is None or not _key(setting.first) <= _key(major(version)) <= _key(setting.last):
        return None
    return setting


def name_in(name, version):
    """Return how that version calls the parameter; None when it has nothing like it yet.

    Only names of the newest version are asked for here; anything else is UnknownSetting.
    """
    bare = name if name in SETTINGS else _NODE_NUMBER.sub("", name)
    setting = SETTINGS.get(bare)
    if setting is None:
        raise UnknownSetting(f"no Pgpool-II between {FIRST} and {LAST} knows the parameter '{name}'")
    if lookup(name, version):
        return name
    if bare in _RENAMED and _key(major(version)) < _key(_RENAMED[bare][0]):
        return _RENAMED[bare][1]
    if _key(major(version)) < _key(setting.first):
        return None
    raise UnknownSetting(f"Pgpool-II {version} no longer knows '{name}' (it ended with {setting.last})")


def render(name, value, version):
    """Return the line of pgpool.conf; a comment when the version does not have the parameter yet."""
    known = name_in(name, version)
    if known is None:
        return f"# {name}: only from Pgpool-II {SETTINGS[_NODE_NUMBER.sub('', name)].first} on"
    return f"{known} = {quote(value, name)}"


def quote(value, name):
    """Return a value as pgpool.conf wants it. The file has no escapes: some characters can't be written at all."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        value = ",".join(str(part) for part in value)
    text = str(value)
    if "'" in text or "\n" in text or "\r" in text or text.endswith("\\"):
        raise ValueError(
            f"the value of '{name}' has a quote, a line break or a backslash at its end: pgpool.conf cannot hold that"
        )
    return f"'{text}'"


def parse(text):
    """Return {name: value as written} of a pgpool.conf; the last one wins, as it does for Pgpool-II."""
    values = {}
    for line in text.splitlines():
        found = re.match(r"\s*([A-Za-z_]\w*)\s*=?\s*('.*'|[^#\s']+)", line)
        if found:
            values[found.group(1)] = found.group(2)
    return values


def _key(version):
    return tuple(int(part) for part in str(version).split("."))


__all__ = ("SETTINGS", "Setting", "UnknownSetting", "lookup", "major", "name_in", "parse", "quote", "render")

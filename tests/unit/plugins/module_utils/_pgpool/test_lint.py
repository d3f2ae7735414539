# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each rule of the linter: a file that has it, and the same with the way out."""

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import query_cache, settings
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint import GONE, lint
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_texts import ABOUT_THE_FILE, TEXTS
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_view import Facts

# Two databases behind two pgpools, with nothing to complain of on any version.
GOOD = {
    "pcp_listen_addresses": "'127.0.0.1'",
    "pcp_port": "9898",
    "num_init_children": "30",
    "max_pool": "2",
    "backend_hostname0": "'10.1.7.106'",
    "backend_port0": "5432",
    "backend_application_name0": "'pgops_0'",
    "backend_hostname1": "'10.1.7.107'",
    "backend_port1": "5432",
    "health_check_period": "1",
    "health_check_timeout": "2",
    "health_check_password": "'AESx'",
    "sr_check_period": "2",
    "sr_check_password": "'AESx'",
    "connect_timeout": "1000",
    "delay_threshold": "10000000",
    "failover_command": "'/etc/pgpool2/failover.sh %d'",
    "failover_on_backend_error": "off",
    "search_primary_node_timeout": "10",
    "use_watchdog": "on",
    "wd_authkey": "'key'",
    "trusted_servers": "'10.1.7.106,10.1.7.107'",
    "enable_consensus_with_half_votes": "on",
    "failover_when_quorum_exists": "on",
    "failover_require_consensus": "on",
    "wd_interval": "1",
    "wd_heartbeat_keepalive": "1",
    "wd_heartbeat_deadtime": "3",
}
GOOD_SINCE_4_3 = {"failover_on_backend_shutdown": "off"}
FACTS = Facts(pgpools=2, max_connections=200, application_names={0: "pgops_0"})
VERSIONS = ("4.1.4", "4.2.5", "4.3.5", "4.4.5", "4.5.5", "4.6.1", "4.7.2")


def conf(version="4.3.5", without=(), **changed):
    folder = {"work_dir" if version.startswith("4.7") else "logdir": "'/var/lib/pgpool'"}
    written = {**GOOD, **folder, **({} if version < "4.3" else GOOD_SINCE_4_3), **changed}
    return "".join(f"{name} = {value}\n" for name, value in written.items() if name not in without)


def found(text, version="4.3.5", facts=FACTS, **more):
    return [(one.level, one.rule, one.name) for one in lint(text, version, facts, **more).problems]


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_to_complain_of(version):
    assert found(conf(version), version) == []


# level and rule, the setting that is named, what is changed of a good file, the version, the facts
CASES = [
    ("error", "unknown_name", "no_such_thing", {"no_such_thing": "1"}, "4.3.5", FACTS),
    ("error", "unknown_name", "log_backend_messages", {"log_backend_messages": "none"}, "4.3.5", FACTS),
    ("error", "renamed", "socket_dir", {"socket_dir": "'/x'"}, "4.6.1", FACTS),
    ("error", "renamed", "delegate_ip", {"delegate_ip": "''"}, "4.3.5", FACTS),
    ("error", "renamed", "other_pgpool_hostname0", {"other_pgpool_hostname0": "'x'"}, "4.3.5", FACTS),
    ("warning", "old_name", "delegate_IP", {"delegate_IP": "''"}, "4.6.1", FACTS),
    ("warning", "old_name", "fail_over_on_backend_error", {"fail_over_on_backend_error": "off"}, "4.3.5", FACTS),
    ("error", "number", "backend_weight", {"backend_weight": "1"}, "4.3.5", FACTS),
    ("error", "number", "port0", {"port0": "5432"}, "4.3.5", FACTS),
    ("error", "wrong_value", "log_connections", {"log_connections": "nope"}, "4.3.5", FACTS),
    ("error", "wrong_value", "port", {"port": "80"}, "4.3.5", FACTS),
    ("error", "wrong_value", "memqcache_method", {"memqcache_method": "'disk'"}, "4.3.5", FACTS),
    ("error", "wrong_value", "health_check_timeout", {"health_check_timeout": "2s"}, "4.1.4", FACTS),
    ("error", "broken_file", "", {"listen_backlog_multiplier": "10.1.7.1"}, "4.3.5", FACTS),
    ("error", "does_not_start", "replication_mode", {"replication_mode": "on"}, "4.3.5", FACTS),
    ("error", "does_not_start", "recovery_1st_stage_command", {"recovery_1st_stage_command": "'x'"}, "4.3.5", FACTS),
    ("error", "does_not_start", "process_management_mode",
     {"process_management_mode": "dynamic", "max_spare_children": "50"}, "4.6.1", FACTS),
    ("error", "no_health_check", "health_check_period", {"health_check_period": "0"}, "4.3.5", FACTS),
    ("error", "no_health_check", "health_check_period1", {"health_check_period1": "0"}, "4.3.5", FACTS),
    ("error", "endless_health_check", "health_check_timeout", {"health_check_timeout": "0"}, "4.3.5", FACTS),
    ("warning", "slow_detection", "health_check_period", {"health_check_period": "5min"}, "4.3.5", FACTS),
    ("error", "endless_ping", "connect_timeout", {"connect_timeout": "700"}, "4.3.5", FACTS),
    ("error", "endless_ping", "connect_timeout1", {"connect_timeout1": "999"}, "4.7.2", FACTS),
    ("error", "backend_shutdown", "failover_on_backend_shutdown",
     {"failover_on_backend_shutdown": "on"}, "4.7.2", FACTS),
    ("warning", "backend_error", "failover_on_backend_error", {"failover_on_backend_error": "on"}, "4.3.5", FACTS),
    ("error", "false_primary_of_two", "detach_false_primary", {"detach_false_primary": "on"}, "4.3.5", FACTS),
    ("warning", "no_promotion", "failover_command", {"failover_command": "''"}, "4.3.5", FACTS),
    ("error", "follow_primary", "follow_primary_command", {"follow_primary_command": "'x'"}, "4.3.5",
     FACTS._replace(our_failover=True)),
    ("warning", "endless_search", "search_primary_node_timeout", {"search_primary_node_timeout": "0"}, "4.3.5", FACTS),
    ("warning", "auto_failback", "auto_failback", {"auto_failback": "on"}, "4.3.5", FACTS),
    ("error", "failback_without_slot", "auto_failback", {"auto_failback": "on"}, "4.3.5",
     FACTS._replace(failover_drops_slots=True)),
    ("warning", "shared_pool_passwd", "health_check_password", {"health_check_password": "''"}, "4.3.5", FACTS),
    ("warning", "clear_text", "allow_clear_text_frontend_auth",
     {"allow_clear_text_frontend_auth": "on"}, "4.3.5", FACTS),
    ("warning", "stale_reads", "sr_check_period", {"sr_check_period": "0"}, "4.3.5", FACTS),
    ("warning", "stale_reads", "delay_threshold", {"delay_threshold": "0"}, "4.3.5", FACTS),
    ("warning", "bare_function_names", "write_function_list", {"write_function_list": "'f1,set_.*'"}, "4.3.5", FACTS),
    ("warning", "bare_function_names", "write_function_list", {"write_function_list": "nextval"}, "4.7.2", FACTS),
    ("warning", "blanks_in_list", "write_function_list", {"write_function_list": "'.*f1, .*f2'"}, "4.3.5", FACTS),
    ("warning", "blanks_in_list", "database_redirect_preference_list",
     {"database_redirect_preference_list": "'shop:primary, app:standby'"}, "4.7.2", FACTS),
    ("error", "too_many_connections", "num_init_children", {"num_init_children": "50"}, "4.3.5", FACTS),
    ("warning", "dead_sessions", "num_init_children", {"num_init_children": "40"}, "4.3.5", FACTS),
    ("warning", "application_name", "backend_application_name0", {"backend_application_name0": "'x'"}, "4.3.5", FACTS),
    ("error", "watchdog_alone", "use_watchdog", {}, "4.3.5", FACTS._replace(pgpools=1)),
    ("warning", "even_votes", "enable_consensus_with_half_votes",
     {"enable_consensus_with_half_votes": "off"}, "4.3.5", FACTS),
    ("error", "half_votes_blind", "trusted_servers", {"trusted_servers": "''"}, "4.3.5", FACTS),
    ("error", "half_votes_blind", "trusted_servers", {"trusted_servers": "'10.1.7.1,10.1.7.2'"}, "4.3.5", FACTS),
    ("error", "half_votes_blind", "trusted_servers", {"trusted_servers": "'10.1.7.106, 10.1.7.1'"}, "4.7.2", FACTS),
    ("error", "no_quorum", "failover_when_quorum_exists", {"failover_when_quorum_exists": "off"}, "4.3.5", FACTS),
    ("warning", "no_consensus", "failover_require_consensus", {"failover_require_consensus": "off"}, "4.3.5", FACTS),
    ("warning", "one_voice_twice", "allow_multiple_failover_requests_from_node",
     {"allow_multiple_failover_requests_from_node": "on"}, "4.3.5", FACTS),
    ("error", "hasty_heartbeat", "wd_heartbeat_deadtime", {"wd_heartbeat_deadtime": "1"}, "4.3.5", FACTS),
    ("warning", "hasty_heartbeat", "wd_heartbeat_deadtime", {"wd_heartbeat_keepalive": "2"}, "4.3.5", FACTS),
    ("warning", "slow_life_check", "wd_interval", {"wd_interval": "10"}, "4.3.5", FACTS),
    ("warning", "no_authkey", "wd_authkey", {"wd_authkey": "''"}, "4.3.5", FACTS),
    ("error", "no_such_command", "failover_command", {}, "4.3.5",
     FACTS._replace(missing_paths=["/etc/pgpool2/failover.sh"])),
    ("error", "no_such_command", "arping_cmd", {"delegate_IP": "'10.1.7.100'"}, "4.3.5",
     FACTS._replace(missing_paths=["/usr/sbin/arping"])),
    ("error", "pcp_in_the_open", "pcp_listen_addresses", {"pcp_listen_addresses": "'127.0.0.1, *'"}, "4.3.5", FACTS),
    ("error", "stale_cache", "memory_cache_enabled", {"memory_cache_enabled": "on"}, "4.3.5", FACTS),
    ("error", "stale_cache", "memory_cache_enabled",
     {"memory_cache_enabled": "on", "memqcache_method": "'memcached'"}, "4.3.5", FACTS),
    ("warning", "state_cleaned_up", "logdir", {"logdir": "'/tmp'"}, "4.3.5", FACTS),
]  # fmt: skip


@pytest.mark.parametrize("level, rule, name, changed, version, facts", CASES)
def test_a_rule(level, rule, name, changed, version, facts):
    assert (level, rule, name) in found(conf(version, **changed), version, facts)
    others = {seen for _level, seen, _name in found(conf(version, **changed), version, facts)} - {rule}
    assert others <= {"watchdog_alone"}


@pytest.mark.parametrize("method", ["shmem", "memcached"])
def test_the_linter_recommends_no_cache_that_the_role_refuses(method):
    text = conf(memory_cache_enabled="on", memqcache_method=f"'{method}'")
    (problem,) = lint(text, "4.3.5", FACTS).problems
    assert (method in problem.what, problem.next) == (True, "set it to off")
    assert query_cache.problem(method, 2, "10.1.7.9") and not query_cache.problem(method, 1, "10.1.7.9")
    alone = conf(memory_cache_enabled="on", memqcache_method=f"'{method}'", use_watchdog="off")
    assert found(alone, facts=FACTS._replace(pgpools=1)) == []


def test_functions_that_are_missed_with_their_schema_are_named_with_what_to_write():
    (problem,) = lint(conf(write_function_list="'(.*[.])?nextval,book,set_.*'"), "4.3.5", FACTS).problems
    assert problem.what == "= '(.*[.])?nextval,book,set_.*'"
    assert "the schema: book, set_.* will not match it" in problem.why
    assert problem.next == "write '(.*[.])?nextval,(.*[.])?book,(.*[.])?set_.*'"
    assert found(conf(write_function_list=problem.next[len("write ") :])) == []


@pytest.mark.parametrize(
    ("version", "changed", "missed"),
    [
        ("4.1.4", {}, False),
        ("4.1.4", {"black_function_list": "'book'"}, False),
        ("4.2.5", {}, True),  # the default is 'nextval,setval'
        ("4.2.5", {"write_function_list": "''"}, False),  # what is volatile counts as writing
        ("4.2.5", {"write_function_list": "'book'"}, True),
        ("4.3.5", {}, False),
        ("4.3.5", {"write_function_list": "'book'"}, True),
        ("4.3.5", {"write_function_list": "'book'", "read_only_function_list": "'read'"}, False),  # that one decides
        ("4.3.5", {"write_function_list": "'book'", "load_balance_mode": "off"}, False),
    ],
)
def test_functions_are_missed_only_where_the_list_decides(version, changed, missed):
    rules = [rule for _level, rule, _name in found(conf(version, **{"load_balance_mode": "on", **changed}), version)]
    assert rules == ["bare_function_names"] * missed
    one, seen = ("backend_hostname1", "backend_port1"), {"trusted_servers": "'10.1.7.106'"}
    assert found(conf(version, one, **{"load_balance_mode": "on", **seen, **changed}), version) == []


def test_what_a_blank_keeps_from_matching_is_named_with_what_to_write():
    (problem,) = lint(conf(write_function_list="'(.*[.])?nextval, .*book ,.*set'"), "4.5.5", FACTS).problems
    assert problem.what == "= '(.*[.])?nextval, .*book ,.*set'"
    assert "a part of the name: .*book will not match, so such a call is taken for a read" in problem.why
    assert problem.next == "write '(.*[.])?nextval,.*book,.*set'"


@pytest.mark.parametrize("given", ["'nextval, setval'", "'.*nextval, book'", "'f1, public.f1,f2'"])
def test_names_that_a_blank_and_a_schema_keep_from_matching_get_one_list_to_write(given):
    problems = lint(conf(write_function_list=given), "4.3.5", FACTS).problems
    assert [one.rule for one in problems] == ["bare_function_names", "blanks_in_list"]
    (to_write,) = {one.next for one in problems}
    assert found(conf(write_function_list=to_write[len("write ") :])) == []


# A list with a blank for each setting that has one, and what has to be on for it to be read.
BALANCED = {"load_balance_mode": "on"}
CACHED = {"memory_cache_enabled": "on", "use_watchdog": "off"}
ADAPTIVE = {**BALANCED, "disable_load_balance_on_write": "dml_adaptive"}
ALL, UP_TO_4_5 = VERSIONS, VERSIONS[:5]
BLANKS = [
    ("write_function_list", ".*f1, .*f2", UP_TO_4_5, BALANCED),
    ("read_only_function_list", "f1, f2", UP_TO_4_5, BALANCED),
    ("cache_unsafe_memqcache_table_list", "t1, t2", UP_TO_4_5, CACHED),
    ("cache_safe_memqcache_table_list", "t1 ,t2", UP_TO_4_5, CACHED),
    ("database_redirect_preference_list", "shop:primary, app:standby", ALL, BALANCED),
    ("app_name_redirect_preference_list", "psql :primary", ALL, BALANCED),
    ("user_redirect_preference_list", "ann:primary, bob:standby", VERSIONS[4:], BALANCED),
    ("dml_adaptive_object_relationship_list", "t1:t2, f1():t3", VERSIONS[1:5], ADAPTIVE),
    ("dml_adaptive_object_relationship_list", "t1: t2", VERSIONS[1:], ADAPTIVE),
    # blanks may be meant here, or do no harm
    ("primary_routing_query_pattern_list", "SELECT 1; SELECT 2 ;.* FOR UPDATE, .*", (), BALANCED),
    ("reset_query_list", "ABORT; DISCARD ALL", (), BALANCED),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "given", "versions", "read"), BLANKS)
def test_blanks_are_told_where_they_keep_something_from_matching(name, given, versions, read, version):
    here = settings.name_in(name, version)
    if here is None:
        return
    facts, functions = FACTS._replace(pgpools=1), settings.name_in("write_function_list", version)
    changed = {"use_watchdog": "off", functions: "''", **read, here: f"'{given}'"}
    told = [("warning", "blanks_in_list", here)] if version in versions else []
    assert found(conf(version, **changed), version, facts) == told
    not_read = {"load_balance_mode": "off", "memory_cache_enabled": "off"}
    assert found(conf(version, **{**changed, **not_read}), version, facts) == []


def test_a_list_that_is_not_read_may_have_blanks():
    decides = {"write_function_list": "'.*f1, .*f2'", "read_only_function_list": "'f3'"}
    assert found(conf(**decides)) == []
    assert found(conf(dml_adaptive_object_relationship_list="'t1:t2, f1():t3'")) == []


def test_said_twice_only_counts_when_it_means_something_else():
    assert found(conf() + "health_check_period = 1s\nwd_authkey = 'key'\n") == []
    assert found(conf() + "health_check_period = 2\n") == [("error", "said_twice", "health_check_period")]


def test_every_rule_has_a_case():
    elsewhere = {"said_twice", "hole"}
    assert {case[1] for case in CASES} | elsewhere == set(TEXTS)


def test_defaults_count_too():
    rules = [rule for _level, rule, _name in found("backend_hostname0 = 'x'\nbackend_hostname1 = 'y'\n", facts=None)]
    assert {"no_health_check", "backend_shutdown", "state_cleaned_up", "no_promotion"} <= set(rules)
    assert "backend_shutdown" not in {rule for _l, rule, _n in found("backend_hostname0 = 'x'\n", "4.5.5")}


@pytest.mark.parametrize(
    "name, rule, before, since",
    [
        ("failover_on_backend_shutdown", "backend_shutdown", "4.3.8", "4.3.9"),
        ("failover_on_backend_shutdown", "backend_shutdown", "4.4.5", "4.4.6"),
        ("failover_on_backend_shutdown", "backend_shutdown", "4.5.0", "4.5.1"),
        ("pcp_listen_addresses", "pcp_in_the_open", "4.1.11", "4.1.12"),
        ("pcp_listen_addresses", "pcp_in_the_open", "4.2.8", "4.2.9"),
        ("pcp_listen_addresses", "pcp_in_the_open", "4.3.1", "4.3.2"),
    ],
)
def test_defaults_are_those_of_the_minor_release(name, rule, before, since):
    (problem,) = lint(conf(before, without=(name,)), before, FACTS).problems
    assert (problem.rule, problem.name) == (rule, name)
    assert problem.what.endswith(f" is the default of {before}")
    for later in (since, settings.major(since)):
        assert found(conf(later, without=(name,)), later) == []


@pytest.mark.parametrize(
    "name, before, since",
    [
        ("notice_per_node_statement", "4.1.21", "4.1.22"),
        ("notice_per_node_statement", "4.2.18", "4.2.19"),
        ("notice_per_node_statement", "4.3.11", "4.3.12"),
        ("notice_per_node_statement", "4.4.8", "4.4.9"),
        ("health_check_test", "4.1.10", "4.1.11"),
        ("health_check_test", "4.2.7", "4.2.8"),
    ],
)
def test_names_are_those_of_the_minor_release(name, before, since):
    (problem,) = lint(conf(before, **{name: "on"}), before, FACTS).problems
    assert (problem.rule, problem.what) == ("unknown_name", f"is known from {since} on only, this is {before}")
    for later in (since, settings.major(since)):
        assert found(conf(later, **{name: "on"}), later) == []


def test_a_package_may_have_been_built_with_other_defaults():
    text = conf(without=("logdir",))
    (there,) = lint(text, "4.3.5", FACTS).problems
    assert there.what == "is not written, and '/tmp' is the default of 4.3.5"
    (debian,) = lint(text, "4.3.5", FACTS, defaults=settings.DEBIAN_DEFAULTS).problems
    assert (debian.name, debian.what) == ("logdir", "is not written, and '/var/log/postgresql' is the default of 4.3.5")
    assert lint(conf(), "4.3.5", FACTS, defaults=settings.DEBIAN_DEFAULTS).problems == ()


@pytest.mark.parametrize("pgpools, half, blind", [(2, "on", True), (4, "on", True), (3, "on", False)])
def test_half_votes_trust_nobody_but_the_databases(pgpools, half, blind):
    """Pgpool-II keeps the vote of one that reaches any trusted server: a gateway hides that it reaches no database."""
    facts = FACTS._replace(pgpools=pgpools, max_connections=None)
    text = conf(enable_consensus_with_half_votes=half, trusted_servers="'10.1.7.106,10.1.7.1,gateway2'")
    problems = [(one.rule, one.what) for one in lint(text, "4.3.5", facts).problems]
    what = "= '10.1.7.106,10.1.7.1,gateway2', with half votes, and no database is 10.1.7.1, gateway2"
    assert problems == [("half_votes_blind", what)] * blind
    assert {level for level, _rule, _name in found(text, facts=facts, accept=("half_votes_blind",))} <= {"warning"}
    spaced = conf(trusted_servers="' 10.1.7.106 , 10.1.7.107,'")
    assert found(spaced, facts=facts) == []


def test_a_file_without_databases_says_nothing_of_who_is_trusted():
    without = [name for name in GOOD if name.startswith("backend_")]
    assert "half_votes_blind" not in {rule for _level, rule, _name in found(conf(without=without))}


def test_facts_that_are_not_known_are_not_judged():
    assert found(conf(num_init_children="5000"), facts=Facts(pgpools=2)) == []


def test_pgpools_are_counted_in_the_file():
    members = {f"hostname{number}": f"'10.1.7.{number}'" for number in range(3)}
    assert found(conf(enable_consensus_with_half_votes="off", **members), facts=None) == []
    older = {"other_pgpool_hostname0": "'x'", "enable_consensus_with_half_votes": "off"}
    assert found(conf("4.1.4", **older), "4.1.4", None) == [
        ("warning", "even_votes", "enable_consensus_with_half_votes")
    ]


def test_errors_come_first_then_the_lines():
    problems = lint(conf(failover_command="''", port="80", no_such="1"), "4.3.5", FACTS).problems
    assert [one.level for one in problems] == ["error", "error", "warning"]
    assert problems[0].line < problems[1].line


def test_a_risk_can_be_accepted_a_mistake_cannot():
    text = conf(auto_failback="on", detach_false_primary="on", no_such="1")
    accept = ("false_primary_of_two", "unknown_name")
    assert {level for level, rule, _n in found(text, accept=accept) if rule == "false_primary_of_two"} == {"warning"}
    assert {level for level, rule, _n in found(text, accept=accept) if rule == "unknown_name"} == {"error"}
    assert set(ABOUT_THE_FILE) <= set(TEXTS)


def test_secrets_are_never_shown():
    text = (
        conf(wd_authkey="'s3cret'")
        + "wd_authkey = 's3cret2'\nsr_check_passwort = 's3cret'\nrecovery_password = s$3cret\n"
    )
    problems = lint(text, "4.3.5", FACTS).problems
    assert {one.rule for one in problems} >= {"said_twice", "unknown_name", "broken_file"}
    assert "s3cret" not in repr(problems)


def test_what_became_of_old_names():
    for name in GONE:
        (problem,) = [one for one in lint(f"{name} = 1\n{name}0 = 1\n", "4.7.2").problems if one.rule == "renamed"][:1]
        assert "write " in problem.next

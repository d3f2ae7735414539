# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role pgpool writes, for every version and shape of a cluster."""

from __future__ import annotations

import hashlib
import re

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import lint, pending, settings
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.lint_view import Facts

from .rendering import cluster, render, task_of, value_of, variables_of

VERSIONS = ("4.1.4", "4.2.5", "4.3.5", "4.4.5", "4.5.5", "4.6.1", "4.7.2")


def conf(databases=2, pgpools=2, **more):
    return settings.parse(render("pgpool", "pgpool.conf.j2", cluster(databases, pgpools, **more)))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("databases, pgpools", [(1, 1), (2, 2), (4, 3)])
def test_every_name_is_known_to_the_version(version, databases, pgpools):
    values = conf(databases, pgpools, __pgpool_version=version, pgops_ssl=True)
    unknown = [name for name in values if settings.lookup(name, version) is None]
    assert unknown == []
    assert len(values) > 50


@pytest.mark.parametrize(
    "version, names",
    [
        ("4.1.4", "master_slave_mode socket_dir logdir black_function_list follow_master_command wd_hostname"),
        (
            "4.3.5",
            "backend_clustering_mode socket_dir write_function_list follow_primary_command hostname0 delegate_IP",
        ),
        ("4.6.1", "backend_clustering_mode unix_socket_directories logdir failover_on_backend_shutdown delegate_ip"),
        ("4.7.2", "backend_clustering_mode unix_socket_directories work_dir failover_on_backend_shutdown delegate_ip"),
    ],
)
def test_names_of_a_version(version, names):
    assert set(names.split()) <= set(conf(__pgpool_version=version))


def test_what_looks_at_the_databases_reads_no_shared_file():
    """Their passwords, as pg_enc writes them, stand in pgpool.conf: see the reason in the template."""
    values = conf(__pgpool_passwords={"encrypted": {"healthcheck": "AESaaaa==", "replication": "AESbbbb=="}})
    assert (values["health_check_password"], values["sr_check_password"]) == ("'AESaaaa=='", "'AESbbbb=='")
    assert conf(__pgpool_passwords={"encrypted": {}})["health_check_password"] == "''"  # the check mode of a first run


def test_the_watchdog_names_all_members_from_4_2_on():
    values = conf(pgpools=3)
    assert [values[f"hostname{i}"] for i in range(3)] == ["'10.1.7.104'", "'10.1.7.105'", "'10.1.7.102'"]
    assert values["heartbeat_port2"] == "9694"
    assert values["wd_priority"] == "6"


def test_a_witness_is_elected_last_and_holds_no_address():
    variables = cluster(pgpools=3, pgops_vip_manager="keepalived")
    variables["hostvars"]["app-server3"]["pgops_pgpool_witness"] = True
    values = settings.parse(render("pgpool", "pgpool.conf.j2", {**variables, "pgops_pgpool_id": 2}))
    assert (values["wd_priority"], values["enable_consensus_with_half_votes"], values["delegate_IP"]) == (
        "1",
        "off",
        "''",
    )
    assert "vip_down" not in render("pgpool", "pgpool2.service.conf.j2", {**variables, "pgops_pgpool_id": 2})


def test_beside_a_witness_systemd_binds_the_address_of_the_only_other_pgpool():
    variables = cluster(pgpools=2)
    variables["hostvars"]["app-server2"]["pgops_pgpool_witness"] = True
    assert settings.parse(render("pgpool", "pgpool.conf.j2", variables))["delegate_IP"] == "''"
    unit = "pgpool2.service.conf.j2"
    assert "ip addr add" in render("pgpool", unit, variables)
    assert "ip addr add" not in render("pgpool", unit, {**variables, "pgops_pgpool_id": 1})


def test_before_4_2_it_names_itself_and_the_others():
    values = conf(pgpools=3, __pgpool_version="4.1.4", pgops_pgpool_id=1)
    assert values["wd_hostname"] == "'10.1.7.105'"
    assert values["other_pgpool_hostname0"] == "'10.1.7.104'"
    assert values["heartbeat_destination1"] == "'10.1.7.102'"
    assert "other_pgpool_hostname2" not in values


def said(text):
    """The comments of a pgpool.conf as one line."""
    return " ".join(line[1:].strip() for line in text.splitlines() if line.startswith("#"))


RESIGNS = "A pgpool that reaches none of its trusted servers resigns instead of judging."
EACH_HALF = "The price: when the network is cut in two, each half has {0}."
CUT_OFF = "One that is cut off from the others decides nothing."
QUORUMS = {
    (2, "auto"): (
        "2 pgpools have a vote each, and 1 vote decides. When one is lost, the other one goes on alone.",
        EACH_HALF.format("1 vote"),
        RESIGNS,
    ),
    (2, "majority"): (
        "2 pgpools have a vote each, and 2 votes decide. When one is lost, {nobody} until it is back.",
        CUT_OFF,
    ),
    (3, "auto"): (
        "3 pgpools have a vote each, and 2 votes decide. When one is lost, the others go on; when 2 are lost, "
        "{nobody} until one of them is back.",
        CUT_OFF,
    ),
    (3, "half_votes"): (
        "3 pgpools have a vote each, and 2 votes decide: an odd number has no halves. When one is lost, the others go "
        "on; when 2 are lost, {nobody} until one of them is back.",
        CUT_OFF,
        RESIGNS,
    ),
    (4, "auto"): (
        "4 pgpools have a vote each, and 2 votes decide. When one is lost, or 2 are, the others go on; when 3 are "
        "lost, {nobody} until one of them is back.",
        EACH_HALF.format("2 votes"),
        RESIGNS,
    ),
    (4, "majority"): (
        "4 pgpools have a vote each, and 3 votes decide. When one is lost, the others go on; when 2 are lost, "
        "{nobody} until one of them is back.",
        CUT_OFF,
    ),
    (5, "auto"): (
        "5 pgpools have a vote each, and 3 votes decide. When one is lost, or 2 are, the others go on; when 3 are "
        "lost, {nobody} until one of them is back.",
        CUT_OFF,
    ),
}


@pytest.mark.parametrize(
    "pgpools, quorum, half_votes, trusted",
    [
        (2, "auto", "on", "'10.1.7.106,10.1.7.107'"),
        (3, "auto", "off", "''"),
        (4, "auto", "on", "'10.1.7.106,10.1.7.107'"),
        (5, "auto", "off", "''"),
        (2, "majority", "off", "''"),
        (4, "majority", "off", "''"),
        (3, "half_votes", "on", "'10.1.7.106,10.1.7.107'"),
    ],
)
@pytest.mark.parametrize("manager", ["keepalived", "watchdog"])
def test_quorum(pgpools, quorum, half_votes, trusted, manager):
    text = render("pgpool", "pgpool.conf.j2", cluster(2, pgpools, pgops_quorum=quorum, pgops_vip_manager=manager))
    values = settings.parse(text)
    assert values["enable_consensus_with_half_votes"] == half_votes
    assert values["trusted_servers"] == trusted
    assert values["failover_when_quorum_exists"] == "on"
    nobody = "nobody fails over" + (" or has the address" if manager == "watchdog" else "")
    wanted = " ".join(QUORUMS[pgpools, quorum]).format(nobody=nobody)
    assert wanted in said(text)
    assert said(text).count("vote each") == 1
    assert [line for line in (EACH_HALF[:20], RESIGNS, CUT_OFF) if (line in said(text)) != (line in wanted)] == []


@pytest.mark.parametrize("votes", range(2, 8))
@pytest.mark.parametrize("quorum", ["auto", "majority", "half_votes"])
def test_as_many_votes_decide_as_pgpool_counts(votes, quorum):
    """In its source: half of an even number with half votes, else the least number that is more than half."""
    values = conf(pgpools=votes, pgops_quorum=quorum)
    half = values["enable_consensus_with_half_votes"] == "on" and votes % 2 == 0
    decide = votes // 2 if half else votes // 2 + 1
    assert int(value_of("pgpool", "{{ __pgpool_votes_needed }}", cluster(2, votes, pgops_quorum=quorum))) == decide


def test_the_quorum_of_two_and_a_witness():
    variables = cluster(pgpools=3, pgops_vip_manager="keepalived")
    variables["hostvars"]["app-server3"]["pgops_pgpool_witness"] = True
    text = said(render("pgpool", "pgpool.conf.j2", variables))
    assert (
        "3 pgpools have a vote each (app-server3 is a witness: it never has the address), and 2 votes decide. When one "
        "is lost, the others go on; when 2 are lost, nobody fails over until one of them is back. " + CUT_OFF
    ) in text


def test_a_single_pgpool_says_who_decides():
    text = said(render("pgpool", "pgpool.conf.j2", cluster(2, 1)))
    assert (
        "A single pgpool decides alone. When it is lost, nobody fails over or serves until systemd has started" in text
    )
    assert "vote" not in text


def test_trusted_servers_can_be_named():
    assert conf(pgops_trusted_servers=["10.1.7.107", "10.1.7.106"])["trusted_servers"] == "'10.1.7.107,10.1.7.106'"


@pytest.mark.parametrize(
    "pgpools, quorum, trusted, refused",
    [
        (2, "auto", ["10.1.7.1", "10.1.7.2"], ["10.1.7.1", "10.1.7.2"]),
        (2, "auto", ["10.1.7.106", "10.1.7.107", "10.1.7.1"], ["10.1.7.1"]),
        (4, "half_votes", ["10.1.7.106", "10.1.7.1"], ["10.1.7.1"]),
        (2, "auto", ["10.1.7.107", "10.1.7.106"], []),
        (2, "auto", [], []),  # the database hosts are taken
        (2, "majority", ["10.1.7.1"], []),
        (3, "half_votes", ["10.1.7.1", "10.1.7.2"], []),  # one of three decides nothing
        (1, "half_votes", ["10.1.7.1"], []),
    ],
)
def test_half_votes_trust_nobody_but_the_databases(pgpools, quorum, trusted, refused):
    variables = cluster(2, pgpools, pgops_quorum=quorum, pgops_trusted_servers=trusted)
    assert value_of("pgpool", "{{ __pgpool_trusted_elsewhere }}", variables) == refused
    judge = task_of("pgpool", "quorum", "may not see the databases")["ansible.builtin.assert"]
    good = "{{ " + judge["that"] + " }}"
    assert value_of("pgpool", good, variables) is (not refused)
    assert value_of("pgpool", good, {**variables, "pgpool_accept_risks": ["half_votes_blind"]}) is True
    message = value_of("pgpool", judge["fail_msg"], variables)
    assert all(address in message for address in refused) and "Next: " in message


def test_a_single_pgpool_has_no_watchdog_and_systemd_binds_its_address():
    assert conf(pgpools=1)["use_watchdog"] == "off"
    unit = render("pgpool", "pgpool2.service.conf.j2", cluster(2, 1))
    assert "ExecStartPost=-+/bin/ip addr add 10.1.7.100/24 dev eth0" in unit


def test_the_unit_takes_the_address_away_before_and_after():
    unit = render("pgpool", "pgpool2.service.conf.j2", cluster(pgops_vip_manager="watchdog"))
    down = "-+/usr/local/lib/pgops/vip_down.sh"
    assert f"ExecStartPre={down}" in unit
    assert f"ExecStopPost={down}" in unit
    assert "ExecStartPost=-+" not in unit
    assert "RestartSec=15" in unit


def test_with_keepalived_neither_pgpool_nor_systemd_touches_the_address():
    assert conf(pgops_vip_manager="keepalived")["delegate_IP"] == "''"
    unit = render("pgpool", "pgpool2.service.conf.j2", cluster(pgops_vip_manager="keepalived"))
    assert "ip addr" not in unit and "vip_down" not in unit and "RestartSec=2" in unit


PROFILES = {
    "fast": {
        "health_check_period": 1,
        "health_check_timeout": 2,
        "health_check_max_retries": 1,
        "health_check_retry_delay": 5,
        "connect_timeout": 1000,
        "sr_check_period": 2,
        "wd_interval": 1,
        "wd_heartbeat_keepalive": 1,
        "wd_heartbeat_deadtime": 3,
    },
    "conservative": {
        "health_check_period": 60,
        "health_check_timeout": 20,
        "health_check_max_retries": 3,
        "health_check_retry_delay": 1,
        "connect_timeout": 10000,
        "sr_check_period": 10,
        "wd_interval": 10,
        "wd_heartbeat_keepalive": 2,
        "wd_heartbeat_deadtime": 30,
    },
}
# What the role works out, beside what the profile says: each with its reason where it stands.
DERIVED = ("num_init_children", "wd_priority", "wd_authkey", "enable_consensus_with_half_votes", "trusted_servers")


@pytest.mark.parametrize("profile", PROFILES)
def test_timing_profiles(profile):
    values = conf(pgops_timing_profile=profile)
    assert {name: int(values[name]) for name in PROFILES[profile]} == PROFILES[profile]
    assert list(variables_of("pgpool")["__pgpool_timing_profiles"][profile]) == list(PROFILES[profile])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("quorum", ["auto", "majority"])
def test_each_derived_value_stands_below_its_reason(version, profile, quorum):
    variables = cluster(__pgpool_version=version, pgops_timing_profile=profile, pgops_quorum=quorum)
    lines = render("pgpool", "pgpool.conf.j2", variables).splitlines()
    reasons = []
    for name in (*PROFILES[profile], *DERIVED):
        (number,) = [number for number, line in enumerate(lines) if line.startswith(f"{name} = ")]
        assert lines[number - 1].startswith("# "), f"{name}: {lines[number - 1]}"
        reasons.append(lines[number - 1])
    assert len(set(reasons)) == len(reasons), "each has its own"


@pytest.mark.parametrize("profile, seconds", [("fast", 10), ("conservative", 143)])
def test_how_late_a_silent_server_is_noticed(profile, seconds):
    text = render("pgpool", "pgpool.conf.j2", cluster(pgops_timing_profile=profile))
    assert f"period + (retries + 1) * timeout + retries * delay: {seconds} s" in said(text)
    assert ("pgops-backend-monitor" in text) == (profile == "fast")


def test_a_reason_alone_is_nothing_to_restart_for():
    text = render("pgpool", "pgpool.conf.j2", cluster())
    bare = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    before, after = pending.Record(bare, {}), pending.Record(text, {})
    for one, other in ((before, after), (after, before)):
        due = pending.plan(running=True, started=one, loaded=one, wanted=other, version="4.3.5")
        assert due == pending.Pending("none", ())


@pytest.mark.parametrize("profile", ["fast", "conservative"])
def test_pgpool_pings_no_node_without_a_limit(profile):
    """It takes whole seconds of connect_timeout for that, and 0 of them are no limit."""
    assert int(conf(pgops_timing_profile=profile)["connect_timeout"]) >= 1000


def test_single_values_of_a_profile_can_be_replaced():
    values = conf(pgpool_timing={"health_check_period": 5})
    assert (values["health_check_period"], values["health_check_timeout"]) == ("5", "2")


def test_an_error_of_a_client_never_starts_a_failover():
    values = conf()
    assert {values[f"failover_on_backend_{kind}"] for kind in ("error", "shutdown")} == {"off"}


def test_pcp_listens_on_the_loopback_address_only():
    assert conf()["pcp_listen_addresses"] == "'127.0.0.1'"


def test_no_secret_is_in_pgpool_conf_but_the_digest_of_the_watchdogs():
    text = render("pgpool", "pgpool.conf.j2", cluster())
    assert "wd'secret" not in text
    assert hashlib.sha256(b"wd'secret").hexdigest() in text
    assert "se\\cret" not in text


def test_each_backend_by_its_declared_id():
    variables = cluster(2, pgops_cluster_name="prod")
    variables["hostvars"]["postgres-db1"]["pgops_backend_id"] = 1
    variables["hostvars"]["postgres-db2"].update(pgops_backend_id=0, pgops_postgresql_version="17")
    values = settings.parse(render("pgpool", "pgpool.conf.j2", variables))
    assert values["backend_hostname0"] == "'10.1.7.107'"
    assert values["backend_data_directory0"] == "'/var/lib/postgresql/17/prod'"
    assert values["backend_application_name1"] == "'pgops_1'"
    assert values["backend_data_directory1"] == "'/var/lib/postgresql/15/prod'"


def judged(databases, pgpools, **more):
    """What the linter says of what the role would write, with what the role tells it."""
    variables = cluster(databases, pgpools, **more)
    given = value_of("pgpool", "{{ __pgpool_facts }}", variables)
    facts = Facts(**{**given, "pgpools": int(given["pgpools"]), "max_connections": int(given["max_connections"])})
    text = render(
        "pgpool",
        "pgpool.conf.j2",
        {
            **variables,
            "__pgpool_passwords": {
                "encrypted": value_of(
                    "pgpool",
                    "{{ __pgpool_passwords.encrypted }}",
                    {name: value for name, value in variables.items() if name != "__pgpool_passwords"},
                )
            },
        },
    )
    return [(one.level, one.rule) for one in lint.lint(text, variables["__pgpool_version"], facts).problems]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("databases, pgpools", [(1, 1), (2, 2), (4, 3), (2, 4)])
@pytest.mark.parametrize("profile", ["fast", "conservative"])
def test_the_linter_has_nothing_to_say(version, databases, pgpools, profile):
    assert judged(databases, pgpools, __pgpool_version=version, pgops_timing_profile=profile) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_linter_has_nothing_to_say_of_functions_that_write(version):
    assert judged(2, 2, __pgpool_version=version, pgops_write_functions=["book", "set_name", "book$in"]) == []


@pytest.mark.parametrize(
    "more, said",
    [
        ({"pgpool_extra_settings": {"write_function_list": "book"}}, [("warning", "bare_function_names")]),
        ({"pgpool_extra_settings": {"write_function_list": ".*book, .*set"}}, [("warning", "blanks_in_list")]),
        ({"pgpool_extra_settings": {"write_function_list": [".*book", ".*set"]}}, []),
        ({"pgpool_extra_settings": {"auto_failback": True}}, [("warning", "auto_failback")]),
        ({"pgpool_extra_settings": {"backend_application_name1": "x"}}, [("warning", "application_name")]),
        ({"pgpool_timing": {"connect_timeout": 700}}, [("error", "endless_ping")]),
        ({"pgpool_num_init_children": 75}, [("error", "too_many_connections")]),
        ({"pgops_quorum": "majority"}, [("warning", "even_votes")]),
    ],
)
def test_what_the_linter_says_of_what_users_set(more, said):
    assert judged(2, 2, **more) == said


@pytest.mark.parametrize("pgpools, most, children", [(1, 300, 40), (2, 300, 40), (3, 300, 36), (2, 100, 15)])
def test_as_many_children_as_the_databases_can_bear(pgpools, most, children):
    variables = cluster(2, pgpools)
    variables["hostvars"]["postgres-db2"]["postgresql_settings"] = {"max_connections": most}
    assert int(value_of("pgpool", "{{ pgpool_num_init_children }}", variables)) == children
    assert variables_of("postgresql")["__postgresql_settings"]["max_connections"] == 300


def test_extra_settings_come_last_and_win():
    text = render("pgpool", "pgpool.conf.j2", cluster(pgpool_extra_settings={"log_connections": True}))
    assert settings.parse(text)["log_connections"] == "on"
    assert text.count("\nlog_connections =") == 1


def test_each_backend_has_the_weight_of_its_host():
    variables = cluster(3)
    variables["hostvars"]["postgres-db2"]["pgops_backend_weight"] = "3"
    variables["hostvars"]["postgres-db3"]["pgops_backend_weight"] = 0
    values = settings.parse(render("pgpool", "pgpool.conf.j2", variables))
    assert [values[f"backend_weight{number}"] for number in range(3)] == ["1", "3", "0"]


@pytest.mark.parametrize(("version", "name"), [("4.1.4", "black_function_list"), ("4.3.5", "write_function_list")])
@pytest.mark.parametrize(
    ("called", "writes"),
    [
        ("nextval", True),
        ("NEXTVAL", True),
        ("pg_catalog.nextval", True),
        ("shop.book", True),
        ("shop.book$in", True),
        ("book$in", True),
        ("rebook", False),
        ("bookings", False),
        ("nextval.other", False),
    ],
)
def test_functions_that_write_are_known_in_any_schema(version, name, called, writes):
    """As Pgpool-II compares: with ^ and $ around, without regard to case; before 4.2 it leaves the schema away."""
    text = conf(__pgpool_version=version, pgops_write_functions=["book", "nextval", "book$in"])[name].strip("'")
    assert len(text.split(",")) == 6  # each once
    seen = called.split(".")[-1] if version.startswith("4.1") else called
    assert any(re.fullmatch(pattern, seen, re.IGNORECASE) for pattern in text.split(",")) is writes


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", ["off", False, "shmem", "memcached"])
def test_the_query_cache_is_off_unless_told(version, mode):
    chosen = {"pgops_query_cache": mode, "pgops_memcached_host": "10.1.7.9", "__pgpool_version": version}
    values = conf(pgpools=1, **chosen)
    assert values["memory_cache_enabled"] == ("on" if mode in ("shmem", "memcached") else "off")
    assert values["clear_memqcache_on_escalation"] == "on"
    seen = [values.get(f"memqcache_{name}") for name in ("method", "memcached_host", "memcached_port")]
    assert seen == {
        "shmem": ["'shmem'", None, None],
        "memcached": ["'memcached'", "'10.1.7.9'", "11211"],
    }.get(mode, [None] * 3)
    assert [name for name in values if settings.lookup(name, version) is None] == []


def test_the_unit_corrects_the_status_file_before_the_start():
    unit = render("pgpool", "pgpool2.service.conf.j2", cluster())
    script, config = "/etc/pgpool2/status_file.py", "--config /etc/pgpool2/status_file.json"
    assert f"ExecStartPre={script} {config}" in unit, "its failure keeps pgpool from starting: two primaries"
    assert f"ExecStartPost=-/usr/bin/setsid -f {script} --settle {config}" in unit


@pytest.mark.parametrize(("ssl", "kind"), [(True, "hostssl"), (False, "host")])
def test_pool_hba_asks_everybody_for_a_password_and_for_tls_where_it_is_on(ssl, kind):
    networks = ["10.1.7.0/24", "10.1.8.0/24"]
    lines = render("pgpool", "pool_hba.conf.j2", cluster(pgops_cluster_network=networks, pgops_ssl=ssl))
    rules = [line.split() for line in lines.splitlines() if line and not line.startswith("#")]
    assert {rule[-1] for rule in rules} == {"scram-sha-256"}
    assert [kind, "all", "all", "10.1.8.0/24", "scram-sha-256"] in rules


def test_pcp_conf_and_its_password_file():
    assert f"pgpoolad:{hashlib.md5(b'pcp:se' + bytes([92]) + b'cret').hexdigest()}" in render(
        "pgpool", "pcp.conf.j2", cluster()
    )
    lines = render("pgpool", "pcppass.j2", cluster()).splitlines()
    assert lines[0] == "localhost:9898:pgpoolad:pcp\\:se\\\\cret"
    assert [line.split(":")[0] for line in lines] == ["localhost", "127.0.0.1", "app-server1", "10.1.7.104"]


@pytest.mark.parametrize("missing", ["pgops_pcp_password", "pgops_watchdog_authkey", "pgops_vip"])
def test_a_missing_value_is_named(missing):
    required = "{{ __pgpool_required | rejectattr('value_given') | map(attribute='name') | list }}"
    variables = cluster(**{f"pgops_{name}_password": "x" for name in ("replication", "dbadmin", "app", "healthcheck")})
    assert value_of("pgpool", required, variables) == []
    del variables[missing]
    assert value_of("pgpool", required, variables) == [missing]


@pytest.mark.parametrize(
    "known, version",
    [
        ({"__pgpool_fresh": {"stdout": "4.6.1-1+b2"}}, "4.6.1"),
        (
            {
                "__pgpool_installed": {
                    "stdout_lines": ["openssl 3.0.17-1 installed", "pgpool2 4.3.5-1+deb12u1 installed"]
                }
            },
            "4.3.5",
        ),
        ({"__pgpool_installed": {"stdout_lines": ["pgpool2 4.3.5-1 config-files"]}}, "4.3"),
        ({"__pgpool_candidate": {"stdout": "Package: pgpool2\nInstalled-Size: 7.1\nVersion: 4.7.2-1\n"}}, "4.7.2"),
        ({"ansible_facts": {"distribution_release": "bullseye"}}, "4.1"),
        ({"ansible_facts": {"distribution_release": "forky"}}, "4.7"),
    ],
)
def test_the_version_is_asked_of_the_host(known, version):
    variables = {
        **cluster(),
        "__pgpool_installed": {"stdout_lines": []},
        "__pgpool_fresh": {},
        "__pgpool_candidate": {},
    }
    del variables["__pgpool_version"]
    assert str(value_of("pgpool", "{{ __pgpool_version }}", {**variables, **known})) == version


@pytest.mark.parametrize(
    "marks, delivered, first_time, foreign",
    [
        ("", None, True, []),
        ("/etc/pgpool2/pgpool.conf:1\n", None, False, []),
        ("/etc/pgpool2/pgpool.conf:0\n", f"{'a' * 32}  /etc/pgpool2/pgpool.conf", True, ["/etc/pgpool2/pgpool.conf"]),
    ],
)
def test_whose_files_these_are(marks, delivered, first_time, foreign):
    results = [{"stdout": delivered}, {"stdout": ""}, {"stdout": ""}]
    answers = {"skipped": True} if delivered is None else {"results": results}
    variables = {**cluster(), "__pgpool_marks": {"stdout": marks}, "__pgpool_delivered": answers}
    assert value_of("pgpool", "{{ __pgpool_first_time }}", variables) is first_time
    assert value_of("pgpool", "{{ __pgpool_foreign }}", variables) == foreign
    assert value_of("pgpool", "{{ __pgpool_guarded_paths | last }}", variables) == "/etc/pgpool2/pool_passwd"


@pytest.mark.parametrize(
    "words, given, seen",
    [
        ("the synchronous mode", {"pgops_synchronous": "sometimes"}, 'pgops_synchronous is "sometimes"'),
        ("none of a function", {"pgops_write_functions": ["book", "app.f1", "f2()"]}, "app.f1, f2()"),
        ("a query cache", {"pgops_query_cache": "on"}, 'pgops_query_cache is "on"'),
        ("a query cache", {"pgops_query_cache": "shmem"}, "pgops_query_cache is shmem, and there are 2 pgpools"),
    ],
)
def test_a_refusal_says_where_what_was_seen_and_what_to_do(words, given, seen):
    judge = task_of("pgpool", "validate", words)["ansible.builtin.assert"]
    variables = cluster(2, 2, **given)
    assert value_of("pgpool", "{{ " + judge["that"] + " }}", variables) is False
    assert value_of("pgpool", "{{ " + judge["that"] + " }}", cluster(2, 2)) is True
    message = value_of("pgpool", judge["fail_msg"], variables)
    assert message.startswith("Cannot write pgpool.conf for app-server1: ")
    assert seen in message and "Next: " in message and message.endswith("Nothing was changed.")

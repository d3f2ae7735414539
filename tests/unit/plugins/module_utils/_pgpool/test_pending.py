# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.pending import Record, plan

CONF = (
    "port = 5432\nhealth_check_period = 1\nbackend_hostname0 = '10.1.7.106'\nbackend_weight0 = 1\n"
    "backend_data_directory0 = '/var/lib/postgresql/15/main'\n"
)
DIGESTS = {"pool_hba.conf": "a", "pool_passwd": "b", "pgpool_node_id": "c", ".pgpoolkey": "d"}
BEFORE = Record(CONF, DIGESTS)
NONE = Record(None, {})
ADDED = "backend_hostname1 = '10.1.7.107'\nbackend_weight1 = 1\nbackend_data_directory1 = '/a'\n"


def decide(wanted=BEFORE, started=BEFORE, loaded=BEFORE, running=True, version="4.3.5"):
    return plan(running=running, started=started, loaded=loaded, wanted=wanted, version=version)


def conf(old="", new="", more=""):
    return Record(CONF.replace(old, new) + more, DIGESTS)


@pytest.mark.parametrize(
    "wanted, action, because",
    [
        (BEFORE, "none", ()),
        (conf("port = 5432", "port = 5433"), "restart", ("port",)),
        (conf("period = 1", "period = 2"), "reload", ("health_check_period",)),
        (conf("period = 1", "period = 1  # a comment"), "none", ()),
        (conf(more=ADDED), "reload", None),
        (conf("10.1.7.106", "10.1.7.110"), "restart", ("backend_hostname0",)),
        (conf("backend_hostname0 = '10.1.7.106'\n", ""), "restart", ("backend_hostname0",)),
        (conf("postgresql/15/main", "postgresql/17/main"), "restart", ("backend_data_directory0",)),
        (conf("backend_weight0 = 1", "backend_weight0 = 2"), "reload", ("backend_weight0",)),
        (conf("health_check_period = 1\n", ""), "restart", ("health_check_period",)),  # a reload would leave it at 1
        (conf(more="hostname2 = '10.1.7.102'\n"), "restart", ("hostname2",)),
        (conf(more="no_such_parameter = 1\n"), "none", ()),
        (Record(CONF, {**DIGESTS, "pool_hba.conf": "x"}), "reload", ("pool_hba.conf",)),
        (Record(CONF, {**DIGESTS, "pool_passwd": "x"}), "reload", ("pool_passwd",)),
        (Record(CONF, {**DIGESTS, ".pgpoolkey": "x"}), "restart", (".pgpoolkey",)),
        (Record(CONF, {**DIGESTS, "pgpool_node_id": "x"}), "restart", ("pgpool_node_id",)),
    ],
)
def test_what_is_due(wanted, action, because):
    decision = decide(wanted)
    assert decision.action == action
    assert because is None or decision.because == because


def test_a_stopped_one_is_started_and_nothing_else():
    assert decide(conf("port = 5432", "port = 5433"), running=False).action == "start"


@pytest.mark.parametrize("records", [{"started": NONE}, {"loaded": NONE}])
def test_one_that_runs_without_our_records_is_restarted(records):
    assert decide(**records).action == "restart"


def test_a_reload_that_happened_is_not_asked_for_again():
    now = conf("period = 1", "period = 2")
    assert decide(now, started=BEFORE, loaded=now).action == "none"


def test_a_restart_stays_due_after_a_reload():
    now = conf("port = 5432", "port = 5433")
    assert decide(now, started=BEFORE, loaded=now).action == "restart"


def test_a_node_that_a_reload_added_is_there_since():
    loaded = conf(more=ADDED)
    assert decide(loaded, started=BEFORE, loaded=loaded).action == "none"
    moved = decide(conf(more=ADDED.replace("'/a'", "'/b'")), started=BEFORE, loaded=loaded)
    assert (moved.action, moved.because) == ("restart", ("backend_data_directory1",))


def test_a_flag_that_a_reload_added_goes_by_a_restart():
    plain, loaded = (conf(more=f"backend_flag0 = 'ALLOW_TO_FAILOVER{word}'\n") for word in ("", "|ALWAYS_PRIMARY"))
    for started in (plain, BEFORE):
        decision = decide(plain, started=started, loaded=loaded)
        assert (decision.action, decision.because) == ("restart", ("backend_flag0",))


def test_what_was_loaded_and_left_out_again_needs_a_restart():
    loaded = conf(more="client_idle_limit = 7\n")
    assert decide(BEFORE, started=BEFORE, loaded=loaded).because == ("client_idle_limit",)
    assert decide(BEFORE, started=BEFORE, loaded=conf(more="client_idle_limit = 0\n")).action == "reload"
    assert decide(BEFORE, started=BEFORE, loaded=conf(more="no_such_parameter = 7\n")).action == "none"


def test_values_are_never_shown():
    decision = decide(Record(CONF + "wd_authkey = 'top secret'\n", DIGESTS))
    assert "secret" not in repr(decision)

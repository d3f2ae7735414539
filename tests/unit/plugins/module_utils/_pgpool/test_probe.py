# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import types

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import probe


class DatabaseError(Exception):
    """What the driver raises."""


class Connection:
    """Answers after ``steps`` looks, with what it was told to; None: never."""

    def __init__(self, steps, answer):
        self.steps, self.answer, self.closed = steps, answer, False
        self.pair = socket.socketpair()

    def fileno(self):
        return self.pair[0].fileno()

    def poll(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        self.steps -= 1
        return 0 if self.steps <= 0 and self.answer is not None else 1

    def cursor(self):
        return types.SimpleNamespace(execute=lambda sql: None, fetchone=lambda: (self.answer,))

    def close(self):
        self.closed = True
        for one in self.pair:
            one.close()


class Driver:
    """As much of psycopg2 as is needed."""

    Error = DatabaseError
    extensions = types.SimpleNamespace(POLL_OK=0, POLL_READ=1, POLL_WRITE=2)

    def __init__(self, answers):
        self.answers, self.made = iter(answers), []

    def connect(self, **options):
        assert options["async_"] == 1
        self.made.append(Connection(2, next(self.answers, True)))
        return self.made[-1]


def run(answers, **wanted):
    driver = Driver(answers)
    wanted = {"options": {}, "limit": 0.6, "interval": 0.005, **wanted}
    seen = probe.Probe(probe.Wanted(**wanted), driver).run()
    assert all(one.closed for one in driver.made)
    return seen


def test_it_ends_when_it_has_enough():
    seen = run([], enough=3)
    assert len(seen.answers) == 3 and seen.failures == []


def test_it_ends_when_its_file_is_gone(tmp_path):
    assert run([], while_exists=str(tmp_path / "none")).answers == []


def test_it_ends_by_itself():
    seen = run([], limit=0.05)
    assert len(seen.answers) > 1 and not seen.in_time and run([], enough=1).in_time


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (DatabaseError("connection\n refused"), "connection refused"),
        (False, "not the primary"),
        (None, "no answer within 0.02 s"),
    ],
)
def test_an_attempt_that_fails_holds_nobody_up(answer, words):
    seen = run([answer], enough=2, attempt_limit=0.02 if answer is None else 1, limit=1)
    assert len(seen.answers) == 2
    assert answer is None or words in seen.failures[0]
    late = run([None] * 1000, attempt_limit=0.02, limit=0.1)
    assert late.answers == [] and "no answer within 0.02 s" in late.failures[0]


def test_what_answers_slowly_is_not_asked_more_often_than_it_answers():
    """Each answer takes three looks; a session is begun beside it only when it has taken long."""

    class Slow(Driver):
        def connect(self, **options):
            connection = super().connect(**options)
            connection.steps = 4
            self.most = max(getattr(self, "most", 0), sum(not one.closed for one in self.made))
            return connection

    driver = Slow([])
    wanted = probe.Wanted(options={}, limit=5, interval=0.005, enough=5)
    assert len(probe.Probe(wanted, driver).run().answers) == 5
    assert (driver.most, len(driver.made)) == (1, 5)


def test_when_nobody_answers_others_are_tried_beside():
    seen = run([None, None], enough=1, attempt_limit=1, limit=2)
    assert len(seen.answers) == 1 and seen.failures == []


def test_the_longest_time_between_two_answers():
    found = probe.summary(probe.Seen([1.0, 1.02, 1.5, 1.52], ["late"], 1.53), lambda moment: moment + 100)
    assert (found["gap"], found["gap_began"], found["gap_ended"]) == (0.48, 101.02, 101.5)
    assert (found["answers"], found["failures"], found["error"], found["usual_gap"]) == (4, 1, "late", 0.02)


def test_nobody_answering_at_the_end_is_a_gap_too():
    assert probe.summary(probe.Seen([1.0, 1.02], [], 9.0))["gap"] == 7.98


def test_without_any_answer_there_is_no_gap_to_tell():
    found = probe.summary(probe.Seen([], ["refused"], 5.0))
    assert found["gap"] is None and found["usual_gap"] is None and found["error"] == "refused"

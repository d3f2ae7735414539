# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""How long does nobody answer through an address? Asks with fresh sessions; one that hangs holds up no other.

libpq's own limit on connecting is two seconds at least and does not bound an answer, so the sessions are asynchronous
and one that is late is cut loose. As long as answers come there is one session at a time: what asks more often than a
slow cluster can answer would measure itself.
"""

from __future__ import annotations

import os
import select
import statistics
import time
import typing as t

# "NO LOAD BALANCE": Pgpool sends it to the primary, as it would a write.
QUESTION = "/*NO LOAD BALANCE*/ SELECT NOT pg_is_in_recovery()"
IDLE_STEP = 0.01  # seconds between two looks while nothing happens
BESIDE = 0.1  # seconds after which another session is tried beside the ones that got no answer yet


class Wanted(t.NamedTuple):
    """Whom to ask, how often, and when to end: seconds, answers, or that a file is gone."""

    options: dict
    limit: float
    interval: float = 0.02
    attempt_limit: float = 1.0
    enough: int = 0
    while_exists: str = ""


class Seen(t.NamedTuple):
    """What came of the attempts: seconds of a monotonic clock at which a primary answered, and what failed."""

    answers: list
    failures: list
    ended: float
    in_time: bool = True  # else its own limit ended it, and it missed what came later


def summary(seen, epoch_of=lambda moment: moment):
    """Return the result for people and machines. ``epoch_of`` turns a moment into the time of the day."""
    answers = sorted(seen.answers)
    silences = [(after - before, before, after) for before, after in zip(answers, answers[1:])]
    if answers:  # at the end nobody may answer, too
        silences.append((seen.ended - answers[-1], answers[-1], seen.ended))
    longest = max(silences, default=None)
    return {
        "answers": len(answers),
        "failures": len(seen.failures),
        "gap": None if longest is None else round(longest[0], 3),
        "gap_began": None if longest is None else round(epoch_of(longest[1]), 3),
        "gap_ended": None if longest is None else round(epoch_of(longest[2]), 3),
        "usual_gap": round(statistics.median(one[0] for one in silences), 3) if silences else None,
        "error": seen.failures[-1] if seen.failures else None,
        "in_time": seen.in_time,
    }


class Probe:
    """Asks until it is enough."""

    def __init__(self, wanted, driver, now=time.monotonic):
        self.wanted, self._driver, self._now = wanted, driver, now
        self._attempts, self._answers, self._failures = [], [], []
        self._begun = None

    def run(self):
        """Return what was Seen; ends by itself whatever happens to whom started it."""
        began = self._now()
        while not self._over(began):
            if self._due():
                self._begin()
            self._wait(min(IDLE_STEP, self.wanted.interval))
            self._attempts = [one for one in self._attempts if self._goes_on(one)]
        for one in self._attempts:
            one.close()
        ended = self._now()
        return Seen(self._answers, self._failures, ended, ended - began < self.wanted.limit)

    def _over(self, began):
        if self.wanted.enough and len(self._answers) >= self.wanted.enough:
            return True
        if self.wanted.while_exists and not os.path.exists(self.wanted.while_exists):
            return True
        return self._now() - began >= self.wanted.limit

    def _due(self):
        if self._begun is None:
            return True
        pause = max(self.wanted.interval, BESIDE) if self._attempts else self.wanted.interval
        return self._now() - self._begun >= pause

    def _begin(self):
        self._begun = self._now()
        try:
            self._attempts.append(Attempt(self._driver, self.wanted.options, self._now()))
        except self._driver.Error as exc:
            self._fail(str(exc))

    def _wait(self, seconds):
        """Until something happens, or the time is up."""
        poll = select.poll()
        for one in self._attempts:
            one.register(poll)
        poll.poll(seconds * 1000)

    def _goes_on(self, attempt):
        """One step of an attempt; False when it has come to its end."""
        try:
            answer = attempt.step()
        except self._driver.Error as exc:
            self._fail(str(exc))
        else:
            if answer is None and self._now() - attempt.began < self.wanted.attempt_limit:
                return True
            if answer is None:
                self._fail(f"no answer within {self.wanted.attempt_limit:g} s")
            elif answer:
                self._answers.append(self._now())
            else:
                self._fail("a server answered that is not the primary")
        attempt.close()
        return False

    def _fail(self, words):
        self._failures.append(" ".join(words.split())[:300])


class Attempt:
    """One session with one question."""

    def __init__(self, driver, options, began):
        self.began, self._driver = began, driver
        self._connection = driver.connect(**dict(options, async_=1))
        self._cursor = None
        self._state = driver.extensions.POLL_WRITE

    def register(self, poll):
        wanted = select.POLLOUT if self._state == self._driver.extensions.POLL_WRITE else select.POLLIN
        poll.register(self._connection.fileno(), wanted)

    def step(self):
        """Whether a primary answered; None: not yet."""
        self._state = self._connection.poll()
        if self._state != self._driver.extensions.POLL_OK:
            return None
        if self._cursor is None:
            self._cursor = self._connection.cursor()
            self._cursor.execute(QUESTION)
            self._state = self._driver.extensions.POLL_READ
            return None
        return bool(self._cursor.fetchone()[0])

    def close(self):
        self._connection.close()


__all__ = ("Attempt", "Probe", "Seen", "Wanted", "summary")

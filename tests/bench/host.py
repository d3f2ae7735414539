# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on a host of the lab, timed there: the way to the host is not part of a figure."""

from __future__ import annotations

import shlex
import subprocess
import typing as t

from .failure import CannotMeasure

LIMIT = 1200
RX = "/sys/class/net/eth0/statistics/rx_bytes"
_TIMED = """
rx=$(cat {rx}); at=$(date +%s%N)
({command}) </dev/null >/tmp/bench-output 2>&1; rc=$?
end=$(date +%s%N); echo "$at $end $(($(cat {rx}) - rx)) $rc"; tail -c 20000 /tmp/bench-output
"""


class Timed(t.NamedTuple):
    """A command that ran on a host: when it began there, how long it took, bytes that came in meanwhile."""

    began: float
    seconds: float
    received: int
    output: str


def run(lab, name: str, command: str, *, user: str | None = None, limit: int = LIMIT) -> str:
    """Run a command, as root or another user; returns its output."""
    if user:
        command = f"cd / && {become(user)} bash -o pipefail -c {shlex.quote(command)}"
    bounded = f"timeout -k 10 {limit} bash -o pipefail -c {shlex.quote(command)}"
    try:
        done = lab.ssh(name, bounded, timeout=limit + 30)
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"{name} did not answer within {limit} s to: {brief(command)}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-600:]
        raise CannotMeasure(f"{name}: exit status {done.returncode} of: {brief(command)}: {said}")
    return done.stdout


def timed(lab, name: str, command: str, *, user: str = "postgres", limit: int = LIMIT, fine=(0,)) -> Timed:
    """Run a command and time it on the host itself. ``fine``: exit statuses that are a success."""
    inner = f"cd / && {become(user)} timeout -k 10 {limit} bash -o pipefail -c {shlex.quote(command)}"
    head, _line, output = run(lab, name, _TIMED.format(rx=RX, command=inner), limit=limit + 30).partition("\n")
    at, end, received, status = (int(word) for word in head.split())
    if status not in fine:
        raise CannotMeasure(f"{name}: exit status {status} of: {brief(command)}: {output[-600:]}")
    return Timed(at / 1e9, (end - at) / 1e9, received, output)


def become(user: str) -> str:
    """The words before a command of that user; libpq finds its password file by HOME."""
    return f"HOME=~{user} runuser -u {user} --"


def psql(lab, name: str, statement: str, *, database: str = "postgres", port: int = 5432) -> str:
    """Run SQL as the superuser on the host itself; returns unaligned rows."""
    words = f"psql -XAtq -v ON_ERROR_STOP=1 -p {port} -d {database} -c {shlex.quote(statement)}"
    return run(lab, name, words, user="postgres").strip()


def received(lab, name: str) -> int:
    """The counter of bytes that the interface has received."""
    return int(run(lab, name, f"cat {RX}"))


def directory(lab, name: str, path: str) -> None:
    """Make an empty directory of the database's user, whoever owns the one above it."""
    run(lab, name, f"install -d -m 700 -o postgres -g postgres {path}")


def brief(command: str) -> str:
    """A command for a message."""
    words = " ".join(command.split())
    return words if len(words) < 160 else words[:157] + "..."

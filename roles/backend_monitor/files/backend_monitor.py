# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wakes Pgpool-II's health check the moment a PostgreSQL server ends, refuses or falls silent. It decides nothing.

Pgpool-II looks at each server once in a period and waits between a failed look and the next one. Both are sleeps, and a
SIGHUP ends a sleep: the health check then looks at once, by its own rules, and all pgpools agree by theirs.
So the waits can be long enough for a server that recovers from the crash of a backend, and still cost nothing when a
server is gone.

A server is asked whether it would talk TLS: one byte, before any login, that every PostgreSQL answers, also while it
recovers. The connection stays open until the next question, because its end tells of the server's end. A server that is
shutting down waits for connections that are open, so after such an end it is asked often, and no connection is kept.

A host that hears nothing of any server is most likely cut off itself. It hurries nobody then: pgpool's life check
notices within a second or two and takes the host's vote away, which has to come before the health check has judged.

Where a server accepts connections and says nothing for ``frozen_after`` seconds, this host's connections to it are
destroyed: some versions of Pgpool-II read on without any limit otherwise.

    backend_monitor.py            run (a service: pgops-backend-monitor)
    backend_monitor.py --once     ask every server once, print what it answers as JSON; wakes nobody

(Installed by the role pgops.pgpool.backend_monitor, which puts the first line with the interpreter in front.)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import struct
import sys
import time
import typing as t

SCHEMA = 1
CONFIG = "/etc/pgops/backend_monitor.json"
ANSWERS, REFUSES, SILENT = "answers", "refuses", "silent"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
MOST_WAKING = 10.0  # seconds: by then pgpool has decided, or other rules than its sleep keep it from it
CALM = 2.0  # seconds for which no connection is kept after one that the server has ended
OFTEN = 0.05  # seconds between two questions in that time
FIRST = 0.5  # seconds in which a health check that is refused is woken at once for its second look
LOGIN_AGAIN = 5.0  # seconds after a login that ended
HURRY = 2.0  # seconds in which a health check that is refused has been woken often enough to decide; then rarely


# ---- What to do: a pure function of what was seen --------------------------------------------------------------------


class Seen(t.NamedTuple):
    """One server as it was seen. Times are seconds of a monotonic clock; ``None``: never."""

    verdict: str
    answered_at: float | None = None
    cut_at: float | None = None
    closed_at: float | None = None  # when the server ended a connection that we kept


class Deed(t.NamedTuple):
    """What to do now."""

    wake: bool
    cut: bool


def decide(seen, *, now, frozen_after, cut_every):
    """Wake the health check of a server that answered before and does not now; cut off one that hangs."""
    if seen.verdict == ANSWERS or seen.answered_at is None or now - seen.answered_at > MOST_WAKING:
        return Deed(wake=False, cut=False)
    hangs = seen.verdict == SILENT and now - seen.answered_at >= frozen_after
    return Deed(wake=True, cut=hangs and (seen.cut_at is None or now - seen.cut_at >= cut_every))


def pause(seen, deed, *, now, wake_every, period):
    """Seconds until the next look."""
    if not deed.wake:
        return period
    if seen.verdict != REFUSES:
        return wake_every
    if now - seen.answered_at > HURRY:
        return 1.0
    since = now - max(seen.answered_at, seen.closed_at or 0.0)
    return min(wake_every, OFTEN) if since < FIRST else wake_every


# ---- Asking a server -------------------------------------------------------------------------------------------------


async def ask(address, port, *, limit):
    """Return ``(verdict, reader, writer)``; the connection is open only if the server answered."""
    writer = None
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(address, port), limit)
        writer.write(SSL_REQUEST)
        if await asyncio.wait_for(reader.read(1), limit):
            return ANSWERS, reader, writer
        verdict = REFUSES  # it was ending: accepted, and closed without a word
    except ConnectionError:
        verdict = REFUSES
    except (OSError, asyncio.TimeoutError):  # no route, no answer in time
        verdict = SILENT
    close(writer)
    return verdict, None, None


async def until_closed(reader, *, limit):
    """Tell whether the server closes the connection within ``limit`` seconds."""
    try:
        await asyncio.wait_for(reader.read(1), limit)
    except asyncio.TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


async def blind(config, backend):
    """Tell whether this host hears nothing of any other server either. A refusal is heard, too."""
    others = [one for one in config["backends"] if one["id"] != backend["id"]]
    answers = await asyncio.gather(*(ask(one["address"], one["port"], limit=config["limit"]) for one in others))
    for _verdict, _reader, writer in answers:
        close(writer)
    return bool(others) and all(verdict == SILENT for verdict, _reader, _writer in answers)


def close(writer):
    """Close without waiting for anything."""
    if writer is not None:
        writer.transport.abort()


# ---- Waking pgpool ---------------------------------------------------------------------------------------------------


def health_checks(pid_file, *, proc="/proc"):
    """Return ``{backend id: process id}`` of the health checks of the running pgpool."""
    try:
        with open(pid_file, encoding="ascii") as stream:
            parent = int(stream.read().rstrip("\0\n"))  # pgpool writes the end of its text, too
    except (OSError, ValueError):
        return {}
    found = {}
    for name in os.listdir(proc):
        if name.isdigit():
            backend = _checked_backend(os.path.join(proc, name), parent)
            if backend is not None:
                found[backend] = int(name)
    return found


def _checked_backend(folder, parent):
    try:
        with open(os.path.join(folder, "cmdline"), encoding="utf-8", errors="replace") as stream:
            title = stream.read().rstrip("\0 ")
        head, _paren, number = title.rstrip(")").rpartition("(")
        if head != "pgpool: health check process" or not number.isdigit():
            return None
        with open(os.path.join(folder, "stat"), encoding="utf-8", errors="replace") as stream:
            return int(number) if int(stream.read().rpartition(")")[2].split()[1]) == parent else None
    except (OSError, ValueError, IndexError):
        return None


def wake(pid_file, backend):
    """End the sleep of a health check; tell whether it slept. In the middle of a look it would begin to wait anew."""
    pid = health_checks(pid_file).get(backend)
    if pid is None or not sleeps(pid):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGHUP)
    return True


def sleeps(pid, *, proc="/proc"):
    """Tell whether a process is in a sleep; where the kernel does not say, it counts as one."""
    try:
        with open(os.path.join(proc, str(pid), "wchan"), encoding="ascii", errors="replace") as stream:
            place = stream.read().strip()
    except OSError:
        return True
    return place in ("", "0") or "nanosleep" in place


async def cut(command):
    """Destroy this host's connections to a server."""
    quiet = {"stdin": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL, **quiet)
    try:
        await asyncio.wait_for(process.wait(), 3)
    except asyncio.TimeoutError:
        process.kill()


# ---- A login that failover.sh shares ---------------------------------------------------------------------------------


def login_command(folder, user, address):
    """Return the words of an SSH connection that does nothing but be there, and ends itself soon after its host."""
    limits = ("BatchMode=yes", "ConnectTimeout=2", "ServerAliveInterval=1", "ServerAliveCountMax=3")
    options = [word for one in (*limits, "StrictHostKeyChecking=yes", "LogLevel=ERROR") for word in ("-o", one)]
    return ["ssh", "-N", "-T", "-M", "-S", os.path.join(folder, address), *options, f"{user}@{address}"]


async def stay_logged_in(folder, user, address):
    """Hold a login on a database host for ever: it would be most of the time that failover.sh takes."""
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.DEVNULL)
    while True:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, address))  # what a killed one left; ssh would refuse to share
        process = None
        try:
            process = await asyncio.create_subprocess_exec(*login_command(folder, user, address), **quiet)
            await process.wait()
        except OSError as exc:
            say(f"no login on {address} is kept for failover.sh: {exc}", level=4)
        finally:
            if process is not None and process.returncode is None:
                process.terminate()
        await asyncio.sleep(LOGIN_AGAIN)


# ---- Running ---------------------------------------------------------------------------------------------------------


def say(text, *, level=6):
    """One line for the journal (with its priority) or the terminal."""
    prefix = f"<{level}>" if "JOURNAL_STREAM" in os.environ else ""
    print(f"{prefix}pgops-backend-monitor: {text}", flush=True)


def tell(backend, before, seen, now):
    """Say what has changed."""
    who = f"backend {backend['id']} ({backend['address']}:{backend['port']})"
    if seen.verdict == ANSWERS:
        say(f"{who} answers" + ("" if before.answered_at is None else " again"), level=6)
    elif before.answered_at is None:
        say(f"{who} {seen.verdict}; it has not answered since this service started", level=5)
    else:
        ago = now - before.answered_at
        words = "refuses connections" if seen.verdict == REFUSES else "does not answer"
        then = "pgpool's health check is woken, unless no other server is heard either"
        say(f"{who} {words}, it last answered {ago:.1f} s ago: {then}", level=4)


async def watch(config, backend):
    """Watch one server for ever."""
    seen = Seen("")
    while True:
        # Once it is silent, waiting for an answer must not keep us from waking the health check between its looks.
        limit = config["wake_every"] if seen.verdict == SILENT else config["limit"]
        verdict, reader, writer = await ask(backend["address"], backend["port"], limit=limit)
        now = time.monotonic()
        before, seen = seen, seen._replace(verdict=verdict)
        if verdict == ANSWERS:
            seen = seen._replace(answered_at=now, cut_at=None)
        if verdict != before.verdict:
            tell(backend, before, seen, now)
        if verdict == ANSWERS:
            seen = await _keep(config, seen, reader, writer)
            continue
        deed = decide(seen, now=now, frozen_after=config["frozen_after"], cut_every=config["wake_every"])
        if deed.wake and verdict == SILENT and await blind(config, backend):
            deed = deed._replace(wake=False)
        if deed.cut:
            await cut(backend["cut"])
            seen = seen._replace(cut_at=now)
        if deed.wake:
            wake(config["pid_file"], backend["id"])
        await asyncio.sleep(pause(seen, deed, now=now, wake_every=config["wake_every"], period=config["period"]))


async def _keep(config, seen, reader, writer):
    """Keep the connection until the next question, or until the server ends it."""
    if seen.closed_at is not None and time.monotonic() - seen.closed_at < CALM:
        close(writer)
        await asyncio.sleep(OFTEN)
        return seen
    closed = await until_closed(reader, limit=config["period"])
    close(writer)
    return seen._replace(closed_at=time.monotonic() if closed else None)


async def once(config):
    """Return what each server answers now."""
    asked = [ask(one["address"], one["port"], limit=config["limit"]) for one in config["backends"]]
    answers = await asyncio.gather(*asked)
    for _verdict, _reader, writer in answers:
        close(writer)
    found = health_checks(config["pid_file"])
    return [
        dict({key: one[key] for key in ("id", "address", "port")}, verdict=verdict, health_check=found.get(one["id"]))
        for one, (verdict, _reader, _writer) in zip(config["backends"], answers)
    ]


async def run(config):
    """Watch all servers until told to end."""
    working = [watch(config, backend) for backend in config["backends"]]
    if config["logins"]:
        addresses = sorted({backend["address"] for backend in config["backends"]})
        working += [stay_logged_in(config["logins"], config["user"], address) for address in addresses]
    watching = [asyncio.ensure_future(one) for one in working]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: [task.cancel() for task in watching])
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*watching)


def load(path):
    """Read the settings, which the role writes."""
    with open(path, encoding="utf-8") as stream:
        config = json.load(stream)
    if config.get("schema") != SCHEMA:
        raise ValueError(f"schema {config.get('schema')!r} is not {SCHEMA}")
    return config


def main(words=None):
    """Run, or look once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--once", action="store_true")
    options = parser.parse_args(words)
    try:
        config = load(options.config)
    except (OSError, ValueError) as exc:
        say(f"cannot read {options.config}: {exc}. Next: ansible-playbook deploy_cluster.yml writes it anew", level=3)
        return 1
    if options.once:
        print(json.dumps({"schema": SCHEMA, "backends": asyncio.run(once(config))}, indent=2))
    else:
        asyncio.run(run(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())

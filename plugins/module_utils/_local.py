# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import time

from ._follow import follow
from ._ports import Clock, CommandResult, Runner

SYSTEM_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class LocalRunner(Runner):
    """Runs commands with subprocess, in their own process group, with a clean environment.

    ``keep_fds`` stay open in the commands: a lock held by such a descriptor outlives us as long as a command runs.
    Such a command is not ended either by printing something when we are gone.
    """

    def __init__(self, *, keep_fds=()):
        self._keep_fds = tuple(keep_fds)

    def run(self, argv, *, user=None, env=None, stdin=None, timeout=60.0, cwd="/", watch=None):
        argv = tuple(str(word) for word in argv)
        environment = {"PATH": ":".join(SYSTEM_PATHS), "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
        environment.update(env or {})
        try:
            process = subprocess.Popen(  # pylint: disable=consider-using-with
                argv,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=_with_home(environment, user),
                start_new_session=True,
                pass_fds=self._keep_fds,
                preexec_fn=_preparation(user, outlives=bool(self._keep_fds)),
            )
        except FileNotFoundError as exc:
            return CommandResult(argv, 127, "", str(exc))
        stdin = None if stdin is None else stdin.encode()
        if watch is None:
            out, err, late = _wait(process, stdin, timeout)
        else:
            out, err, late = follow(process, stdin=stdin, watch=watch, timeout=timeout, end=_kill_group)
        rc = None if late else process.returncode
        return CommandResult(argv, rc, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    def begin(self, argv):
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {"PATH": ":".join(SYSTEM_PATHS), "LC_ALL": "C.UTF-8"}
        process = subprocess.Popen(argv, env=environment, **quiet)  # pylint: disable=consider-using-with
        return lambda: process.poll() is not None

    def converse(self, argv, *, user):
        return subprocess.Popen(  # pylint: disable=consider-using-with
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_with_home({"PATH": ":".join(SYSTEM_PATHS), "LC_ALL": "C.UTF-8"}, user),
            start_new_session=True,
            preexec_fn=_preparation(user, outlives=False),
        )

    def which(self, name, *, paths=()):
        for folder in (*paths, *SYSTEM_PATHS):
            candidate = os.path.join(folder, name)
            if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
                return candidate
        return None


class SystemClock(Clock):
    """The real clock."""

    def now(self):
        return time.monotonic()

    def sleep(self, seconds):
        time.sleep(seconds)


def _with_home(environment, user):
    if user is not None:
        entry = pwd.getpwnam(user)
        environment = dict(environment, HOME=entry.pw_dir, USER=user, LOGNAME=user)
    return environment


def _preparation(user, *, outlives):
    """Return what the child does before it becomes the command."""
    steps = [lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN)] if outlives else []
    entry = pwd.getpwnam(user) if user is not None else None
    if entry is not None and entry.pw_uid != os.geteuid():
        groups = os.getgrouplist(user, entry.pw_gid)
        steps += [lambda: os.setgroups(groups), lambda: os.setgid(entry.pw_gid), lambda: os.setuid(entry.pw_uid)]
    return (lambda: [step() for step in steps]) if steps else None


def _wait(process, stdin, timeout):
    """Return ``(stdout, stderr, late)`` of a command; one whose time is up is ended."""
    try:
        return (*process.communicate(stdin, timeout=timeout), False)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        return (*process.communicate(), True)


def _kill_group(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def acting_as(user):
    """Switch the effective user for the time of a block, as PostgreSQL's peer authentication looks at it.

    Nothing happens when we are that user already. Raises PermissionError unless we are root.
    """
    entry = pwd.getpwnam(user)
    before_uid, before_gid = os.geteuid(), os.getegid()
    if entry.pw_uid == before_uid:
        yield
        return
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(before_uid)
        os.setegid(before_gid)


__all__ = ("LocalRunner", "SystemClock", "acting_as")

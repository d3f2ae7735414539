# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps Pgpool-II from believing a stale pgpool_status: asks the databases before pgpool starts, and corrects the file.

Pgpool-II remembers in that file which backend is down, and believes it for ever. When it says that the primary is
down, pgpool finds no primary and sends INSERTs to a standby; when the file is gone, a false primary is as good as the
true one.

* The true primary is up, and a false one is down: see ``decide``. A standby that is down stays down.
* Where the file says nothing of a backend (it is gone, too short or damaged), a standby is up if the primary streams
  to it.
* Where no primary answers, nothing that the file says is changed. Where two cannot be told apart, pgpool does not
  start.

    status_file.py            before the start (ExecStartPre); 1: two primaries
    status_file.py --settle   after it (ExecStartPost): until pgpool has the primary for it, for ten minutes at most

Runs as pgpool's user; its .pgpass and .pcppass have the passwords. A pgpool that joins others takes their view instead.
(Installed by the role pgops.pgpool.pgpool, which puts the first line with the interpreter in front.)
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import typing as t

CONFIG = "/etc/pgpool2/status_file.json"
UP, DOWN = "up", "down"
PRIMARY, STANDBY, SILENT = "primary", "standby", "silent"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
REACT = 1.5  # seconds for a server's first byte: what a dead host costs
ANSWER = 5.0  # seconds for the answer of one that has reacted
SETTLE, PAUSE = 600.0, 2.0  # seconds

# What any role may read. The timeline of a standby is the newest that its control file or its receiver knows.
QUERY = """select case when pg_is_in_recovery() then 'standby' else 'primary' end,
  (select system_identifier from pg_control_system()),
  case when pg_is_in_recovery()
    then greatest((select timeline_id from pg_control_checkpoint()),
                  (select min_recovery_end_timeline from pg_control_recovery()),
                  (select received_tli from pg_stat_wal_receiver))
    else ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int end,
  (select coalesce(string_agg(regexp_replace(application_name, '[^A-Za-z0-9_]', '?', 'g'), ','), '')
     from pg_stat_replication where state = 'streaming')"""


# ---- What to do: pure functions of what was seen ---------------------------------------------------------------------


class Answer(t.NamedTuple):
    """What a server said of itself; ``streams``: the slots of the standbys that it streams to."""

    role: str = SILENT
    system: str = ""
    timeline: int = 0
    streams: tuple = ()


class Decision(t.NamedTuple):
    """A word for each backend (``None``: no file), why each one that changed did, and why pgpool must not start."""

    words: tuple | None
    reasons: tuple = ()
    refusal: str = ""


def read_words(text, count):
    """Return up or down for each backend, ``None`` where the file does not say. ``unused`` is none of them."""
    lines = text.splitlines() if text is not None else []
    return tuple(line if line in (UP, DOWN) else None for line in (lines + [""] * count)[:count])


def true_primary(words, answers):
    """Return (the number of the true primary or None, why it cannot be told).

    It is the one on the newest timeline. On one timeline, or of two clusters: the only one that is up in the file.
    """
    primaries = [number for number, answer in enumerate(answers) if answer.role == PRIMARY]
    if not primaries:
        return None, ""
    newest = max(answers[number].timeline for number in primaries)
    ahead = [n for n, answer in enumerate(answers) if answer.role == STANDBY and answer.timeline > newest]
    if ahead:
        return None, f"backend {ahead[0]} has seen timeline {answers[ahead[0]].timeline}, whose primary does not answer"
    strangers = len({answers[number].system for number in primaries}) > 1
    best = primaries if strangers else [number for number in primaries if answers[number].timeline == newest]
    if len(best) > 1:
        best = [number for number in best if words[number] == UP]
    if len(best) == 1:
        return best[0], ""
    where = "of different clusters" if strangers else f"on timeline {newest}"
    return None, f"two primaries {where}: backends {' and '.join(str(number) for number in primaries)}"


def nobody_else(primary, words, answers):
    """Can no other backend be the primary? Each of them follows, is an older primary, or is out of the pool as well."""
    return all(
        answer.role != SILENT or words[number] == DOWN for number, answer in enumerate(answers) if number != primary
    )


def decide(words, answers, slots, *, paused=False, there=True):
    """Return the ``Decision`` for what the file says (``there``: is there one?) and what the servers answer."""
    primary, doubt = true_primary(words, answers)
    if primary is None:
        if doubt.startswith("two primaries"):
            return Decision(words, (), doubt)
        return _without_primary(words, there, doubt)
    new, reasons = list(words), []
    for number, answer in enumerate(answers):
        word, why = _word(number, words[number], answer, primary, answers, slots)
        if number == primary and words[number] == DOWN and (paused or not nobody_else(primary, words, answers)):
            word, why = DOWN, ""
        new[number] = word
        if word != words[number]:
            reasons.append(f"backend {number} is {word}: {why}")
    return Decision(tuple(new), tuple(reasons))


def _word(number, word, answer, primary, answers, slots):
    if number == primary:
        return UP, f"it is the primary, on timeline {answer.timeline}"
    if answer.role == PRIMARY:
        return DOWN, f"it is a false primary, on timeline {answer.timeline}; the true one is backend {primary}"
    if word is not None:
        return word, ""
    if slots[number] in answers[primary].streams:
        return UP, f"backend {primary}, the primary, streams to it"
    return DOWN, f"nothing was known of it, and backend {primary}, the primary, does not stream to it"


def _without_primary(words, there, doubt):
    """Keep what is known. Where nothing is, pgpool's own default: up."""
    reasons = (doubt,) if doubt else ()
    if not there or None not in words:
        return Decision(words if there else None, reasons)
    new = tuple(UP if word is None else word for word in words)
    more = tuple(
        f"backend {number} is up: nothing was known of it" for number, word in enumerate(words) if word is None
    )
    return Decision(new, reasons + more)


# ---- Asking ----------------------------------------------------------------------------------------------------------


def reacts(address, port):
    """Does a server say anything at all, within ``REACT`` seconds? A dead or frozen host does not."""
    try:
        with socket.create_connection((address, port), REACT) as connection:
            connection.settimeout(REACT)
            connection.sendall(SSL_REQUEST)
            return bool(connection.recv(1))
    except OSError:
        return False


def read_answer(text):
    """Turn psql's answer to ``QUERY`` into an ``Answer``."""
    fields = text.strip().split("|")
    if len(fields) != 4 or fields[0] not in (PRIMARY, STANDBY) or not fields[2].isdigit():
        return Answer()
    return Answer(fields[0], fields[1], int(fields[2]), tuple(name for name in fields[3].split(",") if name))


def ask(config, backend):
    """Ask one server."""
    if not reacts(backend["address"], backend["port"]):
        return Answer()
    where = ["-h", backend["address"], "-p", str(backend["port"]), "-U", config["user"], "-d", "postgres"]
    return read_answer(run(config, ["psql", "-XAtqw", *where, "-c", QUERY], ANSWER))


def run(config, argv, limit):
    """Return what a command prints; nothing when it fails or does not end in time."""
    more = {"PGCONNECT_TIMEOUT": "5", "PGSSLMODE": config["ssl_mode"], "PGAPPNAME": "pgops_status_file", "LC_ALL": "C"}
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        done = subprocess.run(
            argv, stdout=subprocess.PIPE, env={**os.environ, **more}, timeout=limit, check=False, **quiet
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def ask_all(config):
    """Ask all servers at once."""
    answers = [Answer()] * len(config["backends"])

    def one(number):
        answers[number] = ask(config, config["backends"][number])

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(len(answers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * REACT + ANSWER + 1)
    return tuple(answers)


# ---- The file --------------------------------------------------------------------------------------------------------


def read_file(path):
    """Return its text; ``None`` when there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            return stream.read(4096)
    except FileNotFoundError:
        return None


def write_file(path, words):
    """Replace it; what was there stays beside it, as ``.found``."""
    with open(path + ".new", "w", encoding="ascii", opener=_private) as stream:
        stream.write("".join(f"{word}\n" for word in words))
        stream.flush()
        os.fsync(stream.fileno())
    if os.path.exists(path):
        shutil.copyfile(path, path + ".found")
    os.replace(path + ".new", path)


def _private(path, flags):
    return os.open(path, flags, 0o600)


def say(text, *, level=5):
    """One line for the journal (with its priority) or the terminal."""
    prefix = f"<{level}>" if "JOURNAL_STREAM" in os.environ else ""
    print(f"{prefix}pgops-status-file: {text}", flush=True)


def correct(config):
    """Before the start. Returns the exit status."""
    path, slots = config["status_file"], [one["slot"] for one in config["backends"]]
    text = read_file(path)
    words = read_words(text, len(slots))
    paused = os.path.exists(config["pause_file"])
    decision = decide(words, ask_all(config), slots, paused=paused, there=text is not None)
    for reason in decision.reasons:
        say(f"{path}: {reason}")
    if decision.refusal:
        say(
            f"pgpool is not started, since writes could go to the wrong server: {decision.refusal}. Next: "
            f"ansible-playbook check_cluster.yml shows them; stop the wrong one, or say which one is {UP} in {path}",
            level=3,
        )
        return 1
    expected = None if decision.words is None else "".join(f"{word}\n" for word in decision.words)
    if expected is not None and expected != text:
        write_file(path, decision.words)
    return 0


# ---- After the start -------------------------------------------------------------------------------------------------


def is_primary(config, number):
    """Does pgpool have this backend up and for the primary? ``None``: it says nothing."""
    where = ["-h", "localhost", "-p", str(config["pcp_port"]), "-U", config["pcp_user"], "-w", "-v", "-n", str(number)]
    told = dict(re.findall(r"^(\S.*?)\s*: (.*)$", run(config, ["pcp_node_info", *where], 20), re.M))
    if "Role" not in told:
        return None
    return told["Role"] == PRIMARY and told.get("Status Name") in ("up", "waiting")


def mend(config, number, word):
    """Have pgpool take the primary in, or only look again who it is. PostgreSQL has it for one already."""
    verb = "pcp_attach_node" if word == DOWN else "pcp_promote_node"
    where = ["-h", "localhost", "-p", str(config["pcp_port"]), "-U", config["pcp_user"], "-w", "-n", str(number)]
    say(f"backend {number} is the primary, and pgpool does not have it for that: {verb}")
    run(config, [verb, *where], 20)


def settle(config, clock=time.monotonic, sleep=time.sleep):
    """Until pgpool has the primary for the primary. Acts after two looks that agree, and never in doubt."""
    until, before = clock() + SETTLE, None
    while clock() < until:
        sleep(PAUSE)
        if os.path.exists(config["pause_file"]):
            before = None
            continue
        words, answers = read_words(read_file(config["status_file"]), len(config["backends"])), ask_all(config)
        primary, _doubt = true_primary((None,) * len(words), answers)  # by what the servers say alone
        if primary is None or not nobody_else(primary, words, answers):
            before = None
            continue
        right = is_primary(config, primary)  # asked last: a failover waits for the end of such a question
        if right:
            return 0
        if right is not None and before == primary:
            mend(config, primary, words[primary])
            before = None
        else:
            before = None if right is None else primary
    return 0


def main(words=None):
    """Before the start, or after it. Whatever goes wrong here does not keep pgpool from starting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--settle", action="store_true")
    options = parser.parse_args(words)
    try:
        with open(options.config, encoding="utf-8") as stream:
            config = json.load(stream)
        return settle(config) if options.settle else correct(config)
    except Exception as exc:  # the file stays as it is, which is what pgpool would have had without this
        say(f"{options.config}: {exc!r}. Next: ansible-playbook deploy_cluster.yml writes it anew", level=3)
        return 0


if __name__ == "__main__":
    sys.exit(main())

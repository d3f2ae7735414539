# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guard does: end a primary that must not go on, point a standby at the new primary. It never removes data."""

from __future__ import annotations

import os
import time

from . import conninfo, systemd, tell
from .ask import Asker, one_line
from .here import server_process

STEP = 3.0  # seconds for each question of FOLLOW
MAKE_SLOT = """select pg_create_physical_replication_slot(:'slot', true)
 where not exists (select from pg_replication_slots where slot_name = :'slot');
"""


class NotDone(Exception):
    """A step of FOLLOW failed; the message says which one and why."""


def fence(config, look, decision):
    """End our own server now. Afterwards the decision before a start counts. Returns whether it has ended."""
    began = time.monotonic()
    record = {
        "schema": tell.SCHEMA,
        "time": tell.utc(),
        "host": look.name,
        "code": decision.code,
        "reason": decision.reason,
        "next_step": decision.next_step,
        "evidence": {"own": look.own._asdict(), "attached": look.attached, **tell.others(look)},
    }
    tell.save(config["fenced_file"], record, mode=0o640)
    how = systemd.end_server(config["unit"], config["data_directory"])
    seconds = round(time.monotonic() - began, 3)
    if not how:
        decision = decision._replace(next_step=_by_hand(config, look, decision))
        tell.save(config["fenced_file"], {**record, "next_step": decision.next_step}, mode=0o640)
    words = f"FENCED in {seconds:.2f} s ({how})" if how else "COULD NOT FENCE"
    tell.say(f"{words}: {tell.with_next(decision)}", level=2)
    # The clean-up of its unit may take a while; a server that has ended writes nothing meanwhile.
    systemd.stop(config["unit"])
    if how:
        systemd.start(config["wait_unit"])
    tell.event(
        config["events_file"],
        "fence",
        "fenced" if how else "failed",
        decision.reason,
        host=look.name,
        code=decision.code,
        timeline=look.own.timeline,
        lsn=look.own.lsn,
        how=how,
        seconds=seconds,
    )
    return server_process(config["data_directory"]) is None


def _by_hand(config, look, decision):
    """What ends a server that SIGKILL does not end: something of it hangs in the kernel."""
    kill = f"on {look.name}: systemctl kill --signal=SIGKILL {config['unit']}"
    return f"{kill}; if the server is there all the same, power {look.name} off; then {decision.next_step}"


def follow(config, look, target):
    """Point our standby at another primary: only host and port of its connection string change."""
    began = time.monotonic()
    try:
        how = Follow(config, target).run()
        result, message = "following", f"this standby follows {target.name} ({target.address}:{target.port}) now, {how}"
    except (NotDone, OSError, ValueError) as exc:
        result, message = "failed", f"cannot follow {target.name}: {exc}"
    tell.say(f"FOLLOW: {message}", level=5 if result == "following" else 3)
    tell.event(
        config["events_file"],
        "follow",
        result,
        message,
        host=look.name,
        before=f"{look.own.upstream_host}:{look.own.upstream_port}",
        primary=target.name,
        timeline=target.timeline,
        seconds=round(time.monotonic() - began, 3),
    )
    return result == "following"


class Follow:
    """The steps: read, make the slot over there, write, have it read."""

    def __init__(self, config, target):
        self.config, self.target, self.asker = config, target, Asker(config)
        with open(os.path.join(config["data_directory"], "PG_VERSION"), encoding="utf-8") as file:
            self.major = int(file.read().split(".")[0])

    def run(self):
        before, slot = self._read()
        after = conninfo.pointed_at(before, self.target.address, self.target.port) if before else None
        if after is None:
            raise NotDone("primary_conninfo is empty or not of the form keyword=value")
        if slot:
            self._make_slot(conninfo.parse(after), slot)
        if self.major < 12:
            self._write_recovery_conf(after)
        else:
            # psql reads this from its input: a password in it is nobody else's business.
            change = f"alter system set primary_conninfo = {conninfo.literal(after)};\n"
            reload = "select pg_reload_conf();\n" if self.major >= 13 else ""
            self._sql("set standard_conforming_strings = on;\n" + change + reload)
        if self.major < 13:
            systemd.restart(self.config["unit"])
            return "by a restart"
        return "by a reload"

    def _read(self):
        if self.major < 12:
            text = self._recovery_conf()
            return conninfo.setting(text, "primary_conninfo"), conninfo.setting(text, "primary_slot_name")
        said = self._sql("select current_setting('primary_slot_name'); select current_setting('primary_conninfo');\n")
        slot, _newline, text = said.partition("\n")
        return text.strip("\n"), slot

    def _sql(self, text):
        words = self.asker.local_psql("-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
        return self._answer(self.asker.run(words, limit=STEP, text=text), "our own server")

    def _make_slot(self, keywords, slot):
        """As the replication user itself: it may do that, and its password is where the receiver finds it."""
        secret = {"passfile": "PGPASSFILE", "password": "PGPASSWORD", "sslmode": "PGSSLMODE"}
        more = {variable: keywords[name] for name, variable in secret.items() if name in keywords}
        user = keywords.get("user", self.config["os_user"])
        where = ("-h", self.target.address, "-p", str(self.target.port), "-U", user, "-d", self.config["database"])
        words = self.asker.words(*where, "-t", "-v", "ON_ERROR_STOP=1", "-v", f"slot={slot}", "-f", "-")
        answer = self.asker.run(words, limit=STEP, text=MAKE_SLOT, more=more)
        self._answer(answer, f"the slot {slot} on {self.target.name}")

    @staticmethod
    def _answer(answer, what):
        if answer.rc != 0:
            raise NotDone(f"{what}: {'no answer in time' if answer.rc is None else one_line(answer.stderr)}")
        return answer.stdout

    def _recovery_conf(self):
        path = os.path.join(self.config["data_directory"], "recovery.conf")
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def _write_recovery_conf(self, value):
        """Complete or not at all, with the owner and mode that it had."""
        path = os.path.join(self.config["data_directory"], "recovery.conf")
        text, found = conninfo.with_setting(self._recovery_conf(), "primary_conninfo", value), os.stat(path)
        descriptor = os.open(f"{path}.pgops-tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            os.fchmod(descriptor, found.st_mode & 0o777)
            os.fchown(descriptor, found.st_uid, found.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(f"{path}.pgops-tmp", path)

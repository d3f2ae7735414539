# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service: one look per second at a running server, and the waiting of one that may not start yet."""

from __future__ import annotations

import os
import time

from . import acts, systemd, tell
from .ask import OWN_QUERY, PEER_QUERY, Asker, read_own, read_peer, read_pgpool, was_there
from .boot import SPEAK_AGAIN, SPEAK_EVERY, Deliberation, observe
from .here import control_file, give_permit, own_timeline, parse_controldata, recovering, server_process, start_role
from .memory import FREEZE, Heard, Memory, remember
from .reach import Reach
from .requirement import Requirement, told
from .running import decide_running, troubled
from .seen import ALLOW, FENCE, FOLLOW, GO_ON, PRIMARY, STANDBY, STOPPED, Decision, Look, Own

PERIOD = 1.0
SHORT = 0.5  # a look when nobody was there the last time
BARE = 0.4  # for a connection to be accepted or refused
FOLLOW_EVERY = 5.0


def clock():
    """Seconds that go on while this host is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Watch:
    """One database host."""

    def __init__(self, config):
        self.config, self.asker = config, Asker(config)
        here = config.get("address")
        self.reach = Reach([one for one in config["peers"] + config["pgpools"] if one["address"] != here])
        self.memory = self._from_before()
        self.trouble = self.maybe_waiting = True  # the first look asks everybody
        self.pgpools_asked = self.followed_at = self.spoke_at = float("-inf")
        self.mute, self.reached = False, None  # nobody said anything the last time; but their hosts were there
        self.spoke_of = self.deliberation = None
        self.requirement, self.synchronous = Requirement(config, self.asker), None

    def _from_before(self):
        """What an earlier run of this service knew."""
        before = tell.load(self.config["running_file"])
        heard = before.get("primary")
        try:
            return Memory(heard=Heard(**heard) if heard else None, attached=str(before.get("attached", "")))
        except TypeError:
            return Memory()

    def run(self):
        """Go on for ever."""
        tell.say(f"watches {self.config['unit']}")
        while True:
            began = clock()
            pause = self.step(began)
            time.sleep(max(0.0, pause - (clock() - began)))

    def step(self, began):
        """One look and what follows from it; returns after how many seconds from its beginning the next one is due."""
        if server_process(self.config["data_directory"]) is None:
            return self._stopped(began)
        self._runs()
        look = self.look(began)
        ended = clock()
        if ended - began > FREEZE:
            return 0.0  # frozen while looking: half of this is from before
        look, self.memory = remember(self.memory, look, started=began, now=ended, time=tell.utc())
        decision = decide_running(look)
        if decision.verdict != GO_ON and recovering(self.config["recover_lock"]):
            look = look._replace(recovering=True)
            decision = decide_running(look)
        verdict = self.requirement.decide(look)
        self.synchronous = told(self.config, verdict)
        self.trouble = troubled(look) or not look.contact or verdict.urgent
        self._write(look, decision)
        self._act(look, decision, ended)
        if decision.verdict == GO_ON and look.against == 0:
            self.requirement.act(look, verdict)
        if decision.confirming:
            return 0.0 if look.against else SHORT
        return PERIOD

    def _runs(self):
        """It was started, by whomever: nobody waits for that any more (else a later crash would look like waiting)."""
        self.deliberation = None
        if self.maybe_waiting:
            systemd.stop(self.config["wait_unit"])
            self.maybe_waiting = False

    def look(self, began):
        """Ask everybody at once."""
        config, peers = self.config, len(self.config["peers"])
        due = self.trouble or began - self.pgpools_asked >= config["pgpool_every"]
        ask_pgpools = due and self.memory.role != STANDBY  # nothing that they say matters to a standby
        pgpools = config["pgpools"] if ask_pgpools else []
        commands = [self.asker.local_psql("-t", "-c", OWN_QUERY)]
        commands += [self.asker.psql(peer, query=PEER_QUERY, options=("-t",)) for peer in config["peers"]]
        commands += [self.asker.psql(one, query="SHOW POOL_NODES", options=("-P", "footer=off")) for one in pgpools]
        own, *answers = self._ask(commands)
        if ask_pgpools:
            self.pgpools_asked = began
        return Look(
            name=config["name"],
            backend_id=config["backend_id"],
            own=self._own(own),
            peers=tuple(self._peer(peer, said) for peer, said in zip(config["peers"], answers)),
            pgpools=tuple(read_pgpool(one["name"], said) for one, said in zip(pgpools, answers[peers:])),
            contact=self._contact(answers),
            paused=os.path.exists(config["paused_file"]),
            isolation=float(config["isolation"]),
        )

    def _ask(self, commands):
        """When nobody said anything the last time, a bare connection is tried meanwhile: servers can be too busy."""
        deadline = time.monotonic() + (SHORT if self.memory.silent_looks > 0 else PERIOD)
        running = [self.asker.start(argv) for argv in commands]
        self.reached = self.reach.anybody(BARE) if self.mute else None
        return self.asker.collect(running, deadline)

    def _contact(self, answers):
        """Was any other host there? Where there is nobody to ask, this is no question."""
        self.mute = bool(answers) and not any(was_there(answer) for answer in answers)
        if self.mute and self.reached is None:
            self.reached = self.reach.anybody(BARE)
        if self.mute and not self.reached:
            return False
        self.reach.look_up()
        return True

    def _own(self, answer):
        """Our own server's word; of one that does not answer, what its files say."""
        folder = self.config["data_directory"]
        recovery_conf = os.path.join(folder, "recovery.conf")
        text = ""
        if os.path.exists(recovery_conf):
            with open(recovery_conf, encoding="utf-8", errors="replace") as file:
                text = file.read()
        own = read_own(answer, text)
        if own is not None:
            return own
        timeline, identifier = parse_controldata(self.asker.run(control_file(self.config), limit=PERIOD).stdout)
        return Own(start_role(folder), timeline=own_timeline(timeline, folder), system_identifier=identifier)

    @staticmethod
    def _peer(peer, answer):
        return read_peer(peer["name"], answer)._replace(
            backend_id=peer.get("backend_id"), address=peer["address"], port=int(peer["port"])
        )

    def _act(self, look, decision, now):
        if decision.verdict == FENCE:
            acts.fence(self.config, look, decision)
        elif decision.verdict == FOLLOW and now - self.followed_at >= FOLLOW_EVERY:
            self.followed_at = now
            acts.follow(self.config, look, decision.target)
        elif look.own.answers and look.against == 0 and os.path.exists(self.config["fenced_file"]):
            tell.forget(self.config["fenced_file"])
            role = look.own.role
            tell.event(self.config["events_file"], "unfenced", role, f"runs again, as a {role}", host=look.name)

    def _save(self, look, decision):
        state = tell.running_state(look, decision, self.memory.heard)
        tell.save(self.config["running_file"], {**state, "synchronous": self.synchronous}, indent=None)

    def _write(self, look, decision):
        """The state each time; a line in the journal when it is news, and a warning again after a while."""
        self._save(look, decision)
        quiet_for = clock() - self.spoke_at
        news = (decision.verdict, decision.code)
        if news == self.spoke_of:
            due = decision.loud and quiet_for >= SPEAK_EVERY
        else:
            due = decision.loud or quiet_for >= SPEAK_AGAIN
        if due:
            tell.say(tell.with_next(decision), level=4 if decision.loud else 6)
            self.spoke_at, self.spoke_of = clock(), news

    def _stopped(self, began):
        """PostgreSQL does not run. Is it to be started once it may? (An admin's stop ends that unit too.)"""
        config, own, self.maybe_waiting = self.config, Own(STOPPED), True
        self.synchronous = None
        state, waiting = systemd.states(config["unit"], config["wait_unit"])
        look = Look(config["name"], config["backend_id"], own, paused=os.path.exists(config["paused_file"]))
        if waiting != "active":
            self.deliberation = None
            fenced = tell.load(config["fenced_file"])
            words = f"PostgreSQL was fenced: {fenced.get('reason')}" if fenced else "PostgreSQL does not run"
            code = "fenced" if fenced else "stopped"
            self._write(look, Decision(GO_ON, words, fenced.get("next_step", ""), code=code))
        elif state not in ("activating", "deactivating", "unknown"):
            self._wait(look, began)
        return PERIOD

    def _wait(self, look, began):
        """One look for a start that was not allowed yet."""
        config = self.config
        self.deliberation = self.deliberation or Deliberation(config, clock=clock)
        seen = observe(config)
        if seen.data != PRIMARY:
            why = "the data directory would not start as a primary now; whoever changed that starts it"
            tell.say(f"no need to wait any more: {why}")
            systemd.stop(config["wait_unit"])
            return
        decision, is_last = self.deliberation.consider(seen, round_started=began)
        self._save(look, decision._replace(code="waiting"))
        if not is_last:
            return
        self.deliberation = None
        systemd.stop(config["wait_unit"])
        if decision.verdict == ALLOW:
            if not seen.permitted:  # else whoever gave the permit may have used it by now, and one too many would stay
                give_permit(config)
            systemd.start(config["unit"])
        elif fenced := tell.load(config["fenced_file"]):
            tell.save(config["fenced_file"], {**fenced, "next_step": decision.next_step}, mode=0o640)


def explain_running(config):
    """What is seen of the running server now, and what would be decided if it stayed so; None when it does not run."""
    if server_process(config["data_directory"]) is None:
        return None
    watch = Watch(config)
    began = clock()
    look, memory = remember(Memory(), watch.look(began), started=began, now=clock(), time=tell.utc())
    look = look._replace(against=look.against * 2, idle_looks=look.idle_looks * 2)
    return tell.running_state(look, decide_running(look), memory.heard)

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""A move of the virtual address: may it begin, and who takes part? Pure."""

from __future__ import annotations

from .finding import CHECK
from .moving_limits import limits, too_long
from .view import node_of
from .vip_findings import vip_findings
from .vip_seen import PGPOOL, holders_of

WITHOUT_QUORUM = ("QUORUM ABSENT", "NO LEADER NODE")
GONE = ("LOST", "SHUTDOWN", "DEAD")
DEPLOY = "ansible-playbook deploy_cluster.yml"
FURTHER = ("vip_second_holder", "vip_stranger")  # what check_cluster finds about a holder too many


def move_gate(view, target, answers, asked, wanted):
    """May ``target`` take the virtual address?

    answers: host to the result of vip_handover_info. asked: the result of vip_probe_info through the target's pgpool.
    wanted: manager, witnesses (host names), half_votes (bool), drain and timeout (seconds).

    Returns allowed, already (it has the address), message, warnings, holder, others (hosts besides these two that are
    kept from taking the address), leftovers (hosts on which an interrupted move has to be ended), limits (the seconds
    that each part may take), and unsettled: nobody or more than one has it, which an interrupted move explains.
    """
    case = _Case(view, target, answers, asked, wanted)
    for seen, way_out in case.obstacles_to_any():
        return _refused(case, seen, way_out)
    if [one.host for one in case.holders] == [target]:
        message = f"{target} has {view['vip']} already"
        found = _gate(case, message, allowed=True)
        return dict(found, already=True, leftovers=case.leftovers(), warnings=unasked(view))
    for seen, way_out in case.obstacles():
        return _refused(case, seen, way_out)
    holder = case.holders[0].host
    message = f"{target} takes {view['vip']} over from {holder} ({case.manager})"
    return dict(
        _gate(case, message, allowed=True),
        holder=holder,
        others=case.others(holder),
        leftovers=case.leftovers(),
        sessions=case.handover(holder).get("sessions"),
        busy=case.handover(holder).get("busy"),
        warnings=list(case.warnings(holder)),
    )


def _gate(case, message, allowed=False):
    return {
        "allowed": allowed, "already": False, "message": message, "warnings": [], "manager": case.manager,
        "holder": None, "others": [], "leftovers": [], "sessions": None, "busy": None, "unsettled": case.unsettled(),
        "limits": limits(case.manager, case.wanted),
    }  # fmt: skip


def _refused(case, seen, way_out):
    words = f"Refused to move the virtual address to {case.target}: {seen}. Nothing was changed. Next: {way_out}"
    return _gate(case, words)


def unasked(view):
    """What nobody knows when the network did not tell who has the address. A list, empty when it did."""
    seen = view.get("vip_seen")
    if not seen or seen["asked_by"]:
        return []
    return [f"the network was not asked who else has {view['vip']}: {seen['unasked']}"]


class _Case:
    """The evidence, and what follows from it."""

    def __init__(self, view, target, answers, asked, wanted):
        self.view, self.target, self.answers, self.asked = view, target, answers, asked or {}
        self.wanted, self.witnesses, self.half_votes = wanted, wanted["witnesses"], wanted["half_votes"]
        self.proxies = {p["host"]: p for p in view["pgpools"]}
        self.manager = wanted["manager"] if wanted["manager"] != "auto" else self._running_manager()
        self.here = self.proxies.get(target)
        self.holders = holders_of(view)

    def handover(self, host):
        return (self.answers.get(host) or {}).get("handover") or {}

    def _running_manager(self):
        kept = [(self.handover(host).get("keepalived") or {}).get("active") for host in self.proxies]
        return "keepalived" if any(kept) else "watchdog"

    def candidates(self):
        """Who can have the address at all."""
        return [host for host in self.proxies if host not in self.witnesses]

    def others(self, holder):
        """With the watchdog nobody but the holder has to do anything."""
        if self.manager == "watchdog":
            return []
        return [h for h in self.candidates() if h not in (self.target, holder) and self.handover(h).get("keepalived")]

    def leftovers(self):
        """Where an interrupted move has something that must end: on the target before it can take the address."""
        return [host for host in self.proxies if self._left(self.handover(host))]

    @staticmethod
    def _left(told):
        return bool(told.get("return_due") or told.get("claim") or (told.get("keepalived") or {}).get("moved_away"))

    def unsettled(self):
        """Not exactly one pgpool has it, and a move is under way or was killed: that passes by itself."""
        return len([one for one in self.holders if one.kind == PGPOOL]) != 1 and bool(self.leftovers())

    # --- whatever the state ---

    def obstacles_to_any(self):
        if self.here is None:
            yield f"{self.target} is not a pgpool host of this cluster", CHECK
        if not self.view["vip"]:
            yield "no virtual address is configured", "set pgops_vip"
        if self.target in self.witnesses:
            able = [host for host in self.candidates() if host != self.target]
            names = ", ".join(able) or "none"
            yield "it is a witness (pgops_pgpool_witness), which only votes", f"name another pgpool: {names}"
        if len(self.candidates()) == 1:
            yield "it is the only pgpool that can have it", "a second pgpool host (deploy_cluster.yml) could take over"
        for host in self.proxies:
            claim = self.handover(host).get("claim")
            if claim and claim["target"] != self.target:
                yield (
                    f"another run moves it to {claim['target']}, since {claim['age']:.0f} s (noted on {host})",
                    f"let that one end; if it was killed: ansible-playbook move_vip.yml -l {claim['target']}",
                )
        yield from self._obstacles_at_further_holders()

    def _obstacles_at_further_holders(self):
        """Who has it and is not the one that would give it up: clients would reach it after the move, too."""
        found = [one for one in vip_findings(self.view) if one["code"] in FURTHER]
        if found:
            seen = "; ".join(f"{one['host']} {one['message']}" if one["host"] else one["message"] for one in found)
            yield seen, "; then: ".join(one["command"] for one in found)

    # --- before it moves ---

    def obstacles(self):
        refused = too_long(self.manager, self.wanted)
        if refused:
            yield refused
        yield from self._obstacles_at_the_target()
        yield from self._obstacles_at_the_holder()
        yield from self._obstacles_of_keepalived() if self.manager == "keepalived" else self._obstacles_of_watchdog()

    def _obstacles_at_the_target(self):
        """Could it serve? What it believes, and what a client of it gets."""
        mend = f"systemctl status pgpool2 on {self.target}"
        if not self.here["reachable"]:
            yield f"its pgpool does not answer: {self.here['error']}", mend
        if self.view["primary"] is None:
            yield f"nobody can say who the primary is: {self.view['dispute']}", CHECK
        if self.here["primary"] != self.view["primary"]:
            named = self.here["primary"] or "nobody"
            yield f"its pgpool takes {named} for the primary, which is {self.view['primary']}", CHECK
        if self.here["quorum"] in WITHOUT_QUORUM:
            yield f"its pgpool sees no quorum of the watchdog ({self.here['quorum']})", "start the other pgpools"
        if not self.asked.get("answers"):
            error = str(self.asked.get("error") or "no answer").rstrip(".")
            yield f"a client gets no session with the primary through its pgpool: {error}", mend
        busy = [host for host in self.proxies if self.handover(host).get("switching")]
        if busy:
            yield (
                f"the primary is being switched (noted on {', '.join(busy)})",
                "wait for switch_primary.yml to end; the note counts for five minutes",
            )

    def _obstacles_at_the_holder(self):
        holders, vip = self.holders, self.view["vip"]
        silent = [p["host"] for p in self.view["pgpools"] if not p["host_answered"]]
        if not holders and silent:
            yield (
                f"nobody that answers has {vip}; not asked: {', '.join(silent)}",
                f"bring {silent[0]} back, or {CHECK}",
            )
        elif not holders:
            yield f"nobody has {vip}", CHECK
        elif not holders[0].reachable:
            host = holders[0].host
            yield f"{vip} is on {holders[0]}, which Ansible cannot reach", f"bring {host} back, or {CHECK}"

    def _obstacles_of_keepalived(self):
        told = self.handover(self.target).get("keepalived")
        journal = f"journalctl -u keepalived on {self.target}"
        if not told or not told["active"]:
            yield f"keepalived does not run on {self.target}", DEPLOY
        elif told["pgpool_down"]:
            yield f"keepalived of {self.target} has been told that its pgpool is down", journal
        elif told["state"] not in ("BACKUP", None) and not told["moved_away"]:
            yield f"keepalived of {self.target} is in the state {told['state']}", journal
        for host in self.candidates():
            if host == self.target or self.handover(host).get("keepalived") or self._is_gone(host):
                continue
            yield (
                f"{host} cannot be told to stay away from the address ({self._why(host)}), and could take it instead",
                f"mend {host}, or {DEPLOY}",
            )

    def _obstacles_of_watchdog(self):
        active = [host for host in self.proxies if (self.handover(host).get("keepalived") or {}).get("active")]
        if active:
            yield f"keepalived runs on {', '.join(active)}, while pgops_vip_manager says watchdog", DEPLOY
        holder = self.proxies[self.holders[0].host]
        if self.here["leader"] != holder["address"]:
            leader = self._host_at(self.here["leader"]) or "nobody"
            yield f"{holder['host']} has {self.view['vip']}, and the watchdog's leader is {leader}", CHECK
        if not self.handover(holder["host"]):
            yield f"{holder['host']} does not say how its pgpool is run ({self._why(holder['host'])})", CHECK
        yield from self._election(holder)

    def _election(self, holder):
        """Who follows a leader that stops: the highest priority. Two equals are nobody's choice."""
        alive = [n for n in self.here["watchdog"] if n["state"] not in GONE and n["hostname"] != holder["address"]]
        standing = [n for n in alive if n["state"] == "STANDBY" and n["priority"] is not None]
        mine = next((n for n in standing if n["hostname"] == self.here["address"]), None)
        if mine is None:
            yield f"{self.target} is no standby of the watchdog", f"{CHECK}; a pgpool that has just started needs 10 s"
            return
        for rival in (n for n in standing if n is not mine and n["priority"] >= mine["priority"]):
            host = self._host_at(rival["hostname"]) or rival["hostname"]
            word = "as likely as" if rival["priority"] == mine["priority"] else "before"
            yield (
                f"{host} (priority {rival['priority']}) would be elected {word} {self.target} ({mine['priority']})",
                f"stop pgpool2 on {host} for as long as the move takes, or move it there: "
                f"ansible-playbook move_vip.yml -l {host}",
            )
        votes, required = len(alive), self._required()
        if votes < required:
            yield (
                f"without {holder['host']} the watchdog has {votes} of {len(self.proxies)} votes, and needs {required}",
                "start the other pgpools; with two of them pgops_quorum: half_votes or a witness gives a quorum",
            )

    def _required(self):
        """Votes for a quorum; before 4.3 the watchdog does not tell."""
        told = self.here["votes_required"]
        total = len(self.proxies)
        return told if told is not None else total // 2 + (0 if self.half_votes and total % 2 == 0 else 1)

    # --- what should be known before ---

    def warnings(self, holder):
        yield from unasked(self.view)
        for proxy in self.view["pgpools"]:
            if not proxy["reachable"] and proxy["host"] not in (self.target, holder):
                yield f"{proxy['host']} does not answer ({proxy['error']}) and is left as it is"
        paused = [p["host"] for p in self.view["pgpools"] if p["paused"]]
        if paused:
            yield f"the automatic failover is paused on {', '.join(paused)}, and stays so"
        for node in self.view["nodes"]:
            seen = node_of(self.view, node["host"])["seen_by"].get(self.target)
            if node["host"] != self.view["primary"] and seen and seen["status"] not in ("up", "waiting"):
                yield f"{self.target} has {node['host']} {seen['status']}; clients get all reads from the others"

    def _is_gone(self, host):
        """Does the target's watchdog say that this one is not there?"""
        states = [n["state"] for n in self.here["watchdog"] if n["hostname"] == self.proxies[host]["address"]]
        return bool(states) and all(state in GONE for state in states)

    def _why(self, host):
        answer = self.answers.get(host) or {}
        if answer.get("handover"):
            return "keepalived is not set up there"
        return (str(answer.get("msg") or "no answer").splitlines() or ["no answer"])[0]

    def _host_at(self, address):
        return next((p["host"] for p in self.view["pgpools"] if p["address"] == address), None)


__all__ = ("move_gate", "unasked")

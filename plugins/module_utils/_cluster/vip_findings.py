# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""What is wrong with the virtual address, and the command that mends it. Pure."""

from __future__ import annotations

from .finding import finding
from .vip_seen import PGPOOL, WITNESS, able, holders_of, leaders, right_holder, serves

SERVICE = "pgpool2"


def vip_findings(view):
    """Return the findings about the virtual address: nobody, two, or one that cannot serve."""
    if not view["vip"]:
        return []
    holders = holders_of(view)
    if not holders:
        return [_nobody(view)]
    right, why = right_holder(view)
    if len(holders) > 1:
        wrong = [one for one in holders if one.host is None or one.host != right]
        return [_second(view, one, holders, right, why) for one in wrong]
    return _sole(view, holders[0], right, why)


def _nobody(view):
    message = f"nobody has the virtual IP {view['vip']}"
    seen = view.get("vip_seen") or {}
    if seen.get("asked_by"):
        message += f", and nobody answers for it on the network (asked from {seen['asked_by']})"
    elif seen.get("unasked"):
        message += f"; the network was not asked: {seen['unasked']}"
    silent = [p["host"] for p in view["pgpools"] if not p["host_answered"]]
    if silent:
        message += f"; Ansible could not reach {', '.join(silent)}"
    return finding("critical", "vip_nobody", None, message, _to_bring_it_up(view))


def _to_bring_it_up(view):
    """The watchdog binds it when it elects; a leader that has lost it is past that, and gets it back by hand."""
    answering = _answering(view)
    if not answering:
        return f"look at {' and '.join(p['host'] for p in able(view))} itself"
    right, _why = right_holder(view)
    stopped = [p["host"] for p in able(view) if p["host_answered"] and not p["reachable"]]
    if right is None:
        return restart(stopped or answering)
    if _keepalived(view):
        return restart([host for host in answering if serves(view, host)], "keepalived")
    if right in leaders(view).values() or len(able(view)) == 1:
        return bind(view, right)
    return restart(stopped or answering)


def _answering(view):
    """The hosts whose pgpool may bring the address up, as far as anything can be done there."""
    return [proxy["host"] for proxy in able(view) if proxy["host_answered"]]


def _second(view, wrong, holders, right, why):
    others = " and ".join(str(one) for one in holders if one is not wrong)
    message = f"{_named(wrong)} the virtual IP {view['vip']}{_at(wrong)}, as {'does' if len(holders) == 2 else 'do'} "
    message += f"{others}; " + (f"{right} is to have it: {why}" if right else why)
    code = "vip_second_holder" if wrong.kind == PGPOOL else "vip_stranger"
    return finding("critical", code, wrong.host, message, _to_mend(view, wrong, right))


def _sole(view, holder, right, why):
    if holder.kind != PGPOOL:
        what = "a witness, which only votes" if holder.kind == WITNESS else "no pgpool host"
        message = f"{_named(holder)} the virtual IP {view['vip']}{_at(holder)}, and is {what}"
        return [finding("critical", "vip_stranger", holder.host, message, _to_mend(view, holder, right))]
    proxy = next(p for p in view["pgpools"] if p["host"] == holder.host)
    if holder.reachable and proxy["silent"]:
        message = f"has the virtual IP {view['vip']}{_at(holder)}, and its pgpool does not run: nobody is served"
        return [finding("critical", "vip_dead", holder.host, message, _to_take_over(view, holder, right))]
    if right in (None, holder.host) or _manager(view) != "watchdog" or right not in leaders(view).values():
        return []
    message = f"has the virtual IP {view['vip']}{_at(holder)}, and {right} is to have it: {why}"
    severity = "warning" if serves(view, holder.host) else "critical"
    return [finding(severity, "vip_not_on_leader", holder.host, message, _to_mend(view, holder, right))]


def _named(holder):
    """A finding shows its host in front of its message; a stranger has none."""
    return "has" if holder.host else "a stranger has"


def _at(holder):
    return f" ({holder.place})" if holder.place else ""


def _to_mend(view, wrong, right):
    """Take it from the wrong holder, then see that the right one has it and that the neighbours know."""
    if not wrong.reachable:
        return _by_hand(view, wrong, right)
    if right is None:
        steps = [] if wrong.kind == PGPOOL else [release(view, wrong.host)]  # a pgpool that restarts gives it up
        return " && ".join(steps + [restart(hosts) for hosts in [_answering(view)] if hosts])
    steps = [release(view, wrong.host)]
    if wrong.kind == PGPOOL and _keepalived(view):
        steps.insert(0, restart([wrong.host], "keepalived"))
    elif wrong.kind == PGPOOL and leaders(view).get(wrong.host) == wrong.host:
        steps.insert(0, restart([wrong.host]))  # a second leader would not know that it has lost it
    if _keepalived(view) and right not in [one.host for one in holders_of(view)]:
        return " && ".join([*steps, restart([right], "keepalived")])
    return " && ".join([*steps, bind(view, right)])


def _to_take_over(view, holder, right):
    if right is None:
        return restart([holder.host])
    if _keepalived(view):
        return f"{restart([holder.host], 'keepalived')} && {restart([holder.host])}"
    return f"{release(view, holder.host)} && {bind(view, right)} && {restart([holder.host])}"


def _by_hand(view, wrong, right):
    where = f"on {wrong.host} itself" if wrong.host else f"on the machine with {wrong.mac}"
    text = f"{where}: ip address del {view['vip']}{_prefix(view)} dev INTERFACE"
    return text if right is None else f"{text}; until then: {bind(view, right, force=True)}"


def _manager(view):
    """Who moves the address; None when nobody said so, which is no reason to take it from a holder that serves."""
    return (view.get("vip_seen") or {}).get("manager")


def _keepalived(view):
    return _manager(view) == "keepalived"


def _prefix(view):
    prefix = (view.get("vip_seen") or {}).get("prefix")
    return f"/{prefix}" if prefix else ""


def release(view, host):
    """The command that takes the address from a host."""
    return f'ansible {host} -b -m pgops.pgpool.vip_bind -a "address={view["vip"]} state=absent"'


def bind(view, host, force=False):
    """The command that gives the address to a host, and tells the network in any case."""
    seen = view.get("vip_seen") or {}
    words = [f"address={view['vip']}", f"prefix={seen.get('prefix') or 'PREFIX'}"]
    interface = (seen.get("interfaces") or {}).get(host)
    words += [f"interface={interface}"] if interface else []
    words += ["force=true"] if force else ["announce_again=true"]
    return f'ansible {host} -b -m pgops.pgpool.vip_bind -a "{" ".join(words)}"'


def restart(hosts, service=SERVICE):
    """The command that restarts a service."""
    return f'ansible {":".join(hosts)} -b -m ansible.builtin.systemd_service -a "name={service} state=restarted"'


__all__ = ("bind", "release", "restart", "vip_findings")

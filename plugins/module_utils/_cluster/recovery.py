# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.

"""The proof after a recovery, who refused to take part in it, and the story. Pure."""

from __future__ import annotations

from .._postgres import lsn
from .findings import MAX_LAG_BYTES
from .units import count, human_bytes
from .view import UP, node_of

TABLES_TOLD = 5


def proof(view, target, max_lag_bytes=MAX_LAG_BYTES):
    """Is the target a healthy, attached standby?

    Returns proven, what is missing, in words, the lag in bytes, and lag_only: nothing is missing but that it is nearer.
    """
    node = node_of(view, target)
    if view["primary"] is None:
        return _verdict([f"a primary: {view['dispute']}"])
    primary = node_of(view, view["primary"])
    missing = _missing_on_target(node, primary) + _missing_on_primary(node, primary)
    for proxy, seen in sorted(node["seen_by"].items()):
        if seen is None or seen["status"] not in UP or seen["role"] != "standby":
            shown = f"{seen['status']}/{seen['role']}" if seen else "not listed"
            missing.append(f"{proxy} shows it as {shown}")
    if not node["seen_by"]:
        missing.append("no pgpool answers")
    lag = lag_of(node, primary)
    if missing or (lag is not None and lag <= int(max_lag_bytes)):
        return _verdict(missing, lag)
    if lag is None:
        return _verdict([f"{primary['host']} does not tell how far behind it is"])
    limit = f"more than the {human_bytes(int(max_lag_bytes))} of recover_standby_max_lag"
    return _verdict([f"it is {human_bytes(lag)} behind {primary['host']}, {limit}"], lag, lag_only=True)


def _verdict(missing, lag=None, lag_only=False):
    return {"proven": not missing, "missing": missing, "lag_bytes": lag, "lag_only": lag_only}


def lag_of(node, primary):
    """Bytes of the primary's WAL that the node has not replayed: as the primary itself says, of one moment, or else the
    difference of what both said.
    """
    told = [s.get("lag_bytes") for s in _senders(node, primary)]
    if told and told[0] is not None:
        return max(0, int(told[0]))
    here = node["replayed_lsn"] or node["lsn"]
    return max(0, lsn.diff(primary["lsn"], here)) if here and primary["lsn"] else None


def caught_up(answer, max_lag_bytes):
    """Does what a module told last (its ``postgres``) say that the node is near enough? Unknown is no."""
    lag = (answer.get("postgres") or {}).get("lag_bytes")
    return lag is not None and lag <= int(max_lag_bytes)


def _senders(node, primary):
    """The senders of a node on the primary, the streaming one first."""
    mine = [s for s in primary["senders"] or () if s["application_name"] == node["slot"]]
    return sorted(mine, key=lambda sender: sender["state"] != "streaming")


def refusing(results):
    """Which pgpools did not do what a task asked of them? Takes the loop's results: host and words of each."""
    found = [(answer["item"]["name"], _objection(answer)) for answer in results if not answer.get("skipped")]
    return [{"host": host, "words": f"{host}: {words}"} for host, words in found if words]


def _objection(answer):
    """pgpool_node returns the node only when it was seen as wanted; that of a standby must not be the primary's."""
    if "node" in answer:
        return "it shows the node as the primary" if answer["node"]["role"] == "primary" else ""
    lines = str(answer.get("msg") or "").strip().splitlines()
    return lines[0] if lines else "no answer"


def _missing_on_target(node, primary):
    receiver = node["receiver"] or {}
    if node["role"] != "standby":
        return [f"it is {node['role']}, not a standby{': ' + node['error'] if node['error'] else ''}"]
    if receiver.get("status") != "streaming":
        return [f"its WAL receiver is {receiver.get('status') or 'not running'}"]
    if receiver.get("timeline") != primary["timeline"]:
        return [f"it streams timeline {receiver.get('timeline')}, the primary is on {primary['timeline']}"]
    return []


def _missing_on_primary(node, primary):
    missing = []
    if not any(s["state"] == "streaming" for s in _senders(node, primary)):
        missing.append(f"{primary['host']} lists no streaming sender for {node['slot']}")
    if not any(s["name"] == node["slot"] and s["active"] for s in primary["slots"] or ()):
        missing.append(f"its slot {node['slot']} on {primary['host']} is not active")
    return missing


def result(plan, sync, view, target, worked, check_mode):
    """What AWX, a later play and the person get to know at the end."""
    done = sync if sync.get("method") else plan
    silent = [p["host"] for p in view["pgpools"] if not p["reachable"]]
    facts = {
        "schema": 1,
        "node": target,
        "primary": view["primary"],
        "changed": bool(worked and not check_mode),
        "would_change": bool(worked),
        "method": done.get("method"),
        "reasons": done.get("reasons") or [],
        "bytes_moved": done.get("bytes_moved") or 0,
        "seconds": done.get("seconds"),
        "fork_lsn": done.get("fork_lsn"),
        "salvage": done.get("salvage"),
        "lost": done.get("lost"),
        "salvages_removed": done.get("salvages_removed") or [],
        "removing": done.get("removing") or [],
        "comparison": plan.get("comparison"),
        "bytes_expected": plan.get("bytes_expected"),
        "replaces": (plan.get("plan") or {}).get("replaces") or [],
        "hosts_changed": plan.get("hosts_changed") or [],
        "plan": plan.get("text") or [],
        "lag_bytes": None if check_mode else proof(view, target)["lag_bytes"],
        "pgpools_attached": [p["host"] for p in view["pgpools"] if p["reachable"]],
        "pgpools_silent": silent,
    }
    return dict(facts, story=_story(facts, check_mode))


def _story(facts, check_mode):
    node, primary = facts["node"], facts["primary"]
    if check_mode:
        verb = "would be recovered" if facts["would_change"] else "is healthy, nothing would be done"
        return [f"Check mode: {node} {verb} (method {facts['method']}). Nothing was changed."]
    if not facts["changed"]:
        lines = [f"{node} already is a healthy standby of {primary}. Nothing was changed."]
    else:
        lines = [
            f"{node} is a standby of {primary} again: it streams, and {' and '.join(facts['pgpools_attached'])} "
            f"{'has' if len(facts['pgpools_attached']) == 1 else 'have'} it up (read twice).",
            f"method: {facts['method']}; moved: {human_bytes(facts['bytes_moved'])} in {facts['seconds']} s; "
            f"lag: {human_bytes(facts['lag_bytes'])}",
        ]
        lines += _lost_lines(facts["salvage"] or {}, facts["lost"])
        if facts["salvages_removed"]:
            lines.append(f"older salvages removed (pgops_salvage_keep): {', '.join(facts['salvages_removed'])}")
        if facts["removing"]:
            lines.append(f"the host goes on to remove the old tree by itself: {', '.join(facts['removing'])}")
    if facts["pgpools_silent"]:
        lines.append(
            f"Not asked, because they did not answer: {', '.join(facts['pgpools_silent'])}. "
            "When they are back: ansible-playbook check_cluster.yml"
        )
    return lines


def _lost_lines(salvage, lost):
    commits = salvage.get("commits_past_fork")
    lines = []
    if commits:
        kept = "they are kept, see below" if salvage.get("path") else "they were given up (salvage_skip)"
        lines.append(f"{count(commits, 'commit')} on the old node never reached the primary; {kept}.")
        lines += _written_lines(lost or {})
    elif commits == 0:
        lines.append("The old node had no commit that the primary lacks: nothing was lost.")
    if salvage.get("path"):
        lines.append(f"kept: {salvage.get('kind')} in {salvage['path']}")
    return lines


def _written_lines(lost):
    """Which tables these commits were about, as far as it was read from the WAL."""
    tables = lost.get("tables") or []
    if not tables:
        return []
    words = [_table(table) for table in tables[:TABLES_TOLD]]
    more = len(tables) - len(words) + (lost.get("tables_not_listed") or 0)
    rest = f", and {count(more, 'more table')}" if more else ""
    when = f" ({lost['first_commit']} to {lost['last_commit']})" if lost.get("first_commit") else ""
    return [f"  written there{when}: {', '.join(words)}{rest}"]


def _table(table):
    name = table["name"] or f"a table that only the old node has (file {table['filenode']})"
    deeds = [count(table[deed], deed[:-1]) for deed in ("inserts", "updates", "deletes", "truncates") if table[deed]]
    where = f"{table['database']}." if table["database"] and table["name"] else ""
    return f"{where}{name} ({', '.join(deeds)})"


__all__ = ("caught_up", "lag_of", "proof", "refusing", "result")

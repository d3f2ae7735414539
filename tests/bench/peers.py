# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same rejoin by repmgr and by Patroni, as Debian ships them, on two plain hosts of the same image."""

from __future__ import annotations

import time

from . import peer_patroni, peer_repmgr
from .cluster import DATABASE, UNIT
from .figures import Figure, not_taken, of_runs
from .pair import Pair
from .settings import Settings

TOOLS = {"repmgr": peer_repmgr, "patroni": peer_patroni}


def measure(wanted: Settings, report, shared: dict, say) -> None:
    """One tool after the other; what the first leaves is removed before the second."""
    names = {tool: (f"peer_{tool}", f"peer_{tool}_received") for tool in TOOLS}
    try:
        pair = Pair(wanted, say)
    except Exception as exc:
        for both in names.values():
            report.add([not_taken(name, f"the hosts did not come up: {exc}") for name in both], "")
        return
    try:
        for tool, module in TOOLS.items():
            say(f"measuring the rejoin by {tool}")
            try:
                report.add(*_of(pair, module, tool, shared.get("pg_rewind")))
            except Exception as exc:
                say(f"not taken: {tool}: {exc}")
                report.add([not_taken(name, f"{type(exc).__name__}: {exc}") for name in names[tool]], "")
            finally:
                _forget(pair, module, say)
    finally:
        if not wanted.keep:
            pair.down()


def _forget(pair, module, say):
    try:
        for name in (pair.first, pair.second):
            pair.open_way(name)
            pair.run(name, f"systemctl stop {UNIT} 2>/dev/null || true")
        module.remove(pair)
    except Exception as exc:
        say(f"cleaning up after a peer: {exc}")


def _of(pair, module, tool, alone) -> tuple[list[Figure], str]:
    began = time.monotonic()
    module.install(pair)
    module.create(pair)
    old, new = pair.first, pair.second
    seconds, received = [], []
    for number in range(pair.wanted.long_runs):
        pair.say(f"{tool}: {number + 1} of {pair.wanted.long_runs}")
        one, other = module.cycle(pair, old, new)
        seconds.append(one)
        received.append(other)
        old, new = new, old
    size = pair.sql(old, f"SELECT pg_database_size('{DATABASE}')")[0][0]
    setting = (
        f"{module.describe(pair)}; pgbench scale {pair.wanted.scale} ({size / 2**30:.2f} GiB), the same divergence and "
        f"writes as above; two database hosts on one bridge; {time.monotonic() - began:.0f} s in all"
    )
    note = f"{module.COMMAND}, until the primary lists the node as streaming; baseline: pg_rewind alone, in our cluster"
    return [
        of_runs(f"peer_{tool}", "s", seconds, baseline=alone, note=note),
        of_runs(f"peer_{tool}_received", "bytes", received, note="received by the node meanwhile"),
    ], setting

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on real servers: deploy, kill the primary under load, fail over, recover with one command, prove it.

Leaves .lab/demo.json. Exit status 0 only if every promise was verified; the lab stays up either way.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from proof import CHECKOUT, Lab, changed, dump_digest, eventually
from writer import Writer, missing_rows

STARTED = time.monotonic()
OLD, NEW = "postgres-db1", "postgres-db2"
FAILOVER_LIMIT = 60


def say(text="", indent=0):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {'  ' * indent}{text}", flush=True)


class Failure(Exception):
    """A promise that was not kept."""


def require(condition, promise):
    if not condition:
        raise Failure(promise)


def build_lab():
    say("1. Four servers: systemd containers, reached over SSH with verified host keys")
    script = CHECKOUT / "molecule" / "shared" / "lab.py"
    for command in ("down", "up"):
        subprocess.run([sys.executable, script, command], check=True)
    return Lab()


def playbook(lab, *words):
    """Run a playbook inside playbooks/, showing each task as it comes; returns (seconds, output, custom stats)."""
    command = ["ansible-playbook", "-i", "../inventories/lab/hosts", *words]
    say(f"$ cd playbooks && LAB_PROJECT={lab.project} {' '.join(command)}", 1)
    command[0] = str(Path(sys.executable).parent / command[0])
    environment = {k: v for k, v in lab.environment.items() if k == "ANSIBLE_NOCOLOR" or not k.startswith("ANSIBLE_")}
    environment.update(ANSIBLE_SHOW_CUSTOM_STATS="1", ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    began = time.monotonic()
    lines = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=CHECKOUT / "playbooks", env=environment, **pipes) as process:
        for line in process.stdout:
            lines.append(line)
            task = re.match(r"(PLAY|TASK|RUNNING HANDLER) \[(?:pgops\.pgpool\.)?(.+?)\] \*", line)
            if task and task.group(1) == "PLAY":
                say(task.group(2), 1)
            elif task:
                say(task.group(2), 2)
    output = "".join(lines)
    log = CHECKOUT / ".lab" / f"demo-{words[0].removesuffix('.yml')}.log"
    log.write_text(output, encoding="utf-8")
    if process.returncode != 0:
        print(output[-6000:])
        raise Failure(f"{words[0]} ended with exit status {process.returncode}; the whole output is in {log}")
    stats = re.search(r"^\s*RUN: (\{.*)", output, re.M | re.S)
    return time.monotonic() - began, output, json.JSONDecoder().raw_decode(stats.group(1))[0] if stats else {}


def deploy(lab, facts):
    say("2. Deploy PostgreSQL, Pgpool-II, watchdog and virtual IP")
    facts["deploy_s"], _output, _stats = playbook(lab, "deploy_cluster.yml")
    say(f"deployed in {facts['deploy_s']:.1f} s; once more, which has to change nothing", 1)
    _seconds, output, _stats = playbook(lab, "deploy_cluster.yml")
    facts["second_deploy_changed"] = changed(output)
    require(facts["second_deploy_changed"] == 0, "a second deploy_cluster.yml changes nothing")


def fail_over(lab, writer, facts):
    say("3. A client writes numbered rows through the virtual IP; then the primary's postmaster gets SIGKILL")
    eventually(lambda: len(writer.acknowledged) > 60)
    say(f"{len(writer.acknowledged)} rows acknowledged; kill -9 on {OLD}", 1)
    killed = time.monotonic()
    lab.run(OLD, "kill -9 $(head -n1 /var/lib/postgresql/*/main/postmaster.pid)")
    eventually(lambda: lab.in_recovery(NEW) is False, timeout=FAILOVER_LIMIT, interval=0.1)
    eventually(lambda: writer.acknowledged_after(killed + 0.5) > 20, timeout=FAILOVER_LIMIT)
    facts["outage_s"] = round(writer.gap(killed), 2)
    say(f"{NEW} is the primary; the client was without writes for {facts['outage_s']} s", 1)


def recover(lab, facts):
    say("4. One command brings the dead node back")
    facts["recover_s"], output, stats = playbook(lab, "recover_standby.yml", "-l", OLD)
    result = stats.get("recover_standby") or {}
    require(result, "recover_standby.yml hands on its result")
    facts.update(method=result["method"], bytes_moved=result["bytes_moved"], reasons=result["reasons"])
    for line in result["story"]:
        say(line, 1)
    require(lab.in_recovery(OLD) is True, f"{OLD} is a standby")


def rows_missing_on(lab, name, writer):
    connection = lab.connect(lab.address(name))
    with connection.cursor() as cursor:
        missing = missing_rows(cursor, writer)
    connection.close()
    return missing


def prove(lab, writer, facts):
    say("5. Prove it")
    playbook(lab, "check_cluster.yml")
    writer.stop()
    facts["acked"] = len(writer.acknowledged)
    lost = rows_missing_on(lab, NEW, writer)
    facts["lost"] = len(lost)
    require(not lost, f"every acknowledged row is on {NEW}, missing: {lost}")
    eventually(lambda: not rows_missing_on(lab, OLD, writer), timeout=20)
    say(f"{facts['acked']} rows acknowledged, {facts['lost']} lost, on both nodes", 1)
    eventually(lambda: dump_digest(lab, OLD) == dump_digest(lab, NEW), timeout=20)
    say("the ordered dumps of both nodes have the same sha256", 1)
    require(len(lab.vip_holders()) == 1, "exactly one pgpool holds the virtual IP")


def tell(lab, facts):
    print(f"""
What happened
  {OLD} was killed under load; Pgpool-II promoted {NEW}.
  The client was without writes for {facts["outage_s"]} s;
  {facts["acked"]} rows were acknowledged, {facts["lost"]} of them lost.
  recover_standby.yml -l {OLD} took {facts["recover_s"]:.1f} s
  (method {facts["method"]}, {facts["bytes_moved"]} bytes moved).
  Deploying took {facts["deploy_s"]:.1f} s, and changed {facts["second_deploy_changed"]} things the second time.
  The figures are in .lab/demo.json.

Look around
  make lab-status
  make lab-shell H=app-server1           then: runuser -u postgres -- pcp_node_info -h localhost -U pgpoolad -w -a
  cd playbooks && ../.venv/bin/ansible-playbook -i ../inventories/lab/hosts check_cluster.yml

Remove it
  make lab-down
""")


def main():
    os.environ.setdefault("LAB_IMAGE", "packages")
    facts = {"schema": 1}
    try:
        lab = build_lab()
        deploy(lab, facts)
        options = {
            "host": lab.vip, "user": "someuser", "password": lab.secrets["pgops_app_password"], "dbname": "appdb"
        }  # fmt: skip
        writer = Writer(options)
        writer.create_table()
        writer.start()
        fail_over(lab, writer, facts)
        recover(lab, facts)
        prove(lab, writer, facts)
    except (Failure, AssertionError, subprocess.SubprocessError) as exc:
        say(f"FAILED: {exc}")
        say("The lab stays up to be looked at; remove it with: make lab-down")
        return 1
    (CHECKOUT / ".lab" / "demo.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    tell(lab, facts)
    return 0


if __name__ == "__main__":
    sys.exit(main())

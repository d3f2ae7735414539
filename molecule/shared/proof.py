# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scenarios look at a lab: through psql, pcp and ip, never through our own modules."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

CHECKOUT = Path(__file__).resolve().parents[2]


class Lab:
    """One running lab."""

    def __init__(self, project=None):
        self.project = project or os.environ.get("LAB_PROJECT", "pgops")
        self.folder = CHECKOUT / ".lab" / self.project
        self.inventory = json.loads((self.folder / "inventory.json").read_text(encoding="utf-8"))
        self.secrets = json.loads((self.folder / "secrets.yml").read_text(encoding="utf-8"))
        self.hostvars = self.inventory["_meta"]["hostvars"]
        self.vars = self.inventory["all"]["vars"]
        self.vip = self.vars["pgops_vip"]
        self.databases = sorted(self.inventory["postgres"]["hosts"])
        self.pgpools = sorted(self.inventory["pgpool"]["hosts"])
        self.environment = dict(os.environ, LAB_PROJECT=self.project, ANSIBLE_FORCE_COLOR="0", ANSIBLE_NOCOLOR="1")

    def address(self, name):
        return self.hostvars[name]["ansible_host"]

    def run(self, name, command):
        """Run a command as root on a host; returns its standard output, fails with what it said."""
        result = self.ssh(name, command)
        assert result.returncode == 0, f"{name}: {command}: {result.stdout}{result.stderr}"
        return result.stdout

    def ssh(self, name, command, timeout=120):
        """Run a shell command as root on a host, over the same verified SSH as Ansible's."""
        folder = self.folder / "ssh"
        options = ["-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"]
        options += ["-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-i", str(folder / "id_ed25519")]
        remote = f"sudo -n -- bash -o pipefail -c {shlex.quote(command)}"
        return subprocess.run(
            ["ssh", *options, f"ops@{self.address(name)}", remote],
            capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run_inside(self, name, command, check=True, timeout=60):
        """Run a shell command as root through the container engine: also on a host that has no network."""
        result = subprocess.run(
            ["docker", "exec", f"{self.project}-{name}", "bash", "-c", command],
            capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or result.returncode == 0, f"{name}: {command}: {result.stdout}{result.stderr}"
        return result.stdout

    def fault(self, *words, timeout=300):
        """lab.py kill|start|restart|pause|unpause|cut|heal HOST; it repeats a boot that hangs."""
        script = CHECKOUT / "molecule" / "shared" / "lab.py"
        subprocess.run([sys.executable, script, *words], env=self.environment, check=True, timeout=timeout)

    def connect(self, address, *, user="someuser", database="appdb", port=5432):
        passwords = {
            "someuser": "pgops_app_password",
            "dbadmin": "pgops_dbadmin_password",
            "replication": "pgops_replication_password",
            "healthcheck": "pgops_healthcheck_password",
        }
        connection = psycopg2.connect(
            host=address, port=port, user=user, dbname=database, connect_timeout=5,
            password=self.secrets[passwords[user]], sslmode=self.vars.get("pgops_ssl_mode", "prefer"),
        )  # fmt: skip
        connection.autocommit = True
        return connection

    def sql(self, address, statement, *, user="dbadmin", database="postgres"):
        """One statement on one server, rows as tuples. An inventory name may stand for its address."""
        address = self.address(address) if address in self.hostvars else address
        connection = self.connect(address, user=user, database=database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def in_recovery(self, name):
        return self.sql(name, "SELECT pg_is_in_recovery()")[0][0]

    def pool_nodes(self, name):
        """What one pgpool believes, by pcp_node_info: id to (hostname, status name, role)."""
        count = len(self.databases)
        nodes = {}
        for node_id in range(count):
            command = f"timeout 10 runuser -u postgres -- pcp_node_info -h localhost -U pgpoolad -w -v -n {node_id}"
            fields = dict(re.findall(r"^(.+?)\s*: (.*)$", self.run(name, command), re.M))
            assert "Role" in fields, f"{name} says nothing of node {node_id}"
            nodes[node_id] = (fields["Hostname"], fields["Status Name"], fields["Role"])
        return nodes

    def watchdog(self, name):
        """What one pgpool says of all of them."""
        ask = "timeout 10 runuser -u postgres -- pcp_watchdog_info -h localhost -U pgpoolad -w -v"
        return self.run(name, ask)

    def failovers(self, name):
        """What failover.sh of a pgpool has written down."""
        lines = self.run(name, "cat /var/log/pgops/failover.jsonl 2>/dev/null || true").splitlines()
        return [json.loads(line) for line in lines]

    def leader(self):
        """The pgpool that leads the others, as the first one says; with keepalived it need not have the virtual IP."""
        if len(self.pgpools) == 1:
            return self.pgpools[0]
        address = re.search(r"^\w+ Host Name\s*: (\S+)$", self.watchdog(self.pgpools[0]), re.M)[1]
        return next(name for name in self.pgpools if self.address(name) == address)

    def vip_holders(self, among=None):
        """The pgpool hosts that have the virtual IP; only these are asked, where another one cannot be."""
        return [name for name in among or self.pgpools if f" {self.vip}/" in self.run(name, "ip -4 -o addr show")]

    def playbook(
        self, name, *arguments, folder="playbooks", timeout=600, check=True, background=False, output=subprocess.PIPE
    ):
        """Run a playbook from the checkout as the README tells users to; returns the finished process.

        In the background its output may go elsewhere, such as to a terminal.
        """
        inventory = os.path.relpath(CHECKOUT / "inventories" / "lab" / "hosts", CHECKOUT / folder)
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", inventory, name, *arguments]
        environment = {k: v for k, v in self.environment.items() if not k.startswith(("MOLECULE", "ANSIBLE_"))}
        environment["ANSIBLE_NOCOLOR"] = "1"
        options = {"cwd": CHECKOUT / folder, "env": environment, "text": True}
        if background:
            options["start_new_session"] = True  # with all that it starts it can be killed as one
            return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False, **options
        )
        print(done.stdout)
        assert not check or done.returncode == 0, done.stdout
        return done


def recap(output):
    """The counters of PLAY RECAP: host to {ok, changed, unreachable, failed, ...}."""
    lines = re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.M)
    return {host: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", counters)} for host, counters in lines}


def changed(output):
    """How many tasks of a run changed something, over all hosts."""
    counters = recap(output)
    assert counters, f"no recap in: {output}"
    return sum(c["changed"] for c in counters.values())


def eventually(probe, timeout=30, interval=0.5):
    """Wait until probe() is true; a refused connection or no answer is "not yet". Fails with the last answer."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            answer = probe()
            if answer:
                return answer
        except (psycopg2.Error, AssertionError, subprocess.TimeoutExpired) as exc:
            answer = exc
        assert time.monotonic() < deadline, f"not within {timeout} s, last answer: {answer}"
        time.sleep(interval)


def dump_digest(lab, name):
    """sha256 over an ordered dump of every table of the application's database."""
    dump = "runuser -u postgres -- pg_dump --no-owner -d appdb"
    return lab.run(name, f"{dump} | grep -v -e '^--' -e '^.restrict' -e '^.unrestrict' | sort | sha256sum").split()[0]

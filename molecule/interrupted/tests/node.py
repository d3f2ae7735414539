# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node that is rebuilt again and again, the runs that do it, and what is looked at in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from cases import CONTROL, HOST, MODULE, NETWORK, POSTMASTER, PRIMARY, Case
from points import Points
from proof import CHECKOUT, eventually

DB1, DB2 = "postgres-db1", "postgres-db2"
PSQL = "runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1"
LOCK = "/var/lib/pgops/recover.lock"


class Run:
    """One run in the background: of the playbook, or of the module alone as the role calls it."""

    def __init__(self, lab, case, *, lock_timeout):
        self.case = case
        scripts = Path(sys.executable).parent
        argv = [str(scripts / "ansible"), "-i", "../inventories/lab/hosts", DB2, "-b"]
        options = {
            "primary_host": lab.address(DB1),
            "slot_name": "pgops_1",
            "sslmode": lab.vars.get("pgops_ssl_mode", "prefer"),
            "method": case.rung if case.rung in ("delta", "basebackup") else "auto",
            "allow_older_primary": True,
            "lock_timeout": lock_timeout,
        }
        argv += ["-m", "pgops.pgpool.pg_basebackup_sync", "-a", json.dumps(options)]
        if case.playbook:
            argv = [str(scripts / "ansible-playbook"), "-i", "../inventories/lab/hosts", "recover_standby.yml"]
            given = {"primary": DB1, "method": options["method"], "lock_timeout": lock_timeout}
            argv += ["-l", DB2, "-e", json.dumps({f"recover_standby_{name}": value for name, value in given.items()})]
        environment = {k: v for k, v in lab.environment.items() if not k.startswith(("MOLECULE", "ANSIBLE_"))}
        if not case.playbook:
            environment.update(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", ANSIBLE_LOAD_CALLBACK_PLUGINS="1")
        self.process = subprocess.Popen(
            argv, cwd=CHECKOUT / "playbooks", env=environment, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._said = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._said.append(line)

    def output(self):
        self._reader.join(0 if self.process.poll() is None else 5)
        return "".join(self._said)

    def kill(self):
        """As when the machine dies that it runs on: nothing of it is left, also no session of SSH."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def wait(self, timeout=400):
        """Wait for its end; returns the module's result (for a playbook: its output)."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still at work after {timeout} s: {self.output()}") from None
        said = self.output()
        if self.case.playbook:
            print(said)
            return {"failed": self.process.returncode != 0, "msg": said}
        result = json.loads(said[said.index("{\n") :])["plays"][0]["tasks"][0]["hosts"][DB2]
        print({key: result.get(key) for key in ("method", "reasons", "timings", "salvage", "error", "msg")})
        return result


class Node:
    """postgres-db2. The primary is postgres-db1, always."""

    def __init__(self, lab):
        self.lab = lab
        self.version = lab.run(DB2, "ls /etc/postgresql").strip()
        self.data = f"/var/lib/postgresql/{self.version}/main"
        self.unit = f"postgresql@{self.version}-main"
        self.points = Points(lab, DB2, self.version)
        self.marker = 0
        # It is promoted by hand here, beside the primary; neither guard may put an end to that.
        for host in (DB1, DB2):
            lab.run(host, "touch /var/lib/pgops/paused")

    def run(self, command):
        return self.lab.run(DB2, command)

    def sql(self, statement, host=DB2):
        return self.lab.run(host, f'{PSQL} -c "{statement}" appdb').strip()

    # --- how it comes to need a recovery

    def degrade(self, case):
        """Stop it; for all rungs but ``start`` it has commits that the primary will never have, and has crashed."""
        self.marker -= 1
        self.mend()
        self.run(f"rm -rf {self.data}.pgops-salvage-*")
        if case.keeps:
            self.run(f"{PSQL} -c 'SELECT pg_promote()' postgres")
            eventually(lambda: self.lab.in_recovery(DB2) is False)
            self.sql(f"INSERT INTO only_there VALUES ({self.marker}); UPDATE ballast SET n = n + 1 WHERE n % 3 = 0")
            self.run(f"kill -9 $(head -n1 {self.data}/postmaster.pid)")
        else:
            self.run(f"systemctl stop {self.unit}")
        self.sql("UPDATE ballast SET n = n + 1 WHERE n % 5 = 0", host=DB1)
        for proxy in self.lab.pgpools:
            eventually(lambda p=proxy: self.status(p) == "down", timeout=60)

    def mend(self):
        """After a case that failed, the next one begins with a standby all the same."""
        self.run("rm -rf /run/pgops-walk")
        if not self.streams():
            Run(self.lab, Case("start", "start", "before", MODULE), lock_timeout=60).wait(240)
        eventually(self.streams, timeout=180)

    def status(self, proxy):
        return self.lab.pool_nodes(proxy)[1][1]

    # --- what strikes it

    def strike(self, case, first):
        if case.strike == CONTROL:
            first.kill()
        elif case.strike == MODULE:
            self.run(f"kill -9 $(grep -o '\"pid\": [0-9]*' {LOCK} | cut -d' ' -f2)")
        elif case.strike == HOST:
            self.lab.fault("kill", DB2)
            first.kill()
            self.lab.fault("start", DB2)
            eventually(lambda: self.lab.ssh(DB2, "true").returncode == 0, timeout=60)
        elif case.strike == PRIMARY:
            self.lab.run(DB1, f"kill -9 $(head -n1 {self.data}/postmaster.pid)")
        elif case.strike == POSTMASTER:
            pid = f"pid=$(head -n1 {self.data}/postmaster.pid 2>/dev/null)"
            self.run(f"for i in $(seq 200); do {pid} && break; sleep 0.1; done; kill -9 $pid")
        elif case.strike == NETWORK:
            self.run(f"ip route add blackhole {self.lab.address(DB1)}/32")

    def heal(self, case):
        """What the administrator does about a dead primary or network, before the second run."""
        if case.strike == NETWORK:
            self.run(f"ip route del blackhole {self.lab.address(DB1)}/32")
        if case.strike == PRIMARY:
            guard = "/usr/local/lib/pgops/guard.py"
            self.lab.run(DB1, f"systemctl reset-failed {self.unit}; {guard} --permit; systemctl start {self.unit}")
            eventually(lambda: self.lab.in_recovery(DB1) is False, timeout=60)
            attach = "runuser -u postgres -- pcp_attach_node -h localhost -U pgpoolad -w -n 0"
            for proxy in self.lab.pgpools:
                if self.lab.pool_nodes(proxy)[0][1] == "down":
                    self.lab.run(proxy, attach)
            for proxy in self.lab.pgpools:
                eventually(lambda p=proxy: self.lab.pool_nodes(p)[0][1] in ("up", "waiting"), timeout=30)

    # --- what is true of it

    def waits_for_the_lock(self):
        """Is another run than the owner of the lock there, for long enough to have looked around and come to the lock?

        (Who has the lock open can't be seen: /proc hides the descriptors of a process that has changed its user.)
        """
        owner = json.loads(self.run(f"cat {LOCK}")).get("pid")
        found = self.run("ps -u root -o pid=,etimes=,comm=").splitlines()
        others = [line.split() for line in found if line.split()[2].startswith("python3")]
        return any(int(pid) != owner and int(seconds) >= 6 for pid, seconds, _name in others)

    def streams(self):
        rows = self.lab.sql(DB1, "SELECT state FROM pg_stat_replication WHERE application_name = 'pgops_1'")
        return rows == [("streaming",)] and self.lab.in_recovery(DB2) is True

    def same_data(self):
        sums = "SELECT (SELECT sum(n) FROM ballast), (SELECT count(*) FROM only_there)"
        mine = self.sql(sums, host=DB1)
        eventually(lambda: self.sql(sums) == mine)

    def digest(self):
        """Of what a copy must not touch."""
        return self.run(f"cd {self.data} && find base global pg_xact -type f -exec sha256sum {{}} + | sort | sha256sum")

    def salvages(self):
        listed = self.run(f"ls -d {self.data}.pgops-salvage-* 2>/dev/null || true").split()
        return {place: json.loads(self.run(f"cat {place}/manifest.json")) for place in listed}

    def leftovers(self):
        """What a run leaves behind that was cut off, and nobody cleaned up."""
        names = "-name '*pgops-new*' -o -name '*pgops-old*' -o -name pgops.json -o -name '*pgops-tmp'"
        found = self.run(f"find /var/lib/postgresql {names}; ls /var/lib/pgops/rejoin-* 2>/dev/null || true").split()
        barred = self.run(f"grep -l superuser_reserved_connections {self.data}/postgresql.auto.conf || true").split()
        unfinished = [place for place, manifest in self.salvages().items() if not manifest["complete"]]
        return found + barred + unfinished

    def kept(self):
        """Start the salvage by itself, and read what only the old node had."""
        (place,) = self.salvages()
        manifest = self.salvages()[place]
        assert (manifest["kind"], manifest["complete"], manifest["starts_standalone"]) == ("full", True, True)
        server = f"runuser -u postgres -- /usr/lib/postgresql/{self.version}/bin/pg_ctl -D {place}/data -w -l /tmp/kept"
        options = f"-c config_file=/etc/postgresql/{self.version}/main/postgresql.conf -c data_directory={place}/data"
        options += " -c port=5499 -c external_pid_file= -c listen_addresses= -c archive_mode=off"
        self.run(f"{server} -o '{options}' start >/dev/null")
        try:
            question = "SELECT pg_is_in_recovery(), (SELECT min(n) FROM only_there)"
            return self.run(f"{PSQL} -p 5499 -c '{question}' appdb").strip()
        finally:
            self.run(f"{server} -m immediate stop")


class View:
    """Watches what every pgpool believes: the node must be down there as long as it does not stream."""

    def __init__(self, node):
        self.node, self.wrong, self.looks, self.errors = node, [], 0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._over.set()
        self._thread.join(60)

    def _watch(self):
        while not self._over.wait(0.5):
            for proxy in self.node.lab.pgpools:
                try:
                    status = self.node.status(proxy)
                except Exception as exc:  # pylint: disable=broad-except
                    self.errors.append(str(exc))
                    continue
                self.looks += 1
                if status != "down" and not self._proven():
                    self.wrong.append((proxy, status))

    def assert_never_attached_unproven(self):
        """Also that it has really been watched: every pgpool several times, with hardly an answer missing."""
        assert self.wrong == [], "it was attached while it did not stream"
        assert self.looks >= 3 * len(self.node.lab.pgpools), self.errors
        assert len(self.errors) * 4 <= self.looks, self.errors

    def _proven(self):
        try:
            return self.node.streams()
        except Exception:  # pylint: disable=broad-except
            return False

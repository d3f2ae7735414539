# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts with an old PostgreSQL below /srv/old, made by hand as its users made it, and our module run on them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import binaries
from proof import CHECKOUT, eventually

DB1, DB2 = "postgres-db1", "postgres-db2"
CONFIGURATION = """
listen_addresses = '*'
unix_socket_directories = '/srv/old'
password_encryption = 'scram-sha-256'
wal_level = replica
hot_standby = on
max_wal_senders = 10
max_replication_slots = 10
include_dir 'conf.d'
"""
ACCESS = """
local all all peer
host all replication 0.0.0.0/0 scram-sha-256
host replication replication 0.0.0.0/0 scram-sha-256
"""
READS_FILES = """
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text), pg_start_backup(text, boolean, boolean),
  pg_stop_backup(boolean, boolean) TO replication
"""


class Hosts:
    """The lab's hosts, with bytes for a command's standard input."""

    def __init__(self, lab):
        self.lab = lab

    def run(self, host, command):
        return self.lab.run(host, command)

    def pipe(self, host, command, content):
        """Run a command as root that reads these bytes."""
        folder = self.lab.folder / "ssh"
        options = ["-o", f"UserKnownHostsFile={folder / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"]
        options += ["-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-i", str(folder / "id_ed25519")]
        argv = ["ssh", *options, f"ops@{self.lab.address(host)}", f"sudo -n -- bash -c {shlex.quote(command)}"]
        done = subprocess.run(argv, input=content, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, f"{host}: {command}: {done.stderr.decode()}"

    def trust(self):
        """Both servers' users may read each other's files by SSH, with verified host keys."""
        home = "~postgres/.ssh"
        keys = {}
        for host in (DB1, DB2):
            make = (
                f"mkdir -p {home} && (test -e {home}/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f {home}/id_ed25519)"
            )
            keys[host] = (
                self.run(host, f"{make} && cat {home}/id_ed25519.pub").strip(),
                self.run(host, "cat /etc/ssh/ssh_host_ed25519_key.pub").strip(),
            )
        for host, other in ((DB1, DB2), (DB2, DB1)):
            known = f"{self.lab.address(other)} {keys[other][1]}\n"
            self.pipe(host, f"cat > {home}/known_hosts", known.encode())
            self.pipe(host, f"cat > {home}/authorized_keys", f"{keys[other][0]}\n".encode())
            self.run(host, f"chown -R postgres: {home}; chmod 700 {home}; chmod 600 {home}/*")
            self.pipe(host, "cat > ~postgres/.pgpass", self.pass_line())
            self.run(host, "chown postgres: ~postgres/.pgpass; chmod 600 ~postgres/.pgpass")

    def pass_line(self):
        return f"*:*:*:replication:{self.lab.secrets['pgops_replication_password']}\n".encode()


class Server:
    """One old server on one host."""

    def __init__(self, hosts, major, host, *, name="main", port=0, home=""):
        self.hosts, self.major, self.host, self.name = hosts, major, host, name
        self.port = port or 5400 + major
        self.home = home or f"/opt/pg{major}"
        self.folder = f"/srv/old/{major}-{name}"
        self.data = f"{self.folder}/data"
        self.etc = self.data

    @property
    def address(self):
        return self.hosts.lab.address(self.host)

    def run(self, command):
        return self.hosts.run(self.host, command)

    def pg(self, program, words):
        return self.run(f"cd / && runuser -u postgres -- {self.home}/bin/{program} {words}")

    def install(self, cache):
        binaries.install(self.hosts, self.host, binaries.tarball(cache, self.major), self.home)
        self.make_folder()

    def make_folder(self):
        self.run(f"install -d -o postgres -g postgres /srv/old {self.folder}")

    def initdb(self):
        """The first primary, with a configuration inside its data directory."""
        self.pg("initdb", f"-D {self.data} -k --no-sync --locale=C -E UTF8 -U postgres")
        self.run(f"install -d -o postgres -g postgres -m 700 {self.data}/conf.d")
        keep = "wal_keep_size = 128MB" if self.major >= 13 else "wal_keep_segments = 8"
        self.append("postgresql.conf", f"port = {self.port}\n{keep}\n{CONFIGURATION}")
        self.hosts.pipe(self.host, f"cat > {self.data}/pg_hba.conf", ACCESS.encode())
        self.mark()
        self.start()
        password = self.hosts.lab.secrets["pgops_replication_password"]
        self.script(
            f"CREATE ROLE replication LOGIN REPLICATION PASSWORD '{password}'; GRANT pg_monitor TO replication;"
        )
        if self.major == 11:  # before that, only a superuser reads files
            self.script(READS_FILES)

    def append(self, name, text):
        self.hosts.pipe(self.host, f"cat >> {self.data}/{name}", text.encode())

    def mark(self):
        """Give the server files that tell whose they are, and one that only it has."""
        for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
            self.run(f"sed -i '/^# files of/d' {self.data}/{name}; echo '# files of {self.host}' >> {self.data}/{name}")
        only = f"{self.data}/conf.d/{self.host}.conf"
        self.run(f"rm -f {self.data}/conf.d/*; echo \"cluster_name = '{self.host}'\" > {only}; chown postgres: {only}")

    def owns_its_files(self):
        """None of its configuration became another node's."""
        names = "postgresql.conf pg_hba.conf pg_ident.conf"
        marks = self.run(f"cd {self.data} && grep -h '^# files of' {names} && ls conf.d && stat -c %U {names} conf.d/*")
        assert marks.split("\n")[:-1] == [f"# files of {self.host}"] * 3 + [f"{self.host}.conf"] + ["postgres"] * 4
        assert self.sql("SHOW cluster_name") == self.host

    def start(self):
        options = shlex.quote(f"-c config_file={self.etc}/postgresql.conf")
        self.pg("pg_ctl", f"-D {self.data} -w -t 30 -l {self.folder}/start.log -o {options} start")

    def stop(self, mode="fast"):
        self.pg("pg_ctl", f"-D {self.data} -w -m {mode} stop")

    def promote(self):
        self.pg("pg_ctl", f"-D {self.data} -w -t 30 promote")
        assert self.sql("SELECT pg_is_in_recovery()") == "f"

    def script(self, text):
        """SQL that may hold a password goes through standard input."""
        self.hosts.pipe(self.host, f"{self._psql()} postgres", text.encode())

    def sql(self, statement):
        return self.run(f'{self._psql()} -c "{statement}" postgres').strip()

    def _psql(self):
        return f"cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -h /srv/old -p {self.port}"

    def rows(self):
        return self.sql("SELECT count(*), coalesce(sum(n), 0) FROM t")

    def caught_up_with(self, primary):
        """It is a standby of this primary, and has its rows."""
        assert self.sql("SELECT pg_is_in_recovery()") == "t"
        states = primary.sql(f"SELECT state FROM pg_stat_replication WHERE application_name = '{self.slot}'")
        assert states == "streaming"
        wanted = primary.rows()
        eventually(lambda: self.rows() == wanted)

    @property
    def slot(self):
        return f"pgops_{self.name}_{self.host[-1]}"

    def rejoin(self, primary, *, fails=False, check_mode=False, **options):
        """Run the module on this server's host; returns its result."""
        words = {
            "primary_host": primary.address,
            "primary_port": primary.port,
            "slot_name": self.slot,
            "bin_directory": f"{self.home}/bin",
            "data_directory": self.data,
            "version": str(self.major),
            "cluster_name": self.name,
            "port": self.port,
            "socket_directory": "/srv/old",
            "service": "",
            **options,
        }
        argv = [str(Path(sys.executable).parent / "ansible"), "-i", "inventories/lab/hosts", self.host, "-b"]
        argv += ["-m", "pgops.pgpool.pg_basebackup_sync", "-a", json.dumps(words)] + ["--check"] * check_mode
        lab = self.hosts.lab
        environment = {k: v for k, v in lab.environment.items() if not k.startswith(("MOLECULE", "ANSIBLE_"))}
        environment.update(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json", ANSIBLE_LOAD_CALLBACK_PLUGINS="1")
        done = subprocess.run(
            argv, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, timeout=120, check=False
        )
        result = json.loads(done.stdout[done.stdout.index("{\n") :])["plays"][0]["tasks"][0]["hosts"][self.host]
        told = ("method", "reasons", "timings", "seconds", "salvage", "diverged", "msg")
        print(json.dumps({key: result.get(key) for key in told}, indent=1))
        assert bool(result.get("failed")) is fails, result.get("msg")
        return result

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wal_ahead.sh and take_wal_tail.sh run for real here; pg_waldump, psql and ssh are replaced by scripts.

failover.sh takes "nothing" and "taken: " for a proof that no commit is missing, so nothing else may end in these words.
"""

from __future__ import annotations

import subprocess

import pytest

from .rendering import cluster, render

SEGMENT = 1024 * 1024
RECORD = "rmgr: Heap        len (rec/tot):     54/  {length}, tx:        731, lsn: {lsn}, prev 0/01600028, desc: INSERT"
END = "pg_waldump: error: error in WAL record at 0/1700100: invalid record length at 0/1700150: wanted 24, got 0"
WALDUMP = """#!/bin/bash
echo "$*" >>"{folder}/waldump.log"
cat "{folder}/records" 2>/dev/null
cat "{folder}/complaint" >&2 2>/dev/null
exit {status}
"""
PSQL = '#!/bin/bash\necho "{answer}"\n'
SSH = '#!/bin/bash\nexec bash -c "${*: -1}"\n'  # the failed host is a directory here


class Servers:
    """The data directory of the server that died and that of the standby, of 1 MiB per file of WAL."""

    def __init__(self, folder):
        self.folder, self.bin = folder, folder / "bin"
        self.failed, self.standby = folder / "failed", folder / "standby"
        for place in (self.bin, self.failed / "pg_wal", self.standby / "pg_wal"):
            place.mkdir(parents=True)
        self.waldump()

    def program(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def waldump(self, *records, status=1, complaint=END):
        (self.folder / "records").write_text("".join(f"{record}\n" for record in records))
        (self.folder / "complaint").write_text(f"{complaint}\n")
        self.program("pg_waldump", WALDUMP.format(folder=self.folder, status=status))

    def wal(self, *numbers, where=None, timeline=1, byte=b"x"):
        for number in numbers:
            place = (where or self.failed) / "pg_wal" / f"{timeline:08X}{0:08X}{number:08X}"
            place.write_bytes(byte * SEGMENT)

    def text_of(self, number, timeline=1):
        return (self.standby / "pg_wal" / f"{timeline:08X}{0:08X}{number:08X}").read_bytes()

    def run(self, script, *words):
        text = render("pgpool", f"{script}.sh.j2", cluster(3))
        argv = ["bash", "-s", "--", *[str(word) for word in words]]
        environment = {"PATH": f"{self.bin}:/usr/bin:/bin"}
        return subprocess.run(
            argv, input=text, env=environment, capture_output=True, text=True, check=False, timeout=20
        )

    def ahead(self, position="0/1700000"):
        return self.run("wal_ahead", position, SEGMENT, self.failed, self.bin)

    def take(self, found, replayed="0/1700000"):
        self.program("psql", PSQL.format(answer=f"{replayed}|{SEGMENT}"))
        self.program("ssh", SSH)
        return self.run("take_wal_tail", "10.1.7.106", self.failed, self.standby, self.bin, 5432, found)


@pytest.fixture
def servers(tmp_path):
    return Servers(tmp_path)


def record(lsn, length=150):
    return RECORD.format(lsn=lsn, length=length)


def test_the_last_whole_record_behind_the_position_and_its_length(servers):
    servers.wal(22, 23)
    servers.waldump(record("0/01700028"), record("0/01700060", 4711))
    assert servers.ahead().stdout == "00000001 0/01700060 4711\n"
    assert f"-s 0/1700000 {1:08X}{0:08X}{23:08X}" in (servers.folder / "waldump.log").read_text()


def test_nothing_is_behind_it(servers):
    servers.wal(22, 23)
    assert (servers.ahead().returncode, servers.ahead().stdout) == (0, "")


def test_nothing_is_behind_the_end_of_a_file_when_the_next_one_was_not_begun(servers):
    servers.wal(21, 22)
    assert (servers.ahead().returncode, servers.ahead().stdout) == (0, "")
    assert not (servers.folder / "waldump.log").exists()


def test_a_file_that_is_gone_already_proves_nothing(servers):
    """The standby is so far behind that the primary has removed what it needs."""
    servers.wal(24, 25)
    assert (servers.ahead().returncode, servers.ahead().stdout) == (4, "")


def test_a_server_without_wal_proves_nothing(servers):
    assert servers.ahead().returncode not in (0, 3)


@pytest.mark.parametrize("status", [126, 127, 137])
def test_a_tool_that_does_not_come_to_its_end_proves_nothing(servers, status):
    servers.wal(23)
    servers.waldump(record("0/01700028"), status=status)
    assert (servers.ahead().returncode, servers.ahead().stdout) == (4, "")


def test_a_tool_that_is_not_there_proves_nothing(servers):
    servers.wal(23)
    (servers.bin / "pg_waldump").unlink()
    assert (servers.ahead().returncode, servers.ahead().stdout) == (4, "")


def test_a_server_that_still_runs_is_not_read(servers):
    servers.wal(23)
    process = subprocess.Popen(["sleep", "30"])
    (servers.failed / "postmaster.pid").write_text(f"{process.pid}\n")
    try:
        assert servers.ahead().returncode == 3
    finally:
        process.kill()
        process.wait()


def test_what_was_left_behind_is_taken(servers):
    servers.wal(23, byte=b"n")
    servers.wal(23, where=servers.standby, byte=b"o")
    done = servers.take("00000001 0/01704000 150", replayed="0/1702010")
    assert done.stdout.startswith("taken: WAL from 0/1702010 to 0/01704000"), done.stdout + done.stderr
    assert servers.text_of(23) == b"o" * 0x2000 + b"n" * (SEGMENT - 0x2000), "whole pages from the replayed one on"
    assert [one.name for one in (servers.standby / "pg_wal").iterdir()] == [f"{1:08X}{0:08X}{23:08X}"]


def test_a_record_that_goes_on_in_the_next_file_needs_that_one_too(servers):
    servers.wal(23)
    found = "00000001 0/017FFF00 3000"
    assert servers.take(found).stdout.startswith("taken in part: ")
    servers.wal(24)
    assert servers.take(found).stdout.startswith("taken: ")
    assert servers.text_of(24) == b"x" * SEGMENT


def test_a_record_that_ends_in_its_file_does_not_need_the_next_one(servers):
    servers.wal(23)
    assert servers.take("00000001 0/017FFF00 100").stdout.startswith("taken: ")


def test_a_missing_file_is_said(servers):
    servers.wal(23, 25)
    done = servers.take("00000001 0/01900100 150")
    assert done.stdout.startswith("taken in part: "), done.stdout
    assert "00000001" + f"{0:08X}{24:08X}" in done.stdout


def test_more_than_fits_into_the_time_is_said(servers):
    """Eight files at most."""
    servers.wal(*range(23, 40))
    done = servers.take("00000001 0/02100100 150")
    assert done.stdout.startswith("taken in part: "), done.stdout
    assert len(list((servers.standby / "pg_wal").iterdir())) == 8


def test_a_host_that_is_gone_meanwhile_is_no_success(servers):
    servers.wal(23)
    servers.program("psql", PSQL.format(answer=f"0/1700000|{SEGMENT}"))
    servers.program("ssh", "#!/bin/bash\nexit 255\n")
    done = servers.run(
        "take_wal_tail", "10.1.7.106", servers.failed, servers.standby, servers.bin, 5432, "00000001 0/01700060 9"
    )
    assert done.returncode != 0 and "taken: " not in done.stdout

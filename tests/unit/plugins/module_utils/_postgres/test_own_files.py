# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import marks, own_files

from tests.unit.rejoin_cases import observed, old_primary, stopped, target, work

MINE = {
    "postgresql.conf": "ssl_key_file = 'node.key'\ninclude_dir 'conf.d'\ninclude_if_exists 'more/own.conf'\n",
    "pg_hba.conf": "# mine, caf\u00e9\r\n",
    "pg_ident.conf": "# mine\n",
    "conf.d/10-mine.conf": "work_mem = 8MB\n",
    "more/own.conf": "jit = off\n",
    "node.key": "secret",
    "postgresql.auto.conf": "# mine\n",
}


def fill(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes().decode() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def job(tmp_path):
    job = work(tmp_path)
    fill(tmp_path / "main", MINE)
    (tmp_path / "main" / "node.key").chmod(0o640)
    return job._replace(layout=job.layout._replace(config_directory=str(tmp_path / "main")))


def copy_of_primary(folder):
    theirs = {name: "# theirs\n" for name in ("postgresql.conf", "pg_hba.conf", "postgresql.auto.conf", "server.key")}
    fill(folder, {**theirs, "conf.d/20-theirs.conf": "shared_buffers = 8GB\n", "conf.d/README": "not read\n"})


def test_a_copy_of_the_primary_gets_the_nodes_own_files(job, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    copy_of_primary(new)
    own_files.note(job, observed(stopped()))
    own_files.restore(job, str(new))
    expected = dict(MINE, **{"conf.d/README": "not read\n", "server.key": "# theirs\n"})
    expected["postgresql.auto.conf"] = "# theirs\n"
    assert tree(new) == expected
    assert stat.S_IMODE(os.stat(new / "node.key").st_mode) == 0o640


def test_they_are_kept_for_root_alone(job):
    own_files.note(job, observed(stopped()))
    assert stat.S_IMODE(os.stat(job.marks.files_path).st_mode) == 0o600


def test_what_a_killed_run_kept_is_not_replaced_by_the_primarys(job, tmp_path):
    own_files.note(job, observed(old_primary()))
    job.marks.note(marks.REWINDING)
    copy_of_primary(tmp_path / "main")  # pg_rewind was at work
    for cut_off in ({"interrupted": marks.REWINDING}, {"resumable": True}):
        own_files.note(job, observed(stopped(**cut_off)))
    own_files.restore(job, str(tmp_path / "main"))
    assert (tmp_path / "main" / "postgresql.conf").read_text() == MINE["postgresql.conf"]


def test_what_was_edited_after_a_failed_start_counts(job, tmp_path):
    own_files.note(job, observed(stopped()))
    job.marks.note(marks.READY)
    (tmp_path / "main" / "postgresql.conf").write_text("port = 5434\n")
    own_files.restore(job, str(tmp_path / "main"))
    own_files.note(job, observed(stopped(resumable=True)))
    own_files.restore(job, str(tmp_path / "main"))
    assert (tmp_path / "main" / "postgresql.conf").read_text() == "port = 5434\n"


def test_a_configuration_elsewhere_is_not_touched(tmp_path):
    job = work(tmp_path)
    etc = tmp_path / "etc"
    etc.mkdir()
    fill(etc, {"postgresql.conf": f"hba_file = '{etc}/pg_hba.conf'\nident_file = '{etc}/i.conf'\n", "pg_hba.conf": "x"})
    job = job._replace(layout=job.layout._replace(config_directory=str(etc)))
    own_files.note(job, observed(stopped()))
    own_files.restore(job, str(tmp_path / "main"))
    assert tree(tmp_path / "main") == {}


def test_a_link_stays_a_link(job, tmp_path):
    (tmp_path / "elsewhere.conf").write_text("# managed\n")
    (tmp_path / "main" / "pg_hba.conf").unlink()
    (tmp_path / "main" / "pg_hba.conf").symlink_to(tmp_path / "elsewhere.conf")
    new = tmp_path / "new"
    new.mkdir()
    copy_of_primary(new)
    own_files.note(job, observed(stopped()))
    own_files.restore(job, str(new))
    assert os.readlink(new / "pg_hba.conf") == str(tmp_path / "elsewhere.conf")


def test_there_is_nothing_to_keep_before_the_first_copy(job):
    own_files.note(job, observed(target(state="absent", timeline=None, lsn=None)))
    assert not os.path.exists(job.marks.files_path)

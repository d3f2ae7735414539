# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._postgres import conffile


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("port = 5433", ("port", "5433")),
        ("port 5433 # comment", ("port", "5433")),
        ("PORT=5433#comment", ("port", "5433")),
        ("\tdata_directory = '/srv/my data'\t# use data", ("data_directory", "/srv/my data")),
        ("a.b = 'it''s'", ("a.b", "it's")),
        (r"x = 'tab\there \101 \'q\''", ("x", "tab\there A 'q'")),
        ("unix_socket_directories = ''", ("unix_socket_directories", "")),
        ("include_dir 'conf.d'", ("include_dir", "conf.d")),
    ],
)
def test_lines(line, pair):
    assert conffile.parse(line) == [pair]


@pytest.mark.parametrize("line", ["", "#port = 1", "   # x", "port", "= 3", "'quoted' = 1"])
def test_lines_without_a_setting(line):
    assert conffile.parse(line) == []


def test_load_follows_includes_in_order_and_the_last_one_wins(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "postgresql.conf").write_text(
        "port = 1\ninclude_if_exists 'missing.conf'\ninclude = 'more.conf'\ninclude_dir = 'conf.d'\nlast = here\n"
    )
    (tmp_path / "more.conf").write_text("port = 2\nmore = yes\n")
    (tmp_path / "conf.d" / "b.conf").write_text("port = 4\n")
    (tmp_path / "conf.d" / "a.conf").write_text("port = 3\nlast = dir\n")
    (tmp_path / "conf.d" / ".hidden.conf").write_text("port = 9\n")
    (tmp_path / "conf.d" / "z.conf.bak").write_text("port = 9\n")
    assert conffile.load(str(tmp_path / "postgresql.conf")) == {"port": "4", "more": "yes", "last": "here"}


def test_load_below_a_root(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a.conf").write_text("include '/etc/b.conf'\n")
    (tmp_path / "etc" / "b.conf").write_text("port = 7\n")
    assert conffile.load("/etc/a.conf", root=str(tmp_path)) == {"port": "7"}
    assert conffile.load("/etc/none.conf", root=str(tmp_path)) == {}


def test_load_survives_a_file_that_includes_itself(tmp_path):
    path = tmp_path / "a.conf"
    path.write_text("port = 1\ninclude 'a.conf'\n")
    assert conffile.load(str(path)) == {"port": "1"}


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("", {}),
        ("host=a port=5432", {"host": "a", "port": "5432"}),
        ("host = 'a b'  user='o\\'x'", {"host": "a b", "user": "o'x"}),
        (r"password=a\ b host=x", {"password": "a b", "host": "x"}),
        ("password='' host=x", {"password": "", "host": "x"}),
    ],
)
def test_parse_conninfo(text, keywords):
    assert conffile.parse_conninfo(text) == keywords
    assert conffile.parse_conninfo(conffile.render_conninfo(keywords)) == keywords


@pytest.mark.parametrize("text", ["host", "host=a nonsense", "host='open", "postgres://a@b/c?x=y z", "a='b'c=d"])
def test_what_is_no_conninfo(text):
    assert conffile.parse_conninfo(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "host=a password=s3cret user=u",
        "host=a password = 's3cret x' user=u",
        r"password=s3cret\ more host=a",
        "sslpassword=s3cret host=a",
        "host=a password='s3cret",
        "postgresql://u:s3cret@a:5432/db",
        "postgres://u:s3c/s3cret@a/db?sslmode=require",
        "postgres://u@a/db?password=s3cret&sslmode=require",
        "postgres://a/db?sslmode=require&sslpassword=s3cret",
    ],
)
def test_no_password_survives_redaction(text):
    shown = conffile.redact_conninfo(text)
    assert "s3c" not in shown and "more" not in shown
    assert conffile.HIDDEN in shown


def test_redaction_keeps_the_rest():
    assert conffile.redact_conninfo("host=a password=x port=1") == f"host=a password={conffile.HIDDEN} port=1"
    assert conffile.redact_conninfo("host=a user=u") == "host=a user=u"
    assert conffile.redact_conninfo("") is None
    assert conffile.redact_conninfo(None) is None


def test_what_a_configuration_is_made_of(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.conf").write_text("port = 1\n")
    (tmp_path / "main.conf").write_text("include 'more.conf'\ninclude 'missing.conf'\ninclude_dir 'conf.d'\n")
    (tmp_path / "more.conf").write_text("")
    files, folders = conffile.sources(str(tmp_path / "main.conf"))
    assert [name[len(str(tmp_path)) + 1 :] for name in files] == ["main.conf", "more.conf", "conf.d/a.conf"]
    assert folders == [str(tmp_path / "conf.d")]

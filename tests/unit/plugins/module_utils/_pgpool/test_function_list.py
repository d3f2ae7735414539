# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import function_list

# the list, what is missed when it is called with a schema, the list to write
CASES = [
    ("", [], ""),
    ("nextval", ["nextval"], "(.*[.])?nextval"),
    ("nextval,setval", ["nextval", "setval"], "(.*[.])?nextval,(.*[.])?setval"),
    ("book, ,nextval , book,", ["book", "nextval"], "(.*[.])?book,(.*[.])?nextval,(.*[.])?book"),
    ("^nextval$,Buchung_löschen", ["^nextval$", "Buchung_löschen"], "(.*[.])?nextval$,(.*[.])?Buchung_löschen"),
    (r"book[$]in,book\$out", ["book[$]in", r"book\$out"], r"(.*[.])?book[$]in,(.*[.])?book\$out"),
    # the beginning of names, as in Pgpool-II's documentation
    ("set_.*,^put_.+$", ["set_.*", "^put_.+$"], "(.*[.])?set_.*,(.*[.])?put_.+$"),
    # these know any schema
    ("(.*[.])?nextval,(.*[.])?book[$]in", [], "(.*[.])?nextval,(.*[.])?book[$]in"),
    (r".*nextval,(.+\.)?setval,.*_write,^.*$", [], r".*nextval,(.+\.)?setval,.*_write,^.*$"),
    # these name a schema, or a family of them
    ("public.f1,public[.]f2,app.*,pg_catalog.*", [], "public.f1,public[.]f2,app.*,pg_catalog.*"),
    # the schema stands in an entry of its own, as Pgpool-II's documentation has it
    ("f1,public.f1", [], "f1,public.f1"),
    ("f1,F2,(app|shop)[.]f1,public.(f1|f2)", [], "f1,F2,(app|shop)[.]f1,public.(f1|f2)"),
    (r"f1,set_.*,[^.]+\.f1,t[0-9]+[.]set_.*", [], r"f1,set_.*,[^.]+\.f1,t[0-9]+[.]set_.*"),
    ("f1,([[:alpha:]_]+[.])?f[0-9]", [], "f1,([[:alpha:]_]+[.])?f[0-9]"),
    ("put_.+,app.put_.+", [], "put_.+,app.put_.+"),
    ("f1,nextval,.*f1,public.f", ["nextval"], "f1,(.*[.])?nextval,.*f1,public.f"),
    ("f1,app.*,f.*", ["f1"], "(.*[.])?f1,app.*,f.*"),
    # not decided: other patterns, an end inside of a name, something that is no pattern
    ("nextval|setval,(a|b)_f,[a-z]+val,f?", [], "nextval|setval,(a|b)_f,[a-z]+val,f?"),
    ('book$in,(f,*,"Book",f1()', [], 'book$in,(f,*,"Book",f1()'),
]


@pytest.mark.parametrize(("given", "missed", "mended"), CASES)
def test_what_is_missed_with_a_schema(given, missed, mended):
    assert function_list.missed(given) == missed
    if missed:
        assert function_list.mended(given) == mended
    assert function_list.missed(mended) == []


@pytest.mark.parametrize(
    ("entry", "called", "matches"),
    [
        ("nextval", "nextval", True),
        ("nextval", "NextVal", True),
        ("nextval", "pg_catalog.nextval", False),
        ("nextval", "nextval2", False),
        ("^nextval$", "nextval", True),
        ("nextval|setval", "app.setval", True),  # ^ and $ stand around all of it
        ("public.f1", "publicxf1", True),
        ("(f", "f", False),  # Pgpool-II leaves it out, with a line in the log
    ],
)
def test_an_entry_is_compared_as_pgpool_does(entry, called, matches):
    assert function_list.matches(entry, called) is matches

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool import comma_lists
from ansible_collections.pgops.pgpool.plugins.module_utils._pgpool.comma_lists import BOTH, LEFT, WHOLE

# the list, what of an entry is compared, what a blank keeps from matching up to 4.5 and since 4.6, the list to write
CASES = [
    ("", WHOLE, [], [], ""),
    ("nextval,setval", WHOLE, [], [], "nextval,setval"),
    ("nextval, setval", WHOLE, ["setval"], [], "nextval,setval"),
    (" f1,f2\t,\tf3 ,f1 ", WHOLE, ["f1", "f2", "f3"], [], "f1,f2,f3,f1"),
    ("(.*[.])?f1, [[:alpha:]]+[.]f2,^f3$ ", WHOLE, ["[[:alpha:]]+[.]f2", "^f3$"], [],
     "(.*[.])?f1,[[:alpha:]]+[.]f2,^f3$"),
    ("f1|f2, f3|f4", WHOLE, ["f3|f4"], [], "f1|f2,f3|f4"),
    # between commas is nothing that would match
    ("f1, ", WHOLE, [], [], "f1"),
    (" , f1,,", WHOLE, ["f1"], [], "f1"),
    # a blank inside of a name, or one that the pattern counts
    ("my table,a[ ]?b,^ f1,f2 $", WHOLE, [], [], "my table,a[ ]?b,^ f1,f2 $"),
    (r" *f1, ?f2, {0}f3,f4\ ,f5| , |f6", WHOLE, [], [], r" *f1, ?f2, {0}f3,f4\ ,f5| , |f6"),
    # with quotes it matches nothing either way
    ('f1, "Book"', WHOLE, [], [], 'f1, "Book"'),
    # where a session reads: only the name is compared, Pgpool-II does not start with a blank in what is behind it
    ("shop:primary,app:standby(0.5)", LEFT, [], [], "shop:primary,app:standby(0.5)"),
    ("shop:primary, app :standby(0.5)", LEFT, ["app"], ["app"], "shop:primary,app:standby(0.5)"),
    ("shop:primary,^(a|b)_[0-9]+ : 1", LEFT, ["^(a|b)_[0-9]+"], ["^(a|b)_[0-9]+"], "shop:primary,^(a|b)_[0-9]+:1"),
    ("my app:primary", LEFT, [], [], "my app:primary"),
    # what depends on what
    ("t1:t2,f1():t3", BOTH, [], [], "t1:t2,f1():t3"),
    ("t1:t2, f1():t3", BOTH, ["f1()"], [], "t1:t2,f1():t3"),
    (" t1 : t2 ,f1() :t3 ", BOTH, ["t1", "t2", "f1()", "t3"], ["t1", "t2", "f1()"], "t1:t2,f1():t3"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "compared", "before", "since", "mended"), CASES)
def test_names_that_a_blank_keeps_from_matching(given, compared, before, since, mended):
    assert comma_lists.lost(given, compared, trims=False) == before
    assert comma_lists.lost(given, compared, trims=compared != LEFT) == since
    assert comma_lists.without_blanks(given, compared) == mended
    assert comma_lists.lost(mended, compared, trims=False) == []

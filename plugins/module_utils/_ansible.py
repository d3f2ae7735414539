# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is PRIVATE to the collection: it can change at any time. Do not import it from outside.
# The only file under module_utils that knows Ansible; everything else is plain Python.

from __future__ import annotations

from ._errors import PgopsError


def run_use_case(module, use_case):
    """Call ``use_case(module)`` and report: its dict through exit_json, our own errors through fail_json.

    Only PgopsError is caught: a bug must show its traceback.
    """
    try:
        result = use_case(module)
    except PgopsError as exc:
        module.fail_json(**exc.to_result())
    module.exit_json(**result)


__all__ = ("run_use_case",)

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dynamic inventory of the lab named by LAB_PROJECT: prints what `lab.py up` wrote into .lab/."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def load(project):
    """The inventory of a lab that is up, passwords included; exits with one sentence when there is none."""
    folder = CHECKOUT / ".lab" / project
    try:
        inventory = json.loads((folder / "inventory.json").read_text(encoding="utf-8"))
        passwords = json.loads((folder / "secrets.yml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        sys.exit(f"The lab '{project}' is not up: run `make lab-up` (or set LAB_PROJECT to the lab you mean).")
    except (OSError, ValueError) as exc:
        sys.exit(f"The files of the lab '{project}' cannot be read ({exc}): run `make lab-down` and `make lab-up`.")
    inventory["all"]["vars"].update(passwords)
    return inventory


def main(words):
    """Answer --list and --host, as ansible asks."""
    if words[:1] == ["--host"]:
        print("{}")
    elif words in ([], ["--list"]):
        print(json.dumps(load(os.environ.get("LAB_PROJECT") or "pgops"), indent=2))
    else:
        sys.exit("usage: hosts [--list | --host NAME]")


if __name__ == "__main__":
    main(sys.argv[1:])

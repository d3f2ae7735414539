# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: a cluster of systemd containers on one Docker network. ``lab.py --help`` says what it can do.

Standard library only: it runs on a fresh machine, before any virtual environment exists.
"""

import sys

if sys.version_info < (3, 9):
    sys.exit("lab.py needs Python 3.9 or later; this is " + sys.version.split()[0])

from lab.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

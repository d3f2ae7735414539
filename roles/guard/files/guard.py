# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of pgops, as systemd and people call it. All of it is in the directory of the same name beside this file.

(Installed by the role pgops.pgpool.guard, which puts the first line with the interpreter in front.)
"""

import sys

from guard.main import main

if __name__ == "__main__":
    sys.exit(main())

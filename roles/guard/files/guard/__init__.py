# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of a database host: never two primaries. ``main.py`` says what it can be asked.

Pure: ``seen`` (what can be seen), ``decision`` (may PostgreSQL start?), ``running`` (may it go on?), ``memory`` (what
earlier looks showed), ``synchronous`` (must commits wait for a standby?), ``conninfo``. With effects: ``here`` (this
host), ``ask``, ``reach`` (others), ``acts`` (fence, follow), ``requirement`` (what commits wait for), ``statusfile``,
``systemd``, ``tell``, and ``boot`` and ``watch``, which put them together.
"""

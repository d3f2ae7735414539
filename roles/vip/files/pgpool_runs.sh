#!/usr/bin/env bash
# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# pgpool_runs.sh PID_FILE PORT: does a pgpool run on this host, and does it take connections?
# Children that outlive their parent still take some, so the parent is looked for. A full queue is no fault.
set -u
pid=$(head -n 1 "$1" 2>/dev/null)
[[ $pid =~ ^[0-9]+$ && $(cat "/proc/$pid/comm" 2>/dev/null) == pgpool ]] || exit 1
timeout 0.8 bash -c "exec 3<>/dev/tcp/127.0.0.1/$2" 2>/dev/null
[[ $? == 0 || $? == 124 ]]

#!/usr/bin/env bash
# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# pgpool_answers.sh PID_FILE PORT FAILOVER_MARK: does the pgpool on this host hang?
# It is asked whether it talks TLS, as every client may; one byte is the answer, no login is needed. No answer is a fault
# only when a child is free to give one, and not while a database failover is under way.
set -u
pid_file=$1 port=$2 mark=$3
pid=$(head -n 1 "$pid_file" 2>/dev/null)
[[ $pid =~ ^[0-9]+$ ]] || exit 1

read -r -d '' question <<'END'
exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 0
printf '\0\0\0\x08\x04\xd2\x16\x2f' >&3
read -r -N 1 <&3
END
if timeout 1 bash -c "$question" "$port" 2>/dev/null; then
  # It answered, or refused, which is for pgpool_runs.sh. A parent that was stopped cannot start children, or fail over.
  [[ $(ps -o state= -p "$pid") != [Tt]* ]]
  exit
fi
# failover.sh takes its mark away at its end. One that was killed leaves it, and believes it itself for ten minutes.
[[ -s $mark && -n $(find "$mark" -mmin -10) ]] && exit 0
# Not the process for PCP, which waits for connection requests of its own.
if pgrep -P "$pid" -f '^pgpool: wait for connection request' >/dev/null; then exit 1; fi
[[ $(ps -o state= -p "$pid") != [Tt]* ]]

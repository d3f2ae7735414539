# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """Where PostgreSQL lives on the host, written once (the argument spec is ``overrides.ARGUMENTS``)."""

    DOCUMENTATION = r"""
options:
  version:
    description:
      - Major version of the PostgreSQL that is meant, such as V(15).
      - Discovered when there is only one.
    type: str
  cluster_name:
    description:
      - Name of the cluster as Debian's tools call it.
      - Discovered when there is only one; V(main) when none is configured yet.
    type: str
  data_directory:
    description:
      - Data directory. Read from the configuration by default.
    type: path
  config_directory:
    description:
      - Directory of C(postgresql.conf).
      - By default C(/etc/postgresql/VERSION/CLUSTER) as on Debian, or the data directory as on RPM systems.
    type: path
  bin_directory:
    description:
      - Directory of the programs C(postgres), C(pg_controldata) and so on.
      - By default C(/usr/lib/postgresql/VERSION/bin), or C(/usr/pgsql-VERSION/bin).
    type: path
  port:
    description:
      - Port of PostgreSQL. Read from the configuration by default.
      - While the server runs, the port that it really uses counts.
    type: int
  socket_directory:
    description:
      - Directory of the Unix socket. Read from the configuration by default.
      - While the server runs, the directory that it really uses counts.
    type: path
  service:
    description:
      - Name of the systemd unit.
      - By default C(postgresql@VERSION-CLUSTER), or C(postgresql-VERSION) on RPM systems.
    type: str
  postgres_user:
    description:
      - Operating system user that owns PostgreSQL, and its superuser role of the same name.
      - The module runs as root and acts as this user; no password is involved (peer authentication).
    type: str
    default: postgres
"""

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual IP, put on a host and taken from it by hand, past whoever moves it."""

from __future__ import annotations


class ByHand:
    """With ip and arping, on the hosts of a lab."""

    def __init__(self, lab):
        self.lab, self.address, self.device = lab, lab.vip, lab.vars["pgops_vip_interface"]

    def mac(self, name):
        return self.lab.run_inside(name, f"cat /sys/class/net/{self.device}/address").strip()

    def add(self, name):
        """By hand, and told to everybody, as a pgpool or keepalived that went wrong would."""
        self.lab.run_inside(name, f"ip address add {self.address}/24 dev {self.device} 2>/dev/null || true")
        self.announce(name)

    def announce(self, name):
        self.lab.run_inside(name, f"arping -q -U -c 1 -I {self.device} {self.address}")

    def remove(self, name):
        self.lab.run_inside(name, f"ip address del {self.address}/24 dev {self.device}", check=False)

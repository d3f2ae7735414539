#!/bin/sh
# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs as root in a container of the base system, and makes of it a minimal Debian server: systemd, sshd, sudo and
# Python, as a provider's smallest image has them. Nothing that the roles install is here.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

rm -f /etc/apt/sources.list.d/debian.sources
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

apt-get update -q
apt-get install -qy --no-install-recommends \
  systemd systemd-sysv dbus openssh-server sudo python3 iproute2 procps ca-certificates

# A mirror may list a newer build of Pgpool-II for a suite in long-term support than it holds (seen with bullseye):
# then the build the suite was released with is taken.
if ! (cd /tmp && apt-get -qq -o APT::Sandbox::User=root download pgpool2); then
  printf 'Package: pgpool2 libpgpool*\nPin: release l=Debian-Security\nPin-Priority: -1\n' >/etc/apt/preferences.d/lab
fi
rm -f /tmp/pgpool2_*

# Units that have nothing to do, or do harm, in a container: consoles, udev, the machine's own network and clock,
# kernel settings, and the timers that would take apt's lock away from a play. Those that ask for passwords cost every
# container two inotify instances, of which all containers of a machine share 128 unless it is told otherwise.
for unit in \
  systemd-ask-password-console.path systemd-ask-password-wall.path \
  console-getty.service getty.target getty-static.service systemd-logind.service \
  systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
  systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-resolved.service \
  systemd-timesyncd.service systemd-modules-load.service systemd-firstboot.service systemd-machine-id-commit.service \
  systemd-pstore.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount \
  tmp.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount dev-mqueue.mount systemd-remount-fs.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done

useradd --create-home --shell /bin/bash ops
install -d -m 700 -o ops -g ops /home/ops/.ssh
printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/ops
chmod 440 /etc/sudoers.d/ops
printf 'LANG=C.UTF-8\n' >/etc/default/locale

# Every container makes its own host key and machine id at its first boot.
rm -f /etc/ssh/ssh_host_*
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id
systemctl enable lab-hostkey.service ssh.service
systemctl set-default multi-user.target

rm -f /usr/sbin/policy-rc.d
apt-get clean
rm -f "$0"

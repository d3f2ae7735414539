# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import tarfile

from lab import apthost, image


def test_only_builders_whose_process_is_gone_are_abandoned():
    names = [
        "pgops-lab-build-bookworm-bare-100",
        "pgops-lab-build-trixie-packages-200",
        "pgops-lab-build-bookworm-bare-app-server1",
        "pgops-app-server1",
        "x-pgops-lab-build-bookworm-bare-100",
    ]
    assert image.abandoned(names, lambda pid: pid == 200) == ["pgops-lab-build-bookworm-bare-100"]


def test_a_recipe_belongs_to_its_suite_and_kind():
    seen = {image.recipe(suite, kind) for suite in ("bookworm", "trixie") for kind in ("base", "bare", "packages")}
    assert len(seen) == 6


def test_a_changed_file_changes_the_recipes_built_on_it(monkeypatch):
    before = {kind: image.recipe("bookworm", kind) for kind in ("base", "bare", "packages")}
    monkeypatch.setattr(image, "own_files", lambda: {"etc/motd": (b"changed", 0o644)})
    after = {kind: image.recipe("bookworm", kind) for kind in before}
    assert after["base"] == before["base"]
    assert after["bare"] != before["bare"]
    assert after["packages"] != before["packages"]


def test_files_arrive_with_their_modes():
    packed = apthost.tar_of({"etc/apt/auth.conf": (b"machine x", 0o600)})
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        member = archive.getmember("etc/apt/auth.conf")
        assert (member.mode, member.uid, archive.extractfile(member).read()) == (0o600, 0, b"machine x")

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: the base system (pulled, or built with mmdebstrap), `bare` on it, `packages` on that."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import aptconf, apthost
from .docker import attempt, docker, inspect, run
from .errors import LabError
from .progress import say

RECIPES = Path(__file__).resolve().parent.parent / "image"
REPOSITORY = "pgops-lab"
IMAGE_LABEL = "pgops.lab.image"
RECIPE_LABEL = "pgops.lab.recipe"
BUILDER = re.compile(rf"{REPOSITORY}-build-[a-z]+-(?:bare|packages)-([0-9]+)")
SCRIPT = "/lab-build.sh"
CHANGES = ('CMD ["/lib/systemd/systemd"]', "ENV container=docker", "WORKDIR /")
PULL_SECONDS = 120
BUILD_SECONDS = 600


def tag(suite, kind):
    """The image's name: kind is base, bare or packages."""
    return f"{REPOSITORY}:{suite}-{kind}"


def recipe(suite, kind):
    """A hash over all that decides what the image holds."""
    digest = hashlib.sha256(f"{suite}/{kind}\n".encode())
    if kind != "base":
        digest.update((RECIPES / f"{kind}.sh").read_bytes())
    if kind == "bare":
        for path, (content, mode) in sorted({**own_files(), **apthost.certificates()}.items()):
            digest.update(f"{path} {mode:o}\n".encode() + content)
    if kind == "packages":
        digest.update(recipe(suite, "bare").encode())
    return digest.hexdigest()[:16]


def own_files():
    """path -> (content, mode) of the files the image gets from the project."""
    root = RECIPES / "files"
    return {str(path.relative_to(root)): (path.read_bytes(), 0o644) for path in root.rglob("*") if path.is_file()}


def ensure(suite, kind):
    """Build what is missing or was made by another recipe; return the tag."""
    name = tag(suite, kind)
    found = inspect("image", name)
    if found and (found["Config"].get("Labels") or {}).get(RECIPE_LABEL) == recipe(suite, kind):
        return name
    _clear_builders()
    if kind == "packages":
        _build(ensure(suite, "bare"), suite, kind, {})
    else:
        _build(_base(suite), suite, kind, {**own_files(), **apthost.ca_bundle()})
    remove_dangling()
    return name


def _build(parent, suite, kind, extra):
    say(f"image {tag(suite, kind)}: building on {parent}")
    builder = f"{REPOSITORY}-build-{suite}-{kind}-{os.getpid()}"
    docker("create", "--name", builder, parent, "/bin/sh", SCRIPT)
    try:
        gateway = inspect("network", "bridge")["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
        script = {SCRIPT.lstrip("/"): ((RECIPES / f"{kind}.sh").read_bytes(), 0o644)}
        docker("cp", "-", f"{builder}:/", stdin=apthost.tar_of({**apthost.files(suite, gateway), **extra, **script}))
        done = attempt("start", "-a", builder, timeout=BUILD_SECONDS)
        if not done.ok:
            raise LabError(f"Building {tag(suite, kind)} failed:\n{_tail(done)}")
        labels = f"LABEL {IMAGE_LABEL}={kind} {RECIPE_LABEL}={recipe(suite, kind)}"
        changes = [word for change in (*CHANGES, labels) for word in ("--change", change)]
        docker("commit", *changes, builder, tag(suite, kind), timeout=180)
    finally:
        attempt("rm", "-f", "-v", builder)


def _base(suite):
    official = f"debian:{suite}"
    if inspect("image", official):
        return official
    base = tag(suite, "base")
    found = inspect("image", base)
    if found and (found["Config"].get("Labels") or {}).get(RECIPE_LABEL) == recipe(suite, "base"):
        return base
    say(f"image {official}: pulling")
    pulled = attempt("pull", "-q", official, timeout=PULL_SECONDS)
    if pulled.ok:
        return official
    say(f"no pull here ({_last_line(pulled.err)}); building the same base with mmdebstrap")
    _debootstrap(suite, base)
    return base


def _debootstrap(suite, name):
    _ensure_mmdebstrap()
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt/lists"]
    for line in (*apthost.options(), 'Acquire::Languages "none"'):
        command += ["--aptopt", line.rstrip(";")]
    for line in own_files()["etc/dpkg/dpkg.cfg.d/lab"][0].decode().split():
        command += ["--dpkgopt", line]
    command += [suite, "-", *aptconf.source_lines(apthost.mirrors(), suite)]
    labels = f"LABEL {IMAGE_LABEL}=base {RECIPE_LABEL}={recipe(suite, 'base')}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as maker:
        with subprocess.Popen(
            ["docker", "import", "--change", labels, "-", name], stdin=maker.stdout, stdout=subprocess.DEVNULL
        ) as importer:
            maker.stdout.close()
            said = maker.stderr.read().decode("utf-8", "replace")
            importer.wait(BUILD_SECONDS)
        if maker.wait(30) != 0 or importer.returncode != 0:
            attempt("rmi", name)
            raise LabError(f"mmdebstrap could not build Debian {suite}:\n{said.strip()[-2000:]}")


def _ensure_mmdebstrap():
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(
            "Images cannot be pulled here and mmdebstrap is missing. Install mmdebstrap (as root: apt-get install "
            "mmdebstrap debian-archive-keyring), or load an image named debian:<suite> into Docker."
        )
    say("installing mmdebstrap")
    run(["apt-get", "update", "-q"], timeout=180)
    done = run(
        ["apt-get", "install", "-qy", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"], timeout=300
    )
    if not done.ok:
        raise LabError(f"apt-get could not install mmdebstrap:\n{_tail(done)}")


def _clear_builders():
    names = docker("ps", "-a", "--format", "{{.Names}}").split()
    for name in abandoned(names, lambda pid: Path(f"/proc/{pid}").exists()):
        attempt("rm", "-f", "-v", name)


def abandoned(names, is_alive):
    """Which containers are builders whose lab.py is gone.

    Told by their names: a label would pass to the image by commit, and from there to every host made of it.
    """
    matches = [(name, BUILDER.fullmatch(name)) for name in names]
    return [name for name, match in matches if match and not is_alive(int(match[1]))]


def remove_dangling():
    """Remove images of ours that lost their name to a newer build and that no container uses."""
    ids = docker("images", "-q", "--filter", "dangling=true", "--filter", f"label={IMAGE_LABEL}").split()
    for image_id in ids:
        attempt("rmi", image_id)


def remove_all():
    """Remove all our images; return the names of those that containers still use."""
    names = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"label={IMAGE_LABEL}").split()
    order = ("-packages", "-bare", "-base")
    ours = [name for end in order for name in names if name.startswith(f"{REPOSITORY}:") and name.endswith(end)]
    kept = [name for name in ours if not attempt("rmi", name).ok]
    remove_dangling()
    return kept


def _tail(done):
    return "\n".join((done.out + done.err).strip().splitlines()[-25:])


def _last_line(text):
    lines = text.strip().splitlines()
    return lines[-1][:120] if lines else "no answer"

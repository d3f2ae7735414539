"""Build the collection, check what is in it, import it as Galaxy does, install it and use it by its full name."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time

from checks import CACHE, ROOT, Check, Checks, environment_bin

DIST = CACHE / "dist"
INSTALLED = CACHE / "installed"
BELONGS = {
    "MANIFEST.json", "FILES.json", "README.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "COPYING",
    "changelogs", "docs", "meta", "playbooks", "plugins", "requirements.yml", "roles",
}  # fmt: skip
NEEDED = {"meta", "playbooks", "plugins", "roles"}  # it has to work with nothing but these
MEGABYTES = 2
IMPORTER = {
    "ANSIBLE_HOME": str(CACHE / "importer" / "home"),
    "GALAXY_IMPORTER_TMP_ROOT_DIR": str(CACHE / "importer"),
    "GALAXY_IMPORTER_ANSIBLE_LOCAL_TMP": str(CACHE / "importer" / "ansible"),
    "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true",
    "GALAXY_IMPORTER_RUN_FLAKE8": "false",  # ruff and ansible-test's pep8 check the same files
}


def build(checks: Checks) -> pathlib.Path | None:
    shutil.rmtree(DIST, ignore_errors=True)
    argv = [environment_bin("ansible-galaxy"), "collection", "build", "--output-path", str(DIST), str(ROOT)]
    checks.command("ansible-galaxy collection build", argv)
    return next(DIST.glob("*.tar.gz"), None) if DIST.is_dir() else None


def listing_problems(tarball: pathlib.Path) -> list[str]:
    """What does not belong into the tarball."""
    with tarfile.open(tarball) as archive:
        members = archive.getmembers()
    problems = [f"does not belong: {name}" for name in sorted({one.name.split("/")[0] for one in members} - BELONGS)]
    problems += [f"a link: {one.name}" for one in members if one.issym() or one.islnk()]
    problems += [
        f"a by-product: {one.name}" for one in members if re.search(r"__pycache__|\.pyc$|~$|\.orig$|\.retry$", one.name)
    ]
    problems += [
        f"belongs to the checkout: {one.name}"
        for one in members
        if one.name.startswith(("playbooks/collections", "playbooks/ansible.cfg"))
    ]
    problems += [f"not there: {name}" for name in NEEDED if not any(one.name.startswith(name + "/") for one in members)]
    if tarball.stat().st_size > MEGABYTES * 1024**2:
        problems.append(f"{tarball.stat().st_size} bytes, more than {MEGABYTES} MiB")
    return problems


def show_dependencies(python: pathlib.Path) -> None:
    """galaxy-importer lints offline: let it see the collections ours depends on, as the ansible package has them."""
    have = pathlib.Path(sysconfig.get_path("purelib")) / "ansible_collections"
    link = next(python.parent.parent.glob("lib/python*/site-packages")) / "ansible_collections"
    link.unlink(missing_ok=True)
    link.symlink_to(have)


def galaxy_import(checks: Checks, tarball: pathlib.Path) -> None:
    """galaxy-importer ends well on many a complaint: its warnings and errors count here."""
    started = time.monotonic()
    python = CACHE / "venv-importer" / "bin" / "python"
    show_dependencies(python)
    shutil.rmtree(CACHE / "importer", ignore_errors=True)
    (CACHE / "importer" / "ansible").mkdir(parents=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    result = subprocess.run(
        [str(python), "-m", "galaxy_importer.main", str(tarball)],
        cwd=CACHE / "importer",
        env={**env, **IMPORTER, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    complaints = [line for line in result.stdout.splitlines() if re.match(r"(WARNING|ERROR|CRITICAL):", line)]
    failure = result.stdout if result.returncode else "\n".join(complaints) or None
    checks.record(Check("galaxy-importer", time.monotonic() - started, failure))


def install(checks: Checks, tarball: pathlib.Path) -> pathlib.Path:
    """Install it and leave only the folders that Ansible uses."""
    shutil.rmtree(INSTALLED, ignore_errors=True)
    argv = [
        environment_bin("ansible-galaxy"),
        "collection",
        "install",
        "--offline",
        "--no-deps",
        "-p",
        str(INSTALLED),
        str(tarball),
    ]
    checks.command("ansible-galaxy collection install", argv, env=installed_only())
    collection = INSTALLED / "ansible_collections" / "pgops" / "pgpool"
    for path in list(collection.iterdir()) if collection.is_dir() else ():
        if path.name not in NEEDED | {"MANIFEST.json"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return collection


def installed_only() -> dict[str, str]:
    """An environment in which the checkout can't help out."""
    config = CACHE / "empty.cfg"
    config.touch()
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **env,
        "ANSIBLE_COLLECTIONS_PATH": str(INSTALLED),
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_HOME": str(CACHE / "ansible-home"),
    }


def use(checks: Checks, collection: pathlib.Path) -> None:
    """Every playbook, module, filter and role by its full name, from a folder that knows nothing of the checkout."""
    options = {"cwd": INSTALLED, "env": installed_only()}
    for playbook in sorted(collection.glob("playbooks/*.yml")):
        name = f"pgops.pgpool.{playbook.stem}"
        argv = [
            environment_bin("ansible-playbook"),
            name,
            "--syntax-check",
            "-i",
            str(ROOT / "inventories" / "example"),
        ]
        checks.command(f"playbook {name}", argv, **options)
    for kind, names in documented(collection).items():
        checks.command(
            f"ansible-doc of {len(names)} {kind}s",
            [environment_bin("ansible-doc"), "-t", kind, "-j", *names],
            **options,
        )


def documented(collection: pathlib.Path) -> dict[str, list[str]]:
    def names(pattern: str) -> list[str]:
        return sorted(f"pgops.pgpool.{path.stem}" for path in collection.glob(pattern) if not path.name.startswith("_"))

    found = {"module": names("plugins/modules/*.py"), "role": names("roles/*")}
    return {kind: items for kind, items in found.items() if items}


def main() -> int:
    checks = Checks("build")
    tarball = build(checks)
    if tarball:
        checks.verdict("contents of the tarball", listing_problems(tarball))
        galaxy_import(checks, tarball)
        use(checks, install(checks, tarball))
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

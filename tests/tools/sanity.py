"""ansible-test sanity over an export of the checkout: every test, no ignore file, nothing written outside .cache.

The environments that ansible-test makes for its tests come from PyPI. Its own first step would fetch get-pip.py from
another site; Python's ensurepip does the same, so a stand-in lies where ansible-test looks for an earlier download.
Modules and what they import also have to compile and import on the oldest Pythons of managed hosts, as far as this
machine has them.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

from checks import CACHE, ROOT, Check, Checks, environment_bin
from export import export

HOME = CACHE / "sanity-home"
GET_PIP = "import ensurepip\nensurepip.bootstrap()\n"
MANAGED_HOSTS_PYTHONS = ("3.8", "3.9", "3.10")  # older than any Python of a controller
SET_UP_NOISE = re.compile(
    r"Running sanity test|Installing (requirements|collected)|Using cached|Looking in|Processing|Collecting|"
    r"Downloading|\s+(━|Preparing|Downloading)|Successfully|WARNING: (Using locale|Reviewing|Location )"
)


def prepare_home() -> None:
    """A home for ansible-test, with pip's settings of the real one: it hands no other variable on."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in ("24_2",):
        (cache / f"get_pip_{version}.py").write_text(GET_PIP, encoding="utf-8")
    real = pathlib.Path(os.path.expanduser("~"))
    for name in (".config/pip", ".pip", ".cache/pip", ".pyenv"):
        link = HOME / name
        if (real / name).exists() and not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(real / name)


def ansible_test(collection: pathlib.Path, *arguments: str, path: str = "") -> tuple[int, list[str], dict[str, float]]:
    """Run it; its exit status, its lines without the noise of pip, and the seconds per test."""
    folders = [path, str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    process = subprocess.Popen(
        [
            environment_bin("ansible-test"),
            "sanity",
            "--local",
            "--junit",
            "--color",
            "no",
            "--truncate",
            "0",
            *arguments,
        ],
        cwd=collection,
        env={**os.environ, "HOME": str(HOME), "PATH": os.pathsep.join(filter(None, folders))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    seconds: dict[str, float] = {}
    test, since = "", time.monotonic()
    for line in process.stdout or ():
        if match := re.match(r'Running sanity test "([^"]+)"', line):
            seconds[test] = time.monotonic() - since
            test, since = match[1], time.monotonic()
        if not SET_UP_NOISE.match(line):
            lines.append(line.rstrip())
    seconds[test] = time.monotonic() - since
    return process.wait(), lines, seconds


def record(
    checks: Checks, collection: pathlib.Path, label: str, answer: tuple[int, list[str], dict[str, float]]
) -> None:
    """One check per result file; the whole output under the first that failed."""
    status, lines, seconds = answer
    folder = collection / "tests" / "output" / "junit"
    seen_failure = False
    for path in sorted(folder.glob("*.xml")):
        name = re.sub(r"^ansible-test-sanity-|-python-[\d.]+$", "", path.stem)
        case = next(ET.parse(path).getroot().iter("testcase"))
        failure, skipped = case.find("failure"), case.find("skipped")
        text = (failure.get("message", "") + "\n" + (failure.text or "")) if failure is not None else None
        reason = (skipped.get("message") or skipped.text or "no reason given") if skipped is not None else None
        if reason and "No tests applicable" in reason:
            print(f"  not here: {name + label}, there is nothing for it to check")
        else:
            checks.record(Check(name + label, seconds.get(name, 0.0), text, reason))
        seen_failure = seen_failure or text is not None
    if status != 0 and not seen_failure:
        checks.record(Check("ansible-test" + label, 0.0, "\n".join(lines) + f"\n(exit status {status})"))
    elif not any(folder.glob("*.xml")):
        checks.record(Check("ansible-test" + label, 0.0, "it left no results:\n" + "\n".join(lines)))
    shutil.rmtree(folder, ignore_errors=True)


def folder_of_python(version: str) -> str | None:
    """Where a working python<version> is: on the PATH, or among those that pyenv or uv keep."""
    home = pathlib.Path.home()
    kept = (
        *pathlib.Path(os.environ.get("PYENV_ROOT", home / ".pyenv")).glob(f"versions/{version}.*/bin"),
        *home.glob(f".local/share/uv/python/cpython-{version}.*/bin"),
    )
    for folder in (*map(str, kept), *os.environ.get("PATH", os.defpath).split(os.pathsep)):
        program = pathlib.Path(folder) / f"python{version}"
        if program.exists() and subprocess.run([program, "-c", ""], check=False, capture_output=True).returncode == 0:
            return folder
    return None


def main() -> int:
    checks = Checks("sanity")
    checks.verdict("no ignore files", [str(path.relative_to(ROOT)) for path in ROOT.glob("tests/sanity/*")])
    prepare_home()
    collection = export(CACHE / "sanity")
    # Without a repository of its own, git of the checkout around it would say that every file is ignored.
    subprocess.run(["git", "init", "--quiet", "."], cwd=collection, check=True)
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    record(checks, collection, "", ansible_test(collection, "--python", own))
    for python in MANAGED_HOSTS_PYTHONS:
        if folder := folder_of_python(python):
            tests = ("--test", "compile", "--test", "import")
            record(
                checks,
                collection,
                f" (Python {python})",
                ansible_test(collection, "--python", python, *tests, path=folder),
            )
        else:
            print(f"  not here: compile and import on Python {python}, this machine has no python{python}")
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

"""Run named commands one after the other, say how each went and leave a JUnit file for the summary (stages.py)."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
RESULTS = CACHE / "results"


class Check(NamedTuple):
    name: str
    seconds: float
    failure: str | None = None  # what went wrong, for people
    skipped: str | None = None  # why it could not run here


class Checks:
    """The checks of one stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.done: list[Check] = []

    def command(self, name: str, argv: list[str], **options: object) -> bool:
        """Run argv at the root of the checkout; its output is shown only when it fails."""
        started = time.monotonic()
        result = subprocess.run(
            [str(part) for part in argv],
            check=False,
            **{
                "cwd": ROOT,
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.STDOUT,
                "text": True,
                **options,
            },
        )
        failure = None if result.returncode == 0 else f"{result.stdout.rstrip()}\n(exit status {result.returncode})"
        return self.record(Check(name, time.monotonic() - started, failure))

    def verdict(self, name: str, problems: list[str]) -> bool:
        """A check made in Python: no problems, no failure."""
        return self.record(Check(name, 0.0, "\n".join(problems) or None))

    def record(self, check: Check) -> bool:
        self.done.append(check)
        word = "FAILED" if check.failure else "skipped" if check.skipped else "ok"
        print(f"  {word:<7} {check.name:<40} {check.seconds:6.1f} s  {check.skipped or ''}".rstrip(), flush=True)
        if check.failure:
            print("    " + check.failure.replace("\n", "\n    "), flush=True)
        return not check.failure

    def finish(self) -> int:
        """Write the results; the exit status of the stage."""
        write_junit(self.stage, self.done)
        failed = sum(bool(check.failure) for check in self.done)
        print(f"{self.stage}: {len(self.done) - failed} of {len(self.done)} checks passed")
        return 1 if failed or not self.done else 0


def write_junit(stage: str, checks: list[Check]) -> None:
    suite = ET.Element("testsuite", name=stage, tests=str(len(checks)))
    for check in checks:
        case = ET.SubElement(suite, "testcase", classname=stage, name=check.name, time=f"{check.seconds:.2f}")
        if check.failure:
            ET.SubElement(case, "failure").text = printable(check.failure)
        elif check.skipped:
            ET.SubElement(case, "skipped", message=check.skipped)
    folder = RESULTS / stage
    folder.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(suite).write(folder / "checks.xml")


def printable(text: str) -> str:
    """XML holds no control characters; the colours of a linter are some."""
    return "".join(char for char in text if char in "\n\t" or char >= " ")


def tracked_files(*patterns: str) -> list[str]:
    """Files of the checkout as git knows them, new ones included, ignored ones not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and os.path.lexists(ROOT / name)]


def environment_bin(name: str) -> str:
    """A program of the virtual environment this runs in."""
    return str(pathlib.Path(sys.executable).parent / name)

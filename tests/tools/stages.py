"""Run the stages of `make test` and sum up what really ran.

Stages run LANES at a time (2; each scenario in a lab of its own). The scenarios come after the quick stages; they are
left out, and said so, when lint or units failed: KEEP_GOING=1 runs them all the same. With LANES=1 they are shown live.
Each stage is a make target. Its tests are counted from the JUnit files that it leaves in .cache/results/<stage>/, where
output.log has all that it printed. Only a stage that failed is printed whole; what failed is named below it and at the
end.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from checks import RESULTS, ROOT

GATES = {"lint", "units"}
LANES = int(os.environ.get("LANES", "2"))
QUICK_LIMIT = int(os.environ.get("QUICK_STAGE_SECONDS", "1200"))
SCENARIO_LIMIT = int(os.environ.get("SCENARIO_SECONDS", "2700"))
# What drives a lab gives way to the lab's hosts: a host that starves misses the limits that a test has set.
GIVES_WAY = ("nice", "-n", "10")
OUTPUT = threading.Lock()
RUNNING: set[subprocess.Popen] = set()


@dataclass
class Stage:
    """One make target and, once it ran, what came of it."""

    name: str
    target: list[str]
    limit: int
    result: str = "not run"
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def run(self, live: bool) -> Stage:
        say(f"--- {self.name}: started")
        started = time.monotonic()
        status, output = execute(self, live)
        self.seconds = time.monotonic() - started
        self.count(status)
        with OUTPUT:
            if output and self.failed:
                print(output.rstrip())
            ended = f"--- {self.name}: {self.result} after {self.seconds:.0f} s"
            print(ended, *self.failures, sep="\n    ", flush=True)
        return self

    def count(self, status: int | None) -> None:
        """A stage that ends badly counts as failed even when no test of it did."""
        for case in cases(self.name):
            wrong = [found for found in (case.find("failure"), case.find("error")) if found is not None]
            if wrong:
                self.failed += 1
                self.failures.append(in_a_line(case, wrong[0]))
            elif case.find("skipped") is not None:
                self.skipped += 1
            else:
                self.passed += 1
        if status != 0 and not self.failed:
            self.failed = 1
            self.failures.append("no test of it failed, but the stage did: see its output")
        if status == 0 and not self.passed and not self.failed:
            self.failed = 1  # nothing ran: that is no success
            self.failures.append("no test of it ran")
        self.result = "timed out" if status is None else "FAILED" if self.failed else "ok"


def in_a_line(case: ET.Element, wrong: ET.Element) -> str:
    """The test's name and what it saw, short enough to stand in the sum."""
    seen = (wrong.get("message") or wrong.text or "no message").strip()
    return f"{case.get('classname', '')}.{case.get('name', '')}: {textwrap.shorten(seen, 800)}"


def cases(stage: str) -> list[ET.Element]:
    found = []
    for path in sorted((RESULTS / stage).glob("*.xml")):
        try:
            found += ET.parse(path).getroot().iter("testcase")
        except ET.ParseError:  # cut off when the stage was killed: its exit status tells
            say(f"{path} is cut off")
    return found


def execute(stage: Stage, live: bool) -> tuple[int | None, str]:
    """The exit status (None: time was up) and, unless shown live, the output."""
    folder = RESULTS / stage.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "output.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*(GIVES_WAY if stage.target[0] == "scenario" else ()), "make", "--no-print-directory", *stage.target],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=None if live else file,
            stderr=None if live else subprocess.STDOUT,
            start_new_session=True,
        )
        RUNNING.add(process)
        try:
            status: int | None = process.wait(timeout=stage.limit)
        except subprocess.TimeoutExpired:
            say(f"--- {stage.name}: stopped, it ran for more than {stage.limit} s")
            status = None
        finally:
            end(process)
            RUNNING.discard(process)
    return status, log.read_text(errors="replace")


def end(process: subprocess.Popen) -> None:
    """Ask the whole group to end (a scenario then removes its containers), insist after two minutes."""
    if process.poll() is None:
        for number, patience in ((signal.SIGTERM, 120), (signal.SIGKILL, 10)):
            os.killpg(process.pid, number)
            try:
                process.wait(timeout=patience)
                return
            except subprocess.TimeoutExpired:
                continue


def say(text: str) -> None:
    with OUTPUT:
        print(text, flush=True)


def run_all(quick: list[Stage], lab: list[Stage]) -> None:
    run_together(quick, live=False)
    broken = [stage.name for stage in quick if stage.failed and stage.name in GATES]
    if broken and lab and os.environ.get("KEEP_GOING", "0") in ("", "0"):
        say(f"--- the scenarios are not run: mend {' and '.join(broken)} first, or set KEEP_GOING=1")
        return
    run_together(lab, live=LANES == 1)


def run_together(stages: list[Stage], *, live: bool) -> None:
    with ThreadPoolExecutor(max_workers=LANES) as pool:
        try:
            list(pool.map(lambda stage: stage.run(live=live), stages))
        except BaseException:  # interrupted: what has started must not outlive us
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(RUNNING):
                end(process)
            raise


def report(stages: list[Stage]) -> int:
    """The table and the last line; the exit status."""
    row = "{:<24} {:<10} {:>8} {:>7} {:>7} {:>8}".format
    print("\n" + row("stage", "result", "seconds", "passed", "failed", "skipped"))
    for stage in stages:
        print(row(stage.name, stage.result, f"{stage.seconds:.0f}", stage.passed, stage.failed, stage.skipped))
    for stage in stages:
        for failure in stage.failures:
            print(f"FAILED {stage.name}: {failure}")
    skipped = sum(stage.skipped for stage in stages)
    left_out = sum(stage.result == "not run" for stage in stages)
    line = f"{sum(stage.passed for stage in stages)} passed, {sum(stage.failed for stage in stages)} failed"
    line += f", {skipped} skipped" if skipped else ""
    line += f", {left_out} of {len(stages)} stages not run" if left_out else ""
    (RESULTS / "summary").write_text(line + "\n", encoding="utf-8")
    print(f"\n{line}", flush=True)
    return 0 if all(stage.result == "ok" for stage in stages) else 1


def scenario(name: str) -> Stage:
    """The stage of a scenario, given as NAME or SUITE:NAME."""
    suite, scenario_name = name.split(":") if ":" in name else ("", name)
    stage = "-".join(word for word in ("scenario", suite, scenario_name) if word)
    target = ["scenario", f"S={scenario_name}", f"STAGE={stage}"] + ([f"LAB_SUITE={suite}"] if suite else [])
    return Stage(stage, target, SCENARIO_LIMIT)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", nargs="*", default=[], metavar="TARGET")
    parser.add_argument("--lab", nargs="*", default=[], metavar="SCENARIO")
    wanted = parser.parse_args()
    quick = [Stage(name, [name], QUICK_LIMIT) for name in wanted.quick]
    lab = [scenario(name) for name in wanted.lab]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    interrupted = 0
    try:
        run_all(quick, lab)
    except KeyboardInterrupt:
        interrupted = 130
    finally:
        status = report(quick + lab)
    return interrupted or status


if __name__ == "__main__":
    sys.exit(main())

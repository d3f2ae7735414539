"""Run one molecule scenario in a lab of its own: scenario.py NAME.

Environment: LAB_* as of molecule/shared/lab.py; LAB_KEEP=1 keeps the hosts.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

from checks import CACHE, RESULTS, ROOT, Check, environment_bin, write_junit

sys.path.insert(0, str(ROOT / "molecule" / "shared"))
from lab.settings import SUITES, read_settings  # noqa: E402 (the path has to be set first)

# What a scenario's lab has that others have not; a variable that is set wins.
LABS = {
    # The only one of `make test` in which Pgpool-II itself moves the address.
    "more_standbys": {"LAB_STANDBYS": "2", "LAB_VIP_MANAGER": "watchdog"},
    "vip": {"LAB_VIP_MANAGER": "keepalived"},
    "vip_watchdog": {"LAB_VIP_MANAGER": "watchdog"},
    "vip_single": {"LAB_PGPOOLS": "1"},
    "vip_three": {"LAB_PGPOOLS": "3", "LAB_VIP_MANAGER": "keepalived"},
    "vip_witness": {"LAB_PGPOOLS": "3", "LAB_WITNESS": "yes", "LAB_VIP_MANAGER": "keepalived"},
}
BARE = ("default", "every_suite")  # a first deployment installs the packages
FIRST_SUBNET = 32  # 10.1.N.0/24, one for each scenario, none of them the demo's: a lab that is up is left alone
FIRST_SUBNET_OF_SUITES = 128  # behind those of `make bench`


def scenarios() -> list[str]:
    return sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


def environment(name: str, results: str) -> dict[str, str]:
    """Each scenario is a lab project of its own, and so is one on another suite: they may run at the same time.

    Whatever pytest runs in it leaves its results for the summary, and a line in the log for each test that it ends.
    """
    env = dict(os.environ)
    suite, number = "", FIRST_SUBNET + scenarios().index(name)
    if env.get("LAB_SUITE"):
        suite, suites = read_settings({"LAB_SUITE": env["LAB_SUITE"]}).suite, sorted(set(SUITES.values()))
        number = FIRST_SUBNET_OF_SUITES + len(scenarios()) * suites.index(suite) + scenarios().index(name)
        env.setdefault("MOLECULE_EPHEMERAL_DIRECTORY", str(CACHE / "molecule" / f"{suite}-{name}"))
    env.setdefault("LAB_PROJECT", "-".join(filter(None, ("pgops", suite, name.replace("_", "-")))))
    env.setdefault("LAB_SUBNET", f"10.1.{number}.0/24")
    env.setdefault("LAB_IMAGE", "bare" if name in BARE else "packages")
    for variable, value in LABS.get(name, {}).items():
        env.setdefault(variable, value)
    env["PYTEST_ADDOPTS"] = (
        f"{env.get('PYTEST_ADDOPTS', '')} -vv --durations=20 --durations-min=5 -p no:cacheprovider"
        f" --junit-xml={shlex.quote(results)}/pytest.xml"
    )
    env["PYTHONUNBUFFERED"] = "1"  # else the log of a scenario that is cut off does not say how far it came
    env["PGOPS_RESULTS"] = results
    return env


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in scenarios():
        print(f"Which scenario? make scenario S=<one of: {' '.join(scenarios())}>", file=sys.stderr)
        return 2
    name = sys.argv[1]
    stage = os.environ.get("STAGE") or f"scenario-{name}"
    folder = RESULTS / stage
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.xml"):
        old.unlink()
    env = environment(name, str(folder))
    print(f"{stage}: lab project {env['LAB_PROJECT']} on {env['LAB_SUBNET']}", flush=True)
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    status = 1
    keep = os.environ.get("LAB_KEEP", "0") not in ("", "0")  # to look at the hosts of a failed run
    destroy = "never" if keep else "always"
    try:
        # What an earlier, killed run noted down would make molecule believe that its hosts still exist.
        subprocess.run([environment_bin("molecule"), "reset", "-s", name], cwd=ROOT, env=env, check=False)
        take_down(env)
        argv = [environment_bin("molecule"), "test", "-s", name, "--destroy", destroy]
        status = subprocess.run(argv, cwd=ROOT, env=env, check=False).returncode
    finally:
        if not keep:
            take_down(env)
        failure = f"molecule test ended with status {status}" if status else None
        write_junit(stage, [Check(f"molecule test -s {name}", time.monotonic() - started, failure)])
    return status


def take_down(env: dict[str, str]) -> None:
    """Molecule does it too, unless it was killed."""
    subprocess.run(
        ["python3", "molecule/shared/lab.py", "down"], cwd=ROOT, env=env, check=False, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    sys.exit(main())

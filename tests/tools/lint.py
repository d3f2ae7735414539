"""Every linter over the whole checkout, each told to be strict; none is stopped by another's complaint."""

from __future__ import annotations

import os
import re
import shutil
import sys

from checks import CACHE, ROOT, Checks, environment_bin, tracked_files

TEMPLATED = re.compile(r"\{\{.*?\}\}", re.DOTALL)
STATEMENTS = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def shell_scripts() -> list[str]:
    """Shell scripts by name or first line; of a Jinja template, what is left without the expressions."""
    found = []
    for name in tracked_files():
        path = ROOT / name
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as file:
            first = file.readline(80)
        if re.match(rb"#!.*\b(ba|da)?sh\b", first) or name.removesuffix(".j2").endswith(".sh"):
            found.append(without_jinja(name) if name.endswith(".j2") else name)
    return found


def without_jinja(name: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    target = CACHE / "shellcheck" / name.removesuffix(".j2")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(STATEMENTS.sub("", TEMPLATED.sub("value", text)), encoding="utf-8")
    return str(target)


def home_of_its_own() -> dict[str, str]:
    """ansible-lint installs a copy of the collection into ANSIBLE_HOME and believes it, however old it has become."""
    home = CACHE / "lint-home"
    shutil.rmtree(home, ignore_errors=True)
    return {**os.environ, "ANSIBLE_HOME": str(home)}


def main() -> int:
    checks = Checks("lint")
    checks.command("ruff", [environment_bin("ruff"), "check", "--quiet", "."])
    checks.command("yamllint", [environment_bin("yamllint"), "--strict", "."])
    checks.command("shellcheck", [environment_bin("shellcheck"), *shell_scripts()])
    checks.command("antsibull-changelog lint", [environment_bin("antsibull-changelog"), "lint"])
    ansible_lint = [environment_bin("ansible-lint"), "--offline", "--strict", "--nocolor"]
    checks.command("ansible-lint (production)", ansible_lint, env=home_of_its_own())
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())

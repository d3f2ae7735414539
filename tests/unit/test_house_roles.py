# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every role's inputs are written down once and truly: defaults, argument_specs, README, the example inventory."""

from __future__ import annotations

import re

import pytest

from tests.unit.house import ROOT, children, found, load, matching, text

ROLES = children("roles")
SECRET = re.compile(r"password|passphrase|authkey|secret|private_key$")

# Names that begin like an inventory variable and are something else.
NOT_VARIABLES = {
    "pgops_smoke_test": "a table in the application's database",
    "pgops_guard": "a systemd unit's identifier",
}


def specification(role: str) -> dict:
    """Entry point -> its specification."""
    return load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]


def options(role: str) -> dict:
    """All options of a role, over all entry points."""
    merged: dict = {}
    for entry in specification(role).values():
        merged.update(entry.get("options") or {})
    return merged


def defaults(role: str) -> dict:
    name = f"roles/{role}/defaults/main.yml"
    return (load(name) or {}) if (ROOT / name).is_file() else {}


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_the_options(role):
    """What may be left out has a default, the same in both files; what has none is required. Nothing else exists."""
    optional = {name: option.get("default") for name, option in options(role).items() if not option.get("required")}
    assert defaults(role) == optional


@pytest.mark.parametrize("role", ROLES)
def test_an_option_means_the_same_in_every_entry_point(role):
    for entry, content in specification(role).items():
        for name, option in (content.get("options") or {}).items():
            assert option == options(role)[name], f"{entry}: {name}"


@pytest.mark.parametrize("role", ROLES)
def test_required_options_are_described_with_their_variable(role):
    for name, option in options(role).items():
        assert option.get("description"), name
        assert option.get("type"), name
        assert not (option.get("required") and "default" in option), f"{name} is required and has a default"


@pytest.mark.parametrize("role", ROLES)
def test_secrets_are_hidden(role):
    """A secret is no_log, and has no value to fall back on (an empty one is for the role to refuse by name)."""
    for name, option in options(role).items():
        if SECRET.search(name) and option["type"] in ("str", "dict", "list"):
            assert option.get("no_log"), f"{name} lacks no_log"
            fallback = re.search(r"default\((?!''[,)])", str(option.get("default", "")))
            assert not fallback, f"{name} has a built-in value: a missing secret must be an error"


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_point_exists_and_says_what_it_does(role):
    for entry, content in specification(role).items():
        assert f"roles/{role}/tasks/{entry}.yml" in matching(f"roles/{role}/tasks/*.yml"), entry
        assert content.get("short_description"), entry
        assert content.get("description"), entry


def test_every_entry_point_used_is_specified():
    """A tasks_from in a playbook or scenario goes through the validation of a specified entry point."""
    wanted = re.compile(r"name: pgops\.pgpool\.(\w+)\n\s+tasks_from: (\w+)")
    missing = [
        f"{name}: {role}/{entry}"
        for name in matching("playbooks/*.yml", "molecule/**/*.yml", "roles/**/tasks/*.yml")
        for role, entry in wanted.findall(text(name))
        if role not in ROLES or entry not in specification(role)
    ]
    assert missing == []


@pytest.mark.parametrize("role", ROLES)
def test_role_has_readme_and_description(role):
    readme = f"roles/{role}/README.md"
    assert matching(readme), "the Galaxy import fails without"
    assert len(text(readme)) > 200
    assert load(f"roles/{role}/meta/main.yml")["galaxy_info"]["description"]
    assert not load(f"roles/{role}/meta/main.yml").get("dependencies"), (
        "playbooks compose roles; roles do not pull others in"
    )


def test_roles_do_not_know_group_names():
    assert (
        found(
            r"groups\[['\"](postgres|pgpool)['\"]\]|groups\.(postgres|pgpool)\b",
            matching("roles/**/*.yml", "roles/**/*.j2"),
        )
        == []
    )


def inventory_variables(names: list[str]) -> set[str]:
    """The pgops_* variables that files read: inside Jinja expressions and bare conditions."""
    seen: set[str] = set()
    for name in names:
        for expression in re.findall(
            r"\{\{.*?\}\}|\{%.*?%\}|(?m:^\s*(?:when|that|until|- ).*$)", text(name), re.DOTALL
        ):
            seen |= set(re.findall(r"(?<![\w./'-])pgops_[a-z0-9_]+\b(?!\.)", expression))
    return seen - set(NOT_VARIABLES)


def documented_variables() -> set[str]:
    """The variables that the example inventory sets or shows as a comment."""
    files = [name for name in matching("inventories/example/**/*", "inventories/example/*") if (ROOT / name).is_file()]
    return set(re.findall(r"(?m)^[ #]*(pgops_[a-z0-9_]+):", "\n".join(text(name) for name in files)))


def test_every_inventory_variable_is_in_the_example():
    read = inventory_variables(matching("roles/**/*.yml", "roles/**/*.j2", "playbooks/*.yml"))
    assert len(read) > 20
    assert sorted(read - documented_variables()) == []


def test_the_example_documents_nothing_that_does_not_exist():
    code = "\n".join(text(name) for name in matching("roles/**/*", "playbooks/*.yml", "plugins/**/*.py"))
    assert sorted(name for name in documented_variables() if not re.search(rf"\b{name}\b", code)) == []

# Copyright: (c) 2026, pgops contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the house that no linter knows: what has to be where, and what must be nowhere."""

from __future__ import annotations

import re

import pytest

from tests.unit.house import ROOT, children, found, load, matching, text, tracked

PLAYBOOKS = matching("playbooks/*.yml")
HERE = "tests/unit/test_house.py"

# Words of the time before Pgpool-II 4.2, where Pgpool's or the kernel's own interfaces still ask for them, and
# PostgreSQL's postmaster.
UPSTREAM_WORDS = (
    r"master_slave_(sub_)?mode|follow_master_command|Master(Node|Host)Name|\bMASTER\b|\"Master\"|(?i:postmaster)|"
    r"ALWAYS_MASTER|relcache_query_target +enum:master,\S+ +reload +4\.1-4\.1 +master|"
    r"ip link set dev \$PORT (nomaster|up master)|\"link\", \"set\", [^,]+, \"master\"|vrrp_garp_master_refresh"
)
LARGEST = (("playbooks/*.yml", 90), ("roles/**/tasks/*.yml", 120), ("plugins/**/*.py", 400))


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_can_be_called_by_its_full_name(name):
    stem = name.split("/")[1].removesuffix(".yml")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", stem), "a hyphen or capital cannot be part of pgops.pgpool.<playbook>"


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_says_what_it_promises(name):
    header = re.match(r"---\n((?:#.*\n){3,})", text(name))
    assert header, "a playbook opens with three lines of comment or more"
    assert f"ansible-playbook {name.split('/')[1]}" in header[1], "the header shows how to run it"
    assert "Exit 0" in header[1], "the header says what success means"


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_never_asks(name):
    for play in load(name):
        assert play.get("name"), "every play is named"
        assert "vars_prompt" not in play, "AWX cannot answer a prompt"
    assert not found(r"ansible\.builtin\.pause:|\bpause:", [name])


def without_documentation(content):
    """A module's documentation is read as a page of its own; its code is what is counted."""
    return re.sub(r'^(DOCUMENTATION|EXAMPLES|RETURN) = r"""\n.*?^"""\n', "", content, flags=re.M | re.S)


@pytest.mark.parametrize(("pattern", "most"), LARGEST)
def test_files_can_be_read_without_scrolling_about(pattern, most):
    lengths = {name: without_documentation(text(name)).count("\n") for name in matching(pattern)}
    assert {name: lines for name, lines in lengths.items() if lines > most} == {}


def unit_test_of(name: str) -> list[str]:
    """The places where the unit tests of a plugin file may be: its own path under tests/unit, one or several files."""
    folder, file = name.rsplit("/", 1)
    return matching(f"tests/unit/{folder}/test_{file}", f"tests/unit/{folder}/test_{file.removesuffix('.py')}_*.py")


@pytest.mark.parametrize("name", matching("plugins/action/*.py", "plugins/modules/*.py", "plugins/filter/*.py"))
def test_every_module_action_and_filter_has_unit_tests_at_its_own_path(name):
    assert unit_test_of(name), "its unit tests belong under tests/unit/, at the same path"


def test_unit_tests_mirror_the_plugins():
    plugins = set(matching("plugins/**/*.py"))
    lost = []
    for test in matching("tests/unit/plugins/**/test_*.py"):
        folder, file = test.removeprefix("tests/unit/").rsplit("/", 1)
        stem = file.removeprefix("test_").removesuffix(".py")
        heads = ["_".join(stem.split("_")[:length]) for length in range(1, len(stem.split("_")) + 1)]
        if not {f"{folder}/{head}.py" for head in heads} & plugins:
            lost.append(test)
    assert lost == [], "these test no plugin file of the same path"


def test_pure_python_knows_nothing_of_ansible():
    """Only _ansible.py adapts to Ansible; the rest can be used and tested without it."""
    pure = [name for name in matching("plugins/module_utils/**/*.py") if not name.endswith("/_ansible.py")]
    assert found(r"^\s*(import ansible\b|from ansible\.)", pure) == []


def test_host_keys_are_always_verified():
    everywhere = [name for name in tracked() if name != HERE and not name.endswith(".md")]
    lax = (
        r"(?i)StrictHostKeyChecking[ =]+['\"]?(no|off|accept-new)\b(?!\"? not in)|"
        r"host_key_checking *[=:] *['\"]?(false|no|0)|UserKnownHostsFile[ =]+/dev/null"
    )
    assert found(lax, everywhere) == []


def test_servers_are_called_primary_and_standby():
    recorded = "tests/unit/fixtures/"  # answers of real servers, old ones too
    names = [name for name in tracked() if name not in ("COPYING", HERE) and not name.startswith(recorded)]
    lines = found(r"(?i)master|slave", names)
    assert [line for line in lines if re.search(r"(?i)master|slave", re.sub(UPSTREAM_WORDS, "", line))] == []


def test_no_file_knows_where_this_checkout_lies():
    assert found(rf"{re.escape(str(ROOT))}\b", list(tracked())) == []


def test_no_unfinished_words():
    product = [
        name for name in tracked() if name.startswith(("plugins/", "roles/", "playbooks/", "molecule/", "inventories/"))
    ]
    assert found(r"\b(TODO|FIXME|XXX|not implemented)\b", product) == []


def test_no_sanity_ignore_files():
    assert matching("tests/sanity/**/ignore*") == []


def test_the_two_ansible_cfg_are_twins():
    def settings(name):
        lines = [line for line in text(name).splitlines() if line and not line.startswith("#")]
        return [line for line in lines if not line.startswith(("inventory", "collections_path"))], lines

    root, playbooks = settings("ansible.cfg"), settings("playbooks/ansible.cfg")
    assert root[0] == playbooks[0]
    assert "inventory = inventories/example" in root[1]
    assert "inventory = ../inventories/example" in playbooks[1]
    assert [
        line.replace("playbooks/collections:", "collections:") for line in root[1] if "collections_path" in line
    ] == [line for line in playbooks[1] if "collections_path" in line]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt", "tests/tools/importer-requirements.txt"])
def test_tools_are_pinned(name):
    lines = [line for line in text(name).splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if "==" not in line] == []


def test_collections_are_required_once():
    """requirements.yml (AWX, Galaxy) and galaxy.yml (installation) ask for the same."""
    required = {item["name"]: item["version"] for item in load("requirements.yml")["collections"]}
    assert required == load("galaxy.yml")["dependencies"]


def test_execution_environment_files_exist():
    """Paths count from the root of the collection, and have to be in the tarball."""
    for name in load("meta/execution-environment.yml")["dependencies"].values():
        assert name.startswith("meta/")
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("folder", children("inventories"))
def test_awx_lists_every_inventory(folder):
    """AWX shows files called hosts, not hosts.yml."""
    assert f"inventories/{folder}/hosts" in tracked()


def test_this_version_has_a_changelog():
    version = load("galaxy.yml")["version"]
    assert matching("changelogs/fragments/*.yml") or version in text("CHANGELOG.md")


def test_ci_runs_what_the_readme_tells_people_to_run():
    assert re.search(r"^\s*make test\b|\bmake test\b", text(".ci/run"))
    assert ".ci/run" in text(".github/workflows/ci.yml")


def test_documents_name_only_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE))
    named = {
        (name, target)
        for name in matching("*.md", "docs/**/*.md", "**/README.md")
        for target in re.findall(r"(?m)(?:^\$ |`)make ([a-z-]+)", text(name))
    }
    assert {one for one in named if one[1] not in targets} == set()
    assert {"demo", "test"} <= {target for name, target in named if name == "README.md"}


def test_links_between_documents_resolve():
    broken = []
    for name in matching("*.md", "docs/**/*.md", "**/README.md"):
        for link in re.findall(r"\]\(([^)#\s]+)", text(name)):
            if (
                "://" not in link
                and not link.startswith("mailto:")
                and not (ROOT / name).parent.joinpath(link).exists()
            ):
                broken.append(f"{name}: {link}")
    assert broken == []

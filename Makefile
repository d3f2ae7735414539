# pgops.pgpool: everything a developer or CI runs. `make help` lists it; each target also sets up what it needs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

TOOLS := tests/tools
RESULTS := .cache/results
BIN := $(CURDIR)/.venv/bin
QUICK := lint units netns sanity build
# SUITE:SCENARIO is a scenario on another suite than Debian 12.
SCENARIOS := failover recover_standby default trixie:every_suite more_standbys interrupted vip old_versions
# For `test-matrix`: all of each scenario, each size of the pgpool side, and each suite with its PostgreSQL and Pgpool-II.
MATRIX := $(addprefix bookworm:,$(filter-out trixie:%,$(SCENARIOS)) user_directory vip_watchdog vip_single vip_three vip_witness)
MATRIX += bullseye:every_suite bookworm:every_suite trixie:every_suite forky:every_suite
MATRIX += bullseye:user_directory trixie:user_directory forky:user_directory
MATRIX += bullseye:recover_standby trixie:recover_standby forky:recover_standby

# The checkout is the collection: this link lets ansible see it under its name (docs: CONTRIBUTING.md).
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/playbooks/collections
export MOLECULE_GLOB := molecule/*/molecule.yml
export PATH := $(BIN):$(PATH)
export PYTHONDONTWRITEBYTECODE ?= 1

.PHONY: help demo test test-matrix quick units lint netns sanity build scenario awx bench venv venv-test image clean
.PHONY: venv-importer lab-up lab-down lab-shell lab-status lab-clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

demo: export LAB_IMAGE ?= packages
demo:  ## build a four-host cluster in Docker, kill the primary under load, bring it back
	@$(MAKE) --no-print-directory -j2 venv image
	@$(BIN)/python molecule/shared/demo.py

test: venv-test  ## everything CI runs: lint, units, netns, sanity, build, molecule scenarios
	@$(BIN)/python $(TOOLS)/stages.py --quick $(QUICK) --lab $(SCENARIOS)

test-matrix: export PGOPS_WALK ?= all
test-matrix: export PGOPS_FAULTS ?= all
test-matrix: export SCENARIO_SECONDS ?= 14400
test-matrix: venv-test  ## hours: scenarios with every case and on other suites (MATRIX="trixie:user_directory" chooses)
	@$(BIN)/python $(TOOLS)/stages.py --lab $(MATRIX)

quick: venv-test  ## `test` without the scenarios
	@$(BIN)/python $(TOOLS)/stages.py --quick $(QUICK)

units: venv-test  ## unit and structure tests (A= further pytest arguments)
	@$(TOOLS)/system_tools.sh visudo=sudo
	@$(BIN)/python -m pytest tests/unit -rs --junit-xml=$(RESULTS)/units/pytest.xml $(A)

netns: venv-test  ## tests on real interfaces inside network namespaces (root, Linux)
	@$(TOOLS)/system_tools.sh ip=iproute2 nft=nftables
	@$(BIN)/python -m pytest tests/netns -rs --junit-xml=$(RESULTS)/netns/pytest.xml $(A)

lint: venv-test  ## ruff, yamllint, ansible-lint (production), shellcheck
	@$(BIN)/python $(TOOLS)/lint.py

sanity: venv-test  ## ansible-test sanity, without ignore entries
	@$(BIN)/python $(TOOLS)/sanity.py

build: venv-test venv-importer  ## build the collection, import it as Galaxy would, install and use it
	@$(BIN)/python $(TOOLS)/build.py

scenario: venv-test  ## one molecule scenario: make scenario S=default
	@[[ "$(S)" != old_versions ]] || $(TOOLS)/system_tools.sh npm=npm
	@$(BIN)/python $(TOOLS)/scenario.py $(S)

awx: venv-test  ## recover_standby as an AWX job, against the running lab (LAB_PROJECT, AWX_LIMIT=postgres-db1)
	@$(BIN)/python -m pytest tests/awx --junit-xml=$(RESULTS)/awx/pytest.xml $(A)

bench: export LAB_PROJECT ?= bench
bench: venv-test  ## measure recovery on real servers (BENCH_SCALE=10 for a quick look; docs/benchmarks.md)
	@$(BIN)/python -m tests.bench

lab-up: venv  ## start the lab's hosts (LAB_PROJECT, LAB_SUBNET, LAB_SUITE: molecule/shared/lab.py)
	@python3 molecule/shared/lab.py up

lab-down:  ## remove the lab's hosts and network
	@python3 molecule/shared/lab.py down

lab-shell:  ## a shell on a lab host: make lab-shell H=postgres-db1
	@python3 molecule/shared/lab.py shell $(H)

lab-status:  ## what of the lab is running
	@python3 molecule/shared/lab.py status

lab-clean:  ## lab-down, and its images and generated files too
	@python3 molecule/shared/lab.py clean

image:
	@python3 molecule/shared/lab.py image

venv:
	@$(TOOLS)/venv.sh .venv requirements.txt

venv-test:
	@$(TOOLS)/venv.sh .venv requirements.txt requirements-test.txt

venv-importer:
	@$(TOOLS)/venv.sh .cache/venv-importer $(TOOLS)/importer-requirements.txt

clean:  ## remove environments, caches and build results (not a running lab: lab-clean)
	rm -rf .venv .cache .ansible .ruff_cache .pytest_cache

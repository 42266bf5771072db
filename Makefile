# `make` alone prints the targets. Everything runs from .venv; nothing is installed system-wide but
# the Debian packages of the local cluster, and those only as root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
STACK := $(BIN)/python -m tests.e2e.stack
PHASE := .ci/phase

# When did the run begin? Phases show the time since then; `.ci/run` may have set it.
ifndef STARTED
export STARTED := $(shell date +%s)
endif

.DEFAULT_GOAL := help
.PHONY: help venv up down status crds pages images format lint types layers unit check integration e2e \
	test soak bench clean

##@ Use it

up: venv ## a cluster, the stack in it, a sample model, and a curl line that answers
	@$(STACK) up

down: venv ## remove all that `make up` made (CLUSTER=existing: only its release, the CRDs stay)
	@$(STACK) down

status: venv ## how the cluster of `make up` and what runs in it stand
	@$(STACK) status

##@ Check it

check: ## lint, types, layers, unit tests: under a minute
	@$(PHASE) "virtual environment" $(MAKE) --no-print-directory venv
	@$(PHASE) "lint" $(MAKE) --no-print-directory lint
	@$(PHASE) "types" $(MAKE) --no-print-directory types
	@$(PHASE) "layers" $(MAKE) --no-print-directory layers
	@$(PHASE) "unit tests" $(MAKE) --no-print-directory unit

# Tools and images are built beside the integration tests, which need few of them; whoever needs one
# that is still being built waits for it.
test: check ## everything: check, integration, end to end; the first phase that fails ends it
	@$(PHASE) "integration and end-to-end tests" $(STACK) while-preparing $(BIN)/python -m tests.lanes

soak: venv ## the long proofs at full counts; dated results in docs/soak/
	@LLMSTACK_SOAK=1 $(PHASE) "soak" $(PYTEST) -p tests.soak_report -m soak tests/integration tests/e2e

bench: venv ## the tables of docs/bench-*.md, measured anew
	@$(BIN)/python -m bench

##@ Parts of `make check` and `make test`

lint: venv ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv ## mypy, strict
	@$(BIN)/mypy

layers: venv ## import-linter: imports point down only
	@$(BIN)/lint-imports

unit: venv ## unit tests, on all cores
	@$(PYTEST) -n auto -q tests/unit

integration: venv ## tests against a real kube-apiserver and etcd
	@$(PYTEST) tests/integration

e2e: venv ## tests on a real node with a real model
	@$(PYTEST) tests/e2e

##@ Make things

venv: $(VENV)/.done ## .venv with the project, its tests and its tools

crds: venv ## crds/ from the API models
	@$(BIN)/llmstack crds --directory crds

pages: venv ## the pages and tables of docs/ that are made from the code
	@LLMSTACK_GOLDEN=write $(PYTEST) -q tests/unit/docs/test_generated.py

images: venv ## the two images, into the local builder
	@$(STACK) images

format: venv ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove what was made inside the checkout; run `make down` first
	@! test -e .cluster || { echo "A cluster may be running: run 'make down' first."; exit 1; }
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Made anew when pyproject.toml changes, or when the interpreter it was made from is gone.
$(VENV)/.done: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 venv"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	@echo "Bringing $(VENV) up to date (the first time takes a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

help:
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

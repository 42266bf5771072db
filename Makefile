# `make` without a target prints all targets. Everything runs from .venv. Nothing is installed
# system-wide except the Debian packages of the local cluster, and those only as root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
STACK := $(BIN)/python -m tests.e2e.stack
PHASE := .ci/phase

# Start time of the run; phases show the time since then. `.ci/run` may have set it.
ifndef STARTED
export STARTED := $(shell date +%s)
endif

.DEFAULT_GOAL := help
.PHONY: help venv up down status crds pages images format lint types layers unit check integration e2e \
	test soak bench clean

##@ Use

up: venv ## start a cluster, install the stack, deploy a sample model, and print a curl command
	@$(STACK) up

down: venv ## remove everything that `make up` created (CLUSTER=existing: only the release, not the CRD)
	@$(STACK) down

status: venv ## show the state of the cluster of `make up` and of what runs in it
	@$(STACK) status

##@ Check

check: ## run lint, types, layers and unit tests (under a minute)
	@$(PHASE) "virtual environment" $(MAKE) --no-print-directory venv
	@$(PHASE) "lint" $(MAKE) --no-print-directory lint
	@$(PHASE) "types" $(MAKE) --no-print-directory types
	@$(PHASE) "layers" $(MAKE) --no-print-directory layers
	@$(PHASE) "unit tests" $(MAKE) --no-print-directory unit

# Tools and images are built while the integration tests run, which need few of them. A test that needs
# one that is not built yet waits for it.
test: check ## run everything: check, integration and end-to-end tests; stop at the first phase that fails
	@$(PHASE) "integration and end-to-end tests" $(STACK) while-preparing $(BIN)/python -m tests.lanes

soak: venv ## run the long tests at full counts; write dated results to docs/soak/
	@LLMSTACK_SOAK=1 $(PHASE) "soak" $(PYTEST) -p tests.soak_report -m soak tests/integration tests/e2e

bench: venv ## measure the tables of docs/bench-*.md again
	@$(BIN)/python -m bench

##@ Parts of `make check` and `make test`

lint: venv ## run ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: venv ## run mypy in strict mode
	@$(BIN)/mypy

layers: venv ## run import-linter: a layer may import only layers below it
	@$(BIN)/lint-imports

unit: venv ## run the unit tests on all cores
	@$(PYTEST) -n auto -q tests/unit

integration: venv ## run the tests against a real kube-apiserver and etcd
	@$(PYTEST) tests/integration

e2e: venv ## run the tests on a real node with a real model
	@$(PYTEST) tests/e2e

##@ Build and generate

venv: $(VENV)/.done ## create .venv with the project, its tests and its tools

crds: venv ## generate crds/ from the API models
	@$(BIN)/llmstack crds --directory crds

pages: venv ## generate the pages and tables of docs/ that come from the code
	@LLMSTACK_GOLDEN=write $(PYTEST) -q tests/unit/docs/test_generated.py

images: venv ## build the images into the local builder
	@$(STACK) images

format: venv ## let ruff fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove everything generated in the checkout (run `make down` first)
	@! test -e .cluster || { echo "A cluster may be running: run 'make down' first."; exit 1; }
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Created again when pyproject.toml changes, or when the interpreter that it was created with is gone.
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

# On a fresh machine with Python 3.11 or newer and make, nothing else, two commands work:
# `make demo` and `make test`. Both set up .venv first; a second run finds it done.

BIN := .venv/bin
PYTHON_SOURCES := exporter alerts grafana tests

# A setting meant for other projects must not reach ours.
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help setup tools demo stack dashboards test test-long lint lock bench clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:
	@.ci/venv

tools:
	@.ci/debian
	@.ci/kustomize
	@.ci/npm
	@.ci/browser
	@.ci/image --prepare || echo "image: cannot be built here; see its tests"

demo: setup ## watch real training runs go wrong, on this machine alone
	@$(BIN)/tunewatch demo

stack: setup ## the demo with Prometheus, Alertmanager and Grafana, as far as they are installed
	@$(BIN)/python -m grafana.stack

dashboards: setup ## write grafana/dashboards anew
	$(BIN)/python -m grafana

# Tests wait for real programs most of the time, so more of them run at once than there are cores.
WORKERS ?= 3

test: setup tools lint ## everything that must hold before a change lands
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

test-long: setup tools ## the tests that take minutes: server versions, storms, soaks (half an hour)
	@.ci/npm --all
	$(BIN)/pytest -m long -n 2 --dist loadfile

lint: setup ## style, types and the floors between modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(PYTHON_SOURCES)
	$(BIN)/lint-imports

lock: setup ## write the locked requirements anew (newer versions with UPGRADE=--upgrade)
	$(LOCK) pyproject.toml --group dev --extra demo --extra kubernetes --extra local --output-file requirements-dev.txt
	$(LOCK) pyproject.toml --extra kubernetes --constraints requirements-dev.txt --output-file requirements.txt
	$(LOCK) --group build --constraints requirements-dev.txt --output-file requirements-build.txt
	for server in tests/servers/*.in; do $(LOCK) $$server --output-file $${server%.in}.txt || exit; done

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --annotation-style line --custom-compile-command 'make lock' $(UPGRADE)

bench: setup ## memory, scrape and poll figures beside those of a peer
	$(BIN)/python -m tests.bench

clean: ## remove all that set-up, tests and builds have made
	rm -rf .venv .tools tests/npm/node_modules tests/npm/node/node_modules tests/npm/grafana-*/node_modules .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find $(PYTHON_SOURCES) -name __pycache__ -prune -exec rm -rf {} +

# The two commands are `make run` and `make test`; `make help` lists all. `make run PORT=9000` serves elsewhere.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
AISLE := $(BIN)/aisle
INDEX := index/sample
# The line that `make run` prints three products with: their path, tags and neighbours.
SHOW_THREE := $(AISLE) classify data/sample --images data/sample --index $(INDEX) --show 3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install models dev run test check openapi lock clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf 'make %-8s %s\n' "$$name" "$$text"; done

install: $(VENV)/.installed $(VENV)/.models ## make .venv with .venv/bin/aisle in it, from requirements.lock

models: $(VENV)/.installed ## get the model that sees pictures (600 MB), once; `make install` tries it by itself
	$(AISLE) models pull

dev: $(VENV)/.dev ## install, and the tools that test and check need, from requirements-dev.lock

run: install ## build the index of data/sample, show three products, serve on 127.0.0.1:8000
	$(AISLE) build data/sample --images data/sample --index $(INDEX) --vocabulary data/sample/vocabulary.json
	$(SHOW_THREE)
	$(AISLE) serve --index $(INDEX) --host $(HOST) --port $(PORT)

test: dev ## run every test
	$(BIN)/python -m pytest

check: dev ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports --no-logo

openapi: dev ## describe the REST API anew in docs/openapi.json
	$(BIN)/python -m service.rest.app > docs/openapi.json

# The local part of a version (2.13.0+cpu) and the CUDA packages beside torch are left out: one lock serves both builds.
FREEZE = $(LOCKING)/bin/pip freeze --all --exclude pip --exclude aisle \
	| sed -E -e '/^(cuda|nvidia|triton)/d' -e 's/\+.*//' | LC_ALL=C sort -f
LOCKING := build/locking
# Held back to a version that has a CPU build wherever torch is served; tried again whenever the locks are made.
HOLD := torch==2.13.0

lock: ## resolve pyproject.toml anew into the two lock files, with the oldest Python supported
	rm -rf $(LOCKING) && $(PYTHON) -m venv $(LOCKING)
	$(LOCKING)/bin/pip install --quiet --upgrade 'pip>=25.1' # the first that knows dependency groups
	$(LOCKING)/bin/pip install --quiet --group build . '$(HOLD)'
	{ echo '# Made by `make lock` from pyproject.toml: what aisle runs with, and what builds it.'; $(FREEZE); } > requirements.lock
	$(LOCKING)/bin/pip install --quiet --group dev '.[mlflow,postgresql]' '$(HOLD)'
	{ echo '# Made by `make lock` from pyproject.toml: what its tests and checks need besides.'; echo '-r requirements.lock'; \
		$(FREEZE) | grep -vxFf requirements.lock; } > requirements-dev.lock
	rm -rf $(LOCKING)

clean: ## remove the environment and everything that was built, but no index
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "aisle needs Python 3.11 or newer and '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing);" \
			"name another one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Tried once, and gone on without where no hub answers within ten seconds: texts need no more than is installed.
$(VENV)/.models: | $(VENV)/.installed
	@$(AISLE) models pull || echo "going on without a model for pictures; get it later with: $(AISLE) models pull" >&2
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/pip install --disable-pip-version-check -r requirements-dev.lock
	@touch $@

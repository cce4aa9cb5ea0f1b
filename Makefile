# One menu for people and for CI. Every target makes the environment it needs first.
# PYTHON=python3.12 chooses the interpreter, KEEP=1 keeps the demo up, ROWS=N sizes it.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
INSTALLED := $(VENV)/.installed-$(shell cat requirements/dev.txt pyproject.toml | sha256sum | cut -c1-16)
CODE := api worker workflows activities connectors core deploy tests bench
TEST_MINUTES ?= 30
# Two processes, each with servers of its own: a test waits for servers about as long as it computes.
PARALLEL := $(BIN)/pytest -q --numprocesses 2 --dist loadscope

.DEFAULT_GOAL := help
# What comes from Debian rather than PyPI: programs of databases, of which tests start private servers, a clock that
# jumps, and the reader of compose files.
SERVERS := mariadb-server-core mariadb-client-core firebird3.0-server firebird3.0-utils postgresql faketime docker-compose

# Peers that come from Debian; those from PyPI get virtual environments under var/bench/.
PEERS := pgloader pgcopydb

.PHONY: help setup servers demo up check test chaos conformance bench format requirements settings clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv with everything, from hashed requirements

demo: $(INSTALLED) ## migrate a sample shop of 1,000,000 rows on this machine (KEEP=1: stay up, ROWS=N)
	@$(BIN)/sterna demo $(if $(KEEP),--keep) $(if $(ROWS),--rows $(ROWS))

up: $(INSTALLED) ## start the whole stack for your own databases
	@$(BIN)/sterna up

check: $(INSTALLED) ## formatting, lint, types, import directions, advisories, unit tests
	$(BIN)/ruff format --check --quiet $(CODE)
	$(BIN)/ruff check --quiet $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python -m tests.dependency_audit
	$(BIN)/pytest -q tests/unit

servers: ## install the database servers that tests start, where they are missing (Debian, as root)
	@if test -x /usr/sbin/mariadbd && test -x /usr/sbin/firebird && test -d /usr/lib/postgresql \
	  && command -v faketime >/dev/null && command -v docker-compose >/dev/null \
	  && command -v mariadb >/dev/null; then exit 0; fi; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
	  echo "Installing $(SERVERS)"; \
	  apt-get -qq update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends $(SERVERS) >/dev/null; \
	else echo "MariaDB, Firebird, PostgreSQL, faketime or docker-compose is missing: their tests are skipped. Run as root: apt-get install $(SERVERS)"; fi

# The program alone: its package would start a server that listens beyond this machine.
$(BIN)/promtool: | $(INSTALLED)
	@if command -v apt-get >/dev/null; then mkdir -p var/promtool && cd var/promtool && \
	  { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; } 2>/dev/null && \
	  dpkg-deb --extract prometheus_*.deb . && install usr/bin/promtool $(CURDIR)/$@; \
	else echo "promtool is missing: the test of the alerts is skipped"; fi; rm -rf $(CURDIR)/var/promtool

test: check servers $(BIN)/promtool ## check, then every other test on real servers (TEST_MINUTES bounds it)
	timeout --foreground --kill-after=60 --signal=INT $(TEST_MINUTES)m $(PARALLEL) --ignore=tests/unit

chaos: $(INSTALLED) servers ## break everything on purpose for MINUTES=15, and judge every job (SEED=n repeats)
	$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED))

conformance: $(INSTALLED) servers ## the conformance suite of one connector (CONNECTOR=mysql), of all without
	$(PARALLEL) tests/conformance/test_suite.py $(if $(CONNECTOR),-k $(CONNECTOR))

bench: $(INSTALLED) servers ## Sterna beside the bare databases and other tools (BENCH="--help" for choices)
	@if test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  ! { command -v pgloader && command -v pgcopydb; } >/dev/null; then echo "Installing $(PEERS)"; \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $(PEERS) >/dev/null || true; fi
	@$(PIP) install --no-compile --require-hashes -r requirements/bench.txt
	$(BIN)/python -m bench $(or $(BENCH),--write)

format: $(INSTALLED) ## write the one formatting
	$(BIN)/ruff check --quiet --fix $(CODE)
	$(BIN)/ruff format --quiet $(CODE)

requirements: $(INSTALLED) ## pin the newest versions that pyproject.toml allows, with hashes
	$(PIP) install uv
	for set in "runtime" "local --extra local" "image --extra mysql --extra oracle --extra snowflake" "dev --all-extras"; do set -- $$set; name=$$1; shift; \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make requirements" $$@ --output-file requirements/$$name.txt pyproject.toml || exit 1; \
	done
	for name in bench build; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make requirements" --constraint requirements/dev.txt \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

settings: $(INSTALLED) ## write the table of docs/settings.md from the settings class
	@$(BIN)/python -m deploy.settings_page

clean: ## remove .venv, caches and var/ (with the jobs of `make up`)
	rm -rf $(VENV) var dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# Debian ships the venv module without what it needs (ensurepip lies in python3-venv).
$(INSTALLED): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 is missing: install it, or say PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: say PYTHON=/path/to/a/newer/python"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  test "$$(id -u)" = 0 || { echo "Python cannot make environments. Run: sudo apt-get install python3-venv"; exit 1; }; \
	  echo "Installing python3-venv"; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y python3-venv; } >/dev/null; }
	@echo "Installing Sterna and what it needs into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-compile --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-compile --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

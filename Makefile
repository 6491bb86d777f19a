# Everything a contributor runs. `make` alone prints what there is.
#
# Needs Python 3.11 or newer and make; the rest is installed into .venv, at the versions and
# hashes of requirements/*.txt. A second call installs nothing: stamps in .venv say what is there.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# The first interpreter that is new enough; another one: `make run PYTHON=/usr/bin/python3.14`.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python3.14 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$python"; break; }; done)

DATA ?= ./data
PORT ?= 8734
SECONDS ?= 60

# Where it is set, each OS process of a test would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

PYTEST := $(BIN)/python -m pytest
# One OS process of tests more than there are cores: many tests wait for the disk, or for a child.
PARALLEL := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal
# Tests that take half a minute are handed out one by one, the longest first.
ONE_BY_ONE := $(subst worksteal,load --maxschedchunk 1,$(PARALLEL))
# formats/ and store/ are what a log's truth rests on: their branches are covered by the fast part,
# or it fails. To measure it doubles the time of a test, and the others would add little.
GATE := --cov=seriatim.formats --cov=seriatim.store --cov-branch --cov-fail-under=95 \
	--cov-report=term:skip-covered
FAST := not (slow or crash or interop)

##@ Use

.PHONY: run
run: $(VENV)/.run ## Start a node on 127.0.0.1:8734 with its data in ./data (DATA=, PORT=, ARGS=)
	@exec $(BIN)/seriatim serve --data $(DATA) --host 127.0.0.1 --port $(PORT) $(ARGS)

.PHONY: demo
demo: $(VENV)/.run ## A guided tour on a throw-away folder
	@exec $(BIN)/seriatim demo $(ARGS)

.PHONY: bench
bench: $(VENV)/.run ## Measure this machine against the figures in docs/ (ARGS=)
	@exec $(BIN)/seriatim bench $(ARGS)

##@ Check

.PHONY: check
check: static ## Format, lint, types, imports, fast tests: under 2 minutes
	$(PYTEST) -q $(PARALLEL) -m "$(FAST)" --hypothesis-profile=check

.PHONY: test
test: static $(VENV)/.node ## Everything: check, the slow, crash and interop tests, the coverage gate
	$(PYTEST) -q $(PARALLEL) $(GATE) -m "$(FAST)"
	$(PYTEST) -q $(ONE_BY_ONE) -m "not ($(FAST))"

.PHONY: static
static: $(VENV)/.dev ## What needs no test run: format, lint, types, imports
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy -p seriatim
	$(BIN)/mypy tests
	$(BIN)/lint-imports --no-logo

.PHONY: tidy
tidy: $(VENV)/.dev ## Only the house rules that are a test
	$(PYTEST) -q tests/test_tidy.py

.PHONY: crash
crash: $(VENV)/.dev ## Tests that kill the node
	$(PYTEST) -q -m crash

.PHONY: interop
interop: $(VENV)/.dev $(VENV)/.node ## Real clients from npm against a real node
	$(PYTEST) -q -m interop

.PHONY: nightly
nightly: $(VENV)/.dev ## Property tests with fresh seeds and many more examples, and fuzzing
	$(PYTEST) -q -m "not interop" --hypothesis-profile=nightly --timeout=3600
	@$(MAKE) --no-print-directory fuzz

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## Bytes against every decoder, SECONDS (60) for each (ARGS= for some targets)
	$(BIN)/python -m tests.fuzz $(SECONDS) $(ARGS)

##@ Change

.PHONY: setup
setup: $(VENV)/.dev ## Install everything a contributor needs, and nothing else

.PHONY: format
format: $(VENV)/.dev ## Format, and apply the lint fixes that are safe
	$(BIN)/ruff check --quiet --fix-only
	$(BIN)/ruff format

UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' $(LOCK)

.PHONY: lock
lock: $(VENV)/.lock ## Lock requirements/ again (LOCK=--upgrade for newer versions), and npm's
	$(UV) pyproject.toml --group build -o requirements/run.txt
	$(UV) pyproject.toml --group build --group test --group lint \
		-c requirements/run.txt -o requirements/dev.txt
	$(UV) --group fuzz -o requirements/fuzz.txt
	$(UV) --group node -o requirements/node.txt
	$(UV) --group lock -o requirements/lock.txt
	cd tests/interop && npm install --package-lock-only --ignore-scripts \
		--omit-lockfile-registry-resolved --no-audit --no-fund

.PHONY: clean
clean: ## Remove what can be made again; never ./data
	rm -rf .fuzz build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
		htmlcov .coverage .coverage.* tests/interop/node_modules src/*.egg-info
	find actors formats gateway store tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f $(VENV)/.run $(VENV)/.dev $(VENV)/.fuzz $(VENV)/.node $(VENV)/.lock

.PHONY: help
help: ## Print this
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What is installed, and when it has to be installed again.

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { \
		echo "seriatim needs Python 3.11 or newer, and none was found. Install one," >&2; \
		echo "or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; \
		exit 1; }

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing seriatim into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing the tools of requirements/dev.txt into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# A wheel or nothing: building it takes a compiler of its own.
$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.dev
	@$(PIP) install --require-hashes --only-binary=:all: -r requirements/fuzz.txt
	@touch $@

# Node.js 20 or newer from the machine, or else from a wheel.
$(VENV)/.node: requirements/node.txt | $(VENV)/pyvenv.cfg
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20)' 2>/dev/null \
		&& npm --version >/dev/null 2>&1 \
		|| $(PIP) install --require-hashes -r requirements/node.txt
	@touch $@

$(VENV)/.lock: requirements/lock.txt | $(VENV)/pyvenv.cfg
	@$(PIP) install --require-hashes -r requirements/lock.txt
	@touch $@

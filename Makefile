# What a newcomer types and what CI runs; `make help` lists it.
#
#   .venv        what a user has       requirements/core.lock and the wheel built here    make demo
#   .venv-dev    what a developer has  requirements/dev.lock and the same wheel           make test, make check
#   .venv-build  what builds the wheel requirements/build.lock                            make build
#
# Packages are installed from lock files with hashes. What is tested is the built wheel, never src/: a file that the
# wheel forgot fails here and not at a user's. Each stamp file (.locked, .wheel, .built) says that a step is done, so
# a second run does only what changed. Written for GNU make 3.81 or later and a POSIX shell.

PYTHON ?= python3
UV ?= uv
NPM ?= npm
BENCH ?= benchmarks/bench_*.py
ARGS ?=
PYTEST_ARGS ?=

SHELL := /bin/sh
unexport PYTHONPATH PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
# Directories are listed too: removing a file changes its directory and nothing else.
SOURCES := pyproject.toml README.md LICENSE $(shell find src -name __pycache__ -prune -o -print)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help install demo test soak prices programs check lint format types imports footprint bench build lock clean

help: ## list these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

install: .venv/.wheel ## make .venv with the gateway and nothing else

demo: .venv/.wheel ## run the demonstration on simulated providers; ARGS=--exit ends when the report is printed
	.venv/bin/entrepot demo $(ARGS)

test: .venv-dev/.wheel ## run every test against the built wheel; PYTEST_ARGS are handed on
	.venv-dev/bin/python -m pytest $(PYTEST_ARGS)

soak: .venv-dev/.wheel ## run the long races and the long soak ($$SOAK_MINUTES each, 5 unless told), no part of make test
	.venv-dev/bin/python -m pytest -m soak $(PYTEST_ARGS)

programs: tests/programs/node_modules/.package-lock.json ## install the npm programs that tests run (1 GB; without them those tests skip)

check: lint types imports test footprint ## everything that CI runs

lint: .venv-dev/.locked ## check format and lint
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/ruff check .

format: .venv-dev/.locked ## rewrite to the format, and fix what can be fixed
	.venv-dev/bin/ruff format .
	.venv-dev/bin/ruff check --fix .

types: .venv-dev/.locked ## mypy --strict on source, tests and tools
	.venv-dev/bin/mypy

imports: .venv-dev/.wheel ## prove that imports point one way
	.venv-dev/bin/lint-imports

prices: .venv-dev/.locked ## compile the list prices of genai-prices into the catalog
	.venv-dev/bin/python tools/compile_prices.py

footprint: dist/.built ## measure a fresh core install against its limits: packages, megabytes
	$(PYTHON) tools/footprint.py

bench: .venv-dev/.wheel ## run the benchmarks, which are never part of the tests; BENCH names one, ARGS are handed on
	@set -e; for file in $(BENCH); do \
	  test -e "$$file" || { echo "benchmarks/ has no bench_*.py yet"; break; }; \
	  echo "$$file"; .venv-dev/bin/python "$$file" $(ARGS); done

build: dist/.built ## build the wheel into dist/

lock: ## resolve the lock files anew from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or name one with UV=..." >&2; exit 1; }
	$(LOCK) --upgrade -o requirements/core.lock pyproject.toml
	$(LOCK) --upgrade -o requirements/build.lock --group build
	$(LOCK) --upgrade -o requirements/dev.lock -c requirements/core.lock -c requirements/build.lock \
	  --extra learn --group build --group dev pyproject.toml

clean: ## remove what make made
	rm -rf .venv .venv-dev .venv-build build dist tests/programs/node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests tools -name __pycache__ -prune -exec rm -rf {} +

# The file that npm itself writes when it is done. No install scripts run (tests/programs/.npmrc).
tests/programs/node_modules/.package-lock.json: tests/programs/package-lock.json tests/programs/.npmrc
	@command -v $(NPM) >/dev/null || { echo "make programs needs npm: install Node.js, or name one with NPM=..." >&2; exit 1; }
	cd tests/programs && $(NPM) ci --no-progress
	@touch $@

# ---- environments ----------------------------------------------------------------------------------------------------

.venv/.locked: requirements/core.lock
.venv-dev/.locked: requirements/dev.lock
.venv-build/.locked: requirements/build.lock
.venv/.locked .venv-dev/.locked .venv-build/.locked: tools/make_venv.py
	@command -v $(PYTHON) >/dev/null || { echo "make: '$(PYTHON)' is not found. Entrepot needs Python 3.11 or later;" \
	  "name one with: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) tools/make_venv.py $(@D)
	@echo "installing $(firstword $(filter %.lock,$^)) into $(@D)"
	@$(@D)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r $(firstword $(filter %.lock,$^))
	@touch $@

dist/.built: .venv-build/.locked $(SOURCES)
	@rm -f dist/*.whl
	@echo "building the wheel"
	@.venv-build/bin/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist .
	@touch $@

.venv/.wheel .venv-dev/.wheel: dist/.built
.venv/.wheel: .venv/.locked
.venv-dev/.wheel: .venv-dev/.locked
.venv/.wheel .venv-dev/.wheel:
	@$(@D)/bin/python -m pip install --quiet --no-index --no-deps --force-reinstall dist/entrepot-*.whl
	@$(@D)/bin/python -m pip check
	@touch $@

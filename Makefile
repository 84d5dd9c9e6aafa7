SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: docs help setup optimise demo test test-code test-rules agreement needs guarding check check-format check-lint check-types check-imports check-rules fuzz refusals bench learning guarantees loadtest lock format clean

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements/build.txt requirements/dev.txt
# The stamp's name holds the checksum of everything that decides the environment: an unchanged lock is installed once.
STAMP := $(VENV)/.installed-$(shell (cat $(LOCKS) requirements/setup.sh; sed '/^\[tool\.ruff\]/,$$d' pyproject.toml) | cksum | cut -d' ' -f1)
# So is the compiled hot path: an edited module is never shadowed by what was compiled of it. COMPILE=no runs it as it is.
ifeq ($(COMPILE),no)
COMPILED := build/.interpreted
OPTIMISED := $(COMPILED)
else
SOURCES := $(shell cat requirements/build.txt setup.py $$(sed -n 's/^ *"\(.*\.py\)",$$/\1/p' setup.py) | cksum | cut -d' ' -f1)
COMPILED := build/.compiled-$(SOURCES)
OPTIMISED := build/.optimised-$(SOURCES)
endif
# An interpreter asked for by name replaces one of another version, even where the lock is unchanged.
ifdef PYTHON
ifneq ($(shell ($(PYTHON) -V | cut -d. -f1-2) 2>/dev/null),$(shell ($(BIN)/python -V | cut -d. -f1-2) 2>/dev/null))
.PHONY: $(STAMP)
endif
endif
# One more than there are processors: many tests wait for processes that they start.
TESTERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Containers often forbid Python to keep its byte code: then each of some thousand processes compiles everything again.
unexport PYTHONDONTWRITEBYTECODE
PACKAGES := engine models api demobank loadtest bench examples tests

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) $(COMPILED) ## build .venv from the locked dependencies, compile the hot path; nothing when up to date
	@:

$(STAMP):
	@VENV=$(VENV) requirements/setup.sh
	@rm -f $(VENV)/.installed-*
	@touch $@

$(COMPILED): $(STAMP)
	@PYTHON=$(abspath $(BIN))/python requirements/compile.sh
	@touch $@

optimise: $(OPTIMISED) ## compile the hot path guided by a profile of its work under load: a tenth faster; four minutes, gcc
	@:

ifneq ($(COMPILE),no)
$(OPTIMISED): $(STAMP)
	@GUIDED=yes PYTHON=$(abspath $(BIN))/python requirements/compile.sh
	@touch $(COMPILED) $@
endif

demo: setup ## serve the demonstration bank (ARGS="--port 8080 --customers 20000")
	@$(BIN)/nextbest demo $(ARGS)

test: test-rules test-code ## run the rule files' checks and tests, then every test (ARGS="-k caps")

test-code: setup
	@requirements/browser.sh
	@$(BIN)/python -m pytest -n $(TESTERS) --dist loadfile $(ARGS) || \
		{ echo 'What failed beside other tests runs again, alone.'; \
		  $(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(ARGS); }

test-rules: check-rules
	@$(BIN)/nextbest test rules

agreement: setup ## compare compiled rules with the slow evaluator on drawn customers (ARGS="--cases 1_000_000 --seed 7")
	@$(BIN)/python -m tests.reference.agreement $(ARGS)

needs: setup ## compare the needs that durable-rules infers with the generated code (ARGS="--customers 100_000 --seed 7")
	@$(BIN)/python -m tests.reference.needs $(ARGS)

check: check-format check-lint check-types check-imports check-rules ## everything that needs no test run: format, lint, types, imports, rules

check-format: setup ## ruff format, changing nothing
	@$(BIN)/ruff format --check .

check-lint: setup ## ruff lint
	@$(BIN)/ruff check .

check-types: setup ## mypy strict, tests included
	@$(BIN)/mypy $(PACKAGES)

check-imports: setup ## import directions
	@$(BIN)/lint-imports --no-logo

check-rules: setup ## nextbest check rules
	@$(BIN)/nextbest check rules

guarding: setup ## decide for drawn customers of drawn banks: no guard is passed, every action is accounted for (ARGS="--decisions 1_000_000")
	@$(BIN)/python -m tests.reference.guarding $(ARGS)

fuzz: setup ## give the rule compiler any bytes, guided by coverage (ARGS="--seconds 300 --corpus DIR")
	@$(BIN)/python -m tests.fuzz $(ARGS)

refusals: setup ## milliseconds and megabytes that refusing each hostile and each wrong file takes
	@$(BIN)/python -m tests.hostile

bench: optimise ## measure beside public peers, results as JSON (ARGS="engine --quick")
	@$(BIN)/python -m bench $(ARGS)

learning: setup ## retrain for 21 weeks in hidden worlds, beside popularity and two oracles (ARGS="--seeds 7 --customers 8000")
	@$(BIN)/python -m bench.learning $(ARGS)

guarantees: setup ## prove what docs/guarantees.md promises, results as JSON (ARGS="store_faults --quick")
	@$(BIN)/python -m tests.guarantees $(ARGS)

loadtest: setup ## Locust against a demonstration bank of its own (ARGS="--profile steady --host http://127.0.0.1:8080")
	@$(BIN)/python -m loadtest $(ARGS)

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --custom-compile-command "make lock"

lock: setup ## renew the dependency locks (ARGS=--upgrade)
	@$(LOCK) $(ARGS) requirements/build.in -o requirements/build.txt
	@$(LOCK) $(ARGS) pyproject.toml -o requirements/runtime.txt
	@$(LOCK) $(ARGS) pyproject.toml --all-extras --group dev -c requirements/runtime.txt -o requirements/dev.txt
	@! grep -nE '://|^ *--(extra-)?index-url' requirements/*.txt

docs: setup ## rewrite the reference page of the rule language
	@$(BIN)/python -m api.authoring.reference docs/reference/bank docs/reference/rules.md

format: setup ## rewrite the code as ruff formats it
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

clean: ## remove the environment and every cache
	@rm -rf $(VENV) $(VENV).lock build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

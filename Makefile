# DynamiCrypt. `make demo` shows it working, `make test` proves it; both set up all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARKS := wire1 core keys link api lab
SOURCES := setup.py pyproject.toml $(wildcard ext/*)

.PHONY: help setup demo test check format test-system soak bench clean

help:
	@echo "make demo         two nodes on this machine exchange encrypted messages"
	@echo "make test         set up and run the tests"
	@echo "make check        format, lint and types"
	@echo "make test-system  tests that need Debian packages or root"
	@echo "make soak         tests that take long"
	@echo "make bench        the benchmarks, short form"

$(BIN)/python:
	@echo "== making a virtual environment in $(VENV) (some seconds)"
	@$(PYTHON) -m venv $(VENV) || { echo "dynamicrypt: error: no venv module"; \
	  echo "dynamicrypt: hint: apt-get install python3-venv python3-dev"; exit 1; }

$(VENV)/.run: $(BIN)/python $(SOURCES)
	@echo "== installing DynamiCrypt and what it needs into $(VENV), and compiling its core in C"
	@echo "   (half a minute to two minutes, once; nothing is printed meanwhile)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "== installing the tools for tests, types and lint (about a minute, once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(VENV)/.dev

demo: $(VENV)/.run
	@$(BIN)/python -m dynamicrypt.demo

test: $(VENV)/.dev
	@$(BIN)/python -m tests

# Their modules are not called test_*, so the usual run leaves them out.
test-system: $(VENV)/.dev
	@tests/system/install-packages
	@$(BIN)/python -m tests 1 tests.system.packaging tests.system.account tests.system.readme \
	  tests.system.memory tests.system.link

soak: $(VENV)/.dev
	@$(BIN)/python -m tests 1 tests.soak.endurance tests.soak.rest tests.soak.strangers \
	  tests.soak.large_files tests.soak.cuts tests.soak.messages

bench: $(VENV)/.dev
	@set -e; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name --quick; done

check: $(VENV)/.dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info dynamicrypt/*.so .mypy_cache .ruff_cache _trial_temp*

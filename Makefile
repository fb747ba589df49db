# Everything a newcomer types. Needs python3 (3.11 or newer) with venv, and the package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test lint fuzz bench abacus clean

serve: $(VENV)/.installed
	@$(BIN)/reckon serve $(MODEL)

test: $(VENV)/.tested
	$(BIN)/python -m pytest

lint: $(VENV)/.tested
	$(BIN)/ruff check src tests training
	$(BIN)/ruff format --check src tests training
	$(BIN)/mypy

# 20,000 hostile requests of our own making, then schemathesis on /openapi.json; minutes. `make test` runs a slice.
fuzz: $(VENV)/.tested
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python -m tests.fuzz --requests 20000 --described 100 --seed 1

bench: $(VENV)/.installed
	$(BIN)/reckon bench engine $(MODEL)

# Trains reckon/abacus again from nothing; training/README.md says how long that takes.
abacus: $(VENV)/.tested
	$(BIN)/python -m training.make

clean:
	rm -rf $(VENV) build

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reckon needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

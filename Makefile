# Everything is installed into .venv beside this file; nothing else of the machine is touched.
# Variables: PYTHON (the interpreter that makes .venv), PIP_ARGS (for pip install), PYTEST_ARGS (for pytest).

SHELL := /bin/sh
.DEFAULT_GOAL := help
# Two targets must not install into one environment at the same time.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test check train bench

BIN := .venv/bin
# A stamp is written after its step has ended well: an interrupted step is done again, a finished one is not.
STAMPS := .venv/stamps
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check $(PIP_ARGS) --constraint constraints.txt

PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/\1\t\2/p' Makefile | expand -t 10

run: $(STAMPS)/service ## install what is needed, tag the demo comments and show the result
	$(BIN)/huiyin demo

test: $(STAMPS)/dev ## install everything and run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(STAMPS)/dev ## lint, format, types and the arrows between the packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: $(STAMPS)/train ## train, calibrate, export and evaluate a small model on the starter corpus
	$(BIN)/python -m training.pipeline

bench: $(STAMPS)/train ## measure the speed of tagging beside other ways to do it
	$(BIN)/python -m benchmarks.tagging

$(STAMPS)/service: $(STAMPS)/venv pyproject.toml constraints.txt
	$(INSTALL) --editable ".[service]"
	@touch $@

$(STAMPS)/train: $(STAMPS)/venv pyproject.toml constraints.txt
	$(INSTALL) --editable ".[service,train]"
	@touch $@

$(STAMPS)/dev: $(STAMPS)/venv pyproject.toml constraints.txt
	$(INSTALL) --editable ".[service,train,dev]"
	@touch $@

$(STAMPS)/venv:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer was found, and huiyin needs one;" \
		"install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: huiyin needs Python 3.11" \
		"or newer, and $(PYTHON) is $$("$(PYTHON)" --version 2>&1); name another: make PYTHON=/path/to/python3.11" \
		>&2; exit 1; }
	"$(PYTHON)" -m venv .venv
	@mkdir -p $(STAMPS) && touch $@

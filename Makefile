# zhike: `make help` lists what can be done.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo-bank
.DEFAULT_GOAL := help
.PHONY: requirements help install install-test install-spark demo test test-quick test-long lint bench docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "zhike needs Python 3.11 or newer: set PYTHON=")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/core.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/core.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.installed-test: requirements/test.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/.installed-spark: requirements/spark.txt $(VENV)/.installed
	@command -v java >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless; } || { echo "Spark needs Java 17: install it and try again"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/spark.txt
	@touch $@

install: $(VENV)/.installed ## make the virtual environment and install zhike

install-test: $(VENV)/.installed-test ## and what the tests need

demo: install ## simulate a bank, run the night, run the maturity story, write the report
	$(BIN)/zhike demo $(DEMO)

test-quick: install-test ## the fast tests, within a minute
	$(BIN)/python -m pytest -n 2 -q -m "not slow and not real and not long" --hypothesis-profile=quick

test: install-test lint ## all that needs nothing but pip, within ten minutes
	$(BIN)/python -m pytest -n 2 -q -m "not long"

install-spark: $(VENV)/.installed-spark ## and the second engine, which needs Java 17

test-long: install-test install-spark ## what is slow: kills at every point, large banks, both engines
	$(BIN)/python -m pytest -q -m long

lint: install-test ## style, types, imports one way
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

bench: install-test ## the measurements of docs/benchmarks.md (slow, large)
	$(BIN)/python bench/run_all.py

docs: install ## write the generated pages of docs/
	$(BIN)/python docs/generate.py

requirements: ## resolve the pins again
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q requirements/core.in -o requirements/core.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q requirements/test.in -o requirements/test.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q requirements/spark.in -o requirements/spark.txt

clean: ## remove what was built here
	rm -rf $(VENV) $(DEMO) build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

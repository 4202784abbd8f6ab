# make demo and make test are all a newcomer needs. Nothing but sh and Python ≥ 3.11 is assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# One stamp for what running needs, one for what developing needs; each is older than its inputs when they changed.
RUN := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
# Spark's two packages can't live together, nor with us: each has an environment of its own, where Spark's pins count
# before ours.
SAIL := .venv-sail
SPARK := .venv-spark
PINS = -c $(@D)/pins.txt
BESIDE := setuptools pytest pytest-randomly pytest-timeout
DOCS := README.md mappings/README.md jobs/README.md
EXAMPLE := $(BIN)/python -c 'from connector.config_example import text; print(text(), end="")'

.PHONY: help demo setup test test-sail test-spark check fix bench

help:            ## Show this list.
	@sed -n 's/^\([a-z-]*\): .*## /\1  /p' Makefile

demo: $(RUN)     ## Show the whole walk on an invented company.
	@$(BIN)/kam demo

setup: $(DEV)    ## Make .venv with everything that developing needs.

test: $(DEV)     ## Run every test, in random order; then test-sail, unless ARGS picks some.
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)
	$(if $(ARGS),,@$(MAKE) --no-print-directory test-sail)

test-sail: $(RUN)  ## Compare every insight on DuckDB and on Sail, which speaks Spark without Java.
	@if $(MAKE) --no-print-directory $(SAIL)/.installed; then $(SAIL)/bin/python -m pytest tests/spark; \
	else echo "SKIPPED: Sail can't be installed here; DuckDB and Spark were not compared."; fi

test-spark: $(RUN)  ## Compare every insight on DuckDB and on Spark itself, which takes Java 17 or newer.
	@if $(BIN)/python -c 'from connector.engine.spark import java_version as v; raise SystemExit(v() < 17)'; \
	then $(MAKE) --no-print-directory $(SPARK)/.installed && $(SPARK)/bin/python -m pytest tests/spark; \
	else echo "SKIPPED: there is no Java 17 or newer; DuckDB and Spark itself were not compared."; fi

check: $(DEV)    ## Format, lint, types, import contract, generated docs.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/cog --check --verbosity=1 -P $(DOCS)
	@$(EXAMPLE) | diff -u config.example.toml - || (echo "config.example.toml is not what the settings say. Run: make fix"; exit 1)

fix: $(DEV)      ## Format, and write the generated docs anew.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/cog -r --verbosity=1 -P $(DOCS)
	@$(EXAMPLE) > config.example.toml

bench: $(DEV)    ## Measure; prints ratios, and what they are held against.
	@for script in benchmarks/[!_]*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed; $(PYTHON) is {sys.version.split()[0]}. Give one: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)

# setuptools comes first and pinned, so that building needs no further download.
$(RUN): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt setuptools
	$(PIP) install -c constraints.txt --no-build-isolation -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt setuptools
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@ $(RUN)

$(SAIL)/.installed $(SPARK)/.installed: pyproject.toml constraints.txt constraints-spark.txt
	$(PYTHON) -m venv $(@D)
	@awk -F== 'NR == FNR { own[$$1] } NR == FNR || !($$1 in own)' constraints-spark.txt constraints.txt > $(@D)/pins.txt
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet --retries 1 install --no-compile $(PINS) $(BESIDE) $(NEEDS)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install $(PINS) --no-build-isolation -e .
	@touch $@

$(SAIL)/.installed: NEEDS := 'pandas<3' pysail pyspark-client
$(SPARK)/.installed: NEEDS := 'pandas<3' 'pyspark[connect]'

# make demo   fine-tune on the Python language reference and print the table
# make test   run the tests
# make help   all targets

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest -n 2 --no-loadscope-reorder

.PHONY: help install demo demo-memory test test-all test-lowest coverage check docs clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(INSTALLED)  ## make .venv with the pinned versions

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "embedtune needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=25.1"  # the first that installs [dependency-groups]
	$(PIP) hatchling editables
	$(PIP) --no-build-isolation --editable ".[all]" --group dev
	@touch $@

demo: $(INSTALLED)  ## generate, train and evaluate on the Python language reference
	$(BIN)/embedtune run pipelines/quickstart.yaml
	@echo "tuned embedder:  runs/quickstart/model/merged   (loads with SentenceTransformer)"
	@echo "PEFT adapter:    runs/quickstart/model/adapter"
	@echo "measures:        runs/quickstart/eval/metrics.json, per_query.tsv and *.run.trec beside it"

demo-memory: $(INSTALLED)  ## the same, to see how much memory it takes
	$(BIN)/python -m benchmarks.scale --demo

test: $(INSTALLED)  ## the tests that run in CI
	$(PYTEST)

test-all: $(INSTALLED)  ## the slow tests and those on collections outside the repository too
	$(PYTEST) -m ""

test-lowest: $(INSTALLED)  ## the quick tests against the lowest versions that pyproject.toml allows, in build/lowest
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --extra all pyproject.toml --output-file build/lowest.txt
	$(BIN)/uv venv --quiet --allow-existing build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest --requirement build/lowest.txt --group test --editable .
	build/lowest/bin/python -m pytest -n 2 --no-loadscope-reorder --ignore tests/e2e --ignore tests/faults --ignore tests/site

coverage: $(INSTALLED)  ## the tests that run in CI, and the share of the package's lines and branches that they reach
	$(PYTEST) --cov --cov-report=term:skip-covered

check: $(INSTALLED)  ## lint, types, import rules, links and commands of the documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/repo/test_docs.py tests/repo/test_repository.py

docs: $(INSTALLED)  ## the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file docs/site/mkdocs.yml
	@echo "site: build/site/index.html; with search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

clean:  ## remove what make and embedtune made
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

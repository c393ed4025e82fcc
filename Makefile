# Everything that can be done with this repository. It needs python3 (3.11 or newer), make and git.

PYTHON ?= python3
PY := .venv/bin/python
SUITES := libs services deploy tests demo bench
EMPTY :=
SPACE := $(EMPTY) $(EMPTY)

export PYTHONPATH := $(CURDIR)/deploy:$(CURDIR)
export UV_CACHE_DIR := $(CURDIR)/.gerai/cache/uv
export MYPYPATH := $(subst $(SPACE),:,$(wildcard services/*/src))
ifdef DRIVER
export GERAI_MONGODB_DRIVER := $(DRIVER)
endif

.DEFAULT_GOAL := help
.PHONY: help install up ticket call trace demo token new-service test unit integration newcomer contract check format contracts bench lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Put everything into .venv (every target does this; it takes no time when nothing changed)
	@$(PYTHON) -m local.bootstrap

up: install ## Start the whole platform with Muna Barat's 29 gerai; Ctrl-C stops it [CLOCK=morning: open at any hour]
	@$(PY) -m local $(if $(CLOCK),--clock '$(CLOCK)')

ticket: install ## With the platform running: take a number, as a kiosk does
	@$(PY) -m local.first_steps ticket

call: install ## Call whoever is next to a desk, as its officer does
	@$(PY) -m local.first_steps call

trace: install ## Show the way of the latest number through the platform
	@$(PY) -m local.first_steps trace

demo: install ## Play a working day (JSON=path writes the figures, SEED=n changes the arrivals)
	@$(PY) -m demo $(if $(JSON),--json '$(JSON)') $(if $(SEED),--seed '$(SEED)')

token: install ## Print a token for the running platform: ROLE=officer [TENANT=muna-barat]
	@$(PY) -m local.tokens '$(ROLE)' $(if $(TENANT),--tenant '$(TENANT)')

new-service: install ## Write a service of the example's shape, with its tests: NAME=loket
	@$(PY) -m local.new_service '$(NAME)'

test: install ## All tests, on a real MongoDB and a real Kafka, side by side
	@$(PY) -m tests.lanes $(SUITES)

unit: install ## Tests that need no other process
	@$(PY) -m pytest $(SUITES) -m 'not integration' --ignore=tests/newcomer

integration: install ## Tests that need the real parts: [DRIVER=pymongo] runs them with the other driver
	@$(PY) -m pytest $(SUITES) -m integration --ignore=tests/newcomer

newcomer: install ## Do what the README says in a bare Debian container (podman, debootstrap, root)
	@$(PY) -m pytest tests/newcomer

contract: install ## Ask each service what its OpenAPI document allows and what not, for longer: [EXAMPLES=200]
	@GERAI_CONTRACT_EXAMPLES='$(or $(EXAMPLES),200)' $(PY) -m pytest tests/integration/test_contract.py

check: install ## Formatter, linter, types, import rules, contracts, house rules
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@$(PY) -m gerai.contracts.compatibility
	@$(PY) -m gerai.contracts.generate --check
	@$(PY) -m pytest tests/architecture

format: install ## Format, and fix what the linter can fix
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

contracts: install ## Write the JSON Schemas, the AsyncAPI document and the event catalogue
	@$(PY) -m gerai.contracts.generate

bench: install ## Measure (JSON=path writes the figures)
	@$(PY) -m bench $(if $(JSON),--json '$(JSON)')

lock: install ## Resolve all packages anew: requirements.lock and deploy/local/jars.lock
	@.venv/bin/uv lock --upgrade
	@.venv/bin/uv export --quiet --format requirements-txt --all-packages --all-groups --no-emit-workspace --no-header -o requirements.lock
	@$(PY) -m local.jars lock

clean: ## Remove the environment, the downloads and all local data
	@rm -rf .venv .gerai .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

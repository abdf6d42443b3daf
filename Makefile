# `make run` and `make test` do their own set-up: Python 3.11 or newer and make are all they need.

SHELL := /bin/sh
# A name alone proves nothing: version managers put up names for Pythons that do not run.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
COMPOSE ?= docker compose
# Extras stay beside their packages: pip before 23.3 holds `coverage[toml]` to be another package than the pinned `coverage`.
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --python-version 3.11

.DEFAULT_GOAL := help
.PHONY: help run test coverage check messages bench lock build up down logs shell migrate revision

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' Makefile

run: .venv/run.stamp ## Start everything on http://127.0.0.1:$PORT (8000) and stop it on Ctrl-C
	@exec $(BIN)/python -m scripts.run

test: .venv/dev.stamp ## Run the whole suite on a PostgreSQL of its own (ARGS="billing -k promo" for a part)
	@exec $(BIN)/python -m scripts.test $(ARGS)

coverage: .venv/dev.stamp ## Run the whole suite and say which lines no test reaches
	@exec $(BIN)/python -m scripts.test --cov --cov-report=term:skip-covered --cov-report=html:var/coverage

check: .venv/dev.stamp ## Hold the code against every law
	@exec $(BIN)/python -m scripts.check $(ARGS)

messages: .venv/dev.stamp ## Collect the texts to translate and compile the translations
	@exec $(BIN)/python -m scripts.messages

bench: .venv-bench/stamp ## Measure into docs/BENCHMARKS.md (ARGS="2 3 --quick" for a part)
	@exec .venv-bench/bin/python -m scripts.bench $(ARGS)

lock: .venv/dev.stamp ## Compile the hashed locks anew from pyproject.toml
	$(LOCK) --extra redis --extra sentry --extra stripe pyproject.toml -o requirements.txt
	$(LOCK) --extra redis --extra sentry --extra stripe --group dev pyproject.toml -o requirements-dev.txt
	$(LOCK) --extra redis --extra sentry --extra stripe --group bench --constraint requirements.txt pyproject.toml -o requirements-bench.txt

# The same in containers.

build: ## Build the containers' image
	$(COMPOSE) build

up: ## Start the containers, with the migrations applied
	$(COMPOSE) up --detach --wait db redis
	$(COMPOSE) run --rm migrate
	$(COMPOSE) up --detach --wait

down: ## Stop the containers; their data stays
	$(COMPOSE) down

logs: ## Follow the containers' logs
	$(COMPOSE) logs --follow

shell: ## Open the support shell in a container
	$(COMPOSE) exec web python manage.py shell

migrate: ## Apply the migrations in a container
	$(COMPOSE) run --rm migrate

revision: .venv/dev.stamp ## Write a migration for changed models (NAME="what_it_does")
	$(BIN)/python manage.py makemigrations $(if $(NAME),--name "$(NAME)")

# A stamp is younger than its lock once the lock is installed.

.venv/run.stamp: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# Without its Python, whatever else lies in .venv is of no use.
# What Dvorik is measured against stays apart from what Dvorik needs.
.venv-bench/stamp: requirements-bench.txt | .venv/bin/python
	.venv/bin/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

.venv/bin/python:
	@python="$(PYTHON)"; rm -rf .venv; \
	test -n "$$python" && "$$python" -m venv .venv || { rm -rf .venv; \
	echo "Python 3.11 or newer with its venv module is needed (Debian, Ubuntu: apt-get install python3-venv)." \
	"To use a certain one: make PYTHON=/path/to/python3"; exit 1; }

# make build   environment + the whole build      make test    environment + all tests
# make env     the environment alone              make quick   the tests of a minute
# make docs-check   every command of the documentation, in a small build
# make lint    ruff, mypy, snakefmt, snakemake --lint, generated files
# make lock    resolve the lock files again; ARGS=--upgrade takes the newest versions
# Extra arguments: make build ARGS="--config …"   Another Python: make env PYTHON=/path/to/python3.12
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?=
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
KIND := $(shell envs/kind)

.PHONY: build env test quick docs-check lint lock format
build: env
	. $(BIN)/activate; snakemake --cores 1 --resources gpu=1 $(ARGS)
	. $(BIN)/activate; scribetune commit --if-ready --no-stage

env:
	@envs/install $(VENV) $(KIND) $(PYTHON)

test: env
	. $(BIN)/activate; python -m pytest -n logical --maxprocesses 4 $(ARGS)

quick: env
	. $(BIN)/activate; python -m pytest -q -n logical --maxprocesses 4 -m "not slow" tests/unit $(ARGS)

docs-check: env
	. $(BIN)/activate; python docs/check.py $(ARGS)

lint: env
	. $(BIN)/activate; ruff check .; ruff format --check .; mypy; snakefmt --check Snakefile rules pretraining/Snakefile
	. $(BIN)/activate; scribetune config; python envs/conda.py --check; snakemake --lint
	. $(BIN)/activate; snakemake --lint -s pretraining/Snakefile; lint-imports

format: env
	. $(BIN)/activate; ruff format .; ruff check --fix .; snakefmt Snakefile rules pretraining/Snakefile

lock: env
	envs/lock $(VENV) $(ARGS)

# make build   environment + the whole build      make test   environment + all tests
# make env     the environment alone              make lint   ruff, mypy, snakefmt, snakemake --lint, generated files
# make lock    resolve the lock files again       Extra arguments: make build ARGS="--config …"
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
KIND := $(shell envs/kind)
LOCKS := envs/$(KIND).txt envs/dev.txt
STAMP := $(VENV)/scribetune-environment
COMPILE := $(BIN)/pip-compile --quiet --strip-extras --no-header --annotation-style=line \
           --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: build env test lint lock format
build: env
	. $(BIN)/activate; snakemake --cores 1 --resources gpu=1 $(ARGS)
	. $(BIN)/activate; scribetune commit --if-ready

env:
	@envs/install $(PYTHON) $(VENV) $(KIND)

test: env
	. $(BIN)/activate; python -m pytest -n logical --maxprocesses 4 $(ARGS)

lint: env
	. $(BIN)/activate; ruff check .; ruff format --check .; mypy; snakefmt --check Snakefile rules
	. $(BIN)/activate; scribetune config; python envs/conda.py --check; snakemake --lint

format: env
	. $(BIN)/activate; ruff format .; ruff check --fix .; snakefmt Snakefile rules

# The local part of a version (+cpu) names a build, not a release: it is taken off. What cpu.txt pins is left out of
# dev.txt, which goes with gpu.txt too, and there another version may be pinned.
lock: env
	$(COMPILE) -o envs/cpu.txt envs/cpu.in
	sed -i -E 's/^(torch==[0-9.]+)\+[a-z0-9]+/\1/' envs/cpu.txt
	$(COMPILE) -o envs/dev.txt envs/dev.in
	sed -i '/# via -c /d' envs/dev.txt
	$(COMPILE) -o envs/gpu.txt envs/gpu.in
	$(BIN)/python envs/conda.py

# make build   environment + the whole build      make test    environment + all tests
# make env     the environment alone              make quick   the tests of a minute
# make serving-env   the environment of vLLM, for `scribetune serve`
# make storage-env   beside it, S3: for `documents.raw: s3://…`, DVC remotes and their tests
# make cluster-env   beside it, what `scribetune build --profile kubernetes` needs
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
SERVING := $(if $(filter gpu,$(KIND)),serving,serving-cpu)

# Where it is set, every process of every job compiles the libraries that it imports again: ten seconds of each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: build env serving-env cluster-env storage-env test quick docs-check lint lock format
build: env
	. $(BIN)/activate; snakemake --cores 1 --resources gpu=1 $(ARGS)
	. $(BIN)/activate; scribetune commit --if-ready --no-stage

env:
	@envs/install $(VENV) $(KIND) $(PYTHON)

serving-env:
	@envs/install .venv-serving $(SERVING) $(PYTHON)

cluster-env: env
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/cluster.txt
	$(BIN)/pip check

storage-env: env
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/storage.txt
	$(BIN)/pip check

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

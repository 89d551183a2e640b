.DEFAULT_GOAL := all
PYTHON ?= python3
USDM_PYTHON ?= python3.12
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Small matrices only: threads of the linear algebra library would wait for each other.
export OPENBLAS_NUM_THREADS ?= 1
pip := .venv/bin/python -m pip install --quiet
# Two processes, each with whole files of tests: the suite needs some twelve minutes of processor time.
parallel := -n 2 --dist loadfile

.PHONY: all test test-full test-usdm bench bench-mice lock format
# Set-up and the main job: check, power in every required scenario, a rehearsal, the reports.
all: .venv/ready
	snakemake

# Set-up and tests; always under ten minutes on two cores.
test: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	python -m pytest $(parallel) -m "not full"

# With the tests that take longer.
test-full: .venv/ready
	python -m pytest $(parallel)

# The USDM export against the package usdm4, in an environment of its own (Python 3.12 or newer).
test-usdm: .venv/ready .venv-usdm/ready
	python -m pytest tests/optional/test_usdm.py

bench: .venv/ready
	odisea bench -o results/bench

# The same with R's mice beside the imputation; needs R (Debian: apt install r-cran-mice). Nothing else does.
bench-mice: .venv/ready
	odisea bench --mice -o results/bench

format: .venv/ready
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

.venv/ready: requirements-build.lock requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(pip) --require-hashes -r requirements-build.lock
	$(pip) --require-hashes --no-build-isolation -r requirements.lock
	$(pip) --no-deps --no-build-isolation --editable .
	touch $@

.venv-usdm/ready: requirements-usdm.lock
	$(USDM_PYTHON) -m venv --clear .venv-usdm
	.venv-usdm/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r requirements-usdm.lock
	touch $@

# Renew the locks (needs uv): names, versions and hashes only, no addresses.
compile := uv pip compile --upgrade --generate-hashes --universal --no-header --no-annotate
lock:
	$(compile) --python-version 3.11 requirements-build.in -o requirements-build.lock
	$(compile) --python-version 3.11 pyproject.toml --group dev -o requirements.lock
	$(compile) --python-version 3.12 --no-emit-package titlecase requirements-usdm.in -o requirements-usdm.lock

.DEFAULT_GOAL := all
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
pip := .venv/bin/python -m pip install --quiet

.PHONY: all test test-full bench lock format
# Set-up and the main job: check, power in every required scenario, a rehearsal, the reports.
all: .venv/ready
	snakemake

# Set-up and tests; always under ten minutes on two cores.
test: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	python -m pytest -m "not full"

# With the tests that take longer.
test-full: .venv/ready
	python -m pytest

bench: .venv/ready
	odisea bench -o results/bench

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

# Renew both locks (needs uv): names, versions and hashes only, no addresses.
compile := uv pip compile --upgrade --generate-hashes --universal --python-version 3.11 --no-header --no-annotate
lock:
	$(compile) requirements-build.in -o requirements-build.lock
	$(compile) pyproject.toml --group dev -o requirements.lock

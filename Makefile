.DEFAULT_GOAL := all
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
pip := .venv/bin/python -m pip install --quiet

.PHONY: all test
# Set-up and the main job: check, power, rehearsal, reports.
all: .venv/ready
	snakemake

test: .venv/ready
	python -m pytest

.venv/ready: requirements-build.lock requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(pip) --require-hashes -r requirements-build.lock
	$(pip) --require-hashes --no-build-isolation -r requirements.lock
	$(pip) --no-deps --no-build-isolation --editable .
	touch $@

# Heimdex. `make help` lists what there is. Needs Python 3.11 to 3.13 and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.installed
GEN := gen/heimdex/descriptors.binpb
PROTO_FILES := $(shell find protos -name '*.proto' 2>/dev/null)
PACKAGES := chassis gateway ingest_svc inference_svc index_svc metrics_svc client deploy bench tools
.DEFAULT_GOAL := help
.PHONY: help setup protos demo run down test check fmt lint types contracts unit faults e2e bench bench-metrics bench-exports metrics-audit \
        backfill lock golden clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# uv comes first, by its own hashes from the same lock file; then everything else, by hash, in seconds
# (by pip in a minute where uv finds no certificates or no way out).
$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.lock
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@touch $@

$(GEN): $(STAMP) $(PROTO_FILES) tools/gen_protos.py
	@$(BIN)/python tools/gen_protos.py
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline -e .
	@touch $@

setup: $(GEN) ## make .venv, install the lock file, generate the protobuf code
protos: $(GEN) ## generate the protobuf code

demo: setup ## start the mesh, upload the demo clip, search it, show where every second went
	@$(BIN)/heimdex demo

run: setup ## start the mesh and stay; Ctrl-C stops it
	@$(BIN)/heimdex up

down: setup ## stop a mesh that runs in the background
	@$(BIN)/heimdex down

test: setup ## all tests (under 20 minutes on 2 cores)
	@$(BIN)/python -m pytest

check: setup ## format, lint, strict types, contracts, unit and property tests (under 2 minutes)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy $(PACKAGES)
	@$(BIN)/python -m pytest tests/unit tests/property tests/contract -m "not slow"

fmt: setup ## format and sort imports
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

lint: setup ## lint alone
	@$(BIN)/ruff check .

types: setup ## strict types alone
	@$(BIN)/mypy $(PACKAGES)

contracts: setup ## contract tests alone
	@$(BIN)/python -m pytest tests/contract

unit: setup ## unit and property tests alone
	@$(BIN)/python -m pytest tests/unit tests/property

faults: setup ## kill things and see that nothing is lost
	@$(BIN)/python -m pytest tests/faults

e2e: setup ## the mesh as real processes, through HTTP alone
	@$(BIN)/python -m pytest tests/e2e

bench: setup ## measure; one JSON line per claim
	@$(BIN)/python -m bench

bench-exports: setup ## measure the claims about shorts alone
	@$(BIN)/python -m bench exports

bench-metrics: setup ## measure the claims about numbers alone
	@$(BIN)/python -m bench metrics_answers metrics_intake metrics_overhead

metrics-audit: setup ## recompute every number of the running mesh three ways; prints the differences
	@$(BIN)/heimdex metrics audit

backfill: setup ## give old videos of the running mesh their one knowable time; DRY_RUN=1 only counts
	@$(BIN)/heimdex backfill timing $(if $(DRY_RUN),--dry-run)

golden: setup ## write contract.lock, the schema pictures and the dashboards anew; review the diff
	@$(BIN)/python tools/contract_lock.py --write
	@$(BIN)/python tools/dump_schema.py --write
	@$(BIN)/python tools/grafana_dashboards.py --write

lock: setup ## resolve the dependencies anew into requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --group dev --python-version 3.11 pyproject.toml -o requirements.lock

clean: ## remove what the targets made here
	rm -rf $(VENV) gen .mypy_cache .ruff_cache .pytest_cache .hypothesis

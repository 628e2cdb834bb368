# VoiceHub. `make demo` tells the whole story, `make test` proves it. Both need nothing but Python >= 3.11.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export ORT_DISABLE_TELEMETRY ?= 1

.PHONY: help setup demo test lint soak nano wheel stubs clean unit contract e2e engines security browser cluster engines-up engines-down cluster-programs cluster-ready cluster-up cluster-down images

help: ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: ## .venv from the lock (idempotent; the second time takes a second)
	@tools/setup.sh

demo: setup ## One minute of speech becomes a voice that speaks (QUICK=1: shorter)
	@QUICK=$(QUICK) $(PY) -m tools.demo

test: cluster-ready ## All suites, each with its time and budget (REQUIRE_ALL=1: what is not run, failed)
	@$(PY) -m tools.suites

unit contract e2e engines security browser: setup
	@$(PY) -m tools.suites $@

cluster: cluster-ready
	@$(PY) -m tools.suites $@

# The suite on Kubernetes has a budget for tests, not for compilers.
cluster-ready: setup
	@tools/setup.sh cluster
	@if $(PY) -m tools.requirements real-node; then $(MAKE) --no-print-directory cluster-programs images; fi

engines-up: setup ## Start the engines of a cluster on the loopback (ENGINES="postgresql elasticsearch" for some of them)
	@$(PY) -m tests.engines up $(ENGINES)

engines-down: ## Stop them
	@$(PY) -m tests.engines down

cluster-programs: setup ## Build Kubernetes, helm and kwok (once; a quarter of an hour on two idle cores)
	@$(PY) -m tests.cluster.builds

cluster-up: setup ## Start a Kubernetes control plane with fake GPU nodes on the loopback (NODE=1: and a real node, as root)
	@$(PY) -m tests.cluster up $(if $(NODE),--real-node)

cluster-down: ## Stop it, and leave nothing behind
	@$(PY) -m tests.cluster down

images: setup ## Images of the services as an OCI layout in build/images, without docker (IMAGES="gateway …", REGISTRY=host)
	@$(PY) -m tools.images build $(IMAGES) $(if $(REGISTRY),--registry=$(REGISTRY))

lint: setup ## ruff, mypy --strict, import contracts, buf, freshness of the stubs
	@$(PY) -m tools.lint

soak: setup ## Slow tests, fuzzing, kills of every part under load on real engines (MINUTES=10; reports in docs/reports)
	@$(PY) -m tools.soak $${MINUTES:-10}

nano: setup ## Train the nano base again, in resumable legs (FOR=45m each)
	@$(PY) -m gptsovits.corpus
	@$(PY) -m gptsovits.pretrain --for $${FOR:-45m}

wheel: setup ## Build the wheel, start a hub from it alone, weigh an installation without the trainer
	@$(PY) -m tools.wheel

stubs: setup ## Regenerate services/stubs from protos/
	@$(PY) tools/generate_stubs.py

clean: ## Remove what can be made again, the demo's hub with it (not .venv)
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# Three targets matter: `make serve` runs the service, `make check` tries most of it in a few minutes, `make test` checks
# everything. They install what they need into a virtual environment first, and again only when pyproject.toml or
# constraints.txt have changed.

PYTHON ?= python3
VENV ?= .venv
# A further package index for torch; https://download.pytorch.org/whl/cpu has builds without CUDA, which are smaller.
TORCH_INDEX ?=

# As app/__init__.py has it, for scripts that load torch before the package: threads sleep while they wait.
export OMP_WAIT_POLICY ?= passive
export GOMP_SPINCOUNT ?= 0
# The tests start some hundred processes, which would each compile the same modules.
unexport PYTHONDONTWRITEBYTECODE

bin := $(VENV)/bin
pip := $(bin)/python -m pip --disable-pip-version-check
# Modules are compiled when they are first imported, which most of them never are: half a minute less.
install := $(pip) install --quiet --no-compile
sources := pyproject.toml constraints.txt

.PHONY: help serve check test lint types format fuzz soak image-test docs clean papers
.DEFAULT_GOAL := help

help:
	@echo 'make serve    run the service with all models on 127.0.0.1:8000 (PASTICHE_PORT and the other settings apply)'
	@echo 'make check    lint, types and the tests that have no mark: under three minutes on two cores'
	@echo 'make test     lint, types and all tests (the marks process, browser, benchmark, backend and sweep as well;'
	@echo '              tests/conftest.py says which tests have them)'
	@echo 'make lint     ruff: rules and format'
	@echo 'make types    mypy'
	@echo 'make format   rewrite the sources in the format that lint asks for'
	@echo 'make fuzz     generated requests and mutated images, at full size: half an hour or so'
	@echo 'make soak     the server for 15 minutes at half of its load, and the slope of its memory (SOAK_MINUTES)'
	@echo 'make image-test  build the image, run it, and the pods of deploy/helm: six minutes, as root, with podman'
	@echo 'make docs     write docs/configuration.md and docs/errors.md, which are made from the code'
	@echo 'make papers   train and measure what the papers claim, 15 minutes each of the five parts (docs/papers.md)'
	@echo 'make clean    remove the virtual environment and the caches'

serve: $(VENV)/.installed
	@echo '==> pastiche serve'
	@PASTICHE_MODELS="$${PASTICHE_MODELS:-compact,*}" exec $(bin)/pastiche serve

# Side by side, on two cores; many tests of `make test` wait for processes. 0 is one after the other.
CHECK_PROCESSES ?= 3
TEST_PROCESSES ?= 3

# A file stays in one process, so that what its tests share is made once. Their order is that of tests/conftest.py.
side_by_side := --dist loadfile --no-loadscope-reorder

check: lint types
	@echo '==> Tests without a mark'
	@$(bin)/python -m pytest -n $(CHECK_PROCESSES) $(side_by_side) \
		-m 'not (process or browser or benchmark or backend or sweep)'

test: lint types
	@echo '==> Tests'
	@$(bin)/python -m pytest -n $(TEST_PROCESSES) $(side_by_side) --hypothesis-profile ci

lint: $(VENV)/.installed-dev
	@echo '==> Lint'
	@$(bin)/ruff check
	@$(bin)/ruff format --check

types: $(VENV)/.installed-dev
	@echo '==> Types'
	@$(bin)/mypy

format: $(VENV)/.installed-dev
	@$(bin)/ruff check --fix
	@$(bin)/ruff format

# How many of each operation and of each kind of image.
FUZZ_EXAMPLES ?= 300

fuzz: $(VENV)/.installed-dev
	@echo '==> Fuzz'
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(bin)/python -m pytest --timeout 7200 tests/api/http/test_generated_requests.py \
		tests/imaging/test_hostile_pictures.py

SOAK_MINUTES ?= 15

soak: $(VENV)/.installed-dev
	@echo '==> Soak'
	@$(bin)/python -m benchmarks.service.soak --minutes $(SOAK_MINUTES)

# An image to build on, and one that is built already; deploy/image/conftest.py says more.
BASE ?=
IMAGE ?=

image-test: $(VENV)/.installed-dev
	@echo '==> The image'
	@BASE='$(BASE)' IMAGE='$(IMAGE)' TORCH_INDEX='$(TORCH_INDEX)' $(bin)/python -m pytest deploy/image

docs: $(VENV)/.installed
	@$(bin)/python docs/reference.py

# Folders of photos and paintings and a loss network's file; without them, what ships takes their places.
PHOTOS ?=
PAINTINGS ?=
DESCRIPTOR ?=
PAPERS_OUT ?= runs/papers

papers: $(VENV)/.installed
	@echo '==> The papers, in $(PAPERS_OUT)'
	@$(bin)/python -m benchmarks.papers --out $(PAPERS_OUT) $(if $(PHOTOS),--photos $(PHOTOS)) \
		$(if $(PAINTINGS),--paintings $(PAINTINGS)) $(if $(DESCRIPTOR),--descriptor $(DESCRIPTOR))
	@$(bin)/python -m benchmarks.papers --out $(PAPERS_OUT) --report $(PAPERS_OUT)/papers.md

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

$(bin)/python:
	@echo '==> Making the virtual environment $(VENV)'
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }  # half of one would be taken for a whole one

# A stamp is written last, so an installation that failed is tried again. torch goes first and alone, so that its
# index, where one is named, serves no other package; `==` takes the build that the index has of that version.
$(VENV)/.torch: $(sources) | $(bin)/python
	@echo '==> Installing torch, the largest part'
	@$(install) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	@touch $@

$(VENV)/.installed: $(VENV)/.torch
	@echo '==> Installing pastiche'
	@$(install) -c constraints.txt -e '.[video]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.torch
	@echo '==> Installing pastiche and what its tests need'
	@$(install) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.installed

# Two commands, each with all of its own set-up in .venv:
#   make climb   climb the ladder on the built-in data: parity, training, figures, report
#   make test    the whole test suite, lint and import contract included
# `make proofs` runs the longer proofs that `make test` leaves out; `make bench` measures for half a minute and fails
# where the NumPy step takes more than 1.5 times as long as torch's; `make notebooks` builds them anew from their scripts.
# `make slides` sets the slides of the class (exercises/class/README.md) as HTML and PDF, in build/class.

PYTHON ?= python3
BIN := .venv/bin

# The tests run on every core; more threads inside each of them would only fight.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: climb test lint proofs bench notebooks slides clean

climb: .venv/ready
	$(BIN)/vae-ladder climb

test: lint
	$(ONE_THREAD) $(BIN)/pytest -n auto

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

proofs: .venv/ready
	$(ONE_THREAD) $(BIN)/pytest -n auto -m slow

# On every core, and with nothing else running: no -n auto, no ONE_THREAD.
bench: .venv/ready
	$(BIN)/pytest -m bench -s tests/ladder/test_bench.py

notebooks: .venv/ready
	$(BIN)/python -m tools.notebooks

slides: .venv/ready
	$(BIN)/python -m exercises.class

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "VAE Ladder needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Installing into .venv, once: torch is large, on Linux some 3 GB, so this takes minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[torch,test]'
	@touch $@

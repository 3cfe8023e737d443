# Every target first installs the project into .venv, where that is not done yet.
#   make climb      climbs the ladder on the built-in data: parity, training, figures, report
#   make test       runs the linters and the test suite
#   make lint       runs the linters alone
#   make proofs     runs the slow tests, which `make test` leaves out
#   make bench      fails where a step of the NumPy rung takes more than 1.5 times as long as torch's (half a minute)
#   make notebooks  builds the notebooks from their sources
#   make slides     sets the slides of the class in build/class, as HTML and PDF, in Korean in build/class/ko,
#                   and those of its longer plan in build/class/long
#   make site       builds the site into build/site: chapters, exercises, notebooks, reference, in both languages
#   make clean      removes .venv, build products and caches

PYTHON ?= python3
BIN := .venv/bin

# One test process per core, each with one thread.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: climb test lint proofs bench notebooks slides site clean

climb: .venv/ready
	$(BIN)/vae-ladder climb

test: lint
	$(ONE_THREAD) $(BIN)/pytest -n auto

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

proofs: .venv/ready
	$(ONE_THREAD) $(BIN)/pytest -n auto -m slow

# A measurement: one process, with all its threads.
bench: .venv/ready
	$(BIN)/pytest -m bench -s tests/ladder/test_bench.py

notebooks: .venv/ready
	$(BIN)/python -m tools.notebooks

slides: .venv/ready
	$(BIN)/python -m exercises.class

site: .venv/ready
	$(BIN)/python -m tools.site

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "VAE Ladder needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Installing into .venv, once: torch is large, on Linux some 3 GB, so this takes minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[torch,test]'
	@touch $@

# make demo      install into .venv and fit the first model
# make test      the test suite without the slow tests
# make test-all  the whole test suite
# make lint      ruff and mypy
# make bench     hiermodel against its peers (Bambi with PyMC, nutpie and numpyro; statsmodels;
#                CmdStan when it is installed), in an environment of their own: large, and half an
#                hour of two cores
# make clean     remove everything that make made
#
# Needs Python >= 3.11 and make. Another Python: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
# The peers of the benchmarks need versions of packages of their own.
BENCH := .venv-bench
PEERS := "bambi" "matplotlib<3.11" "nutpie>=0.16.8,<0.17" "numpyro" "statsmodels"
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n 2

.PHONY: demo test test-all lint bench clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed
	$(BIN)/python examples/demo.py

test: $(VENV)/.installed-test
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-test
	$(PYTEST)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/python -m mypy

bench: $(BENCH)/.installed
	@mkdir -p out
	$(BENCH)/bin/python benchmarks/peers.py --markdown out/peers.md $(CASES)

clean:
	rm -rf $(VENV) $(BENCH) .ci/work build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find hiermodel tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "hiermodel needs Python 3.11 or newer, '$(PYTHON)' is not. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@touch $@

$(BENCH)/.installed: pyproject.toml
	@$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -e . $(PEERS)
	@touch $@

# The install is editable: it is done again when what is installed changes, not with every edit.
$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP) -e ".[test]"
	@touch $@

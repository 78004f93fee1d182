# Everything runs in .venv, which the first target that needs it makes and later ones reuse.
# What is installed is said in pyproject.toml (and widgets/pyproject.toml); a change there installs again.

PYTHON ?= python3
VENV   ?= .venv
# The only pin outside pyproject.toml. An open "torch>=..." may resolve to a build that pulls gigabytes of GPU
# libraries; naming the release in the same pip call as the rest lets a CPU build of it win where one is offered.
# Another release, or one already on a wheel: make tour TORCH="torch==2.9.1"  or  TORCH=./torch-....whl
TORCH  ?= torch==2.13.0
# Processes that share the tests, each with one thread; JOBS=0 runs them in one, as --pdb wants it.
JOBS   ?= 2
# Handed to the command that a target runs: make test ARGS="tests/static -x", make tour ARGS=--quick
ARGS   ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help tour test check lab lint notebooks clean

help:  ## show this list
	@echo "predictlab: make TARGET [PYTHON=python3.12] [ARGS=...]"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1 \2/p' Makefile | while read -r name what; do \
	    printf '  make %-10s %s\n' "$$name" "$$what"; done

tour: $(VENV)/.tour  ## the main job on real tasks, at most five minutes: prints the phase table, writes tour/report.html
	$(BIN)/predictlab tour $(ARGS)

test: $(VENV)/.dev  ## run the tests, and say which were skipped and why
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not ui" $(ARGS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -m ui $(ARGS) || [ $$? -eq 5 ]
ifeq ($(ARGS),)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --doctest-modules predictlab widgets/predictlab_widgets
endif

check: lint  ## style, types and the fast tests: no training, no browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q -m "not ui and not train and not slow" $(ARGS)

lab: $(VENV)/.lab  ## open JupyterLab on the first notebook
	$(BIN)/jupyter lab $(ARGS) notebooks/00_quickstart.ipynb

lint: $(VENV)/.dev  ## style, format and types; the widgets' JavaScript too where npm is
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory widgets/node_modules/.stamp && \
	    npm --prefix widgets run --silent lint; \
	else echo "No npm on the PATH: the widgets' JavaScript is not checked (Debian: apt-get install npm)."; fi

widgets/node_modules/.stamp: widgets/package-lock.json
	npm --prefix widgets ci --silent --no-fund --no-audit
	@touch $@

notebooks: $(VENV)/.dev  ## execute every notebook top to bottom, changing none
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --nbmake --nbmake-timeout=900 -n $(JOBS) notebooks $(ARGS)

clean:  ## remove .venv and what builds leave behind; tour/ and its results stay
	rm -rf $(VENV) build widgets/build widgets/node_modules *.egg-info widgets/*.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# The stamps. One pip call each, so that the resolver sees every bound at once.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "predictlab needs Python 3.11 or newer, and '$(PYTHON)' is" \
	         "$$($(PYTHON) --version 2>/dev/null || echo 'not there')." \
	         "Install one, or name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	    echo "$(PYTHON) could not make $(VENV). On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.tour: $(VENV)/.made pyproject.toml
	@echo "Installing predictlab into $(VENV); this happens once and takes a few minutes."
	$(PIP) "$(TORCH)" -e '.[probe,parquet]'
	@touch $@

$(VENV)/.lab: $(VENV)/.made pyproject.toml widgets/pyproject.toml
	@echo "Installing predictlab, its widgets and JupyterLab into $(VENV); this happens once."
	$(PIP) "$(TORCH)" -e '.[probe,parquet,lab]' -e ./widgets
	@touch $(VENV)/.tour $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml widgets/pyproject.toml
	@echo "Installing predictlab, its widgets and the development tools into $(VENV); this happens once."
	$(PIP) "$(TORCH)" -e '.[dev]' -e ./widgets
	@touch $(VENV)/.tour $(VENV)/.lab $@

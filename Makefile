# Everything a stranger needs: `make run` and `make test` set up what they use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: run test check setup bench lock clean

run: setup            ## start the demo: simulated pools, the gateway, some traffic
	$(BIN)/pointsman demo

test: $(VENV)/.dev    ## every test
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.dev   ## lint, types, import contracts
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(VENV)/.run   ## the virtual environment with the locked run-time packages

bench: $(VENV)/.dev   ## the tables of docs/benchmarks.md
	$(BIN)/python -m pointsman.bench --write-docs

lock:                 ## after a change of dependencies in pyproject.toml (needs uv)
	uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" -q -o requirements/run.lock
	uv pip compile pyproject.toml --extra build --extra dev --extra bench --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" -q -o requirements/dev.lock -c requirements/run.lock

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Pointsman needs Python 3.11 or newer as '$(PYTHON)'. Name another one: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.run: requirements/run.lock pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes --only-binary :all: -r requirements/run.lock
	$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.run
	$(PIP) install --require-hashes --only-binary :all: -r requirements/dev.lock
	@touch $@

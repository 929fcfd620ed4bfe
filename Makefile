# Two commands: `make run` starts the dashboard, `make test` checks everything. Both work on a machine with only Python
# (3.11 or newer) and make, as often as you like.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501

.PHONY: run test check format clean

run: .venv/run.stamp
	@echo
	@echo "  The dashboard is at http://127.0.0.1:$(PORT) (Ctrl-C stops it)."
	@echo "  The first visit computes the embedded default, under four minutes on two cores; later ones open at once."
	@echo
	@$(BIN)/python -m dashboard --server.port $(PORT)

test: .venv/test.stamp
	@$(BIN)/python tests/helpers/browser.py
	$(MAKE) check
	OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1 $(BIN)/python -m pytest
	OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --doctest-modules core

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Use: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test.stamp: requirements-dev.txt requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/run.stamp

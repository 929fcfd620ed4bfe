# Two commands: `make run` starts the dashboard, `make test` checks everything. Both work on a machine with only Python
# (3.11 or newer) and make, as often as you like.
PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501

.PHONY: run test check format pack clean

run: .venv/run.stamp
	@echo
	@echo "  The dashboard is at http://127.0.0.1:$(PORT) (Ctrl-C stops it)."
	@echo "  It opens with a picture that comes with it; this machine computes its own, which takes minutes."
	@echo
	@$(BIN)/python -m dashboard --server.port $(PORT)

test: .venv/test.stamp
	@$(BIN)/python tests/helpers/browser.py
	$(MAKE) check
	OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadfile
	OMP_WAIT_POLICY=PASSIVE HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --doctest-modules core dashboard/text dashboard/charts

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The picture that a new machine shows first, and the small one that a test computes again. Minutes on an empty cache.
pack: .venv/run.stamp
	$(BIN)/python -m core pack --parts result,ranks,movement,rivals --out core/packs/opening.pack
	$(BIN)/python -m core pack --parts result,ranks --experiment tests/data/small.json --out tests/data/small.pack

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

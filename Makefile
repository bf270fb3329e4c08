# Every target does its own set-up in .venv; python3, git and make are all it needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
DEMO := demo-$(shell date +%Y%m%d-%H%M%S)

.PHONY: demo test check bench clean

demo: $(READY)          ## train the built-in example, score it, show where everything is
	$(PY) -m hrs train hrs/presets/demo.yaml --name $(DEMO)
	$(PY) -m hrs score $(DEMO) --limit 64

test: $(READY)          ## all checks and tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2

check: $(READY)         ## style and types only
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(READY)         ## all figures, as ratios from one machine
	$(PY) -m benchmarks

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet -r requirements.txt
	$(PY) -m pip install --quiet -e '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV)

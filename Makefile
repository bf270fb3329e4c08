# Every target does its own set-up in .venv; python3, git and make are all it needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
DEMO := demo-$(shell date +%Y%m%d-%H%M%S)

APP ?= yes

.PHONY: demo app test suite check bench browser clean

demo: $(READY)          ## train the built-in example, score it, open the dashboard on it (make demo APP=no: stop before)
	$(PY) -m hrs train hrs/presets/demo.yaml --name $(DEMO)
	$(PY) -m hrs score $(DEMO) --limit 64
ifeq ($(APP),yes)
	$(PY) -m app --run $(DEMO)
endif

app: $(READY)           ## the dashboard and the photo app
	$(PY) -m app

test: browser           ## all checks and tests, side by side
	$(MAKE) --jobs 2 check suite

suite: $(READY)         ## all tests, style and types apart
	$(PY) -m pytest -n logical --maxprocesses 4 --dist worksteal --durations=25

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

browser: $(READY)       ## what the tests drive the pages with: an installed Chromium or Chrome, else the system's, else Playwright's
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && apt-get install -y -qq chromium >/dev/null 2>&1; } || \
	{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } || \
	$(PY) -m playwright install --with-deps chromium

clean:
	rm -rf $(VENV)

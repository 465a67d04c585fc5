# Two commands on a fresh machine with Python 3.11 to 3.13: `make demo` and `make test`. Both set up .venv from the lock file.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := .venv/bin
READY := .venv/.ready
DEMO ?= demo

.PHONY: demo demo-wheel docs test notebooks lint bench bench-big lock setup clean

demo: $(READY) ## the main job on sample_data/; prints where the map is
	$(BIN)/landuse demo --out $(DEMO) --fresh

demo-wheel: $(READY) ## the same from the wheel alone, in a folder where nothing of the checkout is near
	rm -rf dist && $(BIN)/python -m hatchling build -t wheel -d dist
	away=$$(mktemp -d) && $(BIN)/python -m pip install --quiet --no-deps --target "$$away/site" dist/*.whl && python=$$PWD/$(BIN)/python && \
	cd "$$away" && PYTHONPATH="$$away/site" "$$python" -m landuse demo --master inline && rm -rf "$$away"

docs: $(READY) ## the documentation as a site in site/, which a browser opens without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

test: $(READY) ## all tests, four files at a time, each in one process, so that what its tests share is made once; the longest first
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 4 --dist loadscope --no-loadscope-reorder

notebooks: $(READY) ## every cell of every notebook; `make test` only looks at what they are stored with
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist load tests/notebooks/every_cell.py

lint: $(READY) ## style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/hadolint docker/*.Dockerfile

bench: $(READY) ## what was asked of speed against what is reached, as one table; 15 minutes
	@$(BIN)/python -m benchmarks

bench-big: $(READY) ## memory and time of a million chips, and of comparing maps
	@$(BIN)/python -m benchmarks.memory
	@$(BIN)/python -m benchmarks.diff_memory

setup: $(READY) ## only the environment

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "landuse needs Python 3.11, 3.12 or 3.13 with the venv module; none was found."; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## make the lock file anew from pyproject.toml; needs uv
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf .venv $(DEMO) dist site .pytest_cache .mypy_cache .ruff_cache

# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test fuzz check format bench sizes clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[sandbox,evaluate,formats,fast,tokenizers]' --group dev
	touch $@

demo: $(STAMP)            ## the main job on a sample, against the embedded sandbox
	$(BIN)/tunewright demo

test: $(STAMP)            ## every test
	$(BIN)/python -m pytest

fuzz: $(STAMP)            ## a longer search for input that breaks a reader or a check
	$(BIN)/python -m pytest -m fuzz

check: $(STAMP)           ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)           ## figures quoted in the docs, measured side by side
	$(BIN)/python benchmarks/startup.py $(SMOKE)
	$(BIN)/python benchmarks/data.py $(SMOKE)
	$(BIN)/python benchmarks/near_duplicates.py $(SMOKE)
	$(BIN)/python benchmarks/scanning.py $(SMOKE)
	$(BIN)/python benchmarks/tokenizers.py $(SMOKE)

sizes:                    ## what each install weighs; installs three times
	$(PYTHON) benchmarks/sizes.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

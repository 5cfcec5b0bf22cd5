# `make demo` shows what gpunn does, `make test` is all that a change must pass. Neither needs a GPU.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 # a thread pool per worker would make them wait
PYTEST := $(ONE_THREAD) $(BIN)/python -m pytest
ENGINE_TESTS := tests/engine tests/autograd tests/tensor tests/ops/shape
CUDA_SOURCES = $(shell find kernels gpunn examples \( -name '*.cu' -o -name '*.cuh' -o -name '*.cpp' -o -name '*.h' \) 2>/dev/null)

.PHONY: demo test check format oracle long sweep bench gpu-check clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed-demo
	$(BIN)/python examples/train_digits.py
	$(BIN)/gpunn bench --quick

test: check
	$(PYTEST) -n 2

check: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CUDA_SOURCES)

format: $(VENV)/installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(CUDA_SOURCES)

oracle: $(VENV)/installed-oracle
	$(PYTEST) -n 2 tests/oracle -m oracle

long: $(VENV)/installed-long
	$(PYTEST) -n 2 -m long
	$(ONE_THREAD) $(BIN)/python -m coverage run --branch --source=gpunn/engine -m pytest $(ENGINE_TESTS)
	$(BIN)/python -m coverage report -m --fail-under=98 # the engine's lines and branches

# What takes about ten minutes: kernels in a thousand orders, all cases of convolutions, mutants, CUDA 13, the oracle on the
# emulated GPU.
sweep: $(VENV)/installed-long $(VENV)/installed-oracle
	$(PYTEST) -n 2 -m sweep
	$(PYTEST) -n 2 tests/oracle/test_ops.py -m oracle --device emulated

bench: $(VENV)/installed-demo
	$(BIN)/gpunn bench

# With .venv if it is there, else with $(PYTHON): a machine with a GPU may have no network. Call it again to go on.
gpu-check:
	$(or $(wildcard $(BIN)/python),$(PYTHON)) -m tests.gpu --out build/gpu-check

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# CuPy comes last: only the installed package knows which build fits the NVIDIA driver, if there is one.
$(VENV)/installed-demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e ".[demo]"
	extra=$$($(BIN)/gpunn info --extra) && \
	if [ -n "$$extra" ]; then $(BIN)/python -m pip install -e ".[$$extra]"; fi
	touch $@

# installed-test, installed-oracle, installed-long: the extra of that name; again only after pyproject.toml has changed.
$(VENV)/installed-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e ".[$*]"
	touch $@

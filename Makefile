# `make demo`, `make live` and `make test`. They need python3.11 with venv, g++ and make.
PYTHON ?= python3
# PyPI's torch for Linux brings CUDA (several GB). For the CPU build: make test TORCH="torch==2.13.0 --extra-index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
# Processes of the tests: more than two cores take, because many tests wait.
WORKERS ?= 3
BIN := .venv/bin
RUNTIME := .venv-runtime/bin
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc -type f)

.PHONY: demo live test test-slow lint format wheel clean

# --- set-up -------------------------------------------------------------------------------------------------
.venv/.ready: $(SOURCES)
	@$(PYTHON) -m venv .venv || { echo "python3 cannot make a virtual environment: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install -q -U "pip>=25.1"
	$(BIN)/python -m pip install -q $(TORCH) -e ".[cpu,train]" --group dev
	@touch $@

# What a beamline machine installs: no torch, no lightning, no onnx.
.venv-runtime/.ready: .venv/.ready $(shell find python export -name '*.py' -o -name '*.jinja' -o -path '*/page/*.*')
	$(PYTHON) -m venv .venv-runtime
	rm -rf build/wheels && $(BIN)/python -m pip wheel -q --no-deps -w build/wheels .
	$(RUNTIME)/python -m pip install -q --force-reinstall --no-deps build/wheels/*.whl
	$(RUNTIME)/python -m pip install -q "$$(ls build/wheels/*.whl)[cpu]"
	@touch $@

wheel: .venv-runtime/.ready

# --- the main job -------------------------------------------------------------------------------------------
demo: .venv/.ready .venv-runtime/.ready
	rm -rf demo && mkdir demo
	$(BIN)/ptychoscope simulate --rows 48 --columns 48 --seed 1 -o demo/train.npz
	$(BIN)/ptychoscope simulate --seed 2 -o demo/test.npz
	$(BIN)/ptychoscope train demo/train.npz --max-cpu-time 240 -o demo/run
	$(BIN)/ptychoscope export demo/run -o demo/bundle
	@echo "--- from here on without torch ---"
	$(RUNTIME)/ptychoscope run demo/test.npz --model demo/bundle -o demo/object.h5 --picture demo/object.png
	@echo "--- against the truth ---"
	$(BIN)/ptychoscope compare demo/object.h5 demo/test.npz --json > demo/scores.json
	$(BIN)/ptychoscope compare demo/object.h5 demo/test.npz
	@echo "The picture is demo/object.png, the result demo/object.h5."

# --- a scan that runs: a simulated detector, and its image while it comes ------------------------------------
# make live HTTP=127.0.0.1:8765 serves the page until Ctrl-C; MODEL=demo/bundle puts a network before the solver.
live: .venv/.ready
	$(BIN)/python -m pip install -q -e ".[live,files]"
	rm -rf live-demo && mkdir live-demo
	$(BIN)/ptychoscope simulate --rows 48 --columns 48 --domain counts --seed 3 -o live-demo/scan.npz
	$(BIN)/ptychoscope replay live-demo/scan.npz --as dectris --bind tcp://127.0.0.1:31999 --rate $(if $(HTTP),40,100) & \
	$(BIN)/ptychoscope live --source dectris://127.0.0.1:31999 --position-unit px --probe live-demo/scan.npz \
	  --capture live-demo/scan.capture -o live-demo/object.h5 \
	  $(if $(MODEL),--model $(MODEL)) $(if $(HTTP),--http $(HTTP))
ifndef HTTP
	$(BIN)/ptychoscope draw live-demo/object.h5 -o live-demo/object.png
	@echo "The picture is live-demo/object.png; the capture becomes the same image: ptychoscope reprocess."
endif

# --- checks -------------------------------------------------------------------------------------------------
test: .venv/.ready
	$(BIN)/pytest -m "not slow" -n $(WORKERS) --dist worksteal --cov=ptychoscope --cov-report=

test-slow: .venv/.ready
	$(BIN)/pytest -m slow -n $(WORKERS) --dist loadfile

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files 'csrc/*.cpp' 'csrc/*.h' 'csrc/*.inl' 'csrc/*.cu' 'examples/cpp/*.cpp' 'benchmarks/*.cpp' 'tests/*.cpp' 'tests/*.h' | xargs $(BIN)/clang-format --dry-run --Werror

format: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files 'csrc/*.cpp' 'csrc/*.h' 'csrc/*.inl' 'csrc/*.cu' 'examples/cpp/*.cpp' 'benchmarks/*.cpp' 'tests/*.cpp' 'tests/*.h' | xargs $(BIN)/clang-format -i

clean:
	rm -rf .venv .venv-runtime build demo live-demo dist

# What a developer types. `make help` lists it.

PYTHON ?= python3.11
JOBS ?= $(shell nproc)
SECONDS_EACH ?= 60
VENV := .venv/bin
export PYTHONPATH := $(CURDIR)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup build demo test lint bench scale package fuzz zoo zoo-transformers zoo-timm zoo-dynamic zoo-half zoo-trace zoo-opinfo ray docs clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: .venv/ready  ## install system headers and .venv

.venv/ready: scripts/setup.sh scripts/requirements.txt
	scripts/setup.sh $(PYTHON)

build: setup  ## compile the core, the command line and the extension
	@test -f build/build.ninja || cmake -S . -B build -G Ninja -DPython_EXECUTABLE=$(CURDIR)/$(VENV)/python -DMODELEXPORT_TESTS=ON
	cmake --build build -j $(JOBS)

demo: build  ## export BERT-base and show its module tree, parity, time and size
	$(VENV)/python scripts/demo.py

test: build  ## all tests that fit a coffee break
	ctest --test-dir build --output-on-failure -j $(JOBS) --timeout 600
	OMP_NUM_THREADS=1 $(VENV)/python -m pytest -n $(JOBS) --dist loadfile -m "not zoo" tests

zoo: build  ## all zoos; each prints passed, total and reasons
	$(MAKE) --keep-going zoo-transformers zoo-timm zoo-dynamic zoo-half zoo-trace zoo-opinfo

zoo-transformers: build  ## tiny models of every transformers architecture
	$(VENV)/python -m tests.zoo transformers --jobs $(JOBS)

zoo-timm: build  ## one model of every timm family
	$(VENV)/python -m tests.zoo timm --jobs $(JOBS)

zoo-dynamic: build  ## the transformers architectures with dynamic batch and sequence
	$(VENV)/python -m tests.zoo transformers --way dynamic --jobs $(JOBS)

zoo-half: build  ## ten transformers architectures in float16 and bfloat16
	failed=0; for way in float16 bfloat16; do $(VENV)/python -m tests.zoo transformers --way $$way --jobs $(JOBS) \
	  --only bert,gpt2,llama,mistral,t5,vit,resnet,convnext,whisper,distilbert || failed=1; done; exit $$failed

zoo-trace: build  ## both zoos traced: parity on other inputs, the same files as from torch.export
	failed=0; for zoo in transformers timm; do $(VENV)/python -m tests.zoo $$zoo --way trace --jobs $(JOBS) \
	  || failed=1; done; exit $$failed

zoo-opinfo: build  ## every sample that torch has for its operators: export, parity
	OMP_NUM_THREADS=1 $(VENV)/python -m tests.zoo.opinfo --jobs $(JOBS)

ray: build  ## batches on a local Ray cluster, one of whose workers is killed
	OMP_NUM_THREADS=1 $(VENV)/python -m pytest -q -m zoo tests/batch

lint: build  ## formatting, static analysis and the include rules
	scripts/lint.sh

bench: build  ## times and memory against torch.onnx.export
	$(VENV)/python bench/export_bench.py
	$(VENV)/python bench/core_bench.py
	$(VENV)/python bench/memory_bench.py
	$(VENV)/python bench/trace_bench.py
	$(VENV)/python bench/monitoring_bench.py
	$(VENV)/python bench/runtime_bench.py
	$(VENV)/python bench/carry_bench.py

scale: build  ## .pt2 files: 12 GB of weights, 100,000 calls, and 4 GB against cp
	$(VENV)/python bench/scale_bench.py
	$(VENV)/python bench/copy_bench.py

package: build  ## the Debian package, in build/
	cpack --config build/CPackConfig.cmake -B build

fuzz: setup  ## run each fuzz target for SECONDS_EACH seconds
	cmake -S . -B build-fuzz -G Ninja -DMODELEXPORT_PYTHON=OFF -DMODELEXPORT_FUZZ=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  -DCMAKE_CXX_COMPILER=clang++ -DMODELEXPORT_SANITIZE=address,undefined
	cmake --build build-fuzz -j $(JOBS)
	scripts/fuzz.sh build-fuzz $(SECONDS_EACH)

docs: build  ## the documentation site, in build/site
	$(VENV)/python scripts/write_operators.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/python -m mkdocs build --strict --site-dir build/site

clean:  ## remove what was built (not .venv)
	rm -rf build build-* dist python/modelexport/_core*.so python/modelexport/_core.pyi

# The environment is made once, in .venv, and again when the dependencies change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# What the demo extracts and builds; datasplits/glyphs_splits holds the same.
# On the CPU everywhere: a GPU computes with other digits, and so finds other splits.
GLYPHS := glyphs:300 --backbone efficientnet_lite0 --image-size 96 --device cpu
GLYPH_LEVELS := --levels 8

# How many test files run at once, each on one thread.
JOBS ?= 2
PYTEST := -m pytest -n $(JOBS) --dist loadfile

# What baselines/results/ holds: every recipe for heads, the study's eight that train the whole network, and few-shot
# adaptation of four heads.
HEADS := $(shell cd baselines && ls head-*.toml | sed 's/\.toml//' | paste -sd, -)
NETWORKS := margin,multisimilarity,proxyanchor,arcface,rmargin,uniformprior,s2sd,diva
FEW_SHOT := head-margin,head-multisimilarity,head-proxyanchor,head-arcface

.PHONY: demo test test-slow test-nightly coverage notebooks docs check perf datasplits baselines clean

$(INSTALLED): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

demo: $(INSTALLED)  ## Run the whole pipeline on the bundled dataset, into demo/.
	rm -rf demo
	$(BIN)/oodml-bench extract $(GLYPHS) --out demo/features
	$(BIN)/oodml-bench build demo/features $(GLYPH_LEVELS) --out demo/glyphs_splits.pkl --overwrite
	$(BIN)/oodml-bench inspect demo/glyphs_splits.pkl
	$(BIN)/oodml-bench verify demo/glyphs_splits.pkl --features demo/features --images glyphs:300
	$(BIN)/oodml-bench audit demo/glyphs_splits.pkl --features demo/features --images glyphs:300
	$(BIN)/oodml-bench plot fid demo/glyphs_splits.pkl --out demo/fid.png --overwrite
	$(BIN)/oodml-bench plot umap demo/glyphs_splits.pkl demo/features --levels 1,4,6,8 --out demo/umap_classes.png --overwrite
	$(BIN)/oodml-bench plot umap demo/glyphs_splits.pkl demo/features --points samples --out demo/umap_samples.png --overwrite
	$(BIN)/oodml-bench validate demo/glyphs_splits.pkl demo/features --recipes head-margin,head-multisimilarity \
	    --levels 1,3,5,7,8 --seeds 0,1 --shots 2 --episodes 3 --out demo/runs
	$(BIN)/oodml-bench plot curves demo/runs --fixed-gallery --out demo/curves.png --overwrite
	$(BIN)/oodml-bench plot fewshot demo/runs --out demo/few_shot.png --overwrite
	$(BIN)/oodml-bench report demo/glyphs_splits.pkl --features demo/features --images glyphs:300 --runs demo/runs \
	    --out demo/report --overwrite
	@echo
	@echo "Made a benchmark of 8 levels, from easy to far out of distribution, of 300 classes of characters:"
	@echo "  demo/glyphs_splits.pkl, .json     the splits, validation splits and few-shot episodes"
	@echo "  demo/fid.png                      how far train and test are apart, from level to level"
	@echo "  demo/umap_classes.png, _samples   what the levels look like"
	@echo "  demo/runs, curves.png             what embeddings score that were trained on five of the levels"
	@echo "  demo/few_shot.png                 what two samples of each test class add to that"
	@echo "  demo/report/index.html            all of it on one page: open it in a browser"
	@echo "Try next, on your own images, one folder a class:"
	@echo "  $(BIN)/oodml-bench extract folder:PATH --out features/mine"
	@echo "  $(BIN)/oodml-bench build features/mine --out mine_splits.pkl"

test: $(INSTALLED)  ## Run the test suite, but for what takes long.
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST)

test-slow: $(INSTALLED)  ## Run what takes long: notebooks, clusters, the glyph benchmark made again.
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) -m "slow and not nightly"

test-nightly: $(INSTALLED)  ## Run what takes longest: ten thousand damaged files of every kind, broken promises, every measurement.
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) -m nightly

coverage: $(INSTALLED)  ## Run all tests but the nightly, and see that they reach 90 % of the lines, 75 % of each file.
	$(BIN)/coverage erase
	OMP_NUM_THREADS=1 $(BIN)/coverage run $(PYTEST)
	OMP_NUM_THREADS=1 $(BIN)/coverage run $(PYTEST) -m "slow and not nightly"
	$(BIN)/python tests/coverage_floors.py

notebooks: $(INSTALLED)  ## Run the notebooks, and store them with their key figures.
	$(BIN)/python notebooks/run.py

docs: $(INSTALLED)  ## Build the documentation into site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: $(INSTALLED)  ## Lint, formatting, types and import layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

perf: $(INSTALLED)  ## Measure speed and memory, into perf/results.md.
	$(BIN)/python perf/run_all.py

datasplits: $(INSTALLED)  ## Make the benchmarks in datasplits/ again.
	rm -rf demo
	$(BIN)/oodml-bench extract $(GLYPHS) --out demo/features
	$(BIN)/oodml-bench build demo/features $(GLYPH_LEVELS) --out datasplits/glyphs_splits.pkl --overwrite

baselines: $(INSTALLED)  ## Train what baselines/results/ holds again: some four hours on two cores.
	$(BIN)/oodml-bench extract $(GLYPHS) --out demo/features
	$(BIN)/oodml-bench validate datasplits/glyphs_splits.pkl demo/features --recipes $(HEADS) --seeds 0,1,2,3,4 \
	    --out runs/glyphs_heads > baselines/results/glyphs_heads.txt
	cat runs/glyphs_heads/*/results.jsonl > baselines/results/glyphs_heads.jsonl
	$(BIN)/oodml-bench sweep datasplits/glyphs_splits.pkl glyphs:300 --recipes $(NETWORKS) --seeds 0,1 --device cpu \
	    --out runs/glyphs_networks > baselines/results/glyphs_networks.txt
	cat runs/glyphs_networks/*/results.jsonl > baselines/results/glyphs_networks.jsonl
	$(BIN)/oodml-bench validate datasplits/glyphs_splits.pkl demo/features --recipes $(FEW_SHOT) --seeds 0,1,2 \
	    --shots 2,5 --out runs/glyphs_few_shot > baselines/results/glyphs_few_shot.txt
	find runs/glyphs_few_shot -name results.jsonl | sort | xargs cat > baselines/results/glyphs_few_shot.jsonl
	$(BIN)/oodml-bench plot fewshot baselines/results/glyphs_few_shot.jsonl \
	    --out baselines/results/glyphs_few_shot.png --overwrite
	for kind in heads networks; do \
	    results=baselines/results/glyphs_$$kind; \
	    $(BIN)/oodml-bench plot curves $$results.jsonl --fixed-gallery --out $${results}_curves.png --overwrite || exit 1; \
	    $(BIN)/oodml-bench plot ags $$results.jsonl --out $${results}_ags.png --overwrite || exit 1; \
	done

clean:  ## Remove the environment and what the demo made.
	rm -rf $(VENV) demo site

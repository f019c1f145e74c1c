.DEFAULT_GOAL := help
.PHONY: help run test check runtime bench compare soak openapi zoo browser-test contract-test kserve-test fuzz manifests-test image-test audit sbom

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: runtime ## Build and serve the default model on port 8080
	cargo run --release -- serve

test: runtime ## Run all tests
	cargo test

check: runtime ## Formatting, lints and docs with warnings as errors, then all tests
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --document-private-items
	cargo test

browser-test: runtime ## Try the playground in Chromium (installs Debian's package if it is not there, and Playwright)
	@tests/browser/install.sh
	cargo build
	npm test --silent --prefix tests/browser

runtime: ## Fetch ONNX Runtime into .onnxruntime/ (nothing to do if it is there)
	@docker/fetch-onnxruntime.sh

bench: runtime ## Measure (criterion)
	cargo bench

compare: runtime ## Time against PyTorch, Captum and pytorch-grad-cam; writes benches/RESULTS.md
	cargo build --release --bin glassbox --example seeded_vgg16
	target/release/examples/seeded_vgg16 target/compare/models
	test -d target/compare/venv || python3 -m venv target/compare/venv
	target/compare/venv/bin/pip install --quiet --requirement benches/compare/requirements.txt
	command -v wrk >/dev/null || apt-get install -y wrk
	target/compare/venv/bin/python benches/compare/compare.py

SECONDS ?= 600
soak: runtime ## Load it tenfold, let clients leave, watch its memory for SECONDS=600; writes benches/SOAK.md (a quarter of an hour)
	cargo build --release
	command -v wrk >/dev/null || apt-get install -y wrk
	test -d target/soak/venv || python3 -m venv target/soak/venv
	target/soak/venv/bin/pip install --quiet --requirement benches/soak/requirements.txt
	target/soak/venv/bin/python benches/soak/soak.py --seconds $(SECONDS)

zoo: runtime ## Compare torchvision's and Keras' networks with autograd (hours, 12 GB of memory, 10 of disk; or NETWORKS="resnet18 keras_mobilenet")
	test -d target/zoo/venv || python3 -m venv target/zoo/venv
	target/zoo/venv/bin/pip install --quiet --requirement tests/golden/zoo-requirements.txt
	target/zoo/venv/bin/python tests/golden/zoo.py --full target/zoo/networks $(NETWORKS)
	cargo test --release -- --ignored --nocapture full_networks

openapi: runtime ## Write openapi/openapi.json
	cargo run --quiet -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json

contract-test: runtime ## Lint the OpenAPI document, and put requests made from it to the service (Schemathesis)
	cargo build
	@tests/contract/run.sh

fuzz: runtime ## Fuzz for SECONDS_EACH (600) each: TARGETS="picture onnx options"; see docs/fuzzing.md
	@fuzz/run.sh $(TARGETS)

kserve-test: runtime ## Call the service with KServe's own Python client
	cargo build
	@tests/kserve/run.sh

manifests-test: ## Check the manifests in docker/ against the schemas of Compose, Kubernetes and KServe
	@tests/manifests/run.sh

image-test: runtime ## Build the image with buildah (root, Debian; half an hour) and ask the service in it; see tests/image/run.sh
	@tests/image/run.sh

audit: ## Check dependencies by deny.toml: licences, advisories, bans, sources (or CHECKS="bans licenses sources", which need no network)
	cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny check $(CHECKS)

sbom: ## Write glassbox.cdx.json, the bill of materials of the binary (CycloneDX)
	cargo cyclonedx --version >/dev/null 2>&1 || cargo install --locked cargo-cyclonedx
	cargo cyclonedx --format json --spec-version 1.5 --describe crate --no-build-deps

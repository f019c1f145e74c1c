#!/usr/bin/env bash
# Fuzzes the targets named, or all, one after the other for SECONDS_EACH (600) each. What is found lies in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
export ORT_DYLIB_PATH="$PWD/.onnxruntime/libonnxruntime.so"
targets=("$@")
test ${#targets[@]} -gt 0 || targets=(picture onnx options)
for target in "${targets[@]}"; do
	corpus=fuzz/corpus/$target
	mkdir -p "$corpus"
	case $target in
	picture) cp tests/golden/pictures/* fuzz/seeds/picture/* "$corpus" ;;
	onnx) cp fuzz/seeds/onnx/* "$corpus" && for file in tests/golden/zoo/*/*.onnx; do cp "$file" "$corpus/${file//\//_}"; done ;;
	options) cp fuzz/seeds/options/* "$corpus" ;;
	esac
	dictionary=()
	test ! -f "fuzz/$target.dict" || dictionary=(-dict="fuzz/$target.dict")
	cargo +nightly fuzz run "$target" "$corpus" -- -max_total_time="${SECONDS_EACH:-600}" -timeout=10 -rss_limit_mb=2048 \
		-max_len=65536 -print_final_stats=1 "${dictionary[@]}"
done

#!/bin/sh
# Puts the ONNX Runtime library of docker/onnxruntime.txt and its licences into a directory; does nothing if that version is there.
# usage: docker/fetch-onnxruntime.sh [directory, .onnxruntime by default] [platform, as uname -sm names it: Linux-aarch64]
set -eu
list=$(dirname "$0")/onnxruntime.txt
into=${1:-.onnxruntime}
version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' "$list")

wanted=${2:-$(uname -s)-$(uname -m)}
case $wanted in
Linux-x86_64) platform=manylinux_2_28_x86_64 uv_platform=x86_64-manylinux_2_28 suffix=so ;;
Linux-aarch64) platform=manylinux_2_28_aarch64 uv_platform=aarch64-manylinux_2_28 suffix=so ;;
Darwin-arm64) platform=macosx_14_0_arm64 uv_platform=aarch64-apple-darwin suffix=dylib ;;
*) echo "No pinned ONNX Runtime for $wanted: put the library into $into/ yourself, or set ORT_DYLIB_PATH." >&2; exit 1 ;;
esac
[ -e "$into/libonnxruntime.$suffix" ] && [ "$(cat "$into/version" 2>/dev/null)" = "$version" ] && exit 0

# The wheel is unpacked, never run, so its Python version need not be this machine's.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v uv >/dev/null; then
    uv pip install --quiet --target "$work" --python-platform "$uv_platform" --python-version 3.12 \
        --only-binary :all: --no-deps --require-hashes -r "$list"
elif python3 -m pip --version >/dev/null 2>&1; then
    python3 -m pip install --quiet --target "$work" --platform "$platform" --python-version 3.12 --implementation cp --abi cp312 \
        --only-binary :all: --no-deps --require-hashes --disable-pip-version-check --root-user-action ignore -r "$list"
else
    echo "ONNX Runtime $version comes from its Python wheel: install pip (python3-pip) or uv, then try again." >&2
    exit 1
fi
mkdir -p "$into"
cp "$work"/onnxruntime/capi/libonnxruntime.*"$version"* "$into/libonnxruntime.$suffix.new"
mv "$into/libonnxruntime.$suffix.new" "$into/libonnxruntime.$suffix"
cp "$work/onnxruntime/LICENSE" "$work/onnxruntime/ThirdPartyNotices.txt" "$into/"
echo "$version" >"$into/version"
echo "ONNX Runtime $version is in $into/"

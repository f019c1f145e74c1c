#!/bin/sh
# Readies the build stage of the Dockerfile: what compiles for $TARGETARCH (this machine's by default), and pip. Leaves Rust's name of the
# target in the file `triple`, and that of docker/fetch-onnxruntime.sh in `platform`.
set -eu
here=$(dpkg --print-architecture)
case ${TARGETARCH:=$here} in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) echo "Images are built for amd64 and arm64, not for $TARGETARCH." >&2; exit 1 ;;
esac
triple=$machine-unknown-linux-gnu
echo "$triple" >triple
echo "Linux-$machine" >platform

packages='gcc libc6-dev ca-certificates python3-pip'
if [ "$TARGETARCH" != "$here" ]; then
    packages="$packages gcc-$(echo $machine | tr _ -)-linux-gnu libc6-dev-$TARGETARCH-cross"
    rustup target add "$triple"
fi
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $packages >/dev/null
rm -rf /var/lib/apt/lists/*

# The compiler has this name for its own machine as for another.
mkdir -p .cargo
cat >.cargo/config.toml <<TOML
[target.$triple]
linker = "$machine-linux-gnu-gcc"
TOML

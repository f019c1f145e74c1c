#!/usr/bin/env bash
# Builds the image by the Dockerfile with buildah, without a registry of images: Debian by mmdebstrap, Rust from this machine. Then runs the
# service in it, as its user, and asks it. Needs root, Debian, and 5 GB at GLASSBOX_IMAGE_DIR (a new directory by default, which is removed).
#
# GLASSBOX_IMAGE_QUICK=1 leaves out the compiler's optimisation, to try this script: the size said at the end is not the image's then.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v buildah >/dev/null || ! command -v mmdebstrap >/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends buildah mmdebstrap
fi
directory=${GLASSBOX_IMAGE_DIR:-$(mktemp -d)}
export STORAGE_DRIVER=vfs TMPDIR="$directory/tmp" BUILDAH_ISOLATION=chroot
mkdir -p "$TMPDIR"
store=(--root "$directory/storage" --runroot "$directory/run")
buildah() { command buildah "${store[@]}" "$@"; }
service=
finish() {
	# Until it has ended, its mounts are in the way of removing the directory.
	[ -z "$service" ] || { kill "$service" 2>/dev/null && wait "$service"; } || true
	[ -n "${GLASSBOX_IMAGE_DIR:-}" ] || rm -rf "$directory"
}
trap finish EXIT

if ! buildah inspect --type image localhost/test-rust >/dev/null 2>&1; then
	mmdebstrap --quiet --variant=minbase bookworm "$directory/debian.tar"
	container=$(buildah from scratch)
	buildah add --quiet "$container" "$directory/debian.tar" / >/dev/null
	buildah commit --quiet --rm "$container" localhost/test-debian >/dev/null
	rm "$directory/debian.tar"

	# The compiler itself is lent for the build, below. A network's own certificates come along.
	container=$(buildah from --pull-never localhost/test-debian)
	buildah config --env PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin --env CARGO_HOME=/usr/local/cargo "$container"
	[ -z "${GLASSBOX_IMAGE_QUICK:-}" ] || buildah config --env CARGO_PROFILE_RELEASE_OPT_LEVEL=0 "$container"
	[ ! -d /usr/local/share/ca-certificates ] ||
		buildah add --quiet "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates >/dev/null
	buildah commit --quiet --rm "$container" localhost/test-rust >/dev/null
fi

buildah bud --format docker --pull-never --network host --volume "$(rustc --print sysroot):/usr/local/rust:ro" \
	--build-arg RUST_IMAGE=localhost/test-rust --build-arg DEBIAN_IMAGE=localhost/test-debian --tag localhost/glassbox .

container=$(buildah from --pull-never localhost/glassbox)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' localhost/glassbox)
[ "$user" = 10001:10001 ] || { echo "the image runs as \`$user\`" >&2; exit 1; }
# buildah cannot make the rest read-only, but it can only be read by this user.
options=(--network host --env "GLASSBOX_SERVER__LISTEN=127.0.0.1:$port")
run() { buildah run "${options[@]}" "$@"; }
for file in /x /etc/x /usr/local/bin/x /usr/local/lib/x; do
	! run "$container" -- touch "$file" 2>/dev/null || { echo "$file can be written" >&2; exit 1; }
done

if run "$container" -- glassbox health 2>/dev/null; then
	echo "it is said to be ready before it is started" >&2
	exit 1
fi
# Not by the function, so that it is the process that can be ended.
command buildah "${store[@]}" run "${options[@]}" "$container" -- glassbox serve &
service=$!
for _ in $(seq 300); do
	run "$container" -- glassbox health 2>/dev/null && break
	kill -0 "$service"
	sleep 1
done
run "$container" -- glassbox health
model=http://127.0.0.1:$port/v1/models/vgg16-caltech101
answer=$(curl -sSf -F image=@docs/stop-sign.png "$model/predict?top=1")
grep -q '"label":"stop_sign"' <<<"$answer" || { echo "unexpected: $answer" >&2; exit 1; }
curl -sSf -F image=@docs/stop-sign.png -H 'Accept: image/png' -o "$directory/cam.png" "$model/explain/grad-cam"
head -c 4 "$directory/cam.png" | grep -q PNG
curl -sSf -X POST -H 'Prefer: respond-async' "$model/activation-maximization?class=yin_yang&iterations=1" |
	grep -q '"status"'
root=$(buildah mount "$container")
echo "the image answers; its files take $(du -sm --apparent-size "$root" | cut -f1) MB, $(stat -c %s "$root/usr/local/bin/glassbox") bytes of them the binary"
buildah umount "$container" >/dev/null

#!/usr/bin/env bash
# Calls the built service with KServe's Python client; the environment of that is kept in target/kserve.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=target/kserve/venv
test -d "$environment" || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check kserve==0.21.0

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
GLASSBOX_JOBS__STORE=memory GLASSBOX_LOG__LEVEL=warn ORT_DYLIB_PATH="$PWD/.onnxruntime/libonnxruntime.so" \
	target/debug/glassbox serve --model_name vgg16-caltech101 --http_port "$port" &
service=$!
trap 'kill $service' EXIT
until GLASSBOX_SERVER__LISTEN=127.0.0.1:$port target/debug/glassbox health 2>/dev/null; do
	kill -0 $service
	sleep 0.2
done
"$environment/bin/python" tests/kserve/client.py "http://127.0.0.1:$port" src/http/playground/gallery/stop-sign.webp

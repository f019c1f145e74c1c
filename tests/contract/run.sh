#!/usr/bin/env bash
# Lints the OpenAPI document, then puts requests made from it, right and wrong, to the built service (Schemathesis, all checks).
# What both need is kept in target/contract. EXAMPLES says how many requests of each kind of call are made up at random.
set -euo pipefail
cd "$(dirname "$0")/../.."

home=target/contract
mkdir -p "$home/models/tiny"
npm install --silent --no-audit --no-fund --no-save --prefix "$home" @redocly/cli@2.77.0
REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true "$home/node_modules/.bin/redocly" lint --config tests/contract/redocly.yaml \
	--max-problems 100 openapi/openapi.json

test -x "$home/venv/bin/pip" || python3 -m venv "$home/venv"
"$home/venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5

# A network of next to no work, so that every call can be made thousands of times.
cp tests/golden/vgg16/zoo.onnx "$home/models/tiny/model.onnx"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
GLASSBOX_MODELS__DIR="$home/models" GLASSBOX_MODELS__DEFAULT=tiny GLASSBOX_JOBS__STORE=memory GLASSBOX_JOBS__QUEUE=100000 \
	GLASSBOX_JOBS__CONCURRENCY=2 GLASSBOX_LOG__LEVEL=error ORT_DYLIB_PATH="$PWD/.onnxruntime/libonnxruntime.so" \
	target/debug/glassbox serve --http_port "$port" &
service=$!
trap 'kill $service' EXIT
until GLASSBOX_SERVER__LISTEN=127.0.0.1:$port target/debug/glassbox health 2>/dev/null; do
	kill -0 $service
	sleep 0.2
done

SCHEMATHESIS_HOOKS=tests.contract.hooks PYTHONPATH=. "$home/venv/bin/schemathesis" --config-file tests/contract/schemathesis.toml \
	run "http://127.0.0.1:$port/openapi.json" --checks all --phases examples,coverage,fuzzing,stateful --seed "${SEED:-1}" \
	--max-examples "${EXAMPLES:-5}" --workers 1 --request-timeout 300 --generation-database none --continue-on-failure --no-color

#!/usr/bin/env bash
# Checks the manifests in docker/ against schemas, and nginx's configuration by nginx itself if it is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=${GLASSBOX_MANIFESTS_VENV:-target/manifests/venv}
test -d "$environment" || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check --requirement tests/manifests/requirements.txt

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The Compose specification's schema, which the last Docker Compose in Python carries. Its code is not run.
"$environment/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$work" docker-compose==1.29.2
python3 -m zipfile -e "$work"/docker_compose-*.whl "$work"
"$environment/bin/python" tests/manifests/validate.py "$work/compose/config/compose_spec.json"

if nginx=$(PATH=$PATH:/usr/sbin command -v nginx); then
	# Names and places that are there on this machine; `resolve` is younger than some nginx that is installed.
	sed -e 's/ resolve / /' -e "s#/run/nginx.pid#$work/pid#" -e 's/glassbox:8080/127.0.0.1:8080/' docker/nginx/nginx.conf >"$work/nginx.conf"
	"$nginx" -t -q -c "$work/nginx.conf" && echo "nginx takes its configuration"
fi

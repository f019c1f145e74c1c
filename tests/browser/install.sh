#!/usr/bin/env bash
# Installs Debian's Chromium, unless CHROMIUM names one or it is there, and what package.json names.
set -euo pipefail
cd "$(dirname "$0")"
if ! test -x "${CHROMIUM:-/usr/bin/chromium}"; then
	sudo=$([ "$(id -u)" = 0 ] || echo sudo)
	$sudo apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qq --no-install-recommends chromium
fi
npm install --silent

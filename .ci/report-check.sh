#!/usr/bin/env bash
# report-check.sh FILE.html [PICTURE.png]: opens a report page in headless Chromium; fails where the
# page logs to the console, asks for the network, or draws nothing.
set -u -o pipefail

page=$(realpath "$1") || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
picture=${2:-$work/page.png}

browser() {
	timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-dev-shm-usage --user-data-dir="$work/profile" \
		--enable-logging=stderr --virtual-time-budget=3000 "$@" "file://$page"
}

browser --dump-dom >"$work/dom.html" 2>"$work/log" || { cat "$work/log"; echo "chromium failed"; exit 1; }
if grep -E ':CONSOLE' "$work/log"; then
	echo "$1 logs to the console"
	exit 1
fi
if grep -oE '(src|href)="(https?:)?//[^"]*"' "$work/dom.html"; then
	echo "$1 refers to the network"
	exit 1
fi
grep -q '<svg' "$work/dom.html" || { echo "$1 holds no picture"; exit 1; }
for width in 1280 390; do
	browser --window-size=$width,1600 --screenshot="$picture" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
	[ "$(wc -c <"$picture")" -gt 10000 ] || { echo "$1 draws nothing at a width of $width"; exit 1; }
done

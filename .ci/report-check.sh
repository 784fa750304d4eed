#!/usr/bin/env bash
# Renders report.html files in headless Chromium, light and dark, wide and as narrow as a phone, and fails
# if the page logs to the console, asks the network for anything, does not show its headline, or is wider
# than a phone's screen.
#   .ci/report-check.sh REPORT.html...            CHROMIUM names another browser
set -euo pipefail
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [[ -z $browser ]]; then
	echo "report-check: no Chromium here; install the package chromium, or set CHROMIUM" >&2
	exit 2
fi
if [[ $# -eq 0 ]]; then
	echo "usage: $0 REPORT.html..." >&2
	exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chromium() { # the log goes to $work/log
	timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
		--enable-logging=stderr --v=0 --host-resolver-rules='MAP * ~NOTFOUND' --allow-file-access-from-files "$@" 2>"$work/log"
}
quiet() {
	if grep -E 'CONSOLE' "$work/log" >&2; then
		echo "report-check: $1: the page logs to the console ($2)" >&2
		exit 1
	fi
}
for page in "$@"; do
	url="file://$(realpath "$page")"
	if grep -nE "(src|href|action)=[\"']?(https?:)?//|url\(|@import|fetch\(" "$page" >&2; then
		echo "report-check: $page asks the network" >&2
		exit 1
	fi
	for scheme in 0:dark 1:light; do
		chromium --blink-settings="preferredColorScheme=${scheme%%:*}" --window-size=1400,2400 --screenshot="$work/${scheme#*:}.png" "$url"
		quiet "$page" "${scheme#*:}"
		if [[ ! -s $work/${scheme#*:}.png ]]; then
			echo "report-check: $page: no picture came out (${scheme#*:})" >&2
			exit 1
		fi
	done
	if cmp -s "$work/dark.png" "$work/light.png"; then
		echo "report-check: $page looks the same in dark and light" >&2
		exit 1
	fi
	chromium --dump-dom "$url" >"$work/dom"
	grep -q '<h1>' "$work/dom" || { echo "report-check: $page shows no headline" >&2; exit 1; }
	# A window cannot be as narrow as a phone; a frame can, and says how wide its page would like to be.
	cat >"$work/phone.html" <<-HTML
		<iframe id=f style="width:390px;height:800px;border:0" src="$url"></iframe>
		<script>f.onload = () => { document.title = 'wide:' + f.contentDocument.documentElement.scrollWidth }</script>
	HTML
	chromium --dump-dom "file://$work/phone.html" >"$work/dom"
	quiet "$page" phone
	wide=$(grep -oE 'wide:[0-9]+' "$work/dom" | head -1 | cut -d: -f2)
	if [[ -z $wide || $wide -gt 390 ]]; then
		echo "report-check: $page is ${wide:-?} pixels wide on a phone of 390" >&2
		exit 1
	fi
	echo "report-check: $page is fine"
done

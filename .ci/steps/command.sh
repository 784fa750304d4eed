# Steps on the installed command. Sourced by .ci/run; each function is one step.

# apt_install PACKAGE…: quiet, and an error where apt is out of reach.
apt_install() {
	command -v apt-get >/dev/null || return 1
	export DEBIAN_FRONTEND=noninteractive
	{ timeout 120 apt-get update && timeout 400 apt-get install -y --no-install-recommends "$@"; } >"$tmp/apt.log" 2>&1
}

# readme_commands prints the commands of the README: in ```console blocks, what follows "$ ", and
# the lines after it that begin with "> ".
readme_commands() {
	awk '/^```console/ {on = 1; next} /^```/ {on = 0} on && /^[$>] / {sub(/^[$>] /, ""); print}' "$repo/README.md"
}

# The README's commands in its order, in an empty folder; those of go run in the repository, and its
# tests are a step of their own.
run_readme() {
	local dir="$tmp/readme"
	mkdir -p "$dir" && cd "$dir" || return 1
	{
		echo 'go() { case $1 in test) ;; *) (cd "$repo" && command go "$@") ;; esac; }'
		echo 'set -e -x'
		readme_commands
	} >"$tmp/readme.sh"
	grep -q '^morgana ' "$tmp/readme.sh" || { echo "the README has no command of morgana"; return 1; }
	bash "$tmp/readme.sh"
}

check_report() {
	cd "$tmp" || return 1
	morgana optimize rmsnorm_linear --measure=false --out report.morgana || return 1
	command -v chromium >/dev/null || apt_install chromium || { echo "apt cannot be reached for chromium"; return 77; }
	bash "$repo/.ci/report-check.sh" report.morgana/report.html
}

export -f apt_install readme_commands run_readme check_report

# Steps on the Go code. Sourced by .ci/run; each function is one step.

check_gofmt() {
	local bad
	bad=$(git ls-files '*.go' | grep -v /testdata/ | xargs gofmt -l)
	[ -z "$bad" ] || { echo "not formatted (gofmt -w):"; echo "$bad"; return 1; }
}

# test_command is the first command of the README that runs the tests.
test_command() { sed -n 's/^\$ \(go test .*\)/\1/p' "$repo/README.md" 2>/dev/null | head -n 1; }

run_test_command() {
	local c
	c=$(test_command)
	[ -n "$c" ] || { echo "README.md has no line \"\$ go test …\""; return 1; }
	eval "$c"
}

# The corpus lies outside the repository; the tests that read it want its folder in MORGANA_CORPUS.
run_corpus() {
	local dir
	dir=$(cd "$repo/../shared/corpus" 2>/dev/null && pwd) || { echo "there is no ../shared/corpus"; return 77; }
	MORGANA_CORPUS="$dir" go test $(packages_with MORGANA_CORPUS) -run "Corpus|Pruned" # the rest has been run without it
}

# packages_with PATTERN: the packages that have it in a Go file.
packages_with() {
	git ls-files '*.go' | grep -v /testdata/ | xargs grep -lE "$1" | xargs -n 1 dirname | sort -u | sed 's|^|./|'
}

# The race detector needs cgo and a C compiler, which nothing else here does. Packages are raced that start goroutines or lock,
# with tests of less (-short) where the rest runs in one goroutine. What verify
# shares between goroutines is raced by the searches that call it on all cores and, of verify/stability, by its test of a judge
# that several share; what random programs run, by the tests of the runtime. --full: the runtime with all programs and thread counts.
run_race() {
	command -v gcc >/dev/null || apt_install gcc libc6-dev || { echo "no gcc, which -race needs"; return 77; }
	export CGO_ENABLED=1
	go test -race -short $(packages_with 'errgroup|go func|sync\.(WaitGroup|Mutex|Pool)|t\.Parallel' | grep -vxE "./verify|./verify/stability|.*/soundness") || return 1
	go test -race -run Shared ./verify/stability || return 1
	[ "$full" != 1 ] || go test -race -timeout 30m ./runtime/...
}

# What the tests do a part of by default. All tests of these packages run again: a list of names would miss some.
run_full_tables() {
	MORGANA_FULL=1 go test -timeout 58m $(packages_with MORGANA_FULL)
}

# Each fuzz target for 20 seconds, from its committed corpus; --full: for a minute. Minimizing an input that
# is only interesting would take a minute by default, three times what there is.
run_fuzz() {
	local seconds=20 file name n=0 bad=0 log="$tmp/fuzz.log"
	[ "$full" = 1 ] && seconds=60
	while IFS=: read -r file name; do
		n=$((n + 1))
		echo "== $name in $file"
		go test -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" -fuzzminimizetime 1s "./$(dirname "$file")" 2>&1 | tee "$log" ||
			only_deadline "$log" || bad=1
	done < <(git ls-files '*_test.go' | xargs grep -oE '^func Fuzz[A-Za-z0-9_]*' | sed 's/func //')
	[ $n -gt 0 ] || { echo "no fuzz targets found"; return 1; }
	return $bad
}

# only_deadline LOG: did fuzzing fail for nothing but the end of its own time? Before Go 1.27 its coordinator
# reports that end as an error now and then (go.dev/issue/75804). Whatever else a run finds prints more.
only_deadline() {
	[ "$(grep -cE '^ +[^ ]' "$1")" = 1 ] && grep -qx ' *context deadline exceeded' "$1" && ! grep -qE 'Failing input|panic|_test.go:' "$1"
}

# The plain-Go twins of the SIMD kernels pass the same tests.
run_portable() { MORGANA_CPU=generic go test -short ./runtime/...; }

# One foreign platform is vetted, tests included; --full vets all.
build_for() {
	export GOOS=${1%/*} GOARCH=${1#*/} CGO_ENABLED=0
	go build ./... || return 1
	if [ "$full" = 1 ] || [ "$1" = windows/arm64 ]; then go vet ./...; fi
}

# A small program through every stage: what to run while working on anything.
run_tiny() { go test -count=1 -run '^TestEndToEnd$' ./cmd/morgana; }

# Programs drawn at random, against float64 with a running error bound.
run_random() { MORGANA_SEEDS=0:2000 go test -count=1 -v -run '^TestRandomPrograms$' ./cmd/morgana/internal/soundness; }

export -f check_gofmt test_command run_test_command run_corpus packages_with run_full_tables run_race run_fuzz only_deadline run_portable build_for run_tiny run_random

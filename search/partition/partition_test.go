package partition

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/expr/exprtest"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

func avx2(t testing.TB) *target.Row {
	r, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	return &r
}

// The number of kernels that each embedded program is partitioned into, without any rewriting.
func TestPrograms(t *testing.T) {
	most := map[string]int{"rmsnorm_linear": 1, "gated_mlp": 1, "lora": 1, "layer_norm": 1, "softmax_wide": 1, "ntrans": 1, "tiny": 1,
		"gqa": 2, "mqa": 2, "mha": 2, "qknorm_gqa": 2, "qvnorm_gqa": 2, "attention_decode": 2, "moe": 2, "mlp_decode": 2}
	row := avx2(t)
	for _, name := range programtest.Names() {
		g := programtest.Program(t, name)
		d := exprtest.Lift(t, g)
		sizes := exprtest.Sizes(d)
		start := time.Now()
		p, err := Best(context.Background(), d, row, Options{Sizes: sizes, Top: 3})
		took := time.Since(start)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		base, err := cost.Graph(g, sizes[0], row)
		if err != nil {
			t.Fatal(err)
		}
		var kernels int
		for _, pick := range p.Picks(3) {
			u, err := p.Emit(pick)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			r, err := cost.Graph(u, sizes[0], row)
			if err != nil {
				t.Fatal(err)
			}
			if kernels == 0 {
				kernels = r.Launches
				t.Logf("%-16s %v: %d kernels, %.1f µs; plain %d kernels, %.1f µs; bytes %.0f of %.0f; %+v", name, took.Round(time.Millisecond),
					r.Launches, p.US, base.Launches, base.US, r.Bytes, base.Bytes, p.Stats)
			}
			for i, o := range u.Outputs {
				if want := g.Values[g.Outputs[i].Value].Type; o.Name != g.Outputs[i].Name || !u.Values[o.Value].Type.Equal(want) {
					t.Errorf("%s: output %s is %s, want %s", name, o.Name, u.Values[o.Value].Type, want)
				}
			}
		}
		if want, ok := most[name]; ok && kernels > want {
			t.Errorf("%s: %d kernels, want at most %d", name, kernels, want)
		}
		if p.US > base.US*1.02 {
			t.Errorf("%s: predicted %.1f µs, operator by operator %.1f", name, p.US, base.US)
		}
	}
}

const decoder = `
program decoder(
    x: f32[8, 512], g1: const f32[512], Wq: const f32[512, 512], Wk: const f32[512, 512], Wv: const f32[512, 512],
    K: f32[1024, 512], V: f32[1024, 512], Wo: const f32[512, 512], g2: const f32[512],
    Wg: const f32[512, 1536], Wu: const f32[512, 1536], Wd: const f32[1536, 512],
) -> (y, k, v) {
    h = rms_norm(x, g1)
    q = h @ Wq
    k = h @ Wk
    v = h @ Wv
    p = softmax(matmul(q, K, transpose_b=true) * 0.044)
    a = (p @ V) @ Wo + x
    b = rms_norm(a, g2)
    y = (silu(b @ Wg) * (b @ Wu)) @ Wd + a
}
`

// A decoder layer is partitioned into several kernels, the same each time, and emitted with its interface.
func TestDecoderLayer(t *testing.T) {
	row := avx2(t)
	d := exprtest.Lift(t, programtest.Parse(t, decoder))
	start := time.Now()
	p, err := Best(context.Background(), d, row, Options{Top: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operators, %v: %d groups, %.1f µs, %+v", d.Operators(), time.Since(start).Round(time.Millisecond), len(p.Groups), p.US, p.Stats)
	for _, g := range p.Groups {
		t.Logf("group of %d operators, %.1f µs:\n%s", g.DAG.Operators(), g.US(), g.DAG)
	}
	if len(p.Groups) < 3 || len(p.Groups) > 8 {
		t.Errorf("%d groups", len(p.Groups))
	}
	u, err := p.Emit(nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Best(context.Background(), d, row, Options{Top: 2})
	if err != nil {
		t.Fatal(err)
	}
	again, err := q.Emit(nil)
	if err != nil {
		t.Fatal(err)
	}
	if ugraph.Hash(u) != ugraph.Hash(again) || p.Stats != q.Stats {
		t.Errorf("two runs differ: %+v, %+v", p.Stats, q.Stats)
	}
	if n := len(p.Windows()); n < 2*len(p.Groups)-2 {
		t.Errorf("%d windows of %d groups", n, len(p.Groups))
	}
}

// The path found costs no more than any partition into groups of cells, hardly more than any into groups
// of single operators, and no group less than its bound.
func TestBestIsOptimal(t *testing.T) {
	row := avx2(t)
	for _, src := range []string{`program mlp(X: f32[64, 300], W: const f32[300, 200], U: const f32[200, 500]) -> (Y, Z) {
    H = silu(rms_norm(X) @ W)
    Y = H @ U
    Z = sum(H, axis=-1)
}`, `program attention(Q: f32[4, 40, 64], K: f32[4, 64, 700], V: f32[4, 700, 64]) -> (O) {
    O = softmax(Q @ K * 0.125) @ V
}`} {
		d := exprtest.Lift(t, programtest.Parse(t, src))
		p, err := Best(context.Background(), d, row, Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := &search{ctx: context.Background(), d: d, row: row, opt: Options{Sizes: []ugraph.Env{{}}, MaxOperators: 16, MaxContractions: 4, Each: inTurn},
			naming: newNaming(d, ""), memo: map[cellSet]float64{}, failed: map[cellSet]float64{}}
		if err := s.measure(); err != nil {
			t.Fatal(err)
		}
		for _, condense := range []bool{true, false} {
			s.prepare(cellsOf(d, work(d), condense, 16))
			memo := map[cellSet]float64{s.all: 0}
			groups := 0
			var rest func(from cellSet) float64
			rest = func(from cellSet) float64 {
				if us, ok := memo[from]; ok {
					return us
				}
				best := 1e300
				s.groups(from, func(to cellSet) {
					a := ask{to &^ from, 1e300}
					us, ok := s.known(a)
					if !ok {
						if err := s.price([]ask{a}); err != nil {
							t.Fatal(err)
						}
						us, _ = s.known(a)
					}
					groups++
					if b := s.bound(to &^ from); b > us {
						t.Errorf("%s: bound %.3f µs of %v above its price %.3f", d.Name, b, s.nodes(to&^from), us)
					}
					best = min(best, us+rest(to))
				})
				memo[from] = best
				return best
			}
			slack := map[bool]float64{true: 1.003, false: 1.01}[condense]
			if want, got := rest(0), p.US+s.tax*float64(len(p.Groups)); got > want*slack {
				t.Errorf("%s, cells %v: found %.3f µs with taxes, best of %d groups %.3f", d.Name, condense, got, groups, want)
			}
			if groups < 20 {
				t.Errorf("%s: only %d groups", d.Name, groups)
			}
			t.Logf("%s: %d groups", d.Name, groups)
		}
	}
}

// A window's own plan takes the place of its groups.
func TestSplice(t *testing.T) {
	row := avx2(t)
	d := exprtest.Lift(t, programtest.Parse(t, decoder))
	p, err := Best(context.Background(), d, row, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, groups := range p.Windows() {
		w, opt, err := p.Window(groups)
		if err != nil {
			t.Fatal(err)
		}
		opt.Prefix = "w_"
		sub, err := Best(context.Background(), w, row, opt)
		if err != nil {
			t.Fatal(err)
		}
		q, err := p.Splice(groups, sub)
		if err != nil {
			t.Fatal(err)
		}
		u, err := q.Emit(nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Outputs) != 3 || q.US > p.US*1.01 {
			t.Errorf("window %v: %d outputs, %.1f µs, was %.1f", groups, len(u.Outputs), q.US, p.US)
		}
	}
}

// Outputs that are inputs or constants need no kernel; limits and contexts are obeyed.
func TestBorders(t *testing.T) {
	row := avx2(t)
	d := exprtest.Lift(t, programtest.Parse(t, `program p(X: f32[1, 20, 30]) -> (Y, Z, C) {
    Y = exp(X) + 1
    Z = transpose(X, perm=[2, 0, 1])
    C = broadcast(cast(iota(n=30), to=f32), shape=[30])
}`))
	p, err := Best(context.Background(), d, row, Options{})
	if err != nil {
		t.Fatal(err)
	}
	u, err := p.Emit(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Values[u.Outputs[1].Value].Type.String(); got != "f32[30, 1, 20]" {
		t.Errorf("Z is %s", got)
	}
	if got := u.Values[u.Outputs[0].Value].Type.String(); got != "f32[1, 20, 30]" {
		t.Errorf("Y is %s", got)
	}
	var none *ErrNoPlan
	if _, err := Best(context.Background(), d, row, Options{Below: 0.001}); !errors.As(err, &none) {
		t.Errorf("below a nanosecond: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Best(ctx, d, row, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := p.Emit([]int{99}); err == nil {
		t.Error("a choice that does not exist gave no error")
	}
}

// A long program is cut into segments.
func TestSegments(t *testing.T) {
	row := avx2(t)
	var b strings.Builder
	b.WriteString("program long(X: f32[32, 64]) -> (Y) {\n    H0 = X\n")
	for i := range 120 {
		b.WriteString("    H" + strconv.Itoa(i+1) + " = exp(H" + strconv.Itoa(i) + ") / sum(H" + strconv.Itoa(i) + ", axis=" + strconv.Itoa(i%2) + ", keepdims=true)\n")
	}
	b.WriteString("    Y = H120 * 2\n}\n")
	d := exprtest.Lift(t, programtest.Parse(t, b.String()))
	start := time.Now()
	p, err := Best(context.Background(), d, row, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d operators, %v, %d groups, %+v", d.Operators(), time.Since(start).Round(time.Millisecond), len(p.Groups), p.Stats)
	if _, err := p.Emit(nil); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, g := range p.Groups {
		for _, n := range g.Nodes {
			if seen[n] {
				t.Fatalf("node %d is in two groups", n)
			}
			seen[n] = true
		}
	}
	if len(seen) != len(work(d)) {
		t.Errorf("%d nodes in groups, %d in the program", len(seen), len(work(d)))
	}
}

package cost

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// TestCost prices graphs: `cost target=NAME [SYMBOL=SIZE …]`.
func TestCost(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			env := ugraph.Env{}
			name := "cpu:avx2"
			for _, a := range d.CmdArgs {
				if a.Key == "target" {
					name = a.Vals[0]
					continue
				}
				var n int64
				if _, err := fmt.Sscan(a.Vals[0], &n); err != nil {
					d.Fatalf(t, "%s: %v", a.Key, err)
				}
				env[a.Key] = n
			}
			row, err := target.ByName(name)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			gs, err := text.Parse(path, []byte(d.Input))
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			least, err := MinBytes(gs[0], env)
			if err != nil {
				return err.Error() + "\n"
			}
			r, err := Graph(gs[0], env, &row)
			if err != nil {
				return err.Error() + "\n"
			}
			var b strings.Builder
			line := func(name string, e Estimate) {
				fmt.Fprintf(&b, "%-12s %8.1f µs = compute %.1f, loads %.1f, stores %.1f, fixed %.1f; %.0f bytes, levels", name, e.US, e.ComputeUS, e.LoadUS, e.StoreUS, e.OverheadUS, e.Bytes)
				for _, l := range e.LevelBytes {
					fmt.Fprintf(&b, " %.0f", l)
				}
				fmt.Fprintf(&b, "; %.0f flops", e.Flops)
				for k, f := range e.FlopsBy {
					if f > 0 {
						fmt.Fprintf(&b, " %s %.0f", Kind(k), f)
					}
				}
				fmt.Fprintf(&b, "; %.0f blocks in %.0f waves, %.0f trips, %.0f bytes of tiles\n", e.Blocks, e.Waves, e.Trips, e.TileBytes)
			}
			for _, k := range r.Kernels {
				line(k.Name, k.Estimate)
			}
			line("total", r.Estimate)
			fmt.Fprintf(&b, "%d launches, min %d bytes\n", r.Launches, least)
			return b.String()
		})
	})
}

// The total of a report is the sum over its kernels, and each kernel's time its parts'.
func TestEstimateAddsUp(t *testing.T) {
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	k := Kernel{Grid: []Dim{{Blocks: 4, Whole: 3.5}}, Trips: Dim{Blocks: 8, Whole: 8}, TileBytes: 1 << 16,
		Works: []Work{{Kind: MatMul, Phase: ugraph.InLoop, DType: ugraph.F32, Batch: 1, M: 6, N: 64, K: 128}, {Kind: Simple, Phase: ugraph.After, Elements: 384, Flops: 1, Rows: 6}},
		Loads: []Load{{Bytes: 1 << 20, Cut: 1}, {Bytes: 4096}}, Stores: []Store{{Bytes: 5376, Again: 1}}}
	e := k.Estimate(&row)
	if want := e.OverheadUS + max(e.ComputeUS, e.LoadUS) + overlap*min(e.ComputeUS, e.LoadUS) + e.StoreUS; math.Abs(e.US-want) > 1e-9 {
		t.Errorf("time %g, parts make %g", e.US, want)
	}
	if e.US != k.US(&row) {
		t.Errorf("Estimate says %g µs, US %g", e.US, k.US(&row))
	}
	if want := 2.0*6*64*128*8*3.5 + 384*3.5; e.Flops != want {
		t.Errorf("%g flops, want %g", e.Flops, want)
	}
	if want := float64(1<<20)*3.5 + 4096 + 5376; e.Bytes != want {
		t.Errorf("%g bytes, want %g", e.Bytes, want)
	}
	s := Sum(e, e)
	if s.US != 2*e.US || s.Launches != 2 || s.TileBytes != e.TileBytes {
		t.Errorf("sum of two: %+v", s)
	}
}

// A tensor that the blocks of a large grid read again comes from memory where nothing nearer holds what
// was read in between, and is then counted again.
func TestReuseDistance(t *testing.T) {
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	k := Kernel{Grid: []Dim{{Blocks: 4, Whole: 4}, {Blocks: 8, Whole: 8}}, Trips: Dim{Blocks: 1, Whole: 1}, Loads: []Load{{Bytes: 1 << 22, Cut: 2}}} // 8 parts of 4 MiB, 4 times
	if e := k.Estimate(&row); e.Bytes != 32<<20*4 {                                                                                                  // beyond the last cache
		t.Errorf("32 MiB between two reads of a part: %g bytes from memory", e.Bytes)
	}
	k.Loads[0].Cut = 1 // 4 parts, each 8 times in a row
	if e := k.Estimate(&row); e.Bytes != 4<<22 || e.LevelBytes[2] != 4*7<<22 {
		t.Errorf("one part at a time: %g bytes from memory, levels %v", e.Bytes, e.LevelBytes)
	}
}

// More blocks than units in a last wave that is not full cost a whole wave.
func TestWaves(t *testing.T) {
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	at := func(blocks float64) Estimate {
		k := Kernel{Grid: []Dim{{Blocks: blocks, Whole: blocks}}, Trips: Dim{Blocks: 1, Whole: 1}, Works: []Work{{Kind: Simple, Elements: 1 << 20, Flops: 1}}}
		return k.Estimate(&row)
	}
	if a, b := at(3), at(4); a.ComputeUS != b.ComputeUS || a.Waves != 2 {
		t.Errorf("3 blocks on 2 units take %g µs in %g waves, 4 take %g", a.ComputeUS, a.Waves, b.ComputeUS)
	}
	if a, b := at(2), at(4); 2*a.ComputeUS != b.ComputeUS {
		t.Errorf("2 blocks take %g µs, 4 take %g", a.ComputeUS, b.ComputeUS)
	}
}

// A norm or softmax of a program costs what the block graph costs that it is run as.
func TestRowOperatorIsItsBlockGraph(t *testing.T) {
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	us := func(src string) float64 {
		r, err := Graph(programtest.Parse(t, src), nil, &row)
		if err != nil {
			t.Fatal(err)
		}
		return r.US
	}
	for _, c := range []struct{ program, kernel string }{
		{`program p(X: f32[512, 1024]) -> (Y) { Y = softmax(X) }`, `ugraph g for p(X: f32[512, 1024]) -> (Y) {
			Y = kernel k(X) grid(a: 512 by 32) {
				x = load(X, a=0)
				e = exp(x - max(x, axis=1, keepdims=true))
				store Y(a=0) = e / sum(e, axis=1, keepdims=true)
			}
		}`},
		{`program p(X: f32[64, 32768]) -> (Y) { Y = rms_norm(X) }`, `ugraph g for p(X: f32[64, 32768]) -> (Y) {
			Y = kernel k(X) grid(a: 64 by 1) {
				x = load(X, a=0)
				store Y(a=0) = x / sqrt(mean(square(x), axis=1, keepdims=true))
			}
		}`},
	} {
		if p, k := us(c.program), us(c.kernel); math.Abs(p-k) > 1e-9*k {
			t.Errorf("%s: %.3f µs, its block graph %.3f", c.program, p, k)
		}
	}
	// Longer rows, and attention, are run operator by operator.
	if one, each := us(`program p(X: f32[4, 200000]) -> (Y) { Y = softmax(X) }`), us(`program p(X: f32[4, 200000]) -> (Y) {
		E = exp(X - max(X, axis=1, keepdims=true))
		Y = E / sum(E, axis=1, keepdims=true) }`); math.Abs(one-each) > 1e-9*each {
		t.Errorf("a softmax of long rows: %.3f µs, its operators %.3f", one, each)
	}
}

// How often the inputs are read: by loads of kernels, through reshapes, and by operators.
func TestPasses(t *testing.T) {
	row, err := target.ByName("cpu:avx2")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ src, want string }{
		{`ugraph g for p(X: f32[64, 32768], U: f32[3]) -> (Y) {
			Y = kernel k(X) grid(a: 64 by 2) {
				x = load(X, a=0)
				e = exp(x - max(x, axis=1, keepdims=true))
				store Y(a=0) = e / sum(e, axis=1, keepdims=true)
			}
		}`, "X once, U not at all: a block holds up to 262 KB of tiles, in L2; one more pass over X would take 322.6 µs"},
		{`program p(X: f32[64, 32768]) -> (Y) {
			Y = reshape(X, shape=[32768, 64]) * reshape(exp(X), shape=[32768, 64])
		}`, "X twice: a block holds up to 131 KB of tiles, in L2; one more pass over X would take 322.6 µs"},
	} {
		got, err := Passes(programtest.Parse(t, c.src), nil, &row)
		if err != nil || got != c.want {
			t.Errorf("%v\n%s, want\n%s", err, got, c.want)
		}
	}
}

package stability

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

// integerPairs have integer inputs that become floats; both sides are equal where casts are exact.
var integerPairs = []struct {
	name, sig, a, b string
	ok              bool
}{
	{"i32 through f16", "K: i32[3], X: f64[3]", "Y = X * cast(K, to=f64)", "Y = X * cast(cast(K, to=f16), to=f64)", false},
	{"i32 through bf16", "K: i32[3], X: f32[3]", "Y = X * cast(K, to=f32)", "Y = X * cast(cast(K, to=bf16), to=f32)", false},
	{"i32 through f32 for f64", "K: i32[3], X: f64[3]", "Y = X * cast(K, to=f64)", "Y = X * cast(K, to=f64) + (cast(cast(K, to=f32), to=f64) - cast(K, to=f64)) * 1000", false},
	{"i64 through f32 for f64", "K: i64[3], X: f64[3]", "Y = X * cast(K, to=f64)", "Y = X * cast(cast(K, to=f32), to=f64)", false},
	{"a long sum of u8 through f16", "K: u8[3, 300], X: f32[3]", "Y = X * sum(cast(K, to=f32), axis=1)", "Y = X * cast(cast(sum(cast(K, to=f32), axis=1), to=f16), to=f32)", false},
	{"i8 through f16, which is exact", "K: i8[3], X: f32[3]", "Y = X * cast(K, to=f32)", "Y = X * cast(cast(K, to=f16), to=f32)", true},
	{"i32 through f64", "K: i32[3], X: f32[3]", "Y = X * cast(K, to=f32)", "Y = cast(cast(K, to=f64), to=f32) * X", true},
	{"rope of twice the values", "P: i32[4], X: f32[4, 16]", "Y = 2 * rope(X, P)", "Y = rope(2 * X, P)", true},
	{"rows by an index", "K: i32[16], X: f32[100, 8]", "Y = gather(2 * X, K)", "Y = 2 * gather(X, K)", true},
	{"an index of a shorter table", "K: i32[16], X: f32[20, 8], U: f32[10, 8]", "Y = gather(X, K)", "Y = gather(X, K) + 0 * gather(U, K)", false},
	{"the program overflows, too", "K: i32[8, 64], X: f16[8, 64]", "Y = X * cast(K, to=f16)", "Y = cast(K, to=f16) * X", true},
}

func TestIntegers(t *testing.T) {
	for _, p := range integerPairs {
		t.Run(p.name, func(t *testing.T) {
			graph := func(body string) *ugraph.Graph {
				return programtest.Parse(t, "program p("+p.sig+") -> (Y) { "+body+" }")
			}
			for seed := range uint64(4) {
				s, err := Check(context.Background(), graph(p.a), graph(p.b), Options{Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if s.OK != p.ok {
					t.Fatalf("seed %d: ok = %v, want %v: %s", seed, s.OK, p.ok, s.Reason)
				}
				t.Log(s.Ratios, s.Reason)
			}
		})
	}
}

// Large integers stay within their type and reach its upper half.
func TestIntegerDistributions(t *testing.T) {
	for _, d := range integerDistributions {
		for _, dt := range []ugraph.DType{ugraph.I8, ugraph.U8, ugraph.I32, ugraph.I64} {
			r := rand.New(rand.NewPCG(1, 2))
			lo, hi := bounds(dt)
			most := int64(0)
			for k := range 1000 {
				v := d.integers(r, dt, k)
				if v < lo || v > hi {
					t.Fatalf("%s, %s: %d is outside %d … %d", d.name, dt, v, lo, hi)
				}
				most = max(most, v)
			}
			if want := min(hi, 1<<20) / 2; most < want {
				t.Errorf("%s, %s: the greatest is %d, want %d or more", d.name, dt, most, want)
			}
		}
	}
}

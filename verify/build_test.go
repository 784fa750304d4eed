package verify

import (
	"context"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
)

// prog is a short way to write programs and μGraphs in tests.
type prog struct{ *ugraph.Builder }

type val = ugraph.ValueID

func build(t testing.TB, name string, f func(p prog)) *ugraph.Graph {
	t.Helper()
	ident := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, "g "+name)
	b := ugraph.NewBuilder(ident)
	f(prog{b})
	g, err := b.Graph()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return g
}

// ops are operators with the builder of programs and of blocks alike.
type ops struct{ b *ugraph.Builder }

func (p prog) ops() ops { return ops{p.Builder} }

func blockOps(k *ugraph.BlockBuilder) ops { return ops{&k.Builder} }

func (o ops) mm(a, b val) val { return o.b.Op(ugraph.OpMatMul, nil, a, b) }
func (o ops) mmT(a, b val) val {
	return o.b.Op(ugraph.OpMatMul, ugraph.Attrs{ugraph.BoolAttr("transpose_b", true)}, a, b)
}
func (o ops) un(op ugraph.Op, x val) val     { return o.b.Op(op, nil, x) }
func (o ops) bin(op ugraph.Op, x, y val) val { return o.b.Op(op, nil, x, y) }
func (o ops) add(x, y val) val               { return o.bin(ugraph.OpAdd, x, y) }
func (o ops) sub(x, y val) val               { return o.bin(ugraph.OpSub, x, y) }
func (o ops) mul(x, y val) val               { return o.bin(ugraph.OpMul, x, y) }
func (o ops) div(x, y val) val               { return o.bin(ugraph.OpDiv, x, y) }
func (o ops) exp(x val) val                  { return o.un(ugraph.OpExp, x) }
func (o ops) red(op ugraph.Op, x val, axis int64) val {
	return o.b.Op(op, ugraph.Attrs{ugraph.IntsAttr("axis", axis), ugraph.BoolAttr("keepdims", true)}, x)
}
func (o ops) sum(x val, axis int64) val { return o.red(ugraph.OpSum, x, axis) }
func (o ops) max(x val, axis int64) val { return o.red(ugraph.OpMax, x, axis) }
func (o ops) lit(s string) val          { return o.b.Const(number(s), ugraph.F32) }
func (o ops) axis(op ugraph.Op, x val, axis int64) val {
	return o.b.Op(op, ugraph.Attrs{ugraph.IntAttr("axis", axis)}, x)
}

func ds(n ...int64) []ugraph.Dim { return ugraph.Ds(n...) }

// verifyTexts is the verdict on two texts.
func verifyTexts(t *testing.T, a, b string, seed uint64) *Result {
	t.Helper()
	r, err := Equal(context.Background(), programtest.Parse(t, a), programtest.Parse(t, b), Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func check1(t *testing.T, a, b *ugraph.Graph, want bool) *Result {
	t.Helper()
	r, err := Equal(context.Background(), a, b, Options{Seed: 1})
	if err != nil {
		t.Fatalf("%s, %s: %v", a.Name, b.Name, err)
	}
	if r.Equal != want {
		t.Errorf("%s = %s: %v, want %v (%s) witness %+v", a.Name, b.Name, r.Equal, want, r.Reason, r.Witness)
	}
	if !want && r.Witness == nil {
		t.Errorf("%s, %s: rejected without a witness: %s", a.Name, b.Name, r.Reason)
	}
	return r
}

func rmsnormLinear(p prog) {
	x := p.Input("X", ugraph.F32, ds(4, 100))
	w := p.Weight("W", ugraph.F32, ds(100, 50))
	o := p.ops()
	p.Output("Y", o.mm(o.un(ugraph.OpRMSNorm, x), w))
}

func rmsnormFused(literal string) func(p prog) {
	return func(p prog) {
		x := p.Input("X", ugraph.F32, ds(4, 100))
		w := p.Weight("W", ugraph.F32, ds(100, 50))
		r := p.Kernel("k", func(k *ugraph.BlockBuilder) {
			o := blockOps(k)
			k.Grid("n", ugraph.D(50), 16)
			k.Loop("k", ugraph.D(100), 32)
			xt := k.Load(x, []int64{-1}, 1)
			wt := k.Load(w, []int64{1}, 0)
			acc := k.Accum("sum", o.mm(xt, wt))
			sq := k.Accum("sum", o.sum(o.un(ugraph.OpSquare, xt), 1))
			ms := o.mul(sq, o.lit(literal))
			k.Store("Y", o.div(acc, o.un(ugraph.OpSqrt, ms)), ugraph.Store{Grid: []int{1}, Loop: -1})
		})
		p.Output("Y", r[0])
	}
}

func TestRMSNormLinear(t *testing.T) {
	a := build(t, "rmsnorm_linear", rmsnormLinear)
	check1(t, a, build(t, "fused", rmsnormFused("0.01")), true)
	check1(t, a, build(t, "without 1/n", rmsnormFused("1")), false)
	check1(t, a, build(t, "1/32", rmsnormFused("0.03125")), false)
}

func attention(q, kv, d int64) func(p prog) {
	return func(p prog) {
		Q := p.Input("Q", ugraph.F32, ds(2, q, d))
		K := p.Input("K", ugraph.F32, ds(2, kv, d))
		V := p.Input("V", ugraph.F32, ds(2, kv, d))
		o := p.ops()
		s := o.mul(o.mmT(Q, K), o.lit("0.125"))
		p.Output("O", o.mm(o.axis(ugraph.OpSoftmax, s, -1), V))
	}
}

type flashFault struct{ noRescaleO, noRescaleL, staleMax, noScale, noMaxNumerator bool }

// flash is attention with a running maximum, keys in the loop.
func flash(q, kv, d, tq, tk int64, f flashFault) func(p prog) {
	return func(p prog) {
		Q := p.Input("Q", ugraph.F32, ds(2, q, d))
		K := p.Input("K", ugraph.F32, ds(2, kv, d))
		V := p.Input("V", ugraph.F32, ds(2, kv, d))
		r := p.Kernel("flash", func(k *ugraph.BlockBuilder) {
			o := blockOps(k)
			k.GridParts("h", 2)
			k.Grid("q", ugraph.D(q), tq)
			k.Loop("kv", ugraph.D(kv), tk)
			qt := k.Load(Q, []int64{0, 1}, -1)
			kt := k.Load(K, []int64{0, -1}, 1)
			vt := k.Load(V, []int64{0, -1}, 1)
			s := o.mmT(qt, kt)
			if !f.noScale {
				s = o.mul(s, o.lit("0.125"))
			}
			m := k.Accum("max", o.max(s, -1))
			now := k.Running(m)
			if f.staleMax {
				now = k.Previous(m)
			}
			e := o.exp(o.sub(s, now))
			phi := o.exp(o.sub(k.Previous(m), k.Running(m)))
			var l, acc val
			if f.noRescaleL {
				l = k.Accum("sum", o.sum(e, -1))
			} else {
				l = k.Accum("sum", o.sum(e, -1), phi)
			}
			if f.noMaxNumerator {
				e = o.exp(s)
			}
			if f.noRescaleO {
				acc = k.Accum("sum", o.mm(e, vt))
			} else {
				acc = k.Accum("sum", o.mm(e, vt), phi)
			}
			k.Store("O", o.div(acc, l), ugraph.Store{Grid: []int{0, 1}, Loop: -1})
		})
		p.Output("O", r[0])
	}
}

func TestFlash(t *testing.T) {
	t.Parallel()
	a := build(t, "attention", attention(16, 256, 64))
	check1(t, a, build(t, "flash", flash(16, 256, 64, 8, 32, flashFault{})), true)
	check1(t, a, build(t, "ragged flash", flash(16, 256, 64, 5, 48, flashFault{})), true)
	for name, f := range map[string]flashFault{
		"rescale of O forgotten": {noRescaleO: true}, "rescale of L forgotten": {noRescaleL: true},
		"scale missing": {noScale: true}, "maximum left out of the numerator": {noMaxNumerator: true},
	} {
		check1(t, a, build(t, name, flash(16, 256, 64, 8, 32, f)), false)
	}
}

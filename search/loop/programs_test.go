package loop

import (
	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/ugraph"
)

// dag makes DAGs in tests.
type dag struct {
	*expr.DAG
	axes map[string]int
}

func newDAG(name string) *dag { return &dag{&expr.DAG{Name: name}, map[string]int{}} }

func (d *dag) axis(name string, extent ugraph.Dim) {
	d.axes[name] = len(d.Axes)
	d.Axes = append(d.Axes, expr.Axis{Name: name, Extent: extent})
}

// list is the axes named by the letters of s.
func (d *dag) list(s string) []int {
	var out []int
	for _, c := range s {
		a, ok := d.axes[string(c)]
		if !ok {
			panic("no axis " + string(c))
		}
		out = append(out, a)
	}
	return out
}

func (d *dag) in(name, axes string) int {
	d.Inputs = append(d.Inputs, expr.Input{Name: name, DType: ugraph.F32, Axes: d.list(axes)})
	return d.Add(expr.Node{Input: len(d.Inputs) - 1, DType: ugraph.F32})
}

func (d *dag) num(text string) int {
	n, err := ugraph.ParseNumber(text)
	if err != nil {
		panic(err)
	}
	return d.Add(expr.Node{Op: ugraph.OpConst, Value: n, DType: ugraph.F32})
}

func (d *dag) op(op ugraph.Op, args ...int) int {
	dt := d.Nodes[args[len(args)-1]].DType
	if op == ugraph.OpLessEqual || op == ugraph.OpLess {
		dt = ugraph.Bool
	}
	return d.Add(expr.Node{Op: op, Args: args, DType: dt})
}

func (d *dag) red(op ugraph.Op, over string, args ...int) int {
	return d.Add(expr.Node{Op: op, Args: args, Over: expr.Set(d.list(over)...), DType: ugraph.F32})
}

func (d *dag) iota(axis string) int {
	return d.Add(expr.Node{Op: ugraph.OpIota, Axes: expr.Set(d.list(axis)...), DType: ugraph.I32})
}

func (d *dag) out(name, axes string, v int) {
	d.Outputs = append(d.Outputs, expr.Output{Name: name, DType: ugraph.F32, Node: v, Axes: d.list(axes)})
}

// softmax over an axis, with its maximum.
func (d *dag) softmax(x int, over string) int {
	m := d.red(ugraph.OpMax, over, x)
	e := d.op(ugraph.OpExp, d.op(ugraph.OpSub, x, m))
	return d.op(ugraph.OpDiv, e, d.red(ugraph.OpSum, over, e))
}

// rms is x/rms(x) over an axis.
func (d *dag) rms(x int, over string) int {
	ms := d.red(ugraph.OpMean, over, d.op(ugraph.OpSquare, x))
	return d.op(ugraph.OpDiv, x, d.op(ugraph.OpSqrt, ms))
}

// sizes of the axes of test programs; small, pairwise different, mostly odd.
func n(v int64) ugraph.Dim { return ugraph.D(v) }

// attention variants: "", "scaled", "masked" (additive input), "causal", "qknorm", "lse".
func attention(variant string) *expr.DAG {
	d := newDAG("attention_" + variant)
	d.axis("h", n(2))
	d.axis("i", n(5))
	d.axis("j", n(11))
	d.axis("d", n(4))
	d.axis("v", n(3))
	q, k, v := d.in("Q", "hid"), d.in("K", "hjd"), d.in("V", "hjv")
	if variant == "qknorm" {
		q, k = d.rms(q, "d"), d.rms(k, "d")
	}
	s := d.red(ugraph.OpMatMul, "d", q, k)
	switch variant {
	case "scaled":
		s = d.op(ugraph.OpMul, s, d.num("0.5"))
	case "masked":
		s = d.op(ugraph.OpAdd, s, d.in("M", "ij"))
	case "causal":
		s = d.op(ugraph.OpWhere, d.op(ugraph.OpLessEqual, d.iota("j"), d.iota("i")), s, d.num("-inf"))
	}
	p := d.softmax(s, "j")
	if variant == "lse" {
		m := d.red(ugraph.OpMax, "j", s)
		e := d.red(ugraph.OpSum, "j", d.op(ugraph.OpExp, d.op(ugraph.OpSub, s, m)))
		l := d.op(ugraph.OpAdd, m, d.op(ugraph.OpLog, e))
		p = d.op(ugraph.OpExp, d.op(ugraph.OpSub, s, l))
		d.out("L", "hi", l)
	}
	d.out("O", "hiv", d.red(ugraph.OpMatMul, "j", p, v))
	return d.DAG
}

func rmsnormLinear() *expr.DAG {
	d := newDAG("rmsnorm_linear")
	d.axis("m", n(3))
	d.axis("k", n(13))
	d.axis("n", n(7))
	x, g, w := d.in("X", "mk"), d.in("G", "k"), d.in("W", "kn")
	d.out("Y", "mn", d.red(ugraph.OpMatMul, "k", d.op(ugraph.OpMul, d.rms(x, "k"), g), w))
	return d.DAG
}

func gatedMLP() *expr.DAG {
	d := newDAG("gated_mlp")
	d.axis("m", n(3))
	d.axis("k", n(13))
	d.axis("n", n(7))
	x := d.in("X", "mk")
	g, u := d.red(ugraph.OpMatMul, "k", x, d.in("G", "kn")), d.red(ugraph.OpMatMul, "k", x, d.in("U", "kn"))
	d.out("Y", "mn", d.op(ugraph.OpMul, d.op(ugraph.OpSilu, g), u))
	return d.DAG
}

func softmaxProgram(axes string) *expr.DAG {
	d := newDAG("softmax")
	d.axis("i", n(5))
	d.axis("j", n(11))
	x := d.in("X", axes)
	d.out("Y", axes, d.softmax(x, "j"))
	return d.DAG
}

func logsumexp() *expr.DAG {
	d := newDAG("logsumexp")
	d.axis("i", n(5))
	d.axis("j", n(11))
	x := d.in("X", "ij")
	m := d.red(ugraph.OpMax, "j", x)
	s := d.red(ugraph.OpSum, "j", d.op(ugraph.OpExp, d.op(ugraph.OpSub, x, m)))
	d.out("L", "i", d.op(ugraph.OpAdd, m, d.op(ugraph.OpLog, s)))
	d.out("M", "i", m)
	return d.DAG
}

func entropy() *expr.DAG {
	d := newDAG("entropy")
	d.axis("i", n(5))
	d.axis("j", n(11))
	x := d.in("X", "ij")
	m := d.red(ugraph.OpMax, "j", x)
	s := d.op(ugraph.OpSub, x, m)
	e := d.op(ugraph.OpExp, s)
	z := d.red(ugraph.OpSum, "j", e)
	logp := d.op(ugraph.OpSub, s, d.op(ugraph.OpLog, z))
	d.out("H", "i", d.op(ugraph.OpNeg, d.red(ugraph.OpSum, "j", d.op(ugraph.OpMul, d.op(ugraph.OpDiv, e, z), logp))))
	return d.DAG
}

func lora() *expr.DAG {
	d := newDAG("lora")
	d.axis("m", n(3))
	d.axis("k", n(13))
	d.axis("r", n(2))
	d.axis("n", n(7))
	x := d.in("X", "mk")
	w := d.red(ugraph.OpMatMul, "k", x, d.in("W", "kn"))
	a := d.red(ugraph.OpMatMul, "k", x, d.in("A", "kr"))
	d.out("Y", "mn", d.op(ugraph.OpAdd, w, d.red(ugraph.OpMatMul, "r", a, d.in("B", "rn"))))
	return d.DAG
}

func layerNorm(linear bool) *expr.DAG {
	d := newDAG("layer_norm")
	d.axis("m", n(3))
	d.axis("k", n(13))
	d.axis("n", n(7))
	x := d.in("X", "mk")
	mu := d.red(ugraph.OpMean, "k", x)
	c := d.op(ugraph.OpSub, x, mu)
	v := d.red(ugraph.OpMean, "k", d.op(ugraph.OpSquare, c))
	y := d.op(ugraph.OpDiv, c, d.op(ugraph.OpSqrt, d.op(ugraph.OpAdd, v, d.num("0.00001"))))
	if linear {
		d.out("Y", "mn", d.red(ugraph.OpMatMul, "k", y, d.in("W", "kn")))
	} else {
		d.out("Y", "mk", y)
	}
	return d.DAG
}

// ntrans is norm(h + a·(norm(x) - h)) over k.
func ntrans() *expr.DAG {
	d := newDAG("ntrans")
	d.axis("m", n(3))
	d.axis("k", n(13))
	x, h, a := d.in("X", "mk"), d.in("H", "mk"), d.in("A", "k")
	y := d.op(ugraph.OpAdd, h, d.op(ugraph.OpMul, a, d.op(ugraph.OpSub, d.rms(x, "k"), h)))
	d.out("Y", "mk", d.rms(y, "k"))
	return d.DAG
}

func moe() *expr.DAG {
	d := newDAG("moe")
	d.axis("e", n(3))
	d.axis("m", n(2))
	d.axis("k", n(5))
	d.axis("h", n(9))
	d.axis("n", n(4))
	x := d.red(ugraph.OpMatMul, "k", d.in("X", "mk"), d.in("A", "ekh"))
	d.out("Y", "emn", d.red(ugraph.OpMatMul, "h", d.op(ugraph.OpExp, x), d.in("B", "ehn")))
	return d.DAG
}

// normedSoftmax is softmax(x/‖x‖)·V with norm and softmax over the same axis: a second pass.
func normedSoftmax() *expr.DAG {
	d := newDAG("normed_softmax")
	d.axis("i", n(5))
	d.axis("j", n(11))
	d.axis("v", n(3))
	d.out("Y", "iv", d.red(ugraph.OpMatMul, "j", d.softmax(d.rms(d.in("X", "ij"), "j"), "j"), d.in("V", "jv")))
	return d.DAG
}

// groupedQuery has grouped heads g and a projection over heads and features at once.
func groupedQuery() *expr.DAG {
	d := newDAG("grouped")
	d.axis("h", n(2))
	d.axis("g", n(3))
	d.axis("j", n(11))
	d.axis("d", n(4))
	d.axis("v", n(5))
	d.axis("o", n(7))
	s := d.red(ugraph.OpMatMul, "d", d.in("Q", "hgd"), d.in("K", "hjd"))
	o := d.red(ugraph.OpMatMul, "j", d.softmax(s, "j"), d.in("V", "hjv"))
	d.out("O", "hgv", o)
	d.out("P", "o", d.red(ugraph.OpMatMul, "hgv", o, d.in("W", "hgvo")))
	return d.DAG
}

func symbolic(p *expr.DAG, axis, symbol string) *expr.DAG {
	c := p.Clone()
	c.Symbols = []ugraph.Symbol{{Name: symbol, Lo: 1, Hi: 64, Multiple: 1}}
	for i := range c.Axes {
		if c.Axes[i].Name == axis {
			c.Axes[i].Extent = ugraph.Sym(symbol)
		}
	}
	return c
}

var programs = map[string]func() *expr.DAG{
	"attention":        func() *expr.DAG { return attention("") },
	"attention_scaled": func() *expr.DAG { return attention("scaled") },
	"attention_masked": func() *expr.DAG { return attention("masked") },
	"attention_causal": func() *expr.DAG { return attention("causal") },
	"attention_qknorm": func() *expr.DAG { return attention("qknorm") },
	"attention_lse":    func() *expr.DAG { return attention("lse") },
	"attention_S":      func() *expr.DAG { return symbolic(attention("scaled"), "j", "S") },
	"rmsnorm_linear":   rmsnormLinear,
	"rmsnorm_K":        func() *expr.DAG { return symbolic(rmsnormLinear(), "k", "K") },
	"gated_mlp":        gatedMLP,
	"softmax":          func() *expr.DAG { return softmaxProgram("ij") },
	"softmax_t":        func() *expr.DAG { return softmaxProgram("ji") },
	"logsumexp":        logsumexp,
	"entropy":          entropy,
	"lora":             lora,
	"layer_norm":       func() *expr.DAG { return layerNorm(false) },
	"layer_norm_lin":   func() *expr.DAG { return layerNorm(true) },
	"layer_norm_K":     func() *expr.DAG { return symbolic(layerNorm(true), "k", "K") },
	"ntrans":           ntrans,
	"moe":              moe,
	"normed_softmax":   normedSoftmax,
	"grouped":          groupedQuery,
}

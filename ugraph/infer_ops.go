package ugraph

import "fmt"

func inferConst(c *inference) error {
	dt, err := ParseDType(c.attrs.Word("dtype", ""))
	if err != nil {
		return err
	}
	v := c.attrs.Num("value", Int(0))
	if err := CheckLiteral(v, dt); err != nil {
		return err
	}
	return c.result(dt, nil, nil)
}

// CheckLiteral checks that a literal is a value that type dt can hold approximately: no fraction
// beside integers, nothing finite beyond the type's range.
func CheckLiteral(v Number, dt DType) error {
	if dt.IsInt() || dt.IsBool() {
		if v.IsInf() != 0 || !v.Rat().IsInt() {
			return fmt.Errorf("%s beside a tensor of %s; cast(x, to=f32) makes one of floats of it", v, dt)
		}
		n, ok := v.IsInt()
		if lo, hi := dt.Min(), dt.Max(); !ok || dt != I64 && (float64(n) < lo || float64(n) > hi) {
			return fmt.Errorf("%s is beyond the range of %s", v, dt)
		}
		return nil
	}
	if v.IsInf() != 0 {
		if dt == F8E4M3 {
			return fmt.Errorf("f8e4m3 has no infinity")
		}
		return nil
	}
	if f := v.Float64(); f > dt.Max() || f < -dt.Max() {
		return fmt.Errorf("%s is beyond the range of %s", v, dt)
	}
	return nil
}

func inferIota(c *inference) error {
	n, _ := c.attrs.Get("n")
	return c.result(I32, []Dim{n.Dims[0]}, nil)
}

func inferMatMul(c *inference) error {
	a, b := c.args[0], c.args[1]
	if a.Rank() < 2 || b.Rank() < 2 {
		return fmt.Errorf("needs two axes or more, got %s and %s", a, b)
	}
	if a.DType != b.DType || a.DType.IsBool() {
		return fmt.Errorf("operands must have one numeric type, got %s and %s", a, b)
	}
	am, ak := a.Rank()-2, a.Rank()-1
	if c.attrs.Flag("transpose_a") {
		am, ak = ak, am
	}
	bk, bn := b.Rank()-2, b.Rank()-1
	if c.attrs.Flag("transpose_b") {
		bk, bn = bn, bk
	}
	if a.Shape[ak] != b.Shape[bk] {
		return fmt.Errorf("contracts %s with %s in %s and %s", a.Shape[ak], b.Shape[bk], a, b)
	}
	batch := func(t Type) Type {
		u := Type{Shape: t.Shape[:t.Rank()-2]}
		if t.Cuts != nil {
			u.Cuts = t.Cuts[:t.Rank()-2]
		}
		return u
	}
	lead, err := broadcastTypes([]Type{batch(a), batch(b)})
	if err != nil {
		return err
	}
	shape := append(append([]Dim{}, lead.Shape...), a.Shape[am], b.Shape[bn])
	cuts := append(append([]Cut{}, lead.Cuts...), a.Cut(am), b.Cut(bn))
	for len(cuts) < len(shape) {
		cuts = append(make([]Cut, 1), cuts...)
	}
	if a.Cut(ak) != b.Cut(bk) && (a.Cuts != nil || b.Cuts != nil) {
		// Contracted axes that were cut differently: the result is not a tile of anything regular.
		cuts[len(cuts)-1].Irregular = true
	}
	return c.result(a.DType, shape, cuts)
}

func inferSameFloat(c *inference) error {
	x := c.args[0]
	if !x.DType.IsFloat() {
		return fmt.Errorf("needs a floating-point operand, got %s", x)
	}
	if a, ok := c.attrs.Get("axis"); ok {
		n, _ := a.Number.IsInt()
		if _, err := NormalAxis(n, x.Rank()); err != nil {
			return err
		}
	} else if c.op.Info().Class == Composite && x.Rank() == 0 {
		return fmt.Errorf("needs an axis, got a scalar")
	}
	if w, ok := c.attrs.Get("approximate"); ok && w.Word != "none" && w.Word != "tanh" {
		return fmt.Errorf("approximate=%s; have none, tanh", w.Word)
	}
	return c.result(x.DType, x.Shape, x.Cuts)
}

func inferSameNumeric(c *inference) error {
	x := c.args[0]
	if x.DType.IsBool() {
		return fmt.Errorf("needs a numeric operand, got %s", x)
	}
	if c.op == OpClamp {
		lo, hasLo := c.attrs.Get("min")
		hi, hasHi := c.attrs.Get("max")
		if !hasLo && !hasHi {
			return fmt.Errorf("needs min= or max=")
		}
		for _, a := range []Attr{lo, hi} {
			if a.Kind != 0 {
				if err := CheckLiteral(a.Number, x.DType); err != nil {
					return err
				}
			}
		}
		if hasLo && hasHi && lo.Number.Cmp(hi.Number) > 0 {
			return fmt.Errorf("min=%s is greater than max=%s", lo.Number, hi.Number)
		}
	}
	return c.result(x.DType, x.Shape, x.Cuts)
}

func inferCast(c *inference) error {
	dt, err := ParseDType(c.attrs.Word("to", ""))
	if err != nil {
		return err
	}
	return c.result(dt, c.args[0].Shape, c.args[0].Cuts)
}

// pair broadcasts the operands and checks that they have one element type.
func (c *inference) pair() (Type, error) {
	a, b := c.args[0], c.args[1]
	if a.DType != b.DType {
		return Type{}, fmt.Errorf("operands must have one element type, got %s and %s (cast(x, to=%s) changes it)", a, b, a.DType)
	}
	t, err := broadcastTypes(c.args[:2])
	t.DType = a.DType
	return t, err
}

func inferArith(c *inference) error {
	t, err := c.pair()
	if err != nil {
		return err
	}
	if t.DType.IsBool() {
		return fmt.Errorf("needs numeric operands, got bool")
	}
	return c.result(t.DType, t.Shape, t.Cuts)
}

func inferFloatBinary(c *inference) error {
	t, err := c.pair()
	if err != nil {
		return err
	}
	if !t.DType.IsFloat() {
		return fmt.Errorf("needs floating-point operands, got %s", t.DType)
	}
	return c.result(t.DType, t.Shape, t.Cuts)
}

func inferCompare(c *inference) error {
	t, err := c.pair()
	if err != nil {
		return err
	}
	return c.result(Bool, t.Shape, t.Cuts)
}

func inferBits(c *inference) error {
	if len(c.args) == 1 {
		x := c.args[0]
		if x.DType.IsFloat() {
			return fmt.Errorf("needs bool or integers, got %s", x)
		}
		return c.result(x.DType, x.Shape, x.Cuts)
	}
	t, err := c.pair()
	if err != nil {
		return err
	}
	if t.DType.IsFloat() {
		return fmt.Errorf("needs bool or integers, got %s", t.DType)
	}
	return c.result(t.DType, t.Shape, t.Cuts)
}

func inferShift(c *inference) error {
	t, err := c.pair()
	if err != nil {
		return err
	}
	if !t.DType.IsInt() {
		return fmt.Errorf("needs integers, got %s", t.DType)
	}
	return c.result(t.DType, t.Shape, t.Cuts)
}

func inferPopcount(c *inference) error {
	x := c.args[0]
	if !x.DType.IsInt() {
		return fmt.Errorf("needs integers, got %s", x)
	}
	return c.result(x.DType, x.Shape, x.Cuts)
}

func inferWhere(c *inference) error {
	if c.args[0].DType != Bool {
		return fmt.Errorf("the condition must be bool, got %s", c.args[0])
	}
	if c.args[1].DType != c.args[2].DType {
		return fmt.Errorf("both choices must have one element type, got %s and %s", c.args[1], c.args[2])
	}
	t, err := broadcastTypes(c.args)
	if err != nil {
		return err
	}
	return c.result(c.args[1].DType, t.Shape, t.Cuts)
}

func inferUniform(c *inference) error {
	if c.args[0].DType != I32 || c.args[1].DType != I32 {
		return fmt.Errorf("seed and index must be i32, got %s and %s", c.args[0], c.args[1])
	}
	t, err := broadcastTypes(c.args)
	if err != nil {
		return err
	}
	return c.result(F32, t.Shape, t.Cuts)
}

// drop returns shape and cuts without the given axes, or with extent 1 in their place.
func drop(t Type, axes []int, keep bool) ([]Dim, []Cut) {
	gone := map[int]bool{}
	for _, a := range axes {
		gone[a] = true
	}
	shape, cuts := []Dim{}, []Cut{}
	for i, d := range t.Shape {
		switch {
		case !gone[i]:
			shape, cuts = append(shape, d), append(cuts, t.Cut(i))
		case keep:
			shape, cuts = append(shape, D(1)), append(cuts, Cut{})
		}
	}
	return shape, cuts
}

func inferReduce(c *inference) error {
	x := c.args[0]
	axes, err := ReduceAxes(c.attrs, x.Rank())
	if err != nil {
		return err
	}
	dt := x.DType
	switch c.op {
	case OpSum:
		if dt.IsBool() {
			dt = I32
		}
	case OpMean:
		if !dt.IsFloat() {
			return fmt.Errorf("needs a floating-point operand, got %s", x)
		}
	case OpArgmax:
		if _, given := c.attrs.Get("axis"); given && len(axes) != 1 {
			return fmt.Errorf("takes one axis")
		}
		dt = I32
		fallthrough
	default:
		if x.DType.IsBool() {
			return fmt.Errorf("needs a numeric operand, got %s", x)
		}
	}
	shape, cuts := drop(x, axes, c.attrs.Flag("keepdims"))
	return c.result(dt, shape, cuts)
}

func inferLogSumExp(c *inference) error {
	x := c.args[0]
	if !x.DType.IsFloat() {
		return fmt.Errorf("needs a floating-point operand, got %s", x)
	}
	axis, err := NormalAxis(c.attrs.Int("axis", -1), x.Rank())
	if err != nil {
		return err
	}
	shape, cuts := drop(x, []int{axis}, c.attrs.Flag("keepdims"))
	return c.result(x.DType, shape, cuts)
}

func inferNorm(c *inference) error {
	x := c.args[0]
	if !x.DType.IsFloat() {
		return fmt.Errorf("needs a floating-point operand, got %s", x)
	}
	if _, err := NormalAxis(c.attrs.Int("axis", -1), x.Rank()); err != nil {
		return err
	}
	if e := c.attrs.Num("eps", Int(0)); e.IsInf() != 0 || e.Rat().Sign() < 0 {
		return fmt.Errorf("eps=%s must be finite and not negative", e)
	}
	for _, w := range c.args[1:] {
		if w.DType != x.DType {
			return fmt.Errorf("weight and bias must have the operand's element type %s, got %s", x.DType, w)
		}
		t, err := broadcastTypes([]Type{x, w})
		if err != nil {
			return err
		}
		if !SameShape(t.Shape, x.Shape) {
			return fmt.Errorf("%s does not broadcast to %s", w, x)
		}
	}
	return c.result(x.DType, x.Shape, x.Cuts)
}

func inferRope(c *inference) error {
	x, pos := c.args[0], c.args[1]
	if !x.DType.IsFloat() || x.Rank() < 1 {
		return fmt.Errorf("needs a floating-point operand with an axis, got %s", x)
	}
	if pos.DType != I32 {
		return fmt.Errorf("position must be i32, got %s", pos)
	}
	if n, ok := x.Shape[x.Rank()-1].Const(); ok && n%2 != 0 {
		return fmt.Errorf("the last axis must be even, got %s", x)
	}
	if s := c.attrs.Word("style", "half"); s != "half" && s != "interleaved" {
		return fmt.Errorf("style=%s; have half, interleaved", s)
	}
	lead := Type{Shape: x.Shape[:x.Rank()-1]}
	if t, err := broadcastTypes([]Type{lead, {Shape: pos.Shape}}); err != nil || !SameShape(t.Shape, lead.Shape) {
		return fmt.Errorf("position %s does not broadcast to %s without its last axis", pos, x)
	}
	return c.result(x.DType, x.Shape, x.Cuts)
}

func inferAttention(c *inference) error {
	q, k, v := c.args[0], c.args[1], c.args[2]
	if q.Rank() < 3 || k.Rank() != q.Rank() || v.Rank() != q.Rank() {
		return fmt.Errorf("q (…, Hq, T, d), k and v (…, Hkv, S, d) must have the same three or more axes, got %s, %s, %s", q, k, v)
	}
	if !q.DType.IsFloat() || k.DType != q.DType || v.DType != q.DType {
		return fmt.Errorf("q, k and v must have one floating-point type, got %s, %s, %s", q, k, v)
	}
	r := q.Rank()
	for i := 0; i < r-3; i++ {
		if q.Shape[i] != k.Shape[i] || q.Shape[i] != v.Shape[i] {
			return fmt.Errorf("leading axes differ: %s, %s, %s", q, k, v)
		}
	}
	hq, okq := q.Shape[r-3].Const()
	hk, okk := k.Shape[r-3].Const()
	if k.Shape[r-3] != v.Shape[r-3] || okq && okk && hq%hk != 0 || (!okq || !okk) && q.Shape[r-3] != k.Shape[r-3] {
		return fmt.Errorf("the %s query heads must be a multiple of the %s key heads, and key and value heads equal", q.Shape[r-3], k.Shape[r-3])
	}
	if q.Shape[r-1] != k.Shape[r-1] || k.Shape[r-2] != v.Shape[r-2] {
		return fmt.Errorf("q and k must agree in d, k and v in S: %s, %s, %s", q, k, v)
	}
	shape := append(append([]Dim{}, q.Shape[:r-1]...), v.Shape[r-1])
	if len(c.args) == 4 {
		m := c.args[3]
		if m.DType != Bool && m.DType != q.DType {
			return fmt.Errorf("the mask must be bool or %s, got %s", q.DType, m)
		}
		scores := append(append([]Dim{}, q.Shape[:r-1]...), k.Shape[r-2])
		if t, err := broadcastTypes([]Type{{Shape: scores}, {Shape: m.Shape}}); err != nil || !SameShape(t.Shape, scores) {
			return fmt.Errorf("mask %s does not broadcast to %s", m, ShapeString(scores))
		}
	}
	return c.result(q.DType, shape, nil)
}

package ugraph

import "fmt"

// The rules of operators that move elements.

func inferTranspose(c *inference) error {
	x := c.args[0]
	perm, err := Perm(c.attrs, x.Rank())
	if err != nil {
		return err
	}
	shape, cuts := make([]Dim, len(perm)), make([]Cut, len(perm))
	for i, p := range perm {
		shape[i], cuts[i] = x.Shape[p], x.Cut(p)
	}
	return c.result(x.DType, shape, cuts)
}

// Perm returns the permutation of a transpose: perm=, or the axes reversed.
func Perm(attrs Attrs, rank int) ([]int, error) {
	a, ok := attrs.Get("perm")
	out := make([]int, rank)
	if !ok {
		for i := range out {
			out[i] = rank - 1 - i
		}
		return out, nil
	}
	seen := make([]bool, rank)
	if len(a.Ints) != rank {
		return nil, fmt.Errorf("perm=%s needs %d axes", a.Value(), rank)
	}
	for i, v := range a.Ints {
		x, err := NormalAxis(v, rank)
		if err != nil {
			return nil, err
		}
		if seen[x] {
			return nil, fmt.Errorf("perm=%s names axis %d twice", a.Value(), v)
		}
		seen[x], out[i] = true, x
	}
	return out, nil
}

func inferReshape(c *inference) error {
	x := c.args[0]
	a, _ := c.attrs.Get("shape")
	shape, err := ReshapeTo(x.Shape, a.Dims)
	if err != nil {
		return err
	}
	return c.result(x.DType, shape, reshapeCuts(x, shape))
}

// ReshapeTo resolves a reshape's target against the operand's shape, finding the -1.
func ReshapeTo(from, to []Dim) ([]Dim, error) {
	hole := -1
	for i, d := range to {
		if d.Is(-1) {
			if hole >= 0 {
				return nil, fmt.Errorf("shape=%s has two -1", ShapeString(to))
			}
			hole = i
		} else if n, ok := d.Const(); ok && n < 1 {
			return nil, fmt.Errorf("shape=%s has an extent below 1", ShapeString(to))
		}
	}
	out := append([]Dim{}, to...)
	if hole < 0 {
		if Elements(from) != Elements(to) {
			return nil, fmt.Errorf("%s has %s elements, %s has %s", ShapeString(from), Elements(from), ShapeString(to), Elements(to))
		}
		return out, nil
	}
	// Cancel equal extents, then divide what is left by a number.
	left := append([]Dim{}, from...)
	div := int64(1)
	for i, d := range to {
		if i == hole {
			continue
		}
		found := false
		for j, e := range left {
			if e == d {
				left = append(left[:j], left[j+1:]...)
				found = true
				break
			}
		}
		if found {
			continue
		}
		n, ok := d.Const()
		if !ok {
			return nil, fmt.Errorf("cannot find the -1 of shape=%s for %s", ShapeString(to), ShapeString(from))
		}
		if div, ok = mulInt(div, n); !ok {
			return nil, fmt.Errorf("shape=%s overflows", ShapeString(to))
		}
	}
	d, ok := Elements(left).Div(div)
	if !ok {
		return nil, fmt.Errorf("shape=%s does not divide %s", ShapeString(to), ShapeString(from))
	}
	out[hole] = d
	return out, nil
}

// reshapeCuts carries a cut over where its axis stays whole; other cuts become irregular.
func reshapeCuts(x Type, shape []Dim) []Cut {
	cuts := make([]Cut, len(shape))
	lost := false
	i, j := 0, 0
	for i < x.Rank() || j < len(shape) {
		if i < x.Rank() && j < len(shape) && x.Shape[i] == shape[j] && Elements(x.Shape[i:]) == Elements(shape[j:]) {
			cuts[j] = x.Cut(i)
			i, j = i+1, j+1
			continue
		}
		// Axes of extent 1 come and go; anything else is merged or split.
		switch {
		case j < len(shape) && shape[j].Is(1):
			j++
		case i < x.Rank() && x.Shape[i].Is(1):
			lost = lost || x.Cut(i).IsCut()
			i++
		default:
			// What follows the merged or split axes stays as it is.
			iEnd, jEnd := x.Rank(), len(shape)
			for iEnd > i && jEnd > j && x.Shape[iEnd-1] == shape[jEnd-1] {
				iEnd, jEnd = iEnd-1, jEnd-1
				cuts[jEnd] = x.Cut(iEnd)
			}
			for ; i < iEnd; i++ {
				lost = lost || x.Cut(i).IsCut()
			}
			i, j = x.Rank(), len(shape)
		}
	}
	if lost && len(cuts) > 0 {
		cuts[len(cuts)-1].Irregular = true
	}
	return cuts
}

func inferBroadcast(c *inference) error {
	x := c.args[0]
	a, _ := c.attrs.Get("shape")
	target := Type{Shape: a.Dims}
	t, err := broadcastTypes([]Type{x, target})
	if err != nil {
		return err
	}
	if !SameShape(t.Shape, a.Dims) {
		return fmt.Errorf("%s does not broadcast to %s", x, ShapeString(a.Dims))
	}
	cuts := make([]Cut, len(a.Dims))
	for i := range x.Shape {
		j := i + len(a.Dims) - x.Rank()
		if x.Shape[i] == a.Dims[j] {
			cuts[j] = x.Cut(i)
		} else if x.Cut(i).IsCut() {
			cuts[j].Irregular = true
		}
	}
	return c.result(x.DType, a.Dims, cuts)
}

func inferConcat(c *inference) error {
	x := c.args[0]
	axis, err := NormalAxis(c.attrs.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	shape := append([]Dim{}, x.Shape...)
	cuts := append(make([]Cut, 0), x.Cuts...)
	if len(cuts) == 0 {
		cuts = make([]Cut, len(shape))
	}
	for _, y := range c.args[1:] {
		if y.DType != x.DType || y.Rank() != x.Rank() {
			return fmt.Errorf("operands must agree in element type and number of axes, got %s and %s", x, y)
		}
		for i := range shape {
			switch {
			case i == axis:
				shape[i] = shape[i].Add(y.Shape[i])
			case y.Shape[i] != shape[i]:
				return fmt.Errorf("operands must agree but for axis %d, got %s and %s", axis, x, y)
			case cuts[i] != y.Cut(i):
				cuts[i] = Cut{Extent: shape[i], Irregular: true}
			}
		}
		if y.Cut(axis).IsCut() {
			cuts[axis].Irregular = true
		}
	}
	if len(c.args) > 1 && cuts[axis].IsCut() {
		cuts[axis] = Cut{Extent: shape[axis], Irregular: true}
	}
	return c.result(x.DType, shape, cuts)
}

func inferSplit(c *inference) error {
	x := c.args[0]
	axis, err := NormalAxis(c.attrs.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	parts := c.attrs.Int("parts", 0)
	if parts < 1 || parts > 1<<16 {
		return fmt.Errorf("parts=%d must be 1 to 65536", parts)
	}
	d, ok := x.Shape[axis].Div(parts)
	if !ok {
		return fmt.Errorf("parts=%d does not divide the extent %s of axis %d", parts, x.Shape[axis], axis)
	}
	for p := int64(0); p < parts; p++ {
		shape := append([]Dim{}, x.Shape...)
		shape[axis] = d
		cuts := append([]Cut{}, x.Cuts...)
		if len(cuts) > 0 && cuts[axis].IsCut() && parts > 1 {
			cuts[axis] = Cut{Extent: d, Irregular: true}
		}
		if err := c.result(x.DType, shape, cuts); err != nil {
			return err
		}
	}
	return nil
}

func inferSlice(c *inference) error {
	x := c.args[0]
	axis, err := NormalAxis(c.attrs.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	start, end, err := SliceBounds(c.attrs, x.Shape[axis])
	if err != nil {
		return err
	}
	shape := append([]Dim{}, x.Shape...)
	shape[axis] = end.Sub(start)
	if n, ok := shape[axis].Const(); ok && n < 1 {
		return fmt.Errorf("empty: from %s to %s of an axis of extent %s", start, end, x.Shape[axis])
	}
	cuts := append([]Cut{}, x.Cuts...)
	if len(cuts) > 0 && cuts[axis].IsCut() && shape[axis] != x.Shape[axis] {
		cuts[axis] = Cut{Extent: shape[axis], Irregular: true}
	}
	return c.result(x.DType, shape, cuts)
}

// SliceBounds resolves start= and end= against the extent: negative ones count from the end and
// both are clipped. On a symbolic extent a positive end is refused, since clipping is not a polynomial.
func SliceBounds(attrs Attrs, extent Dim) (start, end Dim, err error) {
	s := attrs.Int("start", 0)
	e, hasEnd := attrs.Get("end")
	en, _ := e.Number.IsInt()
	if n, ok := extent.Const(); ok {
		clip := func(v int64) int64 {
			if v < 0 {
				v += n
			}
			return max(0, min(n, v))
		}
		if !hasEnd {
			return D(clip(s)), D(n), nil
		}
		return D(clip(s)), D(clip(en)), nil
	}
	start, end = D(s), extent
	if s < 0 {
		start = extent.Add(D(s))
	}
	if hasEnd {
		if en >= 0 {
			return start, end, fmt.Errorf("end=%d on an axis of symbolic extent %s: use a negative end or none", en, extent)
		}
		end = extent.Add(D(en))
	}
	return start, end, nil
}

func inferGather(c *inference) error {
	x, idx := c.args[0], c.args[1]
	axis, err := NormalAxis(c.attrs.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	if !idx.DType.IsInt() {
		return fmt.Errorf("the index must be an integer tensor, got %s", idx)
	}
	shape := append(append(append([]Dim{}, x.Shape[:axis]...), idx.Shape...), x.Shape[axis+1:]...)
	var cuts []Cut
	for i := 0; i < axis; i++ {
		cuts = append(cuts, x.Cut(i))
	}
	for i := range idx.Shape {
		cuts = append(cuts, idx.Cut(i))
	}
	for i := axis + 1; i < x.Rank(); i++ {
		cuts = append(cuts, x.Cut(i))
	}
	if x.Cut(axis).IsCut() && len(cuts) > 0 {
		cuts[len(cuts)-1].Irregular = true
	}
	return c.result(x.DType, shape, cuts)
}

func inferScatterAdd(c *inference) error {
	x, idx, y := c.args[0], c.args[1], c.args[2]
	axis, err := NormalAxis(c.attrs.Int("axis", 0), x.Rank())
	if err != nil {
		return err
	}
	if !idx.DType.IsInt() {
		return fmt.Errorf("the index must be an integer tensor, got %s", idx)
	}
	want := append(append(append([]Dim{}, x.Shape[:axis]...), idx.Shape...), x.Shape[axis+1:]...)
	if y.DType != x.DType || !SameShape(y.Shape, want) || x.DType.IsBool() {
		return fmt.Errorf("y must be %s%s, got %s", x.DType, ShapeString(want), y)
	}
	cuts := append([]Cut{}, x.Cuts...)
	for i := range cuts {
		if x.Cut(i).IsCut() {
			cuts[i].Irregular = true
		}
	}
	return c.result(x.DType, x.Shape, cuts)
}

func inferTopK(c *inference) error {
	x := c.args[0]
	axis, err := NormalAxis(c.attrs.Int("axis", -1), x.Rank())
	if err != nil {
		return err
	}
	k := c.attrs.Int("k", 0)
	if n, ok := x.Shape[axis].Const(); k < 1 || ok && k > n {
		return fmt.Errorf("k=%d must be 1 to the extent %s", k, x.Shape[axis])
	}
	if x.DType.IsBool() {
		return fmt.Errorf("needs a numeric operand, got %s", x)
	}
	shape := append([]Dim{}, x.Shape...)
	shape[axis] = D(k)
	cuts := append([]Cut{}, x.Cuts...)
	if len(cuts) > 0 {
		if cuts[axis].IsCut() {
			cuts[axis].Irregular = true
		}
	}
	if err := c.result(x.DType, shape, cuts); err != nil {
		return err
	}
	return c.result(I32, append([]Dim{}, shape...), append([]Cut{}, cuts...))
}

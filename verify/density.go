package verify

import "math"

// density bounds how far the exponentials of a basis of exponents are from uniform.
type density struct {
	block  int     // the input U in which all exponents are affine, −1: none
	curved int     // dimensions that only the other variables reach
	kappa  float64 // log2 of the largest density
	eps    float64 // log2 of q times the probability that a minor vanishes
}

// density is the part of bound 3.2 that speaks of the distribution of the exponents t_1 … t_r of a
// basis. In general r variables reach them, each target has at most δ^r preimages, and so the density
// is at most δ^r. Where all exponents are affine in one input U (and in the maxima), t = L(v)·u + g(v), and the
// rational combinations that L does not see, K·t = K·g(v), span r₂ = r − rank L dimensions: given
// v the others are uniform, and K·t has a density of at most δ₂^r₂. An invertible rational map
// between bases keeps densities. Inner exponentials among the variables are uniform on half of the
// field's units, which doubles the density of each variable.
func (c *check) density(in *instance, st setting, one, two *analysis, rel *exponents) (*density, error) {
	r := len(rel.basis)
	twice := 1.0
	if one.lower != nil {
		twice = 2
	}
	delta := 1.0
	for _, i := range rel.basis {
		delta = max(delta, one.degree(one.args[i]))
	}
	best := &density{block: -1, curved: r, kappa: float64(r) * math.Log2(delta*twice), eps: math.Log2(2 * float64(max(1, r)) * delta * twice)}
	for i := range c.a.Inputs {
		if !c.a.Value(c.a.Inputs[i].Value).DType.IsFloat() {
			continue
		}
		inU := func(kind int32) bool { return kind == int32(i) || kind == leafMax }
		rows, err := one.jacobian(inU)
		if err != nil {
			return nil, err
		}
		e := &eliminator{p: one.s.Prime(one.comp), from: rows}
		for k := range rows {
			e.reduce(k)
		}
		if len(e.basis) == 0 || r-len(e.basis) >= best.curved {
			continue
		}
		u, _, err := c.runAnalysis(in, st, one.comp, i, 0, false, nil)
		if err != nil {
			return nil, err
		}
		affine := len(u.args) == len(one.args)
		for _, x := range u.args {
			affine = affine && x.du == 0 && x.nu <= 1
		}
		if !affine {
			continue
		}
		d := &density{block: i, curved: r - len(e.basis)}
		worst := 1.0
		if d.curved > 0 {
			rows2, err := two.jacobian(inU)
			if err != nil {
				return nil, err
			}
			basis, deps, err := dependencies(one.s.Prime(one.comp), two.s.Prime(two.comp), rows, rows2)
			if err != nil {
				continue // L's kernel is not rational: this input says nothing
			}
			for _, dep := range deps {
				x := one.args[dep.row]
				for k, n := range dep.num {
					if n != 0 {
						x = one.addDeg(x, one.args[basis[k]])
					}
				}
				worst = max(worst, one.degree(x))
			}
			d.kappa = float64(d.curved) * math.Log2(worst*twice)
		}
		d.eps = math.Log2((float64(len(e.basis))*delta + 2*float64(d.curved)*worst) * twice)
		best = d
		if d.curved == 0 {
			break
		}
	}
	return best, nil
}

// degree bounds the degree of an equation x = target in inputs and, through inner exponentials that are
// Laurent monomials of norm C, in a basis of those: numerator and denominator, with negative powers cleared.
func (a *analysis) degree(x dual) float64 {
	d := float64(max(x.nx, x.dx))
	if a.lower != nil {
		d += 2 * float64(max(x.nz, x.dz)) * (a.lower.c + a.lower.constant)
	}
	return max(1, d)
}

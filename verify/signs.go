package verify

import "github.com/morgana-ml/morgana/verify/field"

// signAlgebra is an algebra that knows signs and orders of values beside their residues.
type signAlgebra[V any] interface {
	know(x V, f func(*field.Value)) V
}

// know changes what is known of a value beside its residues; algebras that know nothing keep it.
func know[V any](r any, x V, f func(*field.Value)) V {
	if a, ok := r.(signAlgebra[V]); ok {
		return a.know(x, f)
	}
	return x
}

func (a fieldAlgebra) know(x field.Value, f func(*field.Value)) field.Value {
	f(&x)
	return x
}

func (a *analysis) know(x dual, f func(*field.Value)) dual {
	f(&x.v)
	return x
}

// positive marks a weight: it stands for a number of repetitions.
func positive[V any](r any, x V) V {
	return know(r, x, func(v *field.Value) { v.Sign, v.Domain = field.Positive, 0 })
}

// notNegative marks a value as the square of what it is made of.
func notNegative[V any](r any, x V) V {
	return know(r, x, func(v *field.Value) {
		if v.Kind == field.Ord {
			v.Sign = max(v.Sign, field.NonNegative)
		}
	})
}

// forget drops what is known (ordered.go).
func forget[V any](r any, x V) V {
	return know(r, x, func(v *field.Value) { v.Sign, v.Number = field.Unsigned, false })
}

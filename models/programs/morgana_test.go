package programs

import (
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/interp"
)

// array is a dense row-major tensor in the references.
type array struct {
	shape []int
	v     []float64
}

// named are a program's tensors by their names.
type named map[string]array

// at is an element; an axis of extent 1 has it at every index.
func (a array) at(index ...int) float64 {
	at := 0
	for i, n := range a.shape {
		at *= n
		if n > 1 {
			at += index[i]
		}
	}
	return a.v[at]
}

// row is the last axis at the indices of the others.
func (a array) row(index ...int) []float64 {
	n := a.shape[len(a.shape)-1]
	at := 0
	for i, x := range index {
		at *= a.shape[i]
		if a.shape[i] > 1 {
			at += x
		}
	}
	return a.v[at*n : (at+1)*n]
}

// reshaped is the same elements under another shape of as many.
func (a array) reshaped(shape ...int) array { return array{shape, a.v} }

// filled is the array whose element at an index is f of it.
func filled(f func(i []int) float64, shape ...int) array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	a := array{shape: shape, v: make([]float64, n)}
	index := make([]int, len(shape))
	for at := range a.v {
		a.v[at] = f(index)
		for d := len(shape) - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return a
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// linear is x W for rows x (…, E) and W (E, F).
func linear(x, w array) array {
	last := len(x.shape) - 1
	return filled(func(i []int) float64 {
		s, row := 0.0, x.row(i[:last]...)
		for e := range row {
			s += row[e] * w.at(e, i[last])
		}
		return s
	}, append(slices.Clone(x.shape[:last]), w.shape[1])...)
}

// combined is f of the elements of arrays of the first one's shape.
func combined(f func(x ...float64) float64, a ...array) array {
	return filled(func(i []int) float64 {
		x := make([]float64, len(a))
		for j := range a {
			x[j] = a[j].at(i...)
		}
		return f(x...)
	}, a[0].shape...)
}

func sum(x ...float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

// reference is how a formula is tried: at small sizes, against a computation that shares nothing with
// the formula but its meaning.
type reference struct {
	formula, sizes string
	prepare        func(r *rand.Rand, in named) // sets what random numbers do not serve for: integers, masks
	want           func(in named) named
	tolerance      float64 // absolute and relative; 0: 1e-10
}

func TestMorganaFormulas(t *testing.T) {
	cases := slices.Concat(attentionReferences, treeReferences, hashingReferences, layerReferences, headReferences, trainingReferences)
	embedded, err := fs.Glob(files, "morgana/*.ug")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range embedded {
		formula := strings.TrimSuffix(path.Base(file), ".ug")
		if !slices.ContainsFunc(cases, func(c reference) bool { return c.formula == formula }) {
			t.Errorf("%s has no reference", file)
		}
	}
	for _, c := range cases {
		t.Run(c.formula+" "+c.sizes, func(t *testing.T) {
			g := formulaAt(t, c.formula, c.sizes)
			in := drawn(g)
			if c.prepare != nil {
				c.prepare(rand.New(rand.NewPCG(3, 4)), in)
			}
			got, want := evaluated(t, g, in), c.want(in)
			if len(want) != len(got) {
				t.Fatalf("the reference has %d results, the program %d", len(want), len(got))
			}
			for name, w := range want {
				requireNear(t, name, got[name], w, c.tolerance)
			}
		})
	}
}

// formulaAt is the program of a formula with all its sizes given.
func formulaAt(t *testing.T, formula, sizes string) *ugraph.Graph {
	t.Helper()
	source, err := files.ReadFile("morgana/" + formula + ".ug")
	if err != nil {
		t.Fatal(err)
	}
	bound, err := row{sizes: sizes}.bind(string(source), formula)
	if err != nil {
		t.Fatal(err)
	}
	g, err := parsed(bound)
	if err != nil {
		t.Fatal(err)
	}
	if len(g.Symbols) > 0 {
		t.Fatalf("%s at %s leaves symbols", formula, sizes)
	}
	return g
}

// drawn are inputs of the program: normal numbers, and zeros where it takes integers or bool.
func drawn(g *ugraph.Graph) named {
	r := rand.New(rand.NewPCG(1, 2))
	in := named{}
	for _, i := range g.Inputs {
		v := g.Values[i.Value]
		var shape []int
		for _, d := range v.Shape {
			n, _ := d.Const() // no symbols are left
			shape = append(shape, int(n))
		}
		in[v.Name] = filled(func([]int) float64 {
			if !v.DType.IsFloat() {
				return 0
			}
			return r.NormFloat64()
		}, shape...)
	}
	return in
}

// evaluated runs the program in float64.
func evaluated(t *testing.T, g *ugraph.Graph, in named) named {
	t.Helper()
	var inputs []*interp.Tensor[float64]
	for _, i := range g.Inputs {
		v := g.Values[i.Value]
		a := in[v.Name]
		shape := make([]int64, len(a.shape))
		for d := range shape {
			shape[d] = int64(a.shape[d])
		}
		x, err := interp.FromFloats(v.DType, shape, a.v)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		inputs = append(inputs, x)
	}
	results, err := interp.Run(interp.Float64{}, g, inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := named{}
	for i, o := range g.Outputs {
		var shape []int
		for _, n := range results[i].Shape {
			shape = append(shape, int(n))
		}
		out[o.Name] = array{shape, interp.Floats(results[i])}
	}
	return out
}

func requireNear(t *testing.T, name string, got, want array, tolerance float64) {
	t.Helper()
	if tolerance == 0 {
		tolerance = 1e-10
	}
	if fmt.Sprint(got.shape) != fmt.Sprint(want.shape) {
		t.Fatalf("%s has shape %v, want %v", name, got.shape, want.shape)
	}
	for i := range want.v {
		if !(math.Abs(got.v[i]-want.v[i]) <= tolerance*(1+math.Abs(want.v[i]))) {
			t.Fatalf("%s, element %d: %v, want %v", name, i, got.v[i], want.v[i])
		}
	}
}

// Every formula has a program of odd sizes beside others: no power of two from 4 on, and a prime of
// two digits or more.
func TestMorganaSizes(t *testing.T) {
	digits := regexp.MustCompile(`\d+`)
	others, odd := map[string]int{}, map[string]int{}
	for _, r := range morgana {
		if !strings.HasSuffix(r.name, "/odd") {
			others[r.formula]++
			continue
		}
		odd[r.formula]++
		prime := false
		for _, d := range digits.FindAllString(r.sizes, -1) {
			n, err := strconv.ParseInt(d, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if n >= 4 && n&(n-1) == 0 {
				t.Errorf("%s: %d is a power of two", r.name, n)
			}
			prime = prime || n > 10 && big.NewInt(n).ProbablyPrime(0)
		}
		if !prime {
			t.Errorf("%s: no prime among %s", r.name, r.sizes)
		}
	}
	for _, r := range morgana {
		if others[r.formula] == 0 || odd[r.formula] == 0 {
			t.Errorf("%s has %d programs of odd sizes and %d others, want both", r.formula, odd[r.formula], others[r.formula])
		}
	}
}

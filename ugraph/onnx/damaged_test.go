package onnx

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/morgana-ml/morgana/ugraph/text"
)

// allCases are the cases of every operator.
func allCases() []opCase {
	return slices.Concat(elementwiseCases, reductionCases, normCases, moveCases, indexCases, productCases)
}

// A node whose attributes, types, shapes and fixed values are wrong in some way ends in a program or an error.
func TestWrongNodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...any) any { return list[rng.IntN(len(list))] }
	number := func() int64 {
		return pick(int64(0), int64(1), int64(-1), int64(2), int64(3), int64(-2), int64(7), int64(64), int64(1<<31), int64(-1<<31), int64(math.MaxInt64), int64(math.MinInt64)).(int64)
	}
	programs, errs := 0, 0
	for _, c := range allCases() {
		for range 20 {
			g := graph{nodes: []op{{typ: c.typ, attrs: attrs{}, name: "node", in: []string{}}}}
			n := &g.nodes[0]
			for _, k := range sortedKeys(c.attrs) {
				v := c.attrs[k]
				switch rng.IntN(4) {
				case 0:
					v = int(number())
				case 1:
					v = []int64{number(), number()}
				case 2:
					if rng.IntN(2) == 0 {
						continue
					}
				}
				n.attrs[k] = v
			}
			if rng.IntN(4) == 0 {
				n.attrs[pick("axis", "axes", "perm", "keepdims", "epsilon", "k", "to", "blocksize", "value", "num_heads").(string)] = int(number())
			}
			for i, a := range c.args {
				name := string(rune('a' + i))
				dims := []any{}
				for _, d := range a.dims {
					dims = append(dims, d)
				}
				switch rng.IntN(6) {
				case 0:
					dims = append(dims, pick(1, 2, 3, "N", nil))
				case 1:
					dims = nil
				case 2:
					for j := range dims {
						dims[j] = pick(1, 2, 3, 1<<40, "N", "M", "2*N", nil)
					}
				}
				switch elem := a.elem; {
				case elem < 0:
					name = ""
				case a.fixed && rng.IntN(3) > 0:
					vals := slices.Clone(a.vals)
					for j := range vals {
						if rng.IntN(2) == 0 {
							vals[j] = float64(number())
						}
					}
					g.inits = append(g.inits, arg{elem: elem, dims: a.dims, vals: vals}.tensor(name))
				default:
					if rng.IntN(5) == 0 {
						elem = pick(int64(tFloat), int64(tI64), int64(tBool), int64(tU8), int64(tF16), int64(tF64), int64(8), int64(99)).(int64)
					}
					g.inputs = append(g.inputs, value(name, elem, dims...))
				}
				n.in = append(n.in, name)
			}
			for range rng.IntN(3) {
				n.in = append(n.in, "")
			}
			for i := range 1 + rng.IntN(3) {
				n.out = append(n.out, string(rune('x'+i)))
				g.outputs = append(g.outputs, value(n.out[i], 0))
			}
			for _, partial := range []bool{false, true} {
				r, err := Import(g.model(c.opset), Options{Name: "m", Partial: partial})
				if err != nil {
					errs++
					continue
				}
				programs++
				for _, p := range r.Programs {
					if _, err := text.Parse("printed", []byte(text.Print(p))); err != nil {
						t.Fatalf("%v\n%s", err, text.Print(p))
					}
				}
			}
		}
	}
	if programs < 500 || errs < 500 {
		t.Errorf("%d programs and %d errors: the damage is not what it should be", programs, errs)
	}
}

// layer is a small model with everything that a file has.
func layer() graph {
	return graph{
		nodes: []op{
			{typ: "MatMul", in: []string{"x", "w"}, out: []string{"h"}, name: "product"},
			{typ: "ReduceMean", in: []string{"h"}, out: []string{"m"}, attrs: attrs{"axes": []int64{-1}, "keepdims": 1}},
			{typ: "Sub", in: []string{"h", "m"}, out: []string{"y"}},
		},
		inputs:  [][]byte{value("x", tFloat, "N", 2)},
		outputs: [][]byte{value("y", tFloat, "N", 3)},
		inits:   [][]byte{floats("w", []int64{2, 3}, 1, 2, 3, 4, 5, 6)},
	}
}

// Every prefix of a model and every changed byte ends in a program or an error.
func TestDamagedBytes(t *testing.T) {
	whole := layer().model(17)
	for i := range whole {
		if r, err := Import(whole[:i], Options{Name: "m"}); err == nil && len(r.Programs) == 0 {
			t.Errorf("the first %d bytes: neither a program nor an error", i)
		}
		for _, x := range []byte{0x01, 0x80, 0xff} {
			changed := slices.Clone(whole)
			changed[i] ^= x
			if r, err := Import(changed, Options{Name: "m"}); err == nil && len(r.Programs) == 0 {
				t.Errorf("byte %d: neither a program nor an error", i)
			}
		}
	}
}

// external is a tensor whose data lie elsewhere.
func external(name string, dims []int64, entries ...string) []byte {
	var b []byte
	for _, d := range dims {
		b = num(b, 1, d)
	}
	b = str(num(b, 2, tFloat), 8, name)
	for i := 0; i < len(entries); i += 2 {
		b = msg(b, 13, str(str(nil, 1, entries[i]), 2, entries[i+1]))
	}
	return num(b, 14, 1)
}

// What contradicts itself is an error that says where.
func TestErrors(t *testing.T) {
	cases := []struct {
		name   string
		change func(g *graph)
		want   string
	}{
		{"cycle", func(g *graph) { g.nodes[0].in[0] = "y" }, `node "product" needs its own result: the graph has a cycle`},
		{"missing input", func(g *graph) { g.nodes[0].in[1] = "v" }, `node "product": input "v" is neither`},
		{"two definitions", func(g *graph) { g.nodes[2].out[0] = "m" }, `"m" is defined twice`},
		{"two inputs", func(g *graph) { g.inputs = append(g.inputs, g.inputs[0]) }, `input "x" is defined twice`},
		{"two initializers", func(g *graph) { g.inits = append(g.inits, g.inits[0]) }, `initializer "w" is defined twice`},
		{"two outputs", func(g *graph) { g.outputs = append(g.outputs, g.outputs[0]) }, `output "y" is named twice`},
		{"no such output", func(g *graph) { g.outputs[0] = value("z", tFloat) }, `output "z" is neither`},
		{"short data", func(g *graph) { g.inits[0] = floats("w", []int64{2, 3}, 1) }, `initializer "w": f32 of shape [2 3] needs 24 bytes, the file has 4`},
		{"huge dims", func(g *graph) { g.inits[0] = floats("w", []int64{1 << 40, 1 << 40}) }, `beyond 2^59 elements`},
		{"negative dim", func(g *graph) { g.inits[0] = floats("w", []int64{-1, 3}) }, `a negative dimension -1`},
		{"wrong shapes", func(g *graph) { g.inits[0] = floats("w", []int64{3, 2}, 1, 2, 3, 4, 5, 6) }, `node "product": MatMul of ai.onnx 17: matmul: contracts 2 with 3`},
		{"unknown attribute", func(g *graph) { g.nodes[1].attrs["axis"] = 1 }, `attribute axis is not known`},
		{"attribute kind", func(g *graph) { g.nodes[1].attrs["keepdims"] = "yes" }, `attribute keepdims has type 3`},
		{"empty axis", func(g *graph) { g.inputs[0] = value("x", tFloat, 0, 2) }, `input "x": axis 0 has extent 0`},
		{"strings", func(g *graph) { g.inputs[0] = value("x", 8, 2) }, `input "x": element type string has no form in .ug`},
		{"external, refused", func(g *graph) { g.inits[0] = external("w", []int64{2, 3}, "location", "w.bin") }, `none may be read here`},
	}
	for _, c := range cases {
		g := layer()
		c.change(&g)
		_, err := Import(g.model(17), Options{Name: "m"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	for _, opset := range []int64{0, 12, 24, math.MaxInt64} {
		if _, err := Import(layer().model(opset), Options{}); err == nil || !strings.Contains(err.Error(), "13 to 23 can be imported") {
			t.Errorf("operator set %d: %v", opset, err)
		}
	}
	if _, err := Import(nil, Options{}); err == nil || !strings.Contains(err.Error(), "no graph") {
		t.Errorf("no bytes: %v", err)
	}
	deep := layer().encode()
	for range 100 {
		deep = msg(nil, 1, msg(nil, 5, msg(nil, 6, deep)))
	}
	if _, err := Import(msg(nil, 7, deep), Options{}); err == nil || !strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("nested graphs: %v", err)
	}
}

// What the import of large files takes grows in proportion to them: by the bytes that are allocated, which no
// clock and no load has a part in.
func TestLargeGraphs(t *testing.T) {
	large := func(n int) []byte {
		g := layer()
		last := "y"
		for i := range n {
			next := fmt.Sprintf("/n/%d", i)
			g.nodes = append(g.nodes, op{typ: "Add", in: []string{last, "y"}, out: []string{next}})
			last = next
			g.inputs = append(g.inputs, value(fmt.Sprintf("i%d", i), tFloat, fmt.Sprintf("S%d", i%50)))
			g.inits = append(g.inits, floats(fmt.Sprintf("v%d", i), []int64{2}, 1, 2))
		}
		g.outputs = append(g.outputs, value(last, tFloat))
		return g.model(17)
	}
	allocated := func(n int) uint64 {
		model := large(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := Import(model, Options{Name: "m"})
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if have := len(r.Programs[0].Nodes); have != n+3 {
			t.Errorf("%d nodes, want %d", have, n+3)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	once, twice := allocated(2000), allocated(4000)
	if ratio := float64(twice) / float64(once); ratio > 2.5 {
		t.Errorf("twice the size takes %.2f times the memory: %d and %d bytes", ratio, once, twice)
	} else {
		t.Logf("%.2f times: %d and %d bytes", ratio, once, twice)
	}
}

// External data are read below the model's folder, within the file, and nowhere else.
func TestExternalData(t *testing.T) {
	raw := rawBytes(1, 2, 3, 4, 5, 6)
	folder := fstest.MapFS{"data/w.bin": {Data: append(make([]byte, 8), raw...)}, "dir": {Mode: fs.ModeDir}}
	cases := []struct{ location, offset, length, want string }{
		{"data/w.bin", "8", "24", ""},
		{"data/w.bin", "8", "", ""},
		{"data/w.bin", "9", "24", "do not lie in it"},
		{"data/w.bin", "-1", "24", "not a number of bytes"},
		{"data/w.bin", "8", "20", "20 bytes, but its shape and type need 24"},
		{"data/w.bin", "9223372036854775807", "24", "do not lie in it"},
		{"../w.bin", "0", "24", "no path below the model's folder"},
		{"/etc/passwd", "0", "24", "no path below the model's folder"},
		{"", "0", "24", "no path below the model's folder"},
		{"nothing.bin", "0", "24", "nothing.bin"},
		{"data", "0", "24", "do not lie in it"},
	}
	for _, c := range cases {
		g := layer()
		entries := []string{"location", c.location, "offset", c.offset}
		if c.length != "" {
			entries = append(entries, "length", c.length)
		}
		g.inits[0] = external("w", []int64{2, 3}, entries...)
		r, err := Import(g.model(17), Options{Name: "m", Folder: folder})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		if b, err := r.Weights[0].Bytes(); err != nil || !slices.Equal(b, raw) {
			t.Errorf("%+v: %v, %v", c, b, err)
		}
	}
}

// The list names every operator without a form, and only those.
func TestUnsupportedList(t *testing.T) {
	g := layer()
	g.nodes = append(g.nodes[:2],
		op{typ: "NonZero", in: []string{"m"}, out: []string{"n"}, name: "nz"},
		op{typ: "Cast", in: []string{"n"}, out: []string{"c"}, attrs: attrs{"to": 1}},
		op{typ: "FancyNorm", in: []string{"h"}, out: []string{"f"}, domain: "com.example"},
		op{typ: "Sub", in: []string{"f", "c"}, out: []string{"y"}})
	_, err := Import(g.model(17), Options{Name: "m"})
	var list *UnsupportedError
	if !errors.As(err, &list) || len(list.List) != 2 {
		t.Fatal(err)
	}
	if u := list.List[0]; u.Node != `"nz"` || u.OpType != "NonZero" || u.Opset != 17 {
		t.Errorf("%+v", u)
	}
	if u := list.List[1]; u.Node != `that makes "f"` || u.Domain != "com.example" {
		t.Errorf("%+v", u)
	}
}

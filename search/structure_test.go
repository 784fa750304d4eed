package search

import (
	"testing"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/ugraph"
)

// structures is what must come out for each embedded program, at least.
var structures = map[string]struct {
	kernels int    // at most
	keys    string // attention: the input whose second-to-last or last axis counts the keys
	axis    int
	once    []string // inputs that one load of one kernel reads
	after   bool     // divides after the sum over the inner axis
	shifted bool     // a maximum is accumulated, or taken of whole rows in a tile, and every exp subtracts it
}{
	"rmsnorm_linear":   {kernels: 1, once: []string{"X", "W"}, after: true},
	"ntrans":           {kernels: 1},
	"gated_mlp":        {kernels: 1, once: []string{"X"}},
	"lora":             {kernels: 1},
	"layer_norm":       {kernels: 1},
	"softmax_wide":     {kernels: 1, shifted: true},
	"gqa":              {kernels: 2, keys: "K", axis: 2, shifted: true},
	"mha":              {kernels: 2, keys: "K", axis: 2, shifted: true},
	"mqa":              {kernels: 2, keys: "K", axis: 2, shifted: true},
	"qknorm_gqa":       {kernels: 2, keys: "K", axis: 2, shifted: true},
	"qvnorm_gqa":       {kernels: 2, keys: "K", axis: 2, shifted: true},
	"attention_decode": {kernels: 2, keys: "K", axis: 1, shifted: true},
	"moe":              {kernels: 2},
	"mlp_decode":       {kernels: 2},
	"tiny":             {kernels: 1},
}

// TestStructure checks the kernels that the search finds with nothing programmed per program.
func TestStructure(t *testing.T) {
	for _, info := range programs.List() {
		want, ok := structures[info.Name]
		if !ok {
			t.Errorf("%s: no structure is stated", info.Name)
			continue
		}
		t.Run(info.Name, func(t *testing.T) {
			if testing.Short() && !short[info.Name] {
				t.Skip("-short")
			}
			r := best(t, info.Name)
			if r.Best == r.Baseline { // such as layer_norm, where one operator is the whole program
				if n := len(r.Baseline.Cost.Kernels); n > want.kernels || r.Reason == "" {
					t.Errorf("the program itself with %d kernels, want at most %d; reason: %q", n, want.kernels, r.Reason)
				}
				return
			}
			if r.Best.Equal == nil || !r.Best.Equal.Equal || r.Best.Stable == nil || !r.Best.Stable.OK {
				t.Error("not verified")
			}
			g := r.Best.Graph
			kernels, exps, shifted := 0, 0, 0
			loads := map[string]int{}
			for i := range g.Nodes {
				n := &g.Nodes[i]
				if n.Op == ugraph.OpConst || n.Op == ugraph.OpReshape { // neither moves data
					continue
				}
				kernels++
				if n.Op != ugraph.OpKernel {
					t.Errorf("%s is left as a kernel of its own", n.Op)
					continue
				}
				countLoads(g, n, loads)
				all, some := shiftedExps(n.Body)
				exps, shifted = exps+all, shifted+some
				if want.after && dividesBeforeProduct(n.Body) {
					t.Error("a product's operand is divided")
				}
			}
			if kernels > want.kernels {
				t.Errorf("%d kernels; want at most %d", kernels, want.kernels)
			}
			for _, in := range want.once {
				if loads[in] != 1 {
					t.Errorf("%s is loaded %d times; want 1", in, loads[in])
				}
			}
			if want.shifted && (exps == 0 || shifted < exps) {
				t.Errorf("of %d exponentials only %d are of values from which a maximum is subtracted", exps, shifted)
			}
			if want.keys != "" {
				keys := g.Value(g.Inputs[g.InputByName(want.keys)].Value).Shape[want.axis]
				for _, v := range g.Values {
					if v.Node < 0 || g.Nodes[v.Node].Op != ugraph.OpKernel {
						continue
					}
					for _, d := range v.Shape {
						if d == keys {
							t.Errorf("%s %s in memory has an axis of keys", v.Name, v.Type)
						}
					}
				}
			}
		})
	}
}

// countLoads adds the loads of a kernel by the name of what they read.
func countLoads(g *ugraph.Graph, kernel *ugraph.Node, loads map[string]int) {
	for i := range kernel.Body.Nodes {
		if n := &kernel.Body.Nodes[i]; n.Op == ugraph.OpLoad {
			arg := kernel.Body.Value(n.Args[0]).Index
			loads[g.Value(kernel.Args[arg]).Name]++
		}
	}
}

// shiftedExps counts the exponentials of a body, and those of them from whose argument a maximum is subtracted.
func shiftedExps(body *ugraph.Graph) (all, shifted int) {
	top, below := make([]bool, len(body.Values)), make([]bool, len(body.Values))
	for i := range body.Nodes {
		n := &body.Nodes[i]
		t, b := n.Op == ugraph.OpMax || n.Op == ugraph.OpAccum && n.Attrs.Word("kind", "sum") == "max", n.Op == ugraph.OpSub && top[n.Args[1]]
		for _, a := range n.Args {
			t, b = t || top[a], b || below[a]
		}
		if n.Op == ugraph.OpExp {
			if all++; below[n.Args[0]] {
				shifted++
			}
			t, b = false, false
		}
		for _, r := range n.Results {
			top[r], below[r] = t, b
		}
	}
	return all, shifted
}

// dividesBeforeProduct tells whether a division leads to a product's operand.
func dividesBeforeProduct(body *ugraph.Graph) bool {
	divided := make([]bool, len(body.Values))
	for i := range body.Nodes {
		n := &body.Nodes[i]
		d := n.Op == ugraph.OpDiv || n.Op == ugraph.OpReciprocal // kernels divide by either
		for _, a := range n.Args {
			if divided[a] {
				d = true
				if n.Op == ugraph.OpMatMul {
					return true
				}
			}
		}
		for _, r := range n.Results {
			divided[r] = d
		}
	}
	return false
}

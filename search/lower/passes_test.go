package lower

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/morgana-ml/morgana/models/programs/programtest"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// passByName is the row of Passes of that name.
func passByName(t *testing.T, name string) Pass {
	t.Helper()
	for _, p := range Passes {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no pass %s", name)
	return Pass{}
}

// rewritten is a legal graph after one pass on each of its kernels; the result is legal too.
func rewritten(t *testing.T, p Pass, g *ugraph.Graph) *ugraph.Graph {
	t.Helper()
	if err := ugraph.Validate(g); err != nil {
		t.Fatalf("before %s: %v", p.Name, err)
	}
	out := g.Clone()
	for i := range out.Nodes {
		if out.Nodes[i].Op != ugraph.OpKernel {
			continue
		}
		body, err := p.Rewrite(out.Nodes[i].Body)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		out.Nodes[i].Body = body
	}
	if err := ugraph.Validate(out); err != nil {
		t.Fatalf("after %s: %v\n%s", p.Name, err, text.Print(out))
	}
	return out
}

// TestPasses shows each pass alone: testdata/PASS has μGraphs and what becomes of them, among them one
// that the pass must leave alone. A rewriting pass prints the graph that results; one that annotates prints
// the plan, memory after prefetch.
func TestPasses(t *testing.T) {
	for _, p := range Passes {
		t.Run(p.Name, func(t *testing.T) {
			fired, left := 0, 0
			datadriven.RunTest(t, filepath.Join("testdata", p.Name), func(t *testing.T, d *datadriven.TestData) string {
				g := programtest.Parse(t, d.Input)
				if p.Rewrite != nil {
					out := rewritten(t, passByName(t, d.Cmd), g)
					if ugraph.Diff(g, out) == "" {
						left++
						return "unchanged\n"
					}
					fired++
					same(t, g, out)
					return text.Print(out)
				}
				k := KernelPlan{}
				body := g.Nodes[0].Body
				if p.Name == "memory" {
					prefetch(body, &k)
				}
				p.Annotate(body, &k)
				checkPlan(t, body, k)
				if len(k.Prefetch) == 0 && len(k.Tiles) == 0 {
					left++
					return "nothing\n"
				}
				fired++
				return planText(body, k)
			})
			if fired == 0 || left == 0 && p.Name != "memory" { // every block has a tile to place
				t.Errorf("%d cases in which the pass does something, %d in which it must not", fired, left)
			}
		})
	}
}

// planText is a plan with the names that the block graph's text gives to its values.
func planText(g *ugraph.Graph, k KernelPlan) string {
	var b strings.Builder
	name := func(v ugraph.ValueID) string {
		if n := g.Values[v].Name; n != "" {
			return n
		}
		return g.Nodes[g.Values[v].Node].Op.String()
	}
	for _, n := range k.Prefetch {
		fmt.Fprintf(&b, "ahead %s\n", name(g.Nodes[n].Results[0]))
	}
	for _, x := range k.Tiles {
		if x.Bytes == 0 {
			fmt.Fprintf(&b, "%-6s of a symbol's size\n", name(x.Value))
			continue
		}
		fmt.Fprintf(&b, "%-6s at %5d, %5d bytes, %d buffers, live %d-%d\n", name(x.Value), x.Offset, x.Bytes, x.Buffers, x.First, x.Last)
	}
	if len(k.Tiles) > 0 {
		fmt.Fprintf(&b, "%d bytes, at most %d live\n", k.Bytes, k.Peak)
	}
	return b.String()
}

// inOrder runs passes on the first kernel of a graph.
func inOrder(t *testing.T, g *ugraph.Graph, passes []Pass) (*ugraph.Graph, KernelPlan) {
	t.Helper()
	var k KernelPlan
	for _, p := range passes {
		if p.Rewrite != nil {
			g = rewritten(t, p, g)
		} else {
			p.Annotate(g.Nodes[0].Body, &k)
		}
	}
	return g.Nodes[0].Body, k
}

// TestPassOrder: for every two neighbours of Passes there is a kernel that shows what the reason says:
// something holds of the result in the table's order, and not with the two exchanged.
func TestPassOrder(t *testing.T) {
	count := func(g *ugraph.Graph, op ugraph.Op) (n int) {
		for i := range g.Nodes {
			if g.Nodes[i].Op == op {
				n++
			}
		}
		return n
	}
	cases := map[string]struct {
		src   string
		holds func(g *ugraph.Graph, k KernelPlan) bool
	}{
		// A product inside a thread graph is out of reach of its operand's transposition.
		"layout thread": {`ugraph g(X: f32[6, 8], Y: f32[10, 8]) -> (Z) {
    Z = kernel k(X, Y) {
        y = load(Y)
        store Z = relu(load(X) @ transpose(y, perm=[1, 0]))
    }
}`, func(g *ugraph.Graph, _ KernelPlan) bool { return count(g, ugraph.OpTranspose) == 0 }},
		// The inner values of a group count as tiles, which makes another order look best.
		"thread order": {`ugraph g(X: f32[4, 64], Y: f32[80, 4]) -> (S, T) {
    S, T = kernel k(X, Y) {
        x = load(X)
        store S = sum(square(exp(x)) * sqrt(abs(x)), axis=1)
        store T = sum(exp(load(Y)), axis=1)
    }
}`, func(g *ugraph.Graph, _ KernelPlan) bool {
			again, err := reorder(g)
			return err == nil && ugraph.Diff(g, again) == ""
		}},
		// What the plan calls a load has moved.
		"order prefetch": {`ugraph g(Q: f32[4, 8], K: f32[64, 8]) -> (Y) {
    Y = kernel k(Q, K) loop(s: 64 by 16) {
        x = load(K, loop=0)
        q = load(Q)
        store Y = accum(sum(matmul(q, x, transpose_b=true), axis=1))
    }
}`, func(g *ugraph.Graph, k KernelPlan) bool {
			return len(k.Prefetch) == 1 && g.Nodes[k.Prefetch[0]].Attrs.Int("loop", -1) == 0
		}},
		// A tile that is loaded ahead would overwrite the one in use.
		"prefetch memory": {`ugraph g(X: f32[6, 64]) -> (Y) {
    Y = kernel k(X) loop(k: 64 by 16) {
        store Y = accum(sum(load(X, loop=1), axis=1))
    }
}`, func(_ *ugraph.Graph, k KernelPlan) bool { return k.Tiles[0].Buffers == 2 }},
	}
	for i := 1; i < len(Passes); i++ {
		pair := Passes[i-1].Name + " " + Passes[i].Name
		c, ok := cases[pair]
		if !ok {
			t.Errorf("no case shows why %s stand in this order", pair)
			continue
		}
		g := programtest.Parse(t, c.src)
		if body, k := inOrder(t, g, Passes); !c.holds(body, k) {
			t.Errorf("%s: the table's order has not the property that it is for", pair)
		}
		exchanged := slices.Clone(Passes)
		exchanged[i-1], exchanged[i] = exchanged[i], exchanged[i-1]
		if body, k := inOrder(t, g, exchanged); c.holds(body, k) {
			t.Errorf("%s: exchanged, they do as well", pair)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/search"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/mirage"
	"github.com/morgana-ml/morgana/verify"
)

// peer is a graph found by another system, and where it comes from.
type peer struct {
	name  string
	graph *ugraph.Graph
}

// against prints a Markdown table with a row for each saved μGraph that is equal to one of the programs: the
// program's winner here and the saved graph, both lowered and run by the same executor, interleaved. The last two
// columns compare predicted costs on the GPU targets, where nothing is run yet.
func (c *tableCmd) against(a *app, ss []subject, m search.Measurer, row target.Row) error {
	var peers []peer
	for _, file := range c.Against {
		ps, err := peersOf(file)
		if err != nil {
			return err
		}
		peers = append(peers, ps...)
	}
	gpus, err := gpuRows()
	if err != nil {
		return err
	}
	peak, memory := rooflineOf(&row)
	head := "| saved graph | program | kernels | µs | winner: kernels | µs | GFLOP/s, of peak | GB/s, of memory | × over saved |"
	for _, g := range gpus {
		head += fmt.Sprintf(" × predicted on %s |", g.Name)
	}
	head += "\n|---|---|---|---|---|---|---|---|---|---|---|\n"
	var ratios []float64
	slower := 0
	for _, s := range ss {
		var same []peer
		peers, same, err = equalTo(a.ctx, peers, s.graph, c.Seed)
		if err != nil {
			return err
		}
		if len(same) == 0 {
			continue
		}
		a.say("%s: %d of the saved graphs", s.name, len(same))
		r, err := search.Optimize(a.ctx, s.graph, row, m, lowerCPU, search.Options{Budget: 4 * c.Budget, Seed: c.Seed, Measure: true})
		if err != nil {
			return err
		}
		onGPU := make([]*search.Result, len(gpus))
		for i := range gpus {
			if onGPU[i], err = search.Optimize(a.ctx, s.graph, gpus[i], nil, nil, search.Options{Budget: c.Budget, Seed: c.Seed}); err != nil {
				return err
			}
		}
		gs := []*ugraph.Graph{r.Best.Lowered}
		for _, p := range same {
			g, err := lowerCPU(named(p.graph, s.graph))
			if err != nil {
				return fmt.Errorf("%s: lowering: %w", p.name, err)
			}
			gs = append(gs, g)
		}
		us, err := m.Measure(a.ctx, gs, r.Env)
		if err != nil {
			return err
		}
		if a.ctx.Err() != nil {
			return context.Canceled
		}
		flops, bytes := r.Best.Cost.Flops/us[0]/1e3, r.Best.Cost.Bytes/us[0]/1e3
		for i, p := range same {
			theirs, err := cost.Graph(gs[i+1], r.Env, &row)
			if err != nil {
				return err
			}
			ratio := us[i+1] / us[0]
			ratios = append(ratios, ratio)
			if ratio < 1 {
				slower++
			}
			fmt.Fprintf(a.stdout, "%s| %s | %s | %d | %.0f | %d | %.0f | %.1f, %.0f %% | %.1f, %.0f %% | %.2f |", head, p.name, s.name, len(theirs.Kernels), us[i+1],
				len(r.Best.Cost.Kernels), us[0], flops, 100*flops/peak, bytes, 100*bytes/memory, ratio)
			for k := range gpus {
				theirs, err := cost.Graph(p.graph, r.Env, &gpus[k])
				if err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, " %.2f |", theirs.US/onGPU[k].Best.PredictedUS)
			}
			fmt.Fprintln(a.stdout)
			head = ""
		}
	}
	for _, p := range peers {
		a.say("%s: equal to none of the programs", p.name)
	}
	if len(ratios) == 0 {
		return no("none of the %d saved graphs is equal to one of the %d programs", len(peers), len(ss))
	}
	fmt.Fprintf(a.stdout, "\n%d saved graphs, geometric mean %.2f, slower than the saved graph: %d\n", len(ratios), geometricMean(ratios), slower)
	return nil
}

// peersOf reads a file of saved graphs.
func peersOf(file string) ([]peer, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	gs, err := mirage.Import(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	base := filepath.Base(file)
	base = base[:len(base)-len(filepath.Ext(base))]
	var out []peer
	for i, g := range gs {
		out = append(out, peer{fmt.Sprintf("%s_%d", base, i), g})
	}
	return out, nil
}

// equalTo divides peers into those that are not shown to be equal to a program and those that are. Those with another
// interface are told apart by their types.
func equalTo(ctx context.Context, peers []peer, program *ugraph.Graph, seed uint64) (rest, same []peer, err error) {
	for _, p := range peers {
		equal := false
		if sameTypes(p.graph, program) {
			r, err := verify.Equal(ctx, program, p.graph, verify.Options{Seed: seed, Candidates: len(peers)})
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", p.name, err)
			}
			equal = r.Equal
		}
		if equal {
			same = append(same, p)
		} else {
			rest = append(rest, p)
		}
	}
	return rest, same, nil
}

// sameTypes tells whether two graphs have inputs and outputs of the same types, in order.
func sameTypes(a, b *ugraph.Graph) bool {
	return slices.Equal(typesOf(a), typesOf(b))
}

// named is a graph with the names of a program's inputs and outputs, position by position.
func named(g, program *ugraph.Graph) *ugraph.Graph {
	g = g.Clone()
	taken := map[string]bool{}
	for i, in := range program.Inputs {
		name := program.Values[in.Value].Name
		g.Values[g.Inputs[i].Value].Name = name
		taken[name] = true
	}
	for i, o := range program.Outputs {
		g.Outputs[i].Name = o.Name
	}
	for i := range g.Values {
		input := slices.ContainsFunc(g.Inputs, func(in ugraph.Input) bool { return in.Value == ugraph.ValueID(i) })
		if !input && taken[g.Values[i].Name] {
			g.Values[i].Name += "_"
		}
	}
	return g
}

// typesOf spells the types of a graph's inputs, and then of its outputs.
func typesOf(g *ugraph.Graph) []string {
	var out []string
	for _, in := range g.Inputs {
		out = append(out, "in "+g.Values[in.Value].Type.String())
	}
	for _, o := range g.Outputs {
		out = append(out, "out "+g.Values[o.Value].Type.String())
	}
	return out
}

// gpuRows are the GPU targets, for predictions only.
func gpuRows() ([]target.Row, error) {
	var rows []target.Row
	for _, name := range []string{"cuda:sm_80", "cuda:sm_90a"} {
		r, err := target.ByName(name)
		if err != nil {
			return nil, err
		}
		r.Available = true // to the cost model it is
		rows = append(rows, r)
	}
	return rows, nil
}

// mirageNames are the programs that Mirage's saved graphs are compared with.
func mirageNames() []string {
	var names []string
	for _, p := range programs.Family("mirage") {
		names = append(names, p.Name)
	}
	return names
}

func geometricMean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(xs)))
}

package cost

import (
	"fmt"
	"strings"

	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

// Read is how often a graph reads one of its inputs.
type Read struct {
	Input   string
	Times   int     // loads of kernels, and operators by themselves, that take it
	Bytes   float64 // of the tensor
	AgainUS float64 // what one more pass over it would take, microseconds
}

// Reads tells how often a program or μGraph reads each of its inputs, in their order. A load counts once however many
// blocks share its tiles; what they read again comes from a cache (Kernel).
func Reads(g *ugraph.Graph, env ugraph.Env, row *target.Row) ([]Read, error) {
	least, err := MinBytes(g, env)
	if err != nil {
		return nil, err
	}
	times := make([]int, len(g.Values))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		switch {
		case n.Op == ugraph.OpReshape: // read as often as its result
			times[n.Args[0]] += times[n.Results[0]]
		case n.Body != nil:
			for j := range n.Body.Nodes {
				if l := &n.Body.Nodes[j]; l.Op == ugraph.OpLoad {
					if whole := n.Body.Values[l.Args[0]]; whole.Node < 0 {
						times[n.Args[whole.Index]]++
					}
				}
			}
		default:
			seen := map[ugraph.ValueID]bool{}
			for _, a := range n.Args {
				if !seen[a] {
					seen[a] = true
					times[a]++
				}
			}
		}
	}
	rate := min(row.DRAM, row.DRAMUnit*float64(row.Units))
	if Fits(float64(least), row) {
		rate = row.Levels[len(row.Levels)-1].GBps * float64(row.Units)
	}
	var out []Read
	for _, in := range g.Inputs {
		b, err := bytesOf(g.Values[in.Value].Type, env)
		if err != nil {
			return nil, err
		}
		out = append(out, Read{Input: g.Values[in.Value].Name, Times: times[in.Value], Bytes: float64(b), AgainUS: float64(b) / rate * 1e-3})
	}
	return out, nil
}

// Passes says how often a graph reads its inputs, and why not otherwise: what its blocks hold, and what one more pass
// over the largest input would take.
func Passes(g *ugraph.Graph, env ugraph.Env, row *target.Row) (string, error) {
	reads, err := Reads(g, env, row)
	if err != nil || len(reads) == 0 {
		return "", err
	}
	r, err := Graph(g, env, row)
	if err != nil {
		return "", err
	}
	var parts []string
	most := 0
	for i, x := range reads {
		if x.Bytes > reads[most].Bytes {
			most = i
		}
		how := map[int]string{0: "not at all", 1: "once", 2: "twice"}[x.Times]
		if how == "" {
			how = fmt.Sprintf("%d times", x.Times)
		}
		parts = append(parts, x.Input+" "+how)
	}
	units := row.Units
	level := "memory"
	if i := row.LevelFor(int64(r.TileBytes), units); i < len(row.Levels) {
		level = row.Levels[i].Name
	}
	return fmt.Sprintf("%s: a block holds up to %.0f KB of tiles, in %s; one more pass over %s would take %.1f µs",
		strings.Join(parts, ", "), r.TileBytes/1e3, level, reads[most].Input, reads[most].AgainUS), nil
}

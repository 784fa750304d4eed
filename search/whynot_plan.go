package search

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/morgana-ml/morgana/search/expr"
	"github.com/morgana-ml/morgana/search/loop"
	"github.com/morgana-ml/morgana/search/partition"
	"github.com/morgana-ml/morgana/search/schedule"
	"github.com/morgana-ml/morgana/ugraph"
)

// plan ends the inquiry at the bound of its form, the form's best plan, its cut into kernels, or its tiles.
func (w *inquiry) plan(ctx context.Context, d *expr.DAG, rd *reading) error {
	a, opt := w.a, partition.Options{Sizes: w.envs}
	var err error
	if a.BoundUS, err = partition.Bound(rd.dag, &w.row, opt); err != nil {
		return err
	}
	limit := a.WinnerUS * w.opt.limits.slack
	if a.BoundUS > limit {
		return w.end(StageBound, "no plan of its form takes less than %.1f µs; the winner is predicted at %.1f µs, and forms within %.0f %% are looked at", a.BoundUS, a.WinnerUS, 100*(w.opt.limits.slack-1))
	}
	best, err := orNone(partition.Best(ctx, rd.dag, &w.row, opt))
	if err != nil {
		return err
	}
	if best == nil {
		return w.end(StageForm, "no partition of its form into kernels fits the target; it is predicted at %.1f µs against %.1f µs", a.PredictedUS, a.WinnerUS)
	}
	a.FormUS = best.US
	groups, err := rd.groups()
	if err != nil {
		return w.end(StageOutside, "%v; predicted %.1f µs against %.1f µs", err, a.PredictedUS, a.WinnerUS)
	}
	if a.FormUS > limit {
		return w.end(StageForm, "the best plan of its form takes %.1f µs with %d kernels, the winner %.1f µs with %d; as it is it is predicted at %.1f µs", a.FormUS, best.Kernels(), a.WinnerUS, a.WinnerK, a.PredictedUS)
	}
	if own, theirs := rd.borders(rd.kernelNodes()), rd.borders(groupNodes(best)); !slices.Equal(own, theirs) {
		p, err := orNone(partition.Grouped(ctx, rd.dag, groups, &w.row, opt))
		if err != nil {
			return err
		}
		if p == nil {
			return w.end(StagePartition, "its form is cut into %s; one of those fits the target with no tiling that is tried; the best cut is into %s, predicted at %.1f µs", names(rd, groups), groupNames(best), a.FormUS)
		}
		a.GroupingUS = p.US
		return w.end(StagePartition, "its form is cut into %s, which takes at least %.1f µs; the best cut of the form, into %s, takes %.1f µs", names(rd, groups), a.GroupingUS, groupNames(best), a.FormUS)
	}
	return w.tiles(ctx, rd, best)
}

// tiles ends the inquiry at the tilings of kernels that hold what the best plan's hold.
func (w *inquiry) tiles(ctx context.Context, rd *reading, best *partition.Plan) error {
	a := w.a
	kernels := rd.merged()
	for i := range best.Groups {
		if i >= len(kernels) || len(kernels) != len(best.Groups) {
			break
		}
		k := kernels[i]
		g := &best.Groups[i]
		form, reason := formOf(g.DAG, k.loop)
		if form == nil {
			return w.end(StageOutside, "kernel %s loops over axis %s, which is refused: %s; predicted %.1f µs against %.1f µs", k.name, g.DAG.Axes[k.loop].Name, reason, a.PredictedUS, a.WinnerUS)
		}
		out, err := schedule.Outside(form, best.Schedules(i, &w.row), k.tiling())
		if err != nil {
			return err
		}
		if out != "" {
			return w.end(StageOutside, "kernel %s: %s; predicted %.1f µs against %.1f µs with tiles that are tried", k.name, out, a.PredictedUS, a.FormUS)
		}
	}
	own, theirs := tilingText(rd, kernels), planText(best)
	if a.PredictedUS <= tieRatio*a.WinnerUS {
		return w.end(StageTie, "same form and kernels; its tiles (%s) are predicted at %.1f µs, %+.1f %% from the winner's %.1f µs: a tie, of which %d tilings that differ in grid are taken on, and of equal ones those with less tile memory", own, a.PredictedUS, 100*(a.PredictedUS/a.WinnerUS-1), a.WinnerUS, w.opt.limits.tilings)
	}
	return w.end(StageSchedule, "same form and kernels; its tiles (%s) are predicted at %.1f µs, the best (%s) at %.1f µs", own, a.PredictedUS, theirs, a.FormUS)
}

// formOf is the form of a DAG with a loop over an axis, or why there is none.
func formOf(d *expr.DAG, axis int) (*loop.Form, string) {
	fs, no := loop.FormsAndRefusals(d)
	for _, f := range fs {
		if f.Loop == axis {
			return f, ""
		}
	}
	for _, r := range no {
		if r.Axis == axis {
			return nil, r.Reason
		}
	}
	return nil, "no input carries it"
}

// tiling is the kernel's tiling; cuts of the loop's axis by the grid are a split.
func (k *readKernel) tiling() loop.Tiling {
	t := loop.Tiling{LoopTile: k.loopTile}
	for _, a := range k.axes() {
		c := loop.AxisTile{Axis: a, Tile: k.cuts[a]}
		if a == k.loop {
			t.Split = &c
		} else {
			t.Grid = append(t.Grid, c)
		}
	}
	return t
}

func (k *readKernel) axes() []int {
	var out []int
	for a := range k.cuts {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// merged are the kernels that write values; one that writes parts alone belongs to the one that merges them.
func (rd *reading) merged() []readKernel {
	var out []readKernel
	var parts *readKernel
	for i := range rd.kernels {
		k := rd.kernels[i]
		if !slices.ContainsFunc(k.nodes, func(n int) bool { return n >= 0 }) {
			parts = &rd.kernels[i]
			continue
		}
		// A merge of parts writes what the kernel before it wrote part by part.
		if parts == nil && i > 0 && len(out) > 0 && slices.Equal(out[len(out)-1].nodes, k.nodes) {
			continue
		}
		if parts != nil {
			k.cuts, k.loop, k.loopTile = parts.cuts, parts.loop, parts.loopTile
			parts = nil
		}
		out = append(out, k)
	}
	return out
}

func (rd *reading) kernelNodes() []int {
	var out []int
	for _, k := range rd.kernels {
		for _, n := range k.nodes {
			if n >= 0 {
				out = append(out, n)
			}
		}
	}
	return out
}

// groupNodes are the nodes that the groups of a plan write, each in its DAG.
func groupNodes(p *partition.Plan) []int {
	var out []int
	for _, g := range p.Groups {
		out = append(out, written(p.DAG, g.Nodes)...)
	}
	return out
}

// written are the nodes of a list that others, or the outputs, read.
func written(d *expr.DAG, nodes []int) []int {
	var out []int
	for _, n := range nodes {
		used := slices.ContainsFunc(d.Outputs, func(o expr.Output) bool { return o.Node == n })
		for i, x := range d.Nodes {
			used = used || slices.Contains(x.Args, n) && !slices.Contains(nodes, i)
		}
		if used {
			out = append(out, n)
		}
	}
	return out
}

// borders are the values at nodes of the reading as sorted keys, each once.
func (rd *reading) borders(nodes []int) []string {
	keys := nodeKeys(rd.dag)
	var out []string
	for _, n := range nodes {
		out = append(out, keys[n])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// nodeKeys tell nodes apart by what they compute.
func nodeKeys(d *expr.DAG) []string {
	keys := make([]string, len(d.Nodes))
	for i, n := range d.Nodes {
		var args []string
		for _, a := range n.Args {
			args = append(args, keys[a])
		}
		if n.Commutes() {
			slices.Sort(args)
		}
		keys[i] = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%d %x %x %s %s %d %v", n.Op, uint64(n.Over), uint64(n.Axes), n.Attrs, n.Value, n.Input, args)))
	}
	return keys
}

// retype gives the reading's nodes the element types that a form of the same structure has.
func (rd *reading) retype(form *expr.DAG) {
	types := map[string]ugraph.DType{}
	for i, k := range nodeKeys(form) {
		types[k] = form.Nodes[i].DType
	}
	for i, k := range nodeKeys(rd.dag) {
		if t, ok := types[k]; ok {
			rd.dag.Nodes[i].DType = t
		}
	}
}

// groups are the nodes that each kernel computes, as lists that partition the reading's, in order.
func (rd *reading) groups() ([][]int, error) {
	border := map[int]bool{}
	for _, k := range rd.merged() {
		for _, n := range k.nodes {
			border[n] = true
		}
	}
	done := map[int]bool{}
	var out [][]int
	for _, k := range rd.merged() {
		var nodes []int
		var visit func(n int, top bool)
		visit = func(n int, top bool) {
			x := rd.dag.Nodes[n]
			if done[n] || len(x.Args) == 0 || !top && border[n] && !slices.Contains(k.nodes, n) {
				return
			}
			done[n] = true
			for _, a := range x.Args {
				visit(a, false)
			}
			nodes = append(nodes, n)
		}
		for _, n := range k.nodes {
			if n >= 0 {
				visit(n, true)
			}
		}
		if len(nodes) > 0 {
			slices.Sort(nodes)
			out = append(out, nodes)
		}
	}
	var rest []int
	live := make([]bool, len(rd.dag.Nodes))
	for _, o := range rd.dag.Outputs {
		live[o.Node] = true
	}
	for i := len(rd.dag.Nodes) - 1; i >= 0; i-- {
		if !live[i] {
			continue
		}
		for _, a := range rd.dag.Nodes[i].Args {
			live[a] = true
		}
		if len(rd.dag.Nodes[i].Args) > 0 && !done[i] {
			rest = append(rest, i)
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%s run as kernels of their own, outside of its graph-defined ones", count(len(rest), "operator"))
	}
	return out, nil
}

// names are the groups of a reading by what they write.
func names(rd *reading, groups [][]int) string {
	var out []string
	for _, g := range groups {
		var ops []string
		for _, n := range g {
			if op := rd.dag.Nodes[n].Op; op != ugraph.OpInvalid {
				ops = append(ops, op.String())
			}
		}
		out = append(out, "{"+strings.Join(ops, " ")+"}")
	}
	return strings.Join(out, " ")
}

func groupNames(p *partition.Plan) string {
	rd := &reading{dag: p.DAG}
	var lists [][]int
	for _, g := range p.Groups {
		lists = append(lists, g.Nodes)
	}
	return names(rd, lists)
}

// tilingText and planText are tilings in words.
func tilingText(rd *reading, ks []readKernel) string {
	var out []string
	for i := range ks {
		t := ks[i].tiling()
		c := schedule.Choice{Form: &loop.Form{DAG: rd.dag, Loop: ks[i].loop}, Tiling: t}
		out = append(out, ks[i].name+tiling(&c))
	}
	return strings.Join(out, "; ")
}

func planText(p *partition.Plan) string {
	var out []string
	for i := range p.Groups {
		c := &p.Groups[i].Choices[0]
		out = append(out, p.Groups[i].DAG.Name+tiling(c))
	}
	return strings.Join(out, "; ")
}

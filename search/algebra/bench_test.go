package algebra

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/morgana-ml/morgana/models/programs"
	"github.com/morgana-ml/morgana/search/expr"
)

// ablations are the columns of BenchmarkAblation.
var ablations = []struct {
	name string
	opt  Options
}{
	{"all", Options{}},
	{"two cores", Options{Workers: 2}},
	{"no merging", Options{NoMerge: true}},
	{"no abstraction", Options{NoAbstraction: true}},
	{"none, two cores", Options{NoAbstraction: true, Workers: 2}},
	{"neither", Options{NoAbstraction: true, NoMerge: true}},
}

// Limits of a cell of BenchmarkAblation: the second bounds its memory to about 1 GiB.
const (
	ablationTime   = 3 * time.Second
	ablationValues = 200_000
)

// BenchmarkAblation is the counterpart of Mirage's table 5: rmsnorm_linear with derivations of at most 5
// to 11 operators, with and without the abstraction test, merging, and the second core. It prints the
// table: milliseconds and values of the closure, with * where the time and with + where the number of
// values ended it before its fixpoint; then, to compare, milliseconds and graphs where graphs are
// enumerated as Mirage does. Results stand in the documentation of package search.
func BenchmarkAblation(b *testing.B) {
	d := liftProgram(b, "rmsnorm_linear")
	var table strings.Builder
	row := func(first string, cell func(i int) string) {
		fmt.Fprintf(&table, "%-10s", first)
		for i := range ablations {
			fmt.Fprintf(&table, " %18s", cell(i))
		}
		table.WriteString("\n")
	}
	for range b.N {
		table.Reset()
		row("operators", func(i int) string { return ablations[i].name })
		for n := 5; n <= 11; n++ {
			row(fmt.Sprint(n), func(i int) string { return ablationCell(b, d, ablations[i].opt, n) })
		}
	}
	fmt.Printf("rmsnorm_linear, ms / values of the closure\n%s", &table)
	table.Reset()
	for n := 5; n <= 11; n++ {
		fmt.Fprintf(&table, "%-10d %18s %18s\n", n, enumerationCell(d, true, n), enumerationCell(d, false, n))
	}
	fmt.Printf("rmsnorm_linear, ms / graphs enumerated\n%-10s %18s %18s\n%s", "operators", "abstraction", "no abstraction", &table)
}

// enumerationCell enumerates graphs of at most n operators, one after another.
func enumerationCell(d *expr.DAG, prune bool, n int) string {
	runtime.GC()
	start := time.Now()
	e := newEnumeration(d)
	e.prune, e.until = prune, start.Add(ablationTime)
	e.grow(n, "")
	mark := ""
	if e.stopped {
		mark = "*"
	}
	return fmt.Sprintf("%.1f / %d%s", float64(time.Since(start).Microseconds())/1e3, e.states, mark)
}

// ablationCell runs the closure alone with derivations of at most n operators.
func ablationCell(b *testing.B, d *expr.DAG, opt Options, n int) string {
	runtime.GC()
	ctx, cancel := context.WithTimeout(context.Background(), ablationTime)
	defer cancel()
	opt.MaxOperators, opt.Forms, opt.MaxValues, opt.MaxTests = n, 1, ablationValues, 1<<40
	opt = opt.withDefaults()
	st := &Stats{Pruned: make([]Count, pruneUnstable+1)}
	start := time.Now()
	c := newClosure(d, opt, st)
	c.seed(true)
	c.run(ctx)
	mark := map[string]string{StopInterrupted: "*", StopValues: "+"}[st.Stop]
	return fmt.Sprintf("%.1f / %d%s", float64(time.Since(start).Microseconds())/1e3, st.Values, mark)
}

// BenchmarkExplore is the whole of this stage on every embedded program.
func BenchmarkExplore(b *testing.B) {
	for _, info := range programs.List() {
		d := liftProgram(b, info.Name)
		b.Run(info.Name, func(b *testing.B) {
			b.ReportAllocs()
			var r *Result
			for i := 0; i < b.N; i++ {
				r = explore(b, d, Options{})
			}
			b.ReportMetric(float64(r.Stats.Values), "values")
			b.ReportMetric(float64(r.Stats.Tests), "tests")
			b.ReportMetric(float64(len(r.DAGs)), "programs")
		})
	}
}

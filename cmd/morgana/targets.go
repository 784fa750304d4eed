package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/calibrate"
	"github.com/morgana-ml/morgana/search/store"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
)

type targetsCmd struct {
	Calibrate bool `help:"Measure this machine's coefficients of the cost model, in some 15 seconds, and keep them for the target cpu."`
	Forget    bool `help:"Remove what --calibrate has kept."`
	JSON      bool `name:"json" help:"One JSON object a line."`
}

// calibrationTime is how long the probes are repeated.
const calibrationTime = 12 * time.Second

func (c *targetsCmd) Run(a *app) error {
	switch {
	case c.Calibrate && c.Forget:
		return fmt.Errorf("--calibrate and --forget: one of them")
	case c.Calibrate:
		return c.calibrate(a)
	case c.Forget:
		return c.forget(a)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	line := func(r *target.Row, state string) error {
		if c.JSON {
			return json.NewEncoder(a.stdout).Encode(map[string]any{"name": r.Name, "doc": r.Doc, "available": r.Available, "message": r.Message, "calibrated": r.Calibration != ""})
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.Doc, state)
		return err
	}
	here := a.nativeRow()
	state := "here; not calibrated"
	if here.Calibration != "" {
		state = "here; calibrated"
	}
	if err := line(&here, state); err != nil {
		return err
	}
	for _, r := range target.All() {
		state := "here"
		if !r.Available {
			state = r.Message
		}
		if err := line(&r, state); err != nil {
			return err
		}
	}
	return w.Flush()
}

// calibrate measures this machine and keeps what it found.
func (c *targetsCmd) calibrate(a *app) error {
	row := target.Native(features())
	if err := row.Check(); err != nil {
		return err
	}
	said := time.Duration(0)
	m, err := calibrate.Measure(a.ctx, &row, calibrationTime, func(done time.Duration) {
		if done > said {
			a.say("calibrating: %.0f of %.0f s", done.Seconds(), calibrationTime.Seconds())
			said = done + 3*time.Second
		}
	})
	if err != nil {
		return err
	}
	dir, err := store.DefaultDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := calibrate.Encode(calibrate.Here(&row), m)
	if err != nil {
		return err
	}
	path := calibrate.Path(dir)
	if err := a.writeFile(path, b); err != nil {
		return err
	}
	now := target.Calibrated(row, m)
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"file": path, "name": now.Name, "doc": now.Doc, "coefficients": m})
	}
	printCoefficients(a, &row, &now)
	fmt.Fprintf(a.stdout, "kept in %s\n", path)
	return nil
}

// forget removes the calibration; that there is none is no error.
func (c *targetsCmd) forget(a *app) error {
	dir, err := store.DefaultDir()
	if err != nil {
		return err
	}
	if err := os.Remove(calibrate.Path(dir)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// printCoefficients prints a row's coefficients beside the calibrated ones.
func printCoefficients(a *app, row, now *target.Row) {
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tas the row has it\tmeasured\t")
	line := func(name string, was, is float64) { fmt.Fprintf(w, "%s\t%.4g\t%.4g\t\n", name, was, is) }
	line("products, GFLOP/s of a core", row.MatMul[ugraph.F32], now.MatMul[ugraph.F32])
	for i := range row.RowEfficiency {
		line(fmt.Sprintf("with %d rows, of that", i+1), row.RowEfficiency[i], now.RowEfficiency[i])
	}
	line("laying out B, elements/ns", row.Pack, now.Pack)
	line("reading B with gaps", row.Strided, now.Strided)
	line("add, multiply …", row.Simple, now.Simple)
	line("exp, tanh …, operations/ns", row.Transcend, now.Transcend)
	line("sums, maxima", row.Reduce, now.Reduce)
	line("moves", row.Move, now.Move)
	for _, t := range []ugraph.DType{ugraph.F16, ugraph.BF16, ugraph.F8E4M3} {
		line("from "+t.String(), row.CastRate(t).Widen, now.CastRate(t).Widen)
		line("to "+t.String(), row.CastRate(t).Round, now.CastRate(t).Round)
	}
	for i := range row.Levels {
		line(row.Levels[i].Name+", GB/s of a core", row.Levels[i].GBps, now.Levels[i].GBps)
	}
	line("memory, GB/s of a core", row.DRAMUnit, now.DRAMUnit)
	line("memory, GB/s of all", row.DRAM, now.DRAM)
	line("launch, µs", row.LaunchUS, now.LaunchUS)
	line("block", row.BlockUS, now.BlockUS)
	line("operator", row.OpUS, now.OpUS)
	line("row", row.RowUS, now.RowUS)
	w.Flush() // to a buffer of ours, whose errors come out at the end
}

// nativeRow is the row of this machine, calibrated if it has been. A calibration that cannot be read is said and left
// out.
func (a *app) nativeRow() target.Row {
	row := target.Native(features())
	dir, err := store.DefaultDir()
	if err != nil {
		return row
	}
	m, hash, err := calibrate.Load(calibrate.Path(dir), calibrate.Here(&row))
	if err != nil {
		a.say("calibration: %v; going on without it", err)
	}
	if m == nil {
		return row
	}
	row = target.Calibrated(row, *m)
	row.Calibration = hash
	return row
}

// resolveTarget is the row of a target's name, cpu among them.
func (a *app) resolveTarget(name string) (target.Row, error) {
	if name == "cpu" {
		return a.nativeRow(), nil
	}
	return target.ByName(name)
}

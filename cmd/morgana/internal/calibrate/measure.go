package calibrate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/morgana-ml/morgana/cmd/morgana/internal/execute"
	"github.com/morgana-ml/morgana/runtime/cpu"
	"github.com/morgana-ml/morgana/runtime/cpu/kernel"
	"github.com/morgana-ml/morgana/runtime/memory"
	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/search/cost"
	"github.com/morgana-ml/morgana/search/target"
	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/ugraph/text"
)

// How the time is spent: each probe is repeated for about slice in a round, and rounds are done for about the
// time that is given, leastRounds of them at least.
const (
	slice       = 2 * time.Millisecond
	leastRounds = 5
	memoryBytes = 96 << 20 // beyond any cache of the rows
)

// Measure times all probes for about spend, and gives the coefficients of a row that follow. progress, if not nil, is
// told how many rounds there were. An interruption ends it with the context's error.
func Measure(ctx context.Context, row *target.Row, spend time.Duration, progress func(done time.Duration)) (target.Measurements, error) {
	ps := kernels(len(row.RowEfficiency))
	one, all := cpu.New(1), cpu.New(row.Units)
	defer one.Close()
	defer all.Close()
	for _, g := range graphs {
		dev := one
		if g.threads {
			dev = all
		}
		p, err := graphProbe(ctx, dev, g.name, strings.ReplaceAll(g.text, "UNITS", strconv.Itoa(row.Units)))
		if err != nil {
			return target.Measurements{}, err
		}
		ps = append(ps, p)
	}
	rates, err := levels(row)
	if err != nil {
		return target.Measurements{}, err
	}
	defer rates.free()
	repeats := make([]int, len(ps))
	for i := range ps {
		us, err := timed(&ps[i], 2)
		if err != nil {
			return target.Measurements{}, err
		}
		repeats[i] = max(1, int(float64(slice.Microseconds())/max(us, 1e-3)))
	}
	times := make([][]float64, len(ps))
	start := time.Now()
	for round := 0; round < leastRounds || time.Since(start) < spend; round++ {
		for i := range ps {
			if err := ctx.Err(); err != nil {
				return target.Measurements{}, err
			}
			us, err := timed(&ps[i], repeats[i])
			if err != nil {
				return target.Measurements{}, err
			}
			times[i] = append(times[i], us)
		}
		rates.round()
		if progress != nil {
			progress(time.Since(start))
		}
	}
	us := map[string]float64{}
	for i := range ps {
		us[ps[i].name] = quartile(times[i])
	}
	m := fit(row, us)
	m.LevelGBps, m.DRAMUnit, m.DRAM = rates.result()
	return m, nil
}

// fit is the coefficients of a row that follow from the times of the probes, in microseconds.
func fit(row *target.Row, us map[string]float64) target.Measurements {
	product := func(m, n float64) float64 { return 2 * m * n * (depth + row.DepthOverhead) * 1e-3 }
	m := target.Measurements{MatMulF32: product(96, 4*columns) / us["matmul peak"]}
	for i := range row.RowEfficiency {
		rate := product(float64(i+1), columns) / us[fmt.Sprintf("matmul rows %d", i+1)]
		m.RowEfficiency = append(m.RowEfficiency, rate/max(row.PackedGain, 1))
		m.MatMulF32 = max(m.MatMulF32, rate)
	}
	for i := range m.RowEfficiency {
		m.RowEfficiency[i] /= m.MatMulF32
	}
	beside := func(with string) float64 { // without bound where other load hid the difference
		return depth * wide * 1e-3 / max(us[with]-us["panels"], 0)
	}
	m.Pack = mean(beside("laid out"), beside("laid out transposed"))
	elements := func(name string, each float64) float64 { return run * each * 1e-3 / us[name] }
	m.Simple = elements("add", 1)
	m.Transcend = mean(elements("exp", ugraph.OpExp.Info().Flops), elements("tanh", ugraph.OpTanh.Info().Flops))
	m.Reduce = mean(elements("sum", 1), elements("max", 1))
	m.Move = depth * 96 * 1e-3 / cost.Transposed / us["transpose"]
	m.Casts = map[ugraph.DType]target.Cast{}
	for _, t := range casts {
		m.Casts[t] = target.Cast{Widen: elements("widen "+t.String(), 1), Round: elements("round "+t.String(), 4)} // of 2·4096 elements, in the tile and where it is stored
	}
	// Each trip of the others has 256 rows, in one operator and in two of them.
	m.OpUS = us["operators"] / 2048 / 2 // two operators a trip
	few, many := us["rows"]/64-2*m.OpUS, us["rows of chains"]/64-3*m.OpUS
	m.RowUS = mean(few/256, many/512)
	m.BlockUS = us["blocks"] / 4096
	m.LaunchUS = max(0, us["launch"]-m.BlockUS)
	return m
}

// mean is the geometric mean of two numbers; 0, not measured, where one is not positive or has no bound.
func mean(a, b float64) float64 {
	if !(a > 0) || !(b > 0) || math.IsInf(a*b, 1) {
		return 0
	}
	return math.Sqrt(a * b)
}

func graphProbe(ctx context.Context, dev *cpu.Device, name, src string) (probe, error) {
	gs, err := text.Parse(name, []byte(src))
	if err != nil {
		return probe{}, err
	}
	shape, err := ugraph.EvalShape(gs[0].Values[gs[0].Inputs[0].Value].Shape, nil)
	if err != nil {
		return probe{}, err
	}
	x, err := tensor.Random(ugraph.F32, shape, 1, "X", tensor.Fill{Kind: tensor.Normal})
	if err != nil {
		return probe{}, err
	}
	s, err := execute.Open(dev, gs[0], nil, map[string]*tensor.Tensor{"X": x})
	if err != nil {
		return probe{}, fmt.Errorf("%s: %w", name, err)
	}
	return probe{name, func() error { return s.Run(ctx) }}, nil
}

// bandwidths are buffers of which one thread reads each level, and memory, which all threads read too.
type bandwidths struct {
	bufs  []*memory.Buffer // by level, then one of memory for each unit
	inner int              // levels
	gbps  [][]float64      // by level, then memory, then memory by all
}

func levels(row *target.Row) (*bandwidths, error) {
	b := &bandwidths{inner: len(row.Levels), gbps: make([][]float64, len(row.Levels)+2)}
	alloc := func(n int) error {
		buf, err := memory.Alloc(n)
		if err != nil {
			return err
		}
		for i := range buf.Bytes() {
			buf.Bytes()[i] = 1
		}
		b.bufs = append(b.bufs, buf)
		return nil
	}
	for _, l := range row.Levels {
		n := l.Bytes / 2
		if l.Shared {
			n /= int64(row.Units)
		}
		if err := alloc(int(n)); err != nil {
			return nil, err
		}
	}
	for range row.Units {
		if err := alloc(memoryBytes / row.Units); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *bandwidths) round() {
	for i := range b.inner {
		b.gbps[i] = append(b.gbps[i], kernel.ReadBandwidth(b.bufs[i].Bytes(), slice))
	}
	mem := b.bufs[b.inner:]
	b.gbps[b.inner] = append(b.gbps[b.inner], pass(mem[:1]))
	b.gbps[b.inner+1] = append(b.gbps[b.inner+1], pass(mem))
}

// pass is the rate, in GB/s, at which as many threads read their buffers once.
func pass(bufs []*memory.Buffer) float64 {
	start := time.Now()
	var wg sync.WaitGroup
	bytes := 0
	for _, b := range bufs {
		bytes += len(b.Bytes())
		wg.Go(func() { kernel.Sum(b.Float32s()) })
	}
	wg.Wait()
	return float64(bytes) / float64(time.Since(start).Nanoseconds())
}

// result is the upper quartile of the rates: other load only ever lowers them.
func (b *bandwidths) result() (levels []float64, unit, all float64) {
	at := func(i int) float64 {
		inverse := make([]float64, len(b.gbps[i]))
		for k, g := range b.gbps[i] {
			inverse[k] = 1 / g
		}
		return 1 / quartile(inverse)
	}
	for i := range b.inner {
		levels = append(levels, at(i))
	}
	return levels, at(b.inner), at(b.inner + 1)
}

func (b *bandwidths) free() {
	for _, buf := range b.bufs {
		buf.Free()
	}
}

// quartile is the lower quartile of times.
func quartile(ts []float64) float64 {
	ts = slices.Clone(ts)
	slices.Sort(ts)
	return ts[len(ts)/4]
}

package execute

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/morgana-ml/morgana/runtime/tensor"
	"github.com/morgana-ml/morgana/ugraph"
)

// Time is a measured time and how far a repetition of the measurement may be from it.
type Time struct {
	US    float64 // lower quartile of the rounds, microseconds
	Noise float64 // as a part of US
}

// Limits of Rounds.
const (
	leastRounds = 8
	mostRounds  = 40
	roundsTime  = 6 * time.Second // of all graphs together, once there are leastRounds
	packedBytes = 2 << 30         // weights that are packed at a time, each graph having its own
)

// Rounds times graphs with the same interface in interleaved rounds, like Measure, and says of each how much its two
// halves, the even and the odd rounds, differ. Where the packed weights of all graphs are too many they are timed in
// parts, each with the first graph, by whose time the parts are brought to one scale.
func (c *CPU) Rounds(ctx context.Context, gs []*ugraph.Graph, env ugraph.Env) ([]Time, error) {
	in, err := c.Inputs(gs[0], env)
	if err != nil {
		return nil, err
	}
	weights := 0
	for _, x := range gs[0].Inputs {
		if x.Const {
			weights += len(in[gs[0].Values[x.Value].Name].Data)
		}
	}
	part := max(2, packedBytes/max(weights, 1))
	out := make([]Time, len(gs))
	first := 0.0
	for at := 0; at < len(gs); {
		var of []int
		if at > 0 {
			of = append(of, 0)
		}
		for ; at < len(gs) && len(of) < part; at++ {
			of = append(of, at)
		}
		ts, err := c.rounds(ctx, gs, of, env, in, part < len(gs))
		if err != nil {
			return nil, err
		}
		scale := 1.0
		if first == 0 {
			first = ts[0].US
		} else {
			scale = first / ts[0].US
		}
		for k, i := range of {
			if k > 0 || i == 0 && out[0].US == 0 {
				out[i] = Time{ts[k].US * scale, ts[k].Noise}
			}
		}
	}
	return out, nil
}

// rounds times the graphs of the given numbers.
func (c *CPU) rounds(ctx context.Context, gs []*ugraph.Graph, of []int, env ugraph.Env, in map[string]*tensor.Tensor, parts bool) ([]Time, error) {
	runs := make([]*Session, len(of))
	for k, i := range of {
		var err error
		if runs[k], err = Open(c.Device, gs[i], env, in); err != nil {
			return nil, err
		}
		if err := runs[k].Run(ctx); err != nil { // warm up: pack, touch
			return nil, err
		}
	}
	limit := roundsTime
	if parts {
		limit = limit * time.Duration(len(of)) / time.Duration(len(gs))
	}
	times := make([][]float64, len(of))
	start := time.Now()
	for round := 0; round < leastRounds || round < mostRounds && time.Since(start) < limit; round++ {
		for k := range runs {
			k = (k + round) % len(runs)
			t := time.Now()
			if err := runs[k].Run(ctx); err != nil {
				return nil, err
			}
			times[k] = append(times[k], float64(time.Since(t).Nanoseconds())/1e3)
		}
	}
	out := make([]Time, len(of))
	for k, ts := range times {
		var half [2][]float64
		for r, t := range ts {
			half[r%2] = append(half[r%2], t)
		}
		out[k].Noise = math.Abs(math.Log(quartile(half[0]) / quartile(half[1])))
		out[k].US = quartile(ts)
	}
	return out, nil
}

// quartile is the lower quartile of times: other load only ever slows a run down.
func quartile(ts []float64) float64 {
	ts = slices.Clone(ts)
	slices.Sort(ts)
	return ts[len(ts)/4]
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify"
	"github.com/morgana-ml/morgana/verify/stability"
)

type verifyCmd struct {
	A      string `arg:"" help:"The program or μGraph that says what is meant."`
	B      string `arg:"" help:"The program or μGraph that is to be the same."`
	Error  string `default:"2^-64" help:"Allowed probability of accepting a different program."`
	Seed   uint64 `default:"1" help:"Seed of the random draws."`
	Stable bool   `help:"B must also be no less stable than A."`
	JSON   bool   `name:"json" help:"One JSON object on one line."`
}

// parseError reads --error: 2^-N, or a decimal below 1. The result is its log2, rounded down.
func parseError(s string) (float64, error) {
	bad := fmt.Errorf("--error %s: want a probability such as 2^-64 or 1e-20", s)
	if e, ok := strings.CutPrefix(s, "2^-"); ok {
		var n float64
		if _, err := fmt.Sscanf(e, "%g", &n); err != nil || fmt.Sprintf("%g", n) != e || n < 1 || n > 4096 {
			return 0, bad
		}
		return -n, nil
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || r.Sign() <= 0 || r.Cmp(big.NewRat(1, 2)) > 0 || len(s) > 100 {
		return 0, bad
	}
	n := 0
	for r.Cmp(big.NewRat(1, 1)) < 0 {
		r.Mul(r, big.NewRat(2, 1))
		if n++; n > 4096 {
			return 0, bad
		}
	}
	return -float64(n), nil
}

func (c *verifyCmd) Run(a *app) error {
	bound, err := parseError(c.Error)
	if err != nil {
		return err
	}
	x, err := one(a.ctx, c.A)
	if err != nil {
		return err
	}
	y, err := one(a.ctx, c.B)
	if err != nil {
		return err
	}
	opt := verify.Options{ErrorLog2: bound, Seed: c.Seed}
	r, err := verify.Equal(a.ctx, x.graph, y.graph, opt)
	if err != nil {
		return err
	}
	if r.Equal {
		if r.Stability, err = stabilityOf(a.ctx, x.graph, y.graph, c.Seed); err != nil {
			return err
		}
	}
	if c.JSON {
		if err := json.NewEncoder(a.stdout).Encode(answerOf(r)); err != nil {
			return err
		}
	} else {
		c.print(a, r)
	}
	switch {
	case !r.Equal:
		return &exitError{code: exitNo}
	case c.Stable && !r.Stability.OK:
		return &exitError{code: exitNo}
	}
	return nil
}

// answerJSON is a verification's record with what is known alone: there is no probability of error where the graphs
// are not shown to be equal.
type answerJSON struct {
	*verify.Result
	ErrorLog2 *float64 `json:"error_log2,omitempty"` // in the place of the record's
}

func answerOf(r *verify.Result) answerJSON {
	if !r.Equal {
		return answerJSON{Result: r}
	}
	return answerJSON{r, &r.ErrorLog2}
}

// stabilityOf judges y against x. A graph is as stable as itself, however long it would take to measure that.
func stabilityOf(ctx context.Context, x, y *ugraph.Graph, seed uint64) (*verify.Stability, error) {
	if ugraph.Equal(x, y) {
		return &verify.Stability{OK: true}, nil
	}
	return stability.Check(ctx, x, y, stability.Options{Seed: seed})
}

func (c *verifyCmd) print(a *app, r *verify.Result) {
	if !r.Equal {
		verdict := "not equal: "
		if strings.HasPrefix(r.Reason, "undecided") {
			verdict = ""
		}
		fmt.Fprintf(a.stdout, "%s%s\n", verdict, r.Reason)
		if w := r.Witness; w != nil { // the graphs may have one name
			fmt.Fprintf(a.stdout, "  output %s%v: %v in the first, %v in the second\n", w.Output, w.Index, w.A, w.B)
		}
		return
	}
	fmt.Fprintf(a.stdout, "equal (probability of error at most 2^%.0f, %d tests, seed %d", math.Ceil(r.ErrorLog2), r.Tests, r.Seed)
	if r.Matched == "position" {
		fmt.Fprint(a.stdout, "; inputs and outputs matched by position")
	}
	fmt.Fprintln(a.stdout, ")")
	for _, s := range r.Checks {
		fmt.Fprintf(a.stdout, "  %s\n", s)
	}
	if r.Stability != nil {
		fmt.Fprintln(a.stdout, r.Stability.Verdict())
	}
}

package verify

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Stability says whether a candidate is no less stable than its program in floating point, as package
// stability finds it.
type Stability struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason"`
	Ratios Ratios `json:"ratios,omitempty"` // per element type: the candidate's largest error over its limit
}

// Verdict is the judgement in words, with its reason: where a run was impossible nothing is said of the
// candidate.
func (s *Stability) Verdict() string {
	switch {
	case s.OK:
		return "stable: no less than the first in floating point"
	case strings.HasPrefix(s.Reason, "not judged"):
		return "stability " + s.Reason
	}
	return "less stable: " + s.Reason
}

// Ratios are errors over their limits by element type. JSON has no infinity, which is the ratio where a
// row should be 0 and is not: it is the string "+Inf" there.
type Ratios map[string]float64

// MarshalJSON writes numbers, and strings for what is no number in JSON.
func (r Ratios) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	for dt, x := range r {
		if out[dt] = x; math.IsInf(x, 0) || math.IsNaN(x) {
			out[dt] = strconv.FormatFloat(x, 'g', -1, 64)
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Ratios) UnmarshalJSON(data []byte) error {
	var in map[string]any
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*r = Ratios{}
	for dt, v := range in {
		switch x := v.(type) {
		case float64:
			(*r)[dt] = x
		case string:
			f, err := strconv.ParseFloat(x, 64)
			if err != nil {
				return fmt.Errorf("the ratio of %s: %w", dt, err)
			}
			(*r)[dt] = f
		default:
			return fmt.Errorf("the ratio of %s is %v, neither a number nor a string", dt, v)
		}
	}
	return nil
}

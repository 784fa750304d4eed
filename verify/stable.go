package verify

// Stability says whether a candidate is no less stable than its program in floating point, as package
// stability finds it.
type Stability struct {
	OK     bool               `json:"ok"`
	Reason string             `json:"reason"`
	Ratios map[string]float64 `json:"ratios,omitempty"` // per element type: the candidate's largest error over its limit
}

package verify

// Stability is the answer of Stable.
type Stability struct {
	OK     bool               `json:"ok"`
	Reason string             `json:"reason"`
	Ratios map[string]float64 `json:"ratios,omitempty"` // per element type: the candidate's largest error over its limit
}

package report

import "github.com/morgana-ml/morgana/ugraph"

// Data is what a report shows. Measured times are zero where nothing was measured; everything else
// must not depend on a clock, since the report's bytes may not.
type Data struct {
	Program *ugraph.Graph
	Version string // of the program that wrote it
	Targets []Target
}

// Target is the result for one target.
type Target struct {
	Name  string
	Doc   string // what the target is
	Sizes string // of the symbols at which costs are stated, e.g. "S = 2048"; "" without symbols

	Stages   []Stage // from the program to what runs
	Baseline Run     // the program operator by operator
	Best     Run
	Reason   string // why nothing better than the program was found; "" where something was
	Machine  Machine

	Search       Search
	Verification Verification
	Executed     bool // every kernel has run on a small ragged instance and agreed with float64
}

// Stage is a graph on its way to the kernels.
type Stage struct {
	Name  string // "program", "μGraph", "lowered"
	Note  string // what the step did
	Graph *ugraph.Graph
}

// Run is what a graph costs.
type Run struct {
	Kernels     []Kernel
	PredictedUS float64
	MeasuredUS  float64 // 0: not measured
	Bytes       float64 // moved to and from memory by the kernels
	Flops       float64
	MinBytes    float64 // inputs and outputs once
}

// Kernel is what one kernel costs.
type Kernel struct {
	Name        string
	PredictedUS float64
	MeasuredUS  float64 // 0: not measured
	Bytes       float64
	Flops       float64
	Blocks      float64
	Trips       float64
	TileBytes   float64 // the most that a block holds at once
	Bound       string  // what the model says it waits for: arithmetic, memory, launch
}

// Machine is a roofline.
type Machine struct {
	PeakGFlops float64
	Levels     []Bandwidth // from the fastest to main memory
}

// Bandwidth is a sloped roof.
type Bandwidth struct {
	Name string
	GBs  float64 // 10⁹ bytes a second
}

// Search is what the search did.
type Search struct {
	States, Pruned, Candidates, Tested, Verified, Rejected int

	Stop       string // exhausted, budget, interrupted
	Derivation string // which laws lead from the program to the winner
	Counts     []Count
	Rejections []Rejection
	Near       []string // hashes of candidates within the noise of the winner
}

// Count is how often a rule of a stage acted.
type Count struct {
	Stage, Rule string
	N           int
}

// Rejection is a candidate that was refused.
type Rejection struct {
	Hash, Reason string
}

// Verification is the record of the winner's verification.
type Verification struct {
	ErrorLog2 float64 // log2 of the probability of accepting a different program
	Tests     int
	Seed      uint64
	Model     string   // of the maximum
	Checks    []string // what was checked, one sentence each

	FloatMaxRelError float64 // largest relative error in floating point; 0: not known
	Stability        []Ratio
}

// Ratio is the winner's largest error over its limit for one element type.
type Ratio struct {
	DType string
	Ratio float64
}

package mirage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/morgana-ml/morgana/ugraph"
)

// tensor is a tensor in memory (kernel level) or a tile.
type tensor struct {
	DataType int     `json:"data_type"`
	Dim      []int64 `json:"dim"`
	NumDims  int     `json:"num_dims"`
	GUID     int64   `json:"guid"`
}

// xyz has an entry per grid dimension.
type xyz struct{ X, Y, Z int64 }

func (v xyz) list() [3]int64 { return [3]int64{v.X, v.Y, v.Z} }

type blockGraph struct {
	Grid       xyz        `json:"grid_dim"`
	Iterations int64      `json:"forloop_range"`
	ReduceTo   int64      `json:"reduction_dimx"`
	Operators  []operator `json:"operators"`
}

type operator struct {
	Type    string      `json:"op_type"`
	Inputs  []tensor    `json:"input_tensors"`
	Outputs []tensor    `json:"output_tensors"`
	Body    *blockGraph `json:"bgraph"`
	// Of tb_input_op and tb_output_op:
	Outer     *tensor `json:"dtensor"`
	InputMap  *xyz    `json:"input_map"`
	OutputMap *xyz    `json:"output_map"`
	LoopAxis  *int64  `json:"forloop_dim"`
}

// Limits on what is read, far above what Mirage writes.
const (
	maxFile      = 64 << 20 // bytes
	maxGraphs    = 4096
	maxOperators = 4096    // of one graph at one level
	maxParts     = 1 << 20 // blocks along a grid dimension, iterations
	maxElements  = 1 << 48 // of one tensor
)

// dataTypes are the element types by Mirage's number.
var dataTypes = map[int]ugraph.DType{921: ugraph.F16}

// typeOf checks a tensor's shape and element type.
func (t *tensor) typeOf() (ugraph.Type, error) {
	dt, ok := dataTypes[t.DataType]
	if !ok {
		return ugraph.Type{}, fmt.Errorf("data_type: %d is not known (have 921, half precision)", t.DataType)
	}
	if t.NumDims < 0 || t.NumDims > len(t.Dim) || t.NumDims > 4 {
		return ugraph.Type{}, fmt.Errorf("num_dims: %d of %d entries in dim", t.NumDims, len(t.Dim))
	}
	total := int64(1)
	for _, d := range t.Dim[:t.NumDims] {
		if d < 1 || total > maxElements/d {
			return ugraph.Type{}, fmt.Errorf("dim: %v is empty or has more than 2^48 elements", t.Dim[:t.NumDims])
		}
		total *= d
	}
	return ugraph.Type{DType: dt, Shape: ugraph.Ds(t.Dim[:t.NumDims]...)}, nil
}

// decode reads the whole file.
func decode(r io.Reader) ([][]operator, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	var graphs [][]operator
	if err := json.Unmarshal(data, &graphs); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) {
			return nil, fmt.Errorf("byte %d: a JSON %s is not in its place; the file is a list of graphs, each a list of operators", typed.Offset, typed.Value)
		}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, fmt.Errorf("byte %d: %w", syntax.Offset, err)
		}
		return nil, err
	}
	if len(graphs) == 0 {
		return nil, errors.New("the file has no graphs; expected a list of graphs, each a list of operators")
	}
	if len(graphs) > maxGraphs {
		return nil, fmt.Errorf("%d graphs; the limit is %d", len(graphs), maxGraphs)
	}
	return graphs, nil
}

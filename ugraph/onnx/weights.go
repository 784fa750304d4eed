package onnx

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/morgana-ml/morgana/ugraph"
)

// safetensorsTypes are the element types' names in .safetensors files.
var safetensorsTypes = map[ugraph.DType]string{
	ugraph.F64: "F64", ugraph.F32: "F32", ugraph.F16: "F16", ugraph.BF16: "BF16", ugraph.F8E4M3: "F8_E4M3",
	ugraph.I64: "I64", ugraph.I32: "I32", ugraph.I8: "I8", ugraph.U8: "U8", ugraph.Bool: "BOOL",
}

// WriteWeights writes weights as a .safetensors file: the length of a header, the header in JSON, and the
// tensors' elements one after the other, of which one at a time is in memory.
func WriteWeights(w io.Writer, weights []*Weight) error {
	type entry struct {
		DType   string   `json:"dtype"`
		Shape   []int64  `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	header, at := map[string]entry{}, int64(0)
	for _, t := range weights {
		n := t.DType.Size()
		for _, d := range t.Shape {
			n *= d
		}
		header[t.Name] = entry{safetensorsTypes[t.DType], t.Shape, [2]int64{at, at + n}}
		at += n
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	for _, t := range weights {
		b, err := t.Bytes()
		if err != nil {
			return err
		}
		if want := header[t.Name].Offsets; int64(len(b)) != want[1]-want[0] {
			return fmt.Errorf("weight %s: %d bytes, not %d", t.Name, len(b), want[1]-want[0])
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

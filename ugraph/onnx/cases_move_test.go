package onnx

// picked are the elements of the first operand at places; a place below 0 is a 0.
func picked(places ...int) func(a [][]float64) [][]float64 {
	return func(a [][]float64) [][]float64 {
		out := make([]float64, len(places))
		for i, p := range places {
			if p >= 0 {
				out[i] = a[0][p]
			}
		}
		return [][]float64{out}
	}
}

func counting(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

var (
	six   = in(2, 3)
	whole = picked(counting(6)...)
)

var moveCases = []opCase{
	{"Transpose", 13, nil, []arg{six}, picked(0, 3, 1, 4, 2, 5)},
	{"Transpose", 13, attrs{"perm": []int64{0, 2, 1}}, []arg{in(1, 2, 3)}, picked(0, 3, 1, 4, 2, 5)},
	{"Reshape", 14, nil, []arg{six, list(3, -1)}, whole},
	{"Reshape", 14, nil, []arg{six, list(0, 1, 3)}, whole},
	{"Reshape", 14, nil, []arg{in(1), list()}, picked(0)},
	{"Flatten", 13, nil, []arg{in(1, 2, 3)}, whole},
	{"Flatten", 13, attrs{"axis": -1}, []arg{in(1, 2, 3)}, whole},
	{"Squeeze", 13, nil, []arg{in(1, 6, 1)}, whole},
	{"Squeeze", 13, nil, []arg{in(1, 6, 1), list(-1)}, whole},
	{"Unsqueeze", 13, nil, []arg{six, list(0, -1)}, whole},
	{"Expand", 13, nil, []arg{in(3, 1), list(2, 1, 2)}, picked(0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2)},
	{"Concat", 13, attrs{"axis": 1}, []arg{six, six}, picked(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5)},
	{"Concat", 13, attrs{"axis": 0}, []arg{list(3, 4), list(5)}, is([]float64{3, 4, 5})},
	{"Tile", 13, nil, []arg{six, list(2, 1)}, picked(0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5)},
	{"Tile", 13, nil, []arg{six, list(1, 2)}, picked(0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5)},
	{"DepthToSpace", 13, attrs{"blocksize": 2}, []arg{in(1, 4, 1, 1)}, picked(0, 1, 2, 3)},
	{"DepthToSpace", 13, attrs{"blocksize": 2, "mode": "CRD"}, []arg{in(1, 8, 1, 1)}, picked(0, 1, 2, 3, 4, 5, 6, 7)},
	{"DepthToSpace", 13, attrs{"blocksize": 2, "mode": "DCR"}, []arg{in(1, 8, 1, 1)}, picked(0, 2, 4, 6, 1, 3, 5, 7)},
	{"SpaceToDepth", 13, attrs{"blocksize": 2}, []arg{in(1, 1, 2, 4)}, picked(0, 2, 1, 3, 4, 6, 5, 7)},

	{"Slice", 13, nil, []arg{six, list(1), list(3), list(1)}, picked(1, 2, 4, 5)},
	{"Slice", 13, nil, []arg{six, list(-1, 0), list(1<<62, -1)}, picked(3, 4)},
	{"Slice", 13, nil, []arg{six, list(-1), list(-1 << 62), list(1), list(-1)}, picked(2, 1, 0, 5, 4, 3)},
	{"Slice", 13, nil, []arg{in(7), list(1), list(100), list(0), list(3)}, picked(1, 4)},
	{"Slice", 13, nil, []arg{list(3, 4, 5, 6), list(-2), list(-1 << 62), list(0), list(-1)}, is([]float64{5, 4, 3})},
	{"Split", 13, attrs{"axis": 1}, []arg{in(1, 4)}, func(a [][]float64) [][]float64 { return [][]float64{a[0][:2], a[0][2:]} }},
	{"Split", 13, nil, []arg{in(5), list(1, 4)}, func(a [][]float64) [][]float64 { return [][]float64{a[0][:1], a[0][1:]} }},
	{"Split", 18, attrs{"num_outputs": 3}, []arg{in(7)}, func(a [][]float64) [][]float64 { return [][]float64{a[0][:3], a[0][3:6], a[0][6:]} }},
	{"Pad", 13, nil, []arg{in(3), list(1, 2)}, picked(-1, 0, 1, 2, -1, -1)},
	{"Pad", 13, nil, []arg{of([]int{2}, 1, 2), list(1, 0), scalar(7)}, is([]float64{7, 1, 2})},
	{"Pad", 18, nil, []arg{six, list(-1, 1), none, list(1)}, picked(1, 2, -1, 4, 5, -1)},
	{"Pad", 13, attrs{"mode": "edge"}, []arg{in(3), list(2, 1)}, picked(0, 0, 0, 1, 2, 2)},
	{"Pad", 13, attrs{"mode": "reflect"}, []arg{in(4), list(2, 3)}, picked(2, 1, 0, 1, 2, 3, 2, 1, 0)},
	{"Pad", 19, attrs{"mode": "wrap"}, []arg{in(3), list(2, 1)}, picked(1, 2, 0, 1, 2, 0)},

	{"Shape", 13, nil, []arg{six}, is([]float64{2, 3})},
	{"Shape", 15, attrs{"start": -1}, []arg{six}, is([]float64{3})},
	{"Shape", 15, attrs{"end": 1}, []arg{six}, is([]float64{2})},
	{"Size", 13, nil, []arg{six}, is([]float64{6})},
	{"Constant", 13, attrs{"value": floats("", []int64{3}, 1, 2.5, -3)}, nil, is([]float64{1, 2.5, -3})},
	{"Constant", 13, attrs{"value_float": 0.25}, nil, is([]float64{0.25})},
	{"Constant", 13, attrs{"value_int": 7}, nil, is([]float64{7})},
	{"Constant", 13, attrs{"value_ints": []int64{7, 3, 9}}, nil, is([]float64{7, 3, 9})},
	{"ConstantOfShape", 13, nil, []arg{list(2, 2)}, is([]float64{0, 0, 0, 0})},
	{"ConstantOfShape", 13, attrs{"value": ints("", []int64{1}, 5)}, []arg{list(3)}, is([]float64{5, 5, 5})},
	{"Range", 13, nil, []arg{fixed(index([]int{}, 2)), fixed(index([]int{}, 9)), fixed(index([]int{}, 3))}, is([]float64{2, 5, 8})},
	{"Range", 13, nil, []arg{fixed(index([]int{}, 5)), fixed(index([]int{}, 2)), fixed(index([]int{}, -1))}, is([]float64{5, 4, 3})},
	{"Range", 13, nil, []arg{scalar(1), scalar(2), scalar(0.25)}, is([]float64{1, 1.25, 1.5, 1.75})},
	{"EyeLike", 13, nil, []arg{six}, is([]float64{1, 0, 0, 0, 1, 0})},
	{"EyeLike", 13, attrs{"k": 1, "dtype": tI32}, []arg{six}, is([]float64{0, 1, 0, 0, 0, 1})},
	{"Trilu", 14, nil, []arg{six}, picked(0, 1, 2, -1, 4, 5)},
	{"Trilu", 14, attrs{"upper": 0}, []arg{six, fixed(index([]int{}, 1))}, picked(0, 1, -1, 3, 4, 5)},
	{"OneHot", 13, nil, []arg{index([]int{2}, 1, -1), fixed(index([]int{}, 3)), of([]int{2}, 0, 5)}, is([]float64{0, 5, 0, 0, 0, 5})},
	{"OneHot", 13, attrs{"axis": 0}, []arg{index([]int{2}, 1, 0), list(2), of([]int{2}, 0, 5)}, is([]float64{0, 5, 5, 0})},
}

var indexCases = []opCase{
	{"Gather", 13, nil, []arg{six, index([]int{3}, 1, 0, 1)}, picked(3, 4, 5, 0, 1, 2, 3, 4, 5)},
	{"Gather", 13, attrs{"axis": 1}, []arg{six, fixed(index([]int{}, -1))}, picked(2, 5)},
	{"Gather", 13, attrs{"axis": 1}, []arg{six, list(1, 2)}, picked(1, 2, 4, 5)},
	{"Gather", 13, attrs{"axis": 1}, []arg{six, list(2, -3)}, picked(2, 0, 5, 3)},
	{"GatherElements", 13, attrs{"axis": 1}, []arg{six, index([]int{2, 2}, 0, -1, 1, 0)}, picked(0, 2, 4, 3)},
	{"GatherElements", 13, nil, []arg{six, index([]int{1, 3}, 1, 0, 1)}, picked(3, 1, 5)},
	{"GatherND", 13, nil, []arg{six, index([]int{2, 2}, 0, 1, -1, 2)}, picked(1, 5)},
	{"GatherND", 13, nil, []arg{six, index([]int{1, 1}, 1)}, picked(3, 4, 5)},
	{"ScatterElements", 18, attrs{"axis": 1}, []arg{of([]int{2, 3}, 1, 2, 3, 4, 5, 6), index([]int{2, 1}, 2, -3), of([]int{2, 1}, 9, 8)}, is([]float64{1, 2, 9, 8, 5, 6})},
	{"ScatterElements", 18, attrs{"reduction": "add"}, []arg{of([]int{3}, 1, 2, 3), index([]int{3}, 1, 1, 0), of([]int{3}, 9, 8, 0.5)}, is([]float64{1.5, 19, 3})},
	{"ScatterND", 18, nil, []arg{of([]int{2, 3}, 1, 2, 3, 4, 5, 6), index([]int{1, 1}, 1), of([]int{1, 3}, 0, 8, 9)}, is([]float64{1, 2, 3, 0, 8, 9})},
	{"ScatterND", 18, attrs{"reduction": "add"}, []arg{of([]int{2, 3}, 1, 2, 3, 4, 5, 6), index([]int{2, 2}, 1, 0, 1, 0), of([]int{2}, 10, 20)}, is([]float64{1, 2, 3, 34, 5, 6})},
}

package verify

import "github.com/morgana-ml/morgana/verify/field"

// tape lists how the derivatives of an analysis follow from each other: entry i is Σ by·derivative of
// an earlier entry, or a variable. The derivatives themselves are computed afterwards, for the few
// values that need them (the arguments of exponentials), and for any set of variables.
type tape struct {
	start []int32  // per entry: its first term; the terms of entry i end where those of i+1 begin
	by    []uint64 // per term: a factor in the component of exponents
	of    []int32  // per term: an earlier entry
	leaf  []leaf   // per entry
}

// leaf is the variable that an entry is; kind notLeaf where it is none.
type leaf struct {
	key  uint64
	kind int32
}

// Kinds of variables: the number of an input, or one of these.
const (
	notLeaf    int32 = -1
	leafOpaque int32 = -2 // the value of an opaque function
	leafMax    int32 = -3 // a maximum of model S
	leafOther  int32 = -4 // weights of columns, symbolic extents
	leafInner  int32 = -5 // a basis of inner exponentials, which are independent of all other variables of their component
)

// maxTape bounds the terms of a tape, maxDerivatives the words of derivatives computed from it.
const (
	maxTape        = 1 << 25
	maxDerivatives = 1 << 26
)

// begin opens an entry; 0 is the zero derivative.
func (t *tape) begin(l leaf) int32 {
	if len(t.start) == 0 {
		t.start, t.leaf = append(t.start, 0), append(t.leaf, leaf{kind: notLeaf})
	}
	t.start, t.leaf = append(t.start, int32(len(t.by))), append(t.leaf, l)
	return int32(len(t.start) - 1)
}

func (t *tape) term(by uint64, of int32) {
	if by != 0 && of != 0 {
		t.by, t.of = append(t.by, by), append(t.of, of)
	}
}

func (t *tape) terms(i int32) (lo, hi int32) {
	hi = int32(len(t.by))
	if int(i)+1 < len(t.start) {
		hi = t.start[i+1]
	}
	return t.start[i], hi
}

func (t *tape) full() bool { return len(t.by) > maxTape || len(t.start) > maxTape }

// jacobian is the derivative of each wanted entry along k random directions of the variables that
// isVariable accepts; nil where that would need too many words. A direction gives every variable a
// uniform value of the field, drawn by the variable's key, so that the rank of n rows along k ≥ n
// directions is that of the whole Jacobian but for a probability of about 1/q.
func (t *tape) jacobian(p *field.Prime, dir field.Key, wanted []int32, k int, isVariable func(kind int32) bool) [][]uint64 {
	zero := make([]uint64, k)
	needed := make([]bool, len(t.start))
	var last int32
	for _, w := range wanted {
		if w != 0 {
			needed[w] = true
			last = max(last, w)
		}
	}
	count := 0
	for i := last; i > 0; i-- {
		if !needed[i] {
			continue
		}
		count++
		for lo, hi := t.terms(i); lo < hi; lo++ {
			needed[t.of[lo]] = true
		}
	}
	if count*k > maxDerivatives {
		return nil
	}
	rows := make([][]uint64, last+1)
	words := make([]uint64, count*k)
	for i := int32(1); i <= last; i++ {
		if !needed[i] {
			continue
		}
		if l := t.leaf[i]; l.kind != notLeaf {
			if isVariable(l.kind) {
				rows[i], words = words[:k:k], words[k:]
				dir.Fill(l.key, rows[i])
				for j := range rows[i] {
					rows[i][j] %= p.P
				}
			}
			continue
		}
		for lo, hi := t.terms(i); lo < hi; lo++ {
			u, by := rows[t.of[lo]], t.by[lo]
			if u == nil {
				continue
			}
			if rows[i] == nil {
				rows[i], words = words[:k:k], words[k:]
			}
			for j, x := range u {
				rows[i][j] = p.Add(rows[i][j], p.Mul(by, x))
			}
		}
	}
	out := make([][]uint64, len(wanted))
	for i, w := range wanted {
		if out[i] = zero; w != 0 && rows[w] != nil {
			out[i] = rows[w]
		}
	}
	return out
}

package verify

import (
	"fmt"
	"strings"
	"testing"
)

// groupedHeads are attentions whose query heads share keys, as kernels that merge a group's heads with its queries.
var groupedHeads = []kernelPair{
	{"program p(Q: f32[8, 24, 16], K: f32[2, 40, 16], V: f32[2, 40, 16]) -> (Y) { Y = attention(Q, K, V) }",
		`ugraph p for p(Q: f32[8, 24, 16], K: f32[2, 40, 16], V: f32[2, 40, 16]) -> (Y) {
    G = reshape(Q, shape=[2, 4, 24, 16])
    R = kernel k(V, G, K) grid(a: 2 by 1) loop(f: 16 by 16) {
        v = load(V, a=0, loop=2)
        q = load(G, a=0)
        s = reshape(matmul(reshape(q, shape=[1, 96, 16]), load(K, a=0) * 0.25, transpose_b=true), shape=[1, 4, 24, 40])
        e = exp(s - max(s, axis=3, keepdims=true))
        o = reshape(reshape(e, shape=[1, 96, 40]) @ v, shape=[1, 4, 24, 16])
        store R(a=0, loop=3) = o / sum(e, axis=3, keepdims=true)
    }
    Y = reshape(R, shape=[8, 24, 16])
}`, [][3]string{
			{"key heads taken in turn by query heads", "G = reshape(Q, shape=[2, 4, 24, 16])", "G = transpose(reshape(Q, shape=[4, 2, 24, 16]), perm=[1, 0, 2, 3])"},
			{"the groups' heads in another order", "Y = reshape(R, shape=[8, 24, 16])", "Y = reshape(transpose(R, perm=[1, 0, 2, 3]), shape=[8, 24, 16])"},
			{"the rows of a group taken apart as queries of heads", "o = reshape(reshape(e, shape=[1, 96, 40]) @ v, shape=[1, 4, 24, 16])", "o = transpose(reshape(reshape(e, shape=[1, 96, 40]) @ v, shape=[1, 24, 4, 16]), perm=[0, 2, 1, 3])"},
			{"the heads of a group taken for queries", "q = load(G, a=0)", "q = reshape(transpose(load(G, a=0), perm=[0, 2, 1, 3]), shape=[1, 4, 24, 16])"},
			{"another scale", "* 0.25", "* 0.2500001"},
			{"no scale", "load(K, a=0) * 0.25", "load(K, a=0)"},
			{"a sum over queries", "sum(e, axis=3, keepdims=true)", "sum(sum(e, axis=2, keepdims=true), axis=3, keepdims=true)"},
			{"a maximum over queries left in the numerator", "o / sum(e, axis=3, keepdims=true)", "o / sum(exp(s), axis=3, keepdims=true)"},
			{"the sum of all heads of a group", "sum(e, axis=3, keepdims=true)", "sum(sum(e, axis=1, keepdims=true), axis=3, keepdims=true)"},
			{"keys for values", "v = load(V, a=0, loop=2)", "v = load(K, a=0, loop=2) + 0 * load(V, a=0, loop=2)"},
			{"the groups exchanged", "G = reshape(Q, shape=[2, 4, 24, 16])", "G = reshape(concat(slice(Q, axis=0, start=4), slice(Q, axis=0, end=4), axis=0), shape=[2, 4, 24, 16])"},
		}},
	{"program p(Q: f32[6, 24, 16], K: f32[2, 24, 16], V: f32[2, 24, 16]) -> (Y) { Y = attention(Q, K, V, causal=true) }",
		`ugraph p for p(Q: f32[6, 24, 16], K: f32[2, 24, 16], V: f32[2, 24, 16]) -> (Y) {
    G = reshape(Q, shape=[2, 3, 24, 16])
    R = kernel k(V, G, K) grid(a: 2 by 1) {
        m = load(iota(n=24)) <= reshape(load(iota(n=24)), shape=[24, 1])
        q = load(G, a=0)
        s = where(m, reshape(matmul(reshape(q, shape=[1, 72, 16]), load(K, a=0) * 0.25, transpose_b=true), shape=[1, 3, 24, 24]), -inf)
        e = exp(s - max(s, axis=3, keepdims=true))
        o = reshape(reshape(e, shape=[1, 72, 24]) @ load(V, a=0), shape=[1, 3, 24, 16])
        store R(a=0) = o / sum(e, axis=3, keepdims=true)
    }
    Y = reshape(R, shape=[6, 24, 16])
}`, [][3]string{
			{"a query does not see itself", "load(iota(n=24)) <=", "load(iota(n=24)) < "},
			{"a query sees the next key", "load(iota(n=24)) <=", "load(iota(n=24)) - 1 <="},
			{"queries see what follows them", "load(iota(n=24)) <=", "load(iota(n=24)) >="},
			{"the last key's scores left out", "shape=[1, 3, 24, 24]), -inf)", "shape=[1, 3, 24, 24]) * where(load(iota(n=24)) < 23, 1, 0), -inf)"},
			{"masked scores count 0", "-inf)", "0)"},
			{"the first query sees all", "-inf)", "where(reshape(load(iota(n=24)), shape=[24, 1]) < 1, 1, -inf))"},
			{"key heads taken in turn by query heads", "G = reshape(Q, shape=[2, 3, 24, 16])", "G = transpose(reshape(Q, shape=[3, 2, 24, 16]), perm=[1, 0, 2, 3])"},
			{"no maximum in the denominator", "sum(e, axis=3, keepdims=true)", "sum(exp(s), axis=3, keepdims=true)"},
			{"the mask of keys and queries exchanged", "m = load(iota(n=24)) <= reshape(load(iota(n=24)), shape=[24, 1])", "m = reshape(load(iota(n=24)), shape=[24, 1]) <= load(iota(n=24))"},
		}},
}

func TestGroupedHeads(t *testing.T) { testKernelPairs(t, groupedHeads) }

// TestGroupedHeadsThemselves: an attention is itself at numbers and at symbols, for every number of heads that share keys.
func TestGroupedHeadsThemselves(t *testing.T) {
	for _, heads := range []string{"1", "2", "6", "8", "16"} {
		for _, size := range [][3]string{{"1", "521", ""}, {"64", "512", ""}, {"T", "S", " where T <= 128, S <= 8192"}} {
			for _, how := range []string{"", ", causal=true"} {
				kv := "2"
				if heads == "1" {
					kv = "1"
				}
				text := fmt.Sprintf("program p(Q: f32[%s, %s, 64], K: f32[%s, %s, 64], V: f32[%s, %s, 64]) -> (Y)%s { Y = attention(Q, K, V%s) }",
					heads, size[0], kv, size[1], kv, size[1], size[2], how)
				if r := verifyTexts(t, text, text, 3); !r.Equal {
					t.Errorf("%s: %s", text, r.Reason)
				}
			}
		}
	}
}

// moments is a program whose Y is the determinant of the matrix of n×n moments Σ z^(i+k) of Z, expanded by its last rows.
func moments(head, z string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "program p(%s) -> (Y) {\nZ = %s\nm0 = sum(0 * Z + 1)\nz1 = Z\nm1 = sum(z1)\n", head, z)
	for i := 2; i < 2*n-1; i++ {
		fmt.Fprintf(&b, "z%d = z%d * Z\nm%d = sum(z%d)\n", i, i-1, i, i)
	}
	for cols := 1; cols < 1<<n; cols++ { // the minor of the last rows and these columns
		row := n
		for c := range n {
			row -= cols >> c & 1
		}
		sign, text := "", ""
		for c := range n {
			if cols>>c&1 == 0 {
				continue
			}
			rest := ""
			if cols != 1<<c {
				rest = fmt.Sprintf(" * d%d", cols&^(1<<c))
			}
			text += fmt.Sprintf("%s m%d%s", sign, row+c, rest)
			if sign == "" || sign == " +" {
				sign = " -"
			} else {
				sign = " +"
			}
		}
		fmt.Fprintf(&b, "d%d =%s\n", cols, text)
	}
	fmt.Fprintf(&b, "Y = d%d\n}", 1<<n-1)
	return b.String()
}

// TestMergedColumns: the determinant of n moments vanishes on fewer than n columns, and so on any number of
// them that is made of too few columns of the axes that are merged or joined.
func TestMergedColumns(t *testing.T) {
	for _, c := range [][3]string{
		{"X: f32[256]", "X", "0 * sum(X)"},
		{"X: f32[16, 16]", "reshape(X, shape=[256])", "0 * sum(X)"},
		{"X: f32[4, 8, 8]", "reshape(X, shape=[256])", "0 * sum(X)"},
		{"X: f32[4, 64]", "reshape(X, shape=[256])", "0 * sum(X)"},
		{"X: f32[64, 4]", "reshape(X, shape=[256])", "0 * sum(X)"},
		{"X: f32[S, 16]", "reshape(X, shape=[S * 16])", "0 * sum(X)"},
		{"A: f32[128], B: f32[128]", "concat(A, B, axis=0)", "0 * sum(A) + 0 * sum(B)"},
		{"A: f32[16, 8], B: f32[128]", "concat(reshape(A, shape=[128]), B, axis=0)", "0 * sum(A) + 0 * sum(B)"},
	} {
		where := ""
		if strings.Contains(c[0], "S") {
			where = " where S <= 4096"
		}
		for n := 3; n <= 5; n++ {
			a := strings.Replace(moments(c[0], c[1], n), "-> (Y)", "-> (Y)"+where, 1)
			b := fmt.Sprintf("program p(%s) -> (Y)%s { Y = %s }", c[0], where, c[2])
			if r := verifyTexts(t, a, b, 7); r.Equal {
				t.Errorf("%s: the determinant of %d moments is taken for 0: %v", c[1], n, r.Checks)
			}
			if r := verifyTexts(t, a, a, 7); !r.Equal && n < 5 {
				t.Errorf("%s: the determinant of %d moments is not itself: %s", c[1], n, r.Reason)
			}
		}
	}
}

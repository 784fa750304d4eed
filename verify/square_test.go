package verify

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/morgana-ml/morgana/verify/field"
)

const cxz = "X: f32[8], Z: f32[8], C: f32[]"

// squareCases have maxima as outputs. Right ones that model Q decides, and others, none of which may be accepted:
// laws that hold for few elements, for squares or for factors of one sign only, and right ones that it
// cannot tell from such (undecided).
var squareCases = []struct {
	name, sig, a, b string
	equal           bool
}{
	{"relu(x) - relu(-x)", cxz, "relu(X) - relu(-X)", "X", true},
	{"the maximum of multiples", cxz, "max(2 * X)", "2 * max(X)", true},
	{"the maximum of sums", cxz, "max(X + C)", "max(X) + C", true},
	{"the maximum of sums and multiples", cxz, "max(0.75 * X + C)", "max(X) * 0.75 + C", true},
	{"|x| by maxima", cxz, "abs(X)", "relu(X) + relu(-X)", true},
	{"a negative factor exchanges minimum and maximum", cxz, "max(-3 * X)", "-3 * min(X)", true},
	{"maximum and minimum", cxz, "maximum(X, Z) + minimum(X, Z)", "X + Z", true},
	{"maximum by |x|", cxz, "maximum(X, Z)", "(X + Z + abs(X - Z)) / 2", true},
	{"product of maximum and minimum", cxz, "maximum(X, Z) * minimum(X, Z)", "X * Z", true},
	{"relu of a multiple", cxz, "relu(X / 8) * 8", "relu(X)", true},
	{"leaky relu", cxz, "maximum(X, 0.5 * X)", "relu(X) - 0.5 * relu(-X)", true},
	{"the range", "X: f32[3]", "2 * max(X) - 2 * min(X)", "max(2 * X) + max(-2 * X)", true},

	{"a factor of unknown sign", cxz, "max(C * X)", "C * max(X)", false},
	{"a square factor", cxz, "max(C * C * X)", "C * C * max(X)", false}, // right
	{"a negative factor", cxz, "max(-2 * X)", "-2 * max(X)", false},
	{"a factor with a prime above 31", cxz, "max(37 * X)", "37 * max(X)", false}, // right
	{"a negative factor with a prime above 31", cxz, "max(-37 * X)", "-37 * max(X)", false},
	{"another factor", cxz, "max(2 * X)", "3 * max(X)", false},
	{"relu of a product", cxz, "relu(X * Z)", "relu(X) * relu(Z)", false},
	{"|x + z|", cxz, "abs(X + Z)", "abs(X) + abs(Z)", false},
	{"relu of a sum", cxz, "relu(X + Z)", "relu(X) + relu(Z)", false},
	{"maximum of sums", cxz, "max(X + Z)", "max(X) + max(Z)", false},
	{"the identity", cxz, "relu(X)", "X", false},
	{"|x| for x", cxz, "abs(X)", "X", false},
	{"a cap far away", cxz, "minimum(X, 1000)", "X", false},
	{"a threshold far below", cxz, "maximum(X, -65504) * 2", "2 * X", false},
	{"sign times x", cxz, "sign(X) * X", "abs(X)", false}, // right
	{"relu of a sum of squares less something", cxz, "relu(X * X + 1 - Z * Z / 1000000)", "X * X + 1 - Z * Z / 1000000", false},
	{"opposite squares", cxz, "relu(-37 * X * X)", "relu(X * X * 37) - X * X * 37", false}, // right
	{"a square with a prime above 31", cxz, "relu(37 * X * X - Z * Z)", "relu(Z * Z - 37 * X * X)", false},
	{"the cube of a maximum", cxz, "max(X * X * X)", "max(X) * max(X) * max(X)", false}, // right
	{"the square of a maximum", cxz, "max(X * X)", "max(X) * max(X)", false},
	{"the mean for the maximum of two", "A: f32[1], B: f32[1]", "maximum(A, B)", "(A + B) / 2", false},
	{"three of four", "A: f32[1], B: f32[1], C: f32[1], D: f32[1]", "2 * maximum(maximum(A, B), maximum(C, D))", "maximum(maximum(2 * A, 2 * B), 2 * C) + 0 * D", false},
	{"a majority of three", "A: f32[1], B: f32[1], C: f32[1]", "maximum(minimum(A, B), maximum(minimum(A, C), minimum(B, C)))", "minimum(maximum(A, B), C)", false},
	{"five elements, shifted wrongly", "X: f32[5], C: f32[]", "max(X + C)", "max(X) + 2 * C", false},
	{"five elements, a power mean of differences", "X: f32[5]", "max(2 * X)", "2 * max(X) + relu(-sum(square(X - max(X))))  - relu(min(X) - max(X) + 0.001)", false},
	{"a mean with odd moments", "X: f32[2]", "max(2 * X)", "2 * (mean(X) + mean(square(X - mean(X))) / abs(sum((X - mean(X)) * (X - mean(X)) * (X - mean(X)))))", false},
	{"a cell of three", "X: f32[1], Z: f32[1], C: f32[1]", "maximum(maximum(X, Z), C) * 2", "maximum(maximum(2 * X, 2 * Z), 2 * C) + relu(minimum(X, minimum(Z, C)) - 3)", false},
	{"opaque functions beside", cxz, "relu(erf(X)) - relu(-erf(X))", "erf(X)", false}, // right
	{"exponentials beside", cxz, "max(2 * exp(X))", "2 * exp(max(X))", false},         // right
}

// squareTerms are pairs and how many independent differences decide them; 0: they are refused, for this reason.
var squareTerms = []struct {
	sig, a, b string
	classes   int
	reason    string
}{
	{"X: f32[]", "relu(X) - relu(-X)", "X", 1, ""},
	{"A: f32[], B: f32[], C: f32[]", "2 * maximum(maximum(A, B), C)", "maximum(2 * A, 2 * B)", 3, ""},
	{"A: f32[], B: f32[], C: f32[]", "maximum(A, B) + relu(A - B)", "C", 1, ""},
	{cxz, "max(37 * X)", "37 * max(X)", 0, "a square or a constant"},
	{cxz, "max(-37 * X)", "-37 * max(X)", 0, "a square or a constant"},
	{cxz, "max(C * C * X)", "C * C * max(X)", 0, "a square or a constant"},
	{cxz, "relu(X * Z)", "relu(X) * relu(Z)", 0, "a square or a constant"},
	{cxz, "relu(37 * (X + Z) / Z)", "relu((X + Z) * Z)", 0, "a square or a constant"},
	{cxz, "relu(relu(X) * X)", "relu(X) * X", 0, "contain maxima"},
	{cxz, "maximum(X, erf(Z))", "X", 0, "opaque"},
	{"X: f32[], A: f32[], B: f32[], C: f32[], D: f32[]", "maximum(maximum(X, A), maximum(maximum(B, C), D))", "X + 0 * A", 0, "differences decide"},
	{cxz, "relu(X * 0.1234567890123456789)", "relu(X)", 0, "literals"},
}

// TestSquareTerms: what is compared is independent modulo squares, or refused; and over small fields no signs are
// rarer than the bound says. The second pair differs where C is the greatest alone.
func TestSquareTerms(t *testing.T) {
	for _, c := range squareTerms {
		t.Run(c.a+" and "+c.b, func(t *testing.T) {
			check, in := rateCheck(t, program(c.sig, c.a), program(c.sig, c.b))
			st := setting{model: field.Q, roots: field.OpaqueRoots, weighted: true, comps: 1, cycle: squareChains}
			b, err := check.bound(in, st)
			var un *errUndecided
			switch {
			case c.classes == 0 && (!errors.As(err, &un) || !strings.Contains(err.Error(), c.reason)):
				t.Fatalf("%v, want a refusal with %q", err, c.reason)
			case c.classes == 0:
				return
			case err != nil:
				t.Fatal(err)
			case b.squares != c.classes || b.cells > math.Exp2(-float64(c.classes)):
				t.Errorf("%d classes and signs with probability %g, want %d", b.squares, b.cells, c.classes)
			}
			for _, p := range []uint64{1031, 4007} { // 2 is a square, −1 is none
				accepted, rejected, _ := check.acceptance(t, in, st, p, 2000)
				n := float64(accepted + rejected)
				least := n*(math.Exp2(-float64(c.classes))-8/math.Sqrt(float64(p))) - 3*math.Sqrt(n)
				if equal := c.a == squareTerms[0].a; equal && rejected > 0 || !equal && float64(rejected) < least {
					t.Errorf("p = %d: accepted %d, rejected %d, want at least %.0f rejected", p, accepted, rejected, least)
				}
			}
		})
	}
}

// TestSquareOrder takes about a third of a second per accepted pair.
func TestSquareOrder(t *testing.T) {
	for _, c := range squareCases {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(2) {
				r := verifyTexts(t, program(c.sig, c.a), program(c.sig, c.b), seed)
				if r.Equal != c.equal || r.Equal && r.Model != "Q" {
					t.Errorf("equal %v, want %v, model %s: %s; %v", r.Equal, c.equal, r.Model, r.Reason, r.Checks)
				}
				t.Log(r.Tests, r.ErrorLog2, r.Checks, r.Reason)
			}
		})
	}
}

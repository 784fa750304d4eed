package text

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/morgana-ml/morgana/ugraph"
)

// checkFormat checks that Format is idempotent and keeps the graphs, and returns the canonical form.
func checkFormat(t *testing.T, name string, src []byte) string {
	t.Helper()
	once, err := Format(name, src)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := Format(name, once)
	if err != nil {
		t.Fatalf("%v\n%s", err, once)
	}
	if !bytes.Equal(once, twice) {
		t.Errorf("%s: not idempotent:\n%s\nthen\n%s", name, once, twice)
	}
	a, errA := Parse(name, src)
	b, errB := Parse(name, once)
	if len(a) != len(b) || (errA == nil) != (errB == nil) {
		t.Fatalf("%s: formatting changed what is parsed: %v, %v\n%s", name, errA, errB, once)
	}
	for i := range a {
		if d := ugraph.Diff(a[i], b[i]); d != "" {
			t.Errorf("%s: %s\n%s", name, d, once)
		}
	}
	return string(once)
}

func TestFormat(t *testing.T) {
	const src = `// About the file.

// p adds.
program p( X : f32[ 2,S ], // rows
  // the weight
  W: const f32[S,2*S]  ,
) -> ( Y:f16 ,Z ) where S<=8 , S%2==0 { // begin


  A = X@W*.5 // product


  // B next
  B=sum( A ,axis = -1,
     // inside
     keepdims=true )
  Y= -(A+B)/ 2E3
  Z = reshape(A, shape=[2*S*2]) // last
  // end
} // after
// far
program q(X:f32[]) -> (Y) {
  Y = exp(X) }
// bye`
	const want = `// About the file.

// p adds.
program p(
    X: f32[2, S],  // rows
    // the weight
    W: const f32[S, 2*S],
) -> (Y: f16, Z) where S <= 8, S % 2 == 0 {  // begin
    A = X @ W * 0.5  // product

    // B next
    // inside
    B = sum(A, axis=-1, keepdims=true)
    Y = -(A + B) / 2e3
    Z = reshape(A, shape=[2*S*2])  // last
    // end
}  // after

// far
program q(X: f32[]) -> (Y) {
    Y = exp(X)
}
// bye
`
	if got := checkFormat(t, "p.ug", []byte(src)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFormatPrinted checks that what Print writes is canonical already.
func TestFormatPrinted(t *testing.T) {
	if got := checkFormat(t, "u.ug", []byte(rmsnormLinear)); got != rmsnormLinear {
		t.Errorf("got\n%s\nwant\n%s", got, rmsnormLinear)
	}
	files, _ := filepath.Glob("../../models/programs/*.ug")
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		checkFormat(t, f, src)
		gs, err := Parse(f, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range gs {
			if p := Print(g); p != checkFormat(t, f, []byte(p)) {
				t.Errorf("%s: Print is not canonical:\n%s", f, p)
			}
		}
	}
}

package kernel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// eachLevel runs f at every level that this processor has.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	was := Level()
	defer func() {
		if err := Use(was); err != nil {
			t.Fatal(err)
		}
	}()
	for _, name := range Levels() {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		t.Run(name, f)
	}
}

// random returns n numbers of N(0,1).
func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// same compares bits, all NaNs being equal and both zeros too.
func same(a, b float32) bool {
	return a == b || a != a && b != b
}

// specials are the numbers at which formulas break.
var specials = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, 2, 3,
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, -0x1p-126, 0x1.fffffcp-127,
	math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	65504, 65519, 65520, 448, 464, 0x1p-14, 0x1p-24, 0x1p-25, 1e30, -1e30,
}

// TestSignOfZero: every level agrees on the sign of zeros: 0 is larger than −0 (IEEE 754-2019, maximum and minimum),
// and sign keeps it.
func TestSignOfZero(t *testing.T) {
	minus := float32(math.Copysign(0, -1))
	eachLevel(t, func(t *testing.T) {
		for _, n := range []int{1, 7, 8, 9, 33} { // tails and whole vectors
			zeros := func(v float32) []float32 { return slices.Repeat([]float32{v}, n) }
			check := func(what string, got []float32, want float32) {
				t.Helper()
				for i, v := range got {
					if math.Float32bits(v) != math.Float32bits(want) {
						t.Fatalf("%s of %d: element %d is %x, want %x", what, n, i, math.Float32bits(v), math.Float32bits(want))
					}
				}
			}
			out := make([]float32, n)
			for _, c := range []struct {
				a, b, max, min float32
			}{{0, minus, 0, minus}, {minus, 0, 0, minus}, {minus, minus, minus, minus}, {0, 0, 0, 0}} {
				Binary(Maximum, out, zeros(c.a), zeros(c.b))
				check("maximum", out, c.max)
				Binary(Minimum, out, zeros(c.a), zeros(c.b))
				check("minimum", out, c.min)
				both := append(zeros(c.a), zeros(c.b)...)
				check("max", []float32{Max(both)}, c.max)
				check("min", []float32{Min(both)}, c.min)
			}
			Unary(Relu, out, zeros(minus))
			check("relu(-0)", out, 0)
			Unary(Sign, out, zeros(minus))
			check("sign(-0)", out, minus)
			Unary(Sign, out, zeros(0))
			check("sign(0)", out, 0)
		}
	})
}

func TestUse(t *testing.T) {
	defer func() {
		if err := Use(""); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range Levels() {
		if err := Use(name); err != nil || Level() != name {
			t.Errorf("Use(%q): level %q, error %v", name, Level(), err)
		}
	}
	before := Level()
	if err := Use("abacus"); err == nil || !strings.Contains(err.Error(), "generic") {
		t.Errorf(`Use("abacus"): error %v, want one that lists the levels`, err)
	}
	if Level() != before {
		t.Errorf("a failed Use changed the level to %q", Level())
	}
}

// TestEnvironment runs this test binary again with MORGANA_CPU set.
func TestEnvironment(t *testing.T) {
	if os.Getenv("MORGANA_KERNEL_CHILD") != "" {
		err := "none"
		if e := EnvError(); e != nil {
			err = e.Error()
		}
		os.Stdout.WriteString("level=" + Level() + " error=" + err + "\n")
		return
	}
	best := Levels()[len(Levels())-1]
	for _, c := range []struct{ value, want string }{
		{"", "level=" + best + " error=none"},
		{"generic", "level=generic error=none"},
		{best, "level=" + best + " error=none"},
		{"abacus", "level=" + best + ` error=MORGANA_CPU: no CPU level "abacus"`},
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnvironment$")
		cmd.Env = append(os.Environ(), "MORGANA_KERNEL_CHILD=1", "MORGANA_CPU="+c.value)
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("MORGANA_CPU=%q: %q, %v; want %q", c.value, out, err, c.want)
		}
	}
}

// TestGenerated runs the generator and compares what it prints with the committed files.
func TestGenerated(t *testing.T) {
	directive, err := os.ReadFile("generate.go")
	if err != nil {
		t.Fatal(err)
	}
	_, command, ok := strings.Cut(string(directive), "//go:generate go ")
	if !ok {
		t.Fatal("generate.go has no directive")
	}
	args := strings.Fields(command)
	files := slices.Clone(args[len(args)-2:])
	dir := t.TempDir()
	for i, f := range files {
		args[len(args)-2+i] = filepath.Join(dir, f)
	}
	if out, err := exec.Command(filepath.Join(runtime.GOROOT(), "bin", "go"), args...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "missing go.sum entry") || strings.Contains(string(out), "dial tcp") ||
			strings.Contains(string(out), "module lookup disabled") {
			t.Skipf("the generator's module is not at hand: %s", out)
		}
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what gen prints; run go generate", f)
		}
	}
}

package kernel

import (
	"fmt"
	"os"
	"strings"
)

type (
	unaryFunc  func(dst, x []float32)
	binaryFunc func(dst, a, b []float32)
	scalarFunc func(dst, a []float32, s float32)

	// microFunc computes rows×cols of C from rows of A and k rows of a panel of B:
	// C[i,j] (+)= Σ_p a[i·ars+p·acs] · b[p·ldb+j]. The number of rows is the function's own; cols is
	// read by the edge functions only. Strides count elements. Beginning ahead bytes after b, each p
	// prefetches a line and goes pfStep bytes further; both are numbers and not a pointer, which
	// must not leave B.
	microFunc func(c *float32, ldc int, a *float32, ars, acs int, b *byte, ldb, k, cols int,
		accumulate bool, ahead, pfStep int)
)

// table is one level: every loop of the package. All slices that its functions are given are
// non-empty and as long as dst or as x.
type table struct {
	name string

	unary        [numUnary]unaryFunc
	binary       [numBinary]binaryFunc
	vectorScalar [numBinary]scalarFunc
	scalarVector [numBinary]scalarFunc // Sub and Div only
	mulAdd       func(dst, x []float32, a, b float32)
	axpy         func(dst, x, y []float32, a float32)
	fusedMulAdd  func(dst, a, b, c []float32)
	expSum       func(dst, x []float32, c float32) float32

	sum, max, min func(x []float32) float32
	dot           func(a, b []float32) float32

	fromF16, fromBF16 func(dst []float32, src []uint16)
	toF16, toBF16     func(dst []uint16, src []float32)

	transpose8 func(dst *float32, ldd int, src *float32, lds, cols int) // 8 rows; nil: none

	packFour func(dst, src *float32, ld, k int) // k > 0 rows of 64 elements to four panels
	prefetch func(at uintptr, stride, n int)    // n > 0 lines, stride bytes apart; at need not be memory of ours

	micro [numWeights][microRows + 1]microFunc // by element type of B and rows: 16 columns
	edge  [numWeights][microRows + 1]microFunc // the same for 1 to 8 columns

	fmaLoop  func(n int)    // n times 96 fused multiply-adds
	readLoop func(x []byte) // reads x, a multiple of 256 bytes
}

// active is the level in use; levels are those that this processor has, the best one last.
var (
	levels = append([]*table{genericTable()}, archTables()...)
	active = levels[len(levels)-1]
	envErr = Use(os.Getenv("MORGANA_CPU"))
)

// Level is the name of the level in use.
func Level() string { return active.name }

// Levels are the names of the levels that this processor has, the best one last.
func Levels() []string {
	names := make([]string, len(levels))
	for i, t := range levels {
		names[i] = t.name
	}
	return names
}

// Use switches to the level called name, or to the best one if name is empty. It must not be called
// while kernels run.
func Use(name string) error {
	if name == "" {
		active = levels[len(levels)-1]
		return nil
	}
	for _, t := range levels {
		if t.name == name {
			active = t
			return nil
		}
	}
	return fmt.Errorf("no CPU level %q here (have %s)", name, strings.Join(Levels(), " "))
}

// EnvError tells what is wrong with the environment variable MORGANA_CPU; nil if nothing is. When
// it is not nil the best level is in use.
func EnvError() error {
	if envErr != nil {
		return fmt.Errorf("MORGANA_CPU: %w", envErr)
	}
	return nil
}

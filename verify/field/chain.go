package field

import (
	"fmt"
	"sync"
)

// MaxComponents is the greatest length of a chain.
const MaxComponents = 4

// Chain is a Cunningham chain of the first kind, p_{i+1} = 2·p_i + 1: component i is the field of
// exponents for component i+1, because Z_{p_{i+1}}^* has exactly one subgroup of order p_i.
type Chain struct {
	N  int // components
	Pr [MaxComponents]Prime
}

// NewChain builds the chain of n primes that begins with p0. The caller vouches that all of them
// are prime and ≡ 3 mod 4.
func NewChain(p0 uint64, n int) (*Chain, error) {
	if n < 1 || n > MaxComponents {
		return nil, fmt.Errorf("field: a chain has 1 to %d components, not %d", MaxComponents, n)
	}
	c := &Chain{N: n}
	for i, p := 0, p0; i < n; i, p = i+1, 2*p+1 {
		if i > 0 && p <= c.Pr[i-1].P {
			return nil, fmt.Errorf("field: component %d of the chain of %d overflows 64 bits", i, p0)
		}
		c.Pr[i] = NewPrime(p)
	}
	return c, nil
}

// poolA holds the first primes of chains of length 3 below 2^63, poolB of length 4 below 2^64.
// Every p0 ≡ −1 modulo 4·31# = 802241960520, so that −1 is no square and 2, 3, …, 31 are squares
// in every component. The numbers are those of the verification theory, section 1.1; the tests of
// this package check each claim.
var (
	poolA = [...]uint64{
		2305721212004650439, 2305405128672205559, 2305275165474601319, 2305243075796180519,
		2305029679434682199, 2304916563318248879, 2304835536880236359, 2304683913149698079,
	}
	poolB = [...]uint64{
		2305721212004650439, 2304221821780438559, 2303893704818585879, 2302874857528725479,
	}
)

type chainKey struct{ test, n int }

var chains sync.Map // chainKey → *Chain

// PoolChain is the chain for test number test with n components: pool A up to three components
// (two nested exponentials), pool B for four. Consecutive tests take different chains, so that a
// constant which happens to vanish modulo one prime is seen by another.
func PoolChain(test, n int) *Chain {
	if n < 1 || n > MaxComponents {
		panic(fmt.Sprintf("field: no pool has chains of %d components", n))
	}
	pool := poolA[:]
	if n == MaxComponents {
		pool = poolB[:]
	}
	k := chainKey{test % len(pool), n}
	if c, ok := chains.Load(k); ok {
		return c.(*Chain)
	}
	c, err := NewChain(pool[k.test], n)
	if err != nil {
		panic(err)
	}
	chains.Store(k, c)
	return c
}

// LogQ is log2 of the smallest prime of the chain, the q of the error bounds.
func (c *Chain) LogQ() float64 { return log2u(c.Pr[0].P) }

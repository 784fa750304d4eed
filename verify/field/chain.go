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

//go:generate go run genchains.go

// poolPeriod is 4·31#. Every p0 of a pool is ≡ −1 modulo it, so that −1 is no square and 2, 3, …, 31 are
// squares in every component (verification theory, section 1.1); the tests of this package check it.
const poolPeriod = 802241960520

// The pools are public, so a literal could be made that vanishes modulo chosen primes. A test draws its
// chain by a key that program, candidate and seed decide. Of a pool's chains a number of h bits is 0 in
// at most h/60.

func pool(n int) []uint32 {
	if n == MaxComponents {
		return poolB[:]
	}
	return poolA[:]
}

// PoolSize is the number of chains from which those of n components are drawn.
func PoolSize(n int) int { return len(pool(n)) }

// PoolLogQ is log2 of the smallest first prime of the chains of n components, the q of the error bounds.
func PoolLogQ(n int) float64 {
	ks := pool(n)
	return log2u(uint64(ks[len(ks)-1])*poolPeriod - 1)
}

type chainKey struct{ index, n int }

var chains sync.Map // chainKey → *Chain

// PoolChain is chain number index, modulo the size of the pool, with n components.
func PoolChain(index, n int) *Chain {
	if n < 1 || n > MaxComponents || index < 0 {
		panic(fmt.Sprintf("field: no pool has chain %d of %d components", index, n))
	}
	ks := pool(n)
	k := chainKey{index % len(ks), n}
	if c, ok := chains.Load(k); ok {
		return c.(*Chain)
	}
	c, err := NewChain(uint64(ks[k.index])*poolPeriod-1, n)
	if err != nil {
		panic(err)
	}
	chains.Store(k, c)
	return c
}

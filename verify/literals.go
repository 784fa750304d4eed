package verify

import (
	"fmt"
	"math"
	"math/big"

	"github.com/morgana-ml/morgana/ugraph"
	"github.com/morgana-ml/morgana/verify/field"
)

// The primes of the pool are public. A program could have a literal, or a few that add and multiply up to a
// number, that is 0 modulo some of them: X + p·q is X there. Each test therefore draws its chain by a key
// that depends on both graphs and the seed, and what the literals can do is counted: a number that is made of literals
// of H bits in all is divided by at most H/60 primes of more than 60 bits, each in one place of one
// chain. That share of the pool joins the error of a test.

// chain is the chain of primes of try number try of a test.
func (c *check) chain(test, try, comps int) *field.Chain {
	k := c.key.Label("chains")
	return field.PoolChain(int(k.Word(uint64(test), uint64(try))>>32), comps)
}

// literalBits is the length of numerators and denominators of the distinct numbers that both graphs write
// and that are not variables.
func (c *check) literalBits(sp *field.Space) int {
	seen := map[string]bool{}
	bits := 0
	see := func(n ugraph.Number) {
		r := n.Rat()
		if r == nil || n.IsInf() != 0 || seen[r.String()] || sp.Symbol(r) {
			return
		}
		seen[r.String()] = true
		bits += oddBits(r.Num()) + oddBits(r.Denom())
	}
	for _, g := range []*ugraph.Graph{c.a, c.b} {
		eachNode(g, func(n *ugraph.Node) {
			for _, a := range n.Attrs {
				if a.Kind == ugraph.AttrNumber && factors[a.Name] {
					see(a.Number)
				}
			}
		})
	}
	return bits
}

// factors are the attributes whose numbers an evaluation computes with; others are axes and positions.
var factors = map[string]bool{"value": true, "eps": true, "scale": true, "min": true, "max": true}

// oddBits is the length of a number without its powers of two, which no prime of the pool divides; 0 for 1.
func oddBits(n *big.Int) int {
	if n.Sign() == 0 {
		return 0
	}
	b := n.BitLen() - int(n.TrailingZeroBits())
	if b == 1 {
		return 0
	}
	return b
}

// eachNode visits the operators of a graph and of its kernels and thread graphs.
func eachNode(g *ugraph.Graph, visit func(*ugraph.Node)) {
	for i := range g.Nodes {
		visit(&g.Nodes[i])
		if b := g.Nodes[i].Body; b != nil {
			eachNode(b, visit)
		}
	}
}

// literalPrime is the least length of a prime of the pools, less one bit.
const literalPrime = 60

// maxLiteralShare is the share of the pool's chains that literals may divide.
const maxLiteralShare = 1.0 / 8

// literals adds to the bound the share of chains in which a number made of literals may vanish.
func (b *bound) literals(bits, comps int) error {
	b.literalBits = bits
	n := bits / literalPrime
	if n == 0 {
		return nil
	}
	share := float64(n) / float64(field.PoolSize(comps))
	if share > maxLiteralShare {
		return &errUndecided{fmt.Sprintf("the literals have %d bits: they could be chosen to vanish modulo %d of the %d chains of primes", bits, n, field.PoolSize(comps))}
	}
	b.log2 = math.Log2(math.Exp2(b.log2) + share)
	return nil
}

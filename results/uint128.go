package results

import (
	"math/big"
	"math/bits"
)

// uint128 is an exact sum. Sums kept as integers make a merge independent of its order, which floating point is not.
type uint128 struct{ hi, lo uint64 }

func (a *uint128) add(b uint128) {
	var carry uint64
	a.lo, carry = bits.Add64(a.lo, b.lo, 0)
	a.hi, _ = bits.Add64(a.hi, b.hi, carry)
}

func product(a, b uint64) uint128 {
	hi, lo := bits.Mul64(a, b)
	return uint128{hi, lo}
}

// scaled returns a*n, which must fit.
func scaled(a uint128, n uint64) uint128 {
	p := product(a.lo, n)
	p.hi += a.hi * n
	return p
}

func (a uint128) big() *big.Int {
	n := new(big.Int).SetUint64(a.hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a.lo))
}

func (a uint128) float() float64 {
	f, _ := new(big.Float).SetInt(a.big()).Float64()
	return f
}

package metric

import "math"

// MinSamples is how many samples the quantile q needs before a table shows it: the least n with q^n <= 0.05, so that with
// 95% confidence the largest sample lies above the quantile (n >= ln 0.05 / ln q). p50 needs 5, p99 299, p99.9 2,995. q is above 0
// and below 1.
func MinSamples(q float64) int {
	return max(1, int(math.Ceil(math.Log(0.05)/math.Log(q))))
}

// RankInterval gives the ranks lo <= hi, counted from 1, of the samples between which the quantile q of the population
// lies with at least 95% confidence, from n independent samples: at most 2.5% each way, by the exact binomial
// distribution (Conover, Practical Nonparametric Statistics, 3.2). Where the sample is too small to bound a side, lo is
// 0 or hi is n+1. q is above 0 and below 1.
func RankInterval(q float64, n int) (lo, hi int) {
	return lowerTail(q, n) + 1, n - lowerTail(1-q, n)
}

// lowerTail is the largest k with P(B <= k) <= 0.025 for B binomial(n, p), -1 when there is none.
func lowerTail(p float64, n int) int {
	const tail = 0.025
	mean := float64(n) * p
	// Below twelve deviations (and twelve, for the skewed cases) lies less than rounding.
	k := max(0, int(mean-12*math.Sqrt(mean*(1-p))-12))
	term := math.Exp(logBinomial(p, n, k))
	for sum := term; sum <= tail && k < n; k++ {
		term *= float64(n-k) / float64(k+1) * p / (1 - p)
		sum += term
	}
	return k - 1
}

// logBinomial is the logarithm of P(B = k).
func logBinomial(p float64, n, k int) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	in, _ := math.Lgamma(float64(k + 1))
	out, _ := math.Lgamma(float64(n - k + 1))
	return all - in - out + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
}

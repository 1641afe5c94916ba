// Package compare judges whether a change is real: two stored runs, or interleaved pairs of runs.
//
// Goals: a verdict only where the data prove one, "undecided" with what is missing where they do not; intervals and
// verdicts that cannot contradict each other, since both come from one test; failures that count as slower than every
// success; the same input gives the same bytes.
//
// Non-goals: running anything, reading run folders, printing. No verdict rests on one number of each side.
//
// A change of a time or a rate is relative and computed as the logarithm of new / base, so that 10% more and 10% less are
// as far from nothing; that of a share is the difference. The unit of observation is never the request, because requests
// of one run are correlated: it is the pair of runs, the repeat of a stage, or a block of successive requests. The
// methods and their limits are in docs/compare.md.
package compare

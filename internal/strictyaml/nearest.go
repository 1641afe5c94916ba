package strictyaml

import "strings"

// Nearest returns the word among known that is likely to be meant, "" when none is close. Capitals, dashes and underscores do not
// count as differences.
func Nearest(word string, known []string) string {
	best, least := "", (len(word)+1)/3
	for _, k := range known {
		if max(len(k)-len(word), len(word)-len(k)) > least {
			continue
		}
		if d := distance(fold(word), fold(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	return best
}

func fold(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "-", "_"))
}

// mostCompared bounds the words that are compared, in bytes.
const mostCompared = 64

type distances [mostCompared + 1][mostCompared + 1]uint8

// distance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string
// alignment).
func distance(a, b string) int {
	if len(a) > mostCompared || len(b) > mostCompared {
		return mostCompared
	}
	var rows distances
	for i := range len(a) + 1 {
		for j := range len(b) + 1 {
			rows[i][j] = cell(&rows, a, b, i, j)
		}
	}
	return int(rows[len(a)][len(b)])
}

// cell is the distance of the first i bytes of a and the first j of b, from those of shorter ones.
func cell(rows *distances, a, b string, i, j int) uint8 {
	if i == 0 || j == 0 {
		return uint8(i + j)
	}
	replace := rows[i-1][j-1]
	if a[i-1] != b[j-1] {
		replace++
	}
	best := min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		best = min(best, rows[i-2][j-2]+1)
	}
	return best
}

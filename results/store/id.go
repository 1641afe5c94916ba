package store

import (
	"fmt"
	"strings"
	"time"
)

// NewID names a run so that names sort by time: 20060102T150405Z-chat-sweep-1f0a. What a file name does not take is a
// dash; rnd keeps runs of one second apart.
func NewID(now time.Time, name string, rnd uint16) string {
	const longest = 40
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		plain := r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
		switch {
		case b.Len() == longest:
		case plain:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	slug := strings.TrimRight(b.String(), "-")
	if slug == "" {
		slug = "run"
	}
	return fmt.Sprintf("%s-%s-%04x", now.UTC().Format("20060102T150405Z"), slug, rnd)
}

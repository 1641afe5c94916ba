package results

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// SelfTest is what a machine's last selftest found: the highest loads under which its times can be trusted, 0 where none of
// its kind was tested or trusted.
type SelfTest struct {
	Date        time.Time `json:"date"`
	ToolVersion string    `json:"tool_version"`
	Streams     int       `json:"trusted_streams"`    // at once
	RatePerS    int       `json:"trusted_rate_per_s"` // requests a second
}

// Loads says up to which loads, such as "up to 400 streams and 500 requests/s".
func (t *SelfTest) Loads() string {
	var up []string
	if t.Streams > 0 {
		up = append(up, fmt.Sprintf("%d streams", t.Streams))
	}
	if t.RatePerS > 0 {
		up = append(up, fmt.Sprintf("%d requests/s", t.RatePerS))
	}
	if len(up) == 0 {
		return "under no load that was tested"
	}
	return "up to " + strings.Join(up, " and ")
}

// Beyond names the first of the stages whose load is above what was trusted; empty where none is. Of a kind of load that was
// not tested, nothing is known and nothing said.
func (t *SelfTest) Beyond(stages []StageSummary) string {
	for i := range stages {
		l := &stages[i].Load
		streams := l.Concurrency
		if l.BatchMode == "concurrent" {
			streams *= cmp.Or(l.BatchSize, 1)
		}
		if t.Streams > 0 && streams > t.Streams || t.RatePerS > 0 && l.Rate > float64(t.RatePerS) {
			return stages[i].Name
		}
	}
	return ""
}

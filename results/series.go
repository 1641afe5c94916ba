package results

// A stage's course is kept on a grid of the run's clock, so that the grids of several workers fall together. The width
// doubles whenever the stage outgrows maxPoints.
const (
	baseWidthNS = int64(100e6)
	maxPoints   = 600
	// maxSpanNS bounds the grid against hostile stamps: 52 days.
	maxSpanNS = int64(1) << 52
)

// series counts what happened in each interval. The zero value is ready for use.
type series struct {
	width int64 // 0 before the first event
	first int64 // grid index of bins[0]
	bins  []bin
}

// bin is one interval. In flight is kept as two integers, so that a request costs two updates however long it takes:
// delta is starts less ends inside, area the request-nanoseconds that they add inside.
type bin struct {
	tokens, ok, failed int64
	delta, area        int64
}

func (b *bin) addCounts(o bin) {
	b.tokens += o.tokens
	b.ok += o.ok
	b.failed += o.failed
}

// at returns the interval that holds ns, making room for it.
func (s *series) at(ns int64) *bin {
	ns = min(max(ns, 0), maxSpanNS)
	if s.width == 0 {
		s.width, s.first = baseWidthNS, ns/baseWidthNS
	}
	for s.span(ns) > maxPoints {
		s.double()
	}
	i := ns / s.width
	if lead := s.first - i; lead > 0 {
		s.bins = append(make([]bin, lead, lead+int64(len(s.bins))), s.bins...)
		s.first = i
	}
	for i-s.first >= int64(len(s.bins)) {
		s.bins = append(s.bins, bin{})
	}
	return &s.bins[i-s.first]
}

// span returns how many intervals the course would have with ns in it.
func (s *series) span(ns int64) int64 {
	i, last := ns/s.width, s.first+int64(len(s.bins))-1
	return max(i, last) - min(i, s.first) + 1
}

// double merges neighbours into intervals of twice the width.
func (s *series) double() {
	first := s.first / 2
	bins := make([]bin, 0, len(s.bins)/2+1)
	for i, b := range s.bins {
		at := (s.first+int64(i))/2 - first
		if at == int64(len(bins)) {
			bins = append(bins, bin{})
			if (s.first+int64(i))%2 == 0 {
				// The left half: what it leaves in flight runs through the right one.
				b.area += b.delta * s.width
			}
			bins[at] = b
			continue
		}
		bins[at].area += b.area
		bins[at].delta += b.delta
		bins[at].addCounts(b)
	}
	s.first, s.width, s.bins = first, 2*s.width, bins
}

// flight counts one request in flight from start to end.
func (s *series) flight(start, end int64) {
	s.step(start, 1)
	s.step(end, -1)
}

func (s *series) step(ns, delta int64) {
	ns = min(max(ns, 0), maxSpanNS)
	b := s.at(ns)
	b.delta += delta
	b.area += delta * (s.width - ns%s.width)
}

// merge adds the course of another collector of the same stage.
func (s *series) merge(o *series) {
	if o.width == 0 {
		return
	}
	other := series{width: o.width, first: o.first, bins: append([]bin(nil), o.bins...)}
	if s.width == 0 {
		*s = other
		return
	}
	for s.width < other.width {
		s.double()
	}
	// Room for both ends first: it may double the width.
	for edge := range 2 {
		s.at((other.first + int64(edge*(len(other.bins)-1))) * other.width)
	}
	for other.width < s.width {
		other.double()
	}
	for i, b := range other.bins {
		into := s.at((other.first + int64(i)) * s.width)
		into.delta += b.delta
		into.area += b.area
		into.addCounts(b)
	}
}

// points returns the course as rates.
func (s *series) points() []Point {
	points := make([]Point, 0, len(s.bins))
	var inFlight int64
	for i, b := range s.bins {
		seconds := float64(s.width) / 1e9
		points = append(points, Point{
			TS:               float64((s.first+int64(i))*s.width) / 1e9,
			DurationS:        seconds,
			OutputTokensPerS: float64(b.tokens) / seconds,
			RequestsPerS:     float64(b.ok) / seconds,
			FailedPerS:       float64(b.failed) / seconds,
			InFlight:         float64(inFlight) + float64(b.area)/float64(s.width),
		})
		inFlight += b.delta
	}
	return points
}

package promscrape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// The bounds of a look. vLLM's page is some 100 KB.
const (
	maxBytes = 8 << 20
	maxTime  = 2 * time.Second
)

// Reading is what one source said at one moment. What it does not tell is not in it.
type Reading struct {
	Values map[Name]float64
	TTFT   *Histogram // since the server's start, in seconds; nil: not told
}

// Look is what all sources said at one moment, in their order. A source that failed has a nil reading, and an error that
// names it without its secrets.
type Look struct {
	At       time.Time
	Names    []string // of the sources, without their secrets
	Readings []*Reading
	Errs     []error
}

// Scraper reads several endpoints. Make one with New.
type Scraper struct {
	urls   []string
	names  []string
	client http.Client
}

// New reads the given addresses, whatever is behind them.
func New(urls []string) *Scraper {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost, transport.ForceAttemptHTTP2 = 1, false
	s := &Scraper{urls: urls, client: http.Client{Transport: transport, Timeout: maxTime}}
	for _, u := range urls {
		s.names = append(s.names, Shown(u))
	}
	return s
}

// Close gives connections back.
func (s *Scraper) Close() { s.client.CloseIdleConnections() }

// Look asks all sources at once. It takes 2 s at most.
func (s *Scraper) Look(ctx context.Context) Look {
	look := Look{At: time.Now(), Names: s.names, Readings: make([]*Reading, len(s.urls)), Errs: make([]error, len(s.urls))}
	var all sync.WaitGroup
	for i, u := range s.urls {
		all.Go(func() {
			r, err := s.read(ctx, u)
			if err != nil {
				err = fmt.Errorf("%s: %w", s.names[i], err)
			}
			look.Readings[i], look.Errs[i] = r, err
		})
	}
	all.Wait()
	return look
}

// Shown is an address as messages have it: without its query, where some servers want their key.
func Shown(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address
}

func (s *Scraper) read(ctx context.Context, address string) (*Reading, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("it is not an address") // the parser's own error would quote what may be a secret
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, cause(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return nil, errors.New("it is a web page, not metrics in Prometheus' text format")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	switch {
	case err != nil:
		return nil, cause(err)
	case len(body) > maxBytes:
		return nil, fmt.Errorf("it is longer than %d MiB", maxBytes>>20)
	}
	return Parse(bytes.NewReader(body))
}

// cause takes the address off an error of net/http.
func cause(err error) error {
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return fmt.Errorf("no answer in %s", maxTime)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// Parse reads Prometheus' text format.
func Parse(in io.Reader) (*Reading, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(in)
	if err != nil {
		return nil, fmt.Errorf("it is not in Prometheus' text format: %w", err)
	}
	r := &Reading{Values: map[Name]float64{}}
	for _, f := range figures {
		for _, called := range f.called {
			if v, ok := f.value(families[called]); ok {
				r.Values[f.name] = v
				break
			}
		}
	}
	for _, called := range firstToken {
		if h := histogram(families[called]); h != nil {
			r.TTFT = h
			break
		}
	}
	return r, nil
}

// value makes one number of a family's series.
func (f *figure) value(family *dto.MetricFamily) (v float64, ok bool) {
	var sum, n float64
	for _, m := range family.GetMetric() {
		one, ok := number(m)
		if !ok {
			continue
		}
		sum += one
		n++
	}
	if n == 0 {
		return 0, false
	}
	if f.share {
		sum /= n
	}
	return sum, true
}

// number is a series' value, whatever type it is declared as; exporters disagree.
func number(m *dto.Metric) (v float64, ok bool) {
	switch {
	case m.Gauge != nil:
		v = m.GetGauge().GetValue()
	case m.Counter != nil:
		v = m.GetCounter().GetValue()
	case m.Untyped != nil:
		v = m.GetUntyped().GetValue()
	default:
		return 0, false
	}
	return v, !math.IsNaN(v) && !math.IsInf(v, 0)
}

package client

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// fileEndpoint is checked where its place in the file is known.
type fileEndpoint string

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *fileEndpoint) UnmarshalText(text []byte) error {
	*e = fileEndpoint(text)
	_, err := parseEndpoint(string(text))
	return err
}

// fileLimit is a number that may be switched off; zero is not written.
type fileLimit[T int | float64] struct{ value T }

// UnmarshalNode implements strictyaml.Unmarshaler.
func (l *fileLimit[T]) UnmarshalNode(n strictyaml.Node) error {
	if n.Text() == "off" {
		l.value = Off
		return nil
	}
	var v T
	if err := n.Decode(&v); err != nil {
		return err
	}
	switch {
	case v < 0:
		return n.Errorf("", "must not be negative: write 0 or off for no limit")
	case v == 0:
		v = Off
	}
	l.value = v
	return nil
}

// fileDuration is a time with a unit, or a number of seconds.
type fileDuration struct{ value time.Duration }

// UnmarshalNode implements strictyaml.Unmarshaler.
func (d *fileDuration) UnmarshalNode(n strictyaml.Node) error {
	const most = math.MaxInt64 / float64(time.Second)
	seconds, err := strconv.ParseFloat(n.Text(), 64)
	switch {
	case n.Text() == "off", err == nil && seconds == 0:
		d.value = Off
		return nil
	case err == nil && seconds > 0 && seconds < most:
		d.value = time.Duration(seconds * float64(time.Second))
	case err == nil:
		return n.Errorf("", "want a time in seconds that is not negative, such as 30 or 1m30s, or off")
	default:
		if err := n.Decode(&d.value); err != nil {
			return err
		}
	}
	if d.value < leastTimeout {
		d.value = 0
		return n.Errorf("", "want at least %v, such as 30 or 1m30s, or off", leastTimeout)
	}
	return nil
}

// fileProxy is the address of a proxy; off is none, even where the environment
// names one.
type fileProxy struct {
	pick func(*http.Request) (*url.URL, error)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *fileProxy) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		p.pick = func(*http.Request) (*url.URL, error) { return nil, nil }
		return nil
	}
	u, err := url.Parse(string(text))
	if err != nil || u.Host == "" {
		return fmt.Errorf("want the address of a proxy, such as http://host:3128, or off")
	}
	p.pick = http.ProxyURL(u)
	return nil
}

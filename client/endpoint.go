package client

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// versionSegment finds a path that already says which version of the API it
// means: /v1, /v1/, /v1beta/openai.
var versionSegment = regexp.MustCompile(`/v[0-9]+[a-z0-9]*(/|$)`)

// site is where requests go: the endpoint up to and with its version.
type site struct {
	base  *url.URL
	label string // base without query, safe to show
}

// parseEndpoint accepts a server's address with or without /v1 and with or
// without a trailing slash.
func parseEndpoint(endpoint string) (site, error) {
	endpoint = strings.TrimSpace(endpoint)
	u, err := url.Parse(endpoint)
	if err != nil {
		return site{}, unparsed(endpoint, err)
	}
	if err := checkEndpoint(u, harmless(endpoint)); err != nil {
		return site{}, err
	}
	u.Path = versionedPath(u.Path)
	u.RawPath, u.Fragment = "", ""
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return site{base: u, label: shown.String()}, nil
}

// harmless is an address without what may be secret: who logs in, and the query.
func harmless(endpoint string) string {
	if i := strings.IndexAny(endpoint, "?#"); i >= 0 {
		endpoint = endpoint[:i]
	}
	return withoutUser(endpoint)
}

// unparsed leaves out what the parser quotes where that may be secret: the
// address always, and a password that it takes for the port.
func unparsed(endpoint string, err error) error {
	var bad *url.Error
	if errors.As(err, &bad) && !strings.Contains(endpoint, "@") {
		return fmt.Errorf("client: endpoint is not a URL (%w): write it as http://host:port/v1", bad.Err)
	}
	return errors.New("client: endpoint is not a URL: write it as http://host:port/v1")
}

func checkEndpoint(u *url.URL, given string) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("client: endpoint %s holds a user name or password: write them into Config.APIKey or Config.Header", given)
	case strings.Contains(u.RawQuery+u.Fragment, "@"): // what stands before it may be a password with a ? in it
		return errors.New("client: endpoint has an @ behind its ? or #: write a password into Config.APIKey or Config.Header, any other @ as %40")
	case given == "":
		return errors.New("client: endpoint is empty: write it as http://host:port/v1")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("client: endpoint %q does not begin with http:// or https://: write it as http://host:port/v1", given)
	case !validPort(u.Port()):
		return fmt.Errorf("client: endpoint %q has a port beyond 65535", given)
	case u.Hostname() == "":
		return fmt.Errorf("client: endpoint %q names no host: write it as http://host:port/v1", given)
	}
	return nil
}

// validPort accepts none: the scheme has one.
func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil
}

// versionedPath cuts a method that was pasted along and adds /v1 where no
// version stands.
func versionedPath(path string) string {
	path = strings.TrimRight(path, "/")
	for _, method := range []string{"/chat/completions", "/completions", "/embeddings", "/models"} {
		path = strings.TrimSuffix(path, method)
	}
	if !versionSegment.MatchString(path) {
		path += "/v1"
	}
	return path
}

// target is the address of one method.
type target struct {
	url   url.URL
	label string // safe to show
}

// target returns where a method is, such as "/chat/completions".
func (s site) target(method string) target {
	u := *s.base
	u.Path += method
	return target{u, s.label + method}
}

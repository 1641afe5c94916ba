package client_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/llmload/llmload/client"
)

// everything is all that an error and its causes say.
func everything(err error) string {
	var all strings.Builder
	for ; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&all, "%v\n%+v\n", err, err)
	}
	return all.String()
}

// TestNoEchoIsShown: whatever of the client's secrets a server sends back, and
// wherever, neither an error nor what it wraps holds it.
func TestNoEchoIsShown(t *testing.T) {
	echoes := map[string]string{
		"the key":                         "sk-very-secret",
		"a password in Config.Header":     "Zm9vOmJhcg==",
		"a header of two words":           "open-sesame",
		"a password in Request.Header":    "per-request-pw",
		"a value of the endpoint's query": "signed/by+me",
		"the same as it was written":      "signed%2Fby%2Bme",
	}
	answers := map[string]struct {
		stream bool
		answer func(echo string) string
	}{
		"in a status": {false, func(echo string) string {
			return plain(401, "application/json", `{"error":{"message":"bad `+echo+`","code":"`+echo+`"}}`)
		}},
		"in a request id":                {false, func(echo string) string { return plain(500, "", "", "X-Request-Id: rid-Bearer "+echo) }},
		"in an answer of the wrong type": {false, func(echo string) string { return plain(200, "text/html", "<html>"+echo) }},
		"in a malformed answer":          {false, func(echo string) string { return plain(200, "application/json", `{"a":"`+echo+`"}`) }},
		"in an event that is no JSON":    {true, func(echo string) string { return streamed("data: {" + echo + "\n\n") }},
		"in a header that is none":       {false, func(echo string) string { return plain(200, "", "", echo) }},
		"in a status line that is none":  {false, func(echo string) string { return echo + "\r\n\r\n" }},
	}
	for where, tt := range answers {
		for what, echo := range echoes {
			cfg := measuring
			s := &server{answer: bytesOf(tt.answer(echo))}
			cfg.APIKey, cfg.Dial = "sk-very-secret", s.dial
			cfg.Header = http.Header{"Authorization": {"Basic Zm9vOmJhcg=="}, "X-Pass": {"Bearer open-sesame"}}
			c, err := client.New(t.Context(), "http://h/v1?api-version=2024-02-01&sig=signed%2Fby%2Bme", cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := hello(tt.stream)
			r.Header = http.Header{"X-Other": {"per-request-pw"}}
			x := c.Send(t.Context(), r)
			_, err = x.Decode()
			var api *client.APIError
			text := everything(err) + x.Attempts[0].RequestID
			if errors.As(err, &api) {
				text += string(api.Body) + api.Code + api.RequestID
			}
			if err == nil || strings.Contains(text, echo) || !strings.Contains(text, "[redacted]") {
				t.Errorf("%s %s: %s", what, where, text)
			}
		}
	}
}

// TestWhatIsNoSecretIsShown: an error must still say something.
func TestWhatIsNoSecretIsShown(t *testing.T) {
	for sentence, tt := range map[string]struct {
		endpoint, key string
		header        http.Header
		message       string
	}{
		"an API version":                       {"?api-version=2024-02-01", "", nil, "no API version 2024-02-01"},
		"our name":                             {"", "", http.Header{"User-Agent": {"summaries/1.0"}}, "no access for summaries/1.0"},
		"a word":                               {"", "", http.Header{"X-Team": {"red"}}, "no red team"},
		"an address that begins like a secret": {"", "", http.Header{"X-Callback": {"https://me.example/secret"}}, "see https://help.example"},
		"JSON that has the letters of the key": {"", "e", nil, "aaa"},
	} {
		cfg := measuring
		s := &server{answer: bytesOf(plain(400, "application/json", `{"error":{"message":"`+tt.message+`"}}`))}
		cfg.APIKey, cfg.Header, cfg.Dial = tt.key, tt.header, s.dial
		c, err := client.New(t.Context(), "http://h/v1"+tt.endpoint, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var api *client.APIError
		if _, err := c.Chat(t.Context(), hello(false)); !errors.As(err, &api) || api.Message != tt.message {
			t.Errorf("%s: %v, want %q", sentence, err, tt.message)
		}
	}
}

// TestAConfigurationPrintsWithoutItsKey, whatever the verb, and as a part of
// something else.
func TestAConfigurationPrintsWithoutItsKey(t *testing.T) {
	cfg := client.Config{APIKey: "sk-very-secret", Header: http.Header{"X-A": {"sk-very-secret"}}}
	part := struct {
		LLM client.Config
		At  *client.Config
	}{cfg, &cfg}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, v := range []any{cfg, &cfg, part, []client.Config{cfg}} {
			shown := fmt.Sprintf(verb, v)
			if strings.Contains(shown, "sk-very") || strings.Contains(shown, fmt.Sprintf("%x", "sk-very")) || strings.Contains(shown, "115 107 45") {
				t.Errorf("%s of a %T: %s", verb, v, shown)
			}
		}
	}
	if shown := (client.Config{Timeout: client.Off}).String(); !strings.Contains(shown, " Timeout:off ") {
		t.Errorf("a time-out that is off prints as %s", shown)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "part", part)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "cfg", cfg, "part", part)
	if strings.Contains(log.String(), "sk-very") {
		t.Errorf("a log shows %s", log.String())
	}
}

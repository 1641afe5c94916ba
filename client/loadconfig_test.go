package client_test

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
)

// configFile writes a file and returns its path.
func configFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadConfig(t *testing.T) {
	t.Setenv("LLM_KEY", "sk-from-env")
	tests := []struct {
		sentence string
		text     string
		want     client.Config
	}{
		{"the endpoint is all that is needed", "llm: {cloud_endpoint: http://h:1}", client.Config{}},
		{"other blocks are not looked at, however strange", "llm: {cloud_endpoint: http://h:1}\nstorage: {a: 1, a: 2, key: '${NOT_SET}'}", client.Config{}},
		{"the key comes from the environment", "llm: {cloud_endpoint: http://h:1, cloud_api_key: '${LLM_KEY}'}", client.Config{APIKey: "sk-from-env"}},
		{"a bare number is seconds", "llm: {cloud_endpoint: http://h:1, timeout: 30.5, idle_timeout: 2}", client.Config{Timeout: 30500 * time.Millisecond, IdleTimeout: 2 * time.Second}},
		{"a time may have a unit", "llm: {cloud_endpoint: http://h:1, timeout: 1m30s, first_token_timeout: 500ms}", client.Config{Timeout: 90 * time.Second, FirstTokenTimeout: 500 * time.Millisecond}},
		{"0 is off, not the default", "llm: {cloud_endpoint: http://h:1, timeout: 0, max_retries: 0, rate_limit: 0}", client.Config{Timeout: client.Off, MaxRetries: client.Off, RateLimit: client.Off}},
		{"so is off", "llm: {cloud_endpoint: http://h:1, timeout: off, max_concurrent: off, requests_per_second: off}", client.Config{Timeout: client.Off, MaxConcurrent: client.Off, RequestsPerSecond: client.Off}},
		{"an empty value is the default", "llm: {cloud_endpoint: http://h:1, cloud_api_key: , timeout: , max_retries: }", client.Config{}},
		{"eager initialisation may be switched off", "llm: {cloud_endpoint: http://h:1, eager_init: false}", client.Config{LazyInit: true}},
		{"or on, as it is", "llm: {cloud_endpoint: http://h:1, eager_init: true}", client.Config{}},
		{"a budget of 0 is none, not the default", "llm: {cloud_endpoint: http://h:1, retry_budget: 0, tokens_per_minute: 90000}", client.Config{RetryBudget: client.Off, TokensPerMinute: 90000}},
		{"switches", "llm: {cloud_endpoint: http://h:1, jitter: true, http2: true, unix_socket: /run/llm.sock}", client.Config{Jitter: true, HTTP2: true, UnixSocket: "/run/llm.sock"}},
		{
			"numbers, names and headers",
			"llm:\n  cloud_endpoint: http://h:1\n  model: m\n  max_retries: 5\n  rate_limit: 100\n  requests_per_second: 2.5\n  pool_size: 20\n  max_concurrent: 15\n  user_agent: me\n  headers: {x-team: a}\n  extra_body: {top_k: 3}",
			client.Config{
				Model: "m", MaxRetries: 5, RateLimit: 100, RequestsPerSecond: 2.5, PoolSize: 20, MaxConcurrent: 15, UserAgent: "me",
				Header: http.Header{"X-Team": {"a"}}, ExtraBody: map[string]any{"top_k": 3},
			},
		},
	}
	for _, tt := range tests {
		endpoint, cfg, err := client.LoadConfig(configFile(t, tt.text))
		if err != nil || endpoint != "http://h:1" || !reflect.DeepEqual(cfg, tt.want) {
			t.Errorf("%s: got %q, %v, %v", tt.sentence, endpoint, cfg, err)
		}
	}
}

func TestLoadConfigMistakes(t *testing.T) {
	tests := []struct {
		sentence string
		text     string
		says     []string
	}{
		{"no block", "storage: {}", []string{"config.yaml has no block llm: write"}},
		{"an empty file", "", []string{"has no block llm"}},
		{"a block that is none", "llm: http://h:1", []string{":1:6: llm must be a mapping"}},
		{"no endpoint", "llm: {timeout: 3}", []string{"llm has no cloud_endpoint: write it as http://host:port/v1"}},
		{"an endpoint that is none", "llm:\n  cloud_endpoint: localhost:8045", []string{":2:19: ", "does not begin with http://"}},
		{"an unknown key", "llm: {cloud_endpoint: http://h:1, rate_limits: 3}", []string{`unknown key "rate_limits", did you mean "rate_limit"?`}},
		{
			"all mistakes at once", "llm:\n  cloud_endpoint: http://h:1\n  timeout: soon\n  max_retries: -1\n  pool_size: many\n  cloud_api_key: ${NOT_SET_ANYWHERE}\n  rate_limit: 1.5",
			[]string{":3:12: want a duration", ":4:16: must not be negative: write 0 or off", ":5:14: want a whole number", ":6:18: environment variable NOT_SET_ANYWHERE is not set", ":7:15: want a whole number"},
		},
		{"a time that is too short to be meant", "llm: {cloud_endpoint: http://h:1, timeout: 30ns, idle_timeout: 0.0001}", []string{":1:44: want at least 1ms", ":1:64: want at least 1ms"}},
		{"a key with a line break", "llm:\n  cloud_endpoint: http://h:1\n  cloud_api_key: \"a\\n\"", []string{"Config.APIKey holds a line break"}},
		{"a negative time", "llm: {cloud_endpoint: http://h:1, timeout: -3}", []string{"not negative, such as 30"}},
		{"a proxy that is none", "llm: {cloud_endpoint: http://h:1, proxy: h:3128}", []string{":1:42: want the address of a proxy, such as http://host:3128"}},
		{
			"what New would refuse, where it stands, with the rest",
			"llm:\n  cloud_endpoint: http://h:1\n  cloud_api_key: \"a\\n\"\n  headers:\n    x-a: a\n    x-b: \"b\\n\"\n    \"x(\": c\n  rate_limit: 99999999\n  timeouts: 3\n  pool_size: -7",
			[]string{":3:18: client: Config.APIKey", `:6:10: client: Config.Header["X-B"]`, `:7:11: client: Config.Header["x("] has a name`, ":8:15: client: Config.RateLimit", `unknown key "timeouts"`, ":10:14: must not be negative"},
		},
		{"a mistake quoted with its line", "llm:\n  cloud_endpoint: http://h:1\n  timeout: soon", []string{"timeout: soon"}},
		{"broken YAML", "llm: {cloud_endpoint", []string{"config.yaml:1"}},
	}
	for _, tt := range tests {
		_, cfg, err := client.LoadConfig(configFile(t, tt.text))
		if err == nil || !reflect.DeepEqual(cfg, client.Config{}) {
			t.Errorf("%s: %v and no error", tt.sentence, cfg)
			continue
		}
		for _, say := range tt.says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: the error does not say %q:\n%v", tt.sentence, say, err)
			}
		}
	}
	if _, _, err := client.LoadConfig("no/such.yaml"); !os.IsNotExist(unwrapped(err)) || !strings.Contains(err.Error(), "no/such.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestLoadConfigProxy(t *testing.T) {
	for text, want := range map[string]string{"http://h:3128": "http://h:3128", "off": ""} {
		_, cfg, err := client.LoadConfig(configFile(t, "llm: {cloud_endpoint: http://h:1, proxy: '"+text+"'}"))
		if err != nil {
			t.Fatal(err)
		}
		u, err := cfg.Proxy(nil)
		if err != nil || u == nil && want != "" || u != nil && u.String() != want {
			t.Errorf("proxy: %s picks %v, %v", text, u, err)
		}
	}
}

func unwrapped(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if _, path := err.(*os.PathError); path || !ok {
			return err
		}
		err = inner.Unwrap()
	}
}

// A mistake is shown with its line. The line may hold a key.
func TestLoadConfigShowsNoSecrets(t *testing.T) {
	t.Setenv("LLM_KEY", "s3cret-key")
	for _, text := range []string{
		"llm:\n  cloud_api_keys: s3cret-key",
		"llm:\n  cloud_api_key: s3cret-key\n  cloud_api_key: s3cret-key",
		"llm: {cloud_api_key: s3cret-key, timeout: x}",
		"llm: {'cloud_api_key': \"s3cret-key\", timeout: x}",
		"llm: {headers: {Authorization: Bearer s3cret-key}, timeout: x}",
		"llm:\n  cloud_api_key: [s3cret-key]",
		"llm:\n  cloud_api_key: !secret s3cret-key",
		"llm: {timeout: '${LLM_KEY}'}",
		"llm: {cloud_endpoint: 'https://me:s3cret-key@h/v1'}",
		"llm: {cloud_endpoint: 'me:s3cret-key@h/v1'}",
		"llm: {cloud_endpoint: 'h/v1?api_key=s3cret-key'}",
		"llm: {cloud_endpoint: http://h:1, proxy: 'http:me:s3cret-key@h'}",
		"llm: {cloud_endpoint: http://h:1, timeout: 'me:s3cret-key@h'}",
		"llm: {cloud_endpoint: http://h:1, cloud_api_key: \"s3cret-key\\n\"}",
		"llm: {cloud_api_key: s3cret-key",
		"llm:\n  headers:\n    X-Azure: [s3cret-key]",
		"llm:\n  headers:\n    X-Azure: s3cret-key\n    X-Azure: s3cret-key",
		"llm:\n  headers: {\n  X-Azure:\n  [s3cret-key]}",
		"llm:\n  extra_body:\n    auth: s3cret-key\n    auth: s3cret-key",
		"llm:\n  extra_body: [s3cret-key]",
		"llm: {timeout: x, headers: {X-Azure: s3cret-key}}",
	} {
		if _, _, err := client.LoadConfig(configFile(t, text)); err == nil || strings.Contains(err.Error(), "s3cret-key") {
			t.Errorf("%q: the error shows the key, or is none: %v", text, err)
		}
	}
}

// FuzzLoadConfig: whatever a file holds, there is an endpoint that New takes, or an error.
func FuzzLoadConfig(f *testing.F) {
	f.Add("llm:\n  cloud_endpoint: http://h:1\n  timeout: 30.0\n  max_retries: 3\n  rate_limit: off\n")
	f.Add("llm: {cloud_endpoint: 'https://h/v1', headers: {a: b}, timeout: 1e300}")
	f.Add("llm: [1]")
	f.Add("llm: {timeout: 1e-12, pool_size: 0x10}")
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		endpoint, cfg, err := client.LoadConfig(path)
		switch {
		case err != nil && (endpoint != "" || !reflect.DeepEqual(cfg, client.Config{})):
			t.Fatalf("an error and a configuration: %v", err)
		case err == nil:
			cfg.LazyInit = true
			c, err := client.New(t.Context(), endpoint, cfg)
			if err != nil {
				t.Fatalf("New refuses what LoadConfig returns: %v", err)
			}
			c.Close()
		}
	})
}

package client

import (
	"fmt"
	"net/http"
	"os"
	"reflect"

	"github.com/llmload/llmload/internal/strictyaml"
)

// LoadConfig reads the block llm of a YAML file: where to send requests, and a
// [Config] that [New] takes as it is. Inside the block every key must be known;
// other top-level blocks are not looked at. Durations are seconds or have a
// unit, ${NAME} is taken from the environment, and 0 or off turns a limit off.
// The error names all mistakes, each with its line and column, and no secrets.
func LoadConfig(path string) (endpoint string, cfg Config, err error) {
	src, err := strictyaml.ReadFile(path)
	if err != nil {
		return "", Config{}, fmt.Errorf("client: configuration cannot be read: %w", err)
	}
	return parseConfig(path, src, os.LookupEnv)
}

// fileBlock is the block llm as it is written. Fields are named as those of
// Config, see placed.
type fileBlock struct {
	Endpoint fileEndpoint `yaml:"cloud_endpoint"`
	APIKey   string       `yaml:"cloud_api_key"`
	Model    string       `yaml:"model"`

	Timeout           fileDuration `yaml:"timeout"`
	FirstTokenTimeout fileDuration `yaml:"first_token_timeout"`
	IdleTimeout       fileDuration `yaml:"idle_timeout"`

	MaxRetries  fileLimit[int]     `yaml:"max_retries"`
	Jitter      bool               `yaml:"jitter"`
	RetryBudget fileLimit[float64] `yaml:"retry_budget"`

	RateLimit         fileLimit[int]     `yaml:"rate_limit"`
	RequestsPerSecond fileLimit[float64] `yaml:"requests_per_second"`
	TokensPerMinute   fileLimit[int]     `yaml:"tokens_per_minute"`

	PoolSize      fileLimit[int] `yaml:"pool_size"`
	EagerInit     *bool          `yaml:"eager_init"`
	MaxConcurrent fileLimit[int] `yaml:"max_concurrent"`

	Proxy      fileProxy `yaml:"proxy"`
	UnixSocket string    `yaml:"unix_socket"`
	HTTP2      bool      `yaml:"http2"`

	Header    map[string]string `yaml:"headers"`
	ExtraBody map[string]any    `yaml:"extra_body"`
	UserAgent string            `yaml:"user_agent"`
}

func parseConfig(file string, src []byte, env func(string) (string, bool)) (string, Config, error) {
	root, err := strictyaml.Parse(file, src, env)
	if err != nil {
		return "", Config{}, withoutSecrets(err, strictyaml.Node{})
	}
	block := root.Get("llm")
	switch {
	case root.IsZero() || block.IsZero():
		return "", Config{}, fmt.Errorf("%s has no block llm: write llm: and below it, indented, cloud_endpoint: http://host:port", file)
	case block.Kind() != strictyaml.Mapping:
		return "", Config{}, withoutSecrets(block.Errorf("", "llm must be a mapping: write cloud_endpoint: http://host:port below it, indented"), block)
	}
	var b fileBlock
	all := []error{block.Decode(&b)}
	if b.Endpoint == "" && block.Get("cloud_endpoint").Text() == "" {
		all = append(all, block.Errorf("", "llm has no cloud_endpoint: write it as http://host:port/v1"))
	}
	cfg := b.config()
	for _, err := range cfg.check() {
		all = append(all, placed(block, err.(*fieldError)))
	}
	if err := strictyaml.Join(all...); err != nil {
		return "", Config{}, withoutSecrets(err, block)
	}
	return string(b.Endpoint), cfg, nil
}

// placed returns an error of Config where its field was written.
func placed(block strictyaml.Node, e *fieldError) error {
	field, _ := reflect.TypeFor[fileBlock]().FieldByName(e.field)
	path := field.Tag.Get("yaml")
	for _, key := range block.Get(path).Keys() {
		if e.key != "" && http.CanonicalHeaderKey(key) == http.CanonicalHeaderKey(e.key) {
			return block.Errorf(path+"["+key+"]", "%v", e)
		}
	}
	return block.Errorf(path, "%v", e)
}

func (b *fileBlock) config() Config {
	cfg := Config{
		APIKey: b.APIKey, Model: b.Model,
		Timeout: b.Timeout.value, FirstTokenTimeout: b.FirstTokenTimeout.value, IdleTimeout: b.IdleTimeout.value,
		MaxRetries: b.MaxRetries.value, Jitter: b.Jitter, RetryBudget: b.RetryBudget.value,
		RateLimit: b.RateLimit.value, RequestsPerSecond: b.RequestsPerSecond.value, TokensPerMinute: b.TokensPerMinute.value,
		PoolSize: b.PoolSize.value, MaxConcurrent: b.MaxConcurrent.value, LazyInit: b.EagerInit != nil && !*b.EagerInit,
		Proxy: b.Proxy.pick, UnixSocket: b.UnixSocket, HTTP2: b.HTTP2,
		ExtraBody: b.ExtraBody, UserAgent: b.UserAgent,
	}
	for name, value := range b.Header {
		if cfg.Header == nil {
			cfg.Header = http.Header{}
		}
		cfg.Header.Set(name, value)
	}
	return cfg
}

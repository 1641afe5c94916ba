package strictyaml_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/strictyaml"
)

// TestErrorsShowNoKey plants a key in each way that a file can hold one beside a mistake, and looks for it in what is said.
func TestErrorsShowNoKey(t *testing.T) {
	for sentence, src := range map[string]string{
		"beside an unknown key":        "{api_key: PLANTED, bogus: 1}",
		"quoted":                       `{api_key: "PLANTED", bogus: 1}`,
		"quoted and escaped":           `{api_key: "\x50LANTED\"PLANTED", bogus: 1}`,
		"with a quote doubled":         `{api_key: 'it''s PLANTED', bogus: 1}`,
		"of a few letters":             "{api_key: PLA, bogus: 1}",
		"in a list":                    "api_key: [PLANTED]",
		"in a list over lines":         "api_key:\n  [PLANTED,\n  PLANTED]",
		"as a key itself":              "api_key: {PLANTED: 1}",
		"open to the end":              `api_key: "PLANTED`,
		"open over lines":              "api_key: \"\n  PLANTED\n  PLANTED",
		"a list that is open":          "name: a\napi_key: [\n  PLANTED\n",
		"behind a variable":            "api_key: ${NOTSET}PLANTED",
		"before a variable":            "{api_key: \"PLANTED${N}\", bogus: 1}",
		"behind an escaped dollar":     "{api_key: \"$${PLANTED}\", bogus: 1}",
		"under a key with a slip":      "api_kye: PLANTED",
		"under one of the client":      "{cloud_api_key: PLANTED}",
		"in a path":                    "{set: {api_key: PLANTED}, bogus: 1}",
		"in a header":                  "{header: {Authorization: Bearer PLANTED}, bogus: 1}",
		"in a header of a scenario":    "{headers: {X-Tenant: PLANTED}, bogus: 1}",
		"in a body of one's own":       "{extra_body: {tenant: PLANTED-0001}, bogus: 1}",
		"deep in such a body":          "{extra_body: {a: [{b: PLANTED-0001}]}, bogus: 1}",
		"under any token":              "{hf_token: PLANTED, bogus: 1}",
		"under a token without a dash": "{csrftoken: PLANTED, bogus: 1}",
		"in a token that is open":      "hf_token: \"PLANTED",
		"in headers that are open":     "headers:\n  X-Tenant: PLANTED\n  X: \"PLANTED",
		"written twice":                "api_key: PLANTED\napi_key: PLANTED",
		"with a tag":                   "api_key: !mine PLANTED",
		"as a tag":                     "api_key: !PLANTED",
		"as an anchor that is unknown": "api_key: *PLANTED",
		"as an anchor":                 "{api_key: &PLANTED x, bogus: 1}",
		"by an alias":                  "{name: &k PLANTED, api_key: *k, bogus: 1}",
		"in a merge":                   "base: &b {api_key: PLANTED, bogus: 1}\n<<: *b",
		"again where a number goes":    "api_key: PLANTED\nseed: PLANTED",
		"in YAML inside a text":        `{faults_yaml: "[{api_key: PLANTED}]", bogus: 1}`,
		"in JSON":                      `{"api_key":"PLANTED","bogus":1}`,
		"without a colon":              "api_key PLANTED",
		"beside a control character":   "api_key: PLANTED\x01",
		"beside bad UTF-8":             "api_key: PLANTED\xff",
		"in a second document":         "---\nname: a\n--- {api_key: PLANTED}",
		"in an address that is open":   "name: \"http://PLANTED@host/?PLANTED",
	} {
		t.Run(sentence, func(t *testing.T) {
			n, err := strictyaml.Parse("f.yaml", []byte(src), func(name string) (string, bool) { return "8", name == "N" })
			var v struct {
				APIKey string            `yaml:"api_key"`
				Name   string            `yaml:"name"`
				Seed   int               `yaml:"seed"`
				Set    map[string]string `yaml:"set"`
			}
			if err == nil {
				err = n.Decode(&v)
			}
			switch {
			case err == nil:
				t.Error("no mistake was found")
			case strings.Contains(err.Error(), "PLA"), strings.Contains(err.Error(), `x50LA`):
				t.Errorf("it shows the key:\n%v", err)
			}
			for _, e := range placed(err) {
				lines := strings.Split(strings.ToValidUTF8(src, "\ufffd"), "\n")
				if got, want := utf8.RuneCountInString(e.Source), utf8.RuneCountInString(lines[e.Line-1]); got != want {
					t.Errorf("a line of %d runes is shown with %d, so that the caret is off: %s", want, got, e.Source)
				}
			}
		})
	}
}

func TestErrorsShowWhatIsNoKey(t *testing.T) {
	n, err := strictyaml.Parse("f.yaml", []byte("{api_key: PLANTED, max_tokens: 12, per: key, bogus: 1}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.Errorf("bogus", "x").Source, "{api_key: *******, max_tokens: 12, per: key, bogus: 1}"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestRedactedLeavesKeysOut(t *testing.T) {
	n, err := strictyaml.Parse("f.yaml", []byte("a: &k PLANTED\nmock: {api_key: *k, ttft: 1s}\nlist: [{headers: {Authorization: [PLANTED]}, api_key: '${KEY}'}]"), lookup)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"mock": "{api_key: '[redacted]', ttft: 1s}\n",
		"list": "[{headers: {Authorization: ['[redacted]']}, api_key: '${KEY}'}]\n",
		"none": "",
	} {
		if got, err := n.Get(path).Redacted().YAML(); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", path, got, err, want)
		}
	}
	if got := n.Get("mock.api_key").Text(); got != "PLANTED" {
		t.Errorf("the node itself became %s", got)
	}
}

// TestTokensOfAModelAreShown: what counts or places the tokens of answers is no secret, and a mistake there is shown.
func TestTokensOfAModelAreShown(t *testing.T) {
	for _, key := range []string{"input_tokens", "max_tokens", "prefill_per_token", "at_token", "eos_token", "first_token_timeout", "tokens_per_chunk"} {
		n, err := strictyaml.Parse("f.yaml", []byte("{"+key+": SHOWN, bogus: 1}"), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		if err = n.Decode(&struct{}{}); err == nil || !strings.Contains(err.Error(), "SHOWN") {
			t.Errorf("%s: %v", key, err)
		}
		if text, err := n.Redacted().YAML(); err != nil || !strings.Contains(string(text), "SHOWN") {
			t.Errorf("%s: %s, %v", key, text, err)
		}
	}
}

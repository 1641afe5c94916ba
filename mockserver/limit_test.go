package mockserver_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// admitted asks every step, for some minutes, and counts what each minute admits.
func admitted(t *testing.T, config, body string, step time.Duration, minutes int) (each []int) {
	t.Helper()
	s := serve(t, "engine: {model: none}\n"+config)
	start := time.Now()
	for m := range minutes {
		each = append(each, 0)
		for time.Since(start) < time.Duration(m+1)*time.Minute {
			switch w := post(s, chatPath, body); w.Code {
			case 200:
				each[m]++
			case 429:
			default:
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			time.Sleep(step)
		}
	}
	return each
}

func TestEachMinuteAdmitsItsLimit(t *testing.T) {
	for _, c := range []struct {
		name, config string
		step         time.Duration
		want         []int
	}{
		// A full bucket and what flows in: in the first minute 60 + 59.9, from then on 60.
		{"requests, flooded", "rate_limit: {rpm: 60}", 100 * ms, []int{119, 60, 60}},
		{"requests, below the limit", "rate_limit: {rpm: 60}", 2 * time.Second, []int{30, 30, 30}},
		{"requests, at the limit", "rate_limit: {rpm: 60}", time.Second, []int{60, 60, 60}},
		// 10 tokens a request: 5 of the prompt and max_tokens 5.
		{"tokens, flooded", "rate_limit: {tpm: 600}", 100 * ms, []int{119, 60, 60}},
		{"the tighter of both", "rate_limit: {rpm: 60, tpm: 300}", 100 * ms, []int{59, 30, 30}},
		{"refused ones count, flooded: nobody is let in any more", "rate_limit: {rpm: 60, count_refused: true}", 100 * ms, []int{66, 0, 0}},
		{"refused ones count, at the limit", "rate_limit: {rpm: 60, count_refused: true}", time.Second, []int{60, 60, 60}},
		{"refused ones count, of tokens", "rate_limit: {rpm: 60, tpm: 300, count_refused: true}", 100 * ms, []int{33, 0, 0}},
		{"none", "rate_limit: {}", time.Second, []int{60, 60, 60}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := admitted(t, c.config, chat(5, `,"max_tokens":5`), c.step, 3); !slices.Equal(got, c.want) {
					t.Errorf("admitted %v, want %v", got, c.want)
				}
			})
		})
	}
}

func limitHeaders(w *httptest.ResponseRecorder) string {
	var out []string
	for _, name := range []string{"Limit-Requests", "Remaining-Requests", "Reset-Requests", "Limit-Tokens", "Remaining-Tokens", "Reset-Tokens"} {
		out = append(out, w.Header().Get("X-Ratelimit-"+name))
	}
	return strings.Join(append(out, w.Header().Get("Retry-After"), w.Header().Get("Retry-After-Ms")), " ")
}

func TestHeadersOfLimitsAreOpenAIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nrate_limit: {rpm: 3, tpm: 600}")
		ask := func(more string, header ...string) *httptest.ResponseRecorder {
			return post(s, chatPath, chat(5, more), header...)
		}
		for _, c := range []struct {
			name  string
			wait  time.Duration
			more  string
			code  int
			want  string
			error string
		}{
			{"the first", 0, `,"max_tokens":95`, 200, "3 2 20s 600 500 10s  ", ""},
			{"a little later", 1500 * time.Microsecond, `,"max_tokens":95`, 200, "3 1 39.999s 600 400 19.999s  ", ""},
			{"a stream has them too", 0, `,"max_tokens":95,"stream":true`, 200, "3 0 59.999s 600 300 29.999s  ", ""},
			{
				"no request is left", 0, `,"max_tokens":95`, 429, "3 0 59.999s 600 300 29.999s 20 19999",
				`{"error":{"message":"Rate limit reached on requests per min (RPM): Limit 3, Requested 1. Please try again in 19.999s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`,
			},
			{"one request is there again", 20 * time.Second, `,"max_tokens":495`, 200, "3 0 59.999s 600 0 59.999s  ", ""},
			{
				"no tokens are left for longer", time.Second, `,"max_tokens":495`, 429, "3 0 58.999s 600 10 58.999s 49 48999",
				`{"error":{"message":"Rate limit reached on tokens per min (TPM): Limit 600, Requested 500. Please try again in 48.999s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`,
			},
			{"all is there again", time.Hour, `,"max_tokens":5`, 200, "3 2 20s 600 590 1s  ", ""},
			{
				"more than the bucket holds", 0, `,"max_tokens":596`, 429, "3 2 20s 600 590 1s  ",
				`{"error":{"message":"Request too large on tokens per min (TPM): Limit 600, Requested 601. The input or output tokens must be reduced in order to run successfully.",` +
					`"type":"tokens","param":null,"code":"rate_limit_exceeded"}}`,
			},
		} {
			time.Sleep(c.wait)
			w := ask(c.more)
			if got := limitHeaders(w); w.Code != c.code || got != c.want {
				t.Errorf("%s: %d %q, want %d %q", c.name, w.Code, got, c.code, c.want)
			}
			if c.error != "" && w.Body.String() != c.error {
				t.Errorf("%s: got\n%s", c.name, w.Body)
			}
			if tooLarge := strings.Contains(c.error, "too large"); tooLarge != (w.Header().Get("X-Should-Retry") == "false") {
				t.Errorf("%s: X-Should-Retry %q", c.name, w.Header().Get("X-Should-Retry"))
			}
		}
		rec := s.Truth(0)[3]
		if got := fmt.Sprint(rec.Status, " ", rec.Outcome, " ", rec.Fault); got != "429 rejected " {
			t.Errorf("the ledger says %s", got)
		}
	})
}

func TestRefusalsTakeNoFractionOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nrate_limit: {rpm: 60, tpm: 60}")
		var last *httptest.ResponseRecorder
		for range 10 {
			last = post(s, chatPath, chat(1, `,"max_tokens":1`))
		}
		for range 20 {
			time.Sleep(100 * ms)
			last = post(s, chatPath, chat(1, `,"max_tokens":59`))
		}
		if got, want := limitHeaders(last), "60 52 8s 60 42 18s 18 18000"; last.Code != 429 || got != want {
			t.Errorf("%d %q, want %q", last.Code, got, want)
		}
	})
}

func TestWhatALimitCounts(t *testing.T) {
	for _, c := range []struct {
		name, config, path, body string
		remaining                string // tokens
	}{
		{"prompt and max_tokens", "", chatPath, chat(5, `,"max_tokens":7`), "988"},
		{"max_tokens, not what the answer will get", "output: {natural: 4}", chatPath, chat(5, `,"max_tokens":70`), "925"},
		{"without max_tokens, what the answer will get", "", chatPath, chat(5, ""), "867"},
		{"each prompt", "", completionsPath, `{"model":"demo-8b","prompt":["a b","c"],"max_tokens":10}`, "977"},
		{"of embeddings, the prompts", "", "/v1/embeddings", `{"model":"demo-8b","input":["a b","c"]}`, "997"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {model: none}\nrate_limit: {tpm: 1000}\n"+c.config)
				w := post(s, c.path, c.body)
				if got := w.Header().Get("X-Ratelimit-Remaining-Tokens"); w.Code != 200 || got != c.remaining {
					t.Errorf("%d, %q left, want %s", w.Code, got, c.remaining)
				}
				if got := w.Header().Get("X-Ratelimit-Limit-Requests"); got != "" {
					t.Errorf("requests are not limited, but %q", got)
				}
			})
		})
	}
}

func TestWhatTakesNothingFromALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nrate_limit: {rpm: 2, tpm: 100}\nfaults: [{match: {header: {x-f: a}}, action: {status: 500}}]")
		post(s, chatPath, chat(1, ""), "X-F", "a")
		post(s, chatPath, `{"model":"nosuch","messages":[{"content":"a"}]}`)
		post(s, chatPath, `{`)
		post(s, chatPath, chat(1, `,"max_tokens":1000`))
		post(s, chatPath, chat(1, `,"max_tokens":1`))
		for range 5 {
			if w := post(s, chatPath, chat(1, `,"max_tokens":99`)); w.Code != 429 {
				t.Fatalf("%d", w.Code)
			}
		}
		if w := post(s, chatPath, chat(1, `,"max_tokens":97`)); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestEachAPIKeyHasBucketsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nrate_limit: {rpm: 1, headers: false}")
		var got []int
		for _, key := range []string{"a", "a", "b", "", ""} {
			var header []string
			if key != "" {
				header = []string{"Authorization", "Bearer " + key}
			}
			w := post(s, chatPath, chat(1, `,"max_tokens":1`), header...)
			got = append(got, w.Code)
			if h := w.Header().Get("X-Ratelimit-Limit-Requests"); h != "" {
				t.Errorf("headers are off, but %q", h)
			}
			if w.Code == 429 && w.Header().Get("Retry-After") != "60" {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
		}
		if want := []int{200, 429, 200, 200, 429}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestCountedRefusalsSayWhenTheNextIsServed(t *testing.T) {
	for _, c := range []struct {
		name, config, more string
		refused            int
		want               string // headers of the last refusal
	}{
		{"for want of a request", "{rpm: 60, count_refused: true}", `,"max_tokens":1`, 5, "60 0 1m5s    6 6000"},
		{"debt ends at a minute", "{rpm: 60, count_refused: true}", `,"max_tokens":1`, 500, "60 0 2m0s    61 61000"},
		{"too large ones count too", "{rpm: 60, tpm: 50, count_refused: true}", `,"max_tokens":99`, 5, "60 0 1m5s 50 50 0s  "},
		{"unless they do not", "{rpm: 60}", `,"max_tokens":1`, 500, "60 0 1m0s    1 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {model: none}\nrate_limit: "+c.config)
				var last *httptest.ResponseRecorder
				for range 60 + c.refused {
					last = post(s, chatPath, chat(1, c.more))
				}
				if got := limitHeaders(last); last.Code != 429 || got != c.want {
					t.Fatalf("%d %q, want %q", last.Code, got, c.want)
				}
				after, _ := strconv.Atoi(last.Header().Get("Retry-After"))
				if after == 0 {
					return
				}
				time.Sleep(time.Duration(after) * time.Second)
				if w := post(s, chatPath, chat(1, c.more)); w.Code != 200 {
					t.Errorf("after %d s: %d", after, w.Code)
				}
			})
		})
	}
}

func TestOneKeyHasOneBucketHoweverItIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nrate_limit: {rpm: 1}\nfaults: [{when: {first: 1, per: key}, action: {status: 500}}]")
		for _, c := range []struct {
			authorization string
			want          []int // faults of a new key, then its limit
		}{
			{"Bearer k", []int{500, 200, 429}},
			{"bearer k", []int{429}},
			{"BEARER  k", []int{429}},
			{"Bearer k ", []int{429}},
			{"Bearer K", []int{500, 200, 429}},
			{"", []int{500, 200, 429}},
			{"Basic k", []int{429}}, // no bearer token: as one without a key
		} {
			for i, want := range c.want {
				if w := post(s, chatPath, chat(1, `,"max_tokens":1`), "Authorization", c.authorization); w.Code != want {
					t.Errorf("%q, request %d: %d, want %d", c.authorization, i+1, w.Code, want)
				}
			}
		}
	})
}

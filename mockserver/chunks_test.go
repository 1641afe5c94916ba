package mockserver_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// each event of a stream: when it came, and which of some marks it has.
func marks(t *testing.T, config, body string, wanted ...string) (got []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client := pipe(t, serve(t, config))
		start := time.Now()
		r, err := call(t.Context(), client, "http://h"+chatPath, body)
		if err != nil {
			t.Fatal(err)
		}
		var rest string
		buf := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buf)
			rest += string(buf[:n])
			for {
				event, more, ok := strings.Cut(rest, "\n\n")
				if !ok {
					break
				}
				rest = more
				mark := ""
				for _, w := range wanted {
					if strings.Contains(event, w) {
						mark += " " + strings.Trim(w, `":`)
					}
				}
				got = append(got, fmt.Sprint(time.Since(start).Milliseconds(), mark))
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	return got
}

func TestChunksInTime(t *testing.T) {
	for _, c := range []struct {
		name, config, more string
		want               []string
	}{
		{
			"reasoning, then content, a chunk holds one kind", "output: {reasoning: 3}\nstream: {tokens_per_chunk: 2}", `,"max_tokens":6`,
			[]string{"220 role reasoning_content", "240 reasoning_content", "280 content", "300 content", "300 finish_reason", "300"},
		},
		{
			"hidden reasoning takes its time and says nothing", "output: {reasoning: 3, reasoning_mode: hidden}", `,"max_tokens":5`,
			[]string{"260 role content", "280 content", "280 finish_reason", "280"},
		},
		{
			"tokens of one step are one chunk behind hidden reasoning too", "output: {reasoning: 3, reasoning_mode: hidden}\nengine: {speculative: {tokens: 4, acceptance: 1}}", `,"max_tokens":11`,
			[]string{"220 role content", "240 content", "240 finish_reason", "240"},
		},
		{
			"and apart only where their kind is", "output: {reasoning: 3}\nengine: {speculative: {tokens: 4, acceptance: 1}}", `,"max_tokens":11`,
			[]string{"200 role reasoning_content", "220 reasoning_content", "220 content", "240 content", "240 finish_reason", "240"},
		},
		{
			"nothing but hidden reasoning ends in its time", "output: {reasoning: 3, reasoning_mode: hidden}", `,"max_tokens":2`,
			[]string{"220 finish_reason", "220"},
		},
		{
			"the finish with the last token", "stream: {finish_chunk: with_last}", `,"max_tokens":2`,
			[]string{"200 role content", "220 content finish_reason", "220"},
		},
		{
			"the role apart, with the first token, in vLLM's dialect", "dialect: vllm", `,"max_tokens":2`,
			[]string{"200 role content", "200 content", "220 content", "220 content finish_reason", "220"},
		},
		{
			"the role early, for each choice", "stream: {role_chunk: early}", `,"max_tokens":1,"n":2`,
			[]string{"0 role content", "0 role content", "200 content", "200 finish_reason", "200 content", "200 finish_reason", "200"},
		},
		{
			"a call is opened with its first token", "", `,"tool_choice":"required","max_tokens":2,` + weather,
			[]string{"200 role content tool_calls", "200 tool_calls", "220 tool_calls", "220 finish_reason", "220"},
		},
		{
			"a fault counts the tokens that are seen", "output: {reasoning: 3, reasoning_mode: hidden}\nfaults: [{action: {do: clean_eof, at_token: 2}}]", `,"max_tokens":6`,
			[]string{"260 role content", "280 content"},
		},
		{
			"no finish where a fault ends the stream behind its last token", "stream: {finish_chunk: with_last}\nfaults: [{action: {do: clean_eof, at_token: 9}}]", `,"max_tokens":2`,
			[]string{"200 role content", "220 content"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := marks(t, c.config, chat(1, `,"stream":true`+c.more), `"role":`, `"reasoning_content":`, `"content":`, `"tool_calls":`, `"finish_reason":"`)
			if !slices.Equal(got, c.want) {
				t.Errorf("\ngot  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestHeadersWaitForWhatIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := pipe(t, serve(t, "output: {reasoning: 3, reasoning_mode: hidden}"))
		start := time.Now()
		r, err := call(t.Context(), client, "http://h"+chatPath, chat(1, `,"stream":true,"max_tokens":5`))
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != 260*ms {
			t.Errorf("headers after %v, want them with the first token behind the reasoning: 260ms", got)
		}
		readAll(t, r)
	})
}

func TestTheStopThatMatchedIsSaid(t *testing.T) {
	for dialect, field := range map[string]string{"vllm": "stop_reason", "sglang": "matched_stop"} {
		s := serve(t, "engine: {model: none}\ndialect: "+dialect)
		words := strings.Fields(ask(t, s, chat(1, `,"max_tokens":8`)).Choices[0].Message.Content)
		for more, want := range map[string]string{
			fmt.Sprintf(`,"max_tokens":8,"stop":["\"",%q]`, words[4]): `"finish_reason":"stop","` + field + `":"` + words[4] + `"`,
			`,"max_tokens":8`: `"finish_reason":"length","` + field + `":null`,
		} {
			for _, stream := range []string{"", `,"stream":true`} {
				if got := post(s, chatPath, chat(1, more+stream)).Body.String(); strings.Count(got, want) != 1 {
					t.Errorf("%s: %s, want %s once", dialect, got, want)
				}
			}
		}
	}
}

func TestAnErrorInsideAStreamIsInItsDialect(t *testing.T) {
	for dialect, want := range map[string]string{
		"openai": `{"error":{"message":"The engine died while it generated (injected)","type":"server_error","param":null,"code":"internal_error"}}`,
		"vllm":   `{"error":{"message":"The engine died while it generated (injected)","type":"InternalServerError","param":null,"code":500}}`,
		"sglang": `{"error":{"object":"error","message":"The engine died while it generated (injected)","type":"InternalServerError","param":null,"code":500}}`,
	} {
		s := serve(t, "engine: {model: none}\nfaults: [{action: {do: error_event, at_token: 1}}]\ndialect: "+dialect)
		got := events(post(s, chatPath, chat(1, `,"stream":true`)).Body.Bytes())
		if got[len(got)-1] != want {
			t.Errorf("%s: %s", dialect, got[len(got)-1])
		}
	}
}

func TestAnInjectedStatusIsInItsDialect(t *testing.T) {
	s := serve(t, "faults: [{action: {status: 429}}]\ndialect: sglang")
	want := `{"object":"error","message":"Rate limit reached (injected)","type":"Too Many Requests","param":null,"code":429}`
	if got := post(s, chatPath, chat(1, "")).Body.String(); got != want {
		t.Error(got)
	}
}

func TestRunningUsageCountsTheReasoningSoFar(t *testing.T) {
	s := serve(t, "engine: {model: none}\noutput: {reasoning: 2}")
	w := post(s, chatPath, chat(1, `,"max_tokens":3,"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}`))
	for i, want := range []string{
		`"completion_tokens":1,"completion_tokens_details":{"reasoning_tokens":1}`,
		`"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":2}`,
		`"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":2}`,
	} {
		if got := events(w.Body.Bytes())[i]; !strings.Contains(got, want) {
			t.Errorf("chunk %d: %s, want %s", i+1, got, want)
		}
	}
}

package mockserver

import (
	"slices"
	"strings"
)

// A deed is one row of the fault catalogue. Validation, dispatch, the ledger,
// `llmload mock --list-faults` and the docs read this table and nothing else.
// What a row does is data and functions of bytes; strike.go carries it out.
type deed struct {
	key, name string   // such as "do" and "stall"; status has no name
	takes     []string // the action's keys that go with it
	needs     string   // of these, the one that must be there
	kinds     []string // what kind may say; the first is the default
	does      string   // and, where that differs, to a plain answer
	client    string   // what a good client does
	intact    bool     // the answer is whole, and right for whoever reads carefully: its outcome is done

	instead func(*exchange)                          // answers in the engine's place
	event   func(x *exchange, event []byte) [][]byte // the pieces to write for the event that is due; spread over For
	extra   func(x *exchange) []byte                 // what to write before the next event
	rewrite func(x *exchange, events []byte, first bool) []byte
	plain   func(x *exchange, body []byte) [][]byte // the pieces of a plain answer; nil leaves it as it is
	early   bool                                    // in a plain answer it does not wait for the last token
	text    string                                  // put in the place of the token's word
	label   string                                  // put in the place of the Content-Type
	ends    ending
}

// An ending is what becomes of the answer once the fault has acted.
type ending int

const (
	goesOn   ending = iota
	stops           // the body ends, well-formed for HTTP
	hangsUp         // the connection is closed in the middle of the body
	isReset         // the same with a TCP RST
	mayBegin        // a stall: its then says
)

const (
	doStall    = "stall"
	doContinue = "continue" // of then alone
	doRefuse   = "refuse"   // of connect
	doHang     = "accept_hang"
	doReset    = "reset" // of do and of connect
)

var catalogue = []deed{
	{
		key: "status", takes: []string{"retry_after", "body", "size"}, instead: sendStatus,
		does:   "400 to 599 with an OpenAI error object, or with body; blanks fill it up to size bytes; the engine never sees the request",
		client: "fails with the status, whatever the body; retries 408, 409, 429 and 5xx but 501, after Retry-After; bounds what it reads of an error",
	},
	{
		key: "do", name: doStall, takes: []string{"at_token", "for", "then"}, needs: "for", intact: true, ends: mayBegin,
		does:   "says nothing for a while, then continues, or ends as reset or clean_eof do; plain: the answer comes that much later",
		client: "has a time-out for the first token and one for silence, apart from that of the whole request",
	},
	{
		key: "do", name: doReset, takes: []string{"at_token"}, early: true, ends: isReset,
		does:   "cuts the connection with a TCP RST; plain: in place of the answer",
		client: "fails; tries again only where nothing has reached its caller",
	},
	{
		key: "do", name: "clean_eof", takes: []string{"at_token"}, plain: half, ends: stops,
		does:   "ends the body, well-formed for HTTP, without its end marker; plain: the first half of the JSON",
		client: "fails: without finish_reason and [DONE] an answer is cut short, however clean its end",
	},
	{
		key: "do", name: "short_body", takes: []string{"at_token"}, event: half, plain: half, ends: hangsUp,
		does:   "closes the connection in the middle of an event; plain: half of what Content-Length says",
		client: "fails: an end that HTTP did not announce is none",
	},
	{
		key: "do", name: "no_done", rewrite: withoutDone,
		does:   "leaves out data: [DONE]; plain: nothing",
		client: "fails, or at least says that the end is missing",
	},
	{
		key: "do", name: "error_event", takes: []string{"at_token", "kind"}, kinds: []string{"object", "named", "text"},
		extra: errorEvent, plain: errorBody, early: true, ends: stops,
		does: "an error inside the 200, and the end; object: OpenAI's error object, named: behind `event: error`, " +
			"text: {\"error\": \"text\"}; plain: that object is the answer",
		client: "fails with the server's message, in each of the shapes",
	},
	{
		key: "do", name: "bad_json", takes: []string{"at_token"}, event: halfJSON, plain: twoBraces,
		does:   "cuts the JSON of one event short and goes on; plain: the JSON begins with two braces",
		client: "fails; to pass over the event would lose a token in silence",
	},
	{
		key: "do", name: "bad_sse", takes: []string{"at_token", "kind"}, kinds: []string{"no_blank", "no_data"}, event: badSSE,
		does:   "no_blank: leaves out the blank line behind one event, so that two run together; no_data: one event lacks its `data:`; plain: nothing",
		client: "no_blank: fails, two events are not JSON; no_data: the rules of SSE pass over the line, so it counts tokens by usage, never by events",
	},
	{
		key: "do", name: "wrong_content_type", label: "text/plain; charset=utf-8",
		does:   "the right answer as text/plain",
		client: "fails before it reads, or reads by what it asked for; never hands out raw events as text",
	},
	{
		key: "do", name: "html_error", instead: sendPage,
		does:   "a 200 with a page of HTML, as a captive portal or a gateway sends",
		client: "fails, and shows the page's head",
	},
	{
		key: "do", name: "json_error", instead: sendObject,
		does:   "a 200 with an error object as application/json, to a stream too",
		client: "fails with the server's message; a stream without events is no empty success",
	},
	{
		key: "do", name: "split_utf8", takes: []string{"at_token", "for"}, event: splitRune, plain: splitRune, text: "日本語", intact: true,
		does:   "makes one token 日本語 and cuts it inside a character between two writes, for apart (10ms); plain: likewise",
		client: "succeeds: decodes whole events, never single reads",
	},
	{
		key: "do", name: "slow_bytes", takes: []string{"at_token", "for"}, needs: "for", event: trickle, plain: trickle, intact: true,
		does:   "sends one event byte by byte (at most 1000 writes), spread over for; plain: the whole answer",
		client: "succeeds: bytes that come are no silence; the time-out of the whole request goes on",
	},
	{
		key: "do", name: "dup_usage", rewrite: usageTwice, intact: true,
		does:   "sends the event with usage twice, where the request asked for it; plain: nothing",
		client: "succeeds: takes the last usage, and never adds",
	},
	{
		key: "do", name: "odd_stream", takes: []string{"kind", "size"}, rewrite: oddly, intact: true,
		kinds: []string{"crlf", "cr", "bom", "comments", "multiline", "big_event", "error_null", "zero_usage"},
		does: "a right stream, written unusually; crlf and cr: other line ends, bom: a byte order mark first, comments: a keep-alive before each write, multiline: " +
			"two data lines an event, big_event: the first event has size bytes more (131072), error_null: `\"error\":null` in each, " +
			"zero_usage: usage of zeros in each before the last, where it was asked for; plain: nothing",
		client: "succeeds; of usage the last counts",
	},
	{
		key: "connect", name: doRefuse,
		does:   "closes the listening socket: dials fail with ECONNREFUSED, open connections live on; with a window or for the whole stage",
		client: "fails within its dial time-out; tries again, with a back-off, on new connections alone",
	},
	{
		key: "connect", name: doHang, takes: []string{"for"},
		does:   "accepts a connection and never answers on it; closes it after for, left out: when the client does",
		client: "has a time-out for the first byte of the headers",
	},
	{
		key: "connect", name: doReset,
		does:   "accepts a connection and cuts it with a TCP RST before any header",
		client: "fails; may try again, as nothing was answered",
	},
}

// An Entry describes an action that a fault may have.
type Entry struct {
	Action string   // "status", "do: stall", "connect: refuse"
	Keys   []string // other keys of an action that go with it
	Does   string   // what it does to a stream and, where that differs, to a plain answer
	Client string   // what a good client makes of it
}

// Catalogue lists every action that a fault may have.
func Catalogue() []Entry {
	out := make([]Entry, len(catalogue))
	for i, d := range catalogue {
		action := d.key
		if d.name != "" {
			action += ": " + d.name
		}
		out[i] = Entry{action, slices.Clone(d.takes), d.does, d.client}
	}
	return out
}

// deedOf finds a row by its key and name, nil for none.
func deedOf(key, name string) *deed {
	for i := range catalogue {
		if d := &catalogue[i]; d.key == key && d.name == name {
			return d
		}
	}
	return nil
}

// deedNames lists what may stand behind a key.
func deedNames(key string) string {
	var names []string
	for _, d := range catalogue {
		if d.key == key {
			names = append(names, d.name)
		}
	}
	return strings.Join(names, ", ")
}

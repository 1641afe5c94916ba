package client

import (
	"net/http"
	"time"
)

// Attempt is one try of a call. Times carry a monotonic reading; one that never
// came is zero. FirstOutput, Arrivals and MultiEventReads are filled in by
// Exchange.Decode.
type Attempt struct {
	Started     time.Time // after the client's own limits let it go
	Connected   time.Time // a connection was at hand
	Sent        time.Time // the request was handed to the connection
	Headers     time.Time
	FirstChunk  time.Time // first read that brought a part of the body
	FirstToken  time.Time // first content, reasoning, refusal or tool call of a stream
	FirstOutput time.Time // the same without reasoning
	Done        time.Time // end marker or end of the body, or the failure

	Reused     bool // the connection had served before
	Status     int
	RequestID  string        // the server's; where it names none, ours
	RetryAfter time.Duration // what the server asked for, 0 if nothing
	Header     http.Header   // of the answer, as it came: a server may echo a key there
	Err        error         // nil if the attempt succeeded

	Reads           int // reads that brought a part of the body
	MultiEventReads int // reads that brought several content events
	Arrivals        []Arrival
}

// Arrival is all the content that one read brought.
type Arrival struct {
	At     time.Duration // since Attempt.Started
	Tokens int           // content tokens, 0 where unknown
	Events int           // content events
}

package client

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Embed returns a vector for each of Request.Prompts, in their order.
// Request.API is implied. The server may send lists of numbers or base64
// (which Request.Extra asks for with "encoding_format": "base64": a quarter of the bytes).
func (c *Client) Embed(ctx context.Context, r Request) (vectors [][]float32, usage Usage, err error) {
	r.API = Embeddings
	p := c.Prepare(ctx, r)
	if p.err == nil {
		p.call.vectors = len(r.Prompts)
	}
	resp, err := c.SendPrepared(ctx, p).Decode()
	if err != nil {
		return nil, resp.Usage, err
	}
	return resp.vectors, resp.Usage, nil
}

type wireVector struct {
	Index     int             `json:"index"`
	Embedding json.RawMessage `json:"embedding"`
}

// decodeEmbeddings counts the vectors and measures the first. Their values are
// read only where want, the number that was asked for, is not 0: decoding them
// takes most of the time.
func decodeEmbeddings(body []byte, want int) (*Response, error) {
	var w struct {
		wireAnswer
		Data []wireVector `json:"data"`
	}
	if err := unmarshal(body, &w); err != nil {
		return &Response{}, err
	}
	p, err := w.piece(body)
	if err != nil {
		return &Response{}, err
	}
	resp := &Response{ID: p.id, Model: p.model, Usage: p.usage, UsageKnown: p.hasUsage, Embeddings: len(w.Data)}
	if len(w.Data) == 0 {
		return resp, fmt.Errorf("%w: no embeddings: %s", ErrMalformed, excerpt(body))
	}
	first, err := vector(w.Data[0].Embedding)
	if resp.Dimensions = len(first); err != nil || want == 0 {
		return resp, err
	}
	resp.vectors, err = vectorsOf(w.Data, want)
	return resp, err
}

// vectorsOf puts the vectors in the order of the inputs.
func vectorsOf(data []wireVector, want int) ([][]float32, error) {
	if len(data) != want {
		return nil, fmt.Errorf("%w: %d embeddings for %d inputs", ErrMalformed, len(data), want)
	}
	out := make([][]float32, want)
	numbered := slices.ContainsFunc(data, func(d wireVector) bool { return d.Index != 0 })
	for i, d := range data {
		if !numbered { // then they come in order
			d.Index = i
		}
		if d.Index < 0 || d.Index >= want || out[d.Index] != nil {
			return nil, fmt.Errorf("%w: embedding with index %d, a second time or out of %d", ErrMalformed, d.Index, want)
		}
		v, err := vector(d.Embedding)
		if err != nil {
			return nil, err
		}
		out[d.Index] = v
	}
	return out, nil
}

// vector accepts a list of numbers, or base64 of little-endian float32. It is
// never nil without an error.
func vector(raw json.RawMessage) ([]float32, error) {
	var list []float32
	var packed []byte
	if err := json.Unmarshal(raw, &list); err == nil && list != nil {
		return list, nil
	}
	if err := json.Unmarshal(raw, &packed); err != nil || len(packed)%4 != 0 || packed == nil {
		return nil, fmt.Errorf("%w: embedding is neither a list of numbers nor base64: %s", ErrMalformed, excerpt(raw))
	}
	list = make([]float32, len(packed)/4)
	for i := range list {
		list[i] = math.Float32frombits(binary.LittleEndian.Uint32(packed[4*i:]))
	}
	return list, nil
}

package client

import "context"

// Prepared is a request that is encoded and ready to go, so that what encoding
// costs lies outside every stamp. It may be sent more than once, by the client
// that prepared it. The zero value is of no use: see Client.Prepare.
type Prepared struct {
	call *call
	err  error
}

// Prepare encodes a request. What is wrong with it comes out of SendPrepared.
// ctx bounds the question for the server's first model, which a request that
// names none may need.
func (c *Client) Prepare(ctx context.Context, r Request) *Prepared {
	cl, err := c.prepare(ctx, r)
	return &Prepared{cl, err}
}

// SendPrepared is Send for a prepared request.
func (c *Client) SendPrepared(ctx context.Context, p *Prepared) *Exchange {
	if p.err != nil {
		c.unsent(p.err)
		return &Exchange{err: p.err}
	}
	return c.send(ctx, p.call)
}

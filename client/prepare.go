package client

import "context"

// Prepared is a request that is encoded and ready to go, so that what encoding
// costs lies outside every stamp. It may be sent more than once.
type Prepared struct {
	call *call
	err  error
}

// Prepare encodes a request. What is wrong with it comes out of SendPrepared.
func (c *Client) Prepare(r Request) *Prepared {
	cl, err := c.prepare(r)
	return &Prepared{cl, err}
}

// SendPrepared is Send for a prepared request.
func (c *Client) SendPrepared(ctx context.Context, p *Prepared) *Exchange {
	if p.err != nil {
		return &Exchange{err: p.err}
	}
	return c.send(ctx, p.call)
}

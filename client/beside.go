package client

import "context"

// Beside returns a client of the server at endpoint that shares this one's
// configuration, its limits of rate and of calls at once, and its retry budget. It has
// connections of its own, at most poolSize, none of them opened ahead ([Off]: a
// new one for each attempt), and metrics of its own. Close it on its own;
// closing this client ends the calls of both. An empty endpoint is this client's.
func (c *Client) Beside(endpoint string, poolSize int) (*Client, error) {
	site := c.wire.site
	if endpoint != "" {
		var err error
		if site, err = parseEndpoint(endpoint); err != nil {
			return nil, err
		}
	}
	cfg := *c.cfg
	cfg.PoolSize = limit(poolSize, defaultPoolSize)
	out := &Client{
		cfg: &cfg, wire: newWire(&cfg, site), gate: c.gate, budget: c.budget, slots: c.slots, metrics: newMetrics(), census: &census{},
	}
	out.life, out.end = context.WithCancelCause(c.life)
	out.captures.New = newCapture
	return out, nil
}

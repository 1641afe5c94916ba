package client

import "context"

// Complete continues the texts of Request.Prompts, without a chat template.
// Request.API is implied. Several prompts come back as Response.Choices. With an
// error the Response holds what came before it, and is never nil.
func (c *Client) Complete(ctx context.Context, r Request) (*Response, error) {
	r.API = Completions
	return c.Chat(ctx, r)
}

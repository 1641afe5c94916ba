package client

// Response is a decoded answer. Text, Reasoning, Refusal, ToolCalls and
// FinishReason are those of the first choice.
type Response struct {
	ID, Model                string
	Text, Reasoning, Refusal string
	FinishReason             string
	ToolCalls                []ToolCall
	Choices                  []Choice // all, in order of their index
	Usage                    Usage
	UsageKnown               bool // whether the server reported usage
	ContentEvents            int  // events of a stream that brought content
	Embeddings, Dimensions   int  // how many vectors came, and their length; Embed returns their values

	vectors [][]float32
}

// Choice is one of the answers to a request; completions of several prompts
// have at least one each.
type Choice struct {
	Index                    int
	Text, Reasoning, Refusal string
	FinishReason             string
	ToolCalls                []ToolCall
}

// ToolCall is a call that the model asks for.
type ToolCall struct {
	Index     int
	ID, Name  string
	Arguments string
}

// Usage is what the server counted, in tokens. Cached tokens are part of the
// input, reasoning tokens part of the output.
type Usage struct {
	InputTokens, CachedTokens, OutputTokens, ReasoningTokens int
}

// Model is one that the server offers.
type Model struct {
	ID        string
	OwnedBy   string
	MaxLength int // longest input and output together in tokens; 0 where the server does not say
}

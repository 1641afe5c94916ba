package mockserver

import "strconv"

// body is a plain answer.
func (j *job) body(a api, id string, created int64) []byte {
	if a == apiEmbeddings {
		return j.embeddings()
	}
	object, shape := "text_completion", textShape(j.dialect)
	if a == apiChat {
		object, shape = "chat.completion", chatShape(j.dialect)
	}
	out := envelope(id, object, j.model, created)
	for i, c := range j.choices {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(append(out, `{"index":`...), int64(i), 10)
		if a == apiChat {
			out = j.message(append(out, `,"message":`...), c)
		} else {
			out = append(append(append(out, `,"text":"`...), c.text(content)...), '"')
		}
		out = shape.end(out, c)
	}
	u := j.usage
	u.completion = j.planned
	out = u.append(append(out, `],"usage":`...))
	return append(out, j.trailer()...)
}

// message is what a chat's answer says: reasoning where there is some, and
// either content or a call.
func (j *job) message(dst []byte, c *choice) []byte {
	dst = append(dst, `{"role":"assistant","content":`...)
	if c.call == nil {
		dst = append(append(append(dst, '"'), c.text(content)...), '"')
	} else {
		dst = c.call.append(append(dst, `null,"tool_calls":[`...), false, c.text(arguments))
		dst = append(dst, ']')
	}
	switch thought := c.text(reasoning); {
	case j.dialect == dialectVLLM:
		dst = orNullText(append(dst, `,"refusal":null,"annotations":null,"audio":null,"function_call":null,"reasoning":`...), thought)
	case j.dialect == dialectSGLang:
		dst = orNullText(append(dst, `,"reasoning_content":`...), thought)
		if c.call == nil {
			dst = append(dst, `,"tool_calls":null`...)
		}
	case thought != "":
		dst = orNullText(append(dst, `,"reasoning_content":`...), thought)
	}
	return append(dst, '}')
}

func orNullText(dst []byte, escaped string) []byte {
	if escaped == "" {
		return append(dst, "null"...)
	}
	return append(append(append(dst, '"'), escaped...), '"')
}

// trailer is what stands behind the usage, to the end of the object.
func (j *job) trailer() string {
	if j.dialect == dialectVLLM { // ChatCompletionResponse of chat_completion/protocol.py
		return `,"service_tier":null,"system_fingerprint":null,"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}`
	}
	return "}"
}

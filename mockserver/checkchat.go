package mockserver

import (
	"regexp"
	"slices"
)

// What OpenAI's API documents of a chat.
const maxStops = 4

var functionName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

func (r *request) checkMessages() *apiError {
	for i, m := range r.Messages {
		switch m.Role {
		case "system", "developer", "user", "tool", "function":
			if len(m.Content) == 0 {
				return missing(index("messages", i, "content"))
			}
			if m.Role == "tool" && m.ToolCallID == "" {
				return missing(index("messages", i, "tool_call_id"))
			}
		case "assistant": // may have called instead of saying something
		case "":
			return missing(index("messages", i, "role"))
		default:
			at := index("messages", i, "role")
			return invalid(at, "Invalid value for '%s': %q; write system, developer, user, assistant or tool.", at, m.Role)
		}
	}
	return nil
}

func (r *request) checkTools(a api) *apiError {
	if a != apiChat {
		return nil
	}
	for i, t := range r.Tools {
		switch {
		case t.Type != "" && t.Type != "function":
			at := index("tools", i, "type")
			return invalid(at, "Invalid value for '%s': %q; write function.", at, t.Type)
		case t.Function.Name == "":
			return missing(index("tools", i, "function.name"))
		case !functionName.MatchString(t.Function.Name):
			at := index("tools", i, "function.name")
			return invalid(at, "Invalid '%s': %.80q does not match the pattern %s.", at, t.Function.Name, functionName)
		}
	}
	switch c := r.ToolChoice; {
	case r.Tools != nil && len(r.Tools) == 0:
		return invalid("tools", "Invalid 'tools': an empty array; leave it out where there are no tools.")
	case len(r.Tools) > maxTools:
		return invalid("tools", "Invalid 'tools': expected at most %d, but got %d instead.", maxTools, len(r.Tools))
	case (c.mode == "required" || c.mode == "function") && len(r.Tools) == 0:
		return invalid("tool_choice", "'tool_choice' is only allowed when 'tools' are specified.")
	case c.mode == "function" && !slices.ContainsFunc(r.Tools, func(t tool) bool { return t.Function.Name == c.name }):
		return invalid("tool_choice", "Tool choice %q is not one of the tools.", c.name)
	}
	return r.ResponseFormat.check()
}

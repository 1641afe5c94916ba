// Package strictyaml reads YAML that people wrote by hand and reports every mistake at once, each with its file, line,
// column and the text of the line.
//
// Goals: one pass finds unknown and duplicate keys, wrong types and missing units together; a message says what to
// write instead; ${NAME} comes from the environment, and its value appears neither in messages nor in what is written
// back; hostile documents cost bounded time and memory.
//
// Non-goals: several documents in one file, custom tags, comments kept through a rewrite, the YAML 1.1 words yes, no,
// on and off as booleans.
//
// Parse gives a Node; Node.Decode fills Go values:
//
//   - Struct fields are named by their tag `yaml:"name"`; ",omitempty", ",inline" (a struct, or a map[string]T that takes
//     the keys that no field has) and "-" work. A key that no field has is an error.
//   - A scalar where a slice is expected is a list of one.
//   - A null or empty value leaves the field as it is; a null item of a list is an error,
//     unless the items are pointers or any.
//   - Scalars are read by the type that they go to: a string field takes 8 or true as text, a number may be quoted.
//   - time.Duration needs a unit, except 0, and is never negative.
//   - A type with UnmarshalNode or UnmarshalText reads itself. A field of type Node keeps its subtree.
package strictyaml

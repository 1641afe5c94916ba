package strictyaml_test

import "strings"

type mistake struct{ src, want string }

// mistakes are documents with the whole text of their errors.
var mistakes = map[string]mistake{
	"all kinds in one go": {
		src: `name: chat
nmae: x
seed: 1
seed: -2
pause: 30
closed:
  concurency: [1, 2]
  think_time: soon
stream: maybe
`,
		want: `
s.yaml:2:1: unknown key "nmae", did you mean "name"?
	nmae: x
	^
s.yaml:4:1: duplicate key "seed", first written in line 3: remove one of them
	seed: -2
	^
s.yaml:5:8: a duration needs a unit: write 30s, or 30ms
	pause: 30
	       ^
s.yaml:7:3: unknown key "concurency", did you mean "concurrency"?
	  concurency: [1, 2]
	  ^
s.yaml:8:15: want a duration like 30s, 500ms or 1m30s (units ns, us, ms, s, m, h), found "soon"
	  think_time: soon
	              ^
s.yaml:9:9: want true or false, found "maybe"
	stream: maybe
	        ^
`,
	},
	"an unknown key that is like none lists what there is": {"closed: {zzz: 1}", `
s.yaml:1:10: unknown key "zzz": the keys here are concurrency, think_time
	closed: {zzz: 1}
	         ^`},
	"a negative duration": {"pause: -5s", `
s.yaml:1:8: a duration must not be negative, found "-5s"
	pause: -5s
	       ^`},
	"a negative count": {"seed: -5", `
s.yaml:1:7: must not be negative, found "-5"
	seed: -5
	      ^`},
	"a number that does not fit": {"offset: 128\nseed: 99999999999999999999\nweight: 1e999", `
s.yaml:1:9: "128" is out of range
	offset: 128
	        ^
s.yaml:2:7: "99999999999999999999" is out of range
	seed: 99999999999999999999
	      ^
s.yaml:3:9: "1e999" is out of range
	weight: 1e999
	        ^`},
	"a fraction where a whole number belongs": {"seed: 1.5", `
s.yaml:1:7: want a whole number, found "1.5"
	seed: 1.5
	      ^`},
	"a leading zero": {"seed: 010\nextra: 007", `
s.yaml:1:7: want a whole number without leading zeros, found "010"
	seed: 010
	      ^
s.yaml:2:8: want a whole number without leading zeros, found "007"
	extra: 007
	       ^`},
	"numbers that are none": {"weight: .nan\nextra: .inf\nprices: {in: NaN, out: Inf}", `
s.yaml:1:9: want a number, found ".nan"
	weight: .nan
	        ^
s.yaml:2:8: want a number, found ".inf"
	extra: .inf
	       ^
s.yaml:3:14: want a finite number, found "NaN"
	prices: {in: NaN, out: Inf}
	             ^
s.yaml:3:24: want a finite number, found "Inf"
	prices: {in: NaN, out: Inf}
	                       ^`},
	"the kinds do not fit": {"name: [a]\nseed: {a: 1}\nclosed: 8\nstages: {name: a}\nlabels: [a]\nmode: [exact]\n", `
s.yaml:1:7: want text, found a list
	name: [a]
	      ^
s.yaml:2:7: want a whole number, found a mapping
	seed: {a: 1}
	      ^
s.yaml:3:9: want a mapping (key: value), found "8"
	closed: 8
	        ^
s.yaml:4:9: want a list, found a mapping: start each item with a dash
	stages: {name: a}
	        ^
s.yaml:5:9: want a mapping (key: value), found a list
	labels: [a]
	        ^
s.yaml:6:7: want a single value, found a list
	mode: [exact]
	      ^`},
	"a block that starts on the next line is reported at its key": {"name:\n  - a\n", `
s.yaml:1:1: want text, found a list
	name:
	^`},
	"an item of a list": {"closed:\n  concurrency: [1, two, 3, ]\nstages:\n  -\n", `
s.yaml:2:20: want a whole number, found "two"
	  concurrency: [1, two, 3, ]
	                   ^
s.yaml:4:4: empty list item: write a value or remove it
	  -
	   ^`},
	"types that read themselves": {"mode: natural\nlength: {mean: 13, sttdev: 1}\nstages: [{name: a, extra: 1}]\n", `
s.yaml:1:7: mode "natural": want exact or cap
	mode: natural
	      ^
s.yaml:2:16: 13 is bad luck
	length: {mean: 13, sttdev: 1}
	               ^
s.yaml:2:20: unknown key "sttdev", did you mean "stddev"?
	length: {mean: 13, sttdev: 1}
	                   ^
s.yaml:3:20: unknown key "extra": the keys here are name
	stages: [{name: a, extra: 1}]
	                   ^`},
	"an error without a place gets that of the value": {"length: {mean: 14}", `
s.yaml:1:9: 14 is no better
	length: {mean: 14}
	        ^`},
	"variables that are not set, beside other mistakes": {"name: ${NO_SUCH}\nlabels: {a: \"${x y}\"}\nseed: x", `
s.yaml:1:7: environment variable NO_SUCH is not set: export it, or write $${ for a literal ${
	name: ${NO_SUCH}
	      ^
s.yaml:2:13: bad ${...}: write ${NAME} for a variable of the environment, $${ for a literal ${
	labels: {a: "${x y}"}
	            ^
s.yaml:3:7: want a whole number, found "x"
	seed: x
	      ^`},
	"the value of a variable is not shown": {"seed: ${KEY}\nmode: ${KEY}\npause: ${LONG}", `
s.yaml:1:7: want a whole number, found "${KEY}"
	seed: ${KEY}
	      ^
s.yaml:2:7: mode "${KEY}": want exact or cap
	mode: ${KEY}
	      ^
s.yaml:3:8: want a duration like 30s, 500ms or 1m30s (units ns, us, ms, s, m, h), found "${LONG}"
	pause: ${LONG}
	       ^`},
	"a value too short to be a secret is shown": {"pause: ${N}", `
s.yaml:1:8: a duration needs a unit: write 8s, or 8ms
	pause: ${N}
	       ^`},
	"bad keys and merges": {"labels: {[a]: b, ~: c, <<: 8}", `
s.yaml:1:10: a key must be text, in quotes if need be
	labels: {[a]: b, ~: c, <<: 8}
	         ^
s.yaml:1:18: a key must be text, in quotes if need be
	labels: {[a]: b, ~: c, <<: 8}
	                 ^
s.yaml:1:28: << merges a mapping, like << : *name, or a list of them
	labels: {[a]: b, ~: c, <<: 8}
	                           ^`},
	"tags that mean nothing here": {"name: !secret x\nmode: !!binary aGk=", `
s.yaml:1:7: tag !secret is not supported: remove it
	name: !secret x
	      ^
s.yaml:2:7: tag !!binary is not supported: remove it
	mode: !!binary aGk=
	      ^`},
	"tabs and wide characters before the place": {"{\"name\":\t\"日本\",\tnmae:\t1}", "\n" +
		"s.yaml:1:16: unknown key \"nmae\", did you mean \"name\"?\n" +
		"\t{\"name\":\t\"日本\",\tnmae:\t1}\n" +
		"\t        \t     \t^"},
	"the same mistake reached by two aliases is told once": {"stages: [&a {nam: x}, *a]", `
s.yaml:1:14: unknown key "nam", did you mean "name"?
	stages: [&a {nam: x}, *a]
	             ^`},
	"a long line is cut around the place": {"{name: " + strings.Repeat("a", 200) + ", seed: x, stream: true" + strings.Repeat(" ", 200) + "}", `
s.yaml:1:216: want a whole number, found "x"
	` + strings.Repeat("a", 72) + ", seed: x, stream: true" + strings.Repeat(" ", 65) + `
	` + strings.Repeat(" ", 80) + "^"},
}

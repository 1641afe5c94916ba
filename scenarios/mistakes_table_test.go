package scenarios_test

// mistakes are scenarios with the whole text of their errors.
func mistakes() map[string]mistake {
	return map[string]mistake{
		"every kind at once": {`name: chat
seed: 1
seed: 2
nmae: x
target: {endpoint: ftp://host, gpus: 0}
workload:
  api: chats
  prompts: {file: missing.jsonl}
  output: {tokens: -1}
  temperature: 3
load:
  open: {rate: [5, -1/s], max_in_flight: 0}
  batch: {size: [0, x]}
  requests: -5
  duration: 30
client: {timeout: 30, max_retries: -1, rate_limit: fast}
slo: {ttft: 0.5, speed: 1s, tpot: 50ms, tpot: 60ms}
thresholds: [ttft < 500ms, {stage: "[", expr: tttf.p95 < 1s}]
`, `
s.yaml:3:1: duplicate key "seed", first written in line 2: remove one of them
	seed: 2
	^
s.yaml:4:1: unknown key "nmae", did you mean "name"?
	nmae: x
	^
s.yaml:5:20: endpoint "ftp://host" is not an address: write http://HOST:PORT or https://HOST/v1
	target: {endpoint: ftp://host, gpus: 0}
	                   ^
s.yaml:5:38: gpus 0 is outside 1 to 1000000
	target: {endpoint: ftp://host, gpus: 0}
	                                     ^
s.yaml:7:8: "chats" is not one of chat, completions, embeddings
	  api: chats
	       ^
s.yaml:8:19: cannot read prompts: open missing.jsonl: file does not exist
	  prompts: {file: missing.jsonl}
	                  ^
s.yaml:9:20: output tokens -1 is outside 1 to 10000000
	  output: {tokens: -1}
	                   ^
s.yaml:10:16: temperature 3 is outside 0 to 2
	  temperature: 3
	               ^
s.yaml:12:17: rate "5" needs a unit: write 5/s, 90/m or 3600/h
	  open: {rate: [5, -1/s], max_in_flight: 0}
	                ^
s.yaml:12:20: rate "-1/s" is outside 1/h to 1000000/s
	  open: {rate: [5, -1/s], max_in_flight: 0}
	                   ^
s.yaml:12:42: max_in_flight 0 is outside 1 to 20000
	  open: {rate: [5, -1/s], max_in_flight: 0}
	                                         ^
s.yaml:13:18: batch size 0 is outside 1 to 4096
	  batch: {size: [0, x]}
	                 ^
s.yaml:13:21: want a whole number, found "x"
	  batch: {size: [0, x]}
	                    ^
s.yaml:14:13: requests -5 is outside 1 to 1000000000
	  requests: -5
	            ^
s.yaml:15:13: a duration needs a unit: write 30s, or 30ms
	  duration: 30
	            ^
s.yaml:16:19: time limit "30": write a duration such as 30s, or off
	client: {timeout: 30, max_retries: -1, rate_limit: fast}
	                  ^
s.yaml:16:36: max_retries -1 is outside 0 to 100
	client: {timeout: 30, max_retries: -1, rate_limit: fast}
	                                   ^
s.yaml:16:52: rate limit "fast": write requests a minute such as 600, a rate such as 10/s, or off
	client: {timeout: 30, max_retries: -1, rate_limit: fast}
	                                                   ^
s.yaml:17:13: a duration needs a unit: write 0.5s, or 0.5ms
	slo: {ttft: 0.5, speed: 1s, tpot: 50ms, tpot: 60ms}
	            ^
s.yaml:17:25: slo "speed" is not a time that each request has: use ttft, tpot, e2e, ttfot or max_gap
	slo: {ttft: 0.5, speed: 1s, tpot: 50ms, tpot: 60ms}
	                        ^
s.yaml:17:41: duplicate key "tpot", first written in line 17: remove one of them
	slo: {ttft: 0.5, speed: 1s, tpot: 50ms, tpot: 60ms}
	                                        ^
s.yaml:18:14: threshold "ttft < 500ms", column 5: ttft is a distribution: say which of its values, as in ttft.p95 < 500ms
	thresholds: [ttft < 500ms, {stage: "[", expr: tttf.p95 < 1s}]
	             ^
s.yaml:18:36: stage pattern "[": syntax error in pattern
	thresholds: [ttft < 500ms, {stage: "[", expr: tttf.p95 < 1s}]
	                                   ^
s.yaml:18:47: threshold "tttf.p95 < 1s", column 1: no metric "tttf", did you mean "ttft"?
	thresholds: [ttft < 500ms, {stage: "[", expr: tttf.p95 < 1s}]
	                                              ^`},
		"an unknown key inside a section": {`load: {closed: {concurency: 4}}
`, `
s.yaml:1:17: unknown key "concurency", did you mean "concurrency"?
	load: {closed: {concurency: 4}}
	                ^`},
		"a rate without its unit": {`load: {open: {rate: 5}}
`, `
s.yaml:1:21: rate "5" needs a unit: write 5/s, 90/m or 3600/h
	load: {open: {rate: 5}}
	                    ^`},
		"a rate that is negative, zero, too small, too large, no number": {`load:
  open:
    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
`, `
s.yaml:3:12: rate "-5/s" is outside 1/h to 1000000/s
	    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
	           ^
s.yaml:3:18: rate "0/s" is outside 1/h to 1000000/s
	    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
	                 ^
s.yaml:3:23: rate "0.5/h" is outside 1/h to 1000000/s
	    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
	                      ^
s.yaml:3:30: rate "2000000/s" is outside 1/h to 1000000/s
	    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
	                             ^
s.yaml:3:41: rate "fast/s" does not start with a number
	    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
	                                        ^
s.yaml:3:49: rate "NaN/s" does not start with a number
	    rate: [-5/s, 0/s, 0.5/h, 2000000/s, fast/s, NaN/s]
	                                                ^`},
		"a duration without its unit, and one of zero": {`load: {duration: 30, pause: 5}
stages:
  - {name: zero, load: {duration: 0s}}
`, `
s.yaml:1:18: a duration needs a unit: write 30s, or 30ms
	load: {duration: 30, pause: 5}
	                 ^
s.yaml:1:29: a duration needs a unit: write 5s, or 5ms
	load: {duration: 30, pause: 5}
	                            ^
s.yaml:3:35: duration must be above 0, such as 30s
	  - {name: zero, load: {duration: 0s}}
	                                  ^`},
		"a duplicate key": {`name: a
load: {requests: 5, requests: 6}
`, `
s.yaml:2:21: duplicate key "requests", first written in line 2: remove one of them
	load: {requests: 5, requests: 6}
	                    ^`},
		"a prompt file that is missing": {`workload:
  prompts:
    file: nowhere.jsonl
`, `
s.yaml:3:11: cannot read prompts: open nowhere.jsonl: file does not exist
	    file: nowhere.jsonl
	          ^`},
		"a prompt file named by an empty variable": {`workload: {prompts: {file: "${EMPTY}"}}
`, `
s.yaml:1:28: file names nothing: write the name of a file of prompts
	workload: {prompts: {file: "${EMPTY}"}}
	                           ^`},
		"several sources of prompts": {`workload: {prompts: {file: two.jsonl, sharegpt: chats.json}}
`, `
s.yaml:1:21: prompts have several sources: leave one of synthetic, file, sharegpt
	workload: {prompts: {file: two.jsonl, sharegpt: chats.json}}
	                    ^`},
		"closed and open at once": {`load:
  closed: {concurrency: 4}
  open: {rate: 5/s}
`, `
s.yaml:3:9: load has both closed and open: leave one
	  open: {rate: 5/s}
	        ^`},
		"open without a rate, and a cap that would skip": {`load: {open: {when_full: skip, max_in_flight: 30000}}
`, `
s.yaml:1:14: open load needs a rate: write rate: 5/s
	load: {open: {when_full: skip, max_in_flight: 30000}}
	             ^
s.yaml:1:26: when_full "skip": only queue is known; a request is never skipped
	load: {open: {when_full: skip, max_in_flight: 30000}}
	                         ^
s.yaml:1:47: max_in_flight 30000 is outside 1 to 20000
	load: {open: {when_full: skip, max_in_flight: 30000}}
	                                              ^`},
		"a batch in one chat request": {`load: {batch: {size: 4, mode: request}}
`, `
s.yaml:1:31: a chat request carries one conversation: use mode concurrent, or api completions or embeddings
	load: {batch: {size: 4, mode: request}}
	                              ^`},
		"embeddings have no stream and no output": {`workload: {api: embeddings, stream: true, output: {tokens: 5}}
`, `
s.yaml:1:37: embeddings do not stream: set stream: false
	workload: {api: embeddings, stream: true, output: {tokens: 5}}
	                                    ^
s.yaml:1:60: embeddings have no output tokens: leave tokens out
	workload: {api: embeddings, stream: true, output: {tokens: 5}}
	                                                           ^`},
		"natural output has no length": {`workload: {output: {mode: natural, tokens: 5}}
`, `
s.yaml:1:44: mode natural sets no length: leave tokens out, or use mode exact or cap
	workload: {output: {mode: natural, tokens: 5}}
	                                           ^`},
		"thresholds that are none": {`thresholds:
  - ttft.p95 < 500
  - {stage: "c=*", expr: sucess_rate > 0.9}
  - {stage: "rate=*", expr: success_rate > 0.9}
  - {stage: "c=*"}
`, `
s.yaml:2:5: threshold "ttft.p95 < 500", column 12: a duration needs a unit: write 500ms or 500s
	  - ttft.p95 < 500
	    ^
s.yaml:3:26: threshold "sucess_rate > 0.9", column 1: no metric "sucess_rate", did you mean "success_rate"?
	  - {stage: "c=*", expr: sucess_rate > 0.9}
	                         ^
s.yaml:4:13: no stage matches "rate=*": the stages are c=1
	  - {stage: "rate=*", expr: success_rate > 0.9}
	            ^
s.yaml:5:5: threshold "", column 1: want a metric, as in ttft.p95 < 500ms or success_rate >= 0.99
	  - {stage: "c=*"}
	    ^`},
		"slo of what no request has": {`slo:
  success_rate: 1s
  ttft: 0s
  tpot: fast
  e2e:
  max_gap: 2000h
`, `
s.yaml:2:17: slo "success_rate" is not a time that each request has: use ttft, tpot, e2e, ttfot or max_gap
	  success_rate: 1s
	                ^
s.yaml:3:9: slo ttft must be above 0, such as 500ms
	  ttft: 0s
	        ^
s.yaml:4:9: want a duration like 30s, 500ms or 1m30s (units ns, us, ms, s, m, h), found "fast"
	  tpot: fast
	        ^
s.yaml:5:7: slo e2e must be above 0, such as 500ms
	  e2e:
	      ^
s.yaml:6:12: slo max_gap 2000h0m0s is longer than 1000h
	  max_gap: 2000h
	           ^`},
		"an slo that is no mapping": {`slo: 500ms
`, `
s.yaml:1:6: want a mapping (key: value), found "500ms"
	slo: 500ms
	     ^`},
		"two stages of one name": {`stages:
  - {name: a, load: {requests: 5}}
  - {name: a}
`, `
s.yaml:3:5: two stages are named "a": a list must not repeat a value, and like entries of stages need names
	  - {name: a}
	    ^`},
		"a list that repeats a value": {`load: {open: {rate: [60/m, 1/s]}}
`, `
s.yaml:1:7: two stages are named "rate=1/s": a list must not repeat a value, and like entries of stages need names
	load: {open: {rate: [60/m, 1/s]}}
	      ^`},
		"a password in the endpoint": {`target: {endpoint: "https://me:hunter2@host/v1"}
`, `
s.yaml:1:20: endpoint "https://[redacted]@host/v1" holds a user or password: use api_key: ${NAME} or headers
	target: {endpoint: "https://**********@host/v1"}
	                   ^`},
		"a token and a port that is none in the endpoint": {`target: {endpoint: "http://token@host:port/v1"}
`, `
s.yaml:1:20: endpoint "http://[redacted]@host:port/v1" is not an address: write http://HOST:PORT or https://HOST/v1
	target: {endpoint: "http://*****@host:port/v1"}
	                   ^`},
		"an endpoint from an empty variable": {`target: {endpoint: "${EMPTY}"}
`, `
s.yaml:1:20: endpoint is empty: write http://HOST:PORT or https://HOST/v1
	target: {endpoint: "${EMPTY}"}
	                   ^`},
		"a literal key beside a mistake": {`target: {api_key: sk-literal-key, headers: {X-Key: another-secret}, url: x}
`, `
s.yaml:1:69: unknown key "url": the keys here are mock, endpoint, api_key, headers, gpus
	target: {api_key: **************, headers: {X-Key: **************}, url: x}
	                                                                    ^`},
		"headers that cannot be sent": {`target:
  api_key: "sk\nabcd"
  headers:
    "X Tenant": a
    X-Key: "a\rb-secret"
`, `
s.yaml:2:12: api_key holds a line break or another control character
	  api_key: "sk\nabcd"
	           ^
s.yaml:4:17: header name "X Tenant" must be letters, digits and dashes
	    "X Tenant": a
	                ^
s.yaml:5:12: header "X-Key" holds a line break or another control character
	    X-Key: "a\rb-secret"
	           ^`},
		"mock and endpoint at once, faults on a real server": {`target: {mock: {preset: x}, endpoint: http://h}
faults: [{when: {every: 2}, action: {status: 500}}]
stages:
  - {name: a, faults: [{when: {every: 2}, action: {status: 500}}]}
  - {name: b, faults: []}
`, `
s.yaml:1:39: target has both mock and endpoint: leave one
	target: {mock: {preset: x}, endpoint: http://h}
	                                      ^
s.yaml:2:9: faults need the bundled mock as target: a real server cannot be told to fail
	faults: [{when: {every: 2}, action: {status: 500}}]
	        ^
s.yaml:4:23: faults need the bundled mock as target: a real server cannot be told to fail
	  - {name: a, faults: [{when: {every: 2}, action: {status: 500}}]}
	                      ^`},
		"a variable that is not set": {`target: {api_key: "${NO_KEY}"}
model: ${NO_MODEL}
`, `
s.yaml:1:19: environment variable NO_KEY is not set: export it, or write $${ for a literal ${
	target: {api_key: "${NO_KEY}"}
	                  ^
s.yaml:2:8: environment variable NO_MODEL is not set: export it, or write $${ for a literal ${
	model: ${NO_MODEL}
	       ^`},
		"a variable in the extra body": {`workload: {extra_body: {user: "${KEY}"}}
stages: [{name: a}, {name: b, workload: {extra_body: {user: "${KEY}"}}}]
`, `
s.yaml:1:24: extra_body is written into results, so it takes no ${NAME}: secrets belong in api_key or headers
	workload: {extra_body: {user: "${KEY}"}}
	                       ^
s.yaml:2:54: extra_body is written into results, so it takes no ${NAME}: secrets belong in api_key or headers
	stages: [{name: a}, {name: b, workload: {extra_body: {user: "${KEY}"}}}]
	                                                     ^`},
		"an extra body that would take over": {`workload: {extra_body: {stream: false, top_k: 5}}
stages:
  - {name: a}
  - {name: b, workload: {extra_body: {model: x}}}
`, `
s.yaml:1:33: extra_body must not set "stream", which comes from the scenario's other keys
	workload: {extra_body: {stream: false, top_k: 5}}
	                                ^
s.yaml:4:46: extra_body must not set "model", which comes from the scenario's other keys
	  - {name: b, workload: {extra_body: {model: x}}}
	                                             ^`},
		"broken lines of prompts": {`workload: {prompts: {file: broken.jsonl}}
`, `
broken.jsonl:2:12: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	{"prompt": 5}
	           ^
broken.jsonl:3:15: JSON: unexpected end of JSON input; each line must be an object with a prompt, such as {"prompt": "Hello"}
	{"prompt": "cut
	              ^
broken.jsonl:4:1: each line must be an object with a prompt, such as {"prompt": "Hello"}
		{"text": "no prompt"}
	^
broken.jsonl:5:1: array does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	[1]
	^
broken.jsonl:6:1: each line must be an object with a prompt, such as {"prompt": "Hello"}
	null
	^`},
		"more broken lines than anyone reads": {`workload: {prompts: {file: many.jsonl}}
`, `
many.jsonl:1:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	1
	^
many.jsonl:2:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	2
	^
many.jsonl:3:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	3
	^
many.jsonl:4:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	4
	^
many.jsonl:5:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	5
	^
many.jsonl:6:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	6
	^
many.jsonl:7:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	7
	^
many.jsonl:8:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	8
	^
many.jsonl:9:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	9
	^
many.jsonl:10:1: number does not belong here: each line must be an object with a prompt, such as {"prompt": "Hello"}
	10
	^
many.jsonl:11:1: from here on 2 more lines are wrong
	11
	^`},
		"a prompt file without a prompt": {`workload: {prompts: {file: empty.jsonl}}
`, `
s.yaml:1:28: empty.jsonl holds no prompt
	workload: {prompts: {file: empty.jsonl}}
	                           ^`},
		"sharegpt without an answered conversation": {`workload: {prompts: {sharegpt: alone.json}}
`, `
s.yaml:1:32: alone.json: none of its 1 conversations has a first turn and an answer
	workload: {prompts: {sharegpt: alone.json}}
	                               ^`},
		"sharegpt that is an object": {`workload: {prompts: {sharegpt: object.json}}
`, `
object.json:1:1: object does not belong here: ShareGPT is [{"conversations": [{"from": "human", "value": "Hello"}, ...]}, ...]
	{
	^`},
		"sharegpt that was cut off": {`workload: {prompts: {sharegpt: cut.json}}
`, `
cut.json:2:21: JSON: unexpected end of JSON input; ShareGPT is [{"conversations": [{"from": "human", "value": "Hello"}, ...]}, ...]
	  {"conversations": [
	                    ^`},
		"lengths that cannot be": {`workload:
  prompts:
    synthetic:
      input_tokens: {mean: 0, stddev: -1, min: 9, max: 8}
`, `
s.yaml:4:21: input_tokens has min 9 above max 8
	      input_tokens: {mean: 0, stddev: -1, min: 9, max: 8}
	                    ^
s.yaml:4:21: mean of input_tokens 0 is outside 1 to 10000000
	      input_tokens: {mean: 0, stddev: -1, min: 9, max: 8}
	                    ^
s.yaml:4:21: stddev of input_tokens -1 is outside 0 to 10000000
	      input_tokens: {mean: 0, stddev: -1, min: 9, max: 8}
	                    ^`},
		"a length too long": {`workload: {prompts: {synthetic: {input_tokens: 10000001}}, output: {tokens: 10000001}}
`, `
s.yaml:1:48: mean of input_tokens 10000001 is outside 1 to 10000000
	workload: {prompts: {synthetic: {input_tokens: 10000001}}, output: {tokens: 10000001}}
	                                               ^
s.yaml:1:77: output tokens 10000001 is outside 1 to 10000000
	workload: {prompts: {synthetic: {input_tokens: 10000001}}, output: {tokens: 10000001}}
	                                                                            ^`},
		"counts that do not fit": {`load: {closed: {concurrency: [0, 20001]}, requests: 1000000000000000000, warmup: {requests: 99999999999999999999}}
`, `
s.yaml:1:31: concurrency 0 is outside 1 to 20000
	load: {closed: {concurrency: [0, 20001]}, requests: 1000000000000000000, warmup: {requests: 99999999999999999999}}
	                              ^
s.yaml:1:34: concurrency 20001 is outside 1 to 20000
	load: {closed: {concurrency: [0, 20001]}, requests: 1000000000000000000, warmup: {requests: 99999999999999999999}}
	                                 ^
s.yaml:1:53: requests 1000000000000000000 is outside 1 to 1000000000
	load: {closed: {concurrency: [0, 20001]}, requests: 1000000000000000000, warmup: {requests: 99999999999999999999}}
	                                                    ^
s.yaml:1:93: "99999999999999999999" is out of range
	load: {closed: {concurrency: [0, 20001]}, requests: 1000000000000000000, warmup: {requests: 99999999999999999999}}
	                                                                                            ^`},
		"times that nobody waits for": {`load: {duration: 1001h, pause: 2000h, warmup: {duration: 1001h}}
`, `
s.yaml:1:18: duration 1001h0m0s is longer than 1000h
	load: {duration: 1001h, pause: 2000h, warmup: {duration: 1001h}}
	                 ^
s.yaml:1:32: pause 2000h0m0s is longer than 1000h
	load: {duration: 1001h, pause: 2000h, warmup: {duration: 1001h}}
	                               ^
s.yaml:1:58: warmup.duration 1001h0m0s is longer than 1000h
	load: {duration: 1001h, pause: 2000h, warmup: {duration: 1001h}}
	                                                         ^`},
		"more in flight than sockets": {`load: {closed: {concurrency: 100}, batch: {size: [10, 500, 5000]}}
`, `
s.yaml:1:50: concurrency 100 with batches of 500 puts 50000 requests in flight: at most 20000
	load: {closed: {concurrency: 100}, batch: {size: [10, 500, 5000]}}
	                                                 ^
s.yaml:1:60: batch size 5000 is outside 1 to 4096
	load: {closed: {concurrency: 100}, batch: {size: [10, 500, 5000]}}
	                                                           ^`},
		"empty lists": {`load: {closed: {concurrency: []}, batch: {size: []}}
stages: [{name: a}, {name: b, load: {open: {rate: []}}}]
`, `
s.yaml:1:30: the list is empty: write a value or remove the key
	load: {closed: {concurrency: []}, batch: {size: []}}
	                             ^
s.yaml:1:49: the list is empty: write a value or remove the key
	load: {closed: {concurrency: []}, batch: {size: []}}
	                                                ^
s.yaml:2:51: the list is empty: write a value or remove the key
	stages: [{name: a}, {name: b, load: {open: {rate: []}}}]
	                                                  ^`},
		"sections of the wrong kind": {`workload: chat
load: [1]
stages: {a: 1}
target: x
`, `
s.yaml:1:11: want a mapping (key: value), found "chat"
	workload: chat
	          ^
s.yaml:2:7: want a mapping (key: value), found a list
	load: [1]
	      ^
s.yaml:3:9: want a list, found a mapping: start each item with a dash
	stages: {a: 1}
	        ^
s.yaml:4:9: want a mapping (key: value), found "x"
	target: x
	        ^`},
		"an empty item of stages": {`stages:
  -
`, `
s.yaml:2:4: empty list item: write a value or remove it
	  -
	   ^`},
		"names that break a table": {`name: "a/b"
stages: [{name: "a\tb"}, {name: " c"}]
`, `
s.yaml:1:7: name "a/b" must not hold slashes: it becomes part of a folder's name
	name: "a/b"
	      ^
s.yaml:2:17: name "a\tb" must be at most 100 printable characters, without blanks around them
	stages: [{name: "a\tb"}, {name: " c"}]
	                ^
s.yaml:2:33: name " c" must be at most 100 printable characters, without blanks around them
	stages: [{name: "a\tb"}, {name: " c"}]
	                                ^`},
		"client limits that are none": {`client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
`, `
s.yaml:1:19: time limit "0s": write a duration such as 30s, or off
	client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
	                  ^
s.yaml:1:44: time limit "-1s": write a duration such as 30s, or off
	client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
	                                           ^
s.yaml:1:63: time limit "soon": write a duration such as 30s, or off
	client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
	                                                              ^
s.yaml:1:82: max_retries 101 is outside 0 to 100
	client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
	                                                                                 ^
s.yaml:1:98: "0": write a count of at least 1, or auto
	client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
	                                                                                                 ^
s.yaml:1:113: rate limit "0": write requests a minute such as 600, a rate such as 10/s, or off
	client: {timeout: 0s, first_token_timeout: -1s, idle_timeout: soon, max_retries: 101, pool_size: 0, rate_limit: 0}
	                                                                                                                ^`},
		"a mistake of the scenario is said once for all stages": {`load: {closed: {concurrency: 0}, requests: 0}
stages: [{name: a}, {name: b}, {name: c, load: {requests: -2}}]
`, `
s.yaml:1:30: concurrency 0 is outside 1 to 20000
	load: {closed: {concurrency: 0}, requests: 0}
	                             ^
s.yaml:1:44: requests 0 is outside 1 to 1000000000
	load: {closed: {concurrency: 0}, requests: 0}
	                                           ^
s.yaml:2:59: requests -2 is outside 1 to 1000000000
	stages: [{name: a}, {name: b}, {name: c, load: {requests: -2}}]
	                                                          ^`},
		"a syntax error": {`load: {closed: [
`, `
s.yaml:1:17: YAML syntax: did not find expected node content while parsing a flow node
	load: {closed: [
	                ^`},
		"a stage that changes to request batches": {`workload: {api: completions}
load: {batch: {mode: request, size: 2}}
stages: [{name: a}, {name: b, workload: {api: chat}}]
`, `
s.yaml:2:22: a chat request carries one conversation: use mode concurrent, or api completions or embeddings
	load: {batch: {mode: request, size: 2}}
	                     ^`},
	}
}

// The catalogue through npm's openai.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";

import { KEYED, LIMITED, MAIN, MODEL, NARROW, Review, SGLANG, THINKING, VLLM, Weather, fails, gapMs, refused, words } from "./catalogue.mjs";
import { attempts, mock } from "./mock.mjs";

const messages = [{ role: "system", content: "be brief" }, { role: "user", content: [{ type: "text", text: "say something" }] }];
const base = { model: MODEL, messages, max_completion_tokens: 8 };
const free = { ...base, max_completion_tokens: undefined }; // a call or an object may be cut by no limit
const tools = [zodFunction({ name: "get_weather", parameters: Weather })];

async function client(config = MAIN, headers = {}, more = {}) {
  const { url } = await mock(config);
  return new OpenAI({ baseURL: url, apiKey: "any key", maxRetries: 0, defaultHeaders: headers, ...more });
}

const chat = async (body = {}, config, headers, more) => (await client(config, headers, more)).chat.completions.create({ ...base, ...body });

// stream puts the chunks of an answer together, and keeps what came before an error.
async function stream(body, config, headers) {
  const got = { text: "", reasoning: "", finish: null, usage: null, ids: new Set(), error: null };
  try {
    for await (const chunk of await chat({ stream: true, stream_options: { include_usage: true }, ...body }, config, headers)) {
      got.ids.add(chunk.id);
      got.usage = chunk.usage ?? got.usage;
      for (const { delta, finish_reason } of chunk.choices) {
        got.text += delta.content ?? "";
        got.reasoning += delta.reasoning_content ?? "";
        got.finish = finish_reason ?? got.finish;
      }
    }
  } catch (error) {
    got.error = error;
  }
  return got;
}

// final lets the client itself put a stream together; it checks more than the loop above.
const final = async (body) => (await client()).chat.completions.stream({ ...base, ...body }).finalChatCompletion();

const answering = {
  "chat answers with text, usage and a finish reason": async () => {
    const got = await chat();
    assert.equal(words(got.choices[0].message.content).length, 8);
    assert.equal(got.choices[0].finish_reason, "length");
    assert.deepEqual([got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.total_tokens], [4, 8, 12]);
  },
  "a stream says what the plain answer says": async () => {
    const [plain, got] = [await chat(), await stream()];
    assert.equal(got.text, plain.choices[0].message.content);
    assert.deepEqual([got.finish, got.usage.total_tokens, got.ids.size, got.error], ["length", 12, 1, null]);
  },
  "the client puts a stream together": async () => {
    const got = await final({ ...free, max_tokens: 5 });
    assert.equal(got.choices[0].finish_reason, "length");
    assert.equal(words(got.choices[0].message.content).length, 5);
  },
  "stop ends an answer before it": async () => {
    const all = words((await chat()).choices[0].message.content);
    const got = (await chat({ stop: ["never said", all[4]] })).choices[0];
    assert.equal(got.finish_reason, "stop");
    assert.ok(!got.message.content.includes(all[4]), got.message.content);
  },
  "reasoning comes apart from the answer": async () => {
    const plain = (await chat({ max_completion_tokens: 20 }, THINKING)).choices[0].message;
    const got = await stream({ max_completion_tokens: 20 }, THINKING);
    assert.equal(words(plain.reasoning_content).length, 5);
    assert.deepEqual([got.reasoning, got.text], [plain.reasoning_content, plain.content]);
    assert.equal(got.usage.completion_tokens_details?.reasoning_tokens, 5);
  },
  "the request's id and the rate limits are in the headers": async () => {
    const api = await client(LIMITED, { "X-Request-Id": "mine" });
    const { data, response, request_id } = await api.chat.completions.create(base).withResponse();
    assert.deepEqual([request_id, data._request_id], ["mine", "mine"]);
    assert.equal(response.headers.get("x-ratelimit-limit-requests"), "60");
    assert.match(response.headers.get("x-ratelimit-reset-tokens") ?? "", /^(\d+h)?(\d+m)?(\d+(\.\d+)?m?s)?$/);
  },
};

const calling = {
  "a required tool is called": async () => {
    const got = (await chat({ ...free, tools, tool_choice: "required" })).choices[0];
    assert.equal(got.finish_reason, "tool_calls");
    assert.equal(got.message.tool_calls[0].function.name, "get_weather");
    Weather.parse(JSON.parse(got.message.tool_calls[0].function.arguments));
  },
  "a streamed call is put together": async () => {
    const got = (await final({ ...free, tools, tool_choice: "required" })).choices[0];
    assert.equal(got.finish_reason, "tool_calls");
    assert.ok(got.message.tool_calls[0].id);
    Weather.parse(got.message.tool_calls[0].function.parsed_arguments);
  },
  "the client runs a named tool, plain and streamed": async () => {
    for (const streamed of [false, true]) {
      const seen = [];
      const tool = zodFunction({ name: "get_weather", parameters: Weather, function: (args) => seen.push(args) && "sunny" });
      const named = { type: "function", function: { name: "get_weather" } };
      await (await client()).chat.completions.runTools({ ...free, stream: streamed, tools: [tool], tool_choice: named }).done();
      assert.equal(seen.length, 1);
    }
  },
  "a tool's result is answered with text": async () => {
    const said = (await chat({ ...free, tools, tool_choice: "required" })).choices[0].message;
    const results = said.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "sunny" }));
    const got = await chat({ tools, tool_choice: "none", messages: [...messages, said, ...results] });
    assert.ok(got.choices[0].message.content);
  },
  "an answer fits its schema, plain and streamed": async () => {
    const response_format = zodResponseFormat(Review, "review");
    const body = { ...free, response_format };
    const plain = await (await client()).chat.completions.parse(body);
    Review.parse(plain.choices[0].message.parsed);
    Review.parse((await final(body)).choices[0].message.parsed);
  },
  "json_object gives an object": async () => {
    const got = await chat({ ...free, response_format: { type: "json_object" } });
    assert.equal(typeof JSON.parse(got.choices[0].message.content), "object");
  },
};

const others = {
  "completions take a string, strings and token ids, and n": async () => {
    const api = await client();
    for (const [prompt, n, choices] of [["one two", 1, 1], [["one", "two"], 1, 2], [[15339, 1917], 1, 1], [[[15339], [1917]], 2, 4]]) {
      const got = await api.completions.create({ model: MODEL, prompt, max_tokens: 4, ...(n > 1 && { n }) });
      assert.deepEqual(got.choices.map((c) => c.index), [...Array(choices).keys()], JSON.stringify(prompt));
      assert.deepEqual(got.choices.map((c) => words(c.text).length), Array(choices).fill(4));
    }
  },
  "completions stream": async () => {
    const texts = ["", ""];
    const body = { model: MODEL, prompt: ["one", "two"], max_tokens: 4, stream: true, stream_options: { include_usage: true } };
    for await (const { choices } of await (await client()).completions.create(body)) {
      for (const c of choices) texts[c.index] += c.text;
    }
    assert.deepEqual(texts.map((t) => words(t).length), [4, 4]);
  },
  "embeddings in the client's own format (base64) are those in floats": async () => {
    const api = await client();
    const body = { model: MODEL, input: ["one", "two three"] };
    const [own, floats] = [await api.embeddings.create(body), await api.embeddings.create({ ...body, encoding_format: "float" })];
    assert.equal(own.data.length, 2);
    for (const i of [0, 1]) assert.deepEqual(own.data[i].embedding.map(Math.fround), floats.data[i].embedding.map(Math.fround));
  },
  "embeddings take token ids": async () => {
    const api = await client();
    for (const [input, count] of [[[15339, 1917], 1], [[[15339], [1917, 13]], 2]]) {
      assert.equal((await api.embeddings.create({ model: MODEL, input, encoding_format: "float" })).data.length, count);
    }
  },
  "models are listed and found, also with a slash in their name": async () => {
    const api = await client();
    const ids = [];
    for await (const m of api.models.list()) ids.push(m.id);
    assert.deepEqual(ids, ["demo-8b", "tiny", "meta-llama/Llama-3.1-8B"]);
    for (const id of ids) assert.equal((await api.models.retrieve(id)).id, id);
    await refused(OpenAI.NotFoundError, { status: 404, code: "model_not_found" }, () => api.models.retrieve("absent"));
  },
};

const invalid = "invalid_request_error";
const refusals = {
  "a bad request": [OpenAI.BadRequestError, { status: 400, type: invalid, param: "messages" }, { messages: [] }],
  "more than the context holds": [
    OpenAI.BadRequestError, { status: 400, type: invalid, code: "context_length_exceeded", param: "messages" }, { model: "tiny", max_completion_tokens: 64 },
  ],
  "a wrong key": [OpenAI.AuthenticationError, { status: 401, type: invalid, code: "invalid_api_key" }, {}, KEYED],
  "a model that is not there": [OpenAI.NotFoundError, { status: 404, code: "model_not_found" }, { model: "absent" }],
  "too many requests": [OpenAI.RateLimitError, { status: 429, type: "requests", code: "rate_limit_exceeded" }, {}, MAIN, "busy"],
  "a fault of the server": [OpenAI.InternalServerError, { status: 500, type: "server_error" }, {}, MAIN, "broken"],
  "a server that is away": [OpenAI.InternalServerError, { status: 503, type: "server_error" }, {}, MAIN, "away"],
  "vLLM's codes are numbers": [OpenAI.NotFoundError, { status: 404, type: "NotFoundError", code: 404 }, { model: "absent" }, VLLM],
  "SGLang's error objects have no envelope": [OpenAI.NotFoundError, { status: 404 }, { model: "absent" }, SGLANG],
};

const refusing = Object.fromEntries(
  Object.entries(refusals).map(([that, [Type, want, body, config = MAIN, fault]]) => [
    `${that} is a ${Type.name}`,
    async () => {
      const headers = fault ? { "X-Fault": fault } : {};
      await refused(Type, want, () => chat(body, config, headers));
      await refused(Type, want, () => chat({ ...body, stream: true }, config, headers));
    },
  ]),
);

const breaking = {
  "an error inside a stream is an APIError": async () => {
    const got = await stream({}, MAIN, { "X-Fault": "inside" });
    assert.ok(got.error instanceof OpenAI.APIError, String(got.error));
    assert.deepEqual([got.error.type, got.error.code, words(got.text).length], ["server_error", "internal_error", 3]);
  },
  // The loop sees a clean end, as it does in most clients: only the missing finish reason tells. The client's own assembly refuses it.
  "a stream that ends early has no finish reason, and the client's assembly refuses it": async () => {
    const got = await stream({}, MAIN, { "X-Fault": "short" });
    assert.deepEqual([got.error, got.finish, words(got.text).length], [null, null, 3]);
    await fails(async () => (await client(MAIN, { "X-Fault": "short" })).chat.completions.stream(base).finalChatCompletion());
  },
  "a reset is an error": async () => {
    const got = await stream({}, MAIN, { "X-Fault": "reset" });
    assert.ok(got.error, `no error after ${got.text}`);
    assert.equal(got.finish, null);
  },
  "a missing end marker is no error": async () => {
    const got = await stream({}, MAIN, { "X-Fault": "unmarked" });
    assert.deepEqual([got.error, got.finish, words(got.text).length], [null, "length", 8]);
  },
};

// asked gives the attempts that a request came to, and its error.
async function asked(fault, maxRetries) {
  const id = randomUUID();
  const error = await chat({}, MAIN, { "X-Fault": fault, "X-Request-Id": id }, { maxRetries }).then(() => null, (e) => e);
  return { error, tries: await attempts(MAIN, id) };
}

const retrying = {
  // The client's own back-off is 500 ms at most before the second attempt, so a longer wait is the server's.
  "a 429 is asked again when its Retry-After is over": async () => {
    const { error, tries } = await asked("busy-once", 2);
    assert.deepEqual([error, tries.length], [null, 2]);
    assert.ok(gapMs(tries) >= 1000, `after ${gapMs(tries)} ms`);
  },
  "a 500 is asked again without being told when": async () => {
    const { error, tries } = await asked("broken-once", 1);
    assert.deepEqual([error, tries.length], [null, 2]);
  },
  "a 500 is asked as often as was allowed": async () => {
    const { error, tries } = await asked("broken", 2);
    assert.deepEqual([error.status, tries.length], [500, 3]);
  },
  "a 400 is asked once": async () => assert.equal((await asked("refused", 2)).tries.length, 1),
  "a request over the limit is told when to come again": async () => {
    await chat({}, NARROW);
    const error = await refused(OpenAI.RateLimitError, { status: 429, code: "rate_limit_exceeded" }, () => chat({}, NARROW));
    const after = Number(error.headers.get("retry-after"));
    assert.ok(after >= 1 && after <= 60, `Retry-After ${error.headers.get("retry-after")}`);
    assert.equal(error.headers.get("x-ratelimit-remaining-requests"), "0");
  },
};

export const openaiChecks = { ...answering, ...calling, ...others, ...refusing, ...breaking, ...retrying };

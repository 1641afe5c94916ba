// The catalogue through npm's @langchain/openai.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI, OpenAI as Completions, OpenAIEmbeddings } from "@langchain/openai";

import { KEYED, MAIN, MODEL, Review, THINKING, Weather, fails, gapMs, words } from "./catalogue.mjs";
import { attempts, mock } from "./mock.mjs";

const messages = [new SystemMessage("be brief"), new HumanMessage("say something")];
const weather = tool(() => "sunny", { name: "get_weather", description: "tells the weather", schema: Weather });

async function options(config = MAIN, headers = {}) {
  const { url } = await mock(config);
  return { model: MODEL, apiKey: "any key", maxRetries: 0, configuration: { baseURL: url, defaultHeaders: headers } };
}

const chat = async (more = {}, config, headers) => new ChatOpenAI({ ...(await options(config, headers)), maxTokens: 8, ...more });

const free = { maxTokens: undefined }; // a call or an object may be cut by no limit

// gather puts a stream together, as LangChain's users do: by concat.
async function gather(chunks) {
  let all;
  for await (const chunk of await chunks) all = all === undefined ? chunk : all.concat(chunk);
  return all;
}

const answering = {
  "chat answers with text, usage and a finish reason": async () => {
    const got = await (await chat()).invoke(messages);
    assert.equal(words(got.content).length, 8);
    assert.equal(got.response_metadata.finish_reason, "length");
    assert.deepEqual([got.usage_metadata.input_tokens, got.usage_metadata.output_tokens, got.usage_metadata.total_tokens], [4, 8, 12]);
  },
  "a stream says what the plain answer says": async () => {
    const [plain, got] = [await (await chat()).invoke(messages), await gather((await chat()).stream(messages))];
    assert.equal(got.content, plain.content);
    assert.equal(got.response_metadata.finish_reason, "length");
    assert.equal(got.usage_metadata.total_tokens, 12);
  },
  "stop ends an answer before it": async () => {
    const all = words((await (await chat()).invoke(messages)).content);
    const got = await (await chat()).invoke(messages, { stop: [all[4]] });
    assert.equal(got.response_metadata.finish_reason, "stop");
    assert.ok(!got.content.includes(all[4]), got.content);
  },
  "reasoning comes apart from the answer": async () => {
    const model = await chat({ maxTokens: 20 }, THINKING);
    const [plain, got] = [await model.invoke(messages), await gather(model.stream(messages))];
    assert.equal(words(plain.additional_kwargs.reasoning_content).length, 5);
    assert.equal(got.additional_kwargs.reasoning_content, plain.additional_kwargs.reasoning_content);
    assert.equal(got.usage_metadata.output_token_details?.reasoning, 5);
  },
};

const calling = {
  "a tool is called, plain and streamed": async () => {
    for (const choice of ["required", "get_weather"]) {
      const model = (await chat(free)).bindTools([weather], { tool_choice: choice });
      for (const got of [await model.invoke(messages), await gather(model.stream(messages))]) {
        assert.equal(got.tool_calls.length, 1, JSON.stringify(got.content));
        assert.equal(got.tool_calls[0].name, "get_weather");
        assert.ok(got.tool_calls[0].id);
        Weather.parse(got.tool_calls[0].args);
      }
    }
  },
  "a tool's result is answered with text": async () => {
    const said = await (await chat(free)).bindTools([weather], { tool_choice: "required" }).invoke(messages);
    const results = await Promise.all(said.tool_calls.map((call) => weather.invoke(call)));
    assert.ok(results.length > 0 && results.every((r) => r instanceof ToolMessage));
    assert.ok((await (await chat()).bindTools([weather], { tool_choice: "none" }).invoke([...messages, said, ...results])).content);
  },
  ...Object.fromEntries(
    ["jsonSchema", "functionCalling"].map((method) => [
      `structured output by ${method}`,
      async () => Review.parse(await (await chat(free)).withStructuredOutput(Review, { name: "review", method }).invoke(messages)),
    ]),
  ),
};

const others = {
  "completions, plain and streamed": async () => {
    const model = new Completions({ ...(await options()), maxTokens: 4 });
    const plain = await model.invoke("one two");
    assert.equal(words(plain).length, 4);
    assert.equal(await gather(model.stream("one two")), plain);
  },
  "embeddings": async () => {
    const model = new OpenAIEmbeddings(await options());
    const many = await model.embedDocuments(["one", "two three"]);
    assert.deepEqual(many.map((v) => v.length > 0), [true, true]);
    assert.notDeepEqual(many[0], many[1]);
    assert.deepEqual(await model.embedQuery("one"), many[0]);
  },
  "embeddings in base64 are those in floats": async () => {
    const by = async (encodingFormat) => new OpenAIEmbeddings({ ...(await options()), encodingFormat }).embedQuery("one two");
    // LangChain hands base64 on as it came: little-endian float32.
    const packed = Buffer.from(await by("base64"), "base64");
    const numbers = Array.from({ length: packed.length / 4 }, (_, i) => packed.readFloatLE(4 * i));
    assert.deepEqual(numbers, (await by("float")).map(Math.fround));
  },
};

// LangChain passes OpenAI's errors on, with a code of its own that says what to do.
const refusals = {
  "a bad request": [{ status: 400, param: "messages" }, [], {}, MAIN],
  "a wrong key": [{ status: 401, code: "invalid_api_key", lc_error_code: "MODEL_AUTHENTICATION" }, messages, {}, KEYED],
  "a model that is not there": [{ status: 404, code: "model_not_found", lc_error_code: "MODEL_NOT_FOUND" }, messages, { model: "absent" }, MAIN],
  "too many requests": [{ status: 429, code: "rate_limit_exceeded", lc_error_code: "MODEL_RATE_LIMIT" }, messages, {}, MAIN, "busy"],
  "a fault of the server": [{ status: 500, type: "server_error" }, messages, {}, MAIN, "broken"],
};

async function checkRefusal([want, input, more, config, fault]) {
  const model = await chat(more, config, fault ? { "X-Fault": fault } : {});
  for (const ask of [() => model.invoke(input), () => gather(model.stream(input))]) {
    const error = await fails(ask);
    for (const [key, value] of Object.entries(want)) assert.equal(error[key], value, `${key} of ${error.name} ${error.message}`);
  }
}

const failing = {
  ...Object.fromEntries(Object.entries(refusals).map(([that, row]) => [`${that} is an error of status ${row[0].status}`, () => checkRefusal(row)])),
  "more than the context holds is a ContextOverflowError": async () => {
    const model = await chat({ model: "tiny", maxTokens: 64 });
    for (const ask of [() => model.invoke(messages), () => gather(model.stream(messages))]) {
      const { name, cause } = await fails(ask);
      assert.deepEqual([name, cause?.status, cause?.code], ["ContextOverflowError", 400, "context_length_exceeded"]);
    }
  },
  "an error inside a stream is an error": async () => {
    const error = await fails(async () => gather((await chat({}, MAIN, { "X-Fault": "inside" })).stream(messages)));
    assert.equal(error.code, "internal_error", String(error));
  },
  "a stream that ends early has no finish reason": async () => {
    const got = await gather((await chat({}, MAIN, { "X-Fault": "short" })).stream(messages));
    assert.deepEqual([words(got.content).length, got.response_metadata.finish_reason], [3, undefined]);
  },
  "a reset is an error": async () => {
    await fails(async () => gather((await chat({}, MAIN, { "X-Fault": "reset" })).stream(messages)));
  },
  "a 429 is asked again, and not before its Retry-After": async () => {
    const id = randomUUID();
    await (await chat({ maxRetries: 2 }, MAIN, { "X-Fault": "busy-once", "X-Request-Id": id })).invoke(messages);
    const tries = await attempts(MAIN, id);
    assert.equal(tries.length, 2);
    assert.ok(gapMs(tries) >= 1000, `after ${gapMs(tries)} ms`);
  },
  "a 400 is asked once": async () => {
    const id = randomUUID();
    await fails(async () => (await chat({ maxRetries: 2 }, MAIN, { "X-Fault": "refused", "X-Request-Id": id })).invoke(messages));
    assert.equal((await attempts(MAIN, id)).length, 1);
  },
};

export const langchainChecks = { ...answering, ...calling, ...others, ...failing };

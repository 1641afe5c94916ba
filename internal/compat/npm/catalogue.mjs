// What both clients are asked, and what must hold of their answers.
import assert from "node:assert/strict";

import { z } from "zod";

export const MODEL = "demo-8b";

// A request picks its fault by a header, so that one mock has them all.
const faults = {
  busy: "status: 429, retry_after: 1s",
  broken: "status: 500, retry_after: 1ms",
  away: "status: 503, retry_after: 1ms",
  refused: "status: 400, retry_after: 1ms",
  inside: "do: error_event, at_token: 3",
  short: "do: clean_eof, at_token: 3",
  reset: "do: reset, at_token: 3",
  unmarked: "do: no_done",
};

const rule = (header, when, action) => `  - {match: {header: {${header}}}, when: {${when}}, action: {${action}}}\n`;

export const MAIN =
  "models: [{id: demo-8b}, {id: tiny, max_model_len: 16}, {id: meta-llama/Llama-3.1-8B}]\nfaults:\n" +
  Object.entries(faults).map(([name, action]) => rule(`X-Fault: ${name}`, "", action)).join("") +
  rule("X-Fault: busy-once", "first: 1, per: 'header:X-Request-Id'", "status: 429, retry_after: 1s") +
  rule("X-Fault: broken-once", "first: 1, per: 'header:X-Request-Id'", "status: 500");
export const KEYED = "api_key: the right key\n";
export const LIMITED = "rate_limit: {rpm: 60, tpm: 6000, headers: true}\n";
export const NARROW = "rate_limit: {rpm: 1, headers: true}\n";
export const THINKING = "output: {reasoning: 5}\n";
export const VLLM = "dialect: vllm\n";
export const SGLANG = "dialect: sglang\n";

export const Weather = z.object({
  city: z.string(),
  unit: z.enum(["celsius", "fahrenheit"]),
  days: z.number().int(),
});

export const Review = z.object({
  title: z.string(),
  good: z.boolean(),
  score: z.number(),
  tags: z.array(z.string()),
  author: z.object({ name: z.string(), age: z.number().int().nullable() }),
});

export const words = (text) => (text ?? "").split(/\s+/).filter(Boolean);

// fails runs what must not succeed and gives its error.
export async function fails(work) {
  let value;
  try {
    value = await work();
  } catch (error) {
    return error;
  }
  assert.fail(`no error, but ${JSON.stringify(value)}`);
}

// refused checks an error's class and what it says.
export async function refused(Type, want, work) {
  const error = await fails(work);
  assert.ok(error instanceof Type, `a ${error?.constructor?.name} (${error?.message}), want a ${Type.name}`);
  for (const [key, value] of Object.entries(want)) {
    assert.equal(error[key] ?? undefined, value, `${key} of ${error.message}`);
  }
  return error;
}

export const gapMs = ([first, second]) => (second.arrived_ns - first.arrived_ns) / 1e6;

// Asks mocks that `llmload mock` serves through npm's clients: one line a check, a closing line, exit code 1 when one failed.
import { readFileSync } from "node:fs";

import { langchainChecks } from "./langchain.mjs";
import { endMocks } from "./mock.mjs";
import { openaiChecks } from "./openai.mjs";

const LIMIT_MS = 30_000;

const versionOf = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;

// within ends a check that hangs.
async function within(ms, work) {
  let timer;
  const over = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${ms} ms`)), ms);
  });
  return Promise.race([work(), over]).finally(() => clearTimeout(timer));
}

async function run(client, checks) {
  const count = { passed: 0, failed: 0 };
  console.log(`${client} ${versionOf(client)}, node ${process.version}`);
  for (const [that, work] of Object.entries(checks)) {
    try {
      await within(LIMIT_MS, work);
      count.passed++;
      console.log(`ok    ${client}: ${that}`);
    } catch (error) {
      count.failed++;
      console.log(`FAIL  ${client}: ${that}: ${String(error?.message ?? error).replace(/\s+/g, " ").slice(0, 400)}`);
    }
  }
  return count;
}

try {
  const counts = [await run("openai", openaiChecks), await run("@langchain/openai", langchainChecks)];
  const sum = (key) => counts.reduce((n, c) => n + c[key], 0);
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
  process.exitCode = sum("failed") === 0 ? 0 : 1;
} finally {
  endMocks();
}

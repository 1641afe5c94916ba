// Starts mocks, one a config, and reads what they saw.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const binary = process.env.LLMLOAD ?? fileURLToPath(new URL("../../../bin/llmload", import.meta.url));
const engine = "engine: {model: fixed, ttft: 1ms, itl: 1ms}\n"; // tokens apart in time, and soon
const folder = mkdtempSync(join(tmpdir(), "llmload-compat-"));
const mocks = new Map();

// mock gives the addresses of the mock with this config; the first call starts it.
export function mock(config = "") {
  if (!mocks.has(config)) mocks.set(config, start(config));
  return mocks.get(config).ready;
}

function start(config) {
  const file = join(folder, `mock-${mocks.size}.yaml`);
  writeFileSync(file, engine + config);
  // --while-stdin: the mock ends with this process, however that ends.
  const child = spawn(binary, ["mock", "--while-stdin", "--config", file], { stdio: ["pipe", "pipe", "pipe"] });
  const ready = addresses(child);
  ready.catch(() => {}); // the checks that ask for it report it
  return { child, ready };
}

async function addresses(child) {
  let said = "";
  child.stderr.on("data", (part) => (said += part));
  const failed = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("close", () => reject(new Error(`the mock did not start: ${said}`)));
  });
  failed.catch(() => {});
  const found = {};
  const read = async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, name, url] = /^(listening|admin) on (http:\S+)$/.exec(line) ?? [];
      if (name) found[name] = url;
      if (found.listening && found.admin) return { url: `${found.listening}/v1`, admin: found.admin };
    }
    return failed;
  };
  return Promise.race([read(), failed]);
}

// attempts are the truth ledger's records of a request's id, in the order of arrival.
export async function attempts(config, id) {
  const { admin } = await mock(config);
  await fetch(`${admin}/admin/drain`, { method: "POST" });
  const lines = (await (await fetch(`${admin}/admin/truth?since=0`)).text()).split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line)).filter((r) => r.request_id === id).sort((a, b) => a.seq - b.seq);
}

export function endMocks() {
  for (const { child } of mocks.values()) child.stdin.end();
  rmSync(folder, { recursive: true, force: true });
}

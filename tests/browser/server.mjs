// A server of the built binary on a port of its own.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Where the built binary is. */
export function builtBinary() {
  const binary = process.env.GLASSBOX_BINARY ?? join(ROOT, "target/debug/glassbox");
  if (!existsSync(binary)) throw new Error(`${binary} is not there: run \`make browser-test\``);
  return binary;
}

/** Starts the server with `settings` in its environment, waits until it is ready, and gives {origin, stop}. */
export async function serve(settings = {}) {
  const port = await freePort();
  const environment = {
    ...process.env,
    GLASSBOX_SERVER__LISTEN: `127.0.0.1:${port}`,
    GLASSBOX_JOBS__STORE: "memory",
    GLASSBOX_LOG__LEVEL: "error",
    // In a debug build, to cut out the changed windows takes longer than the runs that it saves.
    GLASSBOX_OCCLUSION__INCREMENTAL: "false",
    ...settings,
  };
  const service = spawn(builtBinary(), ["serve"], { cwd: ROOT, env: environment, stdio: ["ignore", "inherit", "inherit"] });
  const origin = `http://127.0.0.1:${port}`;
  for (let wait = 0; ; wait++) {
    const ready = await fetch(`${origin}/readyz`).then(({ ok }) => ok, () => false);
    if (ready) break;
    if (wait > 600 || service.exitCode !== null) throw new Error("the server is not ready");
    await new Promise((done) => setTimeout(done, 100));
  }
  const stop = () => new Promise((done) => {
    service.once("exit", done);
    service.kill();
  });
  return { origin, stop };
}

// From a file to its first picture: netron in a headless browser beside layerscope.
//
//   npm install --prefix FOLDER playwright-core
//   python3 -m venv FOLDER/venv && FOLDER/venv/bin/pip install netron   (NETRON: FOLDER/venv/bin/netron)
//   node src/cli/benches/netron.mjs FOLDER NETRON LAYERSCOPE MODEL...
//
// netron: its server runs and the browser is open before the clock starts; it stops when the page
// has left its loading state, graph nodes stand in it, and a screenshot has been taken. layerscope:
// the whole program, `render MODEL`, from start to the written picture. The two alternate. The
// last pictures of both stay in FOLDER for the eye.
import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { basename, join, resolve } from "node:path";

const [folder, netronProgram, layerscope, ...models] = process.argv.slice(2);
if (!models.length) {
  console.error("usage: node netron.mjs FOLDER NETRON LAYERSCOPE MODEL...");
  process.exit(2);
}
const ROUNDS = 5;
const load = createRequire(join(resolve(folder), "netron.mjs"));
const { chromium } = load("playwright-core");
const size = { width: 1280, height: 720 };

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

async function serve(model) {
  const port = await freePort();
  const server = spawn(netronProgram, ["--host", "127.0.0.1", "--port", String(port), model], {
    stdio: "ignore",
  });
  const address = `http://127.0.0.1:${port}/`;
  for (let i = 0; i < 600; i++) {
    try {
      if ((await fetch(address)).ok) return { server, address };
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  server.kill();
  throw new Error(`netron does not answer at ${address}`);
}

async function netron(browser, address, picture) {
  const context = await browser.newContext({ viewport: size });
  // Without it the page asks for consent and loads nothing.
  await context.addCookies([{ name: "consent", value: "1", url: address }]);
  const page = await context.newPage();
  const start = performance.now();
  await page.goto(address, { waitUntil: "commit" });
  // The page replaces eval, so only locators work in it.
  await page.locator("body.default").waitFor({ timeout: 600000 });
  await page.locator("g.node").first().waitFor({ timeout: 600000 });
  await page.screenshot({ path: picture, timeout: 600000 });
  const time = performance.now() - start;
  await context.close();
  return time;
}

function render(model, picture) {
  const start = performance.now();
  const done = spawnSync(layerscope, ["render", model, picture, "--size", "1280x720"]);
  if (done.status !== 0) throw new Error(String(done.stderr));
  return performance.now() - start;
}

const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
console.log(`chromium ${browser.version()}; milliseconds, median of ${ROUNDS}`);
console.log("model                          netron  layerscope render    ratio");
for (const model of models) {
  const name = basename(model, ".onnx");
  const { server, address } = await serve(model);
  const [theirs, ours] = [[], []];
  try {
    for (let i = 0; i < ROUNDS; i++) {
      theirs.push(await netron(browser, address, join(folder, `${name}-netron.png`)));
      ours.push(render(model, join(folder, `${name}-layerscope.png`)));
    }
  } finally {
    server.kill();
  }
  const [a, b] = [median(theirs), median(ours)];
  console.log(`${name.padEnd(26)} ${a.toFixed(0).padStart(10)} ${b.toFixed(0).padStart(18)} ${(a / b).toFixed(2).padStart(8)}`);
}
await browser.close();

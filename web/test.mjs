// Uses the page in headless Chromium as a person would: node web/test.mjs [PART OF A TEST'S NAME]
//
// Pictures are compared with web/pictures/NAME.png; where one is missing or differs, what was seen
// goes to web/dist/seen/NAME.png. Look at it before it becomes the reference.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import { serve } from "./serve.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SIZE = { width: 1280, height: 800 };
// Where the scene is, between the panels.
const SCENE = { x: 264, y: 90, width: 700, height: 560 };
// The answer of the network.
const ANSWER = { x: 975, y: 85, width: 300, height: 160 };
// What the explorer says last.
const STATUS = { x: 200, y: 780, width: 1080, height: 20 };
/** Share of pixels that may differ from the reference: text and edges differ between systems. */
const TOLERANCE = 0.01;

// WebGPU on SwiftShader. A canvas can be presented only where the compositor works on the same
// Vulkan as WebGPU does: without the last three flags it has no memory that both can reach, and the
// device is lost at the first frame ("Could not find SharedImageBackingFactory").
const GPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
];

const launch = (...args) =>
  chromium.launch({
    executablePath: process.env.LAYERSCOPE_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--force-color-profile=srgb", ...args],
  });

const server = await serve(here("dist"));
const address = `http://127.0.0.1:${server.address().port}/`;

/** The scene as it is on the screen. */
async function picture(page) {
  return PNG.sync.read(await page.screenshot({ clip: SCENE }));
}

/** Share of pixels that differ. */
function difference(a, b) {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  return pixelmatch(a.data, b.data, null, a.width, a.height, { threshold: 0.1 }) / (a.width * a.height);
}

/** Takes pictures until two in a row are alike, and `wanted` likes them. */
async function settle(page, what, wanted = () => true, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  let last = await picture(page);
  while (Date.now() < end) {
    await page.waitForTimeout(500);
    const now = await picture(page);
    if (difference(last, now) === 0 && wanted(now)) return now;
    last = now;
  }
  await keep("unsettled", last);
  throw new Error(`${what}: not seen within ${seconds} s`);
}

async function keep(name, png) {
  await mkdir(here("dist/seen"), { recursive: true });
  await writeFile(here(`dist/seen/${name}.png`), PNG.sync.write(png));
}

/** Compares with the reference picture. */
async function compare(name, png) {
  await keep(name, png);
  const reference = await readFile(here(`pictures/${name}.png`)).catch(() => null);
  assert(reference, `web/pictures/${name}.png: there is no reference; see web/dist/seen/${name}.png`);
  const share = difference(PNG.sync.read(reference), png);
  assert(share <= TOLERANCE, `web/dist/seen/${name}.png: ${(share * 100).toFixed(2)} % differ from the reference`);
}

/** Drops files on the page: a browser makes the same events for a hand. */
async function drop(page, ...files) {
  const list = await Promise.all(
    files.map(async ([name, path]) => [name, (await readFile(path)).toString("base64")]),
  );
  const transfer = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const [name, text] of list) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    return transfer;
  }, list);
  for (const type of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("#view", type, { dataTransfer: transfer });
  }
}

/** Milliseconds a frame, over some seconds. */
const frame = (page) =>
  page.evaluate(
    () =>
      new Promise((done) => {
        const times = [];
        const tick = (t) => (times.push(t) < 61 ? requestAnimationFrame(tick) : done((t - times[0]) / 60));
        requestAnimationFrame(tick);
      }),
  );

/** In order: each goes on where the one before it stopped. */
const tests = {
  async "loads with progress, and shows the demo"({ page }) {
    const begin = Date.now();
    await page.goto(address);
    await page.waitForSelector("#cover.gone", { state: "attached", timeout: 120_000 });
    console.log(`  first picture after ${((Date.now() - begin) / 1000).toFixed(2)} s`);
    const told = await page.evaluate(() => window.told);
    const loading = told.filter((t) => t.startsWith("Loading"));
    const { size } = await import("node:fs").then((fs) => fs.statSync(here("dist/layerscope_bg.wasm")));
    const total = (size / 1e6).toFixed(1);
    assert(loading.length > 3, `progress was told ${loading.length} times`);
    assert.equal(loading.at(-1), `Loading: ${total} of ${total} MB`);
    await compare("demo", await settle(page, "the demo"));
    console.log(`  ${(await frame(page)).toFixed(1)} ms a frame`);
  },

  async "plays the flow to its end"({ page }) {
    const end = await picture(page);
    await page.keyboard.press("Space");
    await page.waitForTimeout(1200);
    await page.keyboard.press("Space");
    const paused = await settle(page, "the flow, paused", (now) => difference(now, end) > 0.005);
    await page.keyboard.press("Space");
    await settle(page, "the end of the flow", (now) => difference(now, end) < 0.002, 90);
    assert(difference(paused, end) > 0.005);
  },

  async "steps to a layer"({ page }) {
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press("ArrowLeft");
      await page.waitForTimeout(150);
    }
    await compare("step", await settle(page, "an earlier layer"));
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press("ArrowRight");
      await page.waitForTimeout(150);
    }
  },

  async "orbits with the mouse, and comes home"({ page }) {
    const before = await settle(page, "the demo");
    await page.mouse.move(600, 600);
    await page.mouse.down();
    for (let i = 1; i <= 10; i++) {
      await page.mouse.move(600 + 20 * i, 600 + 6 * i);
      await page.waitForTimeout(60);
    }
    await page.mouse.up();
    await page.mouse.move(600, 760);
    await settle(page, "another view", (now) => difference(now, before) > 0.02);
    await page.keyboard.press("h");
    await settle(page, "home", (now) => difference(now, before) < 0.002);
  },

  async "opens a model that is dropped on it"({ page }) {
    const before = await picture(page);
    await drop(page, ["cifar-10.onnx", here("../models/cifar-10.onnx")]);
    await settle(page, "the dropped model", (now) => difference(now, before) > 0.02);
    assert.equal(await page.locator("#drop").isVisible(), false);
  },

  async "takes a picture that is dropped on it as the input"({ page }) {
    const before = await picture(page);
    await drop(page, ["sneaker.png", here("../assets/demo/sneaker.png")]);
    await compare("dropped", await settle(page, "its activations", (now) => difference(now, before) > 0.02));
  },

  async "keeps what is open when a broken file is dropped"({ page }) {
    const status = async () => PNG.sync.read(await page.screenshot({ clip: STATUS }));
    const [scene, told] = [await picture(page), await status()];
    await drop(page, ["broken.onnx", here("index.html")]);
    await page.waitForTimeout(2000);
    assert(difference(await settle(page, "the same"), scene) < 0.002, "the scene changed");
    assert(difference(await status(), told) > 0.001, "nothing was said");
    assert.equal(await page.locator("#problem").isVisible(), false);
  },

  async "follows the size of the window"({ page }) {
    const canvas = () => page.evaluate(() => [window.innerWidth, window.innerHeight].concat(
      ["width", "height"].map((k) => document.querySelector("canvas")[k])));
    await page.setViewportSize({ width: 1000, height: 700 });
    await page.waitForTimeout(1500);
    assert.deepEqual(await canvas(), [1000, 700, 1000, 700]);
    await page.setViewportSize(SIZE);
    await page.waitForTimeout(1500);
    assert.deepEqual(await canvas(), [1280, 800, 1280, 800]);
  },

  async "draws at the pixels of a dense screen"() {
    // A factor that is only emulated does not reach the canvas's own pixels.
    const browser = await launch(...GPU, "--force-device-scale-factor=2");
    const page = await browser.newPage({ viewport: null });
    await page.goto(address);
    await page.waitForSelector("#cover.gone", { state: "attached", timeout: 120_000 });
    await page.waitForTimeout(1000);
    const [ratio, ...size] = await page.evaluate(() => {
      const canvas = document.querySelector("canvas");
      return [devicePixelRatio, canvas.width / innerWidth, canvas.height / innerHeight];
    });
    await keep("dense", PNG.sync.read(await page.screenshot()));
    await browser.close();
    assert.equal(ratio, 2);
    assert.deepEqual(size, [2, 2]);
  },

  async "trains the network, which answers differently then"({ page }) {
    const answer = async () => PNG.sync.read(await page.screenshot({ clip: ANSWER }));
    const tour = async (name, begin, commands) => {
      const stop = `Stop(seconds: 900.0, caption: "${name}", commands: [${commands}])`;
      await mkdir(here("dist/seen"), { recursive: true });
      await writeFile(here(`dist/seen/${name}.ron`), `Tour(title: "${name}", begin: [${begin}], stops: [${stop}])`);
      await drop(page, [`${name}.ron`, here(`dist/seen/${name}.ron`)]);
    };
    // Shares of pixels that differ, again and again until `wanted` likes them.
    const until = async (what, wanted) => {
      for (const end = Date.now() + 240_000; Date.now() < end; await page.waitForTimeout(500)) {
        if (wanted(difference(await answer(), before))) return;
      }
      await keep("untrained", PNG.sync.read(await page.screenshot()));
      throw new Error(`${what}: not seen within 240 s`);
    };
    let before = await answer();
    await tour("open", 'Open(Bundled("fashion-mnist"))', "");
    await until("another network", (share) => share > 0.01);
    await page.waitForTimeout(5000);
    before = await answer();
    // Two steps, large enough to be read off the answer.
    const plan = "(steps: Some(2), batch: 4, learning_rate: 0.002, statistics: off, validate: never)";
    await tour("train", "", `Learn(Begin(plan: ${plan}, data: Sample))`);
    await until("other numbers behind the same names", (share) => share > 0.0005 && share < 0.1);
    await keep("trained", await answer());
  },

  async "asks the network, and maps its data set"({ page }) {
    const clip = { x: 0, y: 380, width: SIZE.width, height: SIZE.height - 420 };
    const panels = async () => PNG.sync.read(await page.screenshot({ clip }));
    const stop = (commands) => `Tour(title: "ask", begin: [], stops: [Stop(seconds: 900.0, caption: "", commands: [${commands}])])`;
    const cloud = 'Project(Some((origin: Layer("head/pool"), dimensions: 2, neighbours: 15)))';
    const asks = {
      points: cloud,
      gradient: 'Ask(Attribute(method: "gradient"))',
      layers: "Ask(Layers(measure: Cka))",
    };
    for (const [name, commands] of Object.entries(asks)) {
      const before = await panels();
      await writeFile(here(`dist/seen/${name}.ron`), stop(commands));
      await drop(page, [`${name}.ron`, here(`dist/seen/${name}.ron`)]);
      let [last, same] = [before, 0];
      const begin = Date.now();
      let moved = begin;
      for (const end = Date.now() + 240_000; same < 3; await page.waitForTimeout(3000)) {
        const now = await panels();
        if (difference(now, last) !== 0) moved = Date.now();
        // The panel is there, and nothing turns any more that says it is at work.
        same = difference(now, before) > 0.02 && difference(now, last) === 0 ? same + 1 : 0;
        if (Date.now() > end) throw new Error(`${name}: not seen within 240 s`);
        last = now;
      }
      console.log(`  ${name}: still after ${((moved - begin) / 1000).toFixed(0)} s`);
      await keep(`asked-${name}`, await panels());
    }
  },

  async "draws the curves of a Parquet file that is dropped on it"({ page }) {
    const before = await picture(page);
    await drop(page, ["run.parquet", here("../src/runs/tests/samples/parquet/gzip.parquet")]);
    await keep("parquet", await settle(page, "charts", (now) => difference(now, before) > 0.05));
  },

  async "said nothing wrong"({ errors }) {
    assert.deepEqual(errors, []);
  },

  async "says when the graphics card is refused"() {
    // As it comes, this browser gives no adapter on a machine without a graphics card.
    const browser = await launch("--disable-gpu");
    const page = await browser.newPage({ viewport: SIZE });
    await page.goto(address);
    await page.waitForSelector("#problem h2:not(:empty)");
    const text = await page.textContent("#problem h2");
    await keep("refused", PNG.sync.read(await page.screenshot()));
    await browser.close();
    assert.match(text, /refused/);
  },

  async "says when there is no WebGPU"() {
    // Browsers offer WebGPU to secure pages only, and this name is none.
    const browser = await launch("--host-resolver-rules=MAP layerscope.test 127.0.0.1");
    const page = await browser.newPage({ viewport: SIZE });
    await page.goto(address.replace("127.0.0.1", "layerscope.test"));
    await page.waitForSelector("#problem h2:not(:empty)");
    const text = await page.textContent("#problem h2");
    await keep("missing", PNG.sync.read(await page.screenshot()));
    await browser.close();
    assert.match(text, /does not offer WebGPU/);
  },
};

const browser = await launch(...GPU);
const page = await browser.newPage({ viewport: SIZE });
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));
// Bevy's own errors come as plain lines.
page.on("console", (line) => {
  if (line.type() === "error" || line.text().startsWith("%cERROR")) errors.push(line.text());
});
// What the page tells while it loads.
await page.addInitScript(() => {
  window.told = [];
  addEventListener("DOMContentLoaded", () => {
    const told = document.querySelector("#told");
    new MutationObserver(() => window.told.push(told.textContent)).observe(told, { childList: true });
  });
});

let [passed, failed] = [0, 0];
const only = process.argv[2] ?? "";
for (const [i, [name, test]] of Object.entries(tests).entries()) {
  // The others need what the first has opened.
  if (i > 0 && !name.includes(only)) continue;
  try {
    await test({ browser, page, errors });
    passed += 1;
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n  ${error.message}`);
  }
}
await browser.close();
server.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

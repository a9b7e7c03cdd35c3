// Loads the explorer, tells how far that is, says what is wrong, and hands dropped files over.

import init, { open_file, ready } from "./layerscope.js";

// Bytes of the module, unpacked; written here by the build. What a server states is the packed
// length, if it states any.
const TOTAL = 0;

const $ = (selector) => document.querySelector(selector);

/** Covers the page with a message; `detail` is for whoever looks into it. */
function problem(title, text, detail = "") {
  $("#card").classList.add("problem");
  $("#cover").classList.remove("gone");
  $("#problem h2").textContent = title;
  $("#problem p").textContent = text;
  $("#problem code").textContent = detail;
}

function progress(words, share) {
  $("#told").textContent = words;
  $("#bar div").style.width = `${Math.min(100, share * 100)}%`;
  $("#bar").setAttribute("aria-valuenow", Math.round(Math.min(100, share * 100)));
}

/** The module's response, which reports its bytes as they come in. */
async function download() {
  const response = await fetch(new URL("layerscope_bg.wasm", import.meta.url));
  if (!response.ok) throw new Error(`${response.url}: the server answered ${response.status}`);
  const total = TOTAL || Number(response.headers.get("content-length"));
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  let loaded = 0;
  const counter = new TransformStream({
    transform(chunk, controller) {
      loaded += chunk.byteLength;
      progress(`Loading: ${megabytes(loaded)} of ${megabytes(total)} MB`, loaded / total);
      controller.enqueue(chunk);
    },
    flush: () => progress("Starting", 1),
  });
  const headers = { "content-type": "application/wasm" };
  return new Response(response.body.pipeThrough(counter), { headers });
}

/** Hands a file that the explorer made to the user. */
globalThis.saveFile = (name, text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

/** True when there is a GPU to draw with; otherwise says what to do. */
async function gpu() {
  if (!navigator.gpu) {
    const text = window.isSecureContext
      ? "layerscope draws and computes on the graphics card through WebGPU. Current versions of " +
        "Chrome, Edge, Safari and Firefox offer it, on some systems only after it is switched on " +
        "in their settings."
      : "Browsers offer WebGPU to secure pages only. Open this page through https, or from this " +
        "machine as localhost.";
    problem("This browser does not offer WebGPU here", text, navigator.userAgent);
    return false;
  }
  let refusal = "";
  const adapter = await navigator.gpu.requestAdapter().catch((error) => {
    refusal = String(error);
  });
  if (!adapter) {
    const text =
      "WebGPU is there, but it has no graphics adapter for this page. Check that hardware " +
      "acceleration is on in the browser's settings, that the graphics driver is up to date, and " +
      "that the card is not on the browser's block list (chrome://gpu says so).";
    problem("The graphics card was refused", text, refusal);
    return false;
  }
  return true;
}

/** Hands dropped files over once the module is `loaded`. */
function receive(loaded) {
  // Enter and leave fire for each element on the way.
  let depth = 0;
  const over = (by) => {
    depth = Math.max(0, depth + by);
    $("#drop").classList.toggle("over", depth > 0);
  };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    depth = 0;
    over(0);
    const files = [...event.dataTransfer.files];
    await loaded;
    // All of them before the next frame: what is dropped together belongs together.
    const read = async (file) => [file.name, new Uint8Array(await file.arrayBuffer())];
    for (const [name, bytes] of await Promise.all(files.map(read))) open_file(name, bytes);
  });
}

/** A module that has panicked does not go on. */
function watch() {
  const stopped = (error) => {
    if (error instanceof WebAssembly.RuntimeError) {
      problem("The explorer has stopped", "This is a fault of layerscope. Reload the page to go on.", error.message);
    }
  };
  addEventListener("error", (event) => stopped(event.error));
  addEventListener("unhandledrejection", (event) => stopped(event.reason));
}

function uncover() {
  if (!ready()) return requestAnimationFrame(uncover);
  $("#cover").classList.add("gone");
  $("canvas").focus();
}

$("button").addEventListener("click", () => location.reload());
if (await gpu()) {
  watch();
  const loaded = init({ module_or_path: download() });
  receive(loaded);
  await loaded.then(uncover, (error) => {
    problem("The explorer could not be loaded", "Check the connection, then reload the page.", String(error));
  });
}

// Serves a folder on this machine alone: node web/serve.mjs FOLDER [PORT]

import { createServer } from "node:http";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** Starts a server on 127.0.0.1; `port` 0 takes a free one. Files with a `.br` beside them go packed. */
export async function serve(folder, port = 0) {
  const root = resolve(folder);
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    const file = join(root, normalize(path === "/" ? "/index.html" : path));
    const packed = /\bbr\b/.test(request.headers["accept-encoding"] ?? "") && (await size(`${file}.br`));
    const length = packed || (await size(file));
    if (!file.startsWith(root) || length === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-length": length,
      "cache-control": "no-cache",
      ...(packed && { "content-encoding": "br" }),
    });
    createReadStream(packed ? `${file}.br` : file).pipe(response);
  });
  await new Promise((done, fail) => server.once("error", fail).listen(port, "127.0.0.1", done));
  return server;
}

const size = (file) => stat(file).then((s) => (s.isFile() ? s.size : undefined), () => undefined);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, port = "8080"] = process.argv.slice(2);
  const server = await serve(folder, Number(port));
  console.log(`http://localhost:${server.address().port}`);
}

// The rival of layout.rs: the same graphs laid out by @dagrejs/dagre.
//
//   npm install --prefix FOLDER @dagrejs/dagre
//   cargo bench -p layout -- FOLDER
//   node src/layout/benches/dagre.mjs FOLDER RANKER GRAPH...
//
// RANKER: network-simplex (dagre's default), tight-tree or longest-path.
// GRAPH: a name as layout.rs prints it, such as resnet-8k.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, ranker, ...graphs] = process.argv.slice(2);
if (!graphs.length) {
  console.error("usage: node dagre.mjs FOLDER RANKER GRAPH...");
  process.exit(2);
}
const load = createRequire(join(resolve(folder), "dagre.mjs"));
const module = load("@dagrejs/dagre");
const dagre = module.default ?? module;
console.log(`node ${process.version}, dagre ${dagre.version ?? "?"}, ranker ${ranker}`);

for (const name of graphs) {
  const { nodes, edges } = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", ranker });
  graph.setDefaultEdgeLabel(() => ({}));
  nodes.forEach(([width, height], i) => graph.setNode(String(i), { width, height }));
  edges.forEach(([from, to]) => graph.setEdge(String(from), String(to)));
  const start = performance.now();
  let outcome = "";
  try {
    dagre.layout(graph);
  } catch (error) {
    outcome = ` (failed: ${error.message})`;
  }
  const ms = performance.now() - start;
  console.log(`${name.padEnd(12)} ${String(nodes.length).padStart(8)} ${String(edges.length).padStart(8)} ${ms.toFixed(1).padStart(10)} ms${outcome}`);
}

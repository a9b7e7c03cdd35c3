// Writes small random TensorFlow.js models with an input and the outputs that TensorFlow.js computes.
//
// usage: node tfjs_references.mjs FOLDER [MODEL.json...]
//
// Needs the npm package @tensorflow/tfjs.
// FOLDER gets, for each model, NAME/model.json with its shards and NAME.json with inputs and outputs;
// src/compute/tests/foreign.rs compares with them. Of each further graph MODEL, FOLDER gets a copy and
// what TensorFlow.js computes for it.

import fs from "node:fs";
import path from "node:path";
import * as tf from "@tensorflow/tfjs";

await tf.setBackend("cpu");
const folder = process.argv[2];

let state = 12345;
const random = () => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648) * 1.6 - 0.8;
const values = (shape) => Float32Array.from({ length: shape.reduce((p, n) => p * n, 1) }, random);
const array = (t) => ({ shape: t.shape, values: Array.from(t.dataSync(), (v) => Number(v.toPrecision(6))) });

function record(name, inputs, outputs) {
  const named = Object.fromEntries(inputs.map((t, i) => [`x${i}`, array(t)]));
  fs.writeFileSync(path.join(folder, `${name}.json`), JSON.stringify({ inputs: named, outputs: outputs.map(array) }) + "\n");
}

function write(name, model, shards) {
  const own = path.join(folder, name);
  fs.mkdirSync(own, { recursive: true });
  fs.writeFileSync(path.join(own, "model.json"), JSON.stringify(model));
  shards.forEach(([file, bytes]) => fs.writeFileSync(path.join(own, file), bytes));
}

async function layers() {
  const L = tf.layers;
  const x = tf.input({ shape: [6, 5, 3], name: "x" });
  let y = L.conv2d({ filters: 4, kernelSize: 3, padding: "same", activation: "relu", name: "conv" }).apply(x);
  y = L.batchNormalization({ name: "norm" }).apply(y);
  y = L.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, name: "depthwise" }).apply(y);
  y = L.separableConv2d({ filters: 5, kernelSize: 2, name: "separable" }).apply(y);
  y = L.maxPooling2d({ poolSize: 2, strides: 1 }).apply(y);
  const rows = L.reshape({ targetShape: [6, 5], name: "rows" }).apply(y);
  const gru = L.gru({ units: 3, recurrentActivation: "sigmoid", recurrentInitializer: "zeros", name: "gru" }).apply(rows);
  const both = L.bidirectional({ layer: L.lstm({ units: 2, recurrentActivation: "sigmoid", recurrentInitializer: "zeros" }), mergeMode: "concat", name: "both" }).apply(rows);
  const flat = L.flatten().apply(y);
  const dense = L.dense({ units: 4, activation: "softmax", name: "dense" }).apply(L.concatenate().apply([flat, gru, both]));
  const model = tf.model({ inputs: x, outputs: [dense, gru] });
  // Variances stay positive.
  const positive = model.weights.map((w) => w.originalName.includes("variance"));
  const drawn = (w, i) => values(w.shape).map((v) => (positive[i] ? v + 1 : v));
  model.setWeights(model.getWeights().map((w, i) => tf.tensor(drawn(w, i), w.shape)));
  const input = tf.tensor(values([2, 6, 5, 3]), [2, 6, 5, 3]);
  record("layers", [input], model.predict(input));
  let saved;
  await model.save(tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
  }));
  const bytes = Buffer.from(saved.weightData);
  const cut = Math.floor(bytes.length / 2);
  const paths = ["group1-shard1of2.bin", "group1-shard2of2.bin"];
  const manifest = [{ paths, weights: saved.weightSpecs }];
  const topology = saved.modelTopology;
  write("layers", { format: "layers-model", generatedBy: "references", modelTopology: topology, weightsManifest: manifest },
    [[paths[0], bytes.subarray(0, cut)], [paths[1], bytes.subarray(cut)]]);
}

async function graph() {
  const text = (s) => ({ s: Buffer.from(s).toString("base64") });
  const list = (i) => ({ list: { i: i.map(String) } });
  const T = { type: "DT_FLOAT" };
  const nodes = [], specs = [], parts = [];
  const node = (name, op, input, attr = {}) => { nodes.push({ name, op, input, attr: { T, ...attr } }); return name; };
  const constant = (name, shape, data, dtype = "float32") => {
    const dim = shape.map((n) => ({ size: String(n) }));
    const kind = dtype === "float32" ? "DT_FLOAT" : "DT_INT32";
    nodes.push({ name, op: "Const", input: [], attr: { dtype: { type: kind }, value: { tensor: { dtype: kind, tensorShape: { dim } } } } });
    if (dtype !== "float32" || !name.startsWith("quantised")) {
      specs.push({ name, shape, dtype });
      parts.push(Buffer.from((dtype === "float32" ? data : Int32Array.from(data)).buffer));
      return name;
    }
    const scale = 1.6 / 255;
    specs.push({ name, shape, dtype, quantization: { dtype: "uint8", scale, min: -0.8 } });
    parts.push(Buffer.from(Uint8Array.from(data, (v) => Math.round((v + 0.8) / scale))));
    return name;
  };
  const weights = (name, ...shape) => constant(name, shape, values(shape));
  const same = { strides: list([1, 2, 2, 1]), padding: text("SAME"), data_format: text("NHWC"), dilations: list([1, 1, 1, 1]) };
  const valid = { strides: list([1, 1, 1, 1]), padding: text("VALID"), data_format: text("NHWC"), dilations: list([1, 1, 1, 1]) };
  const dim = [-1, 8, 7, 3].map((n) => ({ size: String(n) }));
  nodes.push({ name: "x", op: "Placeholder", input: [], attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim } } } });
  const fused = { fused_ops: { list: { s: ["BiasAdd", "Relu6"].map((s) => Buffer.from(s).toString("base64")) } }, num_args: { i: "1" }, epsilon: { f: 0.0001 } };
  let y = node("net/conv", "_FusedConv2D", ["x", weights("quantised/filters", 3, 3, 3, 4), weights("conv/bias", 4)], { ...same, ...fused });
  y = node("net/pad", "Pad", [y, constant("pads", [4, 2], [0, 0, 1, 0, 0, 1, 0, 0], "int32")], { Tpaddings: { type: "DT_INT32" } });
  y = node("net/depthwise", "DepthwiseConv2dNative", [y, weights("depthwise/filters", 2, 2, 4, 2)], valid);
  y = node("net/bias", "BiasAdd", [y, weights("depthwise/bias", 8)], { data_format: text("NHWC") });
  const variance = constant("norm/variance", [8], values([8]).map((v) => v + 1));
  y = node("net/norm", "FusedBatchNormV3", [y, weights("norm/scale", 8), weights("norm/offset", 8), weights("norm/mean", 8), variance],
    { epsilon: { f: 0.001 }, data_format: text("NHWC"), is_training: { b: false } });
  y = node("net/leaky", "LeakyRelu", [y], { alpha: { f: 0.1 } });
  const pool = node("net/pool", "MaxPool", [y], { ...valid, ksize: list([1, 2, 2, 1]) });
  const joined = node("net/joined", "ConcatV2", [pool, node("net/average", "AvgPool", [y], { ...valid, ksize: list([1, 2, 2, 1]) }),
    constant("axis", [], [3], "int32")], { N: { i: "2" } });
  const scaled = node("net/scaled", "Mul", [joined, weights("scale", 16)]);
  const mean = node("net/mean", "Mean", [scaled, constant("space", [2], [1, 2], "int32")], { keep_dims: { b: false } });
  const flat = node("net/flat", "Reshape", [scaled, constant("shape", [2], [-1, 144], "int32")]);
  const product = node("net/product", "_FusedMatMul", [flat, weights("dense/kernel", 144, 5), weights("dense/bias", 5)],
    { transpose_a: { b: false }, transpose_b: { b: false }, fused_ops: { list: { s: ["BiasAdd"].map((s) => Buffer.from(s).toString("base64")) } }, num_args: { i: "1" } });
  node("net/soft", "Softmax", [product]);
  node("net/sum", "Sub", [mean, weights("shift", 16)]);
  const topology = { node: nodes, library: {}, versions: { producer: 1 } };
  const bytes = Buffer.concat(parts);
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const model = await tf.loadGraphModel(tf.io.fromMemory({ modelTopology: topology, weightSpecs: specs, weightData }));
  const input = tf.tensor(values([2, 8, 7, 3]), [2, 8, 7, 3]);
  record("graph", [input], model.execute({ x: input }, ["net/soft", "net/sum"]));
  const file = "group1-shard1of1.bin";
  write("graph", { format: "graph-model", modelTopology: topology, weightsManifest: [{ paths: [file], weights: specs }] }, [[file, bytes]]);
}

/** Any graph model, from its file; what no node reads are its outputs. */
async function further(file) {
  const model = JSON.parse(fs.readFileSync(file));
  const shards = model.weightsManifest.flatMap((g) => g.paths).map((p) => [p, fs.readFileSync(path.join(path.dirname(file), p))]);
  const bytes = Buffer.concat(shards.map((s) => s[1]));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const weightSpecs = model.weightsManifest.flatMap((g) => g.weights);
  const loaded = await tf.loadGraphModel(tf.io.fromMemory({ modelTopology: model.modelTopology, weightSpecs, weightData }));
  const nodes = model.modelTopology.node;
  const read = new Set(nodes.flatMap((n) => n.input ?? []).map((i) => i.split(":")[0]));
  const ends = nodes.filter((n) => !read.has(n.name) && n.op !== "Const").map((n) => n.name);
  const inputs = loaded.inputs.map((i) => i.shape.map((n) => (n < 0 ? 1 : n))).map((s) => tf.tensor(values(s), s));
  const named = Object.fromEntries(loaded.inputs.map((input, i) => [input.name, inputs[i]]));
  const outputs = await loaded.executeAsync(named, ends);
  const name = path.basename(file, ".json");
  record(name, inputs, [outputs].flat());
  write(name, model, shards);
}

await layers();
await graph();
for (const file of process.argv.slice(3)) {
  await further(file).catch((problem) => console.log(`${file}: ${problem.message}`));
}

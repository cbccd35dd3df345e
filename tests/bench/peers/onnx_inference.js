'use strict';
// Runs models in ONNX Runtime on one thread. Every line of input is a request, answered by a line:
//   {"open": MODEL, "input": FILE}  ->  the logits of all inputs, which FILE holds.
//   {"run": MODEL, "calls": N}      ->  seconds of processor time that N calls took.
const fs = require('fs');
const readline = require('readline');
const ort = require('onnxruntime-node');

const OPTIONS = {
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  interOpNumThreads: 1,
  intraOpNumThreads: 1,
};
const ARRAYS = {float32: Float32Array, uint8: Uint8Array};

/** Tensors that the bytes hold, each of the size of the model's input. */
function inputs({type, shape}, bytes) {
  const values = new ARRAYS[type](bytes.buffer, bytes.byteOffset,
                                  bytes.length / ARRAYS[type].BYTES_PER_ELEMENT);
  const size = shape.reduce((a, b) => a * b, 1);
  const count = values.length / size;
  return Array.from({length: count}, (_, i) =>
    new ort.Tensor(type, values.slice(i * size, (i + 1) * size), shape));
}

const models = new Map();

async function open(path, inputFile) {
  const session = await ort.InferenceSession.create(path, OPTIONS);
  const feeds = inputs(session.inputMetadata[0], fs.readFileSync(inputFile)).map((x) => ({x}));
  models.set(path, {session, feeds});
  const logits = [];
  for (const feed of feeds) logits.push(...(await session.run(feed)).y.data);
  return logits;
}

async function run(path, calls) {
  const {session, feeds} = models.get(path);
  const start = process.cpuUsage();
  for (let i = 0; i < calls; i++) await session.run(feeds[i % feeds.length]);
  const {user, system} = process.cpuUsage(start);
  return (user + system) / 1e6;
}

async function main() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const request = JSON.parse(line);
    const answer = request.open ? await open(request.open, request.input)
                                : await run(request.run, request.calls);
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

main();

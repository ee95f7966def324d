// Calls every method of the service through @grpc/grpc-js and prints one JSON line per check.
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { completion, tell } from './report.mjs';

const [target, protos, standardProtos, generator, classifier, prompt, seed, tokens] = process.argv.slice(2);
const second = 'second-node';
const limit = 60_000;
const gzip = 2; // grpc.default_compression_algorithm

const definition = protoLoader.loadSync(
  ['inference/v1/sampling.proto', 'inference/v1/scoring.proto', 'inference/v1/models.proto', 'grpc/health/v1/health.proto'],
  { keepCase: true, longs: Number, defaults: true, oneofs: true, includeDirs: [protos, standardProtos] },
);
const contract = grpc.loadPackageDefinition(definition);
const plain = grpc.credentials.createInsecure();
const sampling = new contract.inference.v1.Sampling(target, plain);
const packed = new contract.inference.v1.Sampling(target, plain, { 'grpc.default_compression_algorithm': gzip });
const scoring = new contract.inference.v1.Scoring(target, plain);
const models = new contract.inference.v1.Models(target, plain);
const packedModels = new contract.inference.v1.Models(target, plain, { 'grpc.default_compression_algorithm': gzip });
const health = new contract.grpc.health.v1.Health(target, plain);

const within = (milliseconds) => ({ deadline: Date.now() + milliseconds });

const unary = (client, method, request, metadata = new grpc.Metadata(), time = limit) =>
  new Promise((resolve, reject) => {
    client[method](request, metadata, within(time), (error, reply) => (error ? reject(error) : resolve(reply)));
  });

const failure = (promise) =>
  promise.then(
    () => ({ code: 'OK', details: '' }),
    (error) => ({ code: grpc.status[error.code], details: error.details }),
  );

// Reads a stream; onEvent may cancel it.
const read = (stream, onEvent) =>
  new Promise((resolve, reject) => {
    stream.on('data', (event) => onEvent(event, stream));
    stream.on('error', reject);
    stream.on('end', resolve);
  });

const request = (settings = {}) => ({
  model: generator,
  prompts: [{ text: prompt }],
  logprobs: true,
  settings: { seed: Number(seed), max_new_tokens: Number(tokens), ...settings },
});

// Seconds of work on a service with four slots.
const longRequest = () => ({
  model: generator,
  prompts: Array.from({ length: 32 }, () => ({ ids: { ids: [1] } })),
  n: 64,
  settings: { max_new_tokens: 63 },
});

async function checkSampling() {
  const reply = await unary(sampling, 'Sample', request());
  tell('sample', { ...completion(reply.completions[0]), fingerprint: reply.fingerprint, completion_tokens: reply.usage.completion_tokens });

  const drawn = [];
  let finished, end;
  await read(sampling.SampleStream(request(), within(limit)), (event) => {
    if (event.event === 'token') drawn.push(event.token.id);
    else if (event.event === 'finished') finished = event.finished;
    else end = event.end;
  });
  tell('sample_stream', { ...completion(finished), tokens: drawn, fingerprint: end.fingerprint });

  tell('sample_gzip', completion((await unary(packed, 'Sample', request())).completions[0]));

  const metadata = new grpc.Metadata();
  metadata.set('x-request-id', 'interop');
  metadata.set('trace-bin', Buffer.from([0, 255, 1]));
  tell('sample_metadata', { ...completion((await unary(sampling, 'Sample', request(), metadata)).completions[0]), code: 'OK' });
}

async function checkEnds() {
  tell('deadline', await failure(unary(sampling, 'Sample', longRequest(), undefined, 200)));
  tell('deadline_stream', await failure(read(sampling.SampleStream(longRequest(), within(200)), () => {})));
  tell('cancel_stream', await failure(read(sampling.SampleStream(longRequest(), within(limit)), (_, stream) => stream.cancel())));
  tell(
    'cancel',
    await failure(
      new Promise((resolve, reject) => {
        const call = sampling.Sample(longRequest(), within(limit), (error, reply) => (error ? reject(error) : resolve(reply)));
        setTimeout(() => call.cancel(), 50);
      }),
    ),
  );
  tell('after', completion((await unary(sampling, 'Sample', request())).completions[0]));
}

async function checkErrors() {
  tell('no_model', await failure(unary(sampling, 'Sample', { model: 'nothing' })));
  tell('wrong_value', await failure(unary(sampling, 'Sample', request({ temperature: -1 }))));
  const same = (bytes) => bytes;
  tell(
    'no_method',
    await failure(
      new Promise((resolve, reject) => {
        sampling.makeUnaryRequest('/inference.v1.Sampling/Nothing', same, same, Buffer.alloc(0), new grpc.Metadata(), within(limit), (error, reply) =>
          error ? reject(error) : resolve(reply),
        );
      }),
    ),
  );
}

async function checkModels() {
  for (const info of (await unary(models, 'List', {})).models.filter((one) => one.name === generator || one.name === classifier)) {
    tell('list_' + info.name, { kind: info.kind, vocabulary: info.vocabulary, eos: info.eos_id, labels: info.labels, fingerprint: info.fingerprint });
  }

  const loaded = (await unary(models, 'Load', { name: second, path: generator })).model;
  tell('load', { name: loaded.name, fingerprint: loaded.fingerprint });

  const text = 'A film '.repeat(1000);
  const encode = { model: generator, texts: [text, prompt] };
  const ids = await unary(models, 'Encode', encode);
  const again = await unary(packedModels, 'Encode', encode);
  tell('encode', { ids: ids.results[1].ids, same: JSON.stringify(ids) === JSON.stringify(again), many: ids.results[0].ids.length });
  const { texts } = await unary(models, 'Decode', { model: generator, sequences: ids.results });
  tell('decode', { text: texts[1], whole: texts[0] === text });
}

async function checkScoring() {
  const classified = await unary(scoring, 'Classify', { model: classifier, inputs: [{ text: prompt }, { ids: { ids: [0, 9, 2] } }] });
  tell('classify', {
    sums: classified.results.map((result) => result.probabilities.reduce((sum, value) => sum + value, 0)),
    first: classified.results[0].probabilities,
    labels: classified.labels,
  });

  const sequences = [{ prompt_ids: [1, 2], completion_ids: [3, 4, 5] }];
  const scored = (await unary(scoring, 'LogProbs', { model: generator, sequences })).results[0];
  tell('log_probs', { sum: scored.sum, tokens: scored.token_log_probs });
  const diverged = (await unary(scoring, 'Divergence', { model: generator, reference: second, sequences })).results[0];
  tell('divergence', { exact: diverged.kl_seq_exact, k1: diverged.kl_seq_k1, model: diverged.model_log_prob, tokens: diverged.tokens });
}

async function checkUnload() {
  await unary(models, 'Unload', { name: second });
  tell('unload', { names: (await unary(models, 'List', {})).models.map((info) => info.name) });
}

async function checkHealth() {
  tell('health', { status: (await unary(health, 'Check', { service: 'inference.v1.Sampling' })).status });
  tell('no_service', await failure(unary(health, 'Check', { service: 'x.Y' })));
  let status;
  const ended = await failure(
    read(health.Watch({}, within(limit)), (event, stream) => {
      status = event.status;
      stream.cancel();
    }),
  );
  tell('watch', { status, ...ended });
}

await checkHealth();
await checkModels();
await checkScoring();
await checkUnload();
await checkSampling();
await checkEnds();
await checkErrors();
[sampling, packed, scoring, models, packedModels, health].forEach((client) => client.close());

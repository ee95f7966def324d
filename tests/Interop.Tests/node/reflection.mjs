// Lists and calls the service with nothing but what its reflection tells: no .proto file is read here.
import grpc from '@grpc/grpc-js';
import reflection from 'grpc-js-reflection-client';
import { completion, tell } from './report.mjs';

const [target, version, generator, prompt, seed, tokens] = process.argv.slice(2);
const plain = grpc.credentials.createInsecure();
const reflected = new reflection.GrpcReflection(target, plain, {}, version);

tell('services', { names: await reflected.listServices() });

const descriptor = await reflected.getDescriptorBySymbol('inference.v1.Sampling');
const contract = descriptor.getPackageObject({ keepCase: true, longs: Number, defaults: true, oneofs: true });
const { Sampling } = contract.inference.v1;
tell('methods', { names: Object.keys(Sampling.service).sort() });

const client = new Sampling(target, plain);
const request = {
  model: generator,
  prompts: [{ text: prompt }],
  logprobs: true,
  settings: { seed: Number(seed), max_new_tokens: Number(tokens) },
};
const reply = await new Promise((resolve, reject) => {
  client.Sample(request, { deadline: Date.now() + 60_000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
});
tell('sample', completion(reply.completions[0]));

const symbol = 'x.Y';
const refused = await reflected.getDescriptorBySymbol(symbol).then(
  () => false,
  () => true,
);
tell('unknown', { symbol, refused });
client.close();
process.exit(0); // the reflection client keeps its connection and has no way to close it

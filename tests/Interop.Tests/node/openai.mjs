// Calls the HTTP face through the openai package and prints one JSON line per check.
import OpenAI from 'openai';
import { tell } from './report.mjs';

const [url, model, prompt, seed, tokens, stop, top] = process.argv.slice(2);
const client = new OpenAI({ apiKey: 'none', baseURL: new URL('/v1', url).href, maxRetries: 0, timeout: 60_000 });
const request = { model, prompt, seed: Number(seed), max_tokens: Number(tokens), temperature: 1 };

const failure = async (promise) => {
  try {
    await promise;
    return { class: 'none' };
  } catch (error) {
    return { class: error.constructor.name, status: error.status, code: error.code, param: error.param, type: error.type, message: error.message };
  }
};

const whole = await client.completions.create(request);
const { text, finish_reason } = whole.choices[0];
tell('completion', { text, finish_reason, completion_tokens: whole.usage.completion_tokens, prompt_tokens: whole.usage.prompt_tokens });

const scored = await client.completions.create({ ...request, logprobs: 0 });
tell('logprobs', { sum: scored.choices[0].logprobs.token_logprobs.reduce((sum, value) => sum + value, 0) });

const count = Number(top);
const ranked = (await client.completions.create({ ...request, logprobs: count })).choices[0].logprobs;
const rankedEcho = (await client.completions.create({ ...request, logprobs: count, echo: true })).choices[0].logprobs;
const rankedStream = [];
for await (const chunk of await client.completions.create({ ...request, logprobs: count, stream: true })) {
  rankedStream.push(...(chunk.choices[0].logprobs?.top_logprobs ?? []));
}
tell('top_logprobs', {
  best: ranked.top_logprobs.map((place) => Math.max(...Object.values(place))),
  holds: ranked.top_logprobs.every((place, i) => place[ranked.tokens[i]] >= ranked.token_logprobs[i]),
  most: Math.max(...ranked.top_logprobs.map((place) => Object.keys(place).length)),
  streamed: JSON.stringify(rankedStream) === JSON.stringify(ranked.top_logprobs),
  echo_first_is_null: rankedEcho.top_logprobs[0] === null,
  echo_places: rankedEcho.top_logprobs.length,
});

let streamed = '';
let chunks = 0;
for await (const chunk of await client.completions.create({ ...request, stream: true })) {
  streamed += chunk.choices[0]?.text ?? '';
  chunks++;
}
tell('stream', { text: streamed, chunks });

tell('echo', { text: (await client.completions.create({ ...request, echo: true })).choices[0].text });

const cut = (await client.completions.create({ ...request, stop })).choices[0];
tell('stop', { text: cut.text, finish_reason: cut.finish_reason });

const several = await client.completions.create({ ...request, n: 3 });
tell('n', { indices: several.choices.map((choice) => choice.index), texts: several.choices.map((choice) => choice.text) });

const greedy = await client.completions.create({ ...request, temperature: 0, n: 2 });
tell('greedy', { texts: greedy.choices.map((choice) => choice.text) });

const neutral = { repetition_penalty: 1, frequency_penalty: 0, ignore_eos: false, metadata: null, logit_bias: {}, top_k: -1 };
tell('neutral', { text: (await client.completions.create({ ...request, ...neutral })).choices[0].text });

tell('negative_seed', { text: (await client.completions.create({ ...request, seed: -1 })).choices[0].text });

const ids = [];
for await (const info of client.models.list()) ids.push(info.id);
tell('models', { ids });

tell('bad_value', await failure(client.completions.create({ ...request, temperature: -1 })));
tell('no_model', await failure(client.completions.create({ ...request, model: 'nothing' })));

const bare = new OpenAI({ apiKey: 'none', baseURL: url, maxRetries: 0, timeout: 60_000 });
tell('no_v1', await failure(bare.completions.create(request)));

// transformers.js on exported folders, as they are and without a network: greedy text, and probabilities of labels.
import path from 'node:path';
import { AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, env, softmax } from '@huggingface/transformers';
import { tell } from './report.mjs';

const [generator, classifier, dtype, prompt, tokens] = process.argv.slice(2);
env.allowRemoteModels = false;
const open = async (kind, folder) => {
  env.localModelPath = path.dirname(folder) + path.sep;
  const name = path.basename(folder);
  return [await AutoTokenizer.from_pretrained(name), await kind.from_pretrained(name, { device: 'cpu', dtype })];
};

const [words, decoder] = await open(AutoModelForCausalLM, generator);
const inputs = words(prompt);
const output = await decoder.generate({ ...inputs, max_new_tokens: Number(tokens), do_sample: false });
const ids = Array.from(output.data, Number).slice(inputs.input_ids.dims[1]);
tell('generate', { ids, text: words.decode(ids, { skip_special_tokens: true }), max_length: words.config?.model_max_length ?? 0 });

const [labels, head] = await open(AutoModelForSequenceClassification, classifier);
const { logits } = await head(labels(prompt));
tell('classify', { probabilities: softmax(Array.from(logits.data)), labels: Object.values(head.config.id2label) });

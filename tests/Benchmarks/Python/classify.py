"""A RoBERTa classifier in plain eager PyTorch: the peer of the service's classifier, with the same weights and ids.

It classifies every window once and writes the label logits. Then it reads a number of passes from each line of standard
input, runs them, and prints the seconds they took on the clock and on the processor.
Arguments: model folder, windows (JSON: a list of id lists), logits (JSON, written), order, bound, threads.
The order is 'file' (batches of bound[0], bound[1], ... windows as they come; bounds as a comma-separated list) or 'sorted'
(longest first, the padded tokens of a batch at most the bound).
"""
import json
import struct
import sys
import time

import torch
import torch.nn.functional as F

FOLDER, WINDOWS, LOGITS, ORDER, BOUND, THREADS = sys.argv[1:7]
TYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def load_weights(path):
    """Reads safetensors: a length, a JSON header, then the tensors at the offsets in the header."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            flat = torch.frombuffer(data[start:end], dtype=TYPES[entry["dtype"]])
            weights[name] = flat.reshape(entry["shape"]).float()
    return weights


class Classifier:
    def __init__(self, folder):
        with open(folder + "/config.json") as file:
            self.config = json.load(file)
        self.weights = load_weights(folder + "/model.safetensors")
        self.pad = self.config["pad_token_id"]
        self.heads = self.config["num_attention_heads"]

    def linear(self, name, x):
        return F.linear(x, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"], self.config["layer_norm_eps"])

    def layer(self, prefix, x, mask):
        rows, steps, width = x.shape
        query, key, value = (
            self.linear(f"{prefix}attention.self.{part}", x).view(rows, steps, self.heads, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scores = (query * (width // self.heads) ** -0.5) @ key.transpose(2, 3)  # [B,H,T,T]
        if mask is not None:
            scores = scores + mask
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(rows, steps, width)
        x = self.norm(prefix + "attention.output.LayerNorm", x + self.linear(prefix + "attention.output.dense", mixed))
        inner = F.gelu(self.linear(prefix + "intermediate.dense", x))
        return self.norm(prefix + "output.LayerNorm", x + self.linear(prefix + "output.dense", inner))

    def logits(self, ids):
        """ids [B,T], padded on the right -> [B,L]"""
        valid = ids.ne(self.pad).long()
        mask = None
        if not valid.all():
            mask = torch.zeros(ids.shape).masked_fill(valid.eq(0), float("-inf"))[:, None, None, :]
        embeddings = "roberta.embeddings."
        x = F.embedding(ids, self.weights[embeddings + "word_embeddings.weight"])
        x = x + F.embedding(valid.cumsum(1) * valid + self.pad, self.weights[embeddings + "position_embeddings.weight"])
        x = self.norm(embeddings + "LayerNorm", x + self.weights[embeddings + "token_type_embeddings.weight"][0])
        for layer in range(self.config["num_hidden_layers"]):
            x = self.layer(f"roberta.encoder.layer.{layer}.", x, mask)
        return self.linear("classifier.out_proj", torch.tanh(self.linear("classifier.dense", x[:, 0])))


def in_file_order(windows):
    first = 0
    for count in (int(part) for part in BOUND.split(",")):
        yield list(range(first, first + count))
        first += count


def sorted_by_length(windows):
    batch = []
    for index in sorted(range(len(windows)), key=lambda i: -len(windows[i])):
        if batch and (len(batch) + 1) * len(windows[batch[0]]) > int(BOUND):
            yield batch
            batch = []
        batch.append(index)
    yield batch


def classify(model, windows):
    results = [None] * len(windows)
    for batch in (in_file_order if ORDER == "file" else sorted_by_length)(windows):
        width = max(len(windows[i]) for i in batch)
        ids = torch.tensor([windows[i] + [model.pad] * (width - len(windows[i])) for i in batch])
        for index, row in zip(batch, model.logits(ids).tolist()):
            results[index] = row
    return results


def main():
    torch.set_num_threads(int(THREADS))
    model = Classifier(FOLDER)
    with open(WINDOWS) as file:
        windows = json.load(file)
    with torch.no_grad():
        logits = classify(model, windows)
        with open(LOGITS, "w") as file:
            json.dump(logits, file)
        for line in sys.stdin:
            clock, processor = time.perf_counter(), time.process_time()
            for _ in range(int(line)):
                classify(model, windows)
            print(time.perf_counter() - clock, time.process_time() - processor, flush=True)


main()

"""Calls every method of the service through Debian's grpcio and prints one JSON line per check."""

import json
import os
import sys

import grpc

TARGET, STUBS, GENERATOR, CLASSIFIER, PROMPT, SEED, TOKENS = sys.argv[1:8]
sys.path.insert(0, STUBS)
# The standard health proto lies in the package grpc, which the library itself fills.
grpc.__path__.append(os.path.join(STUBS, "grpc"))

from grpc.health.v1 import health_pb2, health_pb2_grpc  # noqa: E402
from inference.v1 import models_pb2, models_pb2_grpc, sampling_pb2, sampling_pb2_grpc, scoring_pb2, scoring_pb2_grpc  # noqa: E402

SECOND = "second-python"
LIMIT = 60


def tell(check, **values):
    print(json.dumps({"check": check, **values}), flush=True)


def failure(call):
    """The status of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        return {"code": error.code().name, "details": error.details()}
    return {"code": "OK", "details": ""}


def request(**fields):
    settings = sampling_pb2.SamplerSettings(seed=int(SEED), max_new_tokens=int(TOKENS))
    return sampling_pb2.SampleRequest(
        model=GENERATOR, prompts=[sampling_pb2.Prompt(text=PROMPT)], settings=settings, logprobs=True, **fields
    )


def long_request():
    """Seconds of work on a service with four slots."""
    prompts = [sampling_pb2.Prompt(ids=sampling_pb2.TokenIds(ids=[1])) for _ in range(32)]
    return sampling_pb2.SampleRequest(
        model=GENERATOR, prompts=prompts, n=64, settings=sampling_pb2.SamplerSettings(max_new_tokens=63)
    )


def tell_completion(check, completion, **values):
    tell(check, ids=list(completion.ids), text=completion.text, sum_log_prob=completion.sum_log_prob, **values)


def sampling(stub):
    reply = stub.Sample(request(), timeout=LIMIT)
    tell_completion("sample", reply.completions[0], fingerprint=reply.fingerprint, completion_tokens=reply.usage.completion_tokens)

    tokens, finished, end = [], None, None
    for event in stub.SampleStream(request(), timeout=LIMIT):
        kind = event.WhichOneof("event")
        if kind == "token":
            tokens.append(event.token.id)
        elif kind == "finished":
            finished = event.finished
        else:
            end = event.end
    tell_completion("sample_stream", finished, tokens=tokens, fingerprint=end.fingerprint)

    packed = stub.Sample(request(), timeout=LIMIT, compression=grpc.Compression.Gzip)
    tell_completion("sample_gzip", packed.completions[0])

    reply, call = stub.Sample.with_call(
        request(), timeout=LIMIT, metadata=(("x-request-id", "interop"), ("trace-bin", b"\x00\xff\x01"))
    )
    tell_completion("sample_metadata", reply.completions[0], code=call.code().name)


def ends(stub):
    tell("deadline", **failure(lambda: stub.Sample(long_request(), timeout=0.2)))
    tell("deadline_stream", **failure(lambda: list(stub.SampleStream(long_request(), timeout=0.2))))

    stream = stub.SampleStream(long_request(), timeout=LIMIT)
    next(stream)
    stream.cancel()
    tell("cancel_stream", **failure(lambda: list(stream)))

    future = stub.Sample.future(long_request(), timeout=LIMIT)
    future.cancel()
    tell("cancel", cancelled=future.cancelled(), code=future.code().name)
    tell_completion("after", stub.Sample(request(), timeout=LIMIT).completions[0])


def errors(stub, channel):
    tell("no_model", **failure(lambda: stub.Sample(sampling_pb2.SampleRequest(model="nothing"), timeout=LIMIT)))
    wrong = request()
    wrong.settings.temperature = -1
    tell("wrong_value", **failure(lambda: stub.Sample(wrong, timeout=LIMIT)))
    nothing = channel.unary_unary("/inference.v1.Sampling/Nothing")
    tell("no_method", **failure(lambda: nothing(b"", timeout=LIMIT)))


def models(stub):
    for info in stub.List(models_pb2.ListModelsRequest(), timeout=LIMIT).models:
        if info.name in (GENERATOR, CLASSIFIER):
            tell("list_" + info.name, kind=info.kind, vocabulary=info.vocabulary, eos=info.eos_id, labels=list(info.labels), fingerprint=info.fingerprint)

    loaded = stub.Load(models_pb2.LoadModelRequest(name=SECOND, path=GENERATOR), timeout=LIMIT).model
    tell("load", name=loaded.name, fingerprint=loaded.fingerprint)

    text = "A film " * 1000
    plain = stub.Encode(models_pb2.EncodeRequest(model=GENERATOR, texts=[text, PROMPT]), timeout=LIMIT)
    packed = stub.Encode(models_pb2.EncodeRequest(model=GENERATOR, texts=[text, PROMPT]), timeout=LIMIT, compression=grpc.Compression.Gzip)
    tell("encode", ids=list(plain.results[1].ids), same=plain == packed, many=len(plain.results[0].ids))
    texts = stub.Decode(models_pb2.DecodeRequest(model=GENERATOR, sequences=plain.results), timeout=LIMIT).texts
    tell("decode", text=texts[1], whole=texts[0] == text)


def scoring(stub):
    inputs = [scoring_pb2.ClassifyInput(text=PROMPT), scoring_pb2.ClassifyInput(ids=sampling_pb2.TokenIds(ids=[0, 9, 2]))]
    reply = stub.Classify(scoring_pb2.ClassifyRequest(model=CLASSIFIER, inputs=inputs), timeout=LIMIT)
    tell("classify", sums=[sum(result.probabilities) for result in reply.results], first=list(reply.results[0].probabilities), labels=list(reply.labels))

    sequences = [scoring_pb2.Sequence(prompt_ids=[1, 2], completion_ids=[3, 4, 5])]
    scored = stub.LogProbs(scoring_pb2.LogProbsRequest(model=GENERATOR, sequences=sequences), timeout=LIMIT).results[0]
    tell("log_probs", sum=scored.sum, tokens=list(scored.token_log_probs))

    request = scoring_pb2.DivergenceRequest(model=GENERATOR, reference=SECOND, sequences=sequences)
    diverged = stub.Divergence(request, timeout=LIMIT).results[0]
    tell("divergence", exact=diverged.kl_seq_exact, k1=diverged.kl_seq_k1, model=diverged.model_log_prob, tokens=diverged.tokens)


def unload(stub):
    stub.Unload(models_pb2.UnloadModelRequest(name=SECOND), timeout=LIMIT)
    names = [info.name for info in stub.List(models_pb2.ListModelsRequest(), timeout=LIMIT).models]
    tell("unload", names=names)


def health(stub):
    tell("health", status=stub.Check(health_pb2.HealthCheckRequest(service="inference.v1.Sampling"), timeout=LIMIT).status)
    tell("no_service", **failure(lambda: stub.Check(health_pb2.HealthCheckRequest(service="x.Y"), timeout=LIMIT)))
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=LIMIT)
    first = next(watch)
    watch.cancel()
    tell("watch", status=first.status, **failure(lambda: next(watch)))


def main():
    with grpc.insecure_channel(TARGET) as channel:
        health(health_pb2_grpc.HealthStub(channel))
        models(models_pb2_grpc.ModelsStub(channel))
        scoring(scoring_pb2_grpc.ScoringStub(channel))
        unload(models_pb2_grpc.ModelsStub(channel))
        stub = sampling_pb2_grpc.SamplingStub(channel)
        sampling(stub)
        ends(stub)
        errors(stub, channel)


main()

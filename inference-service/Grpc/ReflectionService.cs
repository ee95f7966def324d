using Google.Protobuf;
using Grpc.Core;
using Alpha = Grpc.Reflection.V1Alpha;
using V1 = Grpc.Reflection.V1;

namespace Rudder.InferenceService.Grpc;

/// <summary>The standard reflection protocol, grpc.reflection.v1; only in Development.</summary>
internal sealed class ReflectionService(ReflectionAnswers answers) : V1.ServerReflection.ServerReflectionBase
{
    public override Task ServerReflectionInfo(
        IAsyncStreamReader<V1.ServerReflectionRequest> requestStream,
        IServerStreamWriter<V1.ServerReflectionResponse> responseStream,
        ServerCallContext context) =>
        answers.ServeAsync(requestStream, responseStream, answers.Answer, context.CancellationToken);
}

/// <summary>Its older name, grpc.reflection.v1alpha, which most tools still ask first. The messages are the same on the wire.</summary>
internal sealed class AlphaReflectionService(ReflectionAnswers answers) : Alpha.ServerReflection.ServerReflectionBase
{
    public override Task ServerReflectionInfo(
        IAsyncStreamReader<Alpha.ServerReflectionRequest> requestStream,
        IServerStreamWriter<Alpha.ServerReflectionResponse> responseStream,
        ServerCallContext context) =>
        answers.ServeAsync(requestStream, responseStream, Answer, context.CancellationToken);

    private Alpha.ServerReflectionResponse Answer(Alpha.ServerReflectionRequest request)
    {
        var question = V1.ServerReflectionRequest.Parser.ParseFrom(request.ToByteString());
        return Alpha.ServerReflectionResponse.Parser.ParseFrom(answers.Answer(question).ToByteString());
    }
}

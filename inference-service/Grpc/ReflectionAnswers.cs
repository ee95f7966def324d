using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using Rudder.InferenceService.Telemetry;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Rudder.InferenceService.Grpc;

/// <summary>Answers the questions of server reflection from the services' own descriptors; both versions of the protocol ask here.</summary>
internal sealed class ReflectionAnswers(ServiceState state)
{
    private readonly DescriptorIndex _index = new(Described);

    private static IReadOnlyList<ServiceDescriptor> Described =>
    [
        Inference.V1.Sampling.Descriptor,
        Inference.V1.Scoring.Descriptor,
        Inference.V1.Models.Descriptor,
        global::Grpc.Health.V1.Health.Descriptor,
        ServerReflection.Descriptor,
        global::Grpc.Reflection.V1Alpha.ServerReflection.Descriptor,
    ];

    /// <summary>Answers question after question until the client has no more, or the service drains: an open stream would hold up the shutdown.</summary>
    /// <param name="questions">The client's stream.</param>
    /// <param name="answers">The answers' stream.</param>
    /// <param name="answer">One question's answer.</param>
    /// <param name="cancellation">The client went away.</param>
    public async Task ServeAsync<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> questions, IServerStreamWriter<TResponse> answers, Func<TRequest, TResponse> answer, CancellationToken cancellation)
    {
        var next = questions.MoveNext(cancellation);
        while (true)
        {
            var (phase, changed) = state.Current;
            if (phase == ServicePhase.Draining)
            {
                return;
            }

            await Task.WhenAny(next, changed);
            if (!next.IsCompleted)
            {
                continue;
            }

            if (!await next)
            {
                return;
            }

            await answers.WriteAsync(answer(questions.Current), cancellation);
            next = questions.MoveNext(cancellation);
        }
    }

    /// <summary>The answer to one question; what cannot be answered is said in it, by a status code.</summary>
    public ServerReflectionResponse Answer(ServerReflectionRequest request)
    {
        var response = new ServerReflectionResponse { ValidHost = request.Host, OriginalRequest = request };
        switch (request.MessageRequestCase)
        {
            case ServerReflectionRequest.MessageRequestOneofCase.ListServices:
                response.ListServicesResponse = new ListServiceResponse();
                response.ListServicesResponse.Service.AddRange(_index.Services.Select(name => new ServiceResponse { Name = name }));
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileByFilename:
                Put(response, _index.FileByName(request.FileByFilename), "no file has this name; file_containing_symbol leads to those that exist.");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol:
                Put(response, _index.FileContaining(request.FileContainingSymbol), "no file declares this symbol; give a full name without a leading dot.");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType when _index.HasMessage(request.AllExtensionNumbersOfType):
                response.AllExtensionNumbersResponse = new ExtensionNumberResponse { BaseTypeName = request.AllExtensionNumbersOfType };
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType:
                Fail(response, StatusCode.NotFound, "no message has this name; give a full name without a leading dot.");
                break;
            case ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension:
                Fail(response, StatusCode.NotFound, "no message of this service has extensions.");
                break;
            default:
                Fail(response, StatusCode.InvalidArgument, "message_request is not set; set one of its fields.");
                break;
        }

        return response;
    }

    private static void Put(ServerReflectionResponse response, IReadOnlyList<ByteString>? files, string missing)
    {
        if (files is null)
        {
            Fail(response, StatusCode.NotFound, missing);
            return;
        }

        response.FileDescriptorResponse = new FileDescriptorResponse();
        response.FileDescriptorResponse.FileDescriptorProto.AddRange(files);
    }

    private static void Fail(ServerReflectionResponse response, StatusCode code, string message) =>
        response.ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = message };
}

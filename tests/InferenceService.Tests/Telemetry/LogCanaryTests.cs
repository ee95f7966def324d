using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.InferenceService.Tests.Http;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Rudder.InferenceService.Tests.Telemetry;

/// <summary>At level Trace, in every category, the framework's too, no line holds text from a request's body or keys.</summary>
public sealed class LogCanaryTests : IAsyncLifetime
{
    private const string Canary = "Zq9 canary!";
    private static readonly ServiceDescriptor[] Services =
        [Inference.V1.Sampling.Descriptor, Inference.V1.Scoring.Descriptor, Inference.V1.Models.Descriptor];

    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-canary-").FullName;
    private readonly LoggedLines _lines = new();
    private RunningService _service = null!;

    public async ValueTask InitializeAsync() => _service = await RunningService.StartAsync(
        services => services.AddSingleton<ILoggerProvider>(_lines),
        [
            "--http-urls=http://127.0.0.1:0",
            $"--Service:ModelRoots:0={_folder}",
            "--Logging:LogLevel:Default=Trace",
            "--Logging:LogLevel:Microsoft=Trace",
            "--Logging:LogLevel:Grpc=Trace",
            "--Logging:Console:LogLevel:Default=None",
            .. RunningService.Model(0, "text", ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, "text"), TokenizerFamily.Gpt2)),
            .. RunningService.Model(1, "labels", ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(_folder, "labels"), TokenizerFamily.Roberta)),
        ]);

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task HttpCalls_TextInEveryField_IsNeverLogged()
    {
        using var http = new HttpFace(_service);
        http.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "Zq9canary!");
        string[] names =
        [
            "model", "prompt", "n", "best_of", "max_tokens", "temperature", "top_p", "top_k", "min_p", "logprobs", "echo", "stop", "seed", "stream",
            "stream_options", "user", "suffix", "frequency_penalty", "repetition_penalty", "logit_bias", "metadata", "ignore_eos", "stop_token_ids", Canary,
        ];
        foreach (string name in names)
        {
            foreach (string value in (string[])[$"\"{Canary}\"", $"[\"{Canary}\"]", $"[[\"{Canary}\"]]", $"{{\"{Canary}\": \"{Canary}\"}}", $"\"{Canary}"])
            {
                string others = string.Concat(new[] { ("model", "text"), ("prompt", Canary) }.Where(field => field.Item1 != name).Select(field => $"\"{field.Item1}\": \"{field.Item2}\", "));
                using var response = await http.PostAsync($"{{{others}\"{name}\": {value}}}", "application/json");
                Assert.InRange((int)response.StatusCode, 200, 499);
                Assert.DoesNotContain("canary", await response.Content.ReadAsStringAsync());
            }
        }

        AssertNoCanary();
    }

    [Theory]
    [InlineData("text")]
    [InlineData("labels")]
    [InlineData(Canary)]
    public async Task GrpcCalls_TextInEveryField_IsNeverLogged(string model)
    {
        var invoker = _service.Channel.CreateCallInvoker();
        var bytes = Marshallers.Create(message => message, message => message);
        foreach (var method in Services.SelectMany(service => service.Methods))
        {
            var request = method.InputType.Parser.ParseFrom([]);
            Fill(request, model);
            var raw = new Method<byte[], byte[]>(MethodType.ServerStreaming, method.Service.FullName, method.Name, bytes, bytes);
            using var call = invoker.AsyncServerStreamingCall(raw, null, new CallOptions(), request.ToByteArray());
            try
            {
                while (await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                }
            }
            catch (RpcException fault)
            {
                Assert.NotEqual(StatusCode.Internal, fault.StatusCode);
            }
        }

        AssertNoCanary();
    }

    private void AssertNoCanary()
    {
        Assert.Contains(_lines.Written, line => line.Contains("ended with", StringComparison.Ordinal)); // the service's own lines at Debug
        Assert.DoesNotContain(_lines.Written, line => line.Contains("canary", StringComparison.OrdinalIgnoreCase));
        string base64 = Convert.ToBase64String(Encoding.UTF8.GetBytes(Canary))[..12];
        Assert.DoesNotContain(_lines.Written, line => line.Contains(base64, StringComparison.Ordinal));
    }

    /// <summary>Puts text into every field that takes some, in nested messages too.</summary>
    private static void Fill(IMessage message, string model)
    {
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            object? value = field.FieldType switch
            {
                FieldType.String => field.Name is "model" or "reference" ? model : Canary,
                FieldType.Message when !field.IsMap && HasText(field.MessageType) => Filled(field.MessageType, model),
                _ => null,
            };
            if (value is null)
            {
                continue;
            }

            if (field.IsRepeated)
            {
                ((System.Collections.IList)field.Accessor.GetValue(message)).Add(value);
            }
            else
            {
                field.Accessor.SetValue(message, value);
            }
        }
    }

    private static IMessage Filled(MessageDescriptor type, string model)
    {
        var message = type.Parser.ParseFrom([]);
        Fill(message, model);
        return message;
    }

    private static bool HasText(MessageDescriptor type) => type.Fields.InDeclarationOrder()
        .Any(field => field.FieldType == FieldType.String || (field.FieldType == FieldType.Message && HasText(field.MessageType)));
}

using Grpc.Net.Client;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests;

[assembly: AssemblyFixture(typeof(Rudder.Interop.Tests.InteropService))]
[assembly: CollectionBehavior(DisableTestParallelization = true)] // one service, and calls that fill it

namespace Rudder.Interop.Tests;

/// <summary>The service's own program, running in Development, with a generator and a classifier that have tokenizers.</summary>
public sealed class InteropService : IAsyncLifetime
{
    /// <summary>Name of the generator.</summary>
    public const string Generator = "gpt2";

    /// <summary>Name of the classifier.</summary>
    public const string Classifier = "roberta";

    /// <summary>Prompt of the text requests.</summary>
    public const string Prompt = "The model";

    /// <summary>Seed of every request whose tokens are compared.</summary>
    public const uint Seed = 3;

    /// <summary>Tokens of every completion that is compared, unless its end comes first.</summary>
    public const int Tokens = 24;

    /// <summary>Most probable tokens told at each of its places.</summary>
    public const int TopLogProbs = 3;

    private const string GrpcLine = "listening on ";
    private const string HttpLine = "HTTP on ";
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-interop-").FullName;
    private ServiceProcess? _process;
    private GrpcChannel? _channel;

    /// <summary>Where gRPC listens, as <c>127.0.0.1:PORT</c>.</summary>
    public string Target { get; private set; } = "";

    /// <summary>Where HTTP/1.1 listens.</summary>
    public string HttpUrl { get; private set; } = "";

    /// <summary>The exported folder of a model.</summary>
    internal string Folder(string model) => Path.Combine(_folder, model);

    /// <summary>Our own client, for what the foreign ones should see.</summary>
    internal GrpcChannel Channel => _channel!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, Generator), TokenizerFamily.Gpt2);
        ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(_folder, Classifier), TokenizerFamily.Roberta);
        _process = ServiceProcess.Start(
            new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Development", ["DOTNET_ENVIRONMENT"] = "Development" },
            "--urls=http://127.0.0.1:0",
            "--http-urls=http://127.0.0.1:0",
            "--Service:Threads=1",
            "--Service:MaxSlots=4",
            $"--Service:ModelRoots:0={_folder}",
            $"--Service:Models:0:Name={Generator}",
            $"--Service:Models:0:Path={Path.Combine(_folder, Generator)}",
            $"--Service:Models:1:Name={Classifier}",
            $"--Service:Models:1:Path={Path.Combine(_folder, Classifier)}");
        try
        {
            var url = new Uri(await UrlAsync(GrpcLine));
            Target = url.Authority;
            _channel = GrpcChannel.ForAddress(url);
            HttpUrl = await UrlAsync(HttpLine);
        }
        catch
        {
            _process.Dispose();
            _process = null;
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        try
        {
            if (_process is not null)
            {
                _process.Signal(ServiceProcess.Terminate);
                var (code, _, error) = await _process.EndAsync();
                Assert.True(code == 0, error);
            }
        }
        finally
        {
            _process?.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }

    /// <summary>The completion that every client must get for <see cref="Prompt"/>, <see cref="Seed"/> and <see cref="Tokens"/>.</summary>
    internal async Task<Completion> ExpectedAsync(ulong seed = Seed)
    {
        var reply = await new Inference.V1.Sampling.SamplingClient(Channel).SampleAsync(new SampleRequest
        {
            Model = Generator,
            Prompts = { new Inference.V1.Prompt { Text = Prompt } },
            Logprobs = true,
            TopLogprobs = TopLogProbs,
            Settings = new SamplerSettings { Seed = seed, MaxNewTokens = Tokens },
        });
        return Assert.Single(reply.Completions);
    }

    private async Task<string> UrlAsync(string start)
    {
        string? line = await _process!.ReadLineAsync();
        if (line?.StartsWith(start, StringComparison.Ordinal) != true)
        {
            throw new InvalidOperationException($"The service printed '{line}' where '{start}URL' was due: {await EndAsync()}");
        }

        return line[start.Length..];
    }

    private async Task<string> EndAsync()
    {
        _process!.Signal(ServiceProcess.Terminate);
        return (await _process.EndAsync()).Error;
    }
}

using System.Diagnostics;
using Grpc.Net.Client;

namespace Rudder.Benchmarks;

/// <summary>Runs the service as a process that serves one model on loopback, and holds channels to it.</summary>
internal sealed class ServedModel : IDisposable
{
    /// <summary>Name of the model.</summary>
    public const string Name = "policy";

    private const string Listening = "listening on ";
    private readonly Process _process;
    private readonly GrpcChannel[] _channels;

    private ServedModel(Process process, string url, int channels)
    {
        _process = process;
        // One handler per channel, because one loop writes all frames of a connection.
        _channels = [.. Enumerable.Range(0, channels).Select(_ => GrpcChannel.ForAddress(url, new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler(), DisposeHttpClient = true,
        }))];
        Clients = [.. _channels.Select(channel => new Inference.V1.Sampling.SamplingClient(channel))];
    }

    /// <summary>One client per channel.</summary>
    public IReadOnlyList<Inference.V1.Sampling.SamplingClient> Clients { get; }

    /// <summary>Starts the built program and waits until the model is warm.</summary>
    /// <param name="folder">Model folder.</param>
    /// <param name="precision">fp32 or int8.</param>
    /// <param name="channels">Number of connections.</param>
    /// <param name="settings">Keys and values of the section Service.</param>
    public static ServedModel Start(string folder, string precision, int channels, IReadOnlyDictionary<string, int> settings)
    {
        string configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        string program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "InferenceService", configuration, "inference-service"));
        string[] line =
        [
            "--urls=http://127.0.0.1:0",
            "--Logging:LogLevel:Default=Warning",
            $"--Service:Models:0:Name={Name}",
            $"--Service:Models:0:Path={folder}",
            $"--Service:Models:0:Precision={precision}",
            .. settings.Select(setting => FormattableString.Invariant($"--Service:{setting.Key}={setting.Value}")),
        ];
        Process process = Process.Start(new ProcessStartInfo(program, line) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException($"{program} did not start. Build the solution first.");
        string? said = process.StandardOutput.ReadLine();
        if (said is null || !said.StartsWith(Listening, StringComparison.Ordinal))
        {
            process.Dispose();
            throw new InvalidOperationException($"{program} did not start to listen. See its standard error for the reason.");
        }

        return new ServedModel(process, said[Listening.Length..], channels);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Array.ForEach(_channels, channel => channel.Dispose());
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

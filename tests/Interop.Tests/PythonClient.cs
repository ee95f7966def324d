using System.Globalization;
using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>Runs the Python client once: stubs from the contracts by protoc, then the script, on the system's own Python.</summary>
public sealed class PythonClient(InteropService service) : IAsyncLifetime
{
    private const string Python = "/usr/bin/python3";
    private const string Protoc = "/usr/bin/protoc";
    private const string Plugin = "/usr/bin/grpc_python_plugin";
    private const string Library = "/usr/lib/python3/dist-packages/grpc/__init__.py";
    private static readonly string[] Protos =
        ["grpc/health/v1/health.proto", "inference/v1/models.proto", "inference/v1/sampling.proto", "inference/v1/scoring.proto"];

    private ForeignClient? _client;

    /// <summary>What the client saw; the calling test skips, saying so, where Debian's packages are not installed.</summary>
    internal ForeignClient Client
    {
        get
        {
            Assert.SkipWhen(Missing is not null, $"needs {Missing}: apt-get install python3-grpcio python3-protobuf protobuf-compiler protobuf-compiler-grpc");
            return _client!;
        }
    }

    private static string? Missing => Array.Find([Python, Protoc, Plugin, Library], path => !File.Exists(path));

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (Missing is not null)
        {
            return;
        }

        string stubs = Path.Combine(SharedFolder.Root, "artifacts", "interop", "python");
        if (Directory.Exists(stubs))
        {
            Directory.Delete(stubs, recursive: true);
        }

        Directory.CreateDirectory(stubs);
        await ForeignClient.RunToEndAsync(
            Protoc,
            [
                "-I", Path.Combine(SharedFolder.Root, "protos"), "-I", Path.Combine(SharedFolder.Root, "tests", "Interop.Tests", "protos"), $"--python_out={stubs}", $"--grpc_python_out={stubs}",
                $"--plugin=protoc-gen-grpc_python={Plugin}", .. Protos,
            ]);
        _client = await ForeignClient.RunAsync(
            Python, "-B", Path.Combine(SharedFolder.Root, "tests", "Interop.Tests", "python", "client.py"), service.Target, stubs,
            InteropService.Generator, InteropService.Classifier, InteropService.Prompt,
            InteropService.Seed.ToString(CultureInfo.InvariantCulture), InteropService.Tokens.ToString(CultureInfo.InvariantCulture));
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

using System.Globalization;
using Rudder.Build;
using Rudder.Tests;

namespace Rudder.Interop.Tests;

/// <summary>Runs the Python client once: stubs from the contracts by protoc, then the script, on the system's own Python.</summary>
public sealed class PythonClient(InteropService service) : IAsyncLifetime
{
    private const string Python = "/usr/bin/python3";
    private const string Protoc = "/usr/bin/protoc";
    private const string Plugin = "/usr/bin/grpc_python_plugin";
    private static readonly string[] Protos =
        ["grpc/health/v1/health.proto", "inference/v1/models.proto", "inference/v1/sampling.proto", "inference/v1/scoring.proto"];

    private IReadOnlyList<DebianPackage> _missing = [];
    private ForeignClient? _client;

    /// <summary>What the client saw; the calling test skips, saying so, where Debian's packages cannot be installed.</summary>
    internal ForeignClient Client
    {
        get
        {
            Assert.SkipWhen(_missing.Count > 0, $"needs Debian packages that only root can install: {string.Join(' ', _missing.Select(package => package.Name))}");
            return _client!;
        }
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _missing = DebianPackages.InstallWherePossible(DebianPackages.ForInterop);
        if (_missing.Count > 0)
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

using System.Text.Json;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.Tests;

namespace Rudder.InferenceService.Tests;

/// <summary>The program as an operator sees it: command line, signals and exit codes.</summary>
public sealed class ProgramTests
{
    private const string AnyPort = "--urls=http://127.0.0.1:0";

    // Some 200 KB of events: more than the connection takes while nobody reads, so that the call cannot end by itself.
    private const int ManySamples = 256;

    [Theory]
    [InlineData(ServiceProcess.Terminate)]
    [InlineData(ServiceProcess.Interrupt)]
    public async Task Signal_DuringAStream_LetsItFinishAndExitsZero(int signal)
    {
        using var service = ServiceProcess.Start(
        [
            AnyPort,
            "--Service:Threads=1",
            "--Service:MaxSlots=1",
            $"--Service:MaxSamples={ManySamples}",
            "--Service:DrainSeconds=120",
            "--Service:MaxStreamBuffer=1048576",                 // the reader is late on purpose, and must not be given up for it
            .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2")),
        ]);
        string? line = await service.ReadLineAsync();
        Assert.StartsWith("listening on http://127.0.0.1:", line);
        using var channel = GrpcChannel.ForAddress(line!["listening on ".Length..]);
        var client = new Inference.V1.Sampling.SamplingClient(channel);
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest());
        Assert.True(await NextAsync(watch, "the service's first health"));
        using var call = client.SampleStream(new SampleRequest { Model = "m", Prompts = { Golden.Prompt(1) }, N = ManySamples });
        Assert.True(await NextAsync(call, "the first event of the stream"));

        service.Signal(signal);
        Assert.True(await NextAsync(watch, $"a change of health after signal {signal}")); // draining has begun, the stream is not read yet
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        (int finished, bool ended) = await ReadAsync(call).WithinAsync(ProgramEnd.Limit, "the end of the stream");

        var (code, output, error) = await service.EndAsync();
        Assert.Equal((ManySamples, true), (finished, ended));
        Assert.Equal((0, ""), (code, output));
        Assert.Contains("Draining: 1 calls are running", error);
        Assert.Contains("Drained", error);
    }

    [Fact]
    public async Task Start_WithoutModels_ListensAndStops()
    {
        using var service = ServiceProcess.Start(AnyPort);
        Assert.StartsWith("listening on http://127.0.0.1:", await service.ReadLineAsync());

        service.Signal(ServiceProcess.Terminate);

        Assert.Equal(0, (await service.EndAsync()).Code);
    }

    [Theory]
    [InlineData(1, "--port=5", "--port=5")]
    [InlineData(1, "--urls", "--url", "http://127.0.0.1:0")] // suggested
    [InlineData(1, "Service:MaxSlots", "--Service:MaxSlots=0")]
    [InlineData(1, "Did you mean 'MaxSlots'?", "--Service:MaxSlot=4")]
    [InlineData(1, "Service:AllowRemote", "--urls=http://0.0.0.0:0")]
    [InlineData(2, "config.json", "--Service:Models:0:Name=m", "--Service:Models:0:Path=/nowhere", AnyPort)]
    [InlineData(3, "address", "--urls=http://127.0.0.1:{taken}")]
    public async Task Start_Fault_ExitsWithItsCodeAndSaysWhy(int code, string part, params string[] args)
    {
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        taken.Start();
        string port = ((System.Net.IPEndPoint)taken.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        using var service = ServiceProcess.Start([.. args.Select(arg => arg.Replace("{taken}", port, StringComparison.Ordinal))]);

        var ended = await service.EndAsync();

        Assert.Equal(code, ended.Code);
        Assert.DoesNotContain("listening on http", ended.Output);
        Assert.Contains(part, ended.Output + ended.Error);
        Assert.DoesNotContain("   at ", ended.Error);
    }

    [Fact]
    public async Task CheckConfig_Faults_AreListedAllAtOnce()
    {
        using var service = ServiceProcess.Start(
            "--check-config",
            "--Service:MaxSlots=0",
            "--Service:ApiKeysFile=/nowhere/keys.json",
            "--Service:Tls:CertificateFile=/nowhere/service.pem",
            "--Service:Tls:KeyFile=/nowhere/service.key",
            "--urls=http://0.0.0.0:0",
            "--http-urls=example");

        var ended = await service.EndAsync();

        Assert.Equal((1, ""), (ended.Code, ended.Output));
        string[] parts =
            ["Service:MaxSlots", "keys.json", "service.pem", "http://0.0.0.0:0", "--http-urls holds 'example'"];
        foreach (string part in parts)
        {
            Assert.Contains(part, ended.Error);
        }
    }

    [Fact]
    public async Task CheckConfig_CollectorIsNoUrl_IsToldLikeEveryFault()
    {
        using var service = ServiceProcess.Start("--check-config", "--Service:Telemetry:OtlpEndpoint=http://a:b:c");

        var ended = await service.EndAsync();

        Assert.Equal(1, ended.Code);
        Assert.Contains("Service:Telemetry:OtlpEndpoint", ended.Error);
    }

    [Theory]
    [InlineData("--check-config")]
    [InlineData(AnyPort)]
    public async Task Start_SettingsFileThatIsNoJson_ExitsWithOneAndNamesIt(string flag)
    {
        // The file of an environment of this test's own: no other process reads it.
        const string Name = "BrokenSettings";
        var environment = new Dictionary<string, string> { ["DOTNET_ENVIRONMENT"] = Name, ["ASPNETCORE_ENVIRONMENT"] = Name };
        string path = Path.Combine(AppContext.BaseDirectory, $"appsettings.{Name}.json");
        File.WriteAllText(path, "{ no");
        try
        {
            using var service = ServiceProcess.Start(environment, flag);

            var ended = await service.EndAsync();

            Assert.Equal((1, ""), (ended.Code, ended.Output));
            Assert.Contains(path, ended.Error);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task CheckConfig_LogLevelThatIsNone_IsToldBeforeAStartTripsOverIt()
    {
        using var service = ServiceProcess.Start("--check-config", "--Logging:LogLevel:Rudder=Verbose");

        var ended = await service.EndAsync();

        Assert.Equal((1, ""), (ended.Code, ended.Output));
        Assert.Contains("Logging:LogLevel:Rudder", ended.Error);
    }

    [Fact]
    public async Task Start_AddressesFromTheEnvironment_AreTakenWithoutAWarning()
    {
        var environment = new Dictionary<string, string> { ["ASPNETCORE_URLS"] = "http://127.0.0.1:0", ["ASPNETCORE_HTTP_PORTS"] = "8080" };
        using var service = ServiceProcess.Start(environment);
        Assert.Matches("^listening on http://127.0.0.1:(?!50051$)", await service.ReadLineAsync());

        service.Signal(ServiceProcess.Terminate);

        var ended = await service.EndAsync();
        Assert.Equal((0, ""), (ended.Code, ended.Output));
        Assert.DoesNotContain("warn:", ended.Error);
    }

    [Fact]
    public async Task CheckConfig_FaultyModelAlone_ExitsWithTwo()
    {
        using var service = ServiceProcess.Start("--check-config", "--Service:Models:0:Name=m", "--Service:Models:0:Path=/nowhere");

        Assert.Equal(2, (await service.EndAsync()).Code);
    }

    [Fact]
    public async Task CheckConfig_UsableSettings_PrintsThemAndLoadsNothing()
    {
        using var service = ServiceProcess.Start(
            ["--check-config", "--Service:MaxSlots=7", "--Service:Telemetry:OtlpEndpoint=http://name:secret@127.0.0.1:4317", .. RunningService.Model(0, "m", ModelCopies.Fixture("tiny-gpt2"))]);

        var ended = await service.EndAsync();

        Assert.Equal(0, ended.Code);
        var settings = JsonDocument.Parse(ended.Output).RootElement;
        Assert.Equal("http://127.0.0.1:50051", settings.GetProperty("urls").GetString());
        Assert.Equal(7, settings.GetProperty("Service").GetProperty("MaxSlots").GetInt32());
        Assert.Equal(60, settings.GetProperty("Service").GetProperty("Tls").GetProperty("ReloadSeconds").GetInt32());
        Assert.Equal("http://***@127.0.0.1:4317/", settings.GetProperty("Service").GetProperty("Telemetry").GetProperty("OtlpEndpoint").GetString());
        Assert.DoesNotContain("secret", ended.Output + ended.Error);
        Assert.Contains("usable: 1 models", ended.Error);
        Assert.DoesNotContain("is warm", ended.Error);
    }

    [Fact]
    public async Task NewKey_Asked_PrintsKeyAndEntry()
    {
        using var service = ServiceProcess.Start("--new-key", "team-a");

        var ended = await service.EndAsync();

        string[] lines = ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((0, 2), (ended.Code, lines.Length));
        Assert.StartsWith("rk-", lines[0]);
        Assert.Equal("team-a", JsonDocument.Parse(lines[1]).RootElement.GetProperty("name").GetString());
    }

    [Fact]
    public async Task Start_WithAnHttpFace_TellsBothAddressesAndNoWarning()
    {
        using var service = ServiceProcess.Start(AnyPort, "--http-urls=http://127.0.0.1:0");
        Assert.StartsWith("listening on http://127.0.0.1:", await service.ReadLineAsync());
        Assert.StartsWith("HTTP on http://127.0.0.1:", await service.ReadLineAsync());

        service.Signal(ServiceProcess.Terminate);

        var ended = await service.EndAsync();
        Assert.Equal(0, ended.Code);
        Assert.DoesNotContain("warn:", ended.Error);
    }

    [Fact]
    public async Task Version_Asked_PrintsIt()
    {
        using var service = ServiceProcess.Start("--version");

        var ended = await service.EndAsync();

        Assert.Equal(0, ended.Code);
        Assert.Matches(@"^\d+\.\d+\.\d+", ended.Output);
    }

    [Fact]
    public async Task Help_Asked_PrintsFlags()
    {
        using var service = ServiceProcess.Start("--help");

        var ended = await service.EndAsync();

        Assert.Equal(0, ended.Code);
        string[] flags = ["--Service:Models:0:Path", "--http-urls", "--check-config", "--new-key", "--Service:Tls:ClientCaFile", "--Service:ApiKeysFile"];
        foreach (string flag in flags)
        {
            Assert.Contains(flag, ended.Output);
        }
    }

    private static Task<bool> NextAsync<T>(AsyncServerStreamingCall<T> call, string what) =>
        call.ResponseStream.MoveNext(CancellationToken.None).WithinAsync(ProgramEnd.Limit, what);

    /// <summary>Reads a stream to its end.</summary>
    /// <returns>Completions that came, and whether the last word did.</returns>
    private static async Task<(int Finished, bool Ended)> ReadAsync(AsyncServerStreamingCall<SampleStreamResponse> call)
    {
        (int finished, bool ended) = (0, false);
        await foreach (var next in call.ResponseStream.ReadAllAsync())
        {
            finished += next.Finished is null ? 0 : 1;
            ended |= next.End is not null;
        }

        return (finished, ended);
    }
}

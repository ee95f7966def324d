using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Rudder.Engine.Registry;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.InferenceService.Tests.Security;

namespace Rudder.InferenceService.Tests;

/// <summary>What the HTTP face answers without a key, and to which host names.</summary>
public sealed class ProbesTests
{
    [Fact]
    public async Task HealthAndVersion_WithoutAKey_AreAnsweredAndNameNoModel()
    {
        string keys = Path.GetTempFileName();
        await File.WriteAllTextAsync(keys, KeysFile.Json(KeysFile.Entry("team", "key")));
        await using var service = await RunningService.StartAsync(
            services => services.AddLoader(new FakeLoader(new FakeGenerator("f"))),
            [.. RunningService.Model(0, "secret-model", "/"), "--http-urls=http://127.0.0.1:0", $"--Service:ApiKeysFile={keys}"]);
        using var http = Client(service);

        using var health = await http.GetAsync("health");
        using var version = await http.GetAsync("version");
        using var models = await http.GetAsync("v1/models");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (health.StatusCode, version.StatusCode));
        Assert.Equal(HttpStatusCode.Unauthorized, models.StatusCode);
        Assert.Equal("Healthy", await health.Content.ReadAsStringAsync());
        var told = await version.Content.ReadFromJsonAsync<Dictionary<string, string>>();
        Assert.Equal(["name", "version"], told!.Keys.Order());
        Assert.Equal("rudder-inference-service", told["name"]);
        Assert.NotEmpty(told["version"]);
        File.Delete(keys);
    }

    [Fact]
    public async Task Health_WhileDraining_IsUnavailable()
    {
        await using var service = await RunningService.StartAsync("--http-urls=http://127.0.0.1:0");
        using var http = Client(service);
        _ = service.Get<ServiceState>().BecomeDraining();

        using var health = await http.GetAsync("health");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
    }

    [Theory]
    [InlineData("evil.example.com", "/v1/models")]
    [InlineData("evil.example.com", "/version")]
    [InlineData("127.0.0.1.evil.example.com:80", "/metrics")]
    public async Task Request_ForeignHostAndNoKeys_IsRefused(string host, string path)
    {
        await using var service = await RunningService.StartAsync("--http-urls=http://127.0.0.1:0");
        using var http = Client(service);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Host = host;

        using var reply = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, reply.StatusCode);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("rudder.example", "--AllowedHosts=rudder.example")]
    public async Task Request_AllowedHost_IsAnswered(string host, params string[] args)
    {
        await using var service = await RunningService.StartAsync(["--http-urls=http://127.0.0.1:0", .. args]);
        using var http = Client(service);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Host = host;

        using var reply = await http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
    }

    private static HttpClient Client(RunningService service) => new() { BaseAddress = new Uri(Listening.Addresses(service.App).Http.Single()) };
}

using System.Net;
using System.Net.Http.Headers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Rudder.Inference.V1;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Telemetry;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>API keys at a real service, by a real gRPC client and over HTTP/1.1.</summary>
public sealed class CallerAuthenticationTests : IAsyncLifetime
{
    private const string Key = "rk-user";
    private const string AdminKey = "rk-admin";
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-keys-").FullName;
    private RunningService _service = null!;

    private string KeysPath => Path.Combine(_folder, "keys.json");

    public async ValueTask InitializeAsync()
    {
        File.WriteAllText(KeysPath, KeysFile.Json(
            KeysFile.Entry("user", Key, """, "max_concurrent_calls": 2, "max_tokens_per_minute": 9"""), KeysFile.Entry("admin", AdminKey, """, "admin": true""")));
        _service = await RunningService.StartAsync($"--Service:ApiKeysFile={KeysPath}", "--http-urls=http://127.0.0.1:0");
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(null, null, StatusCode.Unauthenticated)]
    [InlineData("authorization", "Bearer rk-wrong", StatusCode.Unauthenticated)]
    [InlineData("authorization", "Bearer ", StatusCode.Unauthenticated)]
    [InlineData("authorization", "Basic rk-user", StatusCode.Unauthenticated)]
    [InlineData("authorization", "rk-user", StatusCode.Unauthenticated)]
    [InlineData("x-api-key", "rk-wrong", StatusCode.Unauthenticated)]
    [InlineData("authorization", "Bearer rk-user", StatusCode.OK)]
    [InlineData("authorization", "bearer rk-user", StatusCode.OK)]
    [InlineData("x-api-key", "rk-user", StatusCode.OK)]
    public async Task List_Key_DecidesWhetherItIsAnswered(string? header, string? value, StatusCode expected)
    {
        Assert.Equal(expected, await ListAsync(header is null ? [] : new Metadata { { header, value! } }));
    }

    [Theory]
    [InlineData("x-api-key", Key, Key)]
    [InlineData("x-api-key", Key, "rk-wrong")]
    [InlineData("authorization", "Bearer " + Key, "Bearer " + Key)]
    [InlineData("authorization", "Bearer " + Key, "Bearer rk-wrong")]
    public async Task Authenticate_TwoKeysAtOnce_IsRefused(string header, string first, string second)
    {
        // Set on the request itself: a client would join the two into one value.
        var context = new DefaultHttpContext();
        context.Request.Headers[header] = new StringValues((string[])[first, second]);

        Assert.False((await AuthenticateAsync(context, _service.Get<SecurityFiles>())).Succeeded);
    }

    [Theory]
    [InlineData("/GRPC.HEALTH.V1.HEALTH/../inference.v1.Models/List")]
    [InlineData("/inference.v1.Models/List?/grpc.health.v1.Health/Check")]
    [InlineData("/metrics?a=/grpc.health.v1.Health/Check")]
    [InlineData("/v1/models")]
    public async Task Call_NoKeyAndAPathThatNamesHealth_IsUnauthenticated(string path)
    {
        using var client = new HttpClient();
        using var request = GrpcRequest(path);

        using var response = await client.SendAsync(request);

        // NOT_FOUND or UNIMPLEMENTED would come from behind the check.
        Assert.Equal("16", response.Headers.TryGetValues("grpc-status", out var values) ? values.Single() : $"none; {response.StatusCode}");
    }

    [Fact]
    public async Task List_NoKey_SaysHowToSendOne()
    {
        var fault = await Assert.ThrowsAsync<RpcException>(async () => await _service.Models.ListAsync(new ListModelsRequest()));

        Assert.Contains("authorization: Bearer KEY", fault.Status.Detail);
    }

    [Fact]
    public async Task Health_NoKey_Answers()
    {
        var reply = await _service.Health.CheckAsync(new HealthCheckRequest());

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, reply.Status);
    }

    [Fact]
    public async Task Load_WithoutAdmin_IsDenied()
    {
        var request = new LoadModelRequest { Name = "m", Path = "../outside" };
        var unload = new UnloadModelRequest { Name = "m" };

        Assert.Equal(StatusCode.PermissionDenied, await StatusOf(_service.Models.LoadAsync(request, Bearer(Key)).ResponseAsync));
        Assert.Equal(StatusCode.PermissionDenied, await StatusOf(_service.Models.UnloadAsync(unload, Bearer(Key)).ResponseAsync));
        Assert.Equal(StatusCode.InvalidArgument, await StatusOf(_service.Models.LoadAsync(request, Bearer(AdminKey)).ResponseAsync));
        Assert.Equal(StatusCode.NotFound, await StatusOf(_service.Models.UnloadAsync(unload, Bearer(AdminKey)).ResponseAsync));
    }

    [Theory]
    [InlineData("/inference.v1.Models/Load/")]
    [InlineData("/INFERENCE.V1.MODELS/LOAD")]
    [InlineData("/inference.v1.Models/%4Coad")]
    [InlineData("/inference.v1.Models//Load")]
    public async Task Load_PathWrittenOtherwise_NeverReachesTheMethod(string path)
    {
        using var client = new HttpClient();
        using var request = GrpcRequest(path);
        request.Headers.Add("x-api-key", Key);

        using var response = await client.SendAsync(request);

        // Denied, or no such method; INVALID_ARGUMENT would come from the method itself.
        string? status = response.Headers.TryGetValues("grpc-status", out var values) ? values.Single() : null;
        Assert.True(status is "7" or "12" || response.StatusCode == HttpStatusCode.NotFound, $"{response.StatusCode}, grpc-status {status}");
    }

    [Fact]
    public async Task Http_NoKey_Is401InTheApisForm()
    {
        using var client = new HttpClient();

        using var response = await client.GetAsync(Listening.Addresses(_service.App).Http.Single() + "/metrics");

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        var error = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal(("invalid_request_error", "invalid_api_key"), (error.GetProperty("type").GetString(), error.GetProperty("code").GetString()));
        Assert.Equal(JsonValueKind.Null, error.GetProperty("param").ValueKind);
        Assert.Contains("authorization", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Refused_OnEitherFace_IsCountedByMethodAndNeverByAPathMadeUp()
    {
        await ListAsync([]);
        await StatusOf(_service.Models.LoadAsync(new LoadModelRequest { Name = "m", Path = "x" }, Bearer(Key)).ResponseAsync);
        using var client = new HttpClient { BaseAddress = new Uri(Listening.Addresses(_service.App).Http.Single()) };
        foreach (string path in (string[])["/metrics", "/v1/models/guess-1", "/v1/guess-2", "/guess-3"])
        {
            using var refused = await client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        string page = await client.GetStringAsync(new Uri("/metrics", UriKind.Relative));

        string[] counted =
        [
            Count("/inference.v1.Models/List", "Unauthenticated", 1), Count("/inference.v1.Models/Load", "PermissionDenied", 1),
            Count("/metrics", "Unauthenticated", 1), Count("/v1/models/{name}", "Unauthenticated", 1), Count("*", "Unauthenticated", 2),
        ];
        Assert.All(counted, line => Assert.Contains(line, page));
        Assert.DoesNotContain("guess", page);

        static string Count(string method, string status, int count) => $"rudder_calls_total{{method=\"{method}\",status=\"{status}\"}} {count}\n";
    }

    [Fact]
    public async Task Http_Key_PassesOn()
    {
        using var client = new HttpClient { DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", Key) } };

        using var response = await client.GetAsync(Listening.Addresses(_service.App).Http.Single() + "/nowhere");

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task Reload_KeyRemoved_IsRefusedAtOnceAndFaultyFileKeepsTheRest()
    {
        File.WriteAllText(KeysPath, KeysFile.Json(KeysFile.Entry("admin", AdminKey)));
        _service.Get<FileReloads>().Check();
        Assert.Equal(StatusCode.Unauthenticated, await ListAsync(Bearer(Key)));

        File.WriteAllText(KeysPath, "{");
        _service.Get<FileReloads>().Check();
        Assert.Equal(StatusCode.OK, await ListAsync(Bearer(AdminKey)));
    }

    [Fact]
    public async Task Authenticate_Key_GivesTheCallerWithItsLimits()
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.Authorization = $"Bearer {Key}";

        var user = (await AuthenticateAsync(context, _service.Get<SecurityFiles>())).Principal!;

        var caller = Assert.IsType<Caller>(user.Identity);
        Assert.Equal(("user", 2, 9, false), (caller.Name, caller.Key!.MaxConcurrentCalls, caller.Key.MaxTokensPerMinute, user.IsInRole(Caller.Admin)));
    }

    [Fact]
    public async Task Authenticate_ClientCertificateWithoutKeys_GivesItsCommonName()
    {
        using var certificates = new TestCertificates("root");
        var context = new DefaultHttpContext();
        context.Connection.ClientCertificate = certificates.Client("team-c");

        var user = (await AuthenticateAsync(context, new SecurityFiles(null, null))).Principal!;

        Assert.Equal(("team-c", true), (user.Identity?.Name, user.IsInRole(Caller.Admin)));
    }

    private HttpRequestMessage GrpcRequest(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, _service.Url + path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.Add("te", "trailers");
        return request;
    }

    private async Task<AuthenticateResult> AuthenticateAsync(HttpContext context, SecurityFiles files)
    {
        var handler = new CallerAuthentication(
            _service.Get<IOptionsMonitor<AuthenticationSchemeOptions>>(), NullLoggerFactory.Instance, UrlEncoder.Default, files, _service.Get<ServiceMetrics>());
        await handler.InitializeAsync(new AuthenticationScheme(CallerAuthentication.SchemeName, null, typeof(CallerAuthentication)), context);
        return await handler.AuthenticateAsync();
    }

    private static Metadata Bearer(string key) => new() { { "authorization", $"Bearer {key}" } };

    private Task<StatusCode> ListAsync(Metadata headers) => StatusOf(_service.Models.ListAsync(new ListModelsRequest(), headers).ResponseAsync);

    private static async Task<StatusCode> StatusOf(Task call)
    {
        try
        {
            await call;
            return StatusCode.OK;
        }
        catch (RpcException fault)
        {
            return fault.StatusCode;
        }
    }
}

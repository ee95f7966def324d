using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Routing;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Security;

/// <summary>Every endpoint of the running service, by spelling of its path, verb, content type and key.</summary>
public sealed class AuthorizationMatrixTests : IAsyncLifetime
{
    private const string User = "rk-user";
    private const string Admin = "rk-admin";
    private const string Load = "/inference.v1.Models/Load";
    private const string Unload = "/inference.v1.Models/Unload";
    private static readonly string[] Open = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch", "/health", "/version"];
    private static readonly string?[] Strangers = [null, "rk-wrong", ""];
    private static readonly string[] Verbs = ["POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS"];
    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-matrix-").FullName;
    private RunningService _service = null!;
    private HttpClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        string keys = Path.Combine(_folder, "keys.json");
        File.WriteAllText(keys, KeysFile.Json(KeysFile.Entry("user", User), KeysFile.Entry("admin", Admin, """, "admin": true""")));
        _service = await RunningService.StartAsync($"--Service:ApiKeysFile={keys}");
        _client = new HttpClient { BaseAddress = new Uri(_service.Url) };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task EveryPath_WithoutAKeyOfTheService_IsUnauthenticatedUnlessItIsHealth()
    {
        var paths = Paths().ToList();
        Assert.Contains(Load, paths);
        Assert.Contains("/v1/completions", paths);
        foreach (string path in paths.Concat(["/", "/completions", "/grpc.health.v1.Health/../inference.v1.Models/List"]))
        {
            foreach (string spelling in Spellings(path))
            {
                foreach (string verb in Verbs)
                {
                    foreach (string? key in Strangers)
                    {
                        foreach (bool grpc in new[] { true, false })
                        {
                            bool open = Open.Contains(path) && !(await IsRefusedAsync(verb, spelling, key, grpc));
                            Assert.True(open || await IsRefusedAsync(verb, spelling, key, grpc), $"{verb} {spelling} with key '{key}', gRPC {grpc}");
                        }
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(Load)]
    [InlineData(Unload)]
    public async Task AdminsPath_WithAUsersKey_NeverReachesTheMethod(string path)
    {
        foreach (string spelling in Spellings(path))
        {
            foreach (string verb in Verbs)
            {
                string status = await StatusAsync(verb, spelling, User, grpc: true);

                // Denied, or no such method. The method itself would answer 3: the empty message names no model.
                Assert.True(status is "7" or "12" or "NotFound" or "MethodNotAllowed" or "BadRequest", $"{verb} {spelling}: {status}");
            }
        }

        Assert.Equal("7", await StatusAsync("POST", path, User, grpc: true));
        Assert.Equal("3", await StatusAsync("POST", path, Admin, grpc: true));
    }

    [Fact]
    public async Task OrdinaryPath_WithAUsersKey_IsReached()
    {
        foreach (string path in Paths().Except([Load, Unload]).Where(path => !Open.Contains(path)))
        {
            bool grpc = !path.StartsWith("/v1/", StringComparison.Ordinal) && path.Count(letter => letter == '/') == 2;
            string status = await StatusAsync(grpc || path == "/v1/completions" ? "POST" : "GET", path, User, grpc);
            Assert.False(status is "7" or "16" or "Unauthorized" or "Forbidden", $"{path}: {status}");
        }
    }

    // From the routes themselves, so that a new endpoint is covered without a change here.
    private IEnumerable<string> Paths() => _service.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        .Select(endpoint => endpoint.RoutePattern.RawText!)
        .Where(pattern => !pattern.Contains("{unimplemented", StringComparison.Ordinal))
        .Select(pattern => "/" + pattern.Replace("{name}", "m", StringComparison.Ordinal).TrimStart('/'))
        .Distinct();

    private static IEnumerable<string> Spellings(string path)
    {
        string[] plain = [path, path.ToUpperInvariant(), path + "/", "/" + path, path + "?/grpc.health.v1.Health/Check"];
        return path.Length < 2 ? plain : [.. plain, $"/%{(int)path[1]:X2}{path[2..]}"];
    }

    private async Task<bool> IsRefusedAsync(string verb, string path, string? key, bool grpc)
    {
        using var response = await SendAsync(verb, path, key, grpc);
        return response.StatusCode == HttpStatusCode.Unauthorized || GrpcStatus(response.Headers) == "16";
    }

    private async Task<string> StatusAsync(string verb, string path, string? key, bool grpc)
    {
        using var response = await SendAsync(verb, path, key, grpc);
        if (response.StatusCode == HttpStatusCode.OK && grpc && GrpcStatus(response.Headers) is null)
        {
            await response.Content.ReadAsByteArrayAsync();   // trailers come after the body
        }

        return GrpcStatus(response.Headers) ?? GrpcStatus(response.TrailingHeaders) ?? response.StatusCode.ToString();
    }

    private static string? GrpcStatus(HttpResponseHeaders headers) => headers.TryGetValues("grpc-status", out var values) ? values.Single() : null;

    private async Task<HttpResponseMessage> SendAsync(string verb, string path, string? key, bool grpc)
    {
        using var request = new HttpRequestMessage(new HttpMethod(verb), _service.Url + path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        if (verb is "POST" or "PUT")
        {
            request.Content = new ByteArrayContent([0, 0, 0, 0, 0]); // an empty gRPC message
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(grpc ? "application/grpc" : "application/json");
        }

        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("authorization", $"Bearer {key}");
        }

        request.Headers.Add("te", "trailers");
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }
}

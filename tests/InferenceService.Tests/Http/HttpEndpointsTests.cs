using System.Net;
using System.Text.Json;

namespace Rudder.InferenceService.Tests.Http;

/// <summary>The paths of the HTTP face, and the list of models.</summary>
public sealed class HttpEndpointsTests(SharedHttpService shared)
{
    private readonly HttpFace _http = shared.Http;

    [Theory]
    [InlineData("GET", "/v1/completions", 405)]
    [InlineData("OPTIONS", "/v1/completions", 405)]
    [InlineData("POST", "/v1/models", 405)]
    [InlineData("DELETE", "/v1/models/text", 405)]
    [InlineData("POST", "/completions", 404)]
    [InlineData("GET", "/v1/chat/completions", 405)]
    [InlineData("POST", "/chat/completions", 404)]
    [InlineData("POST", "/v1/embeddings", 404)]
    [InlineData("GET", "/tokenize", 405)]
    [InlineData("GET", "/detokenize", 405)]
    [InlineData("GET", "/classify", 405)]
    [InlineData("GET", "/v1", 404)]
    [InlineData("GET", "/", 404)]
    [InlineData("GET", "/a.b/c/d", 404)]
    public async Task AnyPath_ThatDoesNotExist_HasAnErrorOfThatForm(string method, string path, int status)
    {
        using var response = await _http.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(status, (int)response.StatusCode);
        var error = await HttpFace.ErrorOf(response);
        Assert.Equal("invalid_request_error", error.GetProperty("type").GetString());
        Assert.Equal(status == 405, response.Content.Headers.Allow.Count > 0);
        Assert.Equal(status == 404, error.GetProperty("message").GetString()!.Contains("/v1/completions", StringComparison.Ordinal));
        Assert.True(response.Headers.Contains("x-request-id"));
    }

    [Theory]
    [InlineData("HEAD", "/v1/models")]
    [InlineData("HEAD", "/v1/models/text")]
    public async Task Models_Head_Answers(string method, string path)
    {
        using var response = await _http.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Models_Listed_AreTheGenerators()
    {
        var list = await HttpFace.JsonOf(await _http.Client.GetAsync("/v1/models"));

        Assert.Equal("list", list.GetProperty("object").GetString());
        Assert.Equal([SharedHttpService.Ids, SharedHttpService.Text], list.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()));
        Assert.All(list.GetProperty("data").EnumerateArray(), model => Assert.Equal("model", model.GetProperty("object").GetString()));
    }

    [Theory]
    [InlineData("text", 200)]
    [InlineData("classifier", 404)]
    [InlineData("none", 404)]
    public async Task Models_One_IsFoundOrNot(string name, int status)
    {
        using var response = await _http.Client.GetAsync($"/v1/models/{name}");
        var body = await HttpFace.JsonOf(response);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(
            status == 200 ? name : "model_not_found",
            status == 200 ? body.GetProperty("id").GetString() : body.GetProperty("error").GetProperty("code").GetString());
    }
}

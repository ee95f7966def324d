using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Tests.Grpc;
using Rudder.InferenceService.Tests.Http;

[assembly: AssemblyFixture(typeof(SharedHttpService))]

namespace Rudder.InferenceService.Tests.Http;

/// <summary>A service with HTTP face, generators with and without tokenizer, and a classifier, for tests that do not change it.</summary>
public sealed class SharedHttpService : IAsyncLifetime
{
    /// <summary>A generator with a tokenizer.</summary>
    public const string Text = "text";

    /// <summary>The same weights without one.</summary>
    public const string Ids = "ids";

    /// <summary>A classifier.</summary>
    public const string Classifier = "classifier";

    /// <summary>The same weights with a tokenizer.</summary>
    public const string Judge = "judge";

    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-http-").FullName;

    /// <summary>The service.</summary>
    internal RunningService Service { get; private set; } = null!;

    /// <summary>Its HTTP face.</summary>
    internal HttpFace Http { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        Service = await RunningService.StartAsync(
        [
            "--http-urls=http://127.0.0.1:0",
            $"--Service:ModelRoots:0={_folder}",
            .. RunningService.Model(0, Text, ModelCopies.WithTokenizer("tiny-gpt2", Path.Combine(_folder, Text), TokenizerFamily.Gpt2)),
            .. RunningService.Model(1, Ids, ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, Ids))),
            .. RunningService.Model(2, Classifier, ModelCopies.Plain("tiny-roberta", Path.Combine(_folder, Classifier))),
            .. RunningService.Model(3, Judge, ModelCopies.WithTokenizer("tiny-roberta", Path.Combine(_folder, Judge), TokenizerFamily.Roberta)),
        ]);
        Http = new HttpFace(Service);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>A plain HTTP client of a running service's OpenAI-compatible face.</summary>
internal sealed class HttpFace(RunningService service) : IDisposable
{
    /// <summary>The client.</summary>
    public HttpClient Client { get; } = new() { BaseAddress = new Uri(Listening.Addresses(service.App).Http.Single()) };

    /// <summary>A completion of one reply.</summary>
    public async Task<JsonElement> CompleteAsync(object request)
    {
        using var response = await PostAsync(request);
        var body = await JsonOf(response);
        Assert.True(response.StatusCode == HttpStatusCode.OK, body.ToString());
        return body;
    }

    /// <summary>The events of a stream, without the one that ends it.</summary>
    public async Task<List<JsonElement>> StreamAsync(object request)
    {
        using var response = await PostAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        string[] events = (await response.Content.ReadAsStringAsync()).Split("\n\n");
        Assert.Equal(["data: [DONE]", ""], events[^2..]);
        return [.. events[..^2].Select(line =>
        {
            Assert.StartsWith("data: {", line);
            return JsonDocument.Parse(line["data: ".Length..]).RootElement;
        })];
    }

    /// <summary>The error of a refused request.</summary>
    public async Task<(int Status, JsonElement Error)> RefusedAsync(object request)
    {
        using var response = await PostAsync(request);
        return ((int)response.StatusCode, await ErrorOf(response));
    }

    /// <summary>Posts a request as it is.</summary>
    public Task<HttpResponseMessage> PostAsync(object request) => Client.PostAsJsonAsync("/v1/completions", request);

    /// <summary>Posts bytes with a content type.</summary>
    public Task<HttpResponseMessage> PostAsync(string body, string mediaType) =>
        Client.PostAsync("/v1/completions", new StringContent(body, Encoding.UTF8, mediaType));

    /// <summary>A reply's JSON.</summary>
    public static async Task<JsonElement> JsonOf(HttpResponseMessage response)
    {
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }

    /// <summary>A reply's error, whose four members are always there.</summary>
    public static async Task<JsonElement> ErrorOf(HttpResponseMessage response)
    {
        var error = (await JsonOf(response)).GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(member => member.Name));
        return error;
    }

    public void Dispose() => Client.Dispose();
}

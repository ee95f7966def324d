using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Engine.Tests.Support;
using Rudder.InferenceService.Tests.Grpc;

namespace Rudder.InferenceService.Tests.Http;

/// <summary>A service with a generator that has a chat template, and with others that have none, or one that cannot be used.</summary>
public sealed class ChatService : IAsyncLifetime
{
    /// <summary>A generator with a chat template.</summary>
    public const string Chat = "chat";

    /// <summary>The same weights without one.</summary>
    public const string Plain = "plain";

    /// <summary>The same weights with a template of unsupported syntax.</summary>
    public const string Broken = "broken";

    /// <summary>The template: one special token before each turn, and one at its end.</summary>
    public const string Template = """
        {%- for m in messages -%}
        {%- if m.role == 'system' and not loop.first -%}{{ raise_exception('Only the first message may be a system message.') }}{%- endif -%}
        {{ '<|' + m.role + '|>' + m.content + eos_token }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}<|assistant|>{%- endif -%}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("rudder-chat-").FullName;
    private RunningService _service = null!;
    private HttpFace _http = null!;

    /// <summary>The folder of the model with the template.</summary>
    public string ChatFolder => Path.Combine(_folder, Chat);

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        _service = await RunningService.StartAsync(
        [
            "--http-urls=http://127.0.0.1:0",
            $"--Service:ModelRoots:0={_folder}",
            .. RunningService.Model(0, Chat, Write(Chat, Template)),
            .. RunningService.Model(1, Plain, Write(Plain, null)),
            .. RunningService.Model(2, Broken, Write(Broken, "\n{% include 'other' %}")),
        ]);
        _http = new HttpFace(_service);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A plain completion.</summary>
    public Task<JsonElement> CompleteAsync(object request) => _http.CompleteAsync(request);

    /// <summary>A whole reply.</summary>
    public async Task<JsonElement> ChatAsync(object request)
    {
        using var response = await PostAsync(request);
        var body = await HttpFace.JsonOf(response);
        Assert.True(response.StatusCode == HttpStatusCode.OK, body.ToString());
        return body;
    }

    /// <summary>The reply of <c>/tokenize</c>.</summary>
    public async Task<JsonElement> TokenizeAsync(object request) =>
        await HttpFace.JsonOf(await _http.Client.PostAsJsonAsync("/tokenize", request));

    /// <summary>The chunks of a stream, without the event that ends it.</summary>
    public async Task<List<JsonElement>> StreamAsync(object request)
    {
        using var response = await PostAsync(request);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        string[] events = (await response.Content.ReadAsStringAsync()).Split("\n\n");
        Assert.Equal(["data: [DONE]", ""], events[^2..]);
        return [.. events[..^2].Select(line => JsonDocument.Parse(line["data: ".Length..]).RootElement)];
    }

    /// <summary>The error of a refused request.</summary>
    public async Task<(int Status, string? Param, string Message)> RefusedAsync(object request)
    {
        using var response = await PostAsync(request);
        var error = await HttpFace.ErrorOf(response);
        return ((int)response.StatusCode, error.GetProperty("param").GetString(), error.GetProperty("message").GetString()!);
    }

    private Task<HttpResponseMessage> PostAsync(object request) => _http.Client.PostAsJsonAsync("/v1/chat/completions", request);

    private string Write(string name, string? template)
    {
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_folder, name));
        string prose = File.ReadAllText(ModelCopies.Fixture("prose.txt"));
        BpeTraining.Train([prose], 512, ["<|system|>", "<|user|>", "<|assistant|>"], folder, TokenizerFamily.Gpt2);
        if (template is not null)
        {
            File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), template);
        }

        return ModelCopies.Sealed(folder);
    }
}

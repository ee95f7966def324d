using System.Net.Http.Json;
using System.Text.Json;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Http;

/// <summary><c>/tokenize</c> and <c>/detokenize</c> against gRPC's Encode and Decode.</summary>
public sealed class TokenizationTests(SharedHttpService shared)
{
    private const string Prompt = "The model writes\n\ta tëxt";

    [Fact]
    public async Task Tokenize_Text_GivesTheIdsOfGrpcAndBack()
    {
        var encoded = await shared.Service.Models.EncodeAsync(new EncodeRequest { Model = SharedHttpService.Text, Texts = { Prompt } });
        var reply = await PostAsync("/tokenize", new { model = SharedHttpService.Text, prompt = Prompt, return_token_strs = true });

        int[] tokens = [.. reply.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())];
        Assert.Equal(encoded.Results[0].Ids, tokens);
        Assert.Equal(tokens.Length, reply.GetProperty("count").GetInt32());
        Assert.True(reply.GetProperty("max_model_len").GetInt32() > 0);
        Assert.Equal(tokens.Length, reply.GetProperty("token_strs").GetArrayLength());
        Assert.StartsWith("T", reply.GetProperty("token_strs")[0].GetString());
        var text = await PostAsync("/detokenize", new { model = SharedHttpService.Text, tokens });
        Assert.Equal(Prompt, text.GetProperty("prompt").GetString());
    }

    [Fact]
    public async Task Tokenize_WithoutStrings_SendsNull()
    {
        var reply = await PostAsync("/tokenize", new { model = SharedHttpService.Text, prompt = Prompt });

        Assert.Equal(JsonValueKind.Null, reply.GetProperty("token_strs").ValueKind);
    }

    [Fact]
    public async Task Tokenize_FolderThatWantsAFirstToken_PutsItFirstUnlessToldNot()
    {
        var encoded = await shared.Service.Models.EncodeAsync(new EncodeRequest { Model = SharedHttpService.Judge, Texts = { Prompt } });
        var whole = await PostAsync("/tokenize", new { model = SharedHttpService.Judge, prompt = Prompt });
        var bare = await PostAsync("/tokenize", new { model = SharedHttpService.Judge, prompt = Prompt, add_special_tokens = false });

        Assert.Equal([0, .. encoded.Results[0].Ids], whole.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())); // 0 is <s>
        Assert.Equal(encoded.Results[0].Ids, bare.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32()));
    }

    [Theory]
    [InlineData("/tokenize", """{"prompt": "a"}""", "model", 400)]
    [InlineData("/tokenize", """{"model": "text"}""", "prompt", 400)]
    [InlineData("/tokenize", """{"model": "text", "prompt": "a", "messages": [{"role": "user", "content": "b"}]}""", "messages", 400)]
    [InlineData("/tokenize", """{"model": "text", "messages": [{"role": "user", "content": "b"}], "add_special_tokens": true}""", "add_special_tokens", 400)]
    [InlineData("/tokenize", """{"model": "text", "messages": [{"role": "user", "content": "b"}]}""", "model", 400)]
    [InlineData("/tokenize", """{"model": "text", "prompt": "a", "add_generation_prompt": false}""", "add_generation_prompt", 400)]
    [InlineData("/tokenize", """{"model": "text", "prompt": 5}""", "prompt", 400)]
    [InlineData("/tokenize", """{"model": "text", "prompt": "a", "colour": 5}""", "colour", 400)]
    [InlineData("/tokenize", """{"model": "ids", "prompt": "a"}""", "prompt", 400)]
    [InlineData("/tokenize", """{"model": "none", "prompt": "a"}""", "model", 404)]
    [InlineData("/detokenize", """{"tokens": [1]}""", "model", 400)]
    [InlineData("/detokenize", """{"model": "text"}""", "tokens", 400)]
    [InlineData("/detokenize", """{"model": "text", "tokens": [1, 100000]}""", "tokens", 400)]
    [InlineData("/detokenize", """{"model": "text", "tokens": ["a"]}""", "tokens[0]", 400)]
    public async Task AnyPath_InvalidRequest_NamesTheParameter(string path, string body, string param, int status)
    {
        using var response = await shared.Http.Client.PostAsync(path, new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        var error = await HttpFace.ErrorOf(response);

        Assert.Equal((status, param), ((int)response.StatusCode, error.GetProperty("param").GetString()));
    }

    private async Task<JsonElement> PostAsync(string path, object request)
    {
        using var response = await shared.Http.Client.PostAsJsonAsync(path, request);
        var body = await HttpFace.JsonOf(response);
        Assert.True(response.IsSuccessStatusCode, body.ToString());
        return body;
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Sends corrupted and hostile JSON to /v1/completions. Each request gets an answer or an error in the API's form.</summary>
public sealed class CompletionJsonFuzzTests
{
    private const int Seed = 304;
    private const int Short = 3_000;
    private const int Whole = 15_000;
    private static readonly string[] Fields =
        ["model", "prompt", "n", "max_tokens", "temperature", "top_p", "logprobs", "echo", "stop", "seed", "stream", "user", "best_of", ""];

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "1", "2", "1e999", "-1e-999", "0.5", "99999999999999999999",
        "\"\"", "\"ids\"", "\"text\"", "\"labels\"", "[]", "[[]]", "{}",
        "[1,2,3]", "[[1,2],[3]]", "[\"a\",1]", "[null]", "[-1]", "[1e3]",
        "\"\\u0000\"", "\"\\ud800\"", "\"Zq9 fuzz marker!\"", "{\"include_usage\":true}", "NaN", "[[[[[[[[1]]]]]]]]",
    ];

    [Fact]
    public Task Completions_SpoiledJson_IsAnsweredOrRefused() => RunAsync(Short);

    [Fact(Explicit = true)]
    [Trait("Soak", "fuzz")]
    public Task Completions_ManySpoiledJson_IsAnsweredOrRefused() => RunAsync(Whole);

    private static async Task RunAsync(int cases)
    {
        await using var service = await FuzzedService.StartAsync(http: true);
        using var client = new HttpClient { BaseAddress = service.HttpUrl, Timeout = FuzzRun.Limit };
        await FuzzRun.RunAsync(Seed, cases, random => OneAsync(client, random));
        await service.AssertUnharmedAsync();
    }

    private static async Task OneAsync(HttpClient client, Random random)
    {
        byte[] body = Body(random);
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var answer = await client.PostAsync(new Uri("/v1/completions", UriKind.Relative), content);
        string text = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            return;
        }

        if ((int)answer.StatusCode is < 400 or >= 500)
        {
            Assert.Fail($"HTTP {(int)answer.StatusCode} to {Encoding.UTF8.GetString(body)}: {text}");
        }

        using var json = JsonDocument.Parse(text);
        var error = json.RootElement.GetProperty("error");
        Assert.NotEqual("", error.GetProperty("message").GetString());
        Assert.NotEqual("", error.GetProperty("type").GetString());
        Assert.True(error.TryGetProperty("param", out _), "an error names its param, or null");
        Assert.True(error.TryGetProperty("code", out _), "an error has a code, or null");
        Verdict.AssertNoRequestText("/v1/completions", text);
    }

    private static byte[] Body(Random random)
    {
        var fields = new List<(string Name, string Value)> { ("model", "\"text\""), ("prompt", "\"Zq9 fuzz marker!\""), ("max_tokens", "3") };
        for (int count = random.Next(4); count > 0; count--)
        {
            string name = Fields[random.Next(Fields.Length)];
            if (random.Next(4) > 0)
            {
                fields.RemoveAll(field => field.Name == name); // else it is there twice
            }

            fields.Add((name, Values[random.Next(Values.Length)]));
        }

        string json = "{" + string.Join(',', fields.Select(field => $"\"{field.Name}\":{field.Value}")) + "}";
        byte[] bytes = Encoding.UTF8.GetBytes(json);
        return random.Next(2) == 0 ? bytes : ByteMutations.Spoil(random, bytes, "[{\"prompt\":[[1]]}]"u8.ToArray());
    }
}

using System.Net.Http.Json;
using System.Text;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Http;

/// <summary><c>/classify</c> against gRPC's Classify.</summary>
public sealed class TextClassifierTests(SharedHttpService shared)
{
    [Fact]
    public async Task Classify_TextAndList_GiveTheProbabilitiesOfGrpc()
    {
        string[] texts = ["The model writes a text", "tokens"];
        var expected = await shared.Service.Scoring.ClassifyAsync(
            new ClassifyRequest { Model = SharedHttpService.Judge, Inputs = { texts.Select(text => new ClassifyInput { Text = text }) } });
        foreach (object input in (object[])[texts, texts[0]])
        {
            using var response = await shared.Http.Client.PostAsJsonAsync("/classify", new { model = SharedHttpService.Judge, input });
            var reply = await HttpFace.JsonOf(response);

            Assert.True(response.IsSuccessStatusCode, reply.ToString());
            var data = reply.GetProperty("data").EnumerateArray().ToList();
            Assert.Equal(input is string ? 1 : 2, data.Count);
            for (int i = 0; i < data.Count; i++)
            {
                float[] probabilities = [.. data[i].GetProperty("probs").EnumerateArray().Select(value => value.GetSingle())];
                Assert.Equal(i, data[i].GetProperty("index").GetInt32());
                Assert.Equal(probabilities.Length, data[i].GetProperty("num_classes").GetInt32());
                Assert.Equal(expected.Labels[Array.IndexOf(probabilities, probabilities.Max())], data[i].GetProperty("label").GetString());
                foreach (var (value, probability) in probabilities.Zip(expected.Results[i].Probabilities))
                {
                    Assert.Equal(probability, value, 1e-5f); // a batch of another size may round differently
                }
            }

            Assert.True(reply.GetProperty("usage").GetProperty("prompt_tokens").GetInt32() > 0);
        }
    }

    [Theory]
    [InlineData("""{"input": "a"}""", "model", 400)]
    [InlineData("""{"model": "classifier"}""", "input", 400)]
    [InlineData("""{"model": "classifier", "input": []}""", "input", 400)]
    [InlineData("""{"model": "classifier", "input": 7}""", "input", 400)]
    [InlineData("""{"model": "text", "input": "a"}""", "model", 400)]
    [InlineData("""{"model": "classifier", "input": "a"}""", "input", 400)]
    [InlineData("""{"model": "judge", "input": ["a", 7]}""", "input[1]", 400)]
    [InlineData("""{"model": "none", "input": "a"}""", "model", 404)]
    public async Task Classify_InvalidRequest_NamesTheParameter(string body, string param, int status)
    {
        using var response = await shared.Http.Client.PostAsync("/classify", new StringContent(body, Encoding.UTF8, "application/json"));
        var error = await HttpFace.ErrorOf(response);

        Assert.Equal((status, param), ((int)response.StatusCode, error.GetProperty("param").GetString()));
    }
}

using System.Text.Json;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Rudder.Inference.V1;

namespace Rudder.Interop.Tests;

/// <summary>What every foreign gRPC client must have seen, compared with our own client's answers. One method a group of its checks.</summary>
internal static class GrpcChecks
{
    private const double Rounding = 1e-6; // single precision in one of the two texts

    /// <summary>Sample in all its ways, and the stream: the tokens that our client gets.</summary>
    public static async Task AssertSamplingAsync(ForeignClient client, InteropService service)
    {
        var expected = await service.ExpectedAsync();
        string[] checks = ["sample", "sample_stream", "sample_gzip", "sample_metadata", "after"];

        Assert.All(checks, check => client[check].AssertIs(expected));
        Assert.Equal(expected.Ids, client["sample_stream"].Ids("tokens"));
        Assert.Equal(client["sample"].Text("fingerprint"), client["sample_stream"].Text("fingerprint"));
        Assert.Equal(expected.Ids.Count, client["sample"].Number("completion_tokens"));
        Assert.Equal("OK", client["sample_metadata"].Text("code"));
    }

    /// <summary>Deadlines and cancellations of unary calls and of streams.</summary>
    public static void AssertEnds(ForeignClient client)
    {
        Assert.Equal("DEADLINE_EXCEEDED", client["deadline"].Text("code"));
        Assert.Equal("DEADLINE_EXCEEDED", client["deadline_stream"].Text("code"));
        Assert.Equal("CANCELLED", client["cancel"].Text("code"));
        Assert.Equal("CANCELLED", client["cancel_stream"].Text("code"));
    }

    /// <summary>Statuses of refused calls, and what they name.</summary>
    public static void AssertErrors(ForeignClient client)
    {
        Assert.Equal("NOT_FOUND", client["no_model"].Text("code"));
        Assert.Contains("nothing", client["no_model"].Text("details"), StringComparison.Ordinal);
        Assert.Equal("INVALID_ARGUMENT", client["wrong_value"].Text("code"));
        Assert.Contains("settings.temperature is -1", client["wrong_value"].Text("details"), StringComparison.Ordinal);
        Assert.Equal("UNIMPLEMENTED", client["no_method"].Text("code"));
        Assert.Equal("NOT_FOUND", client["no_service"].Text("code"));
    }

    /// <summary>List, Load, Unload, Encode and Decode.</summary>
    /// <param name="client">What it saw.</param>
    /// <param name="service">The service.</param>
    /// <param name="second">Name under which the client loaded the generator again.</param>
    public static async Task AssertModelsAsync(ForeignClient client, InteropService service, string second)
    {
        var own = new Models.ModelsClient(service.Channel);
        var infos = (await own.ListAsync(new ListModelsRequest())).Models.ToDictionary(info => info.Name);
        var generator = infos[InteropService.Generator];
        var encoded = await own.EncodeAsync(new EncodeRequest { Model = InteropService.Generator, Texts = { InteropService.Prompt } });
        JsonElement listed = client["list_" + InteropService.Generator];

        Assert.Equal((int)ModelKind.Generator, listed.Number("kind"));
        Assert.Equal((generator.Vocabulary, generator.EosId), (listed.Number("vocabulary"), listed.Number("eos")));
        Assert.Equal(generator.Fingerprint, listed.Text("fingerprint"));
        Assert.Equal((int)ModelKind.Classifier, client["list_" + InteropService.Classifier].Number("kind"));
        Assert.Equal(infos[InteropService.Classifier].Labels, client["list_" + InteropService.Classifier].Texts("labels"));
        Assert.Equal((second, generator.Fingerprint), (client["load"].Text("name"), client["load"].Text("fingerprint")));
        Assert.Equal([InteropService.Generator, InteropService.Classifier], client["unload"].Texts("names"));
        Assert.Equal(encoded.Results[0].Ids, client["encode"].Ids("ids"));
        Assert.True(client["encode"].GetProperty("same").GetBoolean(), "gzip changed the ids");
        Assert.Equal(InteropService.Prompt, client["decode"].Text("text"));
        Assert.True(client["decode"].GetProperty("whole").GetBoolean(), "a long text came back changed");
    }

    /// <summary>Classify, LogProbs and Divergence.</summary>
    public static async Task AssertScoringAsync(ForeignClient client, GrpcChannel channel)
    {
        var own = new Scoring.ScoringClient(channel);
        var classified = await own.ClassifyAsync(
            new ClassifyRequest { Model = InteropService.Classifier, Inputs = { new ClassifyInput { Text = InteropService.Prompt } } });
        var sequence = new Sequence { PromptIds = { 1, 2 }, CompletionIds = { 3, 4, 5 } };
        var scored = await own.LogProbsAsync(new LogProbsRequest { Model = InteropService.Generator, Sequences = { sequence } });

        AssertClose(classified.Results[0].Probabilities, client["classify"].GetProperty("first"));
        Assert.Equal(classified.Labels, client["classify"].Texts("labels"));
        Assert.All(client["classify"].GetProperty("sums").EnumerateArray(), sum => Assert.Equal(1, sum.GetDouble(), 1e-5));
        Assert.Equal(scored.Results[0].Sum, client["log_probs"].Real("sum"), Rounding);
        AssertClose(scored.Results[0].TokenLogProbs, client["log_probs"].GetProperty("tokens"));
        Assert.Equal(3, client["divergence"].Number("tokens"));
        Assert.Equal(0, client["divergence"].Real("exact"), Rounding);  // the same weights twice
        Assert.Equal(0, client["divergence"].Real("k1"), Rounding);
        Assert.Equal(scored.Results[0].Sum, client["divergence"].Real("model"), 1e-5);
    }

    /// <summary>Check and Watch.</summary>
    public static void AssertHealth(ForeignClient client)
    {
        Assert.Equal((int)HealthCheckResponse.Types.ServingStatus.Serving, client["health"].Number("status"));
        Assert.Equal((int)HealthCheckResponse.Types.ServingStatus.Serving, client["watch"].Number("status"));
        Assert.Equal("CANCELLED", client["watch"].Text("code"));
    }

    private static void AssertClose(IReadOnlyList<float> expected, JsonElement seen)
    {
        double[] values = [.. seen.EnumerateArray().Select(value => value.GetDouble())];
        Assert.Equal(expected.Count, values.Length);
        Assert.All(expected.Zip(values), pair => Assert.Equal(pair.First, pair.Second, Rounding));
    }
}

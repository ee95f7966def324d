using Microsoft.Extensions.Configuration;
using Rudder.Engine;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Validates generated values: accepted ones are in range, and others are refused as documented.</summary>
public sealed class ValidationPropertyTests
{
    private static readonly EngineOptions Limits = new() { MaxPrompts = 4, MaxSamples = 4, MaxSequences = 8 };

    // A request's own fields, as errors name them.
    private static readonly string[] Fields = ["prompts", "n", "top_logprobs", "settings."];

    [Fact]
    public void Plan_AnyRequest_IsInRangeOrNamesAField() => Properties.Hold(
        Properties.Hostile(values => SampleRequest.Parser.ParseFrom(HostileRequests.Of(SampleMethod, values))),
        request =>
        {
            if (Refusal(() => Check(request, new ModelLease(new FakeGenerator("f").Model("m", Limits)).Plan(SampleRequests.ToGeneration(request, "")))) is { } fault)
            {
                Assert.Contains(Fields, field => fault.Field.StartsWith(field, StringComparison.Ordinal));
            }
        });

    [Fact]
    public void Name_AnyText_IsLegalOrRefused() => Properties.Hold(Properties.Hostile(values => values.Name()), name =>
    {
        if (Refusal(() => Assert.Matches("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\\z", RequestLimits.Name("model", name))) is { } fault)
        {
            Assert.Equal("model", fault.Field);
        }
    });

    [Fact]
    public void Ids_AnyNumbers_AreInTheVocabularyOrRefused() => Properties.Hold(Properties.Hostile(values => values.ManyIds()), ids =>
    {
        int[] given = [.. ids];
        void Check()
        {
            RequestLimits.Ids("ids", given, 512);
            Assert.All(given, id => Assert.InRange(id, 0, 511));
        }

        if (Refusal(Check) is { } fault)
        {
            Assert.StartsWith("ids[", fault.Field);
        }
    });

    [Fact]
    public void Read_AnySettings_AreReadOrUsageFaults() => Properties.Hold(
        Properties.Hostile(values => values.Some(6, () => KeyValuePair.Create(Key(values), (string?)Value(values))).ToArray()),
        settings =>
        {
            // A later key replaces an earlier one, in any case, as in the configuration system.
            var last = settings.GroupBy(pair => pair.Key, StringComparer.OrdinalIgnoreCase).Select(group => group.Last());
            var configuration = new ConfigurationBuilder().AddInMemoryCollection(last).Build();
            var faults = new List<string>();

            var options = SettingsReader.Read<ServiceOptions>(configuration.GetSection("Service"), faults);

            Assert.True(faults.Count > 0 || options is { MaxSlots: >= 1 and <= 1024 });
            Assert.All(faults, fault => Assert.Contains("Service", fault, StringComparison.OrdinalIgnoreCase));
        });

    private static FuzzMethod SampleMethod => HostileRequests.Methods[0];

    private static void Check(SampleRequest request, GenerationPlan plan)
    {
        Assert.InRange(plan.Prompts.Count, 1, Limits.MaxPrompts);
        Assert.InRange(plan.Prompts.Sum(prompt => prompt.Samples), 1, Limits.MaxSequences);
        Assert.Equal(request.Prompts.Count, plan.Prompts.Count);
        foreach (var prompt in plan.Prompts)
        {
            Assert.InRange(prompt.Samples, 1, Limits.MaxSamples);
            Assert.InRange(prompt.TopLogProbs, 0, 20);
            Assert.All(prompt.PromptIds, id => Assert.InRange(id, 0, 511));
            Assert.InRange(prompt.PromptIds.Length, 1, 63);
            Assert.InRange(prompt.MaxNewTokens, 1, 64 - prompt.PromptIds.Length);
            Assert.InRange(prompt.Parameters.Temperature, 0, 100);
            Assert.InRange(prompt.Parameters.TopK, 0, int.MaxValue);
            Assert.InRange(prompt.Parameters.TopP, float.Epsilon, 1);
            Assert.InRange(prompt.Parameters.MinP, 0, 0.99999994f); // the largest float below 1
        }
    }

    /// <summary>The request fault that an action throws; null on success. Any other exception fails the property.</summary>
    private static RequestFault? Refusal(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (RequestFault fault) when (fault.Kind == FaultKind.Invalid)
        {
            Verdict.AssertNoRequestText("validation", fault.Message);
            return fault;
        }
    }

    private static string Key(HostileValues values) => values.Pick(
    [
        "Service", "Service:MaxSlots", "service:MAXQUEUE", "Service:Models", "Service:Models:0", "Service:Models:0:Name", "Service:Models:0:Path",
        "Service:Models:1:Engine", "Service:Models:x:Name", "Service:ModelRoots", "Service:ModelRoots:0", "Service:ModelRoots:0:y", "Service:AllowRemote",
        "Service:MaxTokens", "Service:MaxSequences", "Service::", "Service:Nothing", "Service:MaxSlots:0", "Service:" + values.Text(),
    ]);

    private static string Value(HostileValues values) => values.Pick([values.Text(), $"{values.Integer()}", $"{values.Real()}", "true", "slots", "int8", ""]);
}

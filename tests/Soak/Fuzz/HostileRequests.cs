using Google.Protobuf;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Well-formed requests with hostile values, one builder a method.</summary>
internal static class HostileRequests
{
    private static readonly Dictionary<string, Func<HostileValues, IMessage>> Builders = new(StringComparer.Ordinal)
    {
        ["Sample"] = Sample,
        ["SampleStream"] = Sample,
        ["Classify"] = Classify,
        ["LogProbs"] = values => Filled(new LogProbsRequest { Model = values.Name() }, request => request.Sequences.AddRange(Sequences(values))),
        ["Divergence"] = values => Filled(
            new DivergenceRequest { Model = values.Name(), Reference = values.Name() }, request => request.Sequences.AddRange(Sequences(values))),
        ["Load"] = values => new LoadModelRequest
        {
            Name = values.Rarely(3) ? values.Name() : "new",
            Path = values.Path(),
            Engine = (Inference.V1.Engine)(values.Rarely(4) ? values.Integer() : 0),
            Precision = (Precision)(values.Rarely(4) ? values.Integer() : 0),
        },
        ["Unload"] = values => new UnloadModelRequest { Name = values.Text() },
        ["Encode"] = values => Filled(new EncodeRequest { Model = values.Name() }, request => request.Texts.AddRange(values.Some(9, values.Text))),
        ["Decode"] = values => Filled(
            new DecodeRequest { Model = values.Name() }, request => request.Sequences.AddRange(values.Some(9, () => TokenIds(values)))),
        ["Check"] = values => new global::Grpc.Health.V1.HealthCheckRequest { Service = values.Text() },
    };

    /// <summary>Methods that have such requests.</summary>
    public static IReadOnlyList<FuzzMethod> Methods { get; } = [.. FuzzMethod.All.Where(method => Builders.ContainsKey(method.Name))];

    /// <summary>A request of a method.</summary>
    public static byte[] Of(FuzzMethod method, HostileValues values) => Builders[method.Name](values).ToByteArray();

    private static SampleRequest Sample(HostileValues values)
    {
        var request = new SampleRequest { Model = values.Name(), Logprobs = values.Rarely(2) };
        request.Prompts.AddRange(values.Some(5, () => Prompt(values)));
        request.TopLogprobs = values.Rarely(4) ? values.Integer() : 0;
        Maybe(values, () => request.N = values.Count());
        Maybe(values, () => request.Settings = Settings(values));
        return request;
    }

    private static SamplerSettings Settings(HostileValues values)
    {
        var settings = new SamplerSettings();
        Maybe(values, () => settings.Temperature = values.Real());
        Maybe(values, () => settings.TopK = values.Integer());
        Maybe(values, () => settings.TopP = values.Real());
        Maybe(values, () => settings.MinP = values.Real());
        Maybe(values, () => settings.MaxNewTokens = values.Count());
        Maybe(values, () => settings.Seed = values.Seed());
        Maybe(values, () => settings.StopStrings.AddRange(values.Some(20, values.Text)));
        Maybe(values, () => settings.StopIds.AddRange(values.Some(20, values.Id)));
        return settings;
    }

    private static Prompt Prompt(HostileValues values)
    {
        var prompt = new Prompt();
        switch (values.Pick([0, 1, 1, 2, 2]))
        {
            case 1:
                prompt.Text = values.Text();
                break;
            case 2:
                prompt.Ids = TokenIds(values);
                break;
        }

        Maybe(values, () => prompt.Seed = values.Seed());
        return prompt;
    }

    private static ClassifyRequest Classify(HostileValues values)
    {
        var request = new ClassifyRequest { Model = values.Rarely(2) ? values.Name() : FuzzedService.Labels };
        request.Inputs.AddRange(values.Some(9, () => values.Rarely(6) ? new ClassifyInput()
            : values.Rarely(2) ? new ClassifyInput { Text = values.Text() }
            : new ClassifyInput { Ids = TokenIds(values) }));
        return request;
    }

    private static IEnumerable<Sequence> Sequences(HostileValues values) => values.Some(9, () =>
    {
        var sequence = new Sequence();
        sequence.PromptIds.AddRange(values.ManyIds());
        sequence.CompletionIds.AddRange(values.ManyIds());
        return sequence;
    });

    private static TokenIds TokenIds(HostileValues values) => Filled(new TokenIds(), ids => ids.Ids.AddRange(values.ManyIds()));

    private static T Filled<T>(T message, Action<T> fill)
    {
        fill(message);
        return message;
    }

    private static void Maybe(HostileValues values, Action set)
    {
        if (!values.Rarely(3))
        {
            set();
        }
    }
}

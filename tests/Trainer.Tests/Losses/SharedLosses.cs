using System.Text.Json;
using Rudder.Trainer.Losses;
using static TorchSharp.torch;

namespace Rudder.Trainer.Tests.Losses;

/// <summary>The worked values of ../shared/fixtures/losses-more.json, made by TRL's own functions. Without the file the tests skip.</summary>
internal static class SharedLosses
{
    private static readonly Dictionary<string, string> Names = new()
    {
        ["sigmoid"] = "dpo", ["hinge"] = "hinge", ["ipo"] = "ipo-mean", ["robust"] = "robust", ["exo_pair"] = "exo-pair", ["nca_pair"] = "nca-pair",
        ["bco_pair"] = "bco-pair", ["sppo_hard"] = "sppo-hard", ["aot"] = "aot", ["aot_unpaired"] = "aot-unpaired", ["apo_zero"] = "apo-zero",
        ["apo_down"] = "apo-down", ["discopop"] = "discopop", ["sft"] = "sft", ["sigmoid_norm"] = "sigmoid-norm",
    };

    /// <summary>The names of ours that the file has values of.</summary>
    public static IEnumerable<string> Known => Names.Values;

    /// <summary>One section of the file.</summary>
    public static JsonElement Section(string name)
    {
        string file = Rudder.Tests.SharedFolder.Require("fixtures", "losses-more.json");
        return JsonDocument.Parse(File.ReadAllBytes(file)).RootElement.GetProperty(name);
    }

    /// <summary>The cases of one loss, without the variants that change its inputs (another divergence, down-weighted long completions).</summary>
    public static IReadOnlyList<JsonElement> Cases(string loss) =>
        [.. Section("pairs").GetProperty("cases").EnumerateArray().Where(entry => Names.TryGetValue(entry.GetProperty("loss").GetString()!, out string? name) && name == loss)];

    /// <summary>The cases that mix losses.</summary>
    public static IReadOnlyList<JsonElement> Mixes() =>
        [.. Section("pairs").GetProperty("cases").EnumerateArray().Where(entry => entry.GetProperty("loss_types").GetArrayLength() > 1)];

    /// <summary>The recipe that a case stands for: <c>loss</c>, with weights for a mix, and its settings.</summary>
    public static string Recipe(JsonElement entry)
    {
        string[] names = [.. entry.GetProperty("loss_types").EnumerateArray().Select(name => Names[name.GetString()!])];
        JsonElement parameters = entry.GetProperty("params");
        double[] weights = parameters.TryGetProperty("loss_weights", out JsonElement given) ? GoldenLosses.Numbers(given) : [.. names.Select(_ => 1.0)];
        Dictionary<string, object> recipe = new()
        {
            ["loss"] = names.Zip(weights).ToDictionary(part => part.First, part => part.Second),
            ["beta"] = parameters.GetProperty("beta").GetDouble(),
        };
        if (names.Any(name => PreferenceLoss.All[name].GetType().GetProperty("LabelSmoothing") is not null))
        {
            recipe["label_smoothing"] = parameters.GetProperty("label_smoothing").GetDouble();
        }

        if (parameters.TryGetProperty("discopop_tau", out JsonElement tau))
        {
            recipe["tau"] = tau.GetDouble();
        }

        return JsonSerializer.Serialize(recipe);
    }

    /// <summary>The file's pairs, as far as a loss reads them. The policy's log-probs are leaves that take gradients.</summary>
    /// <param name="loss">The loss.</param>
    /// <param name="type">Precision.</param>
    public static PairLogProbs Pairs(PreferenceLoss loss, ScalarType type)
    {
        JsonElement sums = Section("pairs").GetProperty("sums");
        return new PairLogProbs(
            Input("policy_chosen").requires_grad_(),
            Input("policy_rejected").requires_grad_(),
            loss.NeedsReference ? Input("reference_chosen") : null,
            loss.NeedsReference ? Input("reference_rejected") : null,
            Input("chosen_lengths"),
            Input("rejected_lengths"))
        {
            MeanChosenLength = GoldenLosses.Numbers(sums.GetProperty("chosen_lengths")).Average(),
            Mismatched = loss.NeedsMismatched ? tensor(new[] { 0.5, -0.1 }).to(type) : null,
            RewardMean = loss.NeedsRewardMean ? tensor(0.0).to(type) : null, // TRL's dpo has no running mean: its delta is 0
        };

        Tensor Input(string name) => tensor(GoldenLosses.Numbers(sums.GetProperty(name))).to(type); // [P]
    }
}

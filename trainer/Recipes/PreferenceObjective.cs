using Rudder.Trainer.Losses;
using static TorchSharp.torch;

namespace Rudder.Trainer.Recipes;

/// <summary>What a per-pair loss may read; every tensor is [P], a side's log-probs in nats summed over completion tokens.</summary>
/// <param name="Chosen">log π_θ of the chosen completions; carries the gradient.</param>
/// <param name="Rejected">log π_θ of the rejected ones; carries the gradient.</param>
/// <param name="ReferenceChosen">log π_ref of the chosen ones.</param>
/// <param name="ReferenceRejected">log π_ref of the rejected ones.</param>
/// <param name="ChosenLength">Tokens of the chosen ones, as floats.</param>
/// <param name="RejectedLength">Tokens of the rejected ones, as floats.</param>
/// <param name="Baseline">KTO's z, a scalar without gradient; null for every other loss.</param>
internal sealed record PairLogProbs(
    Tensor Chosen,
    Tensor Rejected,
    Tensor ReferenceChosen,
    Tensor ReferenceRejected,
    Tensor ChosenLength,
    Tensor RejectedLength,
    Tensor? Baseline);

/// <summary>Names the preference losses that a recipe may ask for, and binds one to its settings.</summary>
internal sealed class PreferenceObjective
{
    private static readonly Dictionary<string, Func<PreferenceLossSettings, PairLogProbs, Tensor>> Known = new(StringComparer.Ordinal)
    {
        ["dpo"] = (s, p) => PreferenceLosses.Dpo(Margin(p), ReferenceMargin(p), s.Beta),
        ["cdpo"] = (s, p) => PreferenceLosses.ConservativeDpo(Margin(p), ReferenceMargin(p), s.Beta, s.Smoothing),
        ["robust"] = (s, p) => PreferenceLosses.RobustDpo(Margin(p), ReferenceMargin(p), s.Beta, s.Smoothing),
        ["ipo"] = (s, p) => PreferenceLosses.Ipo(Margin(p), ReferenceMargin(p), s.Beta),
        ["ipo-mean"] = (s, p) => PreferenceLosses.Ipo(
            (p.Chosen / p.ChosenLength) - (p.Rejected / p.RejectedLength),
            (p.ReferenceChosen / p.ChosenLength) - (p.ReferenceRejected / p.RejectedLength),
            s.Beta),
        ["hinge"] = (s, p) => PreferenceLosses.Hinge(Margin(p), ReferenceMargin(p), s.Beta),
        ["dpo-reference-free"] = (s, p) => PreferenceLosses.ReferenceFreeDpo(Margin(p), s.Beta),
        ["kto"] = (s, p) => 0.5
            * (PreferenceLosses.KtoDesirable(p.Chosen - p.ReferenceChosen, p.Baseline!, s.Beta, s.DesirableWeight)
                + PreferenceLosses.KtoUndesirable(p.Rejected - p.ReferenceRejected, p.Baseline!, s.Beta, s.UndesirableWeight)),
        ["simpo"] = (s, p) => PreferenceLosses.SimPo(p.Chosen / p.ChosenLength, p.Rejected / p.RejectedLength, s.Beta, s.TargetMargin),
        ["orpo"] = (s, p) => PreferenceLosses.Orpo(p.Chosen / p.ChosenLength, p.Rejected / p.RejectedLength, s.OddsWeight),
    };

    private readonly PreferenceLossSettings settings;
    private readonly Func<PreferenceLossSettings, PairLogProbs, Tensor> loss;

    /// <summary>Binds the loss called <see cref="PreferenceLossSettings.Loss"/>.</summary>
    /// <exception cref="BadInputException">The loss is unknown, or a setting is out of range or not one of that loss.</exception>
    public PreferenceObjective(PreferenceLossSettings settings)
    {
        if (!Known.TryGetValue(settings.Loss, out Func<PreferenceLossSettings, PairLogProbs, Tensor>? found))
        {
            throw new BadInputException($"loss is \"{settings.Loss}\"; known losses are {string.Join(", ", Known.Keys)}.");
        }

        settings.Validate();
        this.settings = settings;
        loss = found;
    }

    /// <summary>Every loss name, as recipes write it.</summary>
    public static IReadOnlyCollection<string> Names => Known.Keys;

    /// <summary>True where <see cref="PairLogProbs.Baseline"/> must be given.</summary>
    public bool NeedsBaseline => settings.Loss == "kto";

    /// <summary>Loss of each pair. [P]</summary>
    public Tensor PerPair(PairLogProbs pairs) => loss(settings, pairs);

    private static Tensor Margin(PairLogProbs p) => p.Chosen - p.Rejected; // [P]

    private static Tensor ReferenceMargin(PairLogProbs p) => p.ReferenceChosen - p.ReferenceRejected; // [P]
}

using System.ComponentModel.DataAnnotations;
using System.Reflection;
using static TorchSharp.torch;

namespace Rudder.Trainer.Losses;

/// <summary>
/// A preference loss: its name, settings, inputs, and its formula as a static function of tensors. A recipe finds a loss by
/// its name. Every derived class is found by reflection, so a new loss is one file.
/// </summary>
/// <remarks>
/// A settable property is a setting of the recipe, under its name in snake case, with its range as an attribute. Losses give one value
/// per pair, [P]; callers average over P. A margin is chosen minus rejected. All logarithms are natural.
/// </remarks>
internal abstract record PreferenceLoss
{
    /// <summary>Every loss with its default settings, by name.</summary>
    public static IReadOnlyDictionary<string, PreferenceLoss> All { get; } = new SortedDictionary<string, PreferenceLoss>(
        typeof(PreferenceLoss).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(PreferenceLoss)) && type.GetConstructor(Type.EmptyTypes) is not null) // a mix has none
            .Select(type => (PreferenceLoss)Activator.CreateInstance(type)!)
            .ToDictionary(loss => loss.Name),
        StringComparer.Ordinal);

    /// <summary>The name in recipes.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// KL strength per nat, above 0; larger stays nearer the reference. It also scales log-ratios to the logged rewards.
    /// </summary>
    [Range(0, double.MaxValue, MinimumIsExclusive = true)] public double Beta { get; init; } = 0.1;

    /// <summary>Whether the loss needs the reference's log-probs.</summary>
    public virtual bool NeedsReference => true;

    /// <summary>Whether the loss reads <see cref="PairLogProbs.Mismatched"/>.</summary>
    public virtual bool NeedsMismatched => false;

    /// <summary>Whether the loss reads <see cref="PairLogProbs.RewardMean"/>, which a run keeps in its checkpoints.</summary>
    public virtual bool NeedsRewardMean => false;

    /// <summary>Whether the loss compares pairs with each other: every optimizer step must then be one forward pass.</summary>
    public virtual bool NeedsWholeStep => false;

    /// <summary>Loss of each pair, or by rank where the loss sorts. [P]</summary>
    public abstract Tensor PerPair(PairLogProbs pairs);

    /// <summary>The settings of this loss.</summary>
    public IEnumerable<PropertyInfo> Settings() => GetType().GetProperties().Where(property => property.CanWrite);
}

using Rudder.Client.Runs;
using static System.FormattableString;

namespace Rudder.Client.Reports;

/// <summary>Label and colour of a policy in reports.</summary>
internal static class PolicyLabel
{
    /// <summary>Readable on light and dark pages; neighbours differ also for colour-blind readers.</summary>
    private static readonly string[] Palette = ["#8a8f98", "#d9653b", "#2f8fd0", "#2fa36b", "#b07ad0", "#c9a227", "#d0588f"];

    /// <summary>"reference", "β = 0.1" for the policies of the training named dpo, or the policy's name.</summary>
    public static string Of(PolicyEntry policy) =>
        policy.Beta is { } beta && policy.Name.StartsWith("dpo-beta-", StringComparison.Ordinal) ? Invariant($"β = {beta:0.####}") : policy.Name;

    /// <summary>Colour by place in the list; the reference, first, is grey.</summary>
    public static string Colour(int index) => index == 0 ? Palette[0] : Palette[1 + ((index - 1) % (Palette.Length - 1))];
}

using System.Text.Json.Nodes;

namespace Rudder.Client.Runs;

/// <summary>The state of a stage: <c>stages/NAME.json</c> of a run.</summary>
/// <param name="Stage">Name, which is also its folder.</param>
/// <param name="Key">SHA-256 of <paramref name="Inputs"/>.</param>
/// <param name="State">running or done.</param>
/// <param name="Inputs">Everything its result depends on: settings and hashes of files and models.</param>
/// <param name="Started">UTC.</param>
/// <param name="Finished">UTC; null while running.</param>
/// <param name="Seconds">Time over all attempts recorded so far; null while running.</param>
/// <param name="Commit">Commit of the checkout when it completed; null while running, without a checkout, and in older records.</param>
/// <param name="Sha256">Hash of its result file; null where it has no single one, and in older records.</param>
internal sealed record StageMarker(
    string Stage,
    string Key,
    string State,
    JsonObject Inputs,
    DateTimeOffset Started,
    DateTimeOffset? Finished,
    double? Seconds,
    string? Commit = null,
    string? Sha256 = null)
{
    /// <summary>State of a stage that was begun.</summary>
    public const string Running = "running";

    /// <summary>State of a stage whose result is complete.</summary>
    public const string Done = "done";
}

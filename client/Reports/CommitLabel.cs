using Rudder.Client.Experiments;

namespace Rudder.Client.Reports;

/// <summary>How a report names the commit of its numbers, which need not be that of the checkout that wrote the page.</summary>
internal static class CommitLabel
{
    private const int Shown = 12;

    /// <summary>For the head of the page: the commit's first characters, or all commits where there are several.</summary>
    public static string Short(Summary summary, RunEnvironment environment)
    {
        if (summary.Commit is not { } commit)
        {
            return "unknown";
        }

        bool changed = commit == environment.Commit && environment.Changed == true;
        return (Summary.IsMixed(commit) ? commit : commit[..Math.Min(Shown, commit.Length)]) + (changed ? " with changes" : "");
    }

    /// <summary>What follows "From the root of a checkout".</summary>
    public static string Where(Summary summary) =>
        summary.Commit is not { } commit ? ""
        : Summary.IsMixed(commit) ? $" (the evaluations are kept from several commits, {commit}: no single commit reproduces them)"
        : $" at commit {commit}";
}

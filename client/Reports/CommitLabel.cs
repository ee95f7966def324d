using Rudder.Client.Runs;

namespace Rudder.Client.Reports;

/// <summary>Labels the commit of the numbers. It may differ from the commit of the checkout that wrote the page.</summary>
internal static class CommitLabel
{
    private const int Shown = 12;

    /// <summary>For the head of the page: the commit's first characters, or all commits where there are several.</summary>
    public static string Short(RunSummary summary, MachineInfo machine)
    {
        if (summary.Commit is not { } commit)
        {
            return "unknown";
        }

        bool changed = commit == machine.Commit && machine.Changed == true;
        return (RunSummary.IsMixed(commit) ? commit : commit[..Math.Min(Shown, commit.Length)]) + (changed ? " with changes" : "");
    }

    /// <summary>What follows "From the root of a checkout".</summary>
    public static string Where(RunSummary summary) =>
        summary.Commit is not { } commit ? ""
        : RunSummary.IsMixed(commit) ? $" (the evaluations are kept from several commits, {commit}: no single commit reproduces them)"
        : $" at commit {commit}";
}

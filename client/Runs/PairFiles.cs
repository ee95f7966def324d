namespace Rudder.Client.Runs;

/// <summary>Where a run keeps its preference pairs.</summary>
internal static class PairFiles
{
    /// <summary>Stage of the pairs that trainings learn from.</summary>
    public const string Training = "pairs";

    /// <summary>Stage of the pairs that no training learns from.</summary>
    public const string HeldOut = "held-out-pairs";

    /// <summary>The pairs, in the folder of their stage.</summary>
    public const string FileName = "pairs.jsonl";

    /// <summary>The pairs before <c>limit</c> cut them, in the folder of their stage.</summary>
    public const string UncutName = "all.jsonl";

    /// <summary>File that a stage of pairs makes.</summary>
    /// <param name="root">Folder of the run.</param>
    /// <param name="stage">One of the stages above.</param>
    public static string PathIn(string root, string stage) => Path.Combine(root, stage, FileName);
}

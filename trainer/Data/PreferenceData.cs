using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Rudder.Trainer.Data;

/// <summary>A preference data set as groups, with truncation counts and a hash of its sequences.</summary>
internal sealed class PreferenceData
{
    /// <summary>Wraps groups. Their completions must be numbered 0, 1, … in order.</summary>
    /// <param name="groups">The groups, in file order.</param>
    /// <param name="truncatedPrompts">Prompts that lost tokens to the limits.</param>
    /// <param name="truncatedCompletions">Completions that lost tokens to the limits.</param>
    /// <param name="droppedPairs">Pairs dropped because truncation made their completions equal.</param>
    public PreferenceData(IReadOnlyList<PreferenceGroup> groups, int truncatedPrompts = 0, int truncatedCompletions = 0, int droppedPairs = 0)
    {
        Groups = groups;
        TruncatedPrompts = truncatedPrompts;
        TruncatedCompletions = truncatedCompletions;
        DroppedPairs = droppedPairs;
        Completions = groups.Sum(group => group.Completions.Count);
        Pairs = groups.Sum(group => group.Pairs.Count);
        SequenceHash = HashSequences(groups);
    }

    /// <summary>One entry per prompt.</summary>
    public IReadOnlyList<PreferenceGroup> Groups { get; }

    /// <summary>Distinct completions: forward passes of one epoch.</summary>
    public int Completions { get; }

    /// <summary>Ordered pairs: losses of one epoch.</summary>
    public int Pairs { get; }

    /// <summary>Prompts that lost tokens to the limits.</summary>
    public int TruncatedPrompts { get; }

    /// <summary>Completions that lost tokens to the limits.</summary>
    public int TruncatedCompletions { get; }

    /// <summary>Pairs left out because truncation made their completions equal.</summary>
    public int DroppedPairs { get; }

    /// <summary>The truncation counts as metrics.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Cuts =>
        [new("truncated_prompts", TruncatedPrompts), new("truncated_completions", TruncatedCompletions), new("dropped_pairs", DroppedPairs)];

    /// <summary>SHA-256 (hex) over all prompt and completion ids in order; identifies cached log-probs.</summary>
    public string SequenceHash { get; }

    private static string HashSequences(IReadOnlyList<PreferenceGroup> groups)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (PreferenceGroup group in groups)
        {
            AppendIds(hash, group.PromptIds, group.Completions.Count);
            foreach (GroupCompletion completion in group.Completions)
            {
                AppendIds(hash, completion.Ids, -1);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Adds a tag, a length and the ids, so that no two lists of sequences give the same bytes.</summary>
    private static void AppendIds(IncrementalHash hash, int[] ids, int tag)
    {
        byte[] bytes = new byte[(ids.Length + 2) * sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, tag);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), ids.Length);
        for (int i = 0; i < ids.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan((i + 2) * sizeof(int)), ids[i]);
        }

        hash.AppendData(bytes);
    }
}

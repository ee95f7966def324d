namespace Rudder.InferenceService.Soak.Load;

/// <summary>Who comes next: kinds of clients in fixed shares, drawn from a seed and the arrival's number.</summary>
internal static class ClientMix
{
    // Of 1,000. The well-behaved come first and make up WellBehaved of them.
    private static readonly (ClientKind Kind, int Share)[] Shares =
    [
        (ClientKind.Sample, 460), (ClientKind.Stream, 160), (ClientKind.Swapped, 50),
        (ClientKind.Classify, 80), (ClientKind.LogProbs, 80), (ClientKind.Divergence, 20),
        (ClientKind.Cancel, 65), (ClientKind.Stall, 2), (ClientKind.Die, 42), (ClientKind.Deadline, 41),
    ];

    /// <summary>Clients of 1,000 that want an answer.</summary>
    public const int WellBehaved = 850;

    /// <summary>All of them.</summary>
    public const int Everybody = 1000;

    /// <summary>The kind of an arrival.</summary>
    /// <param name="number">Which arrival.</param>
    /// <param name="range"><see cref="WellBehaved"/> or <see cref="Everybody"/>.</param>
    public static ClientKind Of(int number, int range)
    {
        int place = new Random(number).Next(range);
        foreach (var (kind, share) in Shares)
        {
            if ((place -= share) < 0)
            {
                return kind;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(range), range, $"the shares make up {Everybody}");
    }
}

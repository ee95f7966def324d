namespace Rudder.InferenceService.Soak.Fuzz;

/// <summary>Values at and beyond every edge, drawn from a case's generator.</summary>
internal sealed class HostileValues(Random random)
{
    private static readonly int[] Integers = [int.MinValue, -2, -1, 0, 1, 2, 3, 4, 5, 8, 63, 64, 65, 511, 512, 513, 1 << 20, int.MaxValue];

    private static readonly float[] Reals =
    [
        float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MinValue, float.MaxValue, float.Epsilon, -float.Epsilon,
        -1, -0f, 0, 1e-30f, 0.5f, 0.999999f, 1, 1.000001f, 2, 100, 100.001f,
    ];

    private static readonly string[] Texts =
    [
        "", " ", "\0", "\r\n", FuzzedService.Marker, "\u200B\u202E\uFEFF", "e\u0301\u0301\u0301\u0301", "\uFFFF\uFFFD", "\U0001F469\u200D\U0001F680", "İıſK",
        "%s%n%x {0} ${jndi:x}", "<|endoftext|>", "<s></s><mask>", "\u2028\u2029", "\U0010FFFF",
    ];

    private static readonly string[] Paths =
    [
        "", ".", "..", "/", "//", "~", "../..", "../../../../etc/passwd", "/etc/passwd", "/proc/self/root", "/proc/self/cwd",
        "ids/../..", "ids/onnx", "ids/config.json",
        "ids/\0/x", "\0", "ids\\..\\..", "%2e%2e/%2e%2e", "file:///etc/passwd", "/dev/zero",
        "/dev/stdin", FuzzedService.Marker, "\uFEFF", "CON", "ids//.//./nothing",
    ];

    private static readonly string[] Names =
    [
        FuzzedService.Ids, FuzzedService.Ids, FuzzedService.Ids, FuzzedService.Text, FuzzedService.Text, FuzzedService.Text, FuzzedService.Labels,
        FuzzedService.Labels,
        "", " ", "nothing", "IDS", "ids\n", "ids\0", "../ids", FuzzedService.Marker, "ıds", "-ids", ".ids",
    ];

    /// <summary>True once in <paramref name="oneIn"/> times.</summary>
    public bool Rarely(int oneIn) => random.Next(oneIn) == 0;

    /// <summary>A number, often an extreme one.</summary>
    public int Integer() => Rarely(4) ? random.Next(int.MinValue, int.MaxValue) : Pick(Integers);

    /// <summary>A number of which one in three is sensible: 1 to 4.</summary>
    public int Count() => Rarely(3) ? random.Next(1, 5) : Integer();

    /// <summary>A token id, usually one of the models'.</summary>
    public int Id() => Rarely(12) ? Integer() : random.Next(512);

    /// <summary>Ids; none, some, more than a context, or very many.</summary>
    public int[] ManyIds() => [.. Enumerable.Range(0, Length()).Select(_ => Id())];

    /// <summary>A seed.</summary>
    public uint Seed() => unchecked((uint)Integer());

    /// <summary>A number, often one that is none.</summary>
    public float Real() => Rarely(3) ? (float)((random.NextDouble() * 4) - 1) : Pick(Reals);

    /// <summary>A text: odd, empty or huge, always well-formed, as protobuf takes no other.</summary>
    public string Text() => random.Next(10) switch
    {
        0 => new string('a', random.Next(2_000, 2_100)), // around the limit
        1 => string.Concat(Enumerable.Repeat(Pick(Texts), random.Next(1, 200))),
        2 => string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => (char)random.Next(0xD800))),
        _ => Pick(Texts) + Pick(Texts),
    };

    /// <summary>A path, most of them out of the model roots.</summary>
    public string Path() => random.Next(8) switch
    {
        0 => new string('a', random.Next(1, 9_000)),
        1 => string.Concat(Enumerable.Repeat("../", random.Next(1, 300))),
        2 => Text(),
        _ => Pick(Paths),
    };

    /// <summary>A model's name, half of them loaded ones.</summary>
    public string Name() => Rarely(20) ? Text() : Pick(Names);

    /// <summary>Entries of a list, at most <paramref name="most"/> of them.</summary>
    public IEnumerable<T> Some<T>(int most, Func<T> value) => [.. Enumerable.Range(0, random.Next(most + 1)).Select(_ => value())];

    /// <summary>One of some values.</summary>
    public T Pick<T>(IReadOnlyList<T> from) => from[random.Next(from.Count)];

    private int Length() => random.Next(12) switch
    {
        0 => 0,
        1 => random.Next(60, 70),
        2 => random.Next(1_000, 4_000),
        _ => random.Next(1, 12),
    };
}

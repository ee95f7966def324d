namespace Rudder.Checkpoints;

/// <summary>Bounds on one rendering, so that a template of unknown origin cannot exhaust the process.</summary>
public sealed record ChatTemplateLimits
{
    /// <summary>Largest template, characters. The default is 262,144.</summary>
    public int MaxSource { get; init; } = 256 << 10;

    /// <summary>Statements and expressions evaluated, each turn of a loop included. The default is 1,000,000.</summary>
    public int MaxSteps { get; init; } = 1_000_000;

    /// <summary>Nesting of statements, expressions, macro calls and values. The default is 100.</summary>
    public int MaxDepth { get; init; } = 100;

    /// <summary>Characters of the rendered text. The default is 4,194,304.</summary>
    public int MaxOutput { get; init; } = 4 << 20;

    /// <summary>Characters of all intermediate values together; an item of a list counts as 16. The default is 16,777,216.</summary>
    public long MaxWork { get; init; } = 16 << 20;

    /// <summary>Time of one rendering. The default is 2 seconds.</summary>
    public TimeSpan MaxTime { get; init; } = TimeSpan.FromSeconds(2);
}

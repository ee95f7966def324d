namespace Rudder.Engine;

/// <summary>A request that was checked against a model, as the engine runs it.</summary>
public sealed class GenerationPlan
{
    private readonly StopRule _stop;
    private readonly Func<IEnumerable<int>, string> _decode;

    /// <summary>Creates a plan.</summary>
    internal GenerationPlan(IGenerator generator, GenerationBatch batch, StopRule stop, Func<IEnumerable<int>, string> decode)
    {
        (Generator, Batch, _stop, _decode) = (generator, batch, stop, decode);
    }

    /// <summary>The prompts as ids, with their settings.</summary>
    public IReadOnlyList<PromptRequest> Prompts => Batch.Prompts;

    /// <summary>Seed of the request.</summary>
    public ulong Seed => Batch.Seed;

    /// <summary>Name of the client.</summary>
    public string Client => Batch.Client;

    /// <summary>Maximum tokens that the request can use: the prompt and the maximum new tokens of each completion.</summary>
    public long Tokens => Prompts.Sum(prompt => prompt.Samples * ((long)prompt.PromptIds.Length + prompt.MaxNewTokens));

    /// <summary>The generator whose limits the request was checked against.</summary>
    internal IGenerator Generator { get; }

    /// <summary>The prompts as the engine takes them.</summary>
    internal GenerationBatch Batch { get; }

    /// <summary>The text of a completion without its stop string and special tokens; empty without a tokenizer.</summary>
    /// <param name="sequence">A completion of this plan.</param>
    public string TextOf(GeneratedSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        return _stop.Cut(_decode(sequence.Ids));
    }
}

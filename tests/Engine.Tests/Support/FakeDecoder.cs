using Rudder.Engine.Generation;

namespace Rudder.Engine.Tests.Support;

/// <summary>A decoder without a model: a row's logits are a function of the row's own tokens, so any mix-up of rows shows in the result.</summary>
internal sealed class FakeDecoder(int slots = 4, int context = 64, int vocabulary = 16) : IDecoder
{
    private readonly List<int>[] _rows = [.. Enumerable.Range(0, slots).Select(_ => new List<int>())];
    private readonly int _vocabulary = vocabulary;

    public GeneratorInfo Info { get; } = new("fake", vocabulary, context, slots, null);

    /// <summary>Called before each step with the tokens of the live rows; may block or throw.</summary>
    public Action<IReadOnlyList<int[]>>? OnStep { get; set; }

    /// <summary>Called before each prefill with its prompts; may throw.</summary>
    public Action<IReadOnlyList<int[]>>? OnPrefill { get; set; }

    /// <summary>Rows whose tokens contain this id get NaN logits.</summary>
    public int? PoisonId { get; set; }

    public bool Disposed { get; private set; }

    public void Prefill(IReadOnlyList<int[]> prompts, int firstRow)
    {
        OnPrefill?.Invoke(prompts);
        for (int i = 0; i < prompts.Count; i++)
        {
            _rows[firstRow + i].Clear();
            _rows[firstRow + i].AddRange(prompts[i]);
        }
    }

    /// <summary>Called before tokens are read on top of a row, with their number and that of the row's own; may throw.</summary>
    public Action<int, int>? OnExtend { get; set; }

    public void Extend(int row, ReadOnlySpan<int> ids, int length)
    {
        OnExtend?.Invoke(ids.Length, length);
        Assert.InRange(length, 1, _rows[row].Count);         // the prefix is there
        _rows[row].RemoveRange(length, _rows[row].Count - length);
        _rows[row].AddRange(ids);
    }

    public void Step(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        int live = ids.Length;
        OnStep?.Invoke([.. _rows.Take(live).Select(row => row.ToArray())]);
        for (int row = 0; row < live; row++)
        {
            Assert.Equal(_rows[row].Count, lengths[row]);    // every row's cache is whole
            _rows[row].Add(ids[row]);
        }
    }

    public ReadOnlySpan<float> Logits(int row)
    {
        uint hash = 2166136261;
        foreach (int id in _rows[row])
        {
            hash = (hash ^ (uint)id) * 16777619;
        }

        var random = new Random((int)hash);
        float[] logits = new float[_vocabulary];
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = (float)(random.NextDouble() * 3);
        }

        if (PoisonId is { } poison && _rows[row].Contains(poison))
        {
            logits[1] = float.NaN;
        }

        return logits;
    }

    /// <summary>Called in each copy of a row, when the target's content is gone already; may throw.</summary>
    public Action? OnCopy { get; set; }

    public void CopyRow(int from, int to, int tokens)
    {
        _rows[to].Clear();
        OnCopy?.Invoke();
        _rows[to].AddRange(_rows[from].Take(tokens));
    }

    public void Dispose() => Disposed = true;
}

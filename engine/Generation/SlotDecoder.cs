using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Generation;

/// <summary>
/// The exported decoder on ONNX Runtime with this project's own attention, <see cref="SlotAttention"/>. Its cache is outside the graph,
/// has one row per slot, and never moves.
/// </summary>
/// <remarks>A step allocates nothing. Its binding depends only on its number of rows: one per width, created on first use.</remarks>
internal sealed class SlotDecoder : IDecoder
{
    private const long SingleToken = 1;
    private readonly InferenceSession _session;
    private readonly OperatorDomain _attention;
    private readonly SlotCache _cache;
    private readonly GraphShape _shape;
    private readonly NativeBuffer<long> _ids;                // [S]
    private readonly NativeBuffer<long> _positions;          // [S]
    private readonly NativeBuffer<long> _ones;               // [S]: every row has one token in a step
    private readonly NativeBuffer<float> _logits;            // [S,V]
    private readonly GraphBinding?[] _steps;
    private readonly RunOptions _runOptions = new();

    private SlotDecoder(GraphFile graph, EngineOptions options, int maxTokens, int? eosId)
    {
        int slots = options.MaxSlots;
        _shape = graph.Shape;
        _steps = new GraphBinding?[slots + 1];
        Info = new GeneratorInfo(_shape.Fingerprint, _shape.Vocabulary, maxTokens, slots, eosId);
        try
        {
            _cache = Cache(_shape, slots, maxTokens, options.MaxCacheBytes);
            _ids = new NativeBuffer<long>(slots);
            _positions = new NativeBuffer<long>(slots);
            _ones = new NativeBuffer<long>(slots);
            _ones.Span(0, slots).Fill(1);
            _logits = new NativeBuffer<float>((long)slots * _shape.Vocabulary);
            _attention = new OperatorDomain(OperatorDomain.SlotsName, SlotAttention.Operators(_cache));
            GraphFusion.UseSlotAttention(graph);
            _session = graph.Start(options.Threads, attention: _attention);
            Warm(graph);
        }
        catch (OutOfMemoryException e)
        {
            Dispose();
            throw RequestFault.Unusable(
                $"no memory for the logits of {slots} slots, {(long)slots * _shape.Vocabulary * sizeof(float):N0} bytes, and weights",
                "",
                "Lower MaxSlots.",
                e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public GeneratorInfo Info { get; }

    /// <summary>Loads a decoder and runs it once as a warm-up.</summary>
    /// <exception cref="RequestFault">The graph cannot be loaded or its cache would be too large.</exception>
    public static SlotDecoder Load(GraphFolder folder, EngineOptions options, int? eosId)
    {
        var graph = GraphFile.Read(folder, GraphFiles.Model(options.Precision), options.Precision);
        return new SlotDecoder(graph, options, graph.Shape.TokensPerSequence(options, folder.ModelFolder), eosId);
    }

    /// <inheritdoc/>
    public void Prefill(IReadOnlyList<int[]> prompts, int firstRow)
    {
        int longest = prompts.Max(prompt => prompt.Length);
        using var input = new PromptInput(prompts.Count, longest, maskWidth: longest);
        _cache.Begin(firstRow, prompts.Count);
        for (int row = 0; row < prompts.Count; row++)
        {
            input.Fill(row, prompts[row], firstPosition: 0);
            _cache.Bring(row, 0, prompts[row].Length);
        }

        Read(input, firstRow);
    }

    /// <inheritdoc/>
    public void Extend(int row, ReadOnlySpan<int> ids, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        using var input = new PromptInput(1, ids.Length, maskWidth: ids.Length);
        _cache.Begin(row, 1);
        _cache.Bring(0, length, ids.Length);
        input.Fill(0, ids, length);
        Read(input, row);
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        int rows = ids.Length;
        _cache.Begin(0, rows);
        for (int row = 0; row < rows; row++)
        {
            _cache.Bring(row, lengths[row], 1);
            _ids.Span(row, 1)[0] = ids[row];
            _positions.Span(row, 1)[0] = lengths[row];
        }

        (_steps[rows] ??= BindStep(rows)).Run(_runOptions);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Logits(int row) => _logits.Span((long)row * _shape.Vocabulary, _shape.Vocabulary);

    /// <inheritdoc/>
    public void CopyRow(int from, int to, int tokens) => _cache.CopyRow(from, to, tokens);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var step in _steps)
        {
            step?.Dispose();
        }

        // After a failed constructor some of these are null. The session is disposed before the memory that its kernels use.
        _session?.Dispose();
        _attention?.Dispose();
        _runOptions.Dispose();
        _cache?.Dispose();
        _ids?.Dispose();
        _positions?.Dispose();
        _ones?.Dispose();
        _logits?.Dispose();
    }

    // With int8 products the cache holds 16 bits: its error is below that of the products, and each step reads half the bytes.
    private static SlotCache Cache(GraphShape shape, int slots, int maxTokens, long maxBytes)
    {
        if (maxTokens > SlotCache.MostTokens)
        {
            throw RequestFault.Unusable(
                $"a slot would hold {maxTokens:N0} tokens",
                $"attention takes at most {SlotCache.MostTokens:N0}",
                "Set MaxTokens to that or less.");
        }

        bool isHalf = shape.Precision == "int8";
        long bytes = CacheSize.Of(shape with { CacheType = isHalf ? TensorElementType.BFloat16 : TensorElementType.Float }, slots, maxTokens, maxBytes);
        try
        {
            return new SlotCache(shape.Layers, shape.Heads, shape.HeadSize, slots, maxTokens, isHalf, shape.KeyValueHeads);
        }
        catch (OutOfMemoryException e)
        {
            throw RequestFault.Unusable($"no memory for a key-value cache of {bytes:N0} bytes", "", "Lower MaxSlots or MaxTokens.", e);
        }
    }

    private GraphBinding BindStep(int rows)
    {
        var binding = new GraphBinding(_session);
        binding.Input("input_ids", _ids.View(0, rows, SingleToken));           // [B,1]
        binding.Input("position_ids", _positions.View(0, rows, SingleToken));  // [B,1]
        binding.Input("attention_mask", _ones.View(0, rows, SingleToken));     // [B,1]
        binding.Output("logits", _logits.View(0, rows, SingleToken, _shape.Vocabulary));   // [B,1,V]
        return binding;
    }

    private void Read(PromptInput input, int firstRow)
    {
        using var binding = new GraphBinding(_session);
        input.Bind(binding);
        binding.Output("logits", _logits.View((long)firstRow * _shape.Vocabulary, input.Rows, SingleToken, _shape.Vocabulary));   // [B,1,V]
        binding.Run(_runOptions);
    }

    private void Warm(GraphFile graph)
    {
        try
        {
            Prefill([[0]], 0);
            Step([0], [1]);
        }
        catch (OnnxRuntimeException e)
        {
            throw RequestFault.Unusable($"ONNX Runtime cannot run {graph.Path}: {e.Message}", "", "Export the model again: trainer export.", e);
        }
    }
}

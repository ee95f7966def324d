using Microsoft.ML.OnnxRuntime;
using Rudder.Engine.Graphs;
using Rudder.Engine.Kernels;

namespace Rudder.Engine.Generation;

/// <summary>The exported decoder on ONNX Runtime; it reads and writes one key-value arena in place.</summary>
/// <remarks>
/// Past and present are bound to the same memory, so the cache never moves and a step allocates nothing. A step's binding depends
/// only on its number of rows, because the mask is always maxT wide and its ones mark the valid tokens. So there is one binding per
/// width, created on first use. Prefill binds views that start at its first row. On a device the cache stays in device memory, each step
/// binds its inputs again, and the logits return to the host for sampling (docs/adr/0005-gpu.md).
/// </remarks>
internal sealed class OnnxDecoder : IDecoder
{
    private const long SingleToken = 1;
    private readonly InferenceSession _session;
    private readonly GraphShape _shape;
    private readonly DeviceArena _arena;
    private readonly NativeBuffer<long> _ids;                // [S]
    private readonly NativeBuffer<long> _positions;          // [S]
    private readonly NativeBuffer<long> _mask;               // [S,maxT]
    private readonly LogitsBuffer _logits;                   // [S,V]
    private readonly int[] _ones;                            // leading ones in each row of the mask
    private readonly GraphBinding?[] _steps;
    private readonly RunOptions _runOptions = new();
    private readonly int _slots;
    private readonly int _maxTokens;

    private OnnxDecoder(InferenceSession session, GraphShape shape, int slots, int maxTokens, int? eosId, Func<DeviceArena> cache)
    {
        (_session, _shape, _slots, _maxTokens) = (session, shape, slots, maxTokens);
        _ones = new int[slots];
        _steps = new GraphBinding?[slots + 1];
        Info = new GeneratorInfo(shape.Fingerprint, shape.Vocabulary, maxTokens, slots, eosId);
        try
        {
            _arena = cache();
            _ids = new NativeBuffer<long>(slots);
            _positions = new NativeBuffer<long>(slots);
            _mask = new NativeBuffer<long>((long)slots * maxTokens);
            _logits = new LogitsBuffer(slots, shape.Vocabulary, shape.LogitsType);
        }
        catch
        {
            FreeMemory();
            throw;
        }
    }

    public GeneratorInfo Info { get; }

    /// <summary>Loads a decoder and runs it once as a warm-up.</summary>
    /// <exception cref="RequestFault">The graph cannot be loaded or its cache would be too large.</exception>
    public static OnnxDecoder Load(GraphFolder folder, EngineOptions options, int? eosId)
    {
        var cuda = CudaProvider.For(options);
        var (session, shape) = GraphSession.Open(folder, options.Precision, options.Threads, cuda);
        OnnxDecoder? decoder = null;
        try
        {
            int maxTokens = shape.TokensPerSequence(options, folder.ModelFolder);
            var memory = cuda?.Memory() ?? OrtMemoryInfo.DefaultInstance;
            decoder = new OnnxDecoder(
                session, shape, options.MaxSlots, maxTokens, eosId, () => new DeviceArena(memory, cuda, shape, options.MaxSlots, maxTokens, options.MaxCacheBytes));
            decoder.Prefill([[0]], 0);
            decoder.Step([0], [1]);
            return decoder;
        }
        catch (Exception e)
        {
            (decoder ?? (IDisposable)session).Dispose();
            if (e is not OnnxRuntimeException)
            {
                throw;
            }

            throw decoder is null
                ? RequestFault.Unusable(
                    $"ONNX Runtime cannot make a cache for the decoder of {folder.Path}: {e.Message}", "", "Unload a model, or lower MaxSlots or MaxTokens.", e)
                : RequestFault.Unusable($"ONNX Runtime cannot run the decoder of {folder.Path}: {e.Message}", "", "Export the model again: trainer export.", e);
        }
    }

    public void Prefill(IReadOnlyList<int[]> prompts, int firstRow)
    {
        int longest = prompts.Max(prompt => prompt.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow + prompts.Count, _slots);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(longest, _maxTokens);   // the graph's result would be silently wrong
        using var input = new PromptInput(prompts.Count, longest, maskWidth: longest);
        for (int row = 0; row < prompts.Count; row++)
        {
            input.Fill(row, prompts[row], firstPosition: 0);
        }

        Read(input, firstRow);
    }

    public void Extend(int row, ReadOnlySpan<int> ids, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, _slots);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length + ids.Length, _maxTokens);
        using var input = new PromptInput(1, ids.Length, maskWidth: length + ids.Length);
        input.Fill(0, ids, length);
        Read(input, row);
    }

    public void Step(ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        int rows = ids.Length;
        for (int row = 0; row < rows; row++)
        {
            // Past the cache the graph fails; before its end the result would be silently wrong.
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(lengths[row], _maxTokens);
            SetMask(row, lengths[row] + 1);
            _ids.Span(row, 1)[0] = ids[row];
            _positions.Span(row, 1)[0] = lengths[row];
        }

        (_steps[rows] ??= BindStep(rows)).Run(_runOptions, renewInputs: true);
        _logits.Written(0, rows);
    }

    public ReadOnlySpan<float> Logits(int row) => _logits.Row(row);

    public void CopyRow(int from, int to, int tokens) => _arena.CopyRow(from, to, tokens);

    public void Dispose()
    {
        foreach (var step in _steps)
        {
            step?.Dispose();
        }

        FreeMemory();
        _session.Dispose();
    }

    // After a failed constructor some of these are null.
    private void FreeMemory()
    {
        _runOptions.Dispose();
        _arena?.Dispose();
        _ids?.Dispose();
        _positions?.Dispose();
        _mask?.Dispose();
        _logits?.Dispose();
    }

    private GraphBinding BindStep(int rows)
    {
        var binding = BindCache(0, rows);
        binding.Input("input_ids", _ids.View(0, rows, SingleToken));           // [B,1]
        binding.Input("position_ids", _positions.View(0, rows, SingleToken));  // [B,1]
        binding.Input("attention_mask", _mask.View(0, rows, _maxTokens));      // [B,maxT]
        binding.Output("logits", _logits.View(0, rows));                     // [B,1,V]
        return binding;
    }

    // Past and present of every layer are the same rows of the arena.
    private GraphBinding BindCache(int firstRow, int rows)
    {
        var binding = new GraphBinding(_session);
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            binding.InPlace($"past_key_values.{layer}.key", $"present.{layer}.key", _arena.View(2 * layer, firstRow, rows));
            binding.InPlace($"past_key_values.{layer}.value", $"present.{layer}.value", _arena.View((2 * layer) + 1, firstRow, rows));
        }

        return binding;
    }

    // Rows grow by one token per step, so usually one entry changes.
    private void SetMask(int row, int ones)
    {
        var mask = _mask.Span((long)row * _maxTokens, _maxTokens);
        if (ones > _ones[row])
        {
            mask[_ones[row]..ones].Fill(1);
        }
        else
        {
            mask[ones.._ones[row]].Clear();
        }

        _ones[row] = ones;
    }

    private void Read(PromptInput input, int firstRow)
    {
        using var binding = BindCache(firstRow, input.Rows);
        input.Bind(binding);
        binding.Output("logits", _logits.View(firstRow, input.Rows));              // [B,1,V]
        binding.Run(_runOptions);
        _logits.Written(firstRow, input.Rows);
    }
}

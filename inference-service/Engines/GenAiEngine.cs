using System.Globalization;
using System.Text.Json;
using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Sampling;

namespace Rudder.InferenceService.Engines;

/// <summary>ONNX Runtime GenAI as a generator: batches of prompts of one length, run to the end one after the other.</summary>
/// <remarks>
/// GenAI's search settings and random stream belong to a whole batch. What needs them per row is refused by name:
/// min_p, and a prompt's own seed. Tokens depend on what else is in the batch. In a batch GenAI takes padding ids at a prompt's
/// end for padding, so a prompt that really ends with that id is refused there.
/// </remarks>
internal sealed class GenAiEngine : IGenerator
{
    private const int MaxBatch = 32;                         // GenAI refuses more
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Config _config;
    private readonly Model _model;
    private readonly EngineOptions _options;
    private readonly int _paddingId;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private int _accepted;
    private bool _closed;

    private GenAiEngine(Config config, Model model, GeneratorInfo info, EngineOptions options, int paddingId)
    {
        (_config, _model, Info, _options, _paddingId) = (config, model, info, options, paddingId);
    }

    /// <inheritdoc/>
    public GeneratorInfo Info { get; }

    /// <summary>Loads a model's decoder into GenAI.</summary>
    /// <param name="folder">The model's graphs.</param>
    /// <param name="options">Limits.</param>
    /// <param name="eosId">End-of-text id.</param>
    /// <exception cref="ModelLoadException">The graph cannot be loaded.</exception>
    public static GenAiEngine Load(GraphFolder folder, EngineOptions options, int? eosId)
    {
        string graph = GraphFolder.FileName("decoder", options.Precision);
        GraphShape shape = ReadShape(folder, graph);
        int slots = Math.Min(MaxBatch, options.MaxSlots);
        int maxTokens = options.MaxTokens > 0 ? Math.Min(options.MaxTokens, shape.Context) : shape.Context;
        var info = new GeneratorInfo(folder.Fingerprint, shape.Vocabulary, maxTokens, slots, eosId, shape.CacheBytesPerToken * slots * maxTokens);
        try
        {
            var config = new Config(folder.Path);
            config.Overlay(Overlay(graph, options.Threads));
            return new GenAiEngine(config, new Model(config), info, options, ReadPaddingId(folder));
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new ModelLoadException($"GenAI cannot load {folder.Path}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation)
    {
        RequestLimits.Check(batch, Info, _options.MaxQueuedSequences);
        int sequences = batch.Prompts.Sum(prompt => prompt.Samples);
        CheckSupported(batch, sequences);
        Accept(sequences);
        try
        {
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
            await _turn.WaitAsync(linked.Token);
            try
            {
                return await Task.Run(() => Generate(batch, linked.Token), CancellationToken.None);
            }
            finally
            {
                _turn.Release();
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new EngineDrainingException("the engine stopped before the request was finished. Try again on another instance.");
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new EngineFailedException("GenAI failed; other requests go on. See the service's log.", e);
        }
        finally
        {
            Release(sequences);
        }
    }

    /// <inheritdoc/>
    public Task DrainAsync()
    {
        lock (_lock)
        {
            _closed = true;
            if (_accepted == 0)
            {
                _drained.TrySetResult();
            }
        }

        return _drained.Task;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await DrainAsync();
        _model.Dispose();
        _config.Dispose();
        _turn.Dispose();
        _stopping.Dispose();
    }

    private IReadOnlyList<IReadOnlyList<GeneratedSequence>> Generate(GenerationBatch batch, CancellationToken cancellation)
    {
        GenAiRow[] rows = [.. batch.Prompts.SelectMany((prompt, index) =>
            Enumerable.Range(0, prompt.Samples).Select(sample => new GenAiRow(index, sample, prompt)))];
        var groups = rows.GroupBy(row => (row.Prompt.PromptIds.Length, row.Prompt.Parameters, row.Prompt.MaxNewTokens));
        uint chunk = 0;
        foreach (var chunkRows in groups.SelectMany(group => group.Chunk(Info.Slots)))
        {
            // Each chunk has its own random stream, or equal prompts would get equal completions in every chunk.
            GenerateChunk(chunkRows, CounterRandom.Derive(batch.Seed, chunk++), cancellation);
            foreach (var row in chunkRows)
            {
                row.Prompt.OnFinished?.Invoke(row.Result(batch.Seed));
            }
        }

        return [.. rows.GroupBy(row => row.PromptIndex).OrderBy(group => group.Key)
            .Select(group => (IReadOnlyList<GeneratedSequence>)[.. group.OrderBy(row => row.SampleIndex).Select(row => row.Result(batch.Seed))])];
    }

    private void GenerateChunk(GenAiRow[] rows, uint seed, CancellationToken cancellation)
    {
        var request = rows[0].Prompt;
        using var parameters = new GeneratorParams(_model);
        SetOptions(parameters, request, rows.Length, seed);
        using var generator = new Generator(_model, parameters);
        generator.AppendTokens([.. rows.SelectMany(row => row.Prompt.PromptIds)]);
        for (int step = 0; step < request.MaxNewTokens && !generator.IsDone(); step++)
        {
            cancellation.ThrowIfCancellationRequested();
            generator.GenerateNextToken();
            var ids = generator.GetNextTokens();
            using var logits = generator.GetOutput("logits");               // [B,1,V], or [B,T,V] once after the prompt
            var values = logits.GetData<float>();
            int stride = values.Length / rows.Length;
            for (int row = 0; row < rows.Length; row++)
            {
                rows[row].Append(ids[row], values.Slice(((row + 1) * stride) - Info.Vocabulary, Info.Vocabulary), Info.EosId);
            }

            if (Array.TrueForAll(rows, row => row.IsFinished))
            {
                break;
            }
        }
    }

    private static void SetOptions(GeneratorParams parameters, PromptRequest request, int rows, uint seed)
    {
        var sampling = request.Parameters;
        // Every option, always: several of GenAI's defaults cut tokens off (top_k is 50).
        parameters.SetSearchOption("batch_size", rows);
        parameters.SetSearchOption("num_beams", 1);
        parameters.SetSearchOption("num_return_sequences", 1);
        parameters.SetSearchOption("min_length", 0);
        parameters.SetSearchOption("max_length", request.PromptIds.Length + request.MaxNewTokens);
        parameters.SetSearchOption("repetition_penalty", 1);
        parameters.SetSearchOption("do_sample", !sampling.IsGreedy);
        parameters.SetSearchOption("temperature", sampling.IsGreedy ? 1 : sampling.Temperature);
        parameters.SetSearchOption("top_k", sampling.TopK);
        parameters.SetSearchOption("top_p", sampling.TopP);
        parameters.SetSearchOption("random_seed", seed & 0x7FFFFFFF);       // GenAI takes a non-negative int
    }

    private static int ReadPaddingId(GraphFolder folder)
    {
        string path = Path.Combine(folder.Path, "genai_config.json");
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllText(path));
            return config.RootElement.GetProperty("model").GetProperty("pad_token_id").GetInt32();
        }
        catch (Exception e) when (e is IOException or JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelLoadException($"{path} names no model.pad_token_id ({e.Message}). Export the model again: trainer export --model FOLDER.", e);
        }
    }

    private void CheckSupported(GenerationBatch batch, int sequences)
    {
        for (int i = 0; i < batch.Prompts.Count; i++)
        {
            if (sequences > 1 && batch.Prompts[i].PromptIds is [.., int last] && last == _paddingId)
            {
                throw new UnsupportedByEngineException($"prompts[{i}].ids", $"prompts[{i}] ends with id {last}, which the GenAI engine takes for padding when a request draws more than one completion. Ask for one completion at a time, or load the model with the slots engine.");
            }

            if (batch.Prompts[i].Parameters.MinP > 0)
            {
                throw new UnsupportedByEngineException("settings.min_p", $"min_p is {batch.Prompts[i].Parameters.MinP}; the GenAI engine has no such setting. Use 0, or load the model with the slots engine.");
            }

            if (batch.Prompts[i].HasOwnSeed)
            {
                throw new UnsupportedByEngineException($"prompts[{i}].seed", $"prompts[{i}].seed is set; the GenAI engine has one seed per request. Set settings.seed, or load the model with the slots engine.");
            }

            if (batch.Prompts[i].Parameters != batch.Prompts[0].Parameters)
            {
                throw new UnsupportedByEngineException($"prompts[{i}].settings", $"prompts[{i}] has other sampler settings than prompts[0]; the GenAI engine has one set per request. Send two requests, or load the model with the slots engine.");
            }
        }
    }

    private void Accept(int sequences)
    {
        lock (_lock)
        {
            if (_closed)
            {
                throw new EngineDrainingException("the model is being unloaded or the service is stopping; no new request is taken. Try again on another instance.");
            }

            if (_accepted + sequences > _options.MaxQueuedSequences)
            {
                throw new QueueFullException($"{_accepted} sequences wait already and the request adds {sequences}; the queue holds {_options.MaxQueuedSequences}. Try again later or ask for fewer at once.");
            }

            _accepted += sequences;
        }
    }

    private void Release(int sequences)
    {
        lock (_lock)
        {
            _accepted -= sequences;
            if (_closed && _accepted == 0)
            {
                _drained.TrySetResult();
            }
        }
    }

    // The graph's own description, read by ONNX Runtime; GenAI does not give it.
    private static GraphShape ReadShape(GraphFolder folder, string graph)
    {
        var (session, shape) = GraphSession.Open(folder, graph, threads: 1);
        session.Dispose();
        return shape;
    }

    private static string Overlay(string graph, int threads)
    {
        string count = (threads > 0 ? threads : Environment.ProcessorCount).ToString(CultureInfo.InvariantCulture);
        return $$$"""{"model":{"decoder":{"filename":"{{{graph}}}","session_options":{"intra_op_num_threads":{{{count}}},"inter_op_num_threads":1} } } }""";
    }
}

using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Sampling;

namespace Rudder.Engine.Generation;

/// <summary>Generator on ONNX Runtime GenAI: runs batches of prompts of equal length to the end, one after another.</summary>
/// <remarks>
/// GenAI has one set of search settings and one random stream per batch. The engine therefore refuses the per-row features min_p and
/// per-prompt seeds. Tokens depend on the other rows of the batch. In a batch GenAI treats trailing padding ids as padding, so the engine
/// refuses a prompt that ends with the padding id.
/// </remarks>
internal sealed class GenAiEngine : IGenerator
{
    private const int MaxBatch = 32;                         // GenAI's limit
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Config _config;
    private readonly Model _model;
    private readonly EngineOptions _options;
    private readonly int _paddingId;
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private int _accepted;                                   // running and waiting sequences
    private int _waiting;
    private bool _closed;

    private GenAiEngine(Config config, Model model, GeneratorInfo info, EngineOptions options, int paddingId)
    {
        (_config, _model, Info, _options, _paddingId) = (config, model, info, options, paddingId);
    }

    /// <inheritdoc/>
    public GeneratorInfo Info { get; }

    /// <summary>Loads a model's decoder into GenAI.</summary>
    /// <param name="folder">The model's graphs.</param>
    /// <param name="options">Limits; MaxSlots is capped at 32.</param>
    /// <param name="eosId">End-of-text id; GenAI requires one.</param>
    /// <exception cref="RequestFault">The graph cannot be loaded, its cache could be too large, or there is no end-of-text id.</exception>
    public static GenAiEngine Load(GraphFolder folder, EngineOptions options, int? eosId)
    {
        if (eosId is null)
        {
            throw RequestFault.Unusable(
                $"{folder.ModelFolder}: config.json names no eos_token_id",
                "GenAI would end sequences at an id of its own choice",
                "Load the model with the engine slots.");
        }

        GraphShape shape = GraphFile.Read(folder, GraphFiles.Model(options.Precision), options.Precision).Shape;   // GenAI hides it
        int slots = Math.Min(MaxBatch, options.MaxSlots);
        int maxTokens = shape.TokensPerSequence(options, folder.ModelFolder);
        CacheSize.Of(shape, slots, maxTokens, options.MaxCacheBytes);
        var info = new GeneratorInfo(folder.Fingerprint, shape.Vocabulary, maxTokens, slots, eosId);
        int paddingId = CheckedPaddingId(folder);
        Config? config = null;
        Model? model = null;
        try
        {
            config = new Config(folder.ModelFolder);
            config.Overlay(GenAiSettings.Overlay(options.Precision, options.Threads));
            model = new Model(config);
            return new GenAiEngine(config, model, info, options, paddingId);
        }
        catch (OnnxRuntimeGenAIException e)
        {
            config?.Dispose();
            throw RequestFault.Unusable($"GenAI cannot load {folder.ModelFolder}: {e.Message}", inner: e);
        }
        catch
        {
            model?.Dispose();
            config?.Dispose();
            throw;
        }
    }

    /// <summary>The id that GenAI treats as padding, from a file that holds only what an export writes.</summary>
    /// <remarks>GenAI itself loads whatever genai_config.json names.</remarks>
    /// <exception cref="RequestFault">genai_config.json is unusable; names the key.</exception>
    public static int CheckedPaddingId(GraphFolder folder)
    {
        try
        {
            return GenAiConfigFile.ReadPaddingId(folder.ModelFolder);
        }
        catch (CheckpointException e)
        {
            throw RequestFault.Unusable(e.Message, inner: e);
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation)
    {
        RequestLimits.Batch(batch, Info, _options.MaxQueuedSequences);
        int sequences = batch.Prompts.Sum(prompt => prompt.Samples);
        CheckSupported(batch, sequences);
        cancellation.ThrowIfCancellationRequested();
        Accept(sequences);
        try
        {
            batch.OnAdmitted?.Invoke();
            using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
            return await GenerateInTurnAsync(batch, sequences, linked.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw EngineFaults.Stopped();
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw EngineFaults.Failed("GenAI", e);
        }
        finally
        {
            Release(sequences);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await CloseAsync();
        _model.Dispose();
        _config.Dispose();
        _turn.Dispose();
        _stopping.Dispose();
    }

    // Refuses new work; completes when all accepted work has ended.
    private Task CloseAsync()
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

    private async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateInTurnAsync(
        GenerationBatch batch, int sequences, CancellationToken cancellation)
    {
        try
        {
            await _turn.WaitAsync(cancellation);
        }
        finally
        {
            lock (_lock)
            {
                _waiting -= sequences;                       // they run now, or were cancelled
            }
        }

        try
        {
            return await Task.Run(() => Generate(batch, cancellation), CancellationToken.None);
        }
        finally
        {
            _turn.Release();
        }
    }

    private IReadOnlyList<IReadOnlyList<GeneratedSequence>> Generate(GenerationBatch batch, CancellationToken cancellation)
    {
        GenAiRow[] rows = [.. batch.Prompts.SelectMany((prompt, index) =>
            Enumerable.Range(0, prompt.Samples).Select(sample => new GenAiRow(index, sample, prompt)))];
        var groups = rows.GroupBy(row => (row.Prompt.PromptIds.Length, row.Prompt.Parameters, row.Prompt.MaxNewTokens));
        uint chunk = 0;
        foreach (var chunkRows in groups.SelectMany(group => group.Chunk(Info.Slots)))
        {
            // Each chunk needs its own random stream; otherwise equal prompts get equal completions in every chunk.
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
        GenAiSettings.Apply(parameters, request, rows.Length, seed, Info.Vocabulary);
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

    private void CheckSupported(GenerationBatch batch, int sequences)
    {
        for (int i = 0; i < batch.Prompts.Count; i++)
        {
            if (sequences > 1 && batch.Prompts[i].PromptIds is [.., int last] && last == _paddingId)
            {
                throw Unsupported($"prompts[{i}].ids", "ends with the padding id", "the GenAI engine takes it for padding when a request draws more than one completion", "Ask for one completion at a time");
            }

            if (batch.Prompts[i].Parameters.MinP > 0)
            {
                throw Unsupported("settings.min_p", $"is {batch.Prompts[i].Parameters.MinP}", "the GenAI engine has no such setting", "Use 0");
            }

            if (batch.Prompts[i].HasOwnSeed)
            {
                throw Unsupported($"prompts[{i}].seed", "is set", "the GenAI engine has one seed per request", "Set settings.seed");
            }

            if (batch.Prompts[i].Parameters != batch.Prompts[0].Parameters)
            {
                throw Unsupported($"prompts[{i}].settings", "differ from those of prompts[0]", "the GenAI engine has one set per request", "Send two requests");
            }
        }
    }

    private static RequestFault Unsupported(string field, string value, string limit, string remedy) =>
        new(field, value, limit, remedy + ", or load the model with the slots engine.", FaultKind.Unsupported);

    private void Accept(int sequences)
    {
        lock (_lock)
        {
            if (_closed)
            {
                throw EngineFaults.Closed();
            }

            if (_waiting + sequences > _options.MaxQueuedSequences)
            {
                throw EngineFaults.QueueFull(_waiting, sequences, _options.MaxQueuedSequences);
            }

            _accepted += sequences;
            _waiting += sequences;
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
}

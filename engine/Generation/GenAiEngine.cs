using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Sampling;
using Rudder.Engine.Scheduling;

namespace Rudder.Engine.Generation;

/// <summary>Generator on ONNX Runtime GenAI: runs batches of prompts of equal length to the end, one after another.</summary>
/// <remarks>
/// GenAI has one set of search settings and one random stream per batch. The engine therefore refuses the per-row features min_p and
/// per-prompt seeds. Tokens depend on the other rows of the batch. In a batch GenAI treats trailing padding ids as padding, so the engine
/// refuses a prompt that ends with the padding id.
/// </remarks>
internal sealed class GenAiEngine : IGenerator
{
    /// <summary>Maximum sequences that GenAI decodes together.</summary>
    public const int MaxBatch = 32;

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Config _config;
    private readonly Model _model;
    private readonly EngineOptions _options;
    private readonly int _paddingId;
    private readonly SequenceQuota _waiting = new();

    private GenAiEngine(Config config, Model model, GeneratorInfo info, EngineOptions options, int paddingId)
    {
        (_config, _model, Info, _options, _paddingId) = (config, model, info, options, paddingId);
    }

    public GeneratorInfo Info { get; }

    /// <summary>Loads a model's decoder into GenAI.</summary>
    /// <param name="folder">The model's graphs.</param>
    /// <param name="options">Limits; MaxSlots is capped at 32.</param>
    /// <param name="eosId">End-of-text id; GenAI requires one.</param>
    /// <exception cref="RequestFault">The graph cannot be loaded, its cache could be too large, or there is no end-of-text id.</exception>
    public static GenAiEngine Load(GraphFolder folder, EngineOptions options, int? eosId)
    {
        int paddingId = CheckedPaddingId(folder, eosId);
        GraphShape shape = GraphFile.Read(folder, GraphFiles.Model(options.Precision), options.Precision).Shape;   // GenAI hides it
        int slots = Math.Min(MaxBatch, options.MaxSlots);
        int maxTokens = shape.TokensPerSequence(options, folder.ModelFolder);
        CacheSize.Of(shape, slots, maxTokens, options.MaxCacheBytes);
        var info = new GeneratorInfo(folder.Fingerprint, shape.Vocabulary, maxTokens, slots, eosId);
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
    /// <param name="folder">The model's graphs.</param>
    /// <param name="eosId">End-of-text id; GenAI requires one.</param>
    /// <exception cref="RequestFault">genai_config.json is unusable, or there is no end-of-text id; names the key.</exception>
    public static int CheckedPaddingId(GraphFolder folder, int? eosId)
    {
        if (eosId is null)
        {
            throw RequestFault.Unusable(
                $"{folder.ModelFolder}: config.json names no eos_token_id",
                "GenAI would end sequences at an id of its own choice",
                "Load the model with the engine slots.");
        }

        try
        {
            return GenAiConfigFile.ReadPaddingId(folder.ModelFolder);
        }
        catch (CheckpointException e)
        {
            throw RequestFault.Unusable(e.Message, inner: e);
        }
    }

    public async Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation)
    {
        int sequences = batch.Prompts.Sum(prompt => prompt.Samples);
        CheckSupported(batch, sequences);
        cancellation.ThrowIfCancellationRequested();
        if (_stopping.IsCancellationRequested)
        {
            throw EngineFaults.Closed();
        }

        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellation, batch.Ended, _stopping.Token);
        try
        {
            using (_waiting.Enter(sequences, _options.MaxQueue))
            {
                batch.OnAdmitted?.Invoke();
                await _turn.WaitAsync(linked.Token);
            }

            return await Task.Run(() => GenerateInTurn(batch, linked.Token), CancellationToken.None);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw EngineFaults.Stopped();
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw EngineFaults.Failed("GenAI", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _turn.WaitAsync();                             // the batch that runs ends at its next token, and none follows it
        _model.Dispose();
        _config.Dispose();
        _turn.Dispose();
        _stopping.Dispose();
    }

    private IReadOnlyList<IReadOnlyList<GeneratedSequence>> GenerateInTurn(GenerationBatch batch, CancellationToken cancellation)
    {
        try
        {
            // GenAI has one seed: it drew every completion. Only the token of this method ends the work, by an exception.
            PromptRequest[] prompts = [.. batch.Prompts.Select(prompt => prompt with { Seed = batch.Seed })];
            var work = new BatchWork(batch with { Prompts = prompts, Ended = CancellationToken.None }, CancellationToken.None);
            var rows = work.Prompts.SelectMany(prompt => Enumerable.Range(0, prompt.Request.Samples).Select(sample => new Slot(prompt, sample)));
            var groups = rows.GroupBy(row => (row.Prompt.Request.PromptIds.Length, row.Prompt.Request.Parameters, row.Prompt.Request.MaxNewTokens));
            uint chunk = 0;
            foreach (var chunkRows in groups.SelectMany(group => group.Chunk(Info.Slots)))
            {
                // Each chunk needs its own random stream; otherwise equal prompts get equal completions in every chunk.
                GenerateChunk(chunkRows, CounterRandom.Derive(batch.Seed, chunk++), cancellation);
            }

            return [.. work.Prompts.Select(prompt => prompt.Results)];
        }
        finally
        {
            _turn.Release();
        }
    }

    private void GenerateChunk(Slot[] rows, uint seed, CancellationToken cancellation)
    {
        var request = rows[0].Prompt.Request;
        using var parameters = new GeneratorParams(_model);
        GenAiSettings.Apply(parameters, request, rows.Length, seed, Info.Vocabulary);
        using var generator = new Generator(_model, parameters);
        generator.AppendTokens([.. rows.SelectMany(row => row.Prompt.Request.PromptIds)]);
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
                if (!rows[row].IsOver)                       // GenAI pads a sequence that has ended
                {
                    Append(rows[row], ids[row], values.Slice(((row + 1) * stride) - Info.Vocabulary, Info.Vocabulary));
                }
            }

            if (Array.TrueForAll(rows, row => row.IsOver))
            {
                break;
            }
        }

        foreach (var row in rows.Where(row => !row.IsOver))
        {
            row.Finish(GenerationEnd.Length);                // GenAI ended it at an id that ends no text here
        }
    }

    // GenAI itself ends a sequence at the end-of-text id.
    private void Append(Slot slot, int id, ReadOnlySpan<float> logits)
    {
        double logSum = LogitMath.LogSumExp(logits);                           // of the raw logits that the token was drawn from, [V]
        float logProb = (float)EngineFaults.Finite((float)(logits[id] - logSum), "drawing a token");
        int top = slot.Prompt.Request.TopLogProbs;
        slot.Append(id, logProb, top > 0 ? TopTokens.Of(logits, logSum, top) : null, ends: id == Info.EosId);
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
}

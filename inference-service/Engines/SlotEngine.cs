using Rudder.InferenceService.Scheduling;
using Rudder.Sampling;

namespace Rudder.InferenceService.Engines;

/// <summary>Continuous batching: S slots decoded together, each sequence with its own parameters, seed and position.</summary>
/// <remarks>
/// One thread owns the decoder and runs the loop: retire, admit, prefill, step, sample, publish. A sequence's draws depend on
/// (seed, sample index, place) and its own logits alone, so in fp32 its tokens are the same whatever else runs.
/// </remarks>
internal sealed class SlotEngine : IGenerator
{
    private readonly IDecoder _decoder;
    private readonly EngineOptions _options;
    private readonly RequestQueue _queue;
    private readonly SlotTable _slots;
    private readonly TokenSampler _sampler = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int[] _ids;
    private readonly int[] _lengths;

    /// <summary>Starts an engine on a decoder, which it owns from then on.</summary>
    public SlotEngine(IDecoder decoder, EngineOptions options)
    {
        _decoder = decoder;
        _options = options;
        _queue = new RequestQueue(options.MaxQueuedSequences);
        _slots = new SlotTable(decoder.Info.Slots);
        _ids = new int[decoder.Info.Slots];
        _lengths = new int[decoder.Info.Slots];
        new Thread(RunLoop) { IsBackground = true, Name = "slot engine" }.Start();
    }

    /// <inheritdoc/>
    public GeneratorInfo Info => _decoder.Info;

    /// <summary>Sequences waiting for a slot.</summary>
    public int Waiting => _queue.Sequences;

    /// <summary>Loads a model's decoder, warms it and starts the loop.</summary>
    /// <param name="folder">The model's graphs.</param>
    /// <param name="options">Limits.</param>
    /// <param name="eosId">End-of-text id, for information.</param>
    /// <exception cref="ModelLoadException">The graph cannot be loaded or its cache would be too large.</exception>
    public static SlotEngine Load(GraphFolder folder, EngineOptions options, int? eosId) =>
        new(OnnxDecoder.Load(folder, options, eosId), options);

    /// <inheritdoc/>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation)
    {
        RequestLimits.Check(batch, Info, _options.MaxQueuedSequences);
        cancellation.ThrowIfCancellationRequested();
        var work = new BatchWork(batch, cancellation);
        _queue.Enqueue(work);
        return work.Completion;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _queue.Close();
        await _stopping.CancelAsync();
        await _ended.Task;
        _stopping.Dispose();
    }

    private void RunLoop()
    {
        while (!_stopping.IsCancellationRequested)
        {
            RetireFinished();                                // finished, cancelled, past deadline
            Admit();                                         // oldest first, while a slot is free; one prefill
            RetireFinished();                                // completions of one token
            if (_slots.Count > 0)
            {
                Step();                                      // one token per live slot; the slow line
            }
            else if (!_queue.WaitForWork(_stopping.Token))
            {
                break;                                       // stopped
            }
        }

        var stopped = EngineFaults.Stopped();
        _slots.FailAll(stopped);
        foreach (var prompt in _queue.Clear())
        {
            prompt.Batch.Fail(stopped);
        }

        _decoder.Dispose();
        _ended.SetResult();
    }

    private void RetireFinished() => _slots.RetireFinished(_decoder.CopyRow);

    private void Admit()
    {
        _queue.RemoveOver();
        if (_slots.Free == 0 || _queue.Sequences == 0)
        {
            return;
        }

        var admissions = _queue.Take(_slots.Free, _options.MaxPrefillTokens);
        int firstRow = _slots.Count;
        try
        {
            _decoder.Prefill([.. admissions.Select(admission => admission.Prompt.Request.PromptIds)], firstRow);
        }
        catch (Exception e)
        {
            admissions.ForEach(admission => admission.Prompt.Batch.Fail(EngineFaults.Failed("prefill", e)));
            return;
        }

        // The prompts lie in consecutive rows; further samples of a prompt get copies of its cache behind them.
        admissions.ForEach(admission => _slots.Add(new Slot(admission.Prompt, admission.FirstSample)));
        for (int i = 0; i < admissions.Count; i++)
        {
            int source = firstRow + i;
            for (int sample = 1; sample < admissions[i].Count; sample++)
            {
                var slot = new Slot(admissions[i].Prompt, admissions[i].FirstSample + sample);
                _decoder.CopyRow(source, _slots.Add(slot), slot.CachedTokens);
                Draw(slot, source);
            }

            Draw(_slots[source], source);
        }
    }

    private void Step()
    {
        int rows = _slots.Count;
        for (int row = 0; row < rows; row++)
        {
            _ids[row] = _slots[row].LastId;
            _lengths[row] = _slots[row].CachedTokens;
        }

        try
        {
            _decoder.Step(_ids.AsSpan(0, rows), _lengths.AsSpan(0, rows));
        }
        catch (Exception e)
        {
            _slots.FailAll(EngineFaults.Failed("decoding step", e));
            return;
        }

        for (int row = 0; row < rows; row++)
        {
            _slots[row].CachedTokens++;
            Draw(_slots[row], row);
        }
    }

    // One row's failure (logits that are no distribution, a broken decoder of stop strings) is its request's alone.
    private void Draw(Slot slot, int logitsRow)
    {
        var request = slot.Prompt.Request;
        try
        {
            double uniform = CounterRandom.Uniform(request.Seed, (uint)slot.SampleIndex, (uint)slot.Drawn);
            var draw = _sampler.Draw(_decoder.Logits(logitsRow), request.Parameters, uniform);
            slot.Append(draw.Id, draw.LogProb);
        }
        catch (Exception e)
        {
            slot.Prompt.Batch.Fail(EngineFaults.Failed("drawing a token", e));
        }
    }
}

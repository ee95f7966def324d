using System.Diagnostics;
using Rudder.Checkpoints;
using Rudder.Engine.Graphs;
using Rudder.Engine.Sampling;
using Rudder.Engine.Telemetry;

namespace Rudder.Engine.Generation;

/// <summary>Continuous batching: decodes S slots together; each sequence has its own parameters, seed and position.</summary>
/// <remarks>
/// One thread owns the decoder and runs the loop: retire, admit, prefill, step, sample, publish. Several threads sample the rows of a
/// step. A sequence's draws depend only on (seed, sample index, position) and its own logits, and a row's logits only on its own tokens.
/// So its tokens are the same whatever else runs. A step allocates nothing, unless a request has stop strings, which need decoded
/// text, asks for the most probable tokens, or has callbacks that allocate.
/// </remarks>
internal sealed class SlotEngine : IGenerator
{
    private readonly IDecoder _decoder;
    private readonly EngineOptions _options;
    private readonly EngineRecorder? _recorder;
    private readonly RequestQueue _queue;
    private readonly SlotTable _slots;
    private readonly PromptReader _reader;
    private readonly RowSampler _sampler;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<int, int, int> _copyRow;         // cached: a method group allocates a delegate per call
    private readonly Action<Slot> _retired;
    private readonly Action<int, TokenSampler> _draw;
    private readonly List<PendingDraw> _draws;
    private readonly TokenDraw[] _drawn;
    private readonly RankedToken[]?[] _top;                  // set for rows that request it
    private readonly Exception?[] _faults;
    private readonly int[] _ids;
    private readonly int[] _lengths;
    private long _lastStep;
    private int _running;
    private long _cachedTokens;
    private long _weightsVersion;
    private bool _weightsBroken;

    /// <summary>Starts an engine on a decoder and takes ownership of it.</summary>
    public SlotEngine(IDecoder decoder, EngineOptions options, EngineRecorder? recorder = null)
    {
        int slots = decoder.Info.Slots;
        (_decoder, _options, _recorder) = (decoder, options, recorder);
        _queue = new RequestQueue(options.MaxQueue);
        _slots = new SlotTable(slots);
        _reader = new PromptReader(decoder, _slots, options.MaxPrefillTokens, options.SharePrefixes, recorder);
        _sampler = new RowSampler(options.Threads);
        (_copyRow, _retired, _draw) = (_reader.CopyRow, Retired, DrawRow);
        _draws = new List<PendingDraw>(slots);
        (_drawn, _top, _faults) = (new TokenDraw[slots], new RankedToken[slots][], new Exception?[slots]);
        (_ids, _lengths) = (new int[slots], new int[slots]);
        new Thread(RunLoop) { IsBackground = true, Name = "slot engine" }.Start();
    }

    /// <inheritdoc/>
    public GeneratorInfo Info => _decoder.Info;

    /// <summary>Number of sequences that wait for a slot.</summary>
    public int Waiting => _queue.Sequences;

    /// <summary>Version of the weights: 0 as loaded, then one more with each change.</summary>
    public long WeightsVersion => Volatile.Read(ref _weightsVersion);

    /// <summary>Whether the last change of the weights failed. The engine refuses requests until a change succeeds.</summary>
    public bool WeightsAreBroken => Volatile.Read(ref _weightsBroken);

    /// <summary>Load of the engine after its last step; any thread may read it.</summary>
    public EngineLoad Occupancy => new(
        Volatile.Read(ref _running), Waiting, Info.Slots, Volatile.Read(ref _cachedTokens), (long)Info.Slots * Info.Context);

    /// <summary>Loads a model's decoder, warms it and starts the loop.</summary>
    /// <param name="folder">The model's graphs.</param>
    /// <param name="options">Limits.</param>
    /// <param name="eosId">End-of-text id, for <see cref="Info"/> only.</param>
    /// <param name="recorder">Receives the events of the loop; null for none.</param>
    /// <exception cref="RequestFault">The graph cannot be loaded or its cache would be too large.</exception>
    public static SlotEngine Load(GraphFolder folder, EngineOptions options, int? eosId, EngineRecorder? recorder = null) =>
        new(Decoder(folder, options, eosId), options, recorder);

    /// <inheritdoc/>
    public Task<IReadOnlyList<IReadOnlyList<GeneratedSequence>>> GenerateAsync(GenerationBatch batch, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var work = new BatchWork(batch, cancellation);
        _queue.Enqueue(work);
        batch.OnAdmitted?.Invoke();
        return work.Completion;
    }

    /// <summary>Changes the weights when every request accepted so far has finished. Later requests wait for the change.</summary>
    /// <param name="change">Writes the weights, on the engine's thread. Afterwards the engine forgets all cached prompts.</param>
    /// <param name="cancellation">Ends the wait; a change that has begun completes.</param>
    /// <returns>The version of the new weights. If <paramref name="change"/> throws, the task fails and <see cref="WeightsAreBroken"/>.</returns>
    /// <exception cref="InvalidOperationException">Another change waits.</exception>
    public Task<long> ChangeWeightsAsync(Action change, CancellationToken cancellation)
    {
        var work = new WeightChange(change, cancellation);
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

    private void DrawRow(int row, TokenSampler sampler)
    {
        var (slot, logitsRow) = _draws[row];
        var request = slot.Prompt.Request;
        try
        {
            double uniform = CounterRandom.Uniform(request.Seed, (uint)slot.SampleIndex, (uint)slot.Drawn);
            var logits = _decoder.Logits(logitsRow);
            _drawn[row] = sampler.Draw(logits, request.Parameters, uniform);
            _top[row] = request.TopLogProbs > 0 ? TopTokens.Of(logits, sampler.LogSum, request.TopLogProbs) : null;
        }
        catch (Exception e)
        {
            _faults[row] = e;                                // invalid logits fail only their own request
        }
    }

    private void RunLoop()
    {
        while (!_stopping.IsCancellationRequested)
        {
            RetireFinished();                                // finished, cancelled, past deadline
            ChangeWeights();                                 // when every request before the change has finished
            Admit();                                         // clients in turn, while a slot is free; one prefill or chunk
            RetireFinished();                                // completions of a single token
            PublishOccupancy();
            if (_slots.Count > 0)
            {
                Step();                                      // one token per live slot; takes most of the time
            }
            else if (!_reader.IsReading && !_queue.WaitForWork(_stopping.Token))
            {
                break;                                       // the engine stopped
            }
        }

        var stopped = EngineFaults.Stopped();
        _slots.FailAll(stopped, _retired);
        _reader.Fail(stopped);
        _queue.FailAll(stopped);
        _queue.TakeChange(isIdle: true)?.Fail(stopped);
        _sampler.Dispose();
        _decoder.Dispose();
        _ended.SetResult();
    }

    // The processor runs this project's own attention. Devices and fp16 graphs use the graph's attention.
    private static IDecoder Decoder(GraphFolder folder, EngineOptions options, int? eosId) =>
        options.Device == GraphDevice.Cuda || options.Precision == GraphPrecision.Fp16
            ? OnnxDecoder.Load(folder, options, eosId)
            : SlotDecoder.Load(folder, options, eosId);

    private void PublishOccupancy()
    {
        Volatile.Write(ref _running, _slots.Count + _reader.HeldSlots);
        Volatile.Write(ref _cachedTokens, _slots.CachedTokens + _reader.ReadTokens);
    }

    // Live sequences hold all the cache that they may grow to, so a sequence with a slot never waits for cache.
    private long FreeTokens() => ((long)Info.Slots * Info.Context) - _slots.ReservedTokens;

    private void RetireFinished() => _slots.RetireFinished(_copyRow, _retired);

    private void Retired(Slot slot) => _recorder?.Finished(slot.Drawn, slot.End switch
    {
        GenerationEnd.Stop => SequenceEnd.Stop,
        GenerationEnd.Length => SequenceEnd.Length,
        _ => slot.Prompt.Batch.HasFailed ? SequenceEnd.Failed : SequenceEnd.Cancelled,
    });

    private void ChangeWeights()
    {
        if (_queue.TakeChange(isIdle: _slots.Count == 0 && !_reader.IsReading) is { } change && change.TryRun())
        {
            _reader.Forget();
            Volatile.Write(ref _weightsBroken, change.Fault is not null);
            Volatile.Write(ref _weightsVersion, _weightsVersion + (_weightsBroken ? 0 : 1));
            change.Complete(_weightsVersion);
        }

        if (_weightsBroken)
        {
            _queue.FailAll(EngineFaults.WeightsBroken());
        }
    }

    private void Admit()
    {
        _queue.RemoveOver();
        _draws.Clear();
        _lastStep = _slots.Count > 0 ? _lastStep : 0;        // no sequence waits for its next token
        if (_reader.IsReading)
        {
            _reader.Continue(_draws);                        // admission waits until it is read; decoding continues
        }
        else if (_reader.FreeSlots > 0 && _queue.Sequences > 0)
        {
            var admitted = _queue.Take(_reader.FreeSlots, _options.MaxPrefillTokens, FreeTokens());
            foreach (var admission in admitted)
            {
                admission.Prompt.Batch.WeightsVersion = _weightsVersion;
            }

            _reader.Read(admitted, _draws);
        }

        Draw();
    }

    private void Step()
    {
        int rows = _slots.Count;
        _draws.Clear();
        for (int row = 0; row < rows; row++)
        {
            var slot = _slots[row];
            (_ids[row], _lengths[row]) = (slot.LastId, slot.CachedTokens);
            _draws.Add(new PendingDraw(slot, row));
        }

        long start = Stopwatch.GetTimestamp();
        try
        {
            _decoder.Step(_ids.AsSpan(0, rows), _lengths.AsSpan(0, rows));
        }
        catch (Exception e)
        {
            _slots.FailAll(EngineFaults.Failed("decoding step", e), _retired);
            return;
        }

        long decoded = Stopwatch.GetTimestamp();
        for (int row = 0; row < rows; row++)
        {
            _slots[row].CachedTokens++;
        }

        Draw();
        long end = Stopwatch.GetTimestamp();
        _recorder?.Stepped(rows, Stopwatch.GetElapsedTime(start, decoded), Stopwatch.GetElapsedTime(decoded, end));
        if (_lastStep != 0)
        {
            _recorder?.NextToken(Stopwatch.GetElapsedTime(_lastStep, end));
        }

        _lastStep = end;
    }

    /// <summary>Draws all pending tokens on several threads, and publishes them in row order.</summary>
    private void Draw()
    {
        _sampler.Run(_draws.Count, _draw);
        for (int i = 0; i < _draws.Count; i++)
        {
            var slot = _draws[i].Slot;
            var fault = _faults[i];
            _faults[i] = null;
            Publish(slot, _drawn[i], _top[i], fault);
            if (fault is null && slot.Drawn == 1)
            {
                _recorder?.FirstToken(Stopwatch.GetElapsedTime(slot.Prompt.EnqueuedAt));
            }
        }
    }

    // A failing decoder of stop strings also fails only its own request.
    private static void Publish(Slot slot, TokenDraw draw, RankedToken[]? top, Exception? fault)
    {
        try
        {
            if (fault is null)
            {
                slot.Append(draw.Id, draw.LogProb, top);
            }
        }
        catch (Exception e)
        {
            fault = e;
        }

        if (fault is not null)
        {
            slot.Prompt.Batch.Fail(EngineFaults.Failed("drawing a token", fault));
        }
    }
}

using System.Text;
using static TorchSharp.torch;

namespace Rudder.Trainer.Soak;

/// <summary>
/// Samples this process's memory after each step of a training run. It poses as the run's progress output, so that recipes need no hook.
/// </summary>
/// <param name="every">Steps between two samples of the resident memory.</param>
internal sealed class StepMemory(int every) : TextWriter
{
    private readonly List<long> _tensors = [], _resident = [];

    /// <summary>Live tensors after each step.</summary>
    public IReadOnlyList<long> Tensors => _tensors;

    /// <summary>Resident bytes after every few steps, once unused managed memory is given back.</summary>
    public IReadOnlyList<long> Resident => _resident;

    /// <summary>A clock for the run: so much time passes between two steps that each of them is shown.</summary>
    public TimeProvider Clock { get; } = new SlowRun();

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <inheritdoc/>
    public override void Write(char value)
    {
        // Only whole lines matter.
    }

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        if (value?.StartsWith("train: ", StringComparison.Ordinal) != true)
        {
            return;
        }

        _tensors.Add(Tensor.TotalCount);                     // before a collection, which would hide tensors left to their finalizers
        if (_tensors.Count % every == 0)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            _resident.Add(Environment.WorkingSet);
        }
    }

    private sealed class SlowRun : TimeProvider
    {
        private long _seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Interlocked.Add(ref _seconds, 10);
    }
}

using System.Buffers.Binary;
using System.Globalization;
using Google.Protobuf;
using Tensorboard;

namespace Rudder.Trainer.Runs;

/// <summary>
/// Writes scalars as a TensorBoard event file: TFRecord framing around TorchSharp's event messages. TorchSharp's own writer takes the
/// time from the system and cannot mark a restart.
/// </summary>
internal sealed class TensorBoardFile : IDisposable
{
    private readonly FileStream _stream;
    private readonly TimeProvider _clock;

    /// <summary>Creates <c>events.out.tfevents.SECONDS.MILLISECONDS.rudder</c> in <paramref name="folder"/>.</summary>
    public TensorBoardFile(string folder, TimeProvider clock)
    {
        _clock = clock;
        long ticks = clock.GetUtcNow().ToUnixTimeMilliseconds();
        string name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{ticks / 1000}.{ticks % 1000:000}.rudder");
        _stream = new FileStream(Path.Combine(folder, name), FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(new Event { FileVersion = "brain.Event:2" });
    }

    /// <summary>Marks a restart at <paramref name="step"/>: TensorBoard then drops later steps of earlier files.</summary>
    public void Restart(int step) =>
        Write(new Event { Step = step, SessionLog = new SessionLog { Status = SessionLog.Types.SessionStatus.Start } });

    /// <summary>Appends one record that holds every value of a step.</summary>
    public void Add(int step, IEnumerable<KeyValuePair<string, double>> values)
    {
        var summary = new Summary();
        summary.Value.Add(values.Select(value => new Summary.Types.Value { Tag = value.Key, SimpleValue = (float)value.Value }));
        Write(new Event { Step = step, Summary = summary });
    }

    /// <summary>Flushes the records, so that other programs can read them.</summary>
    public void Flush() => _stream.Flush();

    public void Dispose() => _stream.Dispose();

    private void Write(Event entry)
    {
        // length u64, masked CRC of the length, data, masked CRC of the data; little-endian
        entry.WallTime = _clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        byte[] record = entry.ToByteArray();
        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(head, (ulong)record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], Crc32C.Masked(head[..8]));
        Span<byte> tail = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(tail, Crc32C.Masked(record));
        _stream.Write(head);
        _stream.Write(record);
        _stream.Write(tail);
    }
}

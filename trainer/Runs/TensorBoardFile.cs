using System.Buffers.Binary;
using System.Globalization;
using Google.Protobuf;

namespace Rudder.Trainer.Runs;

/// <summary>
/// Writes scalars as a TensorBoard event file: TFRecord framing around tensorflow.Event messages
/// (wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7; SessionLog.status = 1, START = 1;
/// Summary.value = 1; Value.tag = 1, simple_value = 2).
/// </summary>
internal sealed class TensorBoardFile : IDisposable
{
    private const int EventWallTime = 1, EventStep = 2, EventFileVersion = 3, EventSummary = 5, EventSession = 7;
    private const int SessionStatus = 1, SessionStart = 1;
    private const int SummaryValue = 1, ValueTag = 1, ValueNumber = 2;

    private readonly FileStream _stream;
    private readonly TimeProvider _clock;

    /// <summary>Creates <c>events.out.tfevents.SECONDS.MILLISECONDS.rudder</c> in <paramref name="folder"/>.</summary>
    public TensorBoardFile(string folder, TimeProvider clock)
    {
        _clock = clock;
        long ticks = clock.GetUtcNow().ToUnixTimeMilliseconds();
        string name = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{ticks / 1000}.{ticks % 1000:000}.rudder");
        _stream = new FileStream(Path.Combine(folder, name), FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(Event(0, output =>
        {
            output.WriteTag(EventFileVersion, WireFormat.WireType.LengthDelimited);
            output.WriteString("brain.Event:2");
        }));
    }

    /// <summary>Marks a restart at <paramref name="step"/>: TensorBoard then drops later steps of earlier files.</summary>
    public void Restart(int step) => Write(Event(step, output =>
    {
        output.WriteTag(EventSession, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(Message(session =>
        {
            session.WriteTag(SessionStatus, WireFormat.WireType.Varint);
            session.WriteEnum(SessionStart);
        })));
    }));

    /// <summary>Appends one record that holds every value of a step.</summary>
    public void Add(int step, IEnumerable<KeyValuePair<string, double>> values)
    {
        byte[] summary = Message(output =>
        {
            foreach ((string tag, double number) in values)
            {
                output.WriteTag(SummaryValue, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(Message(value =>
                {
                    value.WriteTag(ValueTag, WireFormat.WireType.LengthDelimited);
                    value.WriteString(tag);
                    value.WriteTag(ValueNumber, WireFormat.WireType.Fixed32);
                    value.WriteFloat((float)number);
                })));
            }
        });
        Write(Event(step, output =>
        {
            output.WriteTag(EventSummary, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(summary));
        }));
    }

    /// <summary>Flushes the records, so that other programs can read them.</summary>
    public void Flush() => _stream.Flush();

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var output = new CodedOutputStream(memory, leaveOpen: true))
        {
            write(output);
        }

        return memory.ToArray();
    }

    private byte[] Event(int step, Action<CodedOutputStream> content) =>
        Message(output =>
        {
            output.WriteTag(EventWallTime, WireFormat.WireType.Fixed64);
            output.WriteDouble(_clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
            output.WriteTag(EventStep, WireFormat.WireType.Varint);
            output.WriteInt64(step);
            content(output);
        });

    private void Write(byte[] record)
    {
        // length u64, masked CRC of the length, data, masked CRC of the data; little-endian
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

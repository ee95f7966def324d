using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rudder.Checkpoints;

/// <summary>Writes tensors in the safetensors format, in F32 or F16, atomically.</summary>
public static class SafetensorsWriter
{
    private const int Chunk = 1 << 15;
    private const string Metadata = "__metadata__";

    /// <summary>Writes a file.</summary>
    /// <param name="path">The target. The complete new file replaces an older one.</param>
    /// <param name="tensors">Name, shape and row-major values; written in this order.</param>
    /// <param name="type">F32 or F16.</param>
    /// <param name="metadata">Text for the header. The writer adds <c>format: pt</c>, which other libraries require.</param>
    /// <exception cref="ArgumentException">A name occurs twice, or a shape does not match its values.</exception>
    /// <exception cref="CheckpointException">A value is not finite, or too large for F16. Nothing is written.</exception>
    public static void Write(
        string path,
        IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> tensors,
        WeightType type,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (type is not (WeightType.F32 or WeightType.F16))
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "Weights are written as F32 or F16.");
        }

        if (tensors.GroupBy(t => t.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1 || g.Key == Metadata) is { } bad)
        {
            throw new ArgumentException($"'{bad.Key}' cannot name a tensor: it is used {bad.Count()} times, or is the header's own name.");
        }

        foreach (var (name, shape, data) in tensors)
        {
            Check(path, name, shape, data.Span, type);
        }

        byte[] header = Header(tensors, type, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var (_, _, data) in tensors)
            {
                WriteData(stream, data.Span, type);
            }
        });
    }

    private static void Check(string path, string name, long[] shape, ReadOnlySpan<float> data, WeightType type)
    {
        if (TensorInfo.Count(shape) != data.Length)
        {
            throw new ArgumentException($"Tensor '{name}' has shape {TensorInfo.Show(shape)} but {data.Length} values.");
        }

        FloatReading.RequireFinite(path, name, data);
        if (type != WeightType.F16)
        {
            return;
        }

        for (int i = 0; i < data.Length; i++)
        {
            if (!Half.IsFinite((Half)data[i]))
            {
                throw new CheckpointException(
                    $"{path}: tensor '{name}' holds {data[i]} at index {i}; F16 ends at {Half.MaxValue}. Write the model as F32.");
            }
        }
    }

    private static byte[] Header(
        IReadOnlyList<(string Name, long[] Shape, ReadOnlyMemory<float> Data)> tensors, WeightType type, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata);
            long offset = 0;
            foreach (var (name, shape, data) in tensors)
            {
                long end = offset + ((long)data.Length * TensorInfo.SizeOf(type));
                json.WriteStartObject(name);
                json.WriteString("dtype", type.ToString());
                WriteLongs(json, "shape", shape);
                WriteLongs(json, "data_offsets", [offset, end]);
                json.WriteEndObject();
                offset = end;
            }

            json.WriteEndObject();
        }

        buffer.Write(Encoding.ASCII.GetBytes(new string(' ', (int)(-buffer.Length & 7)))); // the data begins on a multiple of 8
        return buffer.ToArray();
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata)
    {
        json.WriteStartObject(Metadata);
        json.WriteString("format", "pt");
        foreach (var (key, value) in (metadata ?? new Dictionary<string, string>()).Where(p => p.Key != "format").OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void WriteLongs(Utf8JsonWriter json, string name, long[] values)
    {
        json.WriteStartArray(name);
        foreach (long value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }

    private static void WriteData(Stream stream, ReadOnlySpan<float> data, WeightType type)
    {
        var halves = new Half[Chunk];
        for (int start = 0; start < data.Length; start += Chunk)
        {
            var part = data.Slice(start, Math.Min(Chunk, data.Length - start));
            if (type == WeightType.F32)
            {
                stream.Write(MemoryMarshal.AsBytes(part));
                continue;
            }

            for (int i = 0; i < part.Length; i++)
            {
                halves[i] = (Half)part[i];
            }

            stream.Write(MemoryMarshal.AsBytes(halves.AsSpan(0, part.Length)));
        }
    }
}

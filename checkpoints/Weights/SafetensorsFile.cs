using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Rudder.Checkpoints;

/// <summary>Reads the safetensors format: 8 bytes of header length, a JSON header, then the tensors without gaps.</summary>
internal sealed class SafetensorsFile : IWeightFile
{
    private const long LongestHeader = 100_000_000; // the format's own limit
    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, long> _offsets = new(StringComparer.Ordinal);
    private readonly List<TensorInfo> _tensors = [];

    public SafetensorsFile(string path)
    {
        Path = path;
        _handle = OpenHandle(path);
        try
        {
            ReadHeader();
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors;

    public void Dispose() => _handle.Dispose();

    public void Read(TensorInfo tensor, long firstElement, Span<byte> destination)
    {
        long at = _offsets[tensor.Name] + (firstElement * TensorInfo.SizeOf(tensor.Type));
        ReadExactly(destination, at, $"tensor '{tensor.Name}'");
    }

    internal static SafeFileHandle OpenHandle(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException($"{path}: not found. Check the path, or fetch the model again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: cannot be opened ({e.Message}).", e);
        }
    }

    private void ReadHeader()
    {
        long length = RandomAccess.GetLength(_handle);
        Span<byte> prefix = stackalloc byte[8];
        if (length < prefix.Length)
        {
            throw Damaged($"is {length} bytes long; a safetensors file begins with 8 bytes of header length");
        }

        ReadExactly(prefix, 0, "the header length");
        ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (header > LongestHeader || header > (ulong)(length - 8))
        {
            throw Damaged($"gives a header of {header} bytes; the file has {length - 8} after the length, and at most {LongestHeader} are allowed");
        }

        var json = new byte[header];
        ReadExactly(json, 8, "the header");
        long dataStart = 8 + (long)header;
        var ranges = ParseHeader(json, dataStart);
        CheckRanges(ranges, length - dataStart);
    }

    private List<(string Name, long Begin, long End)> ParseHeader(byte[] json, long dataStart)
    {
        var ranges = new List<(string, long, long)>();
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false });
            foreach (var property in Root(document).EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    continue;
                }

                var (tensor, begin, end) = ParseTensor(property.Name, property.Value);
                _tensors.Add(tensor);
                _offsets[tensor.Name] = dataStart + begin;
                ranges.Add((tensor.Name, begin, end));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Damaged($"has a header that is not valid JSON, or names a tensor twice ({e.Message})", e);
        }

        return ranges;
    }

    private JsonElement Root(JsonDocument document) => document.RootElement.ValueKind == JsonValueKind.Object
        ? document.RootElement
        : throw Damaged($"has a header that is not a JSON object");

    private (TensorInfo Tensor, long Begin, long End) ParseTensor(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object
            || !value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var shape) || !TryLongs(shape, out long[] sides)
            || !value.TryGetProperty("data_offsets", out var range) || !TryLongs(range, out long[] ends) || ends.Length != 2)
        {
            throw Damaged($"describes tensor '{name}' without a dtype, shape and two data_offsets");
        }

        WeightType type = dtype.GetString() switch
        {
            "F32" => WeightType.F32, "F16" => WeightType.F16, "BF16" => WeightType.BF16, "F64" => WeightType.F64, "I64" => WeightType.I64,
            "I32" => WeightType.I32, "I16" => WeightType.I16, "I8" => WeightType.I8, "U8" => WeightType.U8, "BOOL" => WeightType.Bool,
            var other => throw new CheckpointException($"{Path}: tensor '{name}' has type '{other}', which is not supported. Save it as F32, F16 or BF16."),
        };
        long? expected = TensorInfo.Count(sides) * TensorInfo.SizeOf(type);
        if (expected is null)
        {
            throw Damaged($"gives tensor '{name}' the impossible shape {TensorInfo.Show(sides)}");
        }

        if (ends[0] < 0 || ends[1] < ends[0] || ends[1] - ends[0] != expected)
        {
            throw Damaged($"gives tensor '{name}' of shape {TensorInfo.Show(sides)} the bytes {ends[0]} to {ends[1]}; expected are {expected} bytes");
        }

        return (new TensorInfo(name, type, sides), ends[0], ends[1]);
    }

    private void CheckRanges(List<(string Name, long Begin, long End)> ranges, long data)
    {
        long covered = 0;
        foreach (var (name, begin, end) in ranges.OrderBy(r => r.Begin).ThenBy(r => r.End))
        {
            if (begin != covered)
            {
                throw Damaged($"puts tensor '{name}' at byte {begin} of the data; expected {covered}: tensors {(begin < covered ? "overlap" : "leave a gap")}");
            }

            covered = end;
        }

        if (covered != data)
        {
            throw Damaged($"holds {data} bytes of data; its header describes {covered}: it is {(data < covered ? "truncated" : "too long")}");
        }
    }

    private void ReadExactly(Span<byte> destination, long at, string what)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(_handle, destination, at);
            if (read == 0)
            {
                throw Damaged($"ends inside {what}");
            }

            destination = destination[read..];
            at += read;
        }
    }

    private static bool TryLongs(JsonElement array, out long[] values)
    {
        values = [];
        if (array.ValueKind != JsonValueKind.Array)
        {
            return false;
        }

        values = new long[array.GetArrayLength()];
        int i = 0;
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out values[i++]))
            {
                return false;
            }
        }

        return true;
    }

    private CheckpointException Damaged(MessageText what, Exception? inner = null) =>
        new($"{Path}: {what}. The file is damaged; fetch or save it again.", inner);
}

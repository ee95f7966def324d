using System.Runtime.InteropServices;
using DataType = Rudder.Onnx.TensorProto.Types.DataType;

namespace Rudder.Trainer.Graphs;

/// <summary>Writes one weights file that several graphs share. Each name is stored once.</summary>
internal sealed class ExternalData : IDisposable
{
    /// <summary>Tensors of at least a page start on a page boundary: ONNX Runtime then maps the file instead of reading it.</summary>
    private const int PageSize = 4096;

    /// <summary>Smaller ones start on a cache line.</summary>
    private const int LineSize = 64;

    private readonly string _fileName;
    private readonly string _path;
    private readonly Dictionary<string, ExternalTensor> _tensors = new(StringComparer.Ordinal);
    private readonly bool _halves;
    private FileStream? _stream;

    /// <summary>Sets the file's name. The first tensor creates the file.</summary>
    /// <param name="folder">Folder of the graphs; their references are relative to it.</param>
    /// <param name="fileName">E.g. <c>model.onnx_data</c>.</param>
    /// <param name="halves">Whether to round numbers to float16 instead of storing float32.</param>
    public ExternalData(string folder, string fileName, bool halves = false)
    {
        _fileName = fileName;
        _halves = halves;
        _path = Path.Combine(folder, fileName);
    }

    /// <summary>Type of the numbers in the file. Graphs that use the file compute in this type.</summary>
    public DataType FloatType => _halves ? DataType.Float16 : DataType.Float;

    /// <summary>The tensor of that name in <see cref="FloatType"/>. Writes it if the file does not hold it yet.</summary>
    /// <param name="name">Unique in the file.</param>
    /// <param name="shape">Its product is the number of values.</param>
    /// <param name="values">Called only if the file does not hold the tensor yet.</param>
    public ExternalTensor Float(string name, long[] shape, Func<float[]> values) =>
        Add(name, FloatType, shape, file => file.Write(_halves
            ? MemoryMarshal.AsBytes(Array.ConvertAll(values(), value => (Half)value).AsSpan())
            : MemoryMarshal.AsBytes(values().AsSpan())));

    /// <summary>The same for signed bytes.</summary>
    public ExternalTensor Bytes(string name, long[] shape, Func<sbyte[]> values) =>
        Add(name, DataType.Int8, shape, file => file.Write(MemoryMarshal.AsBytes(values().AsSpan())));

    /// <summary>Flushes the file to disk and closes it.</summary>
    public void Dispose()
    {
        _stream?.Flush(flushToDisk: true);
        _stream?.Dispose();
        _stream = null;
    }

    private ExternalTensor Add(string name, DataType type, long[] shape, Action<FileStream> write)
    {
        if (_tensors.TryGetValue(name, out ExternalTensor? known))
        {
            return known.Shape.AsSpan().SequenceEqual(shape)
                ? known
                : throw new InvalidOperationException($"{name} is in {_fileName} as [{string.Join(',', known.Shape)}], asked for as [{string.Join(',', shape)}].");
        }

        long length = shape.Aggregate(1L, (product, size) => product * size) * ElementBytes(type);
        _stream ??= File.Create(_path);
        int alignment = length >= PageSize ? PageSize : LineSize;
        long offset = (_stream.Position + alignment - 1) / alignment * alignment;
        _stream.SetLength(offset);
        _stream.Position = offset;
        write(_stream);
        if (_stream.Position - offset != length)
        {
            throw new InvalidOperationException($"{name} has {_stream.Position - offset} bytes; its shape [{string.Join(',', shape)}] needs {length}.");
        }

        return _tensors[name] = new ExternalTensor(name, type, shape, _fileName, offset, length);
    }

    private static int ElementBytes(DataType type) => type switch
    {
        DataType.Float => sizeof(float),
        DataType.Float16 => 2,
        _ => 1,
    };
}

/// <summary>The location of one weight.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions.</param>
/// <param name="File">File name, relative to the graph's folder.</param>
/// <param name="Offset">Bytes from the start of the file.</param>
/// <param name="Length">Bytes.</param>
internal sealed record ExternalTensor(string Name, DataType Type, long[] Shape, string File, long Offset, long Length);

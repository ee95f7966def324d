using System.IO.Compression;

namespace Rudder.Checkpoints;

/// <summary>Reads PyTorch's zip format (1.6 and later): <c>data.pkl</c> describes tensors, <c>data/KEY</c> holds elements.</summary>
internal sealed class TorchZipFile : IWeightFile
{
    private const long LongestPickle = 64L << 20;
    private readonly ZipArchive _archive;
    private readonly string _folder;
    private readonly Dictionary<string, TorchTensor> _views = new(StringComparer.Ordinal);
    private readonly List<TensorInfo> _tensors = [];
    private readonly Lock _reading = new();
    private StorageReader? _current;

    public TorchZipFile(string path)
    {
        Path = path;
        _archive = Guard(() => OpenArchive(path));
        try
        {
            _folder = Guard(() => ReadDictionary());
        }
        catch
        {
            _archive.Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyList<TensorInfo> Tensors => _tensors;

    public void Dispose()
    {
        _current?.Dispose();
        _archive.Dispose();
    }

    public void Read(TensorInfo tensor, long firstElement, Span<byte> destination)
    {
        var view = _views[tensor.Name];
        lock (_reading)
        {
            try
            {
                if (_current?.Key != view.Storage.Key)
                {
                    _current?.Dispose();
                    _current = new StorageReader(Entry(view.Storage), view.Storage.Key);
                }

                StridedReading.Read(_current, view, firstElement, destination);
            }
            catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException)
            {
                throw Damaged($"fails while tensor '{tensor.Name}' is read ({e.Message})", e);
            }
        }
    }

    private ZipArchive OpenArchive(string path)
    {
        var stream = new FileStream(SafetensorsFile.OpenHandle(path), FileAccess.Read, 1 << 16);
        try
        {
            if (stream.ReadByte() != 'P' || stream.ReadByte() != 'K')
            {
                throw new CheckpointException(
                    $"{path}: is not a zip archive. Files of PyTorch before 1.6 are not read: fetch model.safetensors instead, or load and save it with a newer PyTorch.");
            }

            stream.Position = 0;
            return new ZipArchive(stream, ZipArchiveMode.Read);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    private string ReadDictionary()
    {
        var pickles = _archive.Entries.Where(e => e.FullName.EndsWith("/data.pkl", StringComparison.Ordinal)).ToList();
        if (pickles is not [var pickle] || pickle.Length > LongestPickle)
        {
            throw Damaged($"has {pickles.Count} entries 'data.pkl' where one of at most {LongestPickle} bytes belongs");
        }

        string root = pickle.FullName[..^"data.pkl".Length];
        CheckByteOrder(root);
        var code = new byte[pickle.Length];
        using (var stream = pickle.Open())
        {
            stream.ReadExactly(code);
        }

        if (PickleMachine.Run(Path, code) is not PickleDictionary dictionary)
        {
            throw Damaged($"holds no dictionary of tensors");
        }

        foreach (var (key, value) in dictionary.Items)
        {
            Add(root, key, value);
        }

        return root;
    }

    private void Add(string root, object? key, object? value)
    {
        if (key is not string name || value is not TorchTensor tensor)
        {
            throw Damaged($"holds '{key}', which is not a named tensor. A state dictionary is expected, not a training checkpoint");
        }

        if (!_views.TryAdd(name, tensor))
        {
            throw Damaged($"names tensor '{name}' twice");
        }

        long expected = checked(tensor.Storage.Elements * TensorInfo.SizeOf(tensor.Storage.Type));
        long? found = _archive.GetEntry($"{root}data/{tensor.Storage.Key}")?.Length;
        if (found != expected)
        {
            throw Damaged($"stores {found?.ToString() ?? "no"} bytes for tensor '{name}'; expected are {expected}");
        }

        _tensors.Add(new TensorInfo(name, tensor.Storage.Type, tensor.Shape));
    }

    private void CheckByteOrder(string root)
    {
        if (_archive.GetEntry(root + "byteorder") is { Length: < 16 } entry)
        {
            using var reader = new StreamReader(entry.Open());
            string order = reader.ReadToEnd();
            if (order != "little")
            {
                throw Damaged($"has byte order '{order}'; only 'little' is read");
            }
        }
    }

    private ZipArchiveEntry Entry(TorchStorage storage) =>
        _archive.GetEntry($"{_folder}data/{storage.Key}") ?? throw Damaged($"lacks storage '{storage.Key}'");

    private T Guard<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is InvalidDataException or IOException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw Damaged($"is not a sound archive ({e.Message})", e);
        }
    }

    private CheckpointException Damaged(MessageText what, Exception? inner = null) => new($"{Path}: {what}. The file is damaged; fetch or save it again.", inner);
}

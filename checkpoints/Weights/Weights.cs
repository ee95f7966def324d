namespace Rudder.Checkpoints;

/// <summary>The tensors of a model folder or weight file of any format. Reading is thread-safe.</summary>
public sealed class Weights : IDisposable
{
    private readonly List<IWeightFile> _files;
    private readonly Dictionary<string, (TensorInfo Tensor, IWeightFile File)> _byName = new(StringComparer.Ordinal);

    private Weights(string path, List<IWeightFile> files)
    {
        Path = path;
        _files = files;
        foreach (var file in files)
        {
            foreach (var tensor in file.Tensors)
            {
                if (!_byName.TryAdd(tensor.Name, (tensor, file)))
                {
                    throw new CheckpointException($"{file.Path}: tensor '{tensor.Name}' lies in {_byName[tensor.Name].File.Path} too. Keep one of them.");
                }
            }
        }

        Tensors = [.. files.SelectMany(f => f.Tensors)];
    }

    /// <summary>Path of the open file or index.</summary>
    public string Path { get; }

    /// <summary>All tensors, in file order.</summary>
    public IReadOnlyList<TensorInfo> Tensors { get; }

    /// <summary>Opens a folder's weights. Prefers safetensors to pytorch_model.bin, and one file to an index.</summary>
    /// <param name="folder">A model folder.</param>
    /// <exception cref="CheckpointException">The weights are missing or damaged.</exception>
    public static Weights Open(string folder)
    {
        foreach (string name in ModelFiles.Weights)
        {
            string path = System.IO.Path.Combine(folder, name);
            if (File.Exists(path))
            {
                return OpenFile(path);
            }
        }

        throw new CheckpointException($"{folder}: holds no weights; looked for {string.Join(", ", ModelFiles.Weights)}. Check the path, or fetch the model again.");
    }

    /// <summary>Opens one file, or an index with its files. The file name's ending decides the format.</summary>
    /// <param name="path">A .safetensors, .bin or .index.json file.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static Weights OpenFile(string path)
    {
        List<IWeightFile> files = path.EndsWith(".index.json", StringComparison.Ordinal) ? ShardIndex.Open(path) : [OpenOne(path)];
        try
        {
            return new Weights(path, files);
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <summary>Whether a tensor of this name exists.</summary>
    /// <param name="name">Name as in the file.</param>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>A tensor's type and shape.</summary>
    /// <param name="name">Name as in the file.</param>
    public TensorInfo this[string name] => Find(name).Tensor;

    /// <summary>Reads a floating tensor as single precision.</summary>
    /// <param name="name">Name as in the file.</param>
    /// <exception cref="CheckpointException">The tensor does not exist, or its type is not floating.</exception>
    public float[] ReadFloat32(string name)
    {
        var (tensor, file) = Find(name);
        return FloatReading.Read(file, tensor);
    }

    /// <summary>Reads a floating tensor of a known shape. All values must be finite.</summary>
    /// <param name="name">Name as in the file.</param>
    /// <param name="expectedShape">The shape it must have.</param>
    /// <exception cref="CheckpointException">The tensor is missing, has another shape or type, or contains NaN or infinity.</exception>
    public float[] ReadFloat32(string name, params long[] expectedShape)
    {
        var (tensor, file) = Find(name);
        if (!tensor.Shape.AsSpan().SequenceEqual(expectedShape))
        {
            throw new CheckpointException(
                $"{file.Path}: tensor '{name}' has shape {TensorInfo.Show(tensor.Shape)}; expected is {TensorInfo.Show(expectedShape)}. "
                + $"Do the weights and {ModelFiles.Config} belong together?");
        }

        float[] values = FloatReading.Read(file, tensor);
        FloatReading.RequireFinite(file.Path, name, values);
        return values;
    }

    /// <summary>Closes the files.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    internal static IWeightFile OpenOne(string path) =>
        path.EndsWith(".safetensors", StringComparison.Ordinal) ? new SafetensorsFile(path)
        : path.EndsWith(".bin", StringComparison.Ordinal) ? new TorchZipFile(path)
        : throw new CheckpointException($"{path}: the ending of a weight file decides its format; supported are .safetensors, .bin and .index.json.");

    private (TensorInfo Tensor, IWeightFile File) Find(string name) => _byName.TryGetValue(name, out var found)
        ? found
        : throw new CheckpointException($"{Path}: tensor '{name}' is missing; the file holds {Tensors.Count} others. The checkpoint is incomplete; fetch or save it again.");
}

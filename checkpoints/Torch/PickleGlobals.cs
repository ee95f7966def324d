namespace Rudder.Checkpoints;

/// <summary>The only globals that a pickle may name, and their results: tensors and dictionaries, never code.</summary>
internal sealed class PickleGlobals(Func<MessageText, CheckpointException> bad)
{
    private const string Dictionary = "collections.OrderedDict";
    private const string RebuildTensor = "torch._utils._rebuild_tensor_v2";
    private const string RebuildParameter = "torch._utils._rebuild_parameter";

    private static readonly Dictionary<string, WeightType> Storages = new(StringComparer.Ordinal)
    {
        ["torch.FloatStorage"] = WeightType.F32,
        ["torch.HalfStorage"] = WeightType.F16,
        ["torch.BFloat16Storage"] = WeightType.BF16,
        ["torch.DoubleStorage"] = WeightType.F64,
        ["torch.LongStorage"] = WeightType.I64,
        ["torch.IntStorage"] = WeightType.I32,
        ["torch.ShortStorage"] = WeightType.I16,
        ["torch.CharStorage"] = WeightType.I8,
        ["torch.ByteStorage"] = WeightType.U8,
        ["torch.BoolStorage"] = WeightType.Bool,
    };

    public PickleGlobal Find(string module, string name)
    {
        string full = $"{module}.{name}";
        return full is Dictionary or RebuildTensor or RebuildParameter || Storages.ContainsKey(full)
            ? new PickleGlobal(full)
            : throw bad($"names '{full}'; only tensors and dictionaries are built, nothing else is ever called. Do not trust this file");
    }

    public object? Call(object? callee, object? arguments)
    {
        if (callee is not PickleGlobal global || arguments is not object?[] values)
        {
            throw bad($"calls something that is not a function");
        }

        return global.Name switch
        {
            Dictionary when values.Length == 0 => new PickleDictionary(),
            RebuildParameter when values is [TorchTensor tensor, ..] => tensor,
            RebuildTensor when values is [TorchStorage storage, long offset, object?[] shape, object?[] strides, ..] =>
                Tensor(storage, offset, Longs(shape), Longs(strides)),
            _ => throw bad($"calls '{global.Name}' with arguments that it does not take"),
        };
    }

    public TorchStorage Storage(object? persistentId)
    {
        if (persistentId is not object?[] and not null || persistentId is not object?[] parts
            || parts is not ["storage", PickleGlobal type, string key, string, long elements, ..]
            || !Storages.TryGetValue(type.Name, out var stored))
        {
            throw bad($"refers to outside data other than a storage of the archive");
        }

        return elements >= 0 ? new TorchStorage(key, stored, elements) : throw bad($"gives storage '{key}' {elements} elements");
    }

    private TorchTensor Tensor(TorchStorage storage, long offset, long[] shape, long[] strides)
    {
        Int128 last = offset;
        for (int i = 0; i < shape.Length && shape.Length == strides.Length; i++)
        {
            last += (Int128)Math.Max(shape[i] - 1, 0) * strides[i];
        }

        long? elements = TensorInfo.Count(shape);
        bool sound = shape.Length == strides.Length && elements is not null && offset >= 0 && strides.All(s => s >= 0)
            && (elements == 0 ? offset <= storage.Elements : last < storage.Elements) && elements <= storage.Elements;
        return sound
            ? new TorchTensor(storage, offset, shape, strides)
            : throw bad($"builds a tensor of shape {TensorInfo.Show(shape)}, strides {TensorInfo.Show(strides)} at {offset}, "
                + $"beyond its storage '{storage.Key}' of {storage.Elements} elements");
    }

    private long[] Longs(object?[] values)
    {
        var longs = new long[values.Length];
        for (int i = 0; i < longs.Length; i++)
        {
            longs[i] = values[i] is long value ? value : throw bad($"gives a shape or stride that is not an integer");
        }

        return longs;
    }
}

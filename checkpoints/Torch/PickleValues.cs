namespace Rudder.Checkpoints;

/// <summary>A global name in a pickle; always one of the few that <see cref="PickleGlobals"/> allows.</summary>
internal sealed record PickleGlobal(string Name);

/// <summary>A dictionary of a pickle (dict or OrderedDict), in the order written.</summary>
internal sealed class PickleDictionary
{
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>A storage of a PyTorch file: one entry <c>data/KEY</c> of the archive.</summary>
internal sealed record TorchStorage(string Key, WeightType Type, long Elements);

/// <summary>A tensor as a pickle builds it: a strided view of a storage.</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, long[] Shape, long[] Strides);

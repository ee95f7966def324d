using static TorchSharp.torch;

namespace TorchSharp.Native;

/// <summary>One operator argument on its way to the door; converts from everything an ATen schema can ask for.</summary>
internal readonly struct Argument
{
    public readonly Tag Tag;
    public readonly int Extra;
    public readonly long Number;
    public readonly double Real;
    public readonly object Object;

    private Argument(Tag tag, long number = 0, double real = 0, object data = null, int extra = 0)
    {
        Tag = tag;
        Number = number;
        Real = real;
        Object = data;
        Extra = extra;
    }

    /// <summary>The schema's <c>None</c>.</summary>
    public static Argument Nothing => default;

    public static implicit operator Argument(Tensor tensor) => tensor is null ? default : new(Tag.Tensor, data: tensor);

    public static implicit operator Argument(long number) => new(Tag.Int, number);

    public static implicit operator Argument(long? number) => number is { } n ? new(Tag.Int, n) : default;

    public static implicit operator Argument(double real) => new(Tag.Double, real: real);

    public static implicit operator Argument(bool flag) => new(Tag.Bool, flag ? 1 : 0);

    public static implicit operator Argument(ScalarType type) => new(Tag.Int, (long)type);

    public static implicit operator Argument(ScalarType? type) => type is { } t ? new(Tag.Int, (long)t) : default;

    public static implicit operator Argument(long[] list) => list is null ? default : new(Tag.IntList, list.Length, data: list);

    public static implicit operator Argument(Tensor[] list) => list is null ? default : new(Tag.TensorList, list.Length, data: list);

    public static implicit operator Argument(string text) => text is null ? default : new(Tag.String, data: text);

    public static implicit operator Argument(Device device) =>
        device is null ? default : new(Tag.Device, (long)device.type, extra: device.index);

    public static implicit operator Argument(Generator generator) => generator is null ? default : new(Tag.Generator, data: generator);

    public static implicit operator Argument(Scalar scalar) => scalar is null ? default : scalar.Kind switch
    {
        Scalar.Form.Real => new(Tag.Double, real: scalar.Real),
        Scalar.Form.Flag => new(Tag.Bool, scalar.Integer),
        _ => new(Tag.Int, scalar.Integer),
    };
}

using System.Text;

namespace Rudder.Engine.Kernels;

/// <summary>Types of a tensor's elements, as ONNX Runtime numbers them.</summary>
internal enum ElementType
{
    /// <summary>float32.</summary>
    Float = 1,

    /// <summary>Unsigned bytes.</summary>
    UnsignedByte = 2,

    /// <summary>int32.</summary>
    Int32 = 6,
}

/// <summary>An input of an operator.</summary>
/// <param name="Type">Of its elements.</param>
/// <param name="Optional">Whether a node may leave it out.</param>
internal readonly record struct OperatorInput(ElementType Type, bool Optional = false);

/// <summary>An operator that this program brings into ONNX Runtime graphs.</summary>
/// <param name="Name">Its name in the domain <see cref="OperatorDomain.Name"/>.</param>
/// <param name="Inputs">Its inputs in order, the optional ones last.</param>
/// <param name="Outputs">Types of its outputs; a node may leave out those after the first.</param>
/// <param name="Create">Makes the kernel of one node.</param>
internal sealed record OperatorDefinition(
    string Name, IReadOnlyList<OperatorInput> Inputs, IReadOnlyList<ElementType> Outputs, Func<NodeAttributes, IKernel> Create);

/// <summary>What computes one node of a graph; disposed with the session if it can be. A session may call it on several threads at once.</summary>
internal interface IKernel
{
    /// <summary>Computes the node once.</summary>
    /// <param name="call">Inputs, outputs and threads.</param>
    void Compute(KernelCall call);
}

/// <summary>Attributes of a node; all are required.</summary>
/// <param name="info">ONNX Runtime's handle, valid while the kernel is made.</param>
internal readonly unsafe struct NodeAttributes(nint info)
{
    /// <summary>A whole number.</summary>
    /// <param name="name">Name of the attribute, ended by 0.</param>
    public long Integer(ReadOnlySpan<byte> name)
    {
        long value;
        fixed (byte* start = name)
        {
            OrtNative.Check(OrtNative.IntegerAttribute(info, start, &value));
        }

        return value;
    }

    /// <summary>A float.</summary>
    /// <param name="name">Name of the attribute, ended by 0.</param>
    public float Float(ReadOnlySpan<byte> name)
    {
        float value;
        fixed (byte* start = name)
        {
            OrtNative.Check(OrtNative.FloatAttribute(info, start, &value));
        }

        return value;
    }

    /// <summary>Text.</summary>
    /// <param name="name">Name of the attribute, ended by 0.</param>
    public string Text(ReadOnlySpan<byte> name)
    {
        fixed (byte* start = name)
        {
            nuint size = 0;
            OrtNative.Check(OrtNative.TextAttribute(info, start, null, &size));     // its size first, with the 0 at its end
            byte[] text = new byte[size];
            fixed (byte* value = text)
            {
                OrtNative.Check(OrtNative.TextAttribute(info, start, value, &size));
            }

            return Encoding.UTF8.GetString(text.AsSpan()[..^1]);
        }
    }
}

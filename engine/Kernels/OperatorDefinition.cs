using System.Text;

namespace Rudder.Engine.Kernels;

/// <summary>Element types of tensors, with the numbers of ONNX Runtime.</summary>
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
/// <param name="Type">Element type.</param>
/// <param name="Optional">Whether a node may omit it.</param>
internal readonly record struct OperatorInput(ElementType Type, bool Optional = false);

/// <summary>An operator that this program adds to ONNX Runtime graphs.</summary>
/// <param name="Name">Name in the domain <see cref="OperatorDomain.Name"/>.</param>
/// <param name="Inputs">Inputs in order, optional ones last.</param>
/// <param name="Outputs">Element types of the outputs; a node may omit all but the first.</param>
/// <param name="Create">Creates the kernel of one node.</param>
internal sealed record OperatorDefinition(
    string Name, IReadOnlyList<OperatorInput> Inputs, IReadOnlyList<ElementType> Outputs, Func<NodeAttributes, IKernel> Create);

/// <summary>Computes one node of a graph, on several threads at once.</summary>
internal interface IKernel
{
    /// <summary>Computes the node once.</summary>
    /// <param name="call">Inputs, outputs and threads.</param>
    void Compute(KernelCall call);
}

/// <summary>Attributes of a node; all are required.</summary>
/// <param name="info">Handle of ONNX Runtime, valid while the kernel is created.</param>
internal readonly unsafe struct NodeAttributes(nint info)
{
    /// <summary>Reads an integer attribute.</summary>
    /// <param name="name">Name of the attribute, null-terminated.</param>
    public long Integer(ReadOnlySpan<byte> name)
    {
        long value;
        fixed (byte* start = name)
        {
            OrtNative.Check(OrtNative.IntegerAttribute(info, start, &value));
        }

        return value;
    }

    /// <summary>Reads a float attribute.</summary>
    /// <param name="name">Name of the attribute, null-terminated.</param>
    public float Float(ReadOnlySpan<byte> name)
    {
        float value;
        fixed (byte* start = name)
        {
            OrtNative.Check(OrtNative.FloatAttribute(info, start, &value));
        }

        return value;
    }

    /// <summary>Reads a text attribute.</summary>
    /// <param name="name">Name of the attribute, null-terminated.</param>
    public string Text(ReadOnlySpan<byte> name)
    {
        fixed (byte* start = name)
        {
            nuint size = 0;
            OrtNative.Check(OrtNative.TextAttribute(info, start, null, &size));     // gets the size with the final null
            byte[] text = new byte[size];
            fixed (byte* value = text)
            {
                OrtNative.Check(OrtNative.TextAttribute(info, start, value, &size));
            }

            return Encoding.UTF8.GetString(text.AsSpan()[..^1]);
        }
    }
}

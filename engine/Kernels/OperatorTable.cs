using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>ONNX Runtime's OrtCustomOp structure, followed by our own fields; 0 in optional entries that are not implemented.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OperatorTable
{
    /// <summary>Version of this structure.</summary>
    public uint Version;

    /// <summary>Not implemented; <see cref="CreateKernelV2"/> replaces it.</summary>
    public nint CreateKernel;

    /// <summary>Name, UTF-8.</summary>
    public delegate* unmanaged<OperatorTable*, byte*> GetName;

    /// <summary>Execution provider; 0 means the processor.</summary>
    public delegate* unmanaged<OperatorTable*, nint> GetExecutionProviderType;

    /// <summary>Element type of an input.</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputType;

    /// <summary>Number of inputs.</summary>
    public delegate* unmanaged<OperatorTable*, nuint> GetInputTypeCount;

    /// <summary>Element type of an output.</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputType;

    /// <summary>Number of outputs.</summary>
    public delegate* unmanaged<OperatorTable*, nuint> GetOutputTypeCount;

    /// <summary>Not implemented; <see cref="KernelComputeV2"/> replaces it.</summary>
    public nint KernelCompute;

    /// <summary>Destroys a kernel.</summary>
    public delegate* unmanaged<nint, void> KernelDestroy;

    /// <summary>Whether an input is required (0) or optional (1).</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputCharacteristic;

    /// <summary>Whether an output is required (0) or optional (1).</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputCharacteristic;

    /// <summary>Memory type of an input; 0 means the provider's memory.</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputMemoryType;

    /// <summary>For variadic inputs; there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicInputMinArity;

    /// <summary>For variadic inputs; there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicInputHomogeneity;

    /// <summary>For variadic outputs; there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicOutputMinArity;

    /// <summary>For variadic outputs; there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicOutputHomogeneity;

    /// <summary>(operator, interface, node's info, out kernel) to a status.</summary>
    public delegate* unmanaged<OperatorTable*, nint, nint, nint*, nint> CreateKernelV2;

    /// <summary>(kernel, context) to a status.</summary>
    public delegate* unmanaged<nint, nint, nint> KernelComputeV2;

    /// <summary>Not implemented; shapes are known when a kernel runs.</summary>
    public nint InferOutputShape;

    /// <summary>First version of the operator.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetStartVersion;

    /// <summary>Last version of the operator.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetEndVersion;

    /// <summary>Not implemented; outputs never reuse an input's memory.</summary>
    public nint GetMayInplace;

    /// <summary>Not implemented.</summary>
    public nint ReleaseMayInplace;

    /// <summary>Not implemented.</summary>
    public nint GetAliasMap;

    /// <summary>Not implemented.</summary>
    public nint ReleaseAliasMap;

    /// <summary>Our own field, after the part that ONNX Runtime reads: handle of the <see cref="OperatorDefinition"/>.</summary>
    public nint Definition;

    /// <summary>Our own field: the name, UTF-8, null-terminated.</summary>
    public byte* Name;
}

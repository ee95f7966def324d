using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>What ONNX Runtime asks of an operator (its OrtCustomOp), and the definition that answers; 0 where nothing is offered.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OperatorTable
{
    /// <summary>Version of this structure.</summary>
    public uint Version;

    /// <summary>Not offered: <see cref="CreateKernelV2"/> is.</summary>
    public nint CreateKernel;

    /// <summary>Name, UTF-8.</summary>
    public delegate* unmanaged<OperatorTable*, byte*> GetName;

    /// <summary>0: the processor.</summary>
    public delegate* unmanaged<OperatorTable*, nint> GetExecutionProviderType;

    /// <summary>Element type of an input.</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputType;

    /// <summary>Number of inputs.</summary>
    public delegate* unmanaged<OperatorTable*, nuint> GetInputTypeCount;

    /// <summary>Element type of an output.</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputType;

    /// <summary>Number of outputs.</summary>
    public delegate* unmanaged<OperatorTable*, nuint> GetOutputTypeCount;

    /// <summary>Not offered: <see cref="KernelComputeV2"/> is.</summary>
    public nint KernelCompute;

    /// <summary>Ends a kernel.</summary>
    public delegate* unmanaged<nint, void> KernelDestroy;

    /// <summary>Whether an input is required (0) or optional (1).</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputCharacteristic;

    /// <summary>Whether an output is required (0) or optional (1).</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputCharacteristic;

    /// <summary>Where an input lies; 0: where the provider's memory is.</summary>
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputMemoryType;

    /// <summary>Of variadic inputs, of which there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicInputMinArity;

    /// <summary>Of variadic inputs, of which there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicInputHomogeneity;

    /// <summary>Of variadic outputs, of which there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicOutputMinArity;

    /// <summary>Of variadic outputs, of which there are none.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetVariadicOutputHomogeneity;

    /// <summary>(operator, interface, node's info, out kernel) to a status.</summary>
    public delegate* unmanaged<OperatorTable*, nint, nint, nint*, nint> CreateKernelV2;

    /// <summary>(kernel, context) to a status.</summary>
    public delegate* unmanaged<nint, nint, nint> KernelComputeV2;

    /// <summary>Not offered: shapes are known when a kernel runs.</summary>
    public nint InferOutputShape;

    /// <summary>First version of the operator.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetStartVersion;

    /// <summary>Last version of the operator.</summary>
    public delegate* unmanaged<OperatorTable*, int> GetEndVersion;

    /// <summary>Not offered: no output takes an input's memory.</summary>
    public nint GetMayInplace;

    /// <summary>Not offered.</summary>
    public nint ReleaseMayInplace;

    /// <summary>Not offered.</summary>
    public nint GetAliasMap;

    /// <summary>Not offered.</summary>
    public nint ReleaseAliasMap;

    /// <summary>Ours, past the end of what ONNX Runtime reads: the handle of the <see cref="OperatorDefinition"/>.</summary>
    public nint Definition;

    /// <summary>Ours: its name, UTF-8 and ended by 0.</summary>
    public byte* Name;
}

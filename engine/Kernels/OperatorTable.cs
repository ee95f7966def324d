using System.Runtime.InteropServices;

namespace Rudder.Engine.Kernels;

/// <summary>ONNX Runtime's OrtCustomOp structure, followed by our own fields; 0 in optional entries that are not implemented.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OperatorTable
{
    public uint Version;                                     // of this structure
    public nint CreateKernel;                                // not implemented; CreateKernelV2 replaces it
    public delegate* unmanaged<OperatorTable*, byte*> GetName;                                     // UTF-8
    public delegate* unmanaged<OperatorTable*, nint> GetExecutionProviderType;                     // 0 means the processor
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputType;
    public delegate* unmanaged<OperatorTable*, nuint> GetInputTypeCount;
    public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputType;
    public delegate* unmanaged<OperatorTable*, nuint> GetOutputTypeCount;
    public nint KernelCompute;                               // not implemented; KernelComputeV2 replaces it
    public delegate* unmanaged<nint, void> KernelDestroy;
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputCharacteristic;                 // 0: required, 1: optional
    public delegate* unmanaged<OperatorTable*, nuint, int> GetOutputCharacteristic;                // as above
    public delegate* unmanaged<OperatorTable*, nuint, int> GetInputMemoryType;                     // 0 means the provider's memory
    public delegate* unmanaged<OperatorTable*, int> GetVariadicInputMinArity;                      // this and the next three: there are none
    public delegate* unmanaged<OperatorTable*, int> GetVariadicInputHomogeneity;
    public delegate* unmanaged<OperatorTable*, int> GetVariadicOutputMinArity;
    public delegate* unmanaged<OperatorTable*, int> GetVariadicOutputHomogeneity;
    public delegate* unmanaged<OperatorTable*, nint, nint, nint*, nint> CreateKernelV2;            // (operator, interface, node's info, out kernel) to a status
    public delegate* unmanaged<nint, nint, nint> KernelComputeV2;                                  // (kernel, context) to a status
    public nint InferOutputShape;                            // not implemented; shapes are known when a kernel runs
    public delegate* unmanaged<OperatorTable*, int> GetStartVersion;
    public delegate* unmanaged<OperatorTable*, int> GetEndVersion;
    public nint GetMayInplace;                               // this and the next three are not implemented; outputs never reuse an input's memory
    public nint ReleaseMayInplace;
    public nint GetAliasMap;
    public nint ReleaseAliasMap;

    // Our own fields, after the part that ONNX Runtime reads.
    public nint Definition;                                  // handle of the OperatorDefinition
    public byte* Name;                                       // UTF-8, null-terminated
}

using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Rudder.Onnx;
using SessionOptions = Microsoft.ML.OnnxRuntime.SessionOptions;

namespace Rudder.Engine.Kernels;

/// <summary>Registers this program's operators with sessions. It must outlive every session that was opened with it.</summary>
internal sealed unsafe class OperatorDomain : IDisposable
{
    /// <summary>Domain of the operators on rows.</summary>
    public const string Name = "rudder";

    /// <summary>Domain of attention over a cache; each session has its own instance.</summary>
    public const string SlotsName = "rudder.slots";

    // ONNX Runtime keeps one table of domains for the process and does not guard it: of two first sessions that open together, one can fail.
    private static readonly Lazy<bool> NamesKnown = new(AddNames);

    private readonly List<nint> _tables = [];                // OperatorTable*
    private nint _domain;

    /// <summary>Creates the operators.</summary>
    /// <param name="domain">Domain of the operators in graphs.</param>
    /// <param name="definitions">The operators.</param>
    public OperatorDomain(string domain, params IReadOnlyList<OperatorDefinition> definitions)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(domain + '\0'))
        fixed (nint* handle = &_domain)
        {
            OrtNative.Check(OrtNative.CreateCustomOpDomain(name, handle));
        }

        try
        {
            foreach (var definition in definitions)
            {
                var table = Table(definition);
                _tables.Add((nint)table);
                OrtNative.Check(OrtNative.AddOperator(_domain, table));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Registers the operators for sessions opened with these options.</summary>
    public void AddTo(SessionOptions options)
    {
        _ = NamesKnown.Value;
        AddDomainTo(options);
    }

    private void AddDomainTo(SessionOptions options)
    {
        OrtNative.Check(OrtNative.AddDomain(options.DangerousGetHandle(), _domain));
        GC.KeepAlive(options);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_domain != 0)
        {
            OrtNative.ReleaseDomain(_domain);
            _domain = 0;
        }

        foreach (nint address in _tables)
        {
            var table = (OperatorTable*)address;
            GCHandle.FromIntPtr(table->Definition).Free();
            NativeMemory.Free(table->Name);
            NativeMemory.Free(table);
        }

        _tables.Clear();
    }

    private static bool AddNames()
    {
        var graph = new GraphProto { Name = "names" };
        graph.Node.Add(new NodeProto { OpType = "Identity", Input = { "x" }, Output = { "y" } });
        var number = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = TensorProto.Types.DataType.Float, Shape = new TensorShapeProto() } };
        graph.Input.Add(new ValueInfoProto { Name = "x", Type = number });
        graph.Output.Add(new ValueInfoProto { Name = "y", Type = number.Clone() });
        var model = new ModelProto { IrVersion = 8, Graph = graph, OpsetImport = { new OperatorSetIdProto { Version = 17 } } };
        using var options = new SessionOptions();
        using var rows = new OperatorDomain(Name);
        using var slots = new OperatorDomain(SlotsName);
        rows.AddDomainTo(options);
        slots.AddDomainTo(options);
        using var session = new InferenceSession(model.ToByteArray(), options);
        return true;
    }

    private static OperatorTable* Table(OperatorDefinition definition)
    {
        byte[] name = Encoding.UTF8.GetBytes(definition.Name + '\0');
        var table = (OperatorTable*)NativeMemory.AllocZeroed((nuint)sizeof(OperatorTable));
        table->Name = (byte*)NativeMemory.Alloc((nuint)name.Length);
        name.CopyTo(new Span<byte>(table->Name, name.Length));
        table->Definition = GCHandle.ToIntPtr(GCHandle.Alloc(definition));
        table->Version = OrtNative.Version;
        table->GetName = &NameOf;
        table->GetExecutionProviderType = &Provider;
        table->GetInputType = &InputType;
        table->GetInputTypeCount = &Inputs;
        table->GetOutputType = &OutputType;
        table->GetOutputTypeCount = &Outputs;
        table->GetInputCharacteristic = &InputCharacteristic;
        table->GetOutputCharacteristic = &OutputCharacteristic;
        table->GetInputMemoryType = &MemoryType;
        table->GetVariadicInputMinArity = &One;
        table->GetVariadicInputHomogeneity = &One;
        table->GetVariadicOutputMinArity = &One;
        table->GetVariadicOutputHomogeneity = &One;
        table->GetStartVersion = &One;
        table->GetEndVersion = &One;
        table->CreateKernelV2 = &Create;
        table->KernelComputeV2 = &Compute;
        table->KernelDestroy = &Destroy;
        return table;
    }

    private static OperatorDefinition Definition(OperatorTable* table) => (OperatorDefinition)GCHandle.FromIntPtr(table->Definition).Target!;

    [UnmanagedCallersOnly]
    private static byte* NameOf(OperatorTable* table) => table->Name;

    [UnmanagedCallersOnly]
    private static nint Provider(OperatorTable* table) => 0;

    [UnmanagedCallersOnly]
    private static nuint Inputs(OperatorTable* table) => (nuint)Definition(table).Inputs.Count;

    [UnmanagedCallersOnly]
    private static int InputType(OperatorTable* table, nuint index) => (int)Definition(table).Inputs[(int)index].Type;

    [UnmanagedCallersOnly]
    private static int InputCharacteristic(OperatorTable* table, nuint index) => Definition(table).Inputs[(int)index].Optional ? 1 : 0;

    [UnmanagedCallersOnly]
    private static nuint Outputs(OperatorTable* table) => (nuint)Definition(table).Outputs.Count;

    [UnmanagedCallersOnly]
    private static int OutputType(OperatorTable* table, nuint index) => (int)Definition(table).Outputs[(int)index];

    [UnmanagedCallersOnly]
    private static int OutputCharacteristic(OperatorTable* table, nuint index) => index == 0 ? 0 : 1;

    [UnmanagedCallersOnly]
    private static int MemoryType(OperatorTable* table, nuint index) => 0;

    [UnmanagedCallersOnly]
    private static int One(OperatorTable* table) => 1;

    [UnmanagedCallersOnly]
    private static nint Create(OperatorTable* table, nint api, nint info, nint* kernel)
    {
        try
        {
            *kernel = GCHandle.ToIntPtr(GCHandle.Alloc(Definition(table).Create(new NodeAttributes(info))));
            return 0;
        }
        catch (Exception e)                                  // the caller is native: return the exception as a status
        {
            return OrtNative.Status(e);
        }
    }

    [UnmanagedCallersOnly]
    private static nint Compute(nint kernel, nint context)
    {
        try
        {
            ((IKernel)GCHandle.FromIntPtr(kernel).Target!).Compute(new KernelCall(context));
            return 0;
        }
        catch (Exception e)                                  // as above: the run fails with its message
        {
            return OrtNative.Status(e);
        }
    }

    [UnmanagedCallersOnly]
    private static void Destroy(nint kernel) => GCHandle.FromIntPtr(kernel).Free();
}

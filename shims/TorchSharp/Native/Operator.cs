using System.Runtime.CompilerServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Native;

/// <summary>One ATen operator: found by name at its first call, then called through its kept handle.</summary>
internal sealed unsafe class Operator(string name, string overload = "")
{
    private const int StackSlots = 64;
    private nint _handle;

    /// <summary>Runs the operator; its first result is a new tensor.</summary>
    public Tensor Call(params ReadOnlySpan<Argument> arguments)
    {
        Run(arguments, out NativeResult* results, out _);
        return new Tensor(results->Tensor, results->Bytes);
    }

    /// <summary>Runs an operator that has two results.</summary>
    public (Tensor, Tensor) CallPair(params ReadOnlySpan<Argument> arguments)
    {
        Run(arguments, out NativeResult* results, out _);
        NativeResult first = results[0], second = results[1];
        return (new Tensor(first.Tensor, first.Bytes), new Tensor(second.Tensor, second.Bytes));
    }

    /// <summary>Runs an operator with a list of tensors as result.</summary>
    public Tensor[] CallMany(params ReadOnlySpan<Argument> arguments)
    {
        Run(arguments, out NativeResult* results, out int count);
        return Take(results, count);
    }

    /// <summary>Runs an operator that writes into its arguments; what it returns are the same tensors again, let go at once.</summary>
    public void CallInPlace(params ReadOnlySpan<Argument> arguments)
    {
        Run(arguments, out NativeResult* results, out int count);
        for (int i = 0; i < count; i++)
        {
            if (results[i].Tag == Tag.Tensor && results[i].Tensor != 0)
            {
                Door.door_free(results[i].Tensor);
            }
        }
    }

    internal static Tensor[] Take(NativeResult* results, int count)
    {
        var tensors = new Tensor[count];
        for (int i = 0; i < count; i++)
        {
            tensors[i] = results[i].Tensor == 0 ? null : new Tensor(results[i].Tensor, results[i].Bytes);
        }

        return tensors;
    }

    private void Run(ReadOnlySpan<Argument> arguments, out NativeResult* results, out int count)
    {
        if (_handle == 0)
        {
            Door.Check(Door.door_operator("aten::" + name, overload, out _handle));
        }

        int needed = 0;
        foreach (ref readonly Argument argument in arguments)
        {
            needed += SlotsOf(argument);
        }

        if (needed <= StackSlots)
        {
            long* slots = stackalloc long[StackSlots];
            Invoke(arguments, slots, out results, out count);
        }
        else
        {
            fixed (long* slots = new long[needed])
            {
                Invoke(arguments, slots, out results, out count);
            }
        }
    }

    private void Invoke(ReadOnlySpan<Argument> arguments, long* slots, out NativeResult* results, out int count)
    {
        NativeValue* values = stackalloc NativeValue[arguments.Length];
        for (int i = 0; i < arguments.Length; i++)
        {
            ref readonly Argument argument = ref arguments[i];
            values[i] = new() { Tag = argument.Tag, Extra = argument.Extra, Number = argument.Number, Real = argument.Real };
            slots = Fill(argument, ref values[i], slots);
        }

        NativeResult* found;
        int number;
        int failed = Door.door_call(_handle, values, arguments.Length, &found, &number);
        KeepAlive(arguments);
        Door.Check(failed);
        results = found;
        count = number;
    }

    private static int SlotsOf(in Argument argument) => argument.Tag switch
    {
        Tag.IntList or Tag.TensorList => (int)argument.Number,
        Tag.String => (Encoding.UTF8.GetByteCount((string)argument.Object) / 8) + 1,
        _ => 0,
    };

    /// <summary>Points a value at its tensor, or at a copy of its list in the slots; returns the next free slot.</summary>
    private static long* Fill(in Argument argument, ref NativeValue value, long* slots)
    {
        switch (argument.Object)
        {
            case Tensor tensor:
                value.Data = tensor.Handle;
                return slots;
            case Generator generator:
                value.Data = generator.Native;
                return slots;
            case long[] list:
                value.Data = (nint)slots;
                list.CopyTo(new Span<long>(slots, list.Length));
                return slots + list.Length;
            case Tensor[] tensors:
                value.Data = (nint)slots;
                foreach (Tensor element in tensors)
                {
                    *slots++ = element is null ? 0 : element.Handle;
                }

                return slots;
            case string text:
                value.Data = (nint)slots;
                value.Number = Encoding.UTF8.GetBytes(text, new Span<byte>(slots, Encoding.UTF8.GetByteCount(text)));
                return slots + (value.Number / 8) + 1;
            default:
                return slots;
        }
    }

    // The tensors must not be finalized while native code uses them; reading the span after the call keeps them reachable.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void KeepAlive(ReadOnlySpan<Argument> arguments) => GC.KeepAlive(arguments.Length > 0 ? arguments[0].Object : null);
}

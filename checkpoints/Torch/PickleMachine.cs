using System.Buffers.Binary;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>
/// Runs the pickle of a PyTorch state dictionary (protocol 2). It supports only the opcodes for data and builds only what
/// <see cref="PickleGlobals"/> allows, so a file cannot run any code.
/// </summary>
internal sealed class PickleMachine
{
    private const int MostSteps = 2_000_000;                // a tensor takes about 50 steps; a step may take about a hundred bytes
    private static readonly object Mark = new();
    private readonly byte[] _code;
    private readonly string _file;
    private readonly PickleGlobals _globals;
    private readonly List<object?> _stack = [];
    private readonly Dictionary<int, object?> _memo = [];
    private int _at;

    private PickleMachine(string file, byte[] code)
    {
        _file = file;
        _code = code;
        _globals = new PickleGlobals(Bad);
    }

    /// <summary>The object that a pickle describes.</summary>
    public static object? Run(string file, byte[] code) => new PickleMachine(file, code).Run();

    private object? Run()
    {
        for (int step = 0; step < MostSteps; step++)
        {
            byte opcode = Take(1)[0];
            if (opcode == '.')
            {
                return Pop();
            }

            if (!Scalar(opcode) && !Collection(opcode) && !Reference(opcode))
            {
                throw Bad($"uses opcode 0x{opcode:x2}, which no state dictionary needs");
            }
        }

        throw Bad($"has more than {MostSteps} opcodes");
    }

    private bool Scalar(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: // PROTO
                byte protocol = Take(1)[0];
                return protocol == 2 ? true : throw Bad($"is of pickle protocol {protocol}; PyTorch writes 2");
            case (byte)'N':
                return Push(null);
            case 0x88:
                return Push(true);
            case 0x89:
                return Push(false);
            case (byte)'K':
                return Push((long)Take(1)[0]);
            case (byte)'M':
                return Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
            case (byte)'J':
                return Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4)));
            case 0x8a: // LONG1
                return Push(Long(Take(Take(1)[0])));
            case (byte)'G':
                return Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
            case (byte)'X':
                return Push(Text(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))));
            default:
                return false;
        }
    }

    private bool Collection(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(':
                return Push(Mark);
            case (byte)')':
                return Push(Array.Empty<object?>());
            case (byte)'t':
                return Push(PopToMark());
            case 0x85 or 0x86 or 0x87: // TUPLE1, 2, 3
                return Push(PopMany(opcode - 0x84));
            case (byte)'}':
                return Push(new PickleDictionary());
            case (byte)']':
                return Push(new List<object?>());
            case (byte)'a':
                object? item = Pop();
                Top<List<object?>>("a list").Add(item);
                return true;
            case (byte)'e':
                var items = PopToMark();
                Top<List<object?>>("a list").AddRange(items);
                return true;
            case (byte)'s':
                return SetItems(PopMany(2));
            case (byte)'u':
                return SetItems(PopToMark());
            default:
                return false;
        }
    }

    private bool Reference(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'q':
                _memo[Take(1)[0]] = Peek();
                return true;
            case (byte)'r':
                _memo[BinaryPrimitives.ReadInt32LittleEndian(Take(4))] = Peek();
                return true;
            case (byte)'h':
                return Push(Recall(Take(1)[0]));
            case (byte)'j':
                return Push(Recall(BinaryPrimitives.ReadInt32LittleEndian(Take(4))));
            case (byte)'c':
                string module = Line();
                return Push(_globals.Find(module, Line()));
            case (byte)'Q':
                return Push(_globals.Storage(Pop()));
            case (byte)'R':
                object? arguments = Pop();
                return Push(_globals.Call(Pop(), arguments));
            case (byte)'b': // BUILD: a state dictionary's _metadata attribute; nothing here reads it
                Pop();
                Top<PickleDictionary>("a dictionary");
                return true;
            default:
                return false;
        }
    }

    private bool SetItems(object?[] pairs)
    {
        if (pairs.Length % 2 != 0)
        {
            throw Bad($"sets a key without a value");
        }

        var target = Top<PickleDictionary>("a dictionary");
        for (int i = 0; i < pairs.Length; i += 2)
        {
            target.Items.Add((pairs[i], pairs[i + 1]));
        }

        return true;
    }

    private bool Push(object? value)
    {
        _stack.Add(value);
        return true;
    }

    private object? Peek() => _stack.Count > 0 && _stack[^1] != Mark ? _stack[^1] : throw Bad($"takes from an empty stack");

    private object? Pop()
    {
        object? value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object?[] PopMany(int count)
    {
        var values = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            values[i] = Pop();
        }

        return values;
    }

    private object?[] PopToMark()
    {
        int mark = _stack.LastIndexOf(Mark);
        if (mark < 0)
        {
            throw Bad($"closes a group that was never opened");
        }

        object?[] values = [.. _stack.Skip(mark + 1)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private T Top<T>(string what)
        where T : class => Peek() as T ?? throw Bad($"adds to something that is not {what}");

    private object? Recall(int key) => _memo.TryGetValue(key, out object? value) ? value : throw Bad($"recalls entry {key}, which was never stored");

    private ReadOnlySpan<byte> Take(uint count)
    {
        if (count > _code.Length - _at)
        {
            throw Bad($"ends too early");
        }

        var span = _code.AsSpan(_at, (int)count);
        _at += (int)count;
        return span;
    }

    private string Line()
    {
        int end = _code.AsSpan(_at).IndexOf((byte)'\n');
        if (end is < 0 or > 200)
        {
            throw Bad($"has a name without an end");
        }

        string line = Text(_code.AsSpan(_at, end));
        _at += end + 1;
        return line;
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private long Long(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8)
        {
            throw Bad($"holds an integer of more than 64 bits");
        }

        long value = bytes.Length > 0 && bytes[^1] >= 0x80 ? -1 : 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | bytes[i];
        }

        return value;
    }

    private CheckpointException Bad(MessageText what) =>
        new($"{_file}: its pickle {what} (byte {_at}). Use a model.safetensors instead, or fetch the file again.");
}

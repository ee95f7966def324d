namespace TorchSharp;

/// <summary>A number of any element type, made implicitly from .NET's.</summary>
public sealed class Scalar : IDisposable
{
    private Scalar(Form kind, long integer, double real)
    {
        Kind = kind;
        Integer = integer;
        Real = real;
    }

    internal enum Form
    {
        Integer,
        Real,
        Flag,
    }

    internal Form Kind { get; }

    internal long Integer { get; }

    internal double Real { get; }

    public static implicit operator Scalar(byte value) => new(Form.Integer, value, 0);

    public static implicit operator Scalar(sbyte value) => new(Form.Integer, value, 0);

    public static implicit operator Scalar(short value) => new(Form.Integer, value, 0);

    public static implicit operator Scalar(int value) => new(Form.Integer, value, 0);

    public static implicit operator Scalar(long value) => new(Form.Integer, value, 0);

    public static implicit operator Scalar(float value) => new(Form.Real, 0, value);

    public static implicit operator Scalar(double value) => new(Form.Real, 0, value);

    public static implicit operator Scalar(bool value) => new(Form.Flag, value ? 1 : 0, 0);

    public void Dispose()
    {
        // Nothing native: the value travels inside each call.
    }
}

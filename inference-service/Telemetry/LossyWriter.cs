using System.Text;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Wraps a standard stream and drops text that cannot be written, so that a full disk costs only log lines.</summary>
/// <remarks>
/// Without it, the first failed line would end the console logger's thread. Each later line would then be written, and fail, on the
/// thread that logs it, even after the disk has room again. A failed "listening on" line would end the start.
/// </remarks>
/// <param name="inner">The stream.</param>
internal sealed class LossyWriter(TextWriter inner) : TextWriter
{
    public override Encoding Encoding => inner.Encoding;

    /// <summary>Wraps standard output and standard error.</summary>
    public static void Install()
    {
        Console.SetOut(new LossyWriter(Console.Out));
        Console.SetError(new LossyWriter(Console.Error));
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(string? value)
    {
        try
        {
            inner.Write(value);
        }
        catch (IOException)
        {
            // The disk is full or the reader has gone, and the failure cannot be reported anywhere.
        }
    }

    public override void WriteLine(string? value) => Write(value + NewLine);

    public override void Flush()
    {
        try
        {
            inner.Flush();
        }
        catch (IOException)
        {
            // As above.
        }
    }
}

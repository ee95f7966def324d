using System.Text;

namespace Rudder.InferenceService.Telemetry;

/// <summary>Stands before a standard stream and drops what cannot be written there, so that a full disk under the log costs lines and nothing else.</summary>
/// <remarks>
/// Without it the first line that fails ends the console logger's own thread for good: every later line is then written, and fails,
/// on the thread that logs it, and stays so when the disk has room again. And the line that says where the service listens would end the start.
/// </remarks>
/// <param name="inner">The stream.</param>
internal sealed class LossyWriter(TextWriter inner) : TextWriter
{
    /// <inheritdoc/>
    public override Encoding Encoding => inner.Encoding;

    /// <summary>Puts one before standard output and one before standard error.</summary>
    public static void Install()
    {
        Console.SetOut(new LossyWriter(Console.Out));
        Console.SetError(new LossyWriter(Console.Error));
    }

    /// <inheritdoc/>
    public override void Write(char value) => Write(value.ToString());

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(string? value)
    {
        try
        {
            inner.Write(value);
        }
        catch (IOException)
        {
            // A disk without room, or a reader that is gone: there is nowhere left to say so.
        }
    }

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Write(value + NewLine);

    /// <inheritdoc/>
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

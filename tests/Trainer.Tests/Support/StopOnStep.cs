namespace Rudder.Trainer.Tests;

/// <summary>A console that asks for a stop at the first line about a step.</summary>
internal sealed class StopOnStep(CancellationTokenSource stop) : StringWriter
{
    public override void Write(string? value)
    {
        base.Write(value);
        if (ToString().Contains("train: 1/", StringComparison.Ordinal))
        {
            stop.Cancel();
        }
    }
}
